"""What comes too late for its channel and leaves by another one, by which its recipient is surely reached."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.store import messages, outgoing, sendings, ways
from bot.store.database import Row, Transaction
from bot.store.records import ClaimedDelivery
from channels.base import Source

_WHOLE = "SELECT seq, text, citations, {now} AS now FROM messages WHERE id = :id"
_BEGUN = """
    SELECT part FROM sendings WHERE delivery_id = :id AND part <> :part AND status <> 'queued' LIMIT 1
"""
_EMPTY = "DELETE FROM sendings WHERE delivery_id = :id"
# A worker that held a part before must not settle one of these: their fences go on from there.
_FENCE = "UPDATE sendings SET fence = :fence, error = :why WHERE delivery_id = :id"
_MOVE = """
    UPDATE deliveries SET channel = :channel, recipient = :address, updated_at = {now} WHERE id = :id
"""
# Without a message of theirs to answer there it quotes the one it answers, whatever channel that came by.
_MOVE_MESSAGE = """
    UPDATE messages SET channel = :channel, address = :address, subject = :subject,
        in_reply_to = COALESCE(:answers, in_reply_to)
    WHERE id = :id
"""


@dataclass(frozen=True, kw_only=True)
class Elsewhere:
    """Another channel, and the texts in which a whole message leaves by it."""

    channel: str
    leaving: Callable[[str, Sequence[Source]], Sequence[str]]


async def move(tx: Transaction, claimed: ClaimedDelivery, whose: Row, to: Elsewhere) -> bool:
    """Queue the whole message of a part that can't leave for another channel instead.

    False, and nothing is changed, where no verified address of theirs is known there, a part of it may have
    left, or a person said it: they were shown the ways there are, and choose.
    """
    if whose["author_kind"] == "operator":
        return False
    delivery_id, message_id = claimed.delivery_id, claimed.message.id
    if await tx.one(_BEGUN, id=delivery_id, part=claimed.message.part) is not None:
        return False
    try:
        found = await ways.towards(tx, claimed.conversation_id, to.channel, reading=())
    except ways.NoWay:
        return False
    whole = await tx.one(_WHOLE, id=message_id)
    assert whole is not None
    sources = [Source(title=each.title, url=each.url) for each in messages.cited(whole["citations"])]
    where = {"channel": to.channel, "address": found["address"]}
    tx.later(_MOVE, id=delivery_id, **where)
    tx.later(_MOVE_MESSAGE, id=message_id, **where, subject=found["subject"], answers=found["id"])
    tx.later(_EMPTY, id=delivery_id)
    outgoing.queue(
        tx,
        to.leaving(whole["text"], sources),
        delivery_id=delivery_id,
        conversation_id=claimed.conversation_id,
        channel=to.channel,
        seq=whole["seq"],
        now=whole["now"],
    )
    why = f"it comes too late for free text on {claimed.message.channel}, and leaves by {to.channel}"
    tx.later(_FENCE, id=delivery_id, fence=claimed.fence + 1, why=why)
    await sendings.show(tx, delivery_id)
    return True
