"""What providers say of the parts they took, in whatever order: steps of the outbox's transactions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.store import contacts, pace, sendings
from bot.store.database import Row, Transaction
from bot.store.outgoing import number
from bot.store.records import Noted
from channels.base import DeliveryStatus, Trouble

_KEPT = 7 * 24 * 3600 * 1_000_000  # microseconds for which a receipt waits for its message
_PAUSE = 10.0  # seconds before what failed late is sent again, times the attempts so far

_BY_PROVIDER = """
    SELECT p.delivery_id, p.part, d.conversation_id, d.message_id, m.in_reply_to, m.turn_id
    FROM provider_ids p JOIN deliveries d ON d.id = p.delivery_id JOIN messages m ON m.id = d.message_id
    WHERE p.channel = :channel AND p.provider_id = :provider_id
"""
_PART = """
    SELECT s.status, s.attempts, s.window_closed, s.by_hand, s.tried_at, s.created_at, p.superseded,
        {now} AS now
    FROM provider_ids p JOIN sendings s ON s.delivery_id = p.delivery_id AND s.part = p.part
    WHERE p.channel = :channel AND p.provider_id = :provider_id
"""
_ADVANCE = """
    UPDATE sendings SET status = :status, error = :error, lease_until = NULL, due_at = NULL
    WHERE delivery_id = :delivery_id AND part = :part
"""
_AGAIN = """
    UPDATE sendings SET status = 'queued', error = :error, lease_until = NULL, due_at = {now} + :delay
    WHERE delivery_id = :delivery_id AND part = :part
"""
_SUPERSEDE = """
    UPDATE provider_ids SET superseded = TRUE WHERE channel = :channel AND provider_id = :provider_id
"""
_KEEP_RECEIPT = """
    INSERT INTO receipts (channel, provider_id, status, detail, trouble, created_at)
    VALUES (:channel, :provider_id, :status, :detail, :trouble, {now})
    ON CONFLICT (channel, provider_id, status) DO NOTHING
"""
_RECEIPTS = """
    SELECT status, detail, trouble FROM receipts
    WHERE channel = :channel AND provider_id = :provider_id AND status <> ''
"""
_PART_WAYS = "DELETE FROM receipts WHERE channel = :channel AND provider_id = :provider_id AND status = ''"
# Ids that are no message's of ours: whoever keeps a receipt drops a few that were kept for too long.
_FORGET = """
    DELETE FROM receipts WHERE (channel, provider_id, status) IN (
        SELECT channel, provider_id, status FROM receipts WHERE created_at <= {now} - :age
        ORDER BY created_at LIMIT :limit)
"""
_DROP_RECEIPTS = "DELETE FROM receipts WHERE channel = :channel AND provider_id = :provider_id"


@dataclass(frozen=True, kw_only=True)
class Word:
    """How far a provider says that a part has come; `detail` and `trouble` say why it failed."""

    channel: str
    provider_id: str
    status: DeliveryStatus
    detail: str | None
    trouble: Trouble | None


async def note(tx: Transaction, word: Word) -> Noted | None:
    """Note a receipt, or keep it until its provider id is known; None when it told nothing new."""
    named = {"channel": word.channel, "provider_id": word.provider_id}
    known = await tx.one(_BY_PROVIDER, **named)
    if known is None:
        _meet(tx, word.channel, word.provider_id)
        known = await tx.one(_BY_PROVIDER, **named)
        if known is not None:
            tx.later(_PART_WAYS, **named)
    if known is None:
        tx.later(_FORGET, age=_KEPT, limit=10)
        tx.later(
            _KEEP_RECEIPT,
            **named,
            status=word.status.value,
            detail=word.detail,
            trouble=word.trouble.value if word.trouble else None,
        )
        return None
    contact = await number(tx, known["conversation_id"], 0)
    told = await _advance(tx, known, word)
    if told is None:
        return None
    return Noted(
        contact_id=contact["id"],
        conversation_id=known["conversation_id"],
        again=told is DeliveryStatus.QUEUED,
        message_id=known["message_id"],
        answers=known["in_reply_to"],
        turn_id=known["turn_id"],
    )


async def catch_up(tx: Transaction, channel: str, provider_id: str) -> None:
    """Apply the receipts that came before the provider's id was known here, the furthest first."""
    _meet(tx, channel, provider_id)
    known = await tx.one(_BY_PROVIDER, channel=channel, provider_id=provider_id)
    assert known is not None
    kept = [
        Word(
            channel=channel,
            provider_id=provider_id,
            status=DeliveryStatus(row["status"]),
            detail=row["detail"],
            trouble=Trouble(row["trouble"]) if row["trouble"] else None,
        )
        for row in await tx.all(_RECEIPTS, channel=channel, provider_id=provider_id)
    ]
    for word in sorted(kept, key=lambda each: _rank(each.status), reverse=True):
        await _advance(tx, known, word)
    tx.later(_DROP_RECEIPTS, channel=channel, provider_id=provider_id)


def learn(
    tx: Transaction, channel: str, recipient: str, trouble: Trouble | None, *, tried_at: int, pause: float
) -> None:
    """Keep what the refusal of an attempt says beyond its own message; `pause` is how many seconds we were
    too fast for."""
    match trouble:
        case Trouble.SLOW_DOWN:
            pace.block(tx, channel, pause)
        case Trouble.WINDOW_CLOSED:
            contacts.close_window(tx, channel=channel, address=recipient, tried_at=tried_at)
        case Trouble.OPTED_OUT:
            contacts.opted_out(tx, channel=channel, address=recipient, tried_at=tried_at)
        case None:
            pass


def _meet(tx: Transaction, channel: str, provider_id: str) -> None:
    """Where a receipt and the settling of its part wait for each other, so that neither misses the other:
    a row of no status, which one of them must insert first."""
    tx.later(_KEEP_RECEIPT, channel=channel, provider_id=provider_id, status="", detail=None, trouble=None)


def _rank(status: DeliveryStatus) -> int:
    return sendings.ORDER.index(status)


async def _advance(tx: Transaction, known: Row, word: Word) -> DeliveryStatus | None:
    """Move a part; where it is now, or None when that was known."""
    part = await tx.one(_PART, channel=word.channel, provider_id=word.provider_id)
    if part is None or part["superseded"] or _rank(DeliveryStatus(part["status"])) >= _rank(word.status):
        return None
    key = {"delivery_id": known["delivery_id"], "part": known["part"]}
    status = word.status
    if status is DeliveryStatus.FAILED:
        status = await _fail(tx, key, part, word)
    else:
        tx.later(_ADVANCE, **key, status=status.value, error=None)
    await sendings.show(tx, known["delivery_id"])
    return status


async def _fail(tx: Transaction, key: dict[str, Any], part: Row, word: Word) -> DeliveryStatus:
    """A part failed after the provider had taken it: it is queued once more where that can mend it."""
    whose = await sendings.owner(tx, key["delivery_id"])
    pause = _PAUSE * part["attempts"]
    tried_at = part["tried_at"] or 0
    learn(tx, word.channel, whose["recipient"], word.trouble, tried_at=tried_at, pause=pause)
    slow = word.trouble is Trouble.SLOW_DOWN
    mends = slow or (word.trouble is Trouble.WINDOW_CLOSED and not part["window_closed"])
    if mends and sendings.silenced(whose, part):
        tx.later(_ADVANCE, **key, status=DeliveryStatus.FAILED.value, error=sendings.WITHDRAWN)
        return DeliveryStatus.FAILED
    if mends and not sendings.too_old(part):
        tx.later(_SUPERSEDE, channel=word.channel, provider_id=word.provider_id)
        tx.later(_AGAIN, **key, error=word.detail, delay=round(pause * 1_000_000) if slow else 0)
        return DeliveryStatus.QUEUED
    tx.later(_ADVANCE, **key, status=DeliveryStatus.FAILED.value, error=word.detail)
    await sendings.give_up(tx, key["delivery_id"], whose, error=word.detail)
    return DeliveryStatus.FAILED
