"""However many conversations there are, no page of the desk goes through all: the databases' own plans."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import orjson
import pytest

from bot.store import Store
from bot.store.database import Body, Database, Reader, Row, T, is_postgres
from bot.store.records import InboxFilter
from bot.store.target import Target
from tests.bench.filling import fill_conversations

MANY = 2_000
GROW = {"contacts", "identities", "conversations", "messages", "events", "turns", "steps", "deliveries"}
FILLED = {each: f"cnv_fill{each}" for each in (9, 1_000)}
MINE = "opr_ada"
TARGET = Target(within=900, urgent_within=300)
COMMON = """INSERT INTO conversation_labels (conversation_id, label)
    SELECT id, 'common' FROM conversations WHERE last_activity_at <= 600"""

Ask = Callable[[Store], Awaitable[object]]
ASKED: dict[str, Ask] = {
    "how many wait": lambda store: store.inbox.count("waiting"),
    "who waits": lambda store: store.inbox.page(InboxFilter(status="waiting")),
    "all": lambda store: store.inbox.page(InboxFilter()),
    "all, a later page": lambda store: store.inbox.page(InboxFilter(), before=f"1000.{FILLED[1_000]}"),
    "resolved": lambda store: store.inbox.page(InboxFilter(status="resolved")),
    "mine": lambda store: store.inbox.page(InboxFilter(assignee=MINE, unresolved=True)),
    "nobody's": lambda store: store.inbox.page(InboxFilter(assignee="", unresolved=True)),
    "that speak to me": lambda store: store.inbox.page(InboxFilter(mentioned=MINE)),
    "of a channel": lambda store: store.inbox.page(InboxFilter(channel="web")),
    "who waits too long": lambda store: store.inbox.page(InboxFilter(overdue=True)),
    "how many wait too long": lambda store: store.inbox.count_of(InboxFilter(overdue=True)),
    "who is to be told of": lambda store: store.overdue.untold(limit=50),
    "with a label": lambda store: store.inbox.page(InboxFilter(label="vip")),
    "with a common label": lambda store: store.inbox.page(InboxFilter(label="common")),
    "how many are mine": lambda store: store.inbox.count_of(InboxFilter(assignee=MINE, unresolved=True)),
    "how many have a label": lambda store: store.inbox.count_of(InboxFilter(label="vip", channel="web")),
    "how many have a common label": lambda store: store.inbox.count_of(InboxFilter(label="common")),
    "how many speak to me": lambda store: store.mentions.unread(MINE),
    "one entry": lambda store: store.inbox.entry(FILLED[9]),
    "a conversation": lambda store: store.inbox.thread(FILLED[9]),
    "what is new in it": lambda store: store.inbox.since(FILLED[9], 1),
    "who looks at it": lambda store: store.presence.here(list(FILLED.values())),
    "contacts": lambda store: store.profiles.page(()),
    "contacts, a later page": lambda store: store.profiles.page((), before="1000.con_fill1000"),
    "a contact": lambda store: store.profiles.get("con_fill9"),
    "what did not arrive": lambda store: store.undelivered.count(),
    "whose turn it is": lambda store: store.rota.give(most=5, away=300),
    "who left what they were given": lambda store: store.rota.take_back(away=300),
}


class _Overheard(Database):
    """A database that remembers what it was asked."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.asked: dict[str, dict[str, Any]] = {}

    async def write(self, body: Body[T]) -> T:
        return await self._database.write(body)

    def said(self, words: Sequence[str]) -> tuple[str, str]:
        return self._database.said(words)

    async def close(self) -> None:
        await self._database.close()

    @asynccontextmanager
    async def read(self, *, snapshot: bool = False) -> AsyncIterator[Reader]:
        async with self._database.read(snapshot=snapshot) as reader:
            yield _Listener(reader, self.asked)


class _Listener:
    def __init__(self, reader: Reader, asked: dict[str, dict[str, Any]]) -> None:
        self._reader = reader
        self._asked = asked

    async def one(self, sql: str, **params: Any) -> Row | None:
        self._asked[sql] = params
        return await self._reader.one(sql, **params)

    async def all(self, sql: str, **params: Any) -> list[Row]:
        self._asked[sql] = params
        return await self._reader.all(sql, **params)


async def on_sqlite(database: Database, sql: str, params: dict[str, Any]) -> list[str]:
    """The steps that go through a whole table which grows."""
    async with database.read() as reader:
        steps = [row["detail"] for row in await reader.all(f"EXPLAIN QUERY PLAN {sql}", **params)]
        named = await reader.all("SELECT name FROM sqlite_master WHERE type = 'table'")
    tables = {row["name"] for row in named} & GROW
    aliases = {alias for table in tables for alias in _aliases(sql, table)}
    return [step for step in steps if step.startswith("SCAN ") and step.split()[1] in aliases]


async def on_postgres(database: Database, sql: str, params: dict[str, Any]) -> list[str]:
    """The same. A small table may be read whole for being small, so that is forbidden here."""
    async with database.read(snapshot=True) as reader:
        await reader.one("SET LOCAL enable_seqscan = off")
        plan = await reader.one(f"EXPLAIN (FORMAT JSON) {sql}", **params)
    assert plan is not None
    return [
        f"{node['Node Type']} on {node['Relation Name']}"
        for node in _nodes(orjson.loads(plan[0])[0]["Plan"])
        if node.get("Relation Name") in GROW
        and not ("Index Cond" in node or node["Node Type"] == "Bitmap Heap Scan")
    ]


def _aliases(sql: str, table: str) -> set[str]:
    words = sql.replace(",", " ").replace("(", " ").replace(")", " ").split()
    return {table} | {after for word, after in pairwise(words) if word == table}


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for each in node.get("Plans", ()):
        yield from _nodes(each)


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
async def test_no_page_of_the_desk_goes_through_every_conversation(database_url: str) -> None:
    await fill_conversations(database_url, MANY)
    store = await Store.open(database_url)
    await store.database.change(COMMON)
    for each in FILLED.values():
        await store.arranging.label(each, add=["vip"])
    explain = on_postgres if is_postgres(database_url) else on_sqlite
    overheard = _Overheard(store.database)
    found = {}
    for what, ask in ASKED.items():
        overheard.asked.clear()
        await ask(Store(overheard, TARGET))
        assert overheard.asked
        whole = [
            step
            for sql, params in overheard.asked.items()
            for step in await explain(store.database, sql, params)
        ]
        if whole:
            found[what] = whole
    await store.close()
    assert found == {}


async def test_a_rare_channel_is_found_without_the_others(database_url: str) -> None:
    await fill_conversations(database_url, MANY)
    store = await Store.open(database_url)
    rare = "UPDATE conversations SET channel = 'sms' WHERE id = :id"
    await store.database.change(rare, id=FILLED[9])
    overheard = _Overheard(store.database)
    asking = Store(overheard).inbox
    found, _ = await asking.page(InboxFilter(channel="sms", status="resolved"))
    assert [each.id for each in found] == [FILLED[9]]
    assert await asking.count_of(InboxFilter(channel="sms", status="resolved")) == 1
    narrowed = [(sql, params) for sql, params in overheard.asked.items() if ":channel" in sql]
    assert len(narrowed) == 2
    explain = "EXPLAIN (FORMAT JSON)" if is_postgres(database_url) else "EXPLAIN QUERY PLAN"
    async with store.database.read() as reader:
        for sql, params in narrowed:
            plan = await reader.all(f"{explain} {sql}", **params)
            assert "conversations_channel" in str([tuple(row) for row in plan])
    await store.close()
