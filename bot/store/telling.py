"""What is to be told to WEBHOOK_URL: a row for each event, written in the transaction of what it tells.

Of a conversation's rows only the first is due; whoever takes it away makes the next one due. Both hold the
contact's row, so that neither misses the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson
from pydantic import JsonValue

from bot.store.database import Transaction, new_id
from bot.store.records import WebhookType

CREATED: Sequence[WebhookType] = ("message.created",)
UPDATED: Sequence[WebhookType] = ("message.updated",)
OPENED: Sequence[WebhookType] = ("conversation.created", "message.created")
MOVED: Sequence[WebhookType] = ("conversation.status_changed",)
ASSIGNED: Sequence[WebhookType] = ("conversation.assigned",)

_INSERT = """
    INSERT INTO webhooks (id, conversation_id, seq, part, type, message_id, data, created_at, due_at)
    VALUES (:id, :conversation_id, :seq, :part, :type, :message_id, :data, {now}, CASE WHEN EXISTS (
        SELECT 1 FROM webhooks WHERE conversation_id = :conversation_id AND failed_at IS NULL)
        THEN NULL ELSE {now} END)
"""


def queue(
    tx: Transaction,
    types: Sequence[WebhookType],
    *,
    conversation_id: str | None,
    seq: int,
    message_ids: Sequence[str | None] = (None,),
    data: Mapping[str, JsonValue] | None = None,
) -> None:
    """Have events told, in this order, if there is anybody to tell; `seq` is their number for the contact."""
    if not tx.announces:
        return
    told = [(kind, message_id) for kind in types for message_id in message_ids]
    for part, (kind, message_id) in enumerate(told):
        tx.later(
            _INSERT,
            id=new_id("evt"),
            conversation_id=conversation_id,
            seq=seq,
            part=part,
            type=kind,
            message_id=message_id,
            data=orjson.dumps(data).decode() if data else "{}",
        )


def of_new(message_seq: int) -> Sequence[WebhookType]:
    """What a new message tells: the first of a conversation also that it has begun."""
    return OPENED if message_seq == 1 else CREATED
