"""SQLite: one connection that writes and a few that read, each on a thread of its own.

The standard library's driver on our own threads instead of aiosqlite: several statements make one trip
to the thread, and transactions that queue share a commit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from sqlite3 import Connection
from types import TracebackType
from typing import Any

import orjson

from bot.store.database import Database, Row
from bot.store.line import Line, Statement, WritingLine, perform

_READERS = 2


def _plain(params: Mapping[str, Any]) -> dict[str, Any]:
    """Lists travel as JSON, which `{in …}` reads."""
    return {
        name: orjson.dumps(value).decode() if isinstance(value, list) else value
        for name, value in params.items()
    }


class _Session:
    """A transaction, or a reader: both begin with their first statement, in the same trip."""

    def __init__(self, line: Line, *, begins: bool, announces: bool = False) -> None:
        self._line = line
        self._begins = begins
        self.begun = False
        self.announces = announces
        self._waiting: list[Statement] = []

    async def one(self, sql: str, **params: Any) -> Row | None:
        rows = await self.all(sql, **params)
        return rows[0] if rows else None

    async def all(self, sql: str, **params: Any) -> list[Row]:
        before, (text, lists) = self.taken(), self._line.text(sql)
        values = _plain(params) if lists else params
        begin = self._line.begin if self._begins and not self.begun else None
        self.begun = True

        def ask(connection: Connection) -> list[Row]:
            if begin is not None:
                begin(connection)
            perform(connection, before)
            return connection.execute(text, values).fetchall()

        return await self._line.post(ask)

    def later(self, sql: str, **params: Any) -> None:
        text, lists = self._line.text(sql)
        self._waiting.append((text, _plain(params) if lists else params, False))

    def many(self, sql: str, rows: Iterable[Mapping[str, Any]]) -> None:
        self._waiting.append((self._line.text(sql)[0], list(rows), True))

    def taken(self) -> list[Statement]:
        """What waits for the next trip."""
        taken, self._waiting = self._waiting, []
        return taken


class _Door:
    """One writer at a time in this process; others wait in the order they came."""

    def __init__(self, line: WritingLine) -> None:
        self.line = line
        self._lock = asyncio.Lock()
        self._waiting = 0

    @property
    def more(self) -> bool:
        """Whether somebody waits for whoever is inside."""
        return self._waiting > 0

    async def enter(self) -> None:
        self._waiting += 1
        try:
            await self._lock.acquire()
        except BaseException:
            self._waiting -= 1
            if not self._waiting and not self._lock.locked():
                self.line.settle()  # the one before left the commit to us
            raise
        self._waiting -= 1

    def leave(self) -> None:
        self._lock.release()


class _Writing:
    """A transaction. The next one may begin as soon as this one's last statements are posted."""

    def __init__(self, door: _Door, *, announces: bool) -> None:
        self._door = door
        self._session = _Session(door.line, begins=True, announces=announces)

    async def __aenter__(self) -> _Session:
        await self._door.enter()
        return self._session

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        line, more, durable = self._door.line, self._door.more, None
        begun, last = self._session.begun, self._session.taken()
        if kind is None and (begun or last):
            durable = line.commit(last, begun=begun, more=more)
        elif begun:
            line.roll_back(more=more)
        elif not more:
            line.settle()
        self._door.leave()
        if durable is not None:
            await durable


class _Reading:
    def __init__(self, lines: asyncio.Queue[Line], *, snapshot: bool) -> None:
        self._lines = lines
        self._snapshot = snapshot

    async def __aenter__(self) -> _Session:
        self._line = await self._lines.get()
        return _Session(self._line, begins=self._snapshot)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._snapshot:
            self._line.forget(self._line.end)
        self._lines.put_nowait(self._line)


class SqliteDatabase(Database):
    """A file in WAL mode, safe with several processes on one machine."""

    def __init__(self, path: str, *, announces: bool) -> None:
        self._writer = WritingLine(path)
        self._announces = announces
        self._door = _Door(self._writer)
        self._readers = [Line(path) for _ in range(_READERS)]
        self._idle: asyncio.LifoQueue[Line] = asyncio.LifoQueue()
        for reader in self._readers:
            self._idle.put_nowait(reader)

    def transaction(self) -> _Writing:
        return _Writing(self._door, announces=self._announces)

    def read(self, *, snapshot: bool = False) -> _Reading:
        return _Reading(self._idle, snapshot=snapshot)

    async def close(self) -> None:
        for line in (*self._readers, self._writer):
            await line.close()


async def open_sqlite(path: str, *, announces: bool) -> SqliteDatabase:
    """Open the file, or raise StoreUnavailable."""
    database = SqliteDatabase(path, announces=announces)
    async with database.transaction() as tx:
        await tx.one("SELECT 1")
    return database
