"""The migrations make exactly the declared tables, and no hot statement reads a whole one."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import pkgutil
import re
import sqlite3
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine
from sqlalchemy.ext.asyncio import create_async_engine

import bot.store
from bot.store import Store, migrate
from bot.store.database import numbered, rendered, sqlite_path
from bot.store.models import metadata
from bot.store.schema import configuration
from channels.base import DeliveryStatus
from tests.bot.store.given import said, taken
from tests.conftest import Postgres

MIGRATOR = """
import asyncio, sys
from bot.store import migrate
sys.stdin.readline()
asyncio.run(migrate(sys.argv[1]))
"""

# What is meant to read everything: small tables, and figures asked a few times a minute.
WHOLE_TABLES = {
    "arranging._USED",
    "costs._MODELS",
    "knowledge._SOURCES",
    "knowledge._VERSION",
    "mailboxes._STATES",
    "operators._COUNT",
    "operators._ACTIVE",
    "operators._DEACTIVATE",
    "operators._EVERY",
    "operators._HOLDINGS",
    "operators._HOLD_ADMINS",
    "operators._SET_ROLE",
    "operators._TOKENS",
    "store._STATUSES",
}


def statements() -> dict[str, str]:
    """Every statement of the store, by module and name."""
    found: dict[str, str] = {}
    for module in pkgutil.iter_modules(bot.store.__path__):
        if module.ispkg or module.name in {"sqlite", "postgres"}:  # in one database's own words
            continue
        for name, value in inspect.getmembers(importlib.import_module(f"bot.store.{module.name}")):
            if isinstance(value, str) and re.match(r"\s*(SELECT|UPDATE|INSERT|DELETE)\b", value):
                found[f"{module.name}.{name}"] = value.replace("{narrowed}", "")
    return found


STATEMENTS = statements()


def differences(connection: Connection) -> list[Any]:
    def ours(_thing: Any, name: str | None, _kind: str, *_: Any) -> bool:
        return not (name or "").startswith(("message_words", "messages_words"))  # what search is done by

    context = MigrationContext.configure(
        connection,
        opts={"compare_type": True, "compare_server_default": True, "include_object": ours},
    )
    return list(compare_metadata(context, metadata))


def test_the_migrations_make_the_declared_tables_in_sqlite(migrated_file: Path) -> None:
    engine = create_engine(f"sqlite:///{migrated_file}")
    with engine.connect() as connection:
        assert differences(connection) == []
    engine.dispose()


async def test_the_migrations_make_the_declared_tables_in_postgresql(postgres_url: str) -> None:
    async def connect() -> Any:
        return await asyncpg.connect(postgres_url)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_processes_that_migrate_at_once_agree(kind: str, tmp_path: Path, postgres: Postgres) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}" if kind == "sqlite" else await postgres.database("template0")
    migrators = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", MIGRATOR, url, stdin=asyncio.subprocess.PIPE
        )
        for _ in range(2)
    ]
    await asyncio.gather(*[each.communicate(b"go\n") for each in migrators], migrate(url))
    assert [each.returncode for each in migrators] == [0, 0]
    store = await Store.open(url)
    assert (await said(store)).new
    await store.close()


async def test_migrating_again_keeps_what_is_there(store: Store, database_url: str) -> None:
    recorded = await said(store)
    await migrate(database_url)
    assert (await store.conversations.session(recorded.contact_id)).messages == (recorded.message,)


@pytest.mark.parametrize("name", STATEMENTS)
def test_no_statement_scans_a_table_of_sqlite(migrated_file: Path, name: str) -> None:
    from bot.store.line import _MEMBER, _NOW

    connection = sqlite3.connect(migrated_file)
    values: dict[str, Any] = defaultdict(lambda: None)
    text = rendered(STATEMENTS[name], now=_NOW, member=_MEMBER)
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {text}", values)]
    connection.close()
    named = set(re.findall(r"\) AS (\w+)", text))  # subqueries, whose own steps are in the plan
    ordered = "LIMIT :" in text and not any("TEMP B-TREE" in step for step in plan)
    scans = [
        step
        for step in plan
        if step.startswith("SCAN")
        and step.split()[1] not in {"json_each", "CONSTANT", *named}
        and not (ordered and "INDEX" in step)
    ]
    assert not scans or name in WHOLE_TABLES, plan


async def test_no_statement_scans_a_table_of_postgresql(postgres_url: str) -> None:
    from bot.store.postgres import _MEMBER, _NOW

    connection = await asyncpg.connect(postgres_url)
    # As with tables too large for any of these.
    for setting in ("enable_seqscan", "enable_hashjoin", "enable_mergejoin"):
        await connection.execute(f"SET {setting} = off")
    await connection.execute("SET plan_cache_mode = force_generic_plan")
    scanning: dict[str, str] = {}
    for name, statement in STATEMENTS.items():
        text, names = numbered(rendered(statement, now=_NOW, member=_MEMBER))
        await connection.execute(f"PREPARE asked AS {text}")
        values = f"({', '.join(['NULL'] * len(names))})" if names else ""
        rows = await connection.fetch(f"EXPLAIN (COSTS off) EXECUTE asked{values}")
        await connection.execute("DEALLOCATE asked")
        plan = [row[0] for row in rows]
        ordered = "LIMIT :" in statement and not any("Sort" in step for step in plan)
        for step, condition in zip(plan, [*plan[1:], ""], strict=True):
            by_index = "Index" in step and "Scan" in step
            if "Seq Scan" in step or (by_index and "Index Cond" not in condition and not ordered):
                scanning[name] = "\n".join(plan)
    await connection.close()
    assert not scanning.keys() - WHOLE_TABLES, scanning


def test_the_statements_are_found() -> None:
    assert len(STATEMENTS) > 60
    assert STATEMENTS.keys() >= WHOLE_TABLES
    assert sqlite_path("sqlite:////data/a.db") == "/data/a.db"


async def test_what_was_to_leave_before_there_were_parts_leaves_after(tmp_path: Path) -> None:
    """A database of the second revision, with a message that is queued and one that was sent."""
    path = tmp_path / "older.db"
    engine = create_engine(f"sqlite:///{path}")
    settings = configuration()
    with engine.begin() as connection:
        settings.attributes["connection"] = connection
        command.upgrade(settings, "0002")
        connection.exec_driver_sql("INSERT INTO contacts (id) VALUES ('con_1')")
        connection.exec_driver_sql(
            "INSERT INTO conversations (id, contact_id, last_seq) VALUES ('cnv_1', 'con_1', 2)"
        )
        for number, (status, due_at, name) in enumerate(
            (("sent", "NULL", "'SM1'"), ("queued", "1", "NULL")), start=1
        ):
            connection.exec_driver_sql(
                "INSERT INTO messages (id, conversation_id, seq, channel, address, direction, text) "
                f"VALUES ('msg_{number}', 'cnv_1', {number}, 'whatsapp', 'ada', 'out', 'text {number}')"
            )
            connection.exec_driver_sql(
                "INSERT INTO deliveries (id, message_id, conversation_id, channel, recipient, status, "
                f"due_at, provider_id, created_at) VALUES ('dlv_{number}', 'msg_{number}', 'cnv_1', "
                f"'whatsapp', 'ada', '{status}', {due_at}, {name}, {time.time_ns() // 1000})"
            )
    engine.dispose()
    await migrate(f"sqlite:///{path}")
    store = await Store.open(f"sqlite:///{path}")
    assert await store.deliveries.receipt("whatsapp", "SM1", DeliveryStatus.READ)
    assert (await taken(store, "cnv_1")).message.text == "text 2"
    await store.close()
