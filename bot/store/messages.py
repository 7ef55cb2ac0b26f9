"""Rows of messages: how they are written and how they are read, for everyone who does either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from bot.orchestrator.outcome import Citation
from bot.store.database import Row, moment
from bot.store.records import DeliveryState, StoredMessage
from channels.base import Attachment, DeliveryStatus, FilledTemplate, InboundMessage

COLUMNS = """
    m.id, m.seq, m.conversation_id, m.channel, m.direction, m.author_kind, m.author_name, m.text, m.html,
    m.created_at, m.subject, m.address, m.verified, m.private, m.citations, m.attachments, m.in_reply_to,
    m.turn_id, m.original, m.for_bot, m.template, d.status AS delivery_status,
    d.error AS delivery_error
"""

ONE = f"""
    SELECT {COLUMNS}, c.status FROM messages m JOIN conversations c ON c.id = m.conversation_id
    LEFT JOIN deliveries d ON d.message_id = m.id WHERE m.id = :id
"""  # noqa: S608

BY_EXTERNAL_ID = f"""
    SELECT {COLUMNS}, c.contact_id, c.status
    FROM messages m JOIN conversations c ON c.id = m.conversation_id
    LEFT JOIN deliveries d ON d.message_id = m.id
    WHERE m.channel = :channel AND m.external_id = :external_id
"""  # noqa: S608

NEWEST = f"""
    SELECT {COLUMNS} FROM messages m LEFT JOIN deliveries d ON d.message_id = m.id
    WHERE m.conversation_id = :conversation_id AND NOT m.private ORDER BY m.seq DESC LIMIT :limit
"""  # noqa: S608

INSERT = """
    INSERT INTO messages (id, conversation_id, seq, channel, external_id, address, verified, direction,
        author_kind, author_name, private, text, html, subject, citations, attachments, in_reply_to,
        turn_id, reference, thread, via, original, for_bot, template, created_at)
    VALUES (:id, :conversation_id, :seq, :channel, :external_id, :address, :verified, :direction,
        :author_kind, :author_name, :private, :text, :html, :subject, :citations, :attachments, :in_reply_to,
        :turn_id, :reference, :thread, :via, :original, :for_bot, :template,
        :created_at)
"""


def stored(row: Row) -> StoredMessage:
    """The message of a row with COLUMNS."""
    status = row["delivery_status"]
    citations, attachments = row["citations"], row["attachments"]
    return StoredMessage(
        id=row["id"],
        seq=row["seq"],
        conversation_id=row["conversation_id"],
        channel=row["channel"],
        direction=row["direction"],
        author_kind=row["author_kind"],
        author_name=row["author_name"],
        text=row["text"],
        html=row["html"],
        created_at=moment(row["created_at"]),
        subject=row["subject"],
        address=row["address"],
        verified=bool(row["verified"]),
        private=bool(row["private"]),
        citations=cited(citations),
        attachments=()
        if attachments == "[]"
        else tuple(Attachment(**each) for each in orjson.loads(attachments)),
        in_reply_to=row["in_reply_to"],
        turn_id=row["turn_id"],
        original=row["original"],
        for_bot=bool(row["for_bot"]),
        template=template(row["template"], row["text"]),
        delivery=DeliveryState(status=DeliveryStatus(status), error=row["delivery_error"])
        if status
        else None,
    )


def cited(citations: str) -> Sequence[Citation]:
    """What a column of citations holds."""
    return () if citations == "[]" else tuple(Citation(**each) for each in orjson.loads(citations))


def template(column: str, text: str) -> FilledTemplate | None:
    """The template that a message leaves as, if it does."""
    return FilledTemplate(**orjson.loads(column), text=text) if column else None


def _without_text(filled: FilledTemplate) -> Mapping[str, object]:
    return {"name": filled.name, "id": filled.id, "variables": dict(filled.variables)}


def as_json(items: Sequence[Citation] | Sequence[Attachment]) -> str:
    """A list of dataclasses as a column holds it."""
    return orjson.dumps(list(items)).decode() if items else "[]"


def columns(
    message: StoredMessage, *, created_at: int, came: InboundMessage | None = None
) -> dict[str, object]:
    """The parameters of INSERT; `came` is what came in, unless it leaves."""
    return {
        "id": message.id,
        "conversation_id": message.conversation_id,
        "seq": message.seq,
        "channel": message.channel,
        "external_id": came.external_id if came else None,
        "address": message.address,
        "verified": message.verified,
        "direction": message.direction,
        "author_kind": message.author_kind,
        "author_name": message.author_name,
        "private": message.private,
        "text": message.text,
        "html": message.html,
        "subject": message.subject,
        "citations": as_json(message.citations),
        "attachments": as_json(message.attachments),
        "in_reply_to": message.in_reply_to,
        "turn_id": message.turn_id,
        "reference": came.reference or None if came else None,
        "thread": orjson.dumps(list(came.thread)).decode() if came and came.thread else "[]",
        "via": came.via if came else "",
        "original": message.original,
        "for_bot": message.for_bot,
        "template": orjson.dumps(_without_text(message.template)).decode() if message.template else "",
        "created_at": created_at,
    }
