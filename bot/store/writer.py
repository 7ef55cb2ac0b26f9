"""The SQLite connection that writes. Its transactions run on the event loop, each from its beginning to its
end; what takes time, the disk, is waited for on a thread."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

from bot.store.actor import Actor, who_acts
from bot.store.database import Body, Row, StoreUnavailable
from bot.store.line import Line, Ticket, connect, plain, text, understood

_BUSY_SECONDS = 8.0
_KNOCK = 0.001  # seconds between two tries to begin while another process writes
_TOGETHER = 0.01  # seconds for which transactions that had to wait follow each other
_BREATH = 0.002  # seconds left to other processes' writers after that
_CHECKPOINT = 200  # transactions after which the log is brought into the database
_LONG_LOG = 16_000  # pages of it after which we write no more until it has been: else it might never end
_SYNC = os.fdatasync if sys.platform == "linux" else os.fsync
_PREPARE = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",  # `_Sync` does what FULL would do, later
    "PRAGMA wal_autocheckpoint = 0",  # `_empty_log` does, on another thread
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 0",  # `_go_on` waits
)

T = TypeVar("T")


class _Writing:
    """A transaction: nothing it is asked for makes it wait."""

    def __init__(self, connection: sqlite3.Connection, *, announces: bool, by: Actor | None) -> None:
        self.announces = announces
        self.by = by
        self._connection = connection

    async def one(self, sql: str, **params: Any) -> Row | None:
        rows = self._rows(sql, params)
        return rows[0] if rows else None

    async def all(self, sql: str, **params: Any) -> list[Row]:
        return self._rows(sql, params)

    def later(self, sql: str, **params: Any) -> None:
        self._rows(sql, params)

    def many(self, sql: str, rows: Iterable[Mapping[str, Any]]) -> None:
        with _meant():
            self._connection.executemany(text(sql), map(plain, rows))

    def _rows(self, sql: str, params: Mapping[str, Any]) -> list[Row]:
        with _meant():
            return self._connection.execute(text(sql), plain(params)).fetchall()


# Whose it is, and until when it waits for another process to end.
_Waiting = tuple[Body[Any], Actor | None, Ticket[Any], float]


class Writer:
    """Runs one transaction after another, each without a break, and commits without waiting for the disk,
    which is `_Sync`'s: the lock that keeps every other process from writing is held for as long as the
    statements take, however late the loop is, and however slow the disk."""

    def __init__(self, path: str, connection: sqlite3.Connection, *, announces: bool) -> None:
        self._announces = announces
        self._connection = connection
        self._waiting: deque[_Waiting] = deque()
        self._goes_on: asyncio.TimerHandle | None = None
        self._sync = _Sync(f"{path}-wal")
        self._keeper = Line(path)
        self._committed = 0
        self._checkpoint: asyncio.Task[None] | None = None
        self._held = False

    @classmethod
    async def open(cls, path: str, *, announces: bool) -> Writer:
        """Open the file, or raise StoreUnavailable."""
        try:
            connection = await asyncio.to_thread(connect, path, _PREPARE)
        except sqlite3.Error as error:
            raise understood(error) from error
        return cls(path, connection, announces=announces)

    async def write(self, body: Body[T]) -> T:
        """Run a body to its end, or, once it is cancelled before that, not at all."""
        ticket: Ticket[T] = Ticket()
        self._waiting.append((body, who_acts(), ticket, time.monotonic() + _BUSY_SECONDS))
        if self._goes_on is None and not self._held:
            self._go_on()
        return await ticket.future

    async def close(self) -> None:
        if self._checkpoint is not None:
            await self._checkpoint
        await asyncio.to_thread(self._sync.close)
        await self._keeper.close()
        await asyncio.to_thread(self._connection.close)

    def _go_on(self) -> None:
        """Run what waits; or, while another process writes, try again soon. SQLite's own patience would
        block the loop, and naps for so long that a process that writes a lot hardly ever lets another in."""
        self._goes_on = None
        began = time.monotonic()
        while self._waiting and not self._held:
            body, by, ticket, until = self._waiting[0]
            now = time.monotonic()
            if now - began > _TOGETHER:
                return self._pause(_BREATH)
            if not ticket.future.cancelled():
                try:
                    self._connection.execute("BEGIN IMMEDIATE")
                except sqlite3.Error as error:
                    if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY and now < until:
                        return self._pause(_KNOCK)
                    ticket.fail(error)
            self._waiting.popleft()
            if self._connection.in_transaction:
                self._perform(body, by, ticket)
        return None

    def _pause(self, seconds: float) -> None:
        self._goes_on = asyncio.get_running_loop().call_later(seconds, self._go_on)

    def _perform(self, body: Body[T], by: Actor | None, ticket: Ticket[T]) -> None:
        try:
            result = _driven(body(_Writing(self._connection, announces=self._announces, by=by)))
            self._connection.execute("COMMIT")
            tell = partial(ticket.succeed, result)
        except BaseException as error:  # noqa: BLE001 - it belongs to the task that waits
            if self._connection.in_transaction:  # else SQLite has rolled back, as when the disk is full
                self._connection.execute("ROLLBACK")
            tell = partial(ticket.fail, error)
        self._sync.put(tell, ticket)
        self._committed += 1
        if self._committed % _CHECKPOINT == 0 and (self._checkpoint is None or self._checkpoint.done()):
            self._checkpoint = asyncio.create_task(self._empty_log())

    async def _empty_log(self) -> None:
        """Bring the log into the database beside the writing; it begins anew once all of it is there."""
        with suppress(sqlite3.Error, StoreUnavailable):  # it is tried again, and grows until then
            if await self._keeper.post(partial(_bring_in, "PASSIVE")) > _LONG_LOG:
                self._held = True
                await self._keeper.post(partial(_bring_in, "RESTART"))
        self._held = False
        if self._goes_on is None:
            self._go_on()


class _Sync:
    """Makes what was committed durable, and only then tells what came of it; those that come meanwhile
    share the next round.

    What changed nothing and what failed wait as well: what they saw may be another's, and not durable yet.
    The log stays the same file for as long as a connection of ours is open.
    """

    def __init__(self, log: str) -> None:
        self._log = log
        self._done: SimpleQueue[tuple[Callable[[], None], Ticket[Any]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="sqlite sync", daemon=True)
        self._thread.start()

    def put(self, tell: Callable[[], None], ticket: Ticket[Any]) -> None:
        self._done.put((tell, ticket))

    def close(self) -> None:
        """Return once everybody was told."""
        self._done.put(None)
        self._thread.join()

    def _run(self) -> None:
        log: int | None = None
        ended = False
        while not ended:
            taken = [self._done.get()]
            while not self._done.empty():
                taken.append(self._done.get())
            ended = None in taken
            done = [each for each in taken if each is not None]
            try:
                if log is None and done:
                    log = os.open(self._log, os.O_RDWR)
                if log is not None:
                    _SYNC(log)
            except OSError as error:
                for _, ticket in done:
                    ticket.fail(StoreUnavailable(f"SQLite: {error}"))
            else:
                for tell, _ in done:
                    tell()
        if log is not None:
            os.close(log)


@contextmanager
def _meant() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        if (meant := understood(error)) is error:
            raise
        raise meant from error


def _bring_in(mode: str, connection: sqlite3.Connection) -> int:
    """Bring the log into the database; how many pages it has."""
    connection.execute("PRAGMA busy_timeout = 100")  # milliseconds for which others may keep us from it
    _, pages, _ = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
    return int(pages)


def _driven(body: Coroutine[Any, Any, T]) -> T:
    """What a body returns, which waits for nothing but its own statements."""
    try:
        body.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    body.close()
    raise RuntimeError("the body of a transaction waits for something that is not its own statement")
