"""The background on a real Valkey: started by the bell, kept honest by the sweep, working without either."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP

import pytest

from bot.bell import BELL, QUEUE, Bell
from bot.ending import end
from bot.store import Store
from bot.worker import Background
from channels.base import RemoteFile
from tests.bot.store.given import count, row
from tests.front import FOUND, Front, Pages, front, until, wrote
from tests.processes import Valkey


@pytest.fixture(autouse=True)
def empty(server: Valkey) -> None:
    with server.client() as client:
        client.flushall()


@pytest.fixture
async def file_store(sqlite_url: str) -> AsyncIterator[Store]:
    opened = await Store.open(sqlite_url)
    yield opened
    await opened.close()


@asynccontextmanager
async def workers(
    store: Store, server: Valkey, folder: Path, pages: Pages, *, number: int = 1
) -> AsyncIterator[list[Front]]:
    """As many processes' backgrounds, which hear the bell when this is entered; no task is left after."""
    before = asyncio.all_tasks()
    async with AsyncExitStack() as stack:
        houses = []
        for _ in range(number):
            house = await stack.enter_async_context(
                front(store, folder=folder, pages=pages, redis_url=server.url)
            )
            houses.append(house)
            work = asyncio.create_task(Background(desk=house.desk, link=house.link).run())
            stack.push_async_callback(end, work)
        await until(lambda: listening(server) == number, what="they listen")
        yield houses
    await until(lambda: asyncio.all_tasks() <= before, what="no task left")


def listening(server: Valkey) -> int:
    with server.client() as client:
        return int(dict(client.pubsub_numsub(BELL))[BELL.encode()])


def queued(server: Valkey) -> int:
    with server.client() as client:
        return int(client.zcard(QUEUE))


async def answered(store: Store, number: int, *, within: float = 15) -> None:
    """Return once so many turns are concluded."""
    async with asyncio.timeout(within):
        while True:
            done = await row(store, "SELECT COUNT(*) AS n FROM turns WHERE status = 'concluded'")
            if done["n"] >= number:
                return
            await asyncio.sleep(0.01)


async def test_what_is_rung_for_starts_within_milliseconds(
    file_store: Store, server: Valkey, tmp_path: Path
) -> None:
    loop = asyncio.get_running_loop()
    async with workers(file_store, server, tmp_path, pages := Pages()) as (house,):
        waited = []
        for number in range(20):
            began = loop.time()
            await house.desk.take_in(wrote("How long?", number, sender=f"c{number}"))
            while len(pages.asked) <= number:  # noqa: ASYNC110  it is timed
                await asyncio.sleep(0.001)
            waited.append(loop.time() - began)
            await answered(file_store, number + 1)
        assert sorted(waited)[10] < 0.25, waited  # polling alone would take half a second on average
        await until(lambda: queued(server) == 0, what="the queue is empty")


async def test_a_slow_turn_holds_up_nobody(file_store: Store, server: Valkey, tmp_path: Path) -> None:
    pages = Pages(held=True)
    async with workers(file_store, server, tmp_path, pages) as (house,):
        for number in range(60):
            await house.desk.take_in(wrote("How long?", number, sender=f"c{number}"))
        await until(lambda: len(pages.asked) == 60, what="all are at work at once")
        pages.open.set()
        await answered(file_store, 60)
        assert await count(file_store, "turns") == 60


async def test_jobs_in_flight_are_not_asked_about(file_store: Store, server: Valkey, tmp_path: Path) -> None:
    pages = Pages(held=True)
    async with workers(file_store, server, tmp_path, pages) as (house,):
        for number in range(50):
            await house.desk.take_in(wrote("How long?", number, sender=f"c{number}"))
        await until(lambda: len(pages.asked) == 50)
        with server.client() as client:

            def commands() -> int:
                stats = client.info("commandstats")
                return sum(each["calls"] for name, each in stats.items() if name != "cmdstat_info")

            def looks() -> int:
                return int(client.info("commandstats").get("cmdstat_zrange", {"calls": 0})["calls"])

            said, looked = commands(), looks()
            await until(lambda: looks() >= looked + 2, what="it looks at the queue twice")
            assert commands() - said < 30
        pages.open.set()
        await answered(file_store, 50)


async def test_two_workers_never_take_one_turn_twice(
    file_store: Store, server: Valkey, tmp_path: Path
) -> None:
    pages = Pages()
    async with workers(file_store, server, tmp_path, pages, number=2) as (here, there):
        for number in range(40):
            house = (here, there)[number % 2]
            await house.desk.take_in(wrote("How long?", number, sender=f"c{number}"))
        await answered(file_store, 40)
        assert len(pages.asked) == 40
        assert await count(file_store, "turns") == 40


async def test_the_sweep_finds_what_no_bell_was_rung_for(
    file_store: Store, server: Valkey, tmp_path: Path
) -> None:
    async with workers(file_store, server, tmp_path, Pages()):
        await file_store.conversations.record(wrote("How long?"), html="")  # its process died before the bell
        await answered(file_store, 1, within=8)


async def test_a_valkey_that_lost_everything_loses_no_turn(
    file_store: Store, server: Valkey, tmp_path: Path
) -> None:
    async with workers(file_store, server, tmp_path, Pages()) as (house,):
        with server.client() as client:
            for number in range(10):
                await house.desk.take_in(wrote("How long?", number, sender=f"c{number}"))
                client.flushall()
        await answered(file_store, 10, within=10)
        assert await count(file_store, "turns") == 10


async def test_turns_go_on_while_valkey_is_killed_and_after_it_is_back(
    file_store: Store, server: Valkey, tmp_path: Path
) -> None:
    pages = Pages(held=True)
    async with workers(file_store, server, tmp_path, pages) as (house,):
        await house.desk.take_in(wrote("begun before", 1, sender="before"))
        await until(lambda: pages.asked)
        await asyncio.to_thread(server.end, SIGKILL)
        for number in range(5):
            await house.desk.take_in(wrote("while it is away", number, sender=f"c{number}"))
        await until(lambda: len(pages.asked) == 6, what="taken directly")
        pages.open.set()
        await answered(file_store, 6)
        await asyncio.to_thread(server.start)
        await until(lambda: listening(server) == 1, what="it listens again")
        await house.desk.take_in(wrote("afterwards", 1, sender="after"))
        await answered(file_store, 7)
        assert await count(file_store, "turns") == 7


async def test_turns_go_on_while_valkey_is_stopped(file_store: Store, server: Valkey, tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with workers(file_store, server, tmp_path, Pages()) as (house,):
        server.send(SIGSTOP)
        try:
            for number in range(5):
                began = loop.time()
                await house.desk.take_in(wrote("How long?", number, sender=f"c{number}"))
                assert loop.time() - began < 1, (
                    "a visitor's 202 waits for no bell, which takes a second to fail"
                )
            await answered(file_store, 5, within=10)
        finally:
            server.send(SIGCONT)


async def test_running_turns_finish_before_the_process_ends(
    file_store: Store, server: Valkey, tmp_path: Path
) -> None:
    pages = Pages(held=True)
    async with front(file_store, folder=tmp_path, pages=pages, redis_url=server.url) as house:
        work = asyncio.create_task(Background(desk=house.desk, link=house.link).run())
        await house.desk.take_in(wrote("How long?"))
        await until(lambda: pages.asked)
        work.cancel()
        await house.desk.take_in(wrote("too late for this process", 2, sender="late"))
        pages.open.set()
        await asyncio.gather(work, return_exceptions=True)
        assert (await row(file_store, "SELECT status FROM turns"))["status"] == "concluded"
        assert len(pages.asked) == 1


async def test_turns_that_outstay_the_grace_are_handed_back_even_those_begun_before_valkey_was_cut(
    file_store: Store, server: Valkey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.worker._GRACE", 0.1)
    pages = Pages(held=True)
    async with front(file_store, folder=tmp_path, pages=pages, redis_url=server.url) as house:
        work = asyncio.create_task(Background(desk=house.desk, link=house.link).run())
        await house.desk.take_in(wrote("begun before", 1, sender="before"))
        await until(lambda: len(pages.asked) == 1)
        await asyncio.to_thread(server.end, SIGKILL)
        await asyncio.to_thread(server.start)
        await until(lambda: listening(server) == 1, what="it listens again")
        await house.desk.take_in(wrote("begun after", 1, sender="after"))
        await until(lambda: len(pages.asked) == 2)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        assert house.desk.at_work == {}
        assert len(await file_store.turns.due()) == 2, "both are anybody's at once"


async def test_beside_a_web_server_turns_wait_while_the_loop_is_late_though_not_for_ever(
    file_store: Store, server: Valkey, tmp_path: Path
) -> None:
    pages = Pages(held=True)
    async with front(file_store, folder=tmp_path, pages=pages, redis_url=server.url) as house:
        work = asyncio.create_task(Background(desk=house.desk, link=house.link).run(beside_web=True))
        await until(lambda: listening(server) == 1, what="it listens")

        async def keep_late() -> None:
            while True:
                until_then = time.monotonic() + 0.01
                while time.monotonic() < until_then:
                    pass
                await asyncio.sleep(0)

        late = asyncio.create_task(keep_late())
        began = time.monotonic()
        await asyncio.gather(*[house.desk.take_in(wrote("How long?", 1, sender=f"{n}")) for n in range(20)])
        await until(lambda: pages.asked, what="one begins all the same")
        begun, seconds = len(pages.asked), time.monotonic() - began
        assert begun <= 1 + seconds / 0.5
        await end(late)
        await until(lambda: len(pages.asked) == 20, what="the others begin")
        pages.open.set()
        await answered(file_store, 20)
        await end(work)


async def test_a_bell_rung_in_vain_is_no_error(
    file_store: Store, server: Valkey, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with workers(file_store, server, tmp_path, Pages(FOUND), number=2) as (house, _):
        bell = Bell(house.link)
        await asyncio.gather(*(bell.ring("answer", "cnv_nobody") for _ in range(20)))
        await bell.ring("deliver", "dlv_nothing")
        await until(lambda: queued(server) == 0, what="all are done with")
        await house.desk.take_in(wrote("How long?"))
        await answered(file_store, 1)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_files_are_fetched_and_messages_sent_by_the_bell_and_by_the_sweep(
    file_store: Store, server: Valkey, tmp_path: Path
) -> None:
    file = RemoteFile(url="https://provider.example/1", media_type="image/png")
    async with workers(file_store, server, tmp_path, Pages()) as (house,):
        house.memory.files.extend([b"one", b"two"])
        by_bell = replace(wrote("How long?", 1, channel="memory"), remote=(file,))
        await house.desk.take_in(by_bell)
        await until(lambda: len(house.memory.sent) == len(house.memory.fetched) == 1, what="at once")
        by_sweep = replace(wrote("How long?", 2, channel="memory"), remote=(file,))
        await file_store.conversations.record(by_sweep, html="")  # its process died before the bell
        await until(lambda: len(house.memory.sent) == len(house.memory.fetched) == 2, what="in the end")
