"""What must be true of the store after any fault, whatever was killed when."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from tests.doubles.twilio_rules import Message
from tests.processes import Switchboard, until
from tests.visitor import Visitor

_STUCK = """
    SELECT id, status, due_at, lease_until, last_in_seq, answered_seq FROM conversations
    WHERE due_at IS NOT NULL OR lease_until IS NOT NULL OR (status = 'bot' AND last_in_seq > answered_seq)
"""
_RUNNING = "SELECT id, conversation_id FROM turns WHERE status = 'running'"
_UNDELIVERED = "SELECT delivery_id, part, status, error, due_at FROM sendings WHERE due_at IS NOT NULL"
_UNSENT = "SELECT id, status FROM deliveries WHERE status NOT IN ('sent', 'delivered', 'read')"
_GIVEN_UP = "SELECT id, status FROM conversations WHERE status <> 'bot'"
_GAPS = """
    SELECT conversation_id FROM messages GROUP BY conversation_id
    HAVING MIN(seq) <> 1 OR MAX(seq) <> COUNT(*)
"""
_EVENT_GAPS = """
    SELECT contact_id FROM events GROUP BY contact_id HAVING MIN(seq) <> 1 OR MAX(seq) <> COUNT(*)
"""
_TWICE = """
    SELECT in_reply_to FROM messages WHERE direction = 'out' AND in_reply_to IS NOT NULL
    GROUP BY in_reply_to HAVING COUNT(*) > 1
"""
_TURN_TWICE = """
    SELECT turn_id FROM messages WHERE turn_id IS NOT NULL GROUP BY turn_id HAVING COUNT(*) > 1
"""
_REPLIES_WITHOUT_TURN = """
    SELECT m.id FROM messages m LEFT JOIN turns t ON t.id = m.turn_id
    WHERE m.author_kind = 'bot' AND (t.id IS NULL OR t.status <> 'concluded')
"""


async def settled(house: Switchboard, *, within: float) -> None:
    """Wait until nothing is due, leased or running; then nothing may be lost, double or out of order."""
    try:
        await asyncio.to_thread(until, lambda: not _left(house), within, "nothing is due any more")
    except TimeoutError as error:
        raise AssertionError(f"{error}; this is stuck: {_left(house)[:5]}") from None
    for broken in (_UNSENT, _GIVEN_UP, _GAPS, _EVENT_GAPS, _TWICE, _TURN_TWICE, _REPLIES_WITHOUT_TURN):
        assert house.rows(broken) == [], broken


def _left(house: Switchboard) -> Sequence[Mapping[str, Any]]:
    return [*house.rows(_STUCK), *house.rows(_RUNNING), *house.rows(_UNDELIVERED)]


def sent_once_and_in_order(house: Switchboard, accepted: Sequence[Message]) -> None:
    """What a provider took is what the store says was sent there: each part once, in each conversation's
    order."""
    stored = house.rows(
        "SELECT p.provider_id, p.superseded, d.conversation_id, m.seq, p.part FROM provider_ids p"
        " JOIN deliveries d ON d.id = p.delivery_id JOIN messages m ON m.id = d.message_id"
    )
    places = {row["provider_id"]: row for row in stored}
    unknown = [message.body for message in accepted if message.sid not in places]
    assert not unknown, f"sent, and not known to the store: {unknown[:3]}"
    last: dict[str, tuple[int, int]] = {}
    for message in accepted:
        row = places[message.sid]
        if row["superseded"]:  # it failed there later, and was rightly sent again
            continue
        place = row["seq"], row["part"]
        assert last.get(row["conversation_id"], (0, 0)) < place, f"twice or out of order: {message.body}"
        last[row["conversation_id"]] = place


async def saw_everything_once_and_in_order(house: Switchboard, visitor: Visitor) -> None:
    """What a visitor's stream showed is what the store holds, across all its reconnections."""
    stored = [
        row["id"]
        for row in house.rows(
            f"SELECT id FROM messages WHERE conversation_id = '{visitor.conversation_id}' ORDER BY seq"
        )
    ]
    await visitor.until(lambda: len(visitor.messages) >= len(stored), within=20)
    assert [message["id"] for message in visitor.messages] == stored
