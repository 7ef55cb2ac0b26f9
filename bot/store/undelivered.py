"""Messages that did not arrive, or of which nobody knows, for operators to see and to send again."""

from __future__ import annotations

from collections.abc import Sequence

from bot.store import audit, sendings
from bot.store.database import Database, Row, Transaction, moment
from bot.store.outgoing import number
from bot.store.records import DeliveryRecord
from channels.base import DeliveryStatus

_COLUMNS = """
    d.id, d.message_id, d.conversation_id, d.channel, d.recipient, d.status, d.error, d.updated_at,
    m.text, c.contact_id, p.name AS contact_name
"""
_TABLES = """
    deliveries d JOIN messages m ON m.id = d.message_id
    JOIN conversations c ON c.id = d.conversation_id JOIN contacts p ON p.id = c.contact_id
"""
_PAGE = f"""
    SELECT {_COLUMNS} FROM {_TABLES}
    WHERE d.status = :status AND d.updated_at <= :at AND (d.updated_at < :at OR d.id < :id)
    ORDER BY d.updated_at DESC, d.id DESC LIMIT :limit
"""  # noqa: S608
_ONE = f"SELECT {_COLUMNS} FROM {_TABLES} WHERE d.id = :id"  # noqa: S608
# What is still on its way needs no second push; what was withdrawn may be sent after all.
_AGAIN = """
    UPDATE sendings SET status = 'queued', error = NULL, due_at = {now}, created_at = {now}, looks = 0,
        doubts = 0, attempts = 0, slotted = FALSE, by_hand = TRUE, fence = fence + 1
    WHERE delivery_id = :id AND due_at IS NULL AND status IN ('failed', 'uncertain') RETURNING part
"""
# What is told of the attempts before no longer says anything about the part.
_SUPERSEDE = """
    UPDATE provider_ids SET superseded = TRUE WHERE delivery_id = :id AND part IN (
        SELECT part FROM sendings
        WHERE delivery_id = :id AND due_at IS NULL AND status IN ('failed', 'uncertain'))
"""
_END = 2**62  # later than every time


class Undelivered:
    """Reads the outbox for operators, and lets them try again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, status: DeliveryStatus, *, before: tuple[int, str] | None = None, limit: int = 50
    ) -> tuple[Sequence[DeliveryRecord], tuple[int, str] | None]:
        """Deliveries of a status, the latest first, and where the next page begins."""
        at, last = before or (_END, "")
        async with self._database.read() as reader:
            rows = await reader.all(_PAGE, status=status.value, at=at, id=last, limit=limit + 1)
        shown = rows[:limit]
        more = (shown[-1]["updated_at"], shown[-1]["id"]) if len(rows) > limit else None
        return [_record(row) for row in shown], more

    async def again(self, delivery_id: str) -> tuple[DeliveryRecord, bool] | None:
        """Queue what failed or is held once more, and whether there was anything; None: no such delivery."""

        async def queue(tx: Transaction) -> tuple[DeliveryRecord, bool] | None:
            found = await tx.one(_ONE, id=delivery_id)
            if found is None:
                return None
            await number(tx, found["conversation_id"], 0)
            tx.later(_SUPERSEDE, id=delivery_id)
            parts = await tx.all(_AGAIN, id=delivery_id)
            if parts:
                await sendings.show(tx, delivery_id)
                audit.note(tx, "delivery.again", delivery_id, {"conversation": found["conversation_id"]})
            row = await tx.one(_ONE, id=delivery_id)
            assert row is not None
            return _record(row), bool(parts)

        return await self._database.write(queue)


def _record(row: Row) -> DeliveryRecord:
    return DeliveryRecord(
        id=row["id"],
        message_id=row["message_id"],
        conversation_id=row["conversation_id"],
        contact_id=row["contact_id"],
        contact_name=row["contact_name"],
        channel=row["channel"],
        recipient=row["recipient"],
        status=DeliveryStatus(row["status"]),
        error=row["error"],
        text=row["text"],
        updated_at=moment(row["updated_at"]),
    )
