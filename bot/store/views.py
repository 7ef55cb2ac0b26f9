"""Saved views: what operators look for often, their own and everybody's."""

from __future__ import annotations

from collections.abc import Sequence

from bot.store import audit
from bot.store.database import Database, Row, Transaction, new_id
from bot.store.records import SavedView

_MINE = """
    SELECT id, operator_id, name, query, shared FROM saved_views
    WHERE operator_id = :operator_id ORDER BY name LIMIT :limit
"""
_SHARED = """
    SELECT id, operator_id, name, query, shared FROM saved_views WHERE shared ORDER BY name LIMIT :limit
"""
_ONE = "SELECT id, operator_id, name, query, shared FROM saved_views WHERE id = :id"
_KEEP = """
    INSERT INTO saved_views (id, operator_id, name, query, shared, created_at)
    VALUES (:id, :operator_id, :name, :query, :shared, {now})
    ON CONFLICT (id) DO UPDATE SET name = excluded.name, query = excluded.query, shared = excluded.shared
    RETURNING id, operator_id, name, query, shared
"""
_REMOVE = "DELETE FROM saved_views WHERE id = :id RETURNING id"
_MOST = 50  # of one operator's, and of those that everybody sees


class Views:
    """Views of the inbox, by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def seen_by(self, operator_id: str) -> Sequence[SavedView]:
        """The operator's own and those that are shared, by name."""
        async with self._database.read() as reader:
            rows = [
                *await reader.all(_MINE, operator_id=operator_id, limit=_MOST),
                *await reader.all(_SHARED, limit=_MOST),
            ]
        found = {row["id"]: _view(row) for row in rows}
        return sorted(found.values(), key=lambda view: (view.name.casefold(), view.id))

    async def one(self, view_id: str) -> SavedView | None:
        """One of them."""
        async with self._database.read() as reader:
            row = await reader.one(_ONE, id=view_id)
        return _view(row) if row else None

    async def keep(
        self, view_id: str | None, *, operator_id: str, name: str, query: str, shared: bool
    ) -> SavedView:
        """A new one, or another form of one that there is, whose owner stays. Raises Duplicate when its owner
        has another of this name."""

        async def keep(tx: Transaction) -> SavedView:
            key = view_id or new_id("view")
            row = await tx.one(_KEEP, id=key, operator_id=operator_id, name=name, query=query, shared=shared)
            assert row is not None
            audit.note(tx, "view.keep", key, {"shared": shared})
            return _view(row)

        return await self._database.write(keep)

    async def remove(self, view_id: str) -> bool:
        """Take one away. False when there is none such."""

        async def remove(tx: Transaction) -> bool:
            row = await tx.one(_REMOVE, id=view_id)
            if row is not None:
                audit.note(tx, "view.remove", view_id)
            return row is not None

        return await self._database.write(remove)


def _view(row: Row) -> SavedView:
    return SavedView(
        id=row["id"],
        operator_id=row["operator_id"],
        name=row["name"],
        query=row["query"],
        shared=bool(row["shared"]),
    )
