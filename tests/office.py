"""The operators' side in the test's own process: a front desk with API and dashboard on a real socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
import orjson
import uvicorn
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from starlette.applications import Starlette

from bot import api
from bot.alerts import Alerts
from bot.analytics import Analytics
from bot.api.access import Gate
from bot.approvals import ApprovalDesk
from bot.articles import Articles
from bot.components import Components
from bot.copilot import Copilot
from bot.dashboard import Dashboard, Originals
from bot.dashboard.channels import setups
from bot.fleet import RedisFleet
from bot.masking import Masking
from bot.operators import OperatorDesk
from bot.orchestrator.agent import LanguageModel
from bot.probes import watch_stores
from bot.purse import Purses
from bot.serve import _Server
from bot.settings import BotConfig, Settings
from bot.store import Store
from bot.store.budgets import Allowances
from bot.store.calls import Deadlines
from bot.store.records import Role
from bot.testing import InlineQueue
from bot.web import create_app
from channels.base import Channel
from knowledge.local import LocalIndex
from tests.front import Front, Pages, front, until
from tests.visitor import Visitor
from tools.base import Tool

PASSWORD = "correct horse battery staple"


# Checked in a moment: a hash brings its own cost with it.
HASHED = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),)).hash(PASSWORD)


@dataclass(kw_only=True)
class Office:
    front: Front
    bell: InlineQueue
    app: Starlette
    url: str
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    @property
    def store(self) -> Store:
        return self.front.store

    def browser(self, **headers: str) -> httpx.AsyncClient:
        """Somebody nobody knows, with cookies."""
        client = httpx.AsyncClient(base_url=self.url, headers=headers, timeout=10, verify=False)
        self.clients.append(client)
        return client

    async def hire(self, name: str = "Grace", role: Role = "operator", *, hashed: str = HASHED) -> str:
        """A new operator; their address."""
        email = f"{name.lower()}@example.com"
        await self.store.operators.add(email, name, hashed, role)
        return email

    async def operator(self, name: str = "Grace", role: Role = "operator") -> httpx.AsyncClient:
        """A browser that a new operator has signed in with, whose requests carry the CSRF token."""
        client = self.browser()
        answer = await sign_in(client, await self.hire(name, role))
        assert answer.status_code == 200, answer.text
        client.headers["x-csrf-token"] = answer.json()["csrf_token"]
        return client

    async def visitor(self, *words: str) -> Visitor:
        """A visitor who has written."""
        visitor = await Visitor.arrive(self.url)
        for each in words:
            await visitor.say(each)
        return visitor

    async def work(self) -> None:
        """Let the bot do all it was rung for."""
        await self.bell.work(self.front.desk)


async def sign_in(client: httpx.AsyncClient, email: str, password: str = PASSWORD) -> httpx.Response:
    return await client.post("/api/login", json={"email": email, "password": password})


@asynccontextmanager
async def office(
    store: Store,
    folder: Path,
    *,
    pages: Pages | None = None,
    models: Sequence[LanguageModel] = (),
    tools: Sequence[Tool] = (),
    deadlines: Deadlines = Deadlines(),  # noqa: B008  it is frozen
    allowances: Allowances = Allowances(),  # noqa: B008  it is frozen
    address: str = "http://127.0.0.1",
    more: Mapping[str, Channel] = MappingProxyType({}),
    redis_url: str = "",
) -> AsyncIterator[Office]:
    """Everything operators use, over a real store; `more` channels answer beside the website's."""
    bell = InlineQueue()
    async with front(
        store,
        folder=folder,
        pages=pages,
        models=models,
        tools=tools,
        bell=bell,
        deadlines=deadlines,
        allowances=allowances,
        more=more,
        redis_url=redis_url,
    ) as house:
        channels: dict[str, Channel] = {"web": house.website, "memory": house.memory} | dict(more)
        desk = OperatorDesk(store=store, bell=bell, live=house.live, channels=channels)
        approvals = ApprovalDesk(store=store, bell=bell, live=house.live, agent=house.agent)
        originals = Originals(store=store, channels=channels, files=folder / "files")
        gate = Gate(store=store, key="a key of the test's own", address=address)
        analytics = Analytics(store=store, allowances=allowances, patience=60)
        components = Components(house.registry, RedisFleet(house.link))
        index = LocalIndex(folder / "knowledge")
        watch_stores(components, house.registry, store, house.link)
        app = create_app(
            [
                *house.website.routes(house.desk),
                *api.routes(
                    store=store,
                    desk=desk,
                    approvals=approvals,
                    live=house.live,
                    attendance=house.attendance,
                    gate=gate,
                    files=folder / "files",
                    allowances=allowances,
                    analytics=analytics,
                    components=components,
                    agent=house.agent,
                    index=index,
                    articles=Articles(store=store, index=index, folder=folder / "articles"),
                    masking=Masking(),
                    copilot=Copilot(
                        store=store,
                        live=house.live,
                        agent=house.agent,
                        purses=Purses(store=store, alerts=Alerts(store=store), allowances=allowances),
                    ),
                ),
                *Dashboard(
                    store=store,
                    gate=gate,
                    originals=originals,
                    approvals=approvals,
                    attendance=house.attendance,
                    index=index,
                    analytics=analytics,
                    components=components,
                    allowances=allowances,
                    agent=house.agent,
                    config=BotConfig(),
                    channels=channels,
                    setups=setups(Settings(_env_file=None), BotConfig()),
                ).routes(),
            ]
        )
        server = _Server(
            uvicorn.Config(
                app,
                port=0,
                log_config=None,
                access_log=False,
                lifespan="off",
                ws="none",
                timeout_graceful_shutdown=5,
            )
        )
        serving = asyncio.create_task(server.serve())
        heeding = asyncio.create_task(house.desk.heed_people())
        await until(lambda: server.started or serving.done(), what="the server")
        port = server.servers[0].sockets[0].getsockname()[1]
        opened = Office(front=house, bell=bell, app=app, url=f"http://127.0.0.1:{port}")
        try:
            yield opened
        finally:
            await house.live.stop()
            await index.close()
            for client in opened.clients:
                await client.aclose()
            server.should_exit = True
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(serving, heeding)


@dataclass
class Stream:
    """An operator's event stream, read as it comes: (name, id, data)."""

    events: list[tuple[str, str, Any]] = field(default_factory=list)
    ended: bool = False
    begun: bool = False

    def named(self, name: str) -> list[Any]:
        return [data for each, _, data in self.events if each == name]

    async def read(self, client: httpx.AsyncClient, query: str) -> None:
        async with client.stream("GET", f"/api/events{query}", timeout=None) as answer:
            assert answer.status_code == 200
            fields: dict[str, str] = {}
            async for line in answer.aiter_lines():
                self.begun = True
                name, _, value = line.partition(": ")
                if line and name:
                    fields[name] = value
                elif fields.get("event"):
                    self.events.append((fields["event"], fields.get("id", ""), orjson.loads(fields["data"])))
                    fields = {}
        self.ended = True


@asynccontextmanager
async def following(client: httpx.AsyncClient, query: str = "") -> AsyncIterator[Stream]:
    """Follow the operators' events until the block ends; entered once the stream stands."""
    stream = Stream()
    reading = asyncio.create_task(stream.read(client, query))
    try:
        await until(lambda: stream.begun or reading.done(), what="the stream")
        yield stream
    finally:
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading
