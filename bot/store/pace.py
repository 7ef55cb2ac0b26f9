"""The pace of a channel: how fast its provider takes messages from all workers together."""

from __future__ import annotations

from bot.store.database import Row, Transaction

_WAITED = 60 * 1_000_000  # microseconds by which `now` may be old: a statement waits for the row's lock
_LONGEST = 60.0  # seconds a channel is left alone after one refusal

# Holds the channel's row until the commit, so that slots and departures are counted one after the other.
_HOLD = """
    INSERT INTO paces (channel) VALUES (:channel)
    ON CONFLICT (channel) DO UPDATE SET channel = excluded.channel
    RETURNING next_at, left_at, blocked_until, {now} AS now
"""
_GIVE_SLOT = "UPDATE paces SET next_at = :next_at WHERE channel = :channel"
_LEAVE = "UPDATE paces SET left_at = {now} WHERE channel = :channel"
_SET_BACK = """
    UPDATE paces
    SET next_at = next_at - :back, left_at = left_at - :back, blocked_until = blocked_until - :back
    WHERE channel = :channel
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
    if per_second is None:
        row = await tx.one(_BLOCKED, channel=head["channel"])
        delay, slotted = max(0, row["blocked_until"] - row["now"]) if row else 0, False
    else:
        delay, slotted = await _slot(tx, head, round(1_000_000 / per_second)), True
    if delay:
        tx.later(_POSTPONE, delivery_id=head["delivery_id"], part=head["part"], delay=delay, slotted=slotted)
    return int(delay)


async def _slot(tx: Transaction, head: Row, interval: int) -> int:
    """Microseconds until the part's slot. Between any two that leave lies an interval, however late they
    come for their slots; who is later than that, and would have to wait, gets in line again."""
    pace = await tx.one(_HOLD, channel=head["channel"])
    assert pace is not None
    now = pace["now"]
    # Nothing can have left so much later than now: the clock was set back, and all of this is with it.
    back = max(0, pace["left_at"] - now)
    if back < _WAITED:
        back = 0
    else:
        tx.later(_SET_BACK, channel=head["channel"], back=back)
    blocked_until = pace["blocked_until"] - back
    free = max(now, pace["left_at"] - back + interval, blocked_until)
    kept = head["slotted"] and blocked_until <= now
    if not kept or (free > now and now - head["due_at"] > interval):
        free = max(free, pace["next_at"] - back)
        tx.later(_GIVE_SLOT, channel=head["channel"], next_at=free + interval)
    if free == now:
        tx.later(_LEAVE, channel=head["channel"])
    return int(free - now)


def block(tx: Transaction, channel: str, seconds: float) -> None:
    """Nothing leaves by this channel for a while: its provider said that we are too fast.

    However long one message has to wait, the others try again within a minute.
    """
    tx.later(_BLOCK, channel=channel, delay=round(min(seconds, _LONGEST) * 1_000_000))
