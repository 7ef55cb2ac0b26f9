"""Files people gave us: whose they are, and which message they went with. The bytes lie elsewhere."""

from __future__ import annotations

from bot.store.database import Database
from bot.store.records import StoredAttachment
from channels.base import Attachment

_ADD = """
    INSERT INTO attachments (key, contact_id, name, media_type, size, created_at)
    VALUES (:key, :contact_id, :name, :media_type, :size, {now})
"""
_GET = """
    SELECT key, contact_id, message_id, name, media_type, size FROM attachments
    WHERE key = :key AND contact_id = :contact_id
"""


class Attachments:
    """Each belongs to one contact, and nobody else can name it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, file: Attachment, contact_id: str) -> None:
        """Remember a file before it is sent."""
        async with self._database.transaction() as tx:
            tx.later(
                _ADD,
                key=file.key,
                contact_id=contact_id,
                name=file.name,
                media_type=file.media_type,
                size=file.size,
            )

    async def get(self, key: str, contact_id: str) -> StoredAttachment | None:
        """The contact's own file by this key; a key is letters and digits."""
        if not (key.isascii() and key.isalnum()):
            return None
        async with self._database.read() as reader:
            row = await reader.one(_GET, key=key, contact_id=contact_id)
        if row is None:
            return None
        file = Attachment(key=row["key"], name=row["name"], media_type=row["media_type"], size=row["size"])
        return StoredAttachment(attachment=file, contact_id=row["contact_id"], message_id=row["message_id"])
