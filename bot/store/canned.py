"""What operators say often."""

from __future__ import annotations

from collections.abc import Sequence

from bot.store.database import Database, Row, moment, new_id
from bot.store.records import CannedAnswer

_EVERY = "SELECT id, name, text, updated_at FROM canned_answers ORDER BY name LIMIT :limit"
_KEEP = """
    INSERT INTO canned_answers (id, name, text, updated_at) VALUES (:id, :name, :text, {now})
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, text = excluded.text,
        updated_at = excluded.updated_at
    RETURNING id, name, text, updated_at
"""
_ONE = "SELECT id, name, text, updated_at FROM canned_answers WHERE id = :id"
_REMOVE = "DELETE FROM canned_answers WHERE id = :id RETURNING id"
_MOST = 1_000


class Canned:
    """Canned answers, by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def every(self) -> Sequence[CannedAnswer]:
        """All of them, by name."""
        async with self._database.read() as reader:
            return [_canned(row) for row in await reader.all(_EVERY, limit=_MOST)]

    async def one(self, answer_id: str) -> CannedAnswer | None:
        """One of them."""
        async with self._database.read() as reader:
            row = await reader.one(_ONE, id=answer_id)
        return _canned(row) if row else None

    async def keep(self, answer_id: str | None, *, name: str, text: str) -> CannedAnswer:
        """A new one, or another text for one that there is. Raises Duplicate when the name is taken."""
        row = await self._database.change(_KEEP, id=answer_id or new_id("can"), name=name, text=text)
        assert row is not None
        return _canned(row)

    async def remove(self, answer_id: str) -> bool:
        """Take one away. False when there is none such."""
        return await self._database.change(_REMOVE, id=answer_id) is not None


def _canned(row: Row) -> CannedAnswer:
    return CannedAnswer(
        id=row["id"], name=row["name"], text=row["text"], updated_at=moment(row["updated_at"])
    )
