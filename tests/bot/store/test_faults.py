"""What the store does when it is cut short, shut out, or has no room left: all of a thing, or nothing."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.store import Store, StoreUnavailable, migrate
from bot.store.database import Duplicate
from tests.bot.store.given import claimed, concluded, count, row, said
from tests.conftest import Postgres


async def test_a_transaction_that_raises_leaves_nothing(store: Store) -> None:
    async def write() -> None:
        async with store.database.transaction() as tx:
            tx.later("INSERT INTO contacts (id) VALUES ('con_x')")
            await tx.one("SELECT 1 AS one")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await write()
    assert await count(store, "contacts") == 0


async def test_a_task_cancelled_anywhere_leaves_all_or_nothing_and_a_working_store(store: Store) -> None:
    """Cancelled after every number of steps of the event loop a recording takes."""
    steps, finished = 0, 0
    while finished < 3:
        task = asyncio.create_task(said(store, f"{steps}", sender=f"visitor {steps}"))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        finished += not task.cancelled()
        steps += 1 if steps < 40 else steps // 4
    assert (await said(store, "after")).message.seq == 1
    messages = await count(store, "messages")
    assert messages == await count(store, "events") == await count(store, "contacts")
    assert messages >= finished + 1


async def test_a_task_cancelled_while_the_database_works_rolls_back(store: Store) -> None:
    slow = """
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000)
        SELECT MAX(i) AS i FROM n
    """
    begun = asyncio.Event()

    async def write() -> None:
        async with store.database.transaction() as tx:
            await tx.one("INSERT INTO contacts (id) VALUES ('con_x') RETURNING id")
            begun.set()
            await tx.one(slow)

    task = asyncio.create_task(write())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await count(store, "contacts") == 0
    assert (await said(store)).new


async def test_of_many_at_once_those_that_fail_take_nobody_with_them(store: Store) -> None:
    async def write(number: int) -> None:
        async with store.database.transaction() as tx:
            await tx.one("INSERT INTO contacts (id) VALUES (:id) RETURNING id", id=f"con_{number}")
            if number % 3 == 1:
                raise ZeroDivisionError
            if number % 3 == 2:
                tx.later("INSERT INTO contacts (id) VALUES ('con_taken')")

    async with store.database.transaction() as tx:
        tx.later("INSERT INTO contacts (id) VALUES ('con_taken')")
    ended = await asyncio.gather(*[write(number) for number in range(60)], return_exceptions=True)
    assert [type(each) for each in ended] == [type(None), ZeroDivisionError, Duplicate] * 20
    assert await count(store, "contacts") == 21


async def test_those_that_wait_and_give_up_keep_nobody_waiting(store: Store) -> None:
    tasks = [asyncio.create_task(said(store, f"{number}")) for number in range(30)]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks[1::2]:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    kept = [each for each in ended if not isinstance(each, BaseException)]
    assert len(kept) >= 15
    async with store.database.read() as reader:
        rows = await reader.all("SELECT id, seq FROM messages ORDER BY seq")
    assert [each["seq"] for each in rows] == list(range(1, len(rows) + 1))
    assert {each.message.id for each in kept} <= {each["id"] for each in rows}


async def test_waiting_for_the_writer_can_be_cancelled(store: Store) -> None:
    async with store.database.transaction() as tx:
        await tx.one("SELECT 1 AS one")
        waiting = asyncio.create_task(said(store))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    assert await count(store, "messages") == 0
    assert (await said(store)).new


async def test_a_file_that_another_program_holds_is_unavailable_not_broken(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.store.line._BUSY_SECONDS", 0.05)
    store, holder = await Store.open(sqlite_url), await Store.open(sqlite_url)
    async with holder.database.transaction() as tx:
        await tx.one("SELECT 1 AS one")
        with pytest.raises(StoreUnavailable):
            await said(store)
        assert await count(store, "messages") == 0  # reading goes on
    assert (await said(store)).new
    await store.close()
    await holder.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = os.geteuid() == 0 and (
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True, check=False
        ).returncode
        == 0
    )
    if not mounted:
        if os.environ.get("REQUIRE_ALL"):
            pytest.fail("a small tmpfs can't be mounted here (needs root)")
        pytest.skip("a small tmpfs can't be mounted here (needs root)")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


async def test_a_full_disk_refuses_and_loses_nothing(small_disk: Path) -> None:
    url = f"sqlite:///{small_disk / 'switchboard.db'}"
    await migrate(url)
    store = await Store.open(url)
    accepted: set[str] = set()
    refused: list[BaseException] = []
    batch = 0
    while not refused:  # ten at a time: what shares a commit also shares its failure
        batch += 1
        ended = await asyncio.gather(
            *[said(store, f"{batch}/{number}", text="long " * 400) for number in range(10)],
            return_exceptions=True,
        )
        accepted |= {each.message.id for each in ended if not isinstance(each, BaseException)}
        refused = [each for each in ended if isinstance(each, BaseException)]
    assert {type(each) for each in refused} == {StoreUnavailable}
    while True:  # a checkpoint may have made some room
        try:
            accepted.add((await said(store, f"{len(accepted)}", text="long " * 400)).message.id)
        except StoreUnavailable:
            break
    async with store.database.read() as reader:
        assert {row["id"] for row in await reader.all("SELECT id FROM messages")} == accepted
    await asyncio.to_thread(_grow, small_disk)
    again = await said(store, f"{len(accepted)}", text="long " * 400)
    assert again.new
    assert again.message.seq == len(accepted) + 1
    assert await count(store, "messages") == len(accepted) + 1
    claim = await claimed(store, again.message.conversation_id)
    assert await concluded(store, claim) is not None
    assert (await row(store, "PRAGMA integrity_check"))["integrity_check"] == "ok"
    await store.close()


async def test_a_server_that_was_gone_is_used_again(postgres: Postgres, postgres_url: str) -> None:
    store = await Store.open(postgres_url)
    first = await said(store, "1")
    held = asyncio.create_task(_hold(store))
    await asyncio.sleep(0)
    await asyncio.to_thread(postgres.server.stop)
    try:
        for attempt in (
            said(store, "2"),
            store.ping(),
            Store.open(postgres_url),
            migrate(postgres_url),
            held,
        ):
            with pytest.raises(StoreUnavailable):
                await attempt
    finally:
        await asyncio.to_thread(postgres.server.ensure_postgres_running)
    again = await said(store, "2")
    assert (again.message.seq, again.contact_id) == (2, first.contact_id)
    assert await count(store, "messages") == 2
    await store.close()


def _grow(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)


async def _hold(store: Store) -> None:
    async with store.database.transaction() as tx:
        while True:
            await tx.one("SELECT pg_sleep(0.01) IS NULL AS slept")


async def test_who_stops_in_the_middle_of_a_transaction_keeps_nobody_else_for_long(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.store.postgres._STOPPED", 1.0)
    await migrate(postgres_url)
    stopped, other = await Store.open(postgres_url), await Store.open(postgres_url)
    goes_on = asyncio.Event()
    holds = asyncio.Event()

    async def stop_in_the_middle() -> None:
        async with stopped.database.transaction() as tx:
            await tx.one("INSERT INTO contacts (id) VALUES ('con_held') RETURNING id")
            holds.set()
            await goes_on.wait()
            await tx.one("UPDATE contacts SET name = 'late' WHERE id = 'con_held' RETURNING id")

    task = asyncio.create_task(stop_in_the_middle())
    await holds.wait()
    async with asyncio.timeout(5), other.database.transaction() as tx:
        await tx.one("INSERT INTO contacts (id, name) VALUES ('con_held', 'other') RETURNING id")
    goes_on.set()
    with pytest.raises(StoreUnavailable):
        await task
    assert (await row(other, "SELECT name FROM contacts"))["name"] == "other"
    await stopped.close()
    await other.close()
