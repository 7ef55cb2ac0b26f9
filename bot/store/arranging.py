"""What operators arrange for themselves: labels, priorities, and what they have begun to write."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from bot.store import audit
from bot.store.database import Database, Transaction, moment
from bot.store.outgoing import NoSuchConversation
from bot.store.records import ReplyDraft

_EXISTS = "SELECT id FROM conversations WHERE id = :id"
_LABELS = "SELECT label FROM conversation_labels WHERE conversation_id = :id"
_LABEL = """
    INSERT INTO conversation_labels (conversation_id, label) VALUES (:id, :label) ON CONFLICT DO NOTHING
"""
_UNLABEL = "DELETE FROM conversation_labels WHERE conversation_id = :id AND label {in labels}"
_USED = """
    SELECT label, COUNT(*) AS count FROM conversation_labels GROUP BY label ORDER BY count DESC, label
    LIMIT :limit
"""
_PRIORITY = """
    UPDATE conversations SET priority = :priority WHERE id = :id AND priority <> :priority RETURNING id
"""
_KEEP = """
    INSERT INTO reply_drafts (conversation_id, operator_id, text, private, updated_at)
    VALUES (:id, :operator_id, :text, :private, {now})
    ON CONFLICT (conversation_id, operator_id) DO UPDATE SET
        text = excluded.text, private = excluded.private, updated_at = excluded.updated_at
"""
_DROP = "DELETE FROM reply_drafts WHERE conversation_id = :id AND operator_id = :operator_id"
_DRAFT = """
    SELECT text, private, updated_at FROM reply_drafts
    WHERE conversation_id = :id AND operator_id = :operator_id
"""


class Arranging:
    """Changes nothing that a contact could see. Raises NoSuchConversation."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def label(
        self, conversation_id: str, *, add: Collection[str] = (), remove: Collection[str] = ()
    ) -> bool:
        """Put labels on a conversation and take others off. False when all of that was so already."""

        async def change(tx: Transaction) -> bool:
            await _existing(tx, conversation_id)
            there = {row["label"] for row in await tx.all(_LABELS, id=conversation_id)}
            new, gone = [each for each in add if each not in there], sorted(there & set(remove))
            tx.many(_LABEL, [{"id": conversation_id, "label": each} for each in new])
            if gone:
                tx.later(_UNLABEL, id=conversation_id, labels=gone)
            if new or gone:
                audit.note(
                    tx, "conversation.labels", conversation_id, {"put_on": [*new], "taken_off": [*gone]}
                )
            return bool(new or gone)

        return await self._database.write(change)

    async def labels(self, limit: int = 100) -> Sequence[tuple[str, int]]:
        """The labels in use and on how many conversations each stands, the commonest first."""
        async with self._database.read() as reader:
            return [(row["label"], row["count"]) for row in await reader.all(_USED, limit=limit)]

    async def prioritise(self, conversation_id: str, priority: int) -> bool:
        """How urgent it is; 0 is usual. False when that was so already."""

        async def change(tx: Transaction) -> bool:
            await _existing(tx, conversation_id)
            changed = await tx.one(_PRIORITY, id=conversation_id, priority=priority) is not None
            if changed:
                audit.note(tx, "conversation.priority", conversation_id, {"to": priority})
            return changed

        return await self._database.write(change)

    async def keep_draft(self, conversation_id: str, operator_id: str, text: str, *, private: bool) -> None:
        """What the operator has begun to write, for when they come back; nothing, once it is empty."""

        async def keep(tx: Transaction) -> None:
            await _existing(tx, conversation_id)
            if text.strip():
                tx.later(_KEEP, id=conversation_id, operator_id=operator_id, text=text, private=private)
            else:
                tx.later(_DROP, id=conversation_id, operator_id=operator_id)

        await self._database.write(keep)

    async def draft(self, conversation_id: str, operator_id: str) -> ReplyDraft | None:
        """What the operator had begun to write."""
        async with self._database.read() as reader:
            row = await reader.one(_DRAFT, id=conversation_id, operator_id=operator_id)
        if row is None:
            return None
        return ReplyDraft(
            text=row["text"], private=bool(row["private"]), updated_at=moment(row["updated_at"])
        )


async def _existing(tx: Transaction, conversation_id: str) -> None:
    if await tx.one(_EXISTS, id=conversation_id) is None:
        raise NoSuchConversation(conversation_id)
