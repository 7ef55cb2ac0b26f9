"""The pace of a channel: how fast its provider takes messages from all workers together."""

from __future__ import annotations

from bot.store.database import Row, Transaction

_TAKE_SLOT = """
    INSERT INTO paces (channel, next_at) VALUES (:channel, {now} + :interval)
    ON CONFLICT (channel) DO UPDATE SET next_at = :interval + CASE
        WHEN paces.next_at >= paces.blocked_until AND paces.next_at > {now} THEN paces.next_at
        WHEN paces.blocked_until > {now} THEN paces.blocked_until
        ELSE {now} END
    RETURNING next_at, {now} AS now
"""
_BLOCKED = "SELECT blocked_until, {now} AS now FROM paces WHERE channel = :channel"
_BLOCK = """
    INSERT INTO paces (channel, blocked_until) VALUES (:channel, {now} + :delay)
    ON CONFLICT (channel) DO UPDATE SET blocked_until = CASE
        WHEN paces.blocked_until > excluded.blocked_until THEN paces.blocked_until
        ELSE excluded.blocked_until END
"""
_POSTPONE = """
    UPDATE sendings SET due_at = {now} + :delay, slotted = :slotted
    WHERE delivery_id = :delivery_id AND part = :part
"""


async def wait(tx: Transaction, head: Row, per_second: float | None) -> int:
    """Microseconds until this part may go, its slot kept for it; 0: now."""
    row = await tx.one(_BLOCKED, channel=head["channel"])
    blocked = max(0, row["blocked_until"] - row["now"]) if row else 0
    if per_second is None or (head["slotted"] and not blocked):
        delay, slotted = blocked, False
    else:
        interval = round(1_000_000 / per_second)
        taken = await tx.one(_TAKE_SLOT, channel=head["channel"], interval=interval)
        assert taken is not None
        delay, slotted = max(0, taken["next_at"] - interval - taken["now"]), True
    if delay:
        tx.later(_POSTPONE, delivery_id=head["delivery_id"], part=head["part"], delay=delay, slotted=slotted)
    return int(delay)


def block(tx: Transaction, channel: str, seconds: float) -> None:
    """Nothing leaves by this channel for a while: its provider said that we are too fast."""
    tx.later(_BLOCK, channel=channel, delay=round(seconds * 1_000_000))
