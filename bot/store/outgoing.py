"""What leaves: the message, its row in the outbox, and the events that tell readers, in one transaction."""

from __future__ import annotations

from bot.store import events, messages
from bot.store.database import Row, Transaction, microseconds, new_id
from bot.store.records import DeliveryState, StoredMessage
from channels.base import DeliveryStatus

_EXISTS = "SELECT id FROM conversations WHERE id = :id"
_QUEUE = """
    INSERT INTO deliveries (id, message_id, conversation_id, channel, recipient, status, due_at,
        created_at, updated_at)
    VALUES (:id, :message_id, :conversation_id, :channel, :recipient, :status, :due_at, :now, :now)
"""


class NoSuchConversation(Exception):  # noqa: N818
    """There is no conversation by this id."""


def outbox(*, delivered: bool) -> DeliveryState:
    """Where a delivery begins: with its commit it is sent when the recipient reads our store."""
    return DeliveryState(status=DeliveryStatus.SENT if delivered else DeliveryStatus.QUEUED)


async def number(tx: Transaction, conversation_id: str, count: int) -> Row:
    """The contact of a conversation, locked, and the last of `count` new event numbers."""
    while True:
        row = await tx.one(events.NUMBERED, conversation_id=conversation_id, count=count)
        if row is not None:
            return row
        # It is gone, or its contact was merged while we waited: then it has another one now.
        if await tx.one(_EXISTS, id=conversation_id) is None:
            raise NoSuchConversation(conversation_id)


def say(tx: Transaction, message: StoredMessage, *, contact_id: str, event: int) -> str | None:
    """Write the message and its event, and queue it unless it is a note; the delivery's id."""
    now = microseconds(message.created_at)
    tx.later(messages.INSERT, **messages.columns(message, created_at=now, external_id=None))
    events.append(
        tx,
        contact_id=contact_id,
        seq=event,
        conversation_id=message.conversation_id,
        kind="message",
        message_id=message.id,
        private=message.private,
        created_at=now,
    )
    if message.delivery is None:
        return None
    delivery_id = new_id("dlv")
    tx.later(
        _QUEUE,
        id=delivery_id,
        message_id=message.id,
        conversation_id=message.conversation_id,
        channel=message.channel,
        recipient=message.address,
        status=message.delivery.status.value,
        due_at=now if message.delivery.status is DeliveryStatus.QUEUED else None,
        now=now,
    )
    return delivery_id
