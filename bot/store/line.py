"""A SQLite connection and the thread it lives on."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from bot.store.database import Duplicate, StoreUnavailable, rendered

_NOW = "CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER) * 1000"
_MEMBER = "IN (SELECT value FROM json_each(:{name}))"
_BUSY_SECONDS = 8.0
_KNOCK = 0.001  # seconds between two tries to begin while another process writes
_GROUP_SECONDS = 0.01  # for how long transactions that follow each other share a commit
_BREATH = 0.002  # seconds left to other processes' writers after that
# Out of our hands, and worth another try later: busy, locked, out of memory, read-only, input or output
# error, full, cannot open, locking protocol.
_UNAVAILABLE = {5, 6, 7, 8, 10, 13, 14, 15}
_DUPLICATE = {sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY}

T = TypeVar("T")
Statement = tuple[str, Any, bool]  # text, parameters, whether they are those of many rows


def _understood(error: BaseException) -> BaseException:
    if not isinstance(error, sqlite3.Error):
        return error
    code = getattr(error, "sqlite_errorcode", 0)
    if code in _DUPLICATE:
        return Duplicate(str(error))
    return StoreUnavailable(f"SQLite: {error}") if code & 0xFF in _UNAVAILABLE else error


class _Ticket(Generic[T]):
    """A result that a thread owes a task."""

    __slots__ = ("_loop", "future")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.future: asyncio.Future[T] = self._loop.create_future()

    def succeed(self, result: T) -> None:
        self._tell(self._succeed, result)

    def fail(self, error: BaseException) -> None:
        self._tell(self._fail, _understood(error))

    def _tell(self, report: Callable[[Any], None], what: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(report, what)

    def _succeed(self, result: T) -> None:
        if not self.future.done():
            self.future.set_result(result)

    def _fail(self, error: BaseException) -> None:
        if not self.future.done():
            self.future.set_exception(error)


_Job = tuple[Callable[[sqlite3.Connection], Any], _Ticket[Any]]


class Line:
    """Jobs run one after another, in the order they were posted: what a cancelled task left behind is
    therefore finished, and rolled back, before anybody else's job begins."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._texts: dict[str, tuple[str, bool]] = {}
        threading.Thread(target=self._run, name="sqlite", daemon=True).start()

    def post(self, function: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Have something done; the future is its result."""
        ticket: _Ticket[T] = _Ticket()
        self._jobs.put((function, ticket))
        return ticket.future

    def forget(self, function: Callable[[sqlite3.Connection], None]) -> None:
        """Have something done that nobody waits for."""
        self.post(function).add_done_callback(lambda future: future.cancelled() or future.exception())

    async def close(self) -> None:
        await self.post(lambda connection: connection.close())
        self._jobs.put(None)

    def text(self, sql: str) -> tuple[str, bool]:
        """A statement in SQLite's words, and whether it takes lists."""
        text = self._texts.get(sql)
        if text is None:
            text = self._texts[sql] = rendered(sql, now=_NOW, member=_MEMBER), "{in " in sql
        return text

    def begin(self, connection: sqlite3.Connection) -> None:
        """See one moment until `end`."""
        connection.execute("BEGIN")

    def end(self, connection: sqlite3.Connection) -> None:
        if connection.in_transaction:
            connection.execute("ROLLBACK")

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        while (job := self._jobs.get()) is not None:
            function, ticket = job
            try:
                connection = connection or self._open()  # what could not be opened is tried again
                result = function(connection)
            except BaseException as error:  # noqa: BLE001 - it belongs to the task that waits
                ticket.fail(error)
            else:
                ticket.succeed(result)

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=512,
        )
        connection.row_factory = sqlite3.Row
        try:
            self._prepare(connection)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA query_only = ON")


class WritingLine(Line):
    """Transactions of tasks that queue share one commit: each is a savepoint, and none is told that it is
    done before the commit that holds it. Where a disk takes 5 ms to make a commit durable, fifty
    visitors would otherwise wait for each other for a quarter of a second."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self._done: list[_Ticket[None]] = []  # what the next commit makes durable
        self._since = 0.0

    def begin(self, connection: sqlite3.Connection) -> None:
        if not connection.in_transaction:
            self._enter(connection)
            self._since = time.monotonic()
        connection.execute("SAVEPOINT ours")

    def commit(self, statements: Iterable[Statement], *, begun: bool, more: bool) -> asyncio.Future[None]:
        """Run the last statements and make all of the transaction durable; `more` tasks wait to write."""
        ticket: _Ticket[None] = _Ticket()

        def finish(connection: sqlite3.Connection) -> None:
            try:
                if not begun:
                    self.begin(connection)
                perform(connection, statements)
                connection.execute("RELEASE ours")
            except BaseException as error:  # noqa: BLE001 - it belongs to the task that waits
                ticket.fail(error)
                self._undo(connection)
            else:
                self._done.append(ticket)
            self._settle(connection, more=more)

        self.forget(finish)
        return ticket.future

    def roll_back(self, *, more: bool) -> None:
        """Leave nothing of this transaction."""

        def leave(connection: sqlite3.Connection) -> None:
            self._undo(connection)
            self._settle(connection, more=more)

        self.forget(leave)

    def settle(self) -> None:
        """Nobody follows after all: commit what waits for it."""
        self.forget(lambda connection: self._settle(connection, more=False))

    def _enter(self, connection: sqlite3.Connection) -> None:
        """Begin writing. SQLite's own patience naps for up to 0.1 s between tries, and a process that
        writes a lot would hardly ever let another in."""
        until = time.monotonic() + _BUSY_SECONDS
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
        if connection.in_transaction:  # else SQLite has rolled back by itself, as when the disk is full
            connection.execute("ROLLBACK TO ours")
            connection.execute("RELEASE ours")

    def _settle(self, connection: sqlite3.Connection, *, more: bool) -> None:
        if connection.in_transaction:
            if not self._done:
                connection.execute("ROLLBACK")
                return
            age = time.monotonic() - self._since
            if more and age < _GROUP_SECONDS:
                return
        done, self._done = self._done, []
        try:
            if done and not connection.in_transaction:
                raise sqlite3.OperationalError("rolled back together with another transaction")
            if done:
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            for ticket in done:
                ticket.fail(StoreUnavailable(f"SQLite: {error}"))
            return
        for ticket in done:
            ticket.succeed(None)
        if more:
            time.sleep(_BREATH)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA busy_timeout = 0")  # `_enter` waits


def perform(connection: sqlite3.Connection, statements: Iterable[Statement]) -> None:
    """Run statements nobody needs the rows of."""
    for text, params, many in statements:
        if many:
            connection.executemany(text, params)
        else:
            connection.execute(text, params)
