"""Brings a database to the present schema; any number of processes may try at once."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from pathlib import Path
from typing import Any

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from bot.store.database import StoreUnavailable, is_postgres, sqlite_path

_HERE = Path(__file__).parent / "migrations"
_BUSY_SECONDS = 60.0  # another process is migrating
_LOCK = 7_385_120_964_211  # any number, as long as everybody takes the same


def configuration() -> Config:
    """Alembic's settings, without a file."""
    config = Config()
    config.set_main_option("script_location", str(_HERE))
    return config


def upgrade(connection: Connection) -> None:
    """Apply what is missing, in the connection's transaction."""
    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def bring_up(url: str) -> None:
    """Apply what is missing and return once the schema is the present one. Raises StoreUnavailable."""
    if is_postgres(url):
        await _migrate_postgres(url)
    else:
        await asyncio.to_thread(_migrate_sqlite, sqlite_path(url))


async def _migrate_postgres(url: str) -> None:
    async def connect() -> Any:
        return await asyncpg.connect(url, timeout=10)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            await connection.run_sync(upgrade)
    except (OSError, TimeoutError, asyncpg.PostgresConnectionError) as error:
        raise StoreUnavailable(f"PostgreSQL: {error or type(error).__name__}") from error
    finally:
        await engine.dispose()


def _migrate_sqlite(path: str) -> None:
    engine = create_engine(
        "sqlite://", creator=lambda: sqlite3.connect(path, timeout=_BUSY_SECONDS), poolclass=NullPool
    )

    @event.listens_for(engine, "connect")
    def plain(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver would commit before every change of the schema
        connection.execute("PRAGMA journal_mode = WAL")

    @event.listens_for(engine, "begin")
    def immediate(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    try:
        with engine.begin() as connection:
            upgrade(connection)
    except (OperationalError, sqlite3.OperationalError) as error:
        if re.search(r"no such|syntax|already exists", str(error)):
            raise
        raise StoreUnavailable(f"SQLite: {error}") from error
    finally:
        engine.dispose()
