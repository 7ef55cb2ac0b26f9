"""Contacts as operators see and correct them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson
from pydantic import JsonValue

from bot.store import audit, listing, merging
from bot.store.database import Database, Reader, Row, Transaction, moment
from bot.store.listing import place_of
from bot.store.merging import Moved
from bot.store.records import ContactEntry, KnownAddress, MergeRecord, Profile
from bot.store.target import Target

_CONTACT = """
    SELECT id, name, attributes, merged_into, created_at FROM contacts WHERE id = :id
"""
_ADDRESSES = """
    SELECT contact_id, channel, address, verified, opted_out_at FROM identities WHERE contact_id {in ids}
    ORDER BY created_at, id
"""
_CONVERSATIONS = """
    SELECT id FROM conversations WHERE contact_id = :id AND last_seq > 0
    ORDER BY last_activity_at DESC LIMIT :limit
"""
_MERGES = """
    SELECT m.id, m.source_id, m.decided_by, m.created_at, m.undone_at, c.name FROM merges m
    JOIN contacts c ON c.id = m.source_id WHERE m.target_id = :id ORDER BY m.created_at DESC LIMIT :limit
"""
# Whoever never wrote is in no list.
_NEWEST = """
    SELECT c.id, c.name, c.created_at FROM contacts c
    WHERE c.merged_into IS NULL AND c.last_event > 0
        AND c.created_at <= :at AND (c.created_at < :at OR c.id < :last) {narrowed}
    ORDER BY c.created_at DESC, c.id DESC LIMIT :limit
"""
_NAMED = """AND (LOWER(c.name) LIKE :like ESCAPE '!' OR EXISTS (SELECT 1 FROM identities i
    WHERE i.contact_id = c.id AND LOWER(i.address) LIKE :like ESCAPE '!'))
"""
_FIGURES = """
    SELECT contact_id, COUNT(*) AS count, MAX(last_activity_at) AS last_activity_at FROM conversations
    WHERE contact_id {in ids} AND last_seq > 0 GROUP BY contact_id
"""
_RENAME = """
    UPDATE contacts SET name = :name, attributes = :attributes
    WHERE id = :id AND merged_into IS NULL RETURNING id
"""


class Profiles:
    """Reads contacts for operators, and what operators know better."""

    def __init__(self, database: Database, target: Target) -> None:
        self._database = database
        self._target = target

    async def get(self, contact_id: str, *, conversations: int = 20) -> Profile | None:
        """A contact with their newest conversations; of one that became a part of another, the other."""
        async with self._database.read(snapshot=True) as reader:
            contact = await reader.one(_CONTACT, id=contact_id)
            while contact is not None and contact["merged_into"] is not None:
                contact = await reader.one(_CONTACT, id=contact["merged_into"])
            if contact is None:
                return None
            found = contact["id"]
            addresses = await _addresses(reader, [found])
            rows = await reader.all(_CONVERSATIONS, id=found, limit=conversations)
            ids = [row["id"] for row in rows]
            entries = await listing.entries(reader, ids, self._target)
            merges = await reader.all(_MERGES, id=found, limit=50)
        return Profile(
            id=found,
            name=contact["name"],
            attributes=orjson.loads(contact["attributes"]),
            created_at=moment(contact["created_at"]),
            addresses=addresses.get(found, ()),
            conversations=[entries[each] for each in ids if each in entries],
            merges=[_merge(row) for row in merges],
        )

    async def page(
        self, words: Sequence[str], *, before: str = "", limit: int = 50
    ) -> tuple[Sequence[ContactEntry], str]:
        """Contacts in whose name or one of whose addresses the words stand in this order, the newest first,
        and the cursor of the next page ("" at the end). Raises BadPage."""
        at, last = place_of(before) if before else (2**62, "")
        values = {"like": f"%{'%'.join(word.lower().replace('_', '!_') for word in words)}%"} if words else {}
        sql = _NEWEST.replace("{narrowed}", _NAMED if words else "")
        async with self._database.search() if words else self._database.read(snapshot=True) as reader:
            rows = await reader.all(sql, at=at, last=last, limit=limit + 1, **values)
            shown = rows[:limit]
            ids = [row["id"] for row in shown]
            addresses = await _addresses(reader, ids)
            figures = {row["contact_id"]: row for row in await reader.all(_FIGURES, ids=ids)}
        more = f"{shown[-1]['created_at']}.{shown[-1]['id']}" if len(rows) > limit else ""
        return [
            ContactEntry(
                id=row["id"],
                name=row["name"],
                addresses=addresses.get(row["id"], ()),
                conversations=figures[row["id"]]["count"] if row["id"] in figures else 0,
                last_activity_at=moment(figures[row["id"]]["last_activity_at"])
                if row["id"] in figures
                else None,
                created_at=moment(row["created_at"]),
            )
            for row in shown
        ], more

    async def correct(self, contact_id: str, *, name: str, attributes: Mapping[str, JsonValue]) -> bool:
        """What operators know of the contact, instead of what was known. False when there is none such."""

        async def correct(tx: Transaction) -> bool:
            before = await tx.one(_CONTACT, id=contact_id)
            row = await tx.one(
                _RENAME, id=contact_id, name=name, attributes=orjson.dumps(attributes).decode()
            )
            if before is None or row is None:
                return False
            known = orjson.loads(before["attributes"])
            other = [each for each in {**known, **attributes} if known.get(each) != attributes.get(each)]
            audit.note(
                tx, "contact.correct", contact_id, {"name": name != before["name"], "attributes": [*other]}
            )
            return True

        return await self._database.write(correct)

    async def merge(self, source_id: str, target_id: str, *, decided_by: str) -> str | None:
        """Make one contact of two, the source a part of the target; the id to undo it by.

        None when one of them is not there, or is a part of another by now.
        """

        async def both(tx: Transaction) -> str:
            return await merging.merge(
                tx, await merging.lock(tx, source_id, target_id), decided_by=decided_by
            )

        try:
            return await self._database.write(both)
        except Moved:
            return None


async def _addresses(reader: Reader, ids: Sequence[str]) -> Mapping[str, Sequence[KnownAddress]]:
    found: dict[str, list[KnownAddress]] = {}
    for row in await reader.all(_ADDRESSES, ids=list(ids)):
        found.setdefault(row["contact_id"], []).append(
            KnownAddress(
                channel=row["channel"],
                address=row["address"],
                verified=bool(row["verified"]),
                opted_out=row["opted_out_at"] is not None,
            )
        )
    return found


def _merge(row: Row) -> MergeRecord:
    return MergeRecord(
        id=row["id"],
        source_id=row["source_id"],
        source_name=row["name"],
        decided_by=row["decided_by"],
        created_at=moment(row["created_at"]),
        undone=row["undone_at"] is not None,
    )
