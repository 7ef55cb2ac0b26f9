"""Events told to others' programs: in order in each conversation, each by one worker at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson
from pydantic import JsonValue

from bot.store import audit, messages, telling
from bot.store.database import Database, Row, Transaction, moment
from bot.store.outgoing import NoSuchConversation, number
from bot.store.records import Backlog, ClaimedWebhook, StoredMessage, WebhookRecord, WebhookType

_KEPT = 30 * 24 * 3600 * 1_000_000  # microseconds for which what was given up can be looked at
_COUNTED = 10_000  # rows looked at to say how many there are; nobody needs to know of more

_COLUMNS = "id, type, conversation_id, message_id, data, attempts, created_at, {now} - created_at AS age"
_CLAIM = f"""
    UPDATE webhooks SET attempts = attempts + 1, due_at = {{now}} + :lease
    WHERE due_at <= {{now}} AND id IN (
        SELECT id FROM webhooks WHERE due_at <= {{now}} ORDER BY due_at LIMIT :limit)
    RETURNING {_COLUMNS}
"""  # noqa: S608
# `attempts` is the fence: whoever claims it raises it, so that one who lost the lease changes nothing.
_OURS = "id = :id AND attempts = :attempt AND due_at IS NOT NULL"
_TOLD = f"DELETE FROM webhooks WHERE {_OURS} RETURNING id"  # noqa: S608
_FAIL = f"""
    UPDATE webhooks SET failed_at = {{now}}, due_at = NULL, error = :error WHERE {_OURS} RETURNING id
"""  # noqa: S608
_POSTPONE = f"UPDATE webhooks SET due_at = {{now}} + :delay, error = :error WHERE {_OURS}"  # noqa: S608
_NEXT = f"""
    UPDATE webhooks SET attempts = attempts + 1, due_at = {{now}} + :lease
    WHERE due_at IS NULL AND failed_at IS NULL AND id = (
        SELECT id FROM webhooks WHERE conversation_id = :conversation_id AND failed_at IS NULL
        ORDER BY seq, part LIMIT 1)
    RETURNING {_COLUMNS}
"""  # noqa: S608
_WAITS = "SELECT 1 AS waits FROM webhooks WHERE due_at <= {now} LIMIT 1"
# Of a conversation only its first is counted: what waits behind it says nothing about the receiver.
_BACKLOG = f"""
    SELECT COUNT(*) AS waiting, COUNT(error) AS failing, {{now}} - MIN(created_at) AS oldest,
        MAX(error) AS error
    FROM (SELECT created_at, error FROM webhooks WHERE due_at > 0 ORDER BY due_at LIMIT {_COUNTED}) AS first
"""  # noqa: S608
_DEAD = f"""
    SELECT COUNT(*) AS failed
    FROM (SELECT 1 AS one FROM webhooks WHERE failed_at > 0 LIMIT {_COUNTED}) AS dead
"""  # noqa: S608
_FORGET = """
    DELETE FROM webhooks WHERE id IN (
        SELECT id FROM webhooks WHERE failed_at <= {now} - :age ORDER BY failed_at LIMIT :limit)
"""

_SHOWN = "id, type, conversation_id, attempts, error, created_at, due_at, failed_at"
_FAILED = f"""
    SELECT {_SHOWN} FROM webhooks
    WHERE failed_at IS NOT NULL AND failed_at <= :at AND (failed_at < :at OR id < :last)
    ORDER BY failed_at DESC, id DESC LIMIT :limit
"""  # noqa: S608
_ONE = f"SELECT {_SHOWN} FROM webhooks WHERE id = :id"  # noqa: S608
_AGAIN = """
    UPDATE webhooks SET failed_at = NULL, due_at = {now}, error = NULL
    WHERE id = :id AND failed_at IS NOT NULL RETURNING id
"""
_END = 2**62  # later than every time


async def announce(
    tx: Transaction, kind: WebhookType, data: Mapping[str, JsonValue], conversation_id: str | None = None
) -> None:
    """Have an event told in this transaction, if there is anybody to tell.

    One of a conversation waits for those before it, and locks its contact's row: nothing of the conversation
    may be locked before that. Raises NoSuchConversation.
    """
    if not tx.announces:
        return
    seq = (await number(tx, conversation_id, 1))["last_event"] if conversation_id else 0
    telling.queue(tx, [kind], conversation_id=conversation_id, seq=seq, data=data)


class Webhooks:
    """What is still to be told, and what could not be."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def announce(
        self, kind: WebhookType, data: Mapping[str, JsonValue], conversation_id: str | None = None
    ) -> None:
        """Have an event told. Raises NoSuchConversation."""
        await self._database.write(lambda tx: announce(tx, kind, data, conversation_id))

    async def waits(self) -> bool:
        """Whether anything is due."""
        async with self._database.read() as reader:
            return await reader.one(_WAITS) is not None

    async def backlog(self) -> Backlog:
        """What is not told yet, and how many were given up."""
        async with self._database.read() as reader:
            row = await reader.one(_BACKLOG)
            dead = await reader.one(_DEAD)
        assert row is not None
        assert dead is not None
        return Backlog(
            waiting=row["waiting"],
            failing=row["failing"],
            oldest=(row["oldest"] or 0) / 1_000_000,
            error=row["error"],
            failed=dead["failed"],
        )

    async def claim(self, limit: int, lease: float) -> Sequence[ClaimedWebhook]:
        """Take what is due, the longest due first; ours for `lease` seconds."""
        rows = await self._database.write(lambda tx: tx.all(_CLAIM, limit=limit, lease=_microseconds(lease)))
        return [_claimed(row) for row in rows]

    async def message(self, message_id: str) -> StoredMessage | None:
        """A message as it stands; None when it was erased."""
        async with self._database.read() as reader:
            row = await reader.one(messages.ONE, id=message_id)
        return messages.stored(row) if row else None

    async def settle(
        self, claimed: ClaimedWebhook, lease: float, *, error: str | None = None
    ) -> ClaimedWebhook | None:
        """It was told, or, with an `error`, is given up: what follows it in its conversation, ours to tell
        now. None when nothing does, or when it was no longer ours to say."""

        async def end(tx: Transaction) -> Row | None:
            if claimed.conversation_id is not None:
                await number(tx, claimed.conversation_id, 0)
            key = {"id": claimed.id, "attempt": claimed.attempt}
            ours = await (tx.one(_TOLD, **key) if error is None else tx.one(_FAIL, **key, error=error))
            if error is not None:
                tx.later(_FORGET, age=_KEPT, limit=10)
            if ours is None or claimed.conversation_id is None:
                return None
            return await tx.one(_NEXT, conversation_id=claimed.conversation_id, lease=_microseconds(lease))

        try:
            row = await self._database.write(end)
        except NoSuchConversation:
            return None
        return _claimed(row) if row else None

    async def postpone(self, claimed: ClaimedWebhook, *, error: str, seconds: float) -> None:
        """It could not be told: it is due again, and what follows it waits."""
        await self._database.change(
            _POSTPONE,
            id=claimed.id,
            attempt=claimed.attempt,
            error=error,
            delay=_microseconds(seconds),
        )

    async def failed(
        self, *, before: tuple[int, str] | None = None, limit: int = 50
    ) -> tuple[Sequence[WebhookRecord], tuple[int, str] | None]:
        """What was given up, the latest first, and where the next page begins."""
        at, last = before or (_END, "")
        async with self._database.read() as reader:
            rows = await reader.all(_FAILED, at=at, last=last, limit=limit + 1)
        shown = rows[:limit]
        more = (shown[-1]["failed_at"], shown[-1]["id"]) if len(rows) > limit else None
        return [_record(row) for row in shown], more

    async def again(self, webhook_id: str) -> WebhookRecord | None:
        """Have what was given up told after all, out of its order; None: there is no such event."""

        async def queue(tx: Transaction) -> Row | None:
            if await tx.one(_AGAIN, id=webhook_id):
                audit.note(tx, "webhook.again", webhook_id)
            return await tx.one(_ONE, id=webhook_id)

        row = await self._database.write(queue)
        return _record(row) if row else None


def _microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)


def _claimed(row: Row) -> ClaimedWebhook:
    return ClaimedWebhook(
        id=row["id"],
        type=row["type"],
        conversation_id=row["conversation_id"],
        message_id=row["message_id"],
        data=orjson.loads(row["data"]),
        attempt=row["attempts"],
        age=row["age"] / 1_000_000,
        created_at=moment(row["created_at"]),
    )


def _record(row: Row) -> WebhookRecord:
    return WebhookRecord(
        id=row["id"],
        type=row["type"],
        conversation_id=row["conversation_id"],
        attempts=row["attempts"],
        error=row["error"],
        created_at=moment(row["created_at"]),
        due_at=moment(row["due_at"]) if row["due_at"] is not None else None,
        failed_at=moment(row["failed_at"]) if row["failed_at"] is not None else None,
    )
