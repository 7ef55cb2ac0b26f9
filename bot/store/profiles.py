"""Contacts as operators see them."""

from __future__ import annotations

import orjson

from bot.store import listing
from bot.store.database import Database, moment
from bot.store.records import KnownAddress, Profile

_CONTACT = "SELECT id, name, attributes, created_at FROM contacts WHERE id = :id"
_ADDRESSES = """
    SELECT channel, address, verified, opted_out_at FROM identities WHERE contact_id = :id
    ORDER BY created_at, id
"""
_CONVERSATIONS = """
    SELECT id FROM conversations WHERE contact_id = :id AND last_seq > 0
    ORDER BY last_activity_at DESC LIMIT :limit
"""


class Profiles:
    """Reads contacts for operators."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, contact_id: str, *, conversations: int = 20) -> Profile | None:
        """A contact with their newest conversations."""
        async with self._database.read(snapshot=True) as reader:
            contact = await reader.one(_CONTACT, id=contact_id)
            if contact is None:
                return None
            addresses = await reader.all(_ADDRESSES, id=contact_id)
            ids = [row["id"] for row in await reader.all(_CONVERSATIONS, id=contact_id, limit=conversations)]
            entries = await listing.entries(reader, ids)
        return Profile(
            id=contact["id"],
            name=contact["name"],
            attributes=orjson.loads(contact["attributes"]),
            created_at=moment(contact["created_at"]),
            addresses=[
                KnownAddress(
                    channel=row["channel"],
                    address=row["address"],
                    verified=bool(row["verified"]),
                    opted_out=row["opted_out_at"] is not None,
                )
                for row in addresses
            ],
            conversations=[entries[each] for each in ids if each in entries],
        )
