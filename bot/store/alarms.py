"""What the owner is told of: each trouble once, however many workers see it, and once when it is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from pydantic import JsonValue

from bot.store.database import Database, Row, Transaction, moment, new_id
from bot.store.outgoing import NoSuchConversation
from bot.store.records import Notice, NoticeKind, WebhookType
from bot.store.webhooks import announce

_KEPT = 100 * 24 * 3600 * 1_000_000  # microseconds after which a trouble that never ended may be told again

_RAISE = """
    INSERT INTO alarms (key, since) VALUES (:key, {now}) ON CONFLICT (key) DO NOTHING RETURNING since
"""
_END = "DELETE FROM alarms WHERE key = :key RETURNING since"
_STANDING = """
    SELECT key, since, {now} - since AS age FROM alarms WHERE key >= :prefix AND key < :end ORDER BY key
"""
_FORGET = "DELETE FROM alarms WHERE since < {now} - :age"

_WRITE = """
    INSERT INTO notices (id, target, kind, title, text, created_at, due_at)
    VALUES (:id, :target, :kind, :title, :text, {now}, {now})
"""
_CLAIM = """
    UPDATE notices SET attempts = attempts + 1, due_at = {now} + :lease
    WHERE due_at <= {now} AND id IN (
        SELECT id FROM notices WHERE due_at <= {now} ORDER BY due_at, id LIMIT :limit)
    RETURNING id, target, kind, title, text, attempts, created_at
"""
# `attempts` is the fence: whoever claims it raises it, so that one who lost the lease changes nothing.
_SETTLE = "DELETE FROM notices WHERE id = :id AND attempts = :attempt"
_POSTPONE = "UPDATE notices SET due_at = {now} + :delay WHERE id = :id AND attempts = :attempt"


class Alarms:
    """The troubles that have been told, and the notices of them that are still to be sent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(
        self,
        key: str,
        event: WebhookType,
        data: Mapping[str, JsonValue],
        *,
        title: str,
        text: str,
        kind: NoticeKind,
        targets: Sequence[str],
        conversation_id: str | None = None,
        seldom: str = "",
    ) -> bool:
        """Have a trouble told, unless it was told already and has not ended since. Whether it is told now.

        Of all that share a `seldom` only the first goes to `targets`.
        """

        async def tell(tx: Transaction) -> bool:
            tx.later(_FORGET, age=_KEPT)
            if await tx.one(_RAISE, key=key) is None:
                return False
            await _tell(tx, event, data, conversation_id)
            if not seldom or await tx.one(_RAISE, key=seldom) is not None:
                _write(tx, title, text, kind, targets)
            return True

        return await self._database.write(tell)

    async def end(
        self,
        key: str,
        event: WebhookType,
        data: Mapping[str, JsonValue],
        *,
        title: str,
        text: str,
        targets: Sequence[str],
    ) -> bool:
        """Have it told that a trouble is over; False when it was not told of, or its end was already."""

        async def tell(tx: Transaction) -> bool:
            if await tx.one(_END, key=key) is None:
                return False
            await _tell(tx, event, data, None)
            _write(tx, title, text, "success", targets)
            return True

        return await self._database.write(tell)

    async def standing(self, prefix: str) -> Mapping[str, datetime]:
        """The troubles told that have not ended, those whose key begins so, with when they were told."""
        return {row["key"]: moment(row["since"]) for row in await self._standing(prefix)}

    async def told_ago(self, prefix: str) -> Mapping[str, float]:
        """The same, with how many seconds ago."""
        return {row["key"]: row["age"] / 1_000_000 for row in await self._standing(prefix)}

    async def _standing(self, prefix: str) -> Sequence[Row]:
        async with self._database.read() as reader:
            return await reader.all(_STANDING, prefix=prefix, end=f"{prefix}\U0010ffff")

    async def claim(self, limit: int, lease: float) -> Sequence[Notice]:
        """Take notices to send, the longest due first; ours for `lease` seconds."""
        rows = await self._database.write(
            lambda tx: tx.all(_CLAIM, limit=limit, lease=round(lease * 1_000_000))
        )
        return [_notice(row) for row in rows]

    async def settle(self, notice: Notice) -> None:
        """It was sent, or is given up."""
        await self._database.change(_SETTLE, id=notice.id, attempt=notice.attempt)

    async def postpone(self, notice: Notice, seconds: float) -> None:
        """It could not be sent and is due again."""
        await self._database.change(
            _POSTPONE, id=notice.id, attempt=notice.attempt, delay=round(seconds * 1_000_000)
        )


async def _tell(
    tx: Transaction, event: WebhookType, data: Mapping[str, JsonValue], conversation_id: str | None
) -> None:
    try:
        await announce(tx, event, data, conversation_id)
    except NoSuchConversation:
        await announce(tx, event, data)


def _write(tx: Transaction, title: str, text: str, kind: NoticeKind, targets: Sequence[str]) -> None:
    for target in targets:
        tx.later(_WRITE, id=new_id("ntc"), target=target, kind=kind, title=title, text=text)


def _notice(row: Row) -> Notice:
    return Notice(
        id=row["id"],
        target=row["target"],
        kind=row["kind"],
        title=row["title"],
        text=row["text"],
        attempt=row["attempts"],
        created_at=moment(row["created_at"]),
    )
