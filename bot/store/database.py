"""Two databases behind one face: short statements in short transactions, nothing between them and the driver.

Statements are written once, for both: parameters are `:name`; `{now}` is the database's clock in
microseconds since the epoch, and `{in names}` tests membership in a list parameter.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar

from bot.store.actor import Actor

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class StoreUnavailable(Exception):  # noqa: N818
    """The database can't be reached or can't write now; nothing was changed, and trying later is right."""


class Duplicate(Exception):  # noqa: N818
    """A row by this key is there already; nothing was changed."""


class Row(Protocol):
    """One row, read by column name."""

    def __getitem__(self, key: str, /) -> Any: ...


class Reader(Protocol):
    """Where statements are asked."""

    async def one(self, sql: str, **params: Any) -> Row | None:
        """The first row, or None."""
        ...

    async def all(self, sql: str, **params: Any) -> list[Row]:
        """Every row."""
        ...


class Transaction(Reader, Protocol):
    """Committed when its body ends, rolled back when the body raises or is cancelled.

    `announces`: what happens in it is also told to WEBHOOK_URL. `by` is who acts in it; None: the house.
    """

    announces: bool
    by: Actor | None

    def later(self, sql: str, **params: Any) -> None:
        """Run a statement nobody needs the rows of, in order, no later than the next one or the commit."""
        ...

    def many(self, sql: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """The same as `later`, once for each row."""
        ...


T = TypeVar("T")
Body = Callable[[Transaction], Coroutine[Any, Any, T]]


class Database(ABC):
    """Opened by `open_database`; one for each process."""

    def __init__(self) -> None:
        self._searches = asyncio.Semaphore(1)

    @abstractmethod
    async def write(self, body: Body[T]) -> T:
        """Run a body in a transaction; what it returns, once that is durable.

        It awaits nothing but the transaction's own statements, and is short: on SQLite it runs without a
        break.
        """

    async def change(self, sql: str, **params: Any) -> Row | None:
        """One statement in a transaction of its own; the first row it returns."""
        return await self.write(lambda tx: tx.one(sql, **params))

    @abstractmethod
    def read(self, *, snapshot: bool = False) -> AbstractAsyncContextManager[Reader]:
        """Begin reading; with `snapshot` all statements see the same moment."""

    @asynccontextmanager
    async def search(self) -> AsyncIterator[Reader]:
        """Begin to look through everything there is. One search at a time in each process: however many are
        wanted, whoever only looks something up finds a reader free."""
        async with self._searches, self.read(snapshot=True) as reader:
            yield reader

    @abstractmethod
    def said(self, words: Sequence[str]) -> tuple[str, str]:
        """A query for the ids of conversations, the latest first, in one of whose messages each of the
        words (letters and digits) begins one, and the value of its parameter `:said`."""

    @abstractmethod
    async def close(self) -> None:
        """Let every connection go."""


_PARAMETER = re.compile(r"(?<![:\w]):([a-z_][a-z0-9_]*)")
_LIST = re.compile(r"\{in ([a-z_]+)\}")


def numbered(sql: str) -> tuple[str, tuple[str, ...]]:
    """A statement with `$1`, `$2`… for its named parameters, and the names in that order."""
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return _PARAMETER.sub(number, sql), tuple(names)


def rendered(sql: str, *, now: str, member: str) -> str:
    """A statement in one database's own words; `member` has `{name}` where the list's name goes."""
    return _LIST.sub(lambda match: member.replace("{name}", match.group(1)), sql).replace("{now}", now)


def new_id(prefix: str) -> str:
    """An id nobody can guess; those made later sort later, to keep indexes compact, not to order by."""
    return f"{prefix}_{time.time_ns() // 1_000:013x}{secrets.token_hex(9)}"


def moment(microseconds: int) -> datetime:
    """The stored time as an aware datetime."""
    return _EPOCH + timedelta(microseconds=microseconds)


def microseconds(moment: datetime) -> int:
    """An aware datetime as it is stored."""
    return (moment - _EPOCH) // _MICROSECOND


def is_postgres(url: str) -> bool:
    """Whether an address names a PostgreSQL server; everything else is a SQLite file."""
    return url.startswith(("postgres://", "postgresql://"))


def sqlite_path(url: str) -> str:
    """The file of a `sqlite:///path` address; a bare path is itself."""
    return url.removeprefix("sqlite:///") if url.startswith("sqlite:///") else url
