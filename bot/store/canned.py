"""What operators say often."""

from __future__ import annotations

from collections.abc import Sequence

from bot.store import audit
from bot.store.database import Database, Row, Transaction, moment, new_id
from bot.store.records import CannedAnswer

_EVERY = "SELECT id, name, text, updated_at FROM canned_answers ORDER BY name LIMIT :limit"
_KEEP = """
    INSERT INTO canned_answers (id, name, text, updated_at) VALUES (:id, :name, :text, {now})
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, text = excluded.text,
        updated_at = excluded.updated_at
    RETURNING id, name, text, updated_at
"""
_ONE = "SELECT id, name, text, updated_at FROM canned_answers WHERE id = :id"
_REMOVE = "DELETE FROM canned_answers WHERE id = :id RETURNING name"
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

        async def keep(tx: Transaction) -> CannedAnswer:
            row = await tx.one(_KEEP, id=answer_id or new_id("can"), name=name, text=text)
            assert row is not None
            audit.note(tx, "canned.keep", row["id"], {"name": name})
            return _canned(row)

        return await self._database.write(keep)

    async def remove(self, answer_id: str) -> bool:
        """Take one away. False when there is none such."""

        async def remove(tx: Transaction) -> bool:
            row = await tx.one(_REMOVE, id=answer_id)
            if row is not None:
                audit.note(tx, "canned.remove", answer_id, {"name": row["name"]})
            return row is not None

        return await self._database.write(remove)


def _canned(row: Row) -> CannedAnswer:
    return CannedAnswer(
        id=row["id"], name=row["name"], text=row["text"], updated_at=moment(row["updated_at"])
    )
