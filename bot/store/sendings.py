"""Parts of outgoing messages on their way, and what is shown of them: steps of transactions that hold the
contact's row, so that nobody else moves the same conversation's parts meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

from bot.store import events, telling
from bot.store.database import Row, Transaction
from bot.store.outgoing import number
from channels.base import DeliveryStatus

# Statuses only rise in this order, whatever order the provider's callbacks come in. A delivery that was
# seen beats a failure that was reported.
ORDER = (
    DeliveryStatus.QUEUED,
    DeliveryStatus.SENDING,
    DeliveryStatus.UNCERTAIN,
    DeliveryStatus.SENT,
    DeliveryStatus.FAILED,
    DeliveryStatus.DELIVERED,
    DeliveryStatus.READ,
)
WITHDRAWN = "withdrawn: an operator took over"
_USEFUL = 24 * 3600 * 1_000_000  # microseconds after which nobody wants to get a message any more

_PARTS = "SELECT status, error FROM sendings WHERE delivery_id = :id ORDER BY part"
# What the contact has seen in the thread is read, whatever its parts' own receipts say.
_SHOW = """
    UPDATE deliveries SET status = :status, error = :error, updated_at = {now}
    WHERE id = :id AND status <> 'read' AND (status <> :status OR COALESCE(error, '') <> COALESCE(:error, ''))
    RETURNING message_id, conversation_id, updated_at
"""
_OWNER = """
    SELECT m.author_kind, m.seq, c.status, c.silenced_seq, d.conversation_id, d.recipient
    FROM deliveries d JOIN messages m ON m.id = d.message_id JOIN conversations c ON c.id = d.conversation_id
    WHERE d.id = :id
"""
_FAIL_REST = """
    UPDATE sendings SET status = 'failed', error = :error, due_at = NULL, fence = fence + 1
    WHERE delivery_id = :id AND due_at IS NOT NULL AND status = 'queued'
"""
_HOLD_REST = """
    UPDATE sendings SET status = 'uncertain', error = :error, due_at = NULL, fence = fence + 1
    WHERE delivery_id = :id AND due_at IS NOT NULL AND status = 'queued'
"""
_WITHDRAW = """
    UPDATE sendings SET status = 'failed', error = :error, due_at = NULL, fence = fence + 1
    WHERE conversation_id = :conversation_id AND due_at IS NOT NULL AND status = 'queued'
    AND NOT by_hand AND (
        SELECT m.author_kind FROM deliveries d JOIN messages m ON m.id = d.message_id
        WHERE d.id = sendings.delivery_id) <> 'operator'
    RETURNING delivery_id
"""
_WAIT = """
    UPDATE conversations SET status = 'waiting', waiting_since = COALESCE(waiting_since, {now}),
        fence = fence + 1, lease_until = NULL, due_at = NULL, attempts = 0, last_event = :event
    WHERE id = :conversation_id RETURNING {now} AS now
"""


async def owner(tx: Transaction, delivery_id: str) -> Row:
    """Whose message it is, and how its conversation stands."""
    row = await tx.one(_OWNER, id=delivery_id)
    assert row is not None
    return row


def silenced(message: Row, part: Row) -> bool:
    """Whether an operator has taken over since the bot said this, and did not have it sent again."""
    by_person = message["author_kind"] == "operator" or part["by_hand"]
    return bool(not by_person and message["seq"] <= message["silenced_seq"])


def too_old(part: Row) -> bool:
    """Whether a part, read together with `now`, has waited for too long to be of use."""
    return bool(part["now"] - part["created_at"] > _USEFUL)


async def show(tx: Transaction, delivery_id: str) -> None:
    """Show how far the message as a whole has come, and tell readers unless it is only being sent."""
    status, error = _together(await tx.all(_PARTS, id=delivery_id))
    row = await tx.one(_SHOW, id=delivery_id, status=status.value, error=error)
    if row is None or status is DeliveryStatus.SENDING:
        return
    numbered = await number(tx, row["conversation_id"], 1)
    events.append(
        tx,
        contact_id=numbered["id"],
        seq=numbered["last_event"],
        conversation_id=row["conversation_id"],
        kind="delivery",
        tells=telling.UPDATED,
        created_at=row["updated_at"],
        data={"message_ids": [row["message_id"]], "status": status.value, "error": error},
    )


async def withdraw(tx: Transaction, conversation_id: str) -> None:
    """What the bot has queued here does not leave. A part whose sending has begun comes to its end."""
    rows = await tx.all(_WITHDRAW, conversation_id=conversation_id, error=WITHDRAWN)
    for delivery_id in dict.fromkeys(row["delivery_id"] for row in rows):
        await show(tx, delivery_id)


async def give_up(tx: Transaction, delivery_id: str, message: Row, *, error: str | None) -> None:
    """A part has failed for good: the rest of its message stays here too, and a person takes a
    conversation that was the bot's."""
    tx.later(_FAIL_REST, id=delivery_id, error=error)
    await hand_over(tx, message)


async def hold(tx: Transaction, delivery_id: str, message: Row, *, error: str | None) -> None:
    """Nobody can tell of a part whether it was sent: the rest of its message waits with it for a person."""
    tx.later(_HOLD_REST, id=delivery_id, error=error)
    await hand_over(tx, message)


async def hand_over(tx: Transaction, message: Row) -> None:
    """What the bot said did not arrive, or nobody knows: its conversation waits for a person."""
    if message["status"] != "bot" or message["author_kind"] == "operator":
        return
    numbered = await number(tx, message["conversation_id"], 1)
    row = await tx.one(_WAIT, conversation_id=message["conversation_id"], event=numbered["last_event"])
    assert row is not None
    events.append_status(
        tx,
        contact_id=numbered["id"],
        seq=numbered["last_event"],
        conversation_id=message["conversation_id"],
        status="waiting",
        created_at=row["now"],
        reason="undelivered",
    )


def _together(parts: Sequence[Row]) -> tuple[DeliveryStatus, str | None]:
    """Failed or uncertain if any part is, else as far as the one that has come the least far."""
    statuses = {DeliveryStatus(part["status"]) for part in parts}
    for status in (DeliveryStatus.FAILED, DeliveryStatus.UNCERTAIN, *ORDER):
        if status in statuses:
            errors = (part["error"] for part in parts if part["status"] == status.value)
            return status, next((error for error in errors if error), None)
    raise AssertionError("a delivery that leaves has parts")
