"""The SQLite connection that writes: whole transactions, run to their end on its thread."""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from bot.store.database import Body, Row, StoreUnavailable
from bot.store.line import Line, Ticket, plain, understood

_BUSY_SECONDS = 8.0
_KNOCK = 0.001  # seconds between two tries to begin while another process writes
_TOGETHER = 0.01  # seconds for which this process may write one transaction after another
_BREATH = 0.002  # seconds left to other processes' writers after that
_SYNC = os.fdatasync if sys.platform == "linux" else os.fsync

T = TypeVar("T")


class _Writing:
    """A transaction on the thread: nothing it is asked for makes it wait. It begins with its first
    statement."""

    def __init__(self, line: Writer, connection: sqlite3.Connection, begin: Callable[[], None]) -> None:
        self.announces = line.announces
        self._line = line
        self._connection = connection
        self._begin = begin
        self.begun = False

    async def one(self, sql: str, **params: Any) -> Row | None:
        rows = self._rows(sql, params)
        return rows[0] if rows else None

    async def all(self, sql: str, **params: Any) -> list[Row]:
        return self._rows(sql, params)

    def later(self, sql: str, **params: Any) -> None:
        self._rows(sql, params)

    def many(self, sql: str, rows: Iterable[Mapping[str, Any]]) -> None:
        text, _ = self._line.text(sql)
        self._run(lambda: self._connection.executemany(text, rows))

    def _rows(self, sql: str, params: Mapping[str, Any]) -> list[Row]:
        text, lists = self._line.text(sql)
        values = plain(params) if lists else params
        return self._run(lambda: self._connection.execute(text, values).fetchall())

    def _run(self, statement: Callable[[], T]) -> T:
        try:
            if not self.begun:
                self._begin()
                self.begun = True
            return statement()
        except sqlite3.Error as error:
            if (meant := understood(error)) is error:
                raise
            raise meant from error


class Writer(Line):
    """Commits without waiting for the disk, which is `_Sync`'s: the lock that keeps every other process
    from writing is held for as long as the statements take, and no longer."""

    def __init__(self, path: str, *, announces: bool) -> None:
        super().__init__(path)
        self.announces = announces
        self._sync = _Sync(f"{path}-wal")
        self._since = 0.0  # when the transactions began that have followed each other until now

    async def write(self, body: Body[T]) -> T:
        """Run a body to its end, or, once it is cancelled before that, not at all."""
        ticket: Ticket[T] = Ticket()
        self.put(partial(self._perform, body, ticket, time.monotonic() + _BUSY_SECONDS), ticket)
        return await ticket.future

    def _perform(
        self, body: Body[T], ticket: Ticket[T], until: float, connection: sqlite3.Connection
    ) -> None:
        if ticket.future.cancelled():
            return
        tx = _Writing(self, connection, partial(_begin, connection, until))
        try:
            result = _driven(body(tx))
            if tx.begun:
                connection.execute("ROLLBACK" if ticket.future.cancelled() else "COMMIT")
            tell = partial(ticket.succeed, result)
        except BaseException as error:  # noqa: BLE001 - it belongs to the task that waits
            if connection.in_transaction:  # else SQLite has rolled back by itself, as when the disk is full
                connection.execute("ROLLBACK")
            tell = partial(ticket.fail, error)
        if tx.begun:
            self._sync.put(tell, ticket)
        else:
            tell()

    def _rest(self) -> None:
        if not self.more:
            self._since = 0.0
        elif not self._since:
            self._since = time.monotonic()
        elif time.monotonic() - self._since > _TOGETHER:
            time.sleep(_BREATH)
            self._since = 0.0

    def _leave(self, connection: sqlite3.Connection) -> None:
        self._sync.close()
        super()._leave(connection)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")  # `_Sync` does what FULL would do, later
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA busy_timeout = 0")  # `_begin` waits


class _Sync:
    """Makes what was committed durable, and only then tells what came of it; those that come meanwhile
    share the next round.

    What changed nothing and what failed wait as well: what they saw may be another's, and not durable yet.
    The log stays the same file for as long as a connection of ours is open.
    """

    def __init__(self, log: str) -> None:
        self._log = Path(log)
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


def _begin(connection: sqlite3.Connection, until: float) -> None:
    """Begin writing. SQLite's own patience naps for up to 0.1 s between tries, and a process that writes a
    lot would hardly ever let another in."""
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_KNOCK)
        else:
            return


def _driven(body: Coroutine[Any, Any, T]) -> T:
    """What a body returns, which waits for nothing but its own statements."""
    try:
        body.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    body.close()
    raise RuntimeError("the body of a transaction waits for something that is not its own statement")
