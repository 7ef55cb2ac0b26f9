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
    d.dismissed_at, m.text, c.contact_id, p.name AS contact_name,
    (SELECT MAX(s.attempts) FROM sendings s WHERE s.delivery_id = d.id) AS attempts
"""
_TABLES = """
    deliveries d JOIN messages m ON m.id = d.message_id
    JOIN conversations c ON c.id = d.conversation_id JOIN contacts p ON p.id = c.contact_id
"""
# Nobody has seen to it, and nothing more happens to it by itself. What was held back is no failure.
_OPEN = """
    d.dismissed_at IS NULL AND (
        (d.status = 'failed' AND COALESCE(d.error, '') <> :withdrawn)
        OR (d.status = 'uncertain' AND (
            SELECT COUNT(*) FROM sendings s
            WHERE s.delivery_id = d.id AND s.status = 'uncertain' AND s.due_at IS NULL) > 0))
"""
_COUNT = f"""
    SELECT COUNT(*) AS count FROM deliveries d WHERE d.status IN ('failed', 'uncertain') AND {_OPEN}
"""  # noqa: S608
_PAGE = f"""
    SELECT {_COLUMNS} FROM {_TABLES}
    WHERE d.status = :status AND d.updated_at <= :at AND (d.updated_at < :at OR d.id < :id)
        AND (:channel = '' OR d.channel = :channel) AND (:all OR {_OPEN})
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
_DISMISS = """
    UPDATE deliveries SET dismissed_at = {now}
    WHERE id = :id AND status IN ('failed', 'uncertain') AND dismissed_at IS NULL RETURNING conversation_id
"""
_RECALL = "UPDATE deliveries SET dismissed_at = NULL WHERE id = :id AND dismissed_at IS NOT NULL"
_END = 2**62  # later than every time


class Undelivered:
    """Reads the outbox for operators, and lets them try again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self,
        status: DeliveryStatus,
        *,
        channel: str = "",
        open_only: bool = False,
        before: tuple[int, str] | None = None,
        limit: int = 50,
    ) -> tuple[Sequence[DeliveryRecord], tuple[int, str] | None]:
        """Deliveries of a status, the latest first, and where the next page begins; of those that failed or
        are held, with `open_only`, what nobody has seen to."""
        at, last = before or (_END, "")
        async with self._database.read() as reader:
            rows = await reader.all(
                _PAGE,
                status=status.value,
                channel=channel,
                all=not open_only,
                withdrawn=sendings.WITHDRAWN,
                at=at,
                id=last,
                limit=limit + 1,
            )
        shown = rows[:limit]
        more = (shown[-1]["updated_at"], shown[-1]["id"]) if len(rows) > limit else None
        return [_record(row) for row in shown], more

    async def count(self) -> int:
        """How many did not arrive that nobody has seen to."""
        async with self._database.read() as reader:
            row = await reader.one(_COUNT, withdrawn=sendings.WITHDRAWN)
        return int(row["count"]) if row else 0

    async def dismiss(self, delivery_id: str) -> DeliveryRecord | None:
        """Somebody has seen that it did not arrive, and leaves it at that; None: no such delivery. Nothing
        changes where it is on its way or has arrived."""

        async def leave(tx: Transaction) -> DeliveryRecord | None:
            left = await tx.one(_DISMISS, id=delivery_id)
            if left is not None:
                audit.note(tx, "delivery.dismiss", delivery_id, {"conversation": left["conversation_id"]})
            row = await tx.one(_ONE, id=delivery_id)
            return _record(row) if row else None

        return await self._database.write(leave)

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
                tx.later(_RECALL, id=delivery_id)
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
        attempts=row["attempts"] or 0,
        dismissed=row["dismissed_at"] is not None,
        updated_at=moment(row["updated_at"]),
    )
