"""Which notes speak to which operator, until they have read them."""

from __future__ import annotations

from bot.store.database import Database

ADD = """
    INSERT INTO mentions (message_id, operator_id, conversation_id, created_at)
    VALUES (:message_id, :operator_id, :conversation_id, {now}) ON CONFLICT DO NOTHING
"""
_UNREAD = """
    SELECT DISTINCT conversation_id FROM mentions WHERE operator_id = :operator_id AND read_at IS NULL
    LIMIT :limit
"""
_READ = """
    UPDATE mentions SET read_at = {now}
    WHERE operator_id = :operator_id AND conversation_id = :conversation_id AND read_at IS NULL
        AND EXISTS (SELECT 1 FROM messages m WHERE m.id = message_id AND m.seq <= :seq)
    RETURNING message_id
"""
_MOST = 100  # conversations counted


class Mentions:
    """What operators were told in notes by their name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def unread(self, operator_id: str) -> frozenset[str]:
        """The conversations in which a note that the operator has not read speaks to them, 100 at most."""
        async with self._database.read() as reader:
            rows = await reader.all(_UNREAD, operator_id=operator_id, limit=_MOST)
        return frozenset(row["conversation_id"] for row in rows)

    async def read(self, conversation_id: str, operator_id: str, seq: int) -> bool:
        """The operator has seen everything up to `seq`. False when no note there spoke to them."""
        where = {"conversation_id": conversation_id, "operator_id": operator_id}
        return await self._database.change(_READ, **where, seq=seq) is not None
