"""The outbox: what is to leave, who is sending it, how far it has come."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from bot.store import events
from bot.store.database import Database, Row, Transaction
from bot.store.outgoing import number
from bot.store.records import ClaimedDelivery
from channels.base import Attachment, DeliveryStatus, OutboundMessage

# Statuses only rise in this order, whatever order the provider's callbacks come in. A delivery that was
# seen beats a failure that was reported.
_ORDER = (
    DeliveryStatus.QUEUED,
    DeliveryStatus.SENDING,
    DeliveryStatus.UNCERTAIN,
    DeliveryStatus.SENT,
    DeliveryStatus.FAILED,
    DeliveryStatus.DELIVERED,
    DeliveryStatus.READ,
)
_READ_AT_ONCE = 200  # messages one look at the thread can mark as read

_DUE = "SELECT id FROM deliveries WHERE due_at <= {now} - :waiting ORDER BY due_at LIMIT :limit"
_CLAIM = """
    UPDATE deliveries SET status = 'sending', attempts = attempts + 1, fence = fence + 1,
        lease_until = {now} + :lease, due_at = {now} + :lease, updated_at = {now}
    WHERE id = :id AND due_at <= {now} AND status IN ('queued', 'sending')
    RETURNING message_id, conversation_id, channel, recipient, attempts, fence, settled_fence
"""
_OUTGOING = """
    SELECT m.text, m.html, m.subject, m.attachments, a.external_id AS answers
    FROM messages m LEFT JOIN messages a ON a.id = m.in_reply_to WHERE m.id = :id
"""
_SETTLE = """
    UPDATE deliveries SET status = :status, provider_id = COALESCE(:provider_id, provider_id),
        error = :error, lease_until = NULL, updated_at = {now},
        due_at = CASE WHEN :retry THEN {now} + :delay END,
        settled_fence = CASE WHEN :certain THEN fence ELSE settled_fence END
    WHERE id = :id AND fence = :fence AND status {in lower}
    RETURNING message_id, conversation_id, updated_at
"""
_BY_PROVIDER = """
    SELECT id, message_id, conversation_id FROM deliveries
    WHERE channel = :channel AND provider_id = :provider_id
"""
_ADVANCE = """
    UPDATE deliveries SET status = :status, error = :error, due_at = NULL, lease_until = NULL,
        settled_fence = fence, updated_at = {now}
    WHERE id = :id AND status {in lower}
    RETURNING message_id, conversation_id, updated_at
"""
_KEEP_RECEIPT = """
    INSERT INTO receipts (channel, provider_id, status, detail, created_at)
    VALUES (:channel, :provider_id, :status, :detail, {now})
    ON CONFLICT (channel, provider_id, status) DO NOTHING
"""
_RECEIPTS = """
    SELECT status, detail FROM receipts
    WHERE channel = :channel AND provider_id = :provider_id AND status <> ''
"""
_DROP_RECEIPTS = "DELETE FROM receipts WHERE channel = :channel AND provider_id = :provider_id"

_SEEN = """
    UPDATE conversations SET contact_read_seq = CASE WHEN last_seq < :seq THEN last_seq ELSE :seq END
    WHERE id = :conversation_id AND contact_read_seq < :seq AND contact_read_seq < last_seq
    RETURNING contact_read_seq
"""
_UNREAD = """
    SELECT d.id, d.message_id FROM messages m JOIN deliveries d ON d.message_id = m.id
    WHERE m.conversation_id = :conversation_id AND m.seq > :after AND m.seq <= :seq AND d.status {in lower}
    ORDER BY m.seq DESC LIMIT :limit
"""
_READ_SO_FAR = "SELECT contact_read_seq, last_seq FROM conversations WHERE id = :conversation_id"
_MARK = """
    UPDATE deliveries SET status = 'read', error = NULL, due_at = NULL, updated_at = {now}
    WHERE id {in ids} AND status {in lower} RETURNING message_id, updated_at
"""


class Deliveries:
    """At most one sender for each outgoing message; its status never goes back."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, limit: int = 100, *, waiting: float = 0.0) -> Sequence[str]:
        """Deliveries due for `waiting` seconds or more, those that have waited longest first."""
        async with self._database.read() as reader:
            rows = await reader.all(_DUE, limit=limit, waiting=round(waiting * 1_000_000))
        return [row["id"] for row in rows]

    async def claim(self, delivery_id: str, lease_seconds: float) -> ClaimedDelivery | None:
        """Take a message to send, as `sending` before anything reaches the provider; None: not due."""
        async with self._database.transaction() as tx:
            row = await tx.one(_CLAIM, id=delivery_id, lease=round(lease_seconds * 1_000_000))
            if row is None:
                return None
            message = await tx.one(_OUTGOING, id=row["message_id"])
            assert message is not None
        return ClaimedDelivery(
            delivery_id=delivery_id,
            conversation_id=row["conversation_id"],
            fence=row["fence"],
            unsettled=row["settled_fence"] < row["fence"] - 1,
            message=OutboundMessage(
                id=row["message_id"],
                channel=row["channel"],
                recipient=row["recipient"],
                text=message["text"],
                html=message["html"],
                subject=message["subject"],
                follows=(message["answers"],) if message["answers"] else (),
                attachments=tuple(Attachment(**each) for each in orjson.loads(message["attachments"])),
                attempt=row["attempts"],
            ),
        )

    async def settle(
        self,
        claimed: ClaimedDelivery,
        *,
        status: DeliveryStatus,
        provider_id: str | None = None,
        error: str | None = None,
        retry_in: float | None = None,
    ) -> bool:
        """What became of an attempt; with `retry_in` it is queued again. False: no longer ours to say."""
        ends = DeliveryStatus.QUEUED if retry_in is not None else status
        async with self._database.transaction() as tx:
            numbered = await number(tx, claimed.conversation_id, 1)
            row = await tx.one(
                _SETTLE,
                id=claimed.delivery_id,
                fence=claimed.fence,
                status=ends.value,
                provider_id=provider_id,
                error=error,
                certain=status is not DeliveryStatus.UNCERTAIN,
                retry=retry_in is not None,
                delay=round((retry_in or 0.0) * 1_000_000),
                lower=["sending"],
            )
            if row is None:
                return False
            _tell(tx, numbered, row, status=ends, error=error)
            if provider_id is not None:
                await _catch_up(tx, claimed, provider_id)
        return True

    async def receipt(
        self, channel: str, provider_id: str, status: DeliveryStatus, detail: str | None = None
    ) -> bool:
        """A provider's word on a message; never backwards. False when it told nothing new.

        One that comes before we have written the provider's id waits for it.
        """
        async with self._database.transaction() as tx:
            known = await tx.one(_BY_PROVIDER, channel=channel, provider_id=provider_id)
            if known is None:
                _meet(tx, channel, provider_id)
                known = await tx.one(_BY_PROVIDER, channel=channel, provider_id=provider_id)
            if known is None:
                tx.later(
                    _KEEP_RECEIPT,
                    channel=channel,
                    provider_id=provider_id,
                    status=status.value,
                    detail=detail,
                )
                return False
            return await _advance(tx, known, status, detail)

    async def mark_read(self, conversation_id: str, seq: int) -> bool:
        """The contact has seen the thread up to `seq`. False when that was known."""
        async with self._database.read() as reader:
            so_far = await reader.one(_READ_SO_FAR, conversation_id=conversation_id)
        if so_far is None or so_far["contact_read_seq"] >= min(seq, so_far["last_seq"]):
            return False
        async with self._database.transaction() as tx:
            numbered = await number(tx, conversation_id, 1)
            row = await tx.one(_SEEN, conversation_id=conversation_id, seq=seq)
            if row is None:
                return False
            lower = [DeliveryStatus.SENT.value, DeliveryStatus.DELIVERED.value]
            unread = await tx.all(
                _UNREAD,
                conversation_id=conversation_id,
                after=so_far["contact_read_seq"],
                seq=row["contact_read_seq"],
                lower=lower,
                limit=_READ_AT_ONCE,
            )
            marked = await tx.all(_MARK, ids=[each["id"] for each in unread], lower=lower) if unread else []
            if marked:
                events.append(
                    tx,
                    contact_id=numbered["id"],
                    seq=numbered["last_event"],
                    conversation_id=conversation_id,
                    kind="delivery",
                    created_at=marked[0]["updated_at"],
                    data={
                        "message_ids": [each["message_id"] for each in marked],
                        "status": "read",
                        "error": None,
                    },
                )
        return True


def _meet(tx: Transaction, channel: str, provider_id: str) -> None:
    """Where a receipt and the settling of its delivery wait for each other, so that neither misses the
    other: a row of no status, which one of them must insert first."""
    tx.later(_KEEP_RECEIPT, channel=channel, provider_id=provider_id, status="", detail=None)


async def _catch_up(tx: Transaction, claimed: ClaimedDelivery, provider_id: str) -> None:
    """Apply the receipts that came before the provider's id was known here."""
    channel = claimed.message.channel
    _meet(tx, channel, provider_id)
    known = {"id": claimed.delivery_id, "conversation_id": claimed.conversation_id}
    for receipt in await tx.all(_RECEIPTS, channel=channel, provider_id=provider_id):
        await _advance(tx, known, DeliveryStatus(receipt["status"]), receipt["detail"])
    tx.later(_DROP_RECEIPTS, channel=channel, provider_id=provider_id)


def _lower(status: DeliveryStatus) -> list[str]:
    return [each.value for each in _ORDER[: _ORDER.index(status)]]


async def _advance(tx: Transaction, known: Row, status: DeliveryStatus, detail: str | None) -> bool:
    numbered = await number(tx, known["conversation_id"], 1)
    error = detail if status is DeliveryStatus.FAILED else None
    row = await tx.one(_ADVANCE, id=known["id"], status=status.value, error=error, lower=_lower(status))
    if row is None:
        return False
    _tell(tx, numbered, row, status=status, error=error)
    return True


def _tell(tx: Transaction, numbered: Row, row: Row, *, status: DeliveryStatus, error: str | None) -> None:
    events.append(
        tx,
        contact_id=numbered["id"],
        seq=numbered["last_event"],
        conversation_id=row["conversation_id"],
        kind="delivery",
        created_at=row["updated_at"],
        data={"message_ids": [row["message_id"]], "status": status.value, "error": error},
    )
