"""A SQLite connection and the thread it lives on."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

import orjson

from bot.store.database import Duplicate, StoreUnavailable, rendered

_NOW = ":the_time"  # SQLite's own clock counts milliseconds, in which two things happen at once
_MEMBER = "IN (SELECT value FROM json_each(:{name}))"
# Out of our hands, and worth another try later: busy, locked, out of memory, read-only, input or output
# error, full, cannot open, locking protocol.
_UNAVAILABLE = {5, 6, 7, 8, 10, 13, 14, 15}
_DUPLICATE = {sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY}

T = TypeVar("T")


@lru_cache(2048)
def text(sql: str) -> str:
    """A statement in SQLite's words."""
    return rendered(sql, now=_NOW, member=_MEMBER)


def plain(params: Mapping[str, Any]) -> dict[str, Any]:
    """Lists travel as JSON, which `{in …}` reads; the time goes along."""
    given = {
        name: orjson.dumps(value).decode() if isinstance(value, list) else value
        for name, value in params.items()
    }
    return given | {"the_time": time.time_ns() // 1_000}


def understood(error: BaseException) -> BaseException:
    """What is out of our hands told from what is a mistake of ours."""
    if not isinstance(error, sqlite3.Error):
        return error
    code = getattr(error, "sqlite_errorcode", 0)
    if code in _DUPLICATE:
        return Duplicate(str(error))
    return StoreUnavailable(f"SQLite: {error}") if code & 0xFF in _UNAVAILABLE else error


class Ticket(Generic[T]):
    """A result that a thread owes a task."""

    __slots__ = ("_loop", "future")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.future: asyncio.Future[T] = self._loop.create_future()

    def succeed(self, result: T) -> None:
        self._tell(self._succeed, result)

    def fail(self, error: BaseException) -> None:
        self._tell(self._fail, understood(error))

    def _tell(self, report: Callable[[Any], None], what: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(report, what)

    def _succeed(self, result: T) -> None:
        if not self.future.done():
            self.future.set_result(result)

    def _fail(self, error: BaseException) -> None:
        if not self.future.done():
            self.future.set_exception(error)


_Job = tuple[Callable[[sqlite3.Connection], Any], Ticket[Any]]


class Line:
    """Jobs run one after another, in the order they were posted: what a cancelled task left behind is
    therefore finished before anybody else's job begins."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        threading.Thread(target=self._run, name="sqlite", daemon=True).start()

    def post(self, function: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Have something done; the future is its result."""
        ticket: Ticket[T] = Ticket()
        self._jobs.put((function, ticket))
        return ticket.future

    def forget(self, function: Callable[[sqlite3.Connection], None]) -> None:
        """Have something done that nobody waits for."""
        self.post(function).add_done_callback(lambda future: future.cancelled() or future.exception())

    async def close(self) -> None:
        await self.post(lambda connection: connection.close())
        self._jobs.put(None)

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
            try:  # what could not be opened is tried again
                connection = connection or connect(self._path, ["PRAGMA query_only = ON"])
                result = function(connection)
            except BaseException as error:  # noqa: BLE001 - it belongs to the task that waits
                ticket.fail(error)
            else:
                ticket.succeed(result)


def connect(path: str, prepare: Sequence[str]) -> sqlite3.Connection:
    """A connection for any one thread at a time, on which these statements were run."""
    connection = sqlite3.connect(
        path, timeout=8.0, isolation_level=None, check_same_thread=False, cached_statements=512
    )
    connection.row_factory = sqlite3.Row
    try:
        for statement in prepare:
            connection.execute(statement)
    except sqlite3.Error:
        connection.close()
        raise
    return connection
