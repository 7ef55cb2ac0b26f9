"""PostgreSQL: a pool of connections, statements prepared once on each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TypeVar

import asyncpg

from bot.store.actor import who_acts
from bot.store.database import Body, Database, Duplicate, Row, StoreUnavailable, numbered, rendered

# The statement's own moment: `now()` would be the transaction's, old by the time a lock was had, and
# `clock_timestamp()` can't be looked up in an index.
_NOW = "(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000)::bigint"
_MEMBER = "= ANY(:{name}::text[])"
_CONNECTIONS = 10
_SAID = """
    SELECT conversation_id FROM messages
    WHERE to_tsvector('simple', left(text, 100000)) @@ to_tsquery('simple', :said)
    ORDER BY created_at DESC LIMIT 5000
"""
_WAIT = 8.0  # seconds for a connection, as long as SQLite's writers wait
_STOPPED = 5.0  # seconds within which a transaction must go on: ours never wait for anything but the store
T = TypeVar("T")
_UNAVAILABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresSystemError,
    asyncpg.TransactionRollbackError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InternalClientError,
)


@contextmanager
def _understood(connection: Any = None) -> Iterator[None]:
    """Tell what is out of our hands from what is a mistake of ours."""
    try:
        yield
    except _UNAVAILABLE as error:
        raise StoreUnavailable(f"PostgreSQL: {error or type(error).__name__}") from error
    except asyncpg.UniqueViolationError as error:
        raise Duplicate(str(error)) from error
    except asyncpg.PostgresError as error:
        if connection is None:  # refused at the door, whatever the reason: starting, stopping, full
            raise StoreUnavailable(f"PostgreSQL: {error}") from error
        raise
    except asyncpg.InterfaceError as error:
        if connection is None or _gone(connection):
            raise StoreUnavailable(f"PostgreSQL: {error}") from error
        raise


def _gone(connection: Any) -> bool:
    """Whether a connection was cut; the pool takes such a one back by itself."""
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        return True


class _Connection(asyncpg.Connection):  # type: ignore[misc]
    def get_reset_query(self) -> str:
        """Nothing we do outlives its transaction: giving a connection back needs no round trip."""
        return ""


class _Session:
    """A transaction, or a reader."""

    def __init__(self, texts: dict[str, tuple[str, tuple[str, ...]]], *, announces: bool = False) -> None:
        self.by = who_acts()
        self._texts = texts
        self.announces = announces
        self._waiting: list[tuple[str, Any, bool]] = []
        self.connection: Any = None

    async def one(self, sql: str, **params: Any) -> Row | None:
        text, names = self._text(sql)
        with _understood(self.connection):
            if self._waiting:
                await self.flush()
            row: Row | None = await self.connection.fetchrow(text, *[params[name] for name in names])
            return row

    async def all(self, sql: str, **params: Any) -> list[Row]:
        text, names = self._text(sql)
        with _understood(self.connection):
            if self._waiting:
                await self.flush()
            rows: list[Row] = await self.connection.fetch(text, *[params[name] for name in names])
            return rows

    def later(self, sql: str, **params: Any) -> None:
        text, names = self._text(sql)
        self._waiting.append((text, [params[name] for name in names], False))

    def many(self, sql: str, rows: Iterable[Mapping[str, Any]]) -> None:
        text, names = self._text(sql)
        self._waiting.append((text, [[row[name] for name in names] for row in rows], True))

    async def flush(self) -> None:
        taken, self._waiting = self._waiting, []
        for text, params, many in taken:
            if many:
                await self.connection.executemany(text, params)
            else:
                await self.connection.fetch(text, *params)

    def _text(self, sql: str) -> tuple[str, tuple[str, ...]]:
        text = self._texts.get(sql)
        if text is None:
            text = self._texts[sql] = numbered(rendered(sql, now=_NOW, member=_MEMBER))
        return text


class _Block:
    """A connection out of the pool for as long as the block lasts, in a transaction if it has a `begin`."""

    def __init__(self, pool: Any, session: _Session, begin: str | None) -> None:
        self._pool = pool
        self._session = session
        self._begin = begin

    async def __aenter__(self) -> _Session:
        with _understood():
            connection = await self._pool.acquire(timeout=_WAIT)
        self._session.connection = connection
        if self._begin is not None:
            try:
                with _understood(connection):
                    await connection.execute(self._begin)
            except BaseException:
                await self._pool.release(connection)
                raise
        return self._session

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection = self._session.connection
        try:
            if self._begin is not None and (kind is None or not _gone(connection)):
                with _understood(connection):
                    if kind is None:
                        await self._session.flush()
                    await connection.execute("COMMIT" if kind is None else "ROLLBACK")
        except (StoreUnavailable, Duplicate):
            if kind is None:  # else the first error says it all
                raise
        finally:
            # Should the above be cancelled, a connection given back inside a transaction is rolled back,
            # or closed if that fails; the pool shields this from cancellation.
            try:
                await self._pool.release(connection)
            except (*_UNAVAILABLE, asyncpg.InterfaceError):
                connection.terminate()


class PostgresDatabase(Database):
    """A server, for many machines."""

    def __init__(self, pool: Any, *, announces: bool) -> None:
        super().__init__()
        self._pool = pool
        self._announces = announces
        self._texts: dict[str, tuple[str, tuple[str, ...]]] = {}

    async def write(self, body: Body[T]) -> T:
        async with _Block(self._pool, _Session(self._texts, announces=self._announces), "BEGIN") as tx:
            return await body(tx)

    def read(self, *, snapshot: bool = False) -> _Block:
        begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" if snapshot else None
        return _Block(self._pool, _Session(self._texts), begin)

    def said(self, words: Sequence[str]) -> tuple[str, str]:
        return _SAID, " & ".join(f"'{word}':*" for word in words)

    async def close(self) -> None:
        try:
            async with asyncio.timeout(5):
                await self._pool.close()
        except (TimeoutError, *_UNAVAILABLE):
            self._pool.terminate()


async def open_postgres(url: str, *, announces: bool) -> PostgresDatabase:
    """Connect once, or raise StoreUnavailable."""
    with _understood():
        pool = await asyncpg.create_pool(
            url,
            min_size=0,  # else the pool itself keeps knocking while the server is down
            max_size=_CONNECTIONS,
            connection_class=_Connection,
            statement_cache_size=400,
            timeout=_WAIT,
            command_timeout=30,
            server_settings={
                "application_name": "switchboard",
                # A process that is stopped, or a machine that vanishes, in the middle of a transaction must
                # not keep everybody else from what it had locked.
                "idle_in_transaction_session_timeout": f"{_STOPPED * 1000:.0f}",
                "tcp_keepalives_idle": f"{_STOPPED:.0f}",
                "tcp_keepalives_interval": "2",
                "tcp_keepalives_count": "3",
            },
        )
    database = PostgresDatabase(pool, announces=announces)
    try:
        async with database.read() as reader:
            await reader.one("SELECT 1 AS one")
    except StoreUnavailable:
        await database.close()
        raise
    return database
