"""SQLite: one connection that writes, and a few that read, each of these on a thread of its own.

The standard library's driver instead of aiosqlite: a whole transaction runs without a trip to any thread,
and those that end at about the same time wait for the disk together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from sqlite3 import Connection
from types import TracebackType
from typing import Any, TypeVar

from bot.store.database import Body, Database, Row
from bot.store.line import Line, plain, text
from bot.store.writer import Writer

_READERS = 2
_SAID = """
    SELECT conversation_id FROM message_words WHERE message_words MATCH :said ORDER BY rowid DESC LIMIT 5000
"""

T = TypeVar("T")


class _Session:
    """A reader; a snapshot begins with its first statement, in the same trip."""

    def __init__(self, line: Line, *, snapshot: bool) -> None:
        self._line = line
        self._begins = snapshot

    async def one(self, sql: str, **params: Any) -> Row | None:
        rows = await self.all(sql, **params)
        return rows[0] if rows else None

    async def all(self, sql: str, **params: Any) -> list[Row]:
        begins, self._begins = self._begins, False

        def ask(connection: Connection) -> list[Row]:
            if begins:
                self._line.begin(connection)
            return connection.execute(text(sql), plain(params)).fetchall()

        return await self._line.post(ask)


class _Reading:
    def __init__(self, lines: asyncio.Queue[Line], *, snapshot: bool) -> None:
        self._lines = lines
        self._snapshot = snapshot

    async def __aenter__(self) -> _Session:
        self._line = await self._lines.get()
        return _Session(self._line, snapshot=self._snapshot)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._snapshot:
            self._line.forget(self._line.end)
        self._lines.put_nowait(self._line)


class SqliteDatabase(Database):
    """A file in WAL mode, safe with several processes on one machine."""

    def __init__(self, path: str, writer: Writer) -> None:
        super().__init__()
        self._writer = writer
        self._readers = [Line(path) for _ in range(_READERS)]
        self._idle: asyncio.LifoQueue[Line] = asyncio.LifoQueue()
        for reader in self._readers:
            self._idle.put_nowait(reader)

    async def write(self, body: Body[T]) -> T:
        return await self._writer.write(body)

    def read(self, *, snapshot: bool = False) -> _Reading:
        return _Reading(self._idle, snapshot=snapshot)

    def said(self, words: Sequence[str]) -> tuple[str, str]:
        return _SAID, " ".join(f'"{word}"*' for word in words)

    async def close(self) -> None:
        for reader in self._readers:
            await reader.close()
        await self._writer.close()


async def open_sqlite(path: str, *, announces: bool) -> SqliteDatabase:
    """Open the file, or raise StoreUnavailable."""
    database = SqliteDatabase(path, await Writer.open(path, announces=announces))
    try:
        await database.change("SELECT 1")
    except BaseException:
        await database.close()
        raise
    return database
