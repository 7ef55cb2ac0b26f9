"""Who of the operators is in which conversation, as long as they keep saying so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.store.database import Database, Transaction
from bot.store.records import Doing, Operator, Present

FRESH = 45  # seconds after which somebody who says nothing more counts as gone
_STALE = 3600  # seconds after which nobody asks any more
_KNOWN = """
    SELECT doing FROM presences WHERE operator_id = :operator_id AND conversation_id = :conversation_id
        AND seen_at > {now} - :fresh
"""
_BE = """
    INSERT INTO presences (operator_id, conversation_id, name, doing, seen_at)
    VALUES (:operator_id, :conversation_id, :name, :doing, {now})
    ON CONFLICT (operator_id, conversation_id) DO UPDATE SET
        name = excluded.name, doing = excluded.doing, seen_at = excluded.seen_at
"""
_GO = "DELETE FROM presences WHERE operator_id = :operator_id AND conversation_id = :conversation_id"
_FORGET = "DELETE FROM presences WHERE operator_id = :operator_id AND seen_at < {now} - :stale"
_HERE = """
    SELECT conversation_id, operator_id, name, doing FROM presences
    WHERE conversation_id {in ids} AND seen_at > {now} - :fresh ORDER BY conversation_id, name, operator_id
"""


class Presence:
    """Operators who look at a conversation or write in it. Viewers look, too."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def be(self, conversation_id: str, operator: Operator, doing: Doing) -> bool:
        """What the operator does there, said again within 45 s. False when that was known."""

        async def be(tx: Transaction) -> bool:
            where = {"operator_id": operator.id, "conversation_id": conversation_id}
            known = await tx.one(_KNOWN, **where, fresh=FRESH * 1_000_000)
            if doing == "gone":
                tx.later(_GO, **where)
                return known is not None
            tx.later(_BE, **where, name=operator.name, doing=doing)
            tx.later(_FORGET, operator_id=operator.id, stale=_STALE * 1_000_000)
            return known is None or known["doing"] != doing

        return await self._database.write(be)

    async def here(self, conversation_ids: Sequence[str]) -> Mapping[str, Sequence[Present]]:
        """Who is in each of these conversations now; those in which nobody is are left out."""
        ids = list(conversation_ids)
        if not ids:
            return {}
        async with self._database.read() as reader:
            rows = await reader.all(_HERE, ids=ids, fresh=FRESH * 1_000_000)
        found: dict[str, list[Present]] = {}
        for row in rows:
            one = Present(operator_id=row["operator_id"], name=row["name"], doing=row["doing"])
            found.setdefault(row["conversation_id"], []).append(one)
        return found
