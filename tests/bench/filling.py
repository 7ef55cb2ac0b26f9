"""Fills a store straight by SQL, to see what size does to a turn and to a page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.store.database import Database, is_postgres
from bot.store.store import open_database

_SAID = "'Where is my parcel? It was to come last week, and the tracking page has not changed for days.'"

# n runs from 1; every statement makes the rows of conversation n, or of message n of one conversation.
_NUMBERS = """WITH RECURSIVE numbers(n) AS (
    SELECT CAST(1 AS BIGINT) UNION ALL SELECT n + 1 FROM numbers WHERE n < :count)"""
_CONVERSATIONS = (
    "INSERT INTO contacts (id, last_event, created_at) SELECT 'con_fill' || n, 2, n FROM numbers",
    """INSERT INTO identities (id, contact_id, channel, address, verified, created_at)
    SELECT 'idn_fill' || n, 'con_fill' || n, 'web', 'visitor' || n, FALSE, n FROM numbers""",
    """INSERT INTO conversations (id, contact_id, status, channel, last_seq, last_event, last_in_seq,
        answered_seq, fence, last_activity_at, created_at)
    SELECT 'cnv_fill' || n, 'con_fill' || n, CASE n % 3 WHEN 0 THEN 'resolved' ELSE 'bot' END,
        'web', 2, 2, 1, 1, 1, n, n FROM numbers""",
    f"""INSERT INTO messages (id, conversation_id, seq, channel, external_id, address, direction, author_kind,
        text, html, created_at)
    SELECT 'msg_fill' || n || 'a', 'cnv_fill' || n, 1, 'web', 'visitor' || n || ':1', 'visitor' || n, 'in',
        'contact', {_SAID}, {_SAID}, n FROM numbers""",
    f"""INSERT INTO messages (id, conversation_id, seq, channel, address, direction, author_kind, author_name,
        text, html, in_reply_to, turn_id, created_at)
    SELECT 'msg_fill' || n || 'b', 'cnv_fill' || n, 2, 'web', 'visitor' || n, 'out', 'bot', 'Ada',
        {_SAID}, {_SAID}, 'msg_fill' || n || 'a', 'trn_fill' || n, n FROM numbers""",
    """INSERT INTO events (contact_id, seq, conversation_id, kind, message_id, created_at)
    SELECT 'con_fill' || n, 1, 'cnv_fill' || n, 'message', 'msg_fill' || n || 'a', n FROM numbers""",
    """INSERT INTO events (contact_id, seq, conversation_id, kind, message_id, created_at)
    SELECT 'con_fill' || n, 2, 'cnv_fill' || n, 'message', 'msg_fill' || n || 'b', n FROM numbers""",
    """INSERT INTO turns (id, conversation_id, fence, attempt, status, outcome, up_to_seq,
        started_at, ended_at)
    SELECT 'trn_fill' || n, 'cnv_fill' || n, 1, 1, 'concluded', 'reply', 1, n, n FROM numbers""",
    """INSERT INTO steps (turn_id, position, kind, name, status, started_at)
    SELECT 'trn_fill' || n, position, 'model', 'scripted', 'ok', n FROM numbers,
        (SELECT 0 AS position UNION SELECT 1 UNION SELECT 2) AS positions""",
    """INSERT INTO deliveries (id, message_id, conversation_id, channel, recipient, status, created_at,
        updated_at)
    SELECT 'dlv_fill' || n, 'msg_fill' || n || 'b', 'cnv_fill' || n, 'web', 'visitor' || n, 'sent', n, n
    FROM numbers""",
)
_MESSAGES = (
    f"""INSERT INTO messages (id, conversation_id, seq, channel, external_id, address, direction, author_kind,
        text, html, created_at)
    SELECT 'msg_long' || n || c.id, c.id, n, 'web', 'long' || n || c.id, '',
        CASE n % 2 WHEN 1 THEN 'in' ELSE 'out' END,
        CASE n % 2 WHEN 1 THEN 'contact' ELSE 'bot' END, {_SAID}, {_SAID}, n
    FROM numbers, conversations c WHERE c.id = :conversation_id""",
    """INSERT INTO events (contact_id, seq, conversation_id, kind, message_id, created_at)
    SELECT c.contact_id, n, c.id, 'message', 'msg_long' || n || c.id, n
    FROM numbers, conversations c WHERE c.id = :conversation_id""",
)
_COUNTED = (
    """UPDATE conversations SET last_seq = :count, last_event = :count, last_in_seq = :count - 1,
        answered_seq = :count - 1 WHERE id = :conversation_id""",
    """UPDATE contacts SET last_event = :count
    WHERE id = (SELECT contact_id FROM conversations WHERE id = :conversation_id)""",
)


async def fill_conversations(url: str, count: int) -> None:
    """That many contacts, each with an answered conversation, a turn, its steps and its delivery."""
    async with _opened(url) as database:
        for statement in _CONVERSATIONS:
            await database.change(f"{_NUMBERS} {statement}", count=count)
        if is_postgres(url):
            await database.change("ANALYZE")  # which the server does by itself, but later


async def fill_messages(url: str, conversation_id: str, count: int) -> None:
    """That many answered messages in a conversation that has none yet; `count` is even."""
    async with _opened(url) as database:
        for statement in _MESSAGES:
            await database.change(f"{_NUMBERS} {statement}", count=count, conversation_id=conversation_id)
        for statement in _COUNTED:
            await database.change(statement, count=count, conversation_id=conversation_id)


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Database]:
    database = await open_database(url)
    try:
        yield database
    finally:
        await database.close()
