"""What leaves: the message, its row in the outbox, and the events that tell readers, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from types import MappingProxyType

from pydantic import JsonValue

from bot.store import events, messages, telling
from bot.store.database import Row, Transaction, microseconds, moment, new_id
from bot.store.records import DeliveryState, StoredMessage, delivery_of
from channels.base import DeliveryStatus

_EXISTS = "SELECT id FROM conversations WHERE id = :id"
_SHOWN = """
    INSERT INTO deliveries (id, message_id, conversation_id, channel, recipient, status, created_at,
        updated_at)
    VALUES (:id, :message_id, :conversation_id, :channel, :recipient, :status, :now, :now)
"""
_QUEUE = """
    INSERT INTO sendings (delivery_id, part, conversation_id, channel, seq, text, due_at, created_at)
    VALUES (:delivery_id, :part, :conversation_id, :channel, :seq, :text, :now, :now)
"""
_NOTE = """
    UPDATE conversations SET last_seq = last_seq + 1, last_event = :event
    WHERE id = :conversation_id RETURNING last_seq, {now} AS now
"""


class NoSuchConversation(Exception):  # noqa: N818
    """There is no conversation by this id."""


def outbox(parts: Sequence[str] | None) -> DeliveryState:
    """Where a delivery begins: with its commit it is sent when the recipient reads our store (no `parts`)."""
    return DeliveryState(status=DeliveryStatus.SENT if parts is None else DeliveryStatus.QUEUED)


async def number(tx: Transaction, conversation_id: str, count: int) -> Row:
    """The contact of a conversation, locked, and the last of `count` new event numbers."""
    while True:
        row = await tx.one(events.NUMBERED, conversation_id=conversation_id, count=count)
        if row is not None:
            return row
        # It is gone, or its contact was merged while we waited: then it has another one now.
        if await tx.one(_EXISTS, id=conversation_id) is None:
            raise NoSuchConversation(conversation_id)


def say(
    tx: Transaction,
    message: StoredMessage,
    *,
    contact_id: str,
    event: int,
    parts: Sequence[str] | None,
    counts: Mapping[str, JsonValue] = MappingProxyType({}),
) -> str | None:
    """Write the message and its event, and queue the parts it leaves in; the delivery's id unless it is a
    note. `parts` are None when the recipient reads our store; figures go by what the event `counts`."""
    now = microseconds(message.created_at)
    tx.later(messages.INSERT, **messages.columns(message, created_at=now))
    events.append(
        tx,
        contact_id=contact_id,
        seq=event,
        conversation_id=message.conversation_id,
        kind="message",
        tells=telling.of_new(message.seq),
        message_id=message.id,
        private=message.private,
        created_at=now,
        counts=counts,
    )
    if message.delivery is None:
        return None
    delivery_id = delivery_of(message.id)
    tx.later(
        _SHOWN,
        id=delivery_id,
        message_id=message.id,
        conversation_id=message.conversation_id,
        channel=message.channel,
        recipient=message.address,
        status=message.delivery.status.value,
        now=now,
    )
    if parts is not None:
        queue(
            tx,
            parts,
            delivery_id=delivery_id,
            conversation_id=message.conversation_id,
            channel=message.channel,
            seq=message.seq,
            now=now,
        )
    return delivery_id


def queue(tx: Transaction, parts: Sequence[str], **whose: object) -> None:
    """Queue the parts in which a message leaves; `whose` are the other parameters of _QUEUE."""
    tx.many(_QUEUE, [{**whose, "part": part, "text": text} for part, text in enumerate(parts, start=1)])


async def remark(tx: Transaction, conversation_id: str, text: str, *, channel: str) -> None:
    """Tell operators something in the thread, in nobody's name."""
    numbered = await number(tx, conversation_id, 1)
    row = await tx.one(_NOTE, conversation_id=conversation_id, event=numbered["last_event"])
    assert row is not None
    written = StoredMessage(
        id=new_id("msg"),
        seq=row["last_seq"],
        conversation_id=conversation_id,
        channel=channel,
        direction="out",
        author_kind="system",
        author_name="",
        text=text,
        html=f"<p>{escape(text)}</p>",
        created_at=moment(row["now"]),
        private=True,
    )
    say(tx, written, contact_id=numbered["id"], event=numbered["last_event"], parts=None)
