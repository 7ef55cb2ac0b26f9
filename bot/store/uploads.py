"""Uploads that no message ever took along, and their end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from bot.store.database import Database

# Marked first, so that no message takes along what is being removed. The outer condition holds even for a
# row that a message takes along between the two looks at it.
_DROP = """
    UPDATE attachments SET state = 'dropped' WHERE message_id IS NULL AND key IN (
        SELECT key FROM attachments
        WHERE message_id IS NULL AND due_at IS NULL AND created_at <= {now} - :age
            AND (operator_id IS NULL OR created_at <= {now} - :laid) LIMIT :limit
    ) RETURNING key
"""
_LAID = 30 * 86_400 * 1_000_000  # microseconds a file may lie beside a reply that somebody has begun
_FORGET = "DELETE FROM attachments WHERE key {in keys} AND state = 'dropped'"


class Uploads:
    """Files that were given to us and not sent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def dropping(self, *, unsent_for: float, limit: int = 100) -> AsyncIterator[Sequence[str]]:
        """Keys of files unsent for so many seconds, whose bytes the block removes; what an operator laid
        beside a reply is left there for a month.

        They are forgotten once it ends well: whoever is stopped in the middle finds them again.
        """
        rows = await self._database.write(
            lambda tx: tx.all(_DROP, age=round(unsent_for * 1_000_000), laid=_LAID, limit=limit)
        )
        keys = [row["key"] for row in rows]
        yield keys
        if keys:
            await self._database.change(_FORGET, keys=keys)
