"""The SQLite connection that writes: whole transactions, run to their end on its thread."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import partial
from typing import Any, TypeVar

from bot.store.database import Body, Row, StoreUnavailable
from bot.store.line import Line, Ticket, plain, understood

_BUSY_SECONDS = 8.0
_KNOCK = 0.001  # seconds between two tries to begin while another process writes
_GROUP_SECONDS = 0.01  # for how long transactions that follow each other share a commit
_BREATH = 0.002  # seconds left to other processes' writers after that

T = TypeVar("T")


class _Writing:
    """A transaction on the thread: nothing it is asked for makes it wait. It begins with its first
    statement."""

    def __init__(self, line: Writer, connection: sqlite3.Connection, begin: Callable[[], None]) -> None:
        self.announces = line.announces
        self.begun = False
        self._line = line
        self._connection = connection
        self._begin = begin

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
    """Transactions that queue share one commit: each is a savepoint, and nobody is told what came of his
    before the commit that holds it and whatever it saw. Where a disk takes 5 ms to make a commit durable,
    fifty visitors would otherwise wait for each other for a quarter of a second."""

    def __init__(self, path: str, *, announces: bool) -> None:
        super().__init__(path)
        self.announces = announces
        self._ended: list[tuple[Ticket[Any], Any, BaseException | None]] = []  # to tell after the commit
        self._keeps = False  # whether one of them changed something
        self._since = 0.0

    async def write(self, body: Body[T]) -> T:
        """Run a body to its end, or, once it is cancelled before that, not at all."""
        ticket: Ticket[T] = Ticket()
        self.put(partial(self._perform, body, ticket, time.monotonic() + _BUSY_SECONDS), ticket)
        return await ticket.future

    def _perform(
        self,
        body: Body[T],
        ticket: Ticket[T],
        until: float,
        connection: sqlite3.Connection,
    ) -> None:
        if ticket.future.cancelled():
            return
        tx = _Writing(self, connection, partial(self._begin, connection, until))
        result: T | None = None
        failure: BaseException | None = None
        try:
            result = _driven(body(tx))
            if tx.begun and not ticket.future.cancelled():
                connection.execute("RELEASE ours")
                self._keeps = True
            elif tx.begun:
                self._undo(connection)
        except BaseException as error:  # noqa: BLE001 - it belongs to the task that waits
            failure = error
            if tx.begun:
                self._undo(connection)
        if tx.begun:
            self._ended.append((ticket, result, failure))
        else:
            _tell(ticket, result, failure)

    def _begin(self, connection: sqlite3.Connection, until: float) -> None:
        if not connection.in_transaction:
            self._enter(connection, until)
            self._since = time.monotonic()
        connection.execute("SAVEPOINT ours")

    def _enter(self, connection: sqlite3.Connection, until: float) -> None:
        """Begin writing. SQLite's own patience naps for up to 0.1 s between tries, and a process that
        writes a lot would hardly ever let another in."""
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
                time.sleep(_KNOCK)
            else:
                return

    def _undo(self, connection: sqlite3.Connection) -> None:
        if not connection.in_transaction:  # SQLite has rolled back by itself, as when the disk is full
            return
        try:
            connection.execute("ROLLBACK TO ours")
            connection.execute("RELEASE ours")
        except sqlite3.Error:  # then nothing of the others' may stay either: they are told so
            connection.execute("ROLLBACK")

    def _rest(self, connection: sqlite3.Connection) -> None:
        if not self._ended:
            return
        if self.more and connection.in_transaction and time.monotonic() - self._since < _GROUP_SECONDS:
            return
        self._settle(connection)
        if self.more:
            time.sleep(_BREATH)

    def _leave(self, connection: sqlite3.Connection) -> None:
        self._settle(connection)
        super()._leave(connection)

    def _settle(self, connection: sqlite3.Connection) -> None:
        """Commit, and tell everybody what came of it."""
        ended, self._ended = self._ended, []
        keeps, self._keeps = self._keeps, False
        try:
            if connection.in_transaction:
                connection.execute("COMMIT" if keeps else "ROLLBACK")
            elif keeps:
                raise sqlite3.OperationalError("rolled back together with another transaction")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            ended = [(ticket, None, StoreUnavailable(f"SQLite: {error}")) for ticket, _, _ in ended]
        for each in ended:
            _tell(*each)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA busy_timeout = 0")  # `_enter` waits


def _driven(body: Coroutine[Any, Any, T]) -> T:
    """What a body returns, which waits for nothing but its own statements."""
    try:
        body.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    body.close()
    raise RuntimeError("the body of a transaction waits for something that is not its own statement")


def _tell(ticket: Ticket[T], result: Any, failure: BaseException | None) -> None:
    if failure is None:
        ticket.succeed(result)
    else:
        ticket.fail(failure)
