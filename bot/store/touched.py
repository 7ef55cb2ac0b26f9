"""How many customers a trouble has touched."""

from __future__ import annotations

from collections.abc import Sequence

from bot.store.database import Database

_BY_STEPS = """
    SELECT COUNT(DISTINCT c.contact_id) AS customers
    FROM steps s JOIN turns t ON t.id = s.turn_id JOIN conversations c ON c.id = t.conversation_id
    WHERE (s.status = 'failed' OR s.kind = 'fallback') AND s.started_at >= {now} - :ago
        AND (s.status = 'failed' AND s.kind = :kind AND s.name = :name
            OR s.kind = 'fallback' AND s.name {in instead})
"""
_BY_SENDINGS = """
    SELECT COUNT(DISTINCT c.contact_id) AS customers
    FROM sendings s JOIN conversations c ON c.id = s.conversation_id
    WHERE s.due_at > 0 AND s.channel = :channel AND s.error IS NOT NULL
"""
_BY_WAITING = """
    SELECT COUNT(DISTINCT contact_id) AS customers FROM conversations WHERE due_at <= {now} - :late
"""


class Touched:
    """Counts customers, each once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def by_steps(self, kind: str, name: str, *, instead: Sequence[str], seconds: float) -> int:
        """Those in whose turns such a step has failed, or something has stood in for it, in the last
        `seconds`; a turn counts once it has ended."""
        return await self._count(
            _BY_STEPS, kind=kind, name=name, instead=list(instead), ago=_microseconds(seconds)
        )

    async def by_sendings(self, channel: str) -> int:
        """Those for whom something waits that a channel did not take."""
        return await self._count(_BY_SENDINGS, channel=channel)

    async def by_waiting(self, seconds: float) -> int:
        """Those who have been waiting for a turn for so long."""
        return await self._count(_BY_WAITING, late=_microseconds(seconds))

    async def _count(self, sql: str, **params: object) -> int:
        async with self._database.read() as reader:
            row = await reader.one(sql, **params)
        assert row is not None
        return int(row["customers"])


def _microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)
