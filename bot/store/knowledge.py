"""Where knowledge was learned from, and what it could not answer. The passages lie in their own index."""

from __future__ import annotations

from collections.abc import Sequence

from bot.store.database import Database, moment, new_id
from bot.store.records import Gap, LearnedSource

_REMEMBER = """
    INSERT INTO knowledge_sources (id, address, kind, documents, failed, learned_at)
    VALUES (:id, :address, :kind, :documents, :failed, {now})
    ON CONFLICT (address) DO UPDATE SET kind = excluded.kind, documents = excluded.documents,
        failed = excluded.failed, learned_at = excluded.learned_at
"""
_FORGET = "DELETE FROM knowledge_sources WHERE address = :address"
_SOURCES = "SELECT id, address, kind, documents, failed, learned_at FROM knowledge_sources ORDER BY address"
_GAP = """
    INSERT INTO knowledge_gaps (id, question, conversation_id, turn_id, created_at)
    VALUES (:id, :question, :conversation_id, :turn_id, {now})
"""
_GAPS = """
    SELECT id, question, conversation_id, turn_id, created_at FROM knowledge_gaps
    ORDER BY created_at DESC LIMIT :limit
"""


class KnowledgeBook:
    """What was learned and what is missing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def remember(self, address: str, *, kind: str = "", documents: int, failed: int) -> None:
        """A source was learned, again or for the first time."""
        await self._database.change(
            _REMEMBER, id=new_id("src"), address=address, kind=kind, documents=documents, failed=failed
        )

    async def forget(self, address: str) -> None:
        """A source is no longer what is answered from."""
        await self._database.change(_FORGET, address=address)

    async def sources(self) -> Sequence[LearnedSource]:
        """Everything that was learned, by address."""
        async with self._database.read() as reader:
            rows = await reader.all(_SOURCES)
        return [
            LearnedSource(
                id=row["id"],
                address=row["address"],
                kind=row["kind"],
                documents=row["documents"],
                failed=row["failed"],
                learned_at=moment(row["learned_at"]),
            )
            for row in rows
        ]

    async def gap(self, question: str, *, conversation_id: str, turn_id: str | None = None) -> None:
        """Note a question that knowledge could not ground."""
        await self._database.change(
            _GAP, id=new_id("gap"), question=question, conversation_id=conversation_id, turn_id=turn_id
        )

    async def gaps(self, limit: int = 100) -> Sequence[Gap]:
        """The newest of them first."""
        async with self._database.read() as reader:
            rows = await reader.all(_GAPS, limit=limit)
        return [
            Gap(
                id=row["id"],
                question=row["question"],
                conversation_id=row["conversation_id"],
                turn_id=row["turn_id"],
                created_at=moment(row["created_at"]),
            )
            for row in rows
        ]
