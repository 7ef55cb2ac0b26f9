"""The durable log readers resume by: what happened to a contact, in one order over all conversations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import orjson
from pydantic import JsonValue

from bot.store import messages, telling
from bot.store.database import Database, Reader, Row, Transaction, moment
from bot.store.records import Event, EventKind, WebhookType

INSERT = """
    INSERT INTO events (contact_id, seq, conversation_id, kind, message_id, private, data, created_at)
    VALUES (:contact_id, :seq, :conversation_id, :kind, :message_id, :private, :data, :created_at)
"""

_AFTER = """
    SELECT e.seq AS event_seq, e.kind, e.private AS event_private, e.data, e.created_at AS event_created_at,
        e.conversation_id AS event_conversation_id, m.id, m.seq, m.conversation_id, m.channel, m.direction,
        m.author_kind, m.author_name, m.text, m.html, m.created_at, m.subject, m.address, m.verified,
        m.private, m.citations, m.attachments, m.in_reply_to, m.turn_id, m.original, m.for_bot, m.template,
        d.status AS delivery_status, d.error AS delivery_error
    FROM events e LEFT JOIN messages m ON m.id = e.message_id LEFT JOIN deliveries d ON d.message_id = m.id
    WHERE e.contact_id = :contact_id AND e.seq > :after ORDER BY e.seq LIMIT :limit
"""

# Every writer of events holds its contact's row from here to the commit: seq therefore has no holes that
# fill up later, and who reads past a number has missed nothing below it. Contact before conversation, always.
NUMBERED = """
    UPDATE contacts SET last_event = last_event + :count
    WHERE id = (SELECT contact_id FROM conversations WHERE id = :conversation_id) AND merged_into IS NULL
    RETURNING id, last_event
"""

_NEWEST = "SELECT id, last_event FROM contacts WHERE id {in contact_ids}"

_MERGED = """
    SELECT target_id, at_event FROM merges
    WHERE source_id = :contact_id AND undone_at IS NULL ORDER BY created_at DESC LIMIT 1
"""


class BadCursor(Exception):  # noqa: N818
    """The cursor is not one of ours, or not this contact's."""


def cursor(contact_id: str, seq: int) -> str:
    """The place right after a contact's event."""
    return f"{contact_id}.{seq}"


def append(
    tx: Transaction,
    *,
    contact_id: str,
    seq: int,
    conversation_id: str,
    kind: EventKind,
    tells: Sequence[WebhookType],
    created_at: int,
    message_id: str | None = None,
    private: bool = False,
    data: dict[str, Any] | None = None,
    counts: Mapping[str, JsonValue] = MappingProxyType({}),
) -> None:
    """Write an event under a number had from NUMBERED in the same transaction; `tells` is what others'
    programs hear of it, unless it is private. Of `counts` nobody hears: figures go by it."""
    tx.later(
        INSERT,
        contact_id=contact_id,
        seq=seq,
        conversation_id=conversation_id,
        kind=kind,
        message_id=message_id,
        private=private,
        data=orjson.dumps({**(data or {}), **counts}).decode() if data or counts else "{}",
        created_at=created_at,
    )
    if not private:
        telling.queue(
            tx,
            tells,
            conversation_id=conversation_id,
            seq=seq,
            message_ids=data["message_ids"] if kind == "delivery" and data else [message_id],
            data=data if kind == "status" else None,
        )


def append_status(
    tx: Transaction,
    *,
    contact_id: str,
    seq: int,
    conversation_id: str,
    status: str,
    created_at: int,
    tells: Sequence[WebhookType] = telling.MOVED,
    counts: Mapping[str, JsonValue] = MappingProxyType({}),
    **more: Any,
) -> None:
    """Write that a conversation changed hands."""
    append(
        tx,
        contact_id=contact_id,
        seq=seq,
        conversation_id=conversation_id,
        kind="status",
        tells=tells,
        created_at=created_at,
        data={"status": status, **more},
        counts=counts,
    )


class EventLog:
    """Reads the log for visitors: nothing private is in it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def after(self, contact_id: str, place: str, limit: int) -> tuple[Sequence[Event], str]:
        """What followed a cursor, oldest first, and the cursor to go on from. Raises BadCursor."""
        owner, _, number = place.rpartition(".")
        if not owner or "\x00" in owner:  # which PostgreSQL does not take in a text
            raise BadCursor(place)
        if not number.isascii() or not number.isdigit() or len(number) > 18:
            raise BadCursor(place)
        seq = int(number)
        found: list[Event] = []
        async with self._database.read() as reader:
            while True:
                rows = await reader.all(_AFTER, contact_id=owner, after=seq, limit=limit - len(found))
                found += [_event(owner, row) for row in rows if not row["event_private"]]
                if rows:
                    seq = rows[-1]["event_seq"]
                if owner == contact_id or len(found) >= limit:
                    break
                if not rows:
                    owner, seq = await self._next(reader, owner, place)
            if owner != contact_id:
                await self._must_lead_to(reader, owner, contact_id, place)
        return found, cursor(owner, seq)

    async def newest(self, contact_ids: Sequence[str]) -> dict[str, int]:
        """How far each contact's log has come: one look-up however many wait."""
        async with self._database.read() as reader:
            rows = await reader.all(_NEWEST, contact_ids=list(contact_ids))
        return {row["id"]: row["last_event"] for row in rows}

    async def _next(self, reader: Reader, owner: str, place: str) -> tuple[str, int]:
        merged = await reader.one(_MERGED, contact_id=owner)
        if merged is None:
            raise BadCursor(place)
        return merged["target_id"], merged["at_event"]

    async def _must_lead_to(self, reader: Reader, owner: str, contact_id: str, place: str) -> None:
        while owner != contact_id:
            owner, _ = await self._next(reader, owner, place)


def _event(owner: str, row: Row) -> Event:
    return Event(
        cursor=cursor(owner, row["event_seq"]),
        kind=row["kind"],
        conversation_id=row["event_conversation_id"],
        created_at=moment(row["event_created_at"]),
        message=messages.stored(row) if row["id"] is not None else None,
        data=orjson.loads(row["data"]),
    )
