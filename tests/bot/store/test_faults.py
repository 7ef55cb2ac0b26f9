"""What the store does when it is cut short, shut out, or has no room left: all of a thing, or nothing."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from bot.store import Store, StoreUnavailable, migrate
from bot.store.database import Duplicate, Transaction
from tests.bot.store.given import claimed, concluded, count, held, row, said
from tests.conftest import Postgres


async def test_a_transaction_that_raises_leaves_nothing(store: Store) -> None:
    async def body(tx: Transaction) -> None:
        tx.later("INSERT INTO contacts (id) VALUES ('con_x')")
        await tx.one("SELECT 1 AS one")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await store.database.write(body)
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


async def test_a_task_cancelled_while_the_database_works_rolls_back(postgres_url: str) -> None:
    """SQLite's transactions cannot be interrupted: they run to their end without a break."""
    store = await Store.open(postgres_url)
    begun = asyncio.Event()

    async def body(tx: Transaction) -> None:
        await tx.one("INSERT INTO contacts (id) VALUES ('con_x') RETURNING id")
        begun.set()
        await tx.one("SELECT pg_sleep(30) IS NULL AS slept")

    task = asyncio.create_task(store.database.write(body))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await count(store, "contacts") == 0
    assert (await said(store)).new
    await store.close()


async def test_of_many_at_once_those_that_fail_take_nobody_with_them(store: Store) -> None:
    async def body(number: int, tx: Transaction) -> None:
        await tx.one("INSERT INTO contacts (id) VALUES (:id) RETURNING id", id=f"con_{number}")
        if number % 3 == 1:
            raise ZeroDivisionError
        if number % 3 == 2:
            tx.later("INSERT INTO contacts (id) VALUES ('con_taken')")

    await store.database.change("INSERT INTO contacts (id) VALUES ('con_taken')")
    ended = await asyncio.gather(
        *[store.database.write(partial(body, number)) for number in range(60)], return_exceptions=True
    )
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


async def test_who_waits_for_a_writer_and_is_cancelled_has_changed_nothing(
    sqlite_url: str, tmp_path: Path
) -> None:
    store = await Store.open(sqlite_url)
    with held(tmp_path / "switchboard.db"):
        waiting = [asyncio.create_task(said(store, f"{number}")) for number in range(2)]
        await asyncio.sleep(0.05)  # the first is at the door by now, the second behind it
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    assert (await said(store, "after")).message.seq == 1
    assert await count(store, "messages") == 1
    await store.close()


async def test_a_body_that_waits_for_something_else_is_refused_and_leaves_nothing(sqlite_url: str) -> None:
    store = await Store.open(sqlite_url)

    async def body(tx: Transaction) -> None:
        tx.later("INSERT INTO contacts (id) VALUES ('con_x')")
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="not its own statement"):
        await store.database.write(body)
    assert await count(store, "contacts") == 0
    assert (await said(store)).new
    await store.close()


async def test_a_late_loop_keeps_nobody_else_from_writing(sqlite_url: str, tmp_path: Path) -> None:
    """What is begun ends without a trip through the loop of whoever asked for it."""
    store = await Store.open(sqlite_url)
    told: list[int] = []

    async def body(tx: Transaction) -> None:
        await tx.one("INSERT INTO contacts (id) VALUES ('con_x') RETURNING id")
        told.append(len(await tx.all("SELECT id FROM contacts")))

    task = asyncio.create_task(store.database.write(body))
    await asyncio.sleep(0)
    with contextlib.closing(sqlite3.connect(tmp_path / "switchboard.db", timeout=5)) as other:  # and no await
        while not other.execute("SELECT COUNT(*) FROM contacts").fetchone()[0]:
            pass
        other.execute("INSERT INTO contacts (id) VALUES ('con_y')")
        other.commit()
    assert told == [1]
    await task
    assert await count(store, "contacts") == 2
    await store.close()


async def test_nobody_is_told_before_it_is_durable_and_the_disk_keeps_nobody_else_from_writing(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, goes_on = threading.Event(), threading.Event()

    def slowly(log: int) -> None:
        reached.set()
        goes_on.wait(10)
        os.fsync(log)

    store = await Store.open(sqlite_url)
    monkeypatch.setattr("bot.store.writer._SYNC", slowly)
    first = asyncio.create_task(said(store, "1"))
    await asyncio.to_thread(reached.wait, 10)
    repeat = asyncio.create_task(said(store, "1"))
    with contextlib.closing(sqlite3.connect(tmp_path / "switchboard.db", timeout=5)) as other:
        other.execute("INSERT INTO contacts (id) VALUES ('con_y')")
        other.commit()
    assert await count(store, "messages") == 1
    done, _ = await asyncio.wait([first, repeat], timeout=0.1)
    assert not done, "not even that it is known already"
    goes_on.set()
    assert ((await first).new, (await repeat).new) == (True, False)
    await store.close()


async def test_the_log_begins_anew_however_busily_it_is_written(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.store.writer._CHECKPOINT", 10)
    monkeypatch.setattr("bot.store.writer._LONG_LOG", 100)
    store = await Store.open(sqlite_url)

    async def write(sender: str) -> None:
        for number in range(100):
            await said(store, f"{number}", sender=sender)

    await asyncio.gather(*[write(f"visitor {each}") for each in range(10)])
    log = (tmp_path / "switchboard.db-wal").stat().st_size
    assert log < 5_000_000, "of more than 20 MB that were written to it"
    await store.close()


async def test_a_disk_that_fails_to_keep_what_was_committed_is_told_to_everybody(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    store = await Store.open(sqlite_url)
    with monkeypatch.context() as broken:
        broken.setattr("bot.store.writer._SYNC", fail)
        ended = await asyncio.gather(*[said(store, f"{each}") for each in range(5)], return_exceptions=True)
    assert {type(each) for each in ended} == {StoreUnavailable}
    assert not (await said(store, "0")).new, "who tries again is told that it is there"
    await store.close()


async def test_a_file_that_another_program_holds_is_unavailable_not_broken(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.store.writer._BUSY_SECONDS", 0.5)
    store = await Store.open(sqlite_url)
    with held(tmp_path / "switchboard.db"):
        begun = time.monotonic()
        ended = await asyncio.gather(
            *[said(store, f"{number}") for number in range(20)], return_exceptions=True
        )
        assert {type(each) for each in ended} == {StoreUnavailable}
        assert time.monotonic() - begun < 5, "they wait together, not one after another"
        assert await count(store, "messages") == 0  # reading goes on
    assert (await said(store)).new
    await store.close()


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
    while not refused:  # ten at a time
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
    async def body(tx: Transaction) -> None:
        while True:
            await tx.one("SELECT pg_sleep(0.01) IS NULL AS slept")

    await store.database.write(body)


async def test_who_stops_in_the_middle_of_a_transaction_keeps_nobody_else_for_long(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.store.postgres._STOPPED", 1.0)
    await migrate(postgres_url)
    stopped, other = await Store.open(postgres_url), await Store.open(postgres_url)
    goes_on = asyncio.Event()
    holds = asyncio.Event()

    async def stop_in_the_middle(tx: Transaction) -> None:
        await tx.one("INSERT INTO contacts (id) VALUES ('con_held') RETURNING id")
        holds.set()
        await goes_on.wait()
        await tx.one("UPDATE contacts SET name = 'late' WHERE id = 'con_held' RETURNING id")

    task = asyncio.create_task(stopped.database.write(stop_in_the_middle))
    await holds.wait()
    async with asyncio.timeout(5):
        await other.database.change("INSERT INTO contacts (id, name) VALUES ('con_held', 'other')")
    goes_on.set()
    with pytest.raises(StoreUnavailable):
        await task
    assert (await row(other, "SELECT name FROM contacts"))["name"] == "other"
    await stopped.close()
    await other.close()
