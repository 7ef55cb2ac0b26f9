"""A front desk in the test's own process: a real store, real HTTP, and an agent that does as told."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import httpx
import uvicorn

from bot.alerts import Alerts
from bot.attendance import Attendance
from bot.bell import Bell, RedisLink
from bot.desk import LEASE, TURN, Desk
from bot.live import Live
from bot.orchestrator.agent import Agent, LanguageModel, Waits
from bot.orchestrator.registry import Registry
from bot.purse import Purses
from bot.serve import _Server
from bot.store import Store
from bot.store.budgets import Allowances
from bot.store.calls import Deadlines
from bot.testing import MemoryChannel
from bot.trace import Observer
from bot.visitors import Visitors
from bot.web import create_app
from channels.base import Channel, InboundMessage
from channels.terminal import Terminal
from channels.website import Website
from knowledge.lookup import Down, Found, NoMatch
from tests.doubles.orchestra import RETURNS
from tools.base import Tool
from tools.hours import OfficeHours

FOUND = Found(passages=(RETURNS,))
SECRET = "the shop's own secret, thirty-two bytes and more"


class Pages:
    """A Lookup that keeps a question waiting until `open` is set, and fails as often as told."""

    def __init__(
        self, answer: Found | NoMatch | Down = FOUND, *failures: Exception, held: bool = False
    ) -> None:
        self.asked: list[str] = []
        self.answer = answer
        self.failures = list(failures)
        self.open = asyncio.Event()
        if not held:
            self.open.set()

    async def find(
        self, question: str, *, limit: int = 6, history: Sequence[str] = ()
    ) -> Found | NoMatch | Down:
        self.asked.append(question)
        await self.open.wait()
        if self.failures:
            raise self.failures.pop(0)
        return self.answer


def agent(pages: Pages, *models: LanguageModel, tools: Sequence[Tool] = ()) -> Agent:
    return Agent(
        name="Ada",
        company="Northwind",
        instructions="",
        models={"small": models} if models else {},
        tier="small" if models else "",
        knowledge=pages,
        tools=tools,
    )


async def until(state: Callable[[], object], *, within: float = 10.0, what: str = "the state") -> None:
    """Wait for a state that other tasks bring about."""
    deadline = time.monotonic() + within
    while not state():
        assert time.monotonic() < deadline, f"{what}: not within {within} s"
        await asyncio.sleep(0.005)


def wrote(
    text: str, number: int | str = 1, *, sender: str = "ada", channel: str = "terminal"
) -> InboundMessage:
    """Something a contact wrote."""
    return InboundMessage(channel=channel, external_id=f"{sender}:{number}", sender=sender, text=text)


@dataclass(kw_only=True)
class Front:
    store: Store
    link: RedisLink
    live: Live
    agent: Agent
    registry: Registry
    desk: Desk
    memory: MemoryChannel
    visitors: Visitors
    attendance: Attendance
    website: Website


@asynccontextmanager
async def front(
    store: Store,
    *,
    folder: Path,
    pages: Pages | None = None,
    models: Sequence[LanguageModel] = (),
    tools: Sequence[Tool] = (),
    bell: Bell | None = None,
    redis_url: str = "",
    memory: MemoryChannel | None = None,
    registry: Registry | None = None,
    origins: Sequence[str] = ("*",),
    identity_secret: str = SECRET,
    deadlines: Deadlines = Deadlines(),  # noqa: B008  it is frozen
    allowances: Allowances = Allowances(),  # noqa: B008  it is frozen
    lease: float = LEASE,
    longest: float = TURN,
    patience: float | None = None,
    observer: Observer | None = None,
    hours: OfficeHours | None = None,
    waits: Waits | None = None,
    more: Mapping[str, Channel] = MappingProxyType({}),
) -> AsyncIterator[Front]:
    """Everything between the socket and the store; `more` channels answer beside the website's."""
    link = RedisLink(redis_url)
    live = Live(link)
    memory = memory or MemoryChannel()
    registry = registry or Registry()
    channels: dict[str, Channel] = {"terminal": Terminal(), "memory": memory} | dict(more)
    answering = replace(agent(pages or Pages(), *models, tools=tools), hours=hours, waits=waits)
    alerts = Alerts(store=store)
    desk = Desk(
        store=store,
        bell=bell or Bell(link),
        live=live,
        agent=answering,
        channels=channels,
        registry=registry,
        files=folder / "files",
        alerts=alerts,
        purses=Purses(store=store, alerts=alerts, allowances=allowances),
        deadlines=deadlines,
        lease=lease,
        longest=longest,
        observer=observer,
    )
    attendance = Attendance(link=link, live=live)
    visitors = Visitors(
        store=store,
        desk=desk,
        live=live,
        attendance=attendance,
        key="a key of the test's own",
        identity_secret=identity_secret,
        files=folder / "files",
        settings={"name": "Ada"},
        hours=hours,
        waits=waits,
    )
    told = {} if patience is None else {"patience": patience}
    website = Website(visitors=visitors, origins=origins, **told)
    channels["web"] = website
    if redis_url:
        live.start(store.conversations.newest_events)
    try:
        yield Front(
            store=store,
            link=link,
            live=live,
            agent=answering,
            registry=registry,
            desk=desk,
            memory=memory,
            visitors=visitors,
            attendance=attendance,
            website=website,
        )
    finally:
        await desk.quiet()
        await attendance.close()
        await live.stop()
        await link.close()


@asynccontextmanager
async def served(house: Front) -> AsyncIterator[httpx.AsyncClient]:
    """Its website on a real socket, and a client for it."""
    config = uvicorn.Config(
        create_app(house.website.routes(house.desk)),
        port=0,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=5,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started or serving.done(), what="the server")
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            yield client
    finally:
        await house.live.stop()
        server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await serving
