"""Files people gave us: whose they are, which message they went with, and whether we have them yet. The
bytes lie elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from bot.store import events, messages, telling
from bot.store.database import Database, Row, Transaction
from bot.store.outgoing import number
from bot.store.records import ClaimedFile, StoredAttachment
from channels.base import Attachment, FetchedFile, RemoteFile

_ADD = """
    INSERT INTO attachments (key, contact_id, name, media_type, size, created_at)
    VALUES (:key, :contact_id, :name, :media_type, :size, {now})
"""
_GET = """
    SELECT key, contact_id, message_id, name, media_type, size, state FROM attachments
    WHERE key = :key AND contact_id = :contact_id AND state <> 'dropped'
"""
# Of what operators gave, a contact sees what they were sent: no note's file, none that lies in a tray.
_SEEN = """
    SELECT a.key, a.contact_id, a.message_id, a.name, a.media_type, a.size, a.state
    FROM attachments a LEFT JOIN messages m ON m.id = a.message_id
    WHERE a.key = :key AND a.contact_id = :contact_id AND a.state <> 'dropped'
        AND (a.operator_id IS NULL OR NOT m.private)
"""
_DUE = "SELECT key FROM attachments WHERE due_at <= {now} - :waiting ORDER BY due_at LIMIT :limit"
_CLAIM = """
    UPDATE attachments SET attempts = attempts + 1, due_at = {now} + :lease
    WHERE key = :key AND due_at <= {now}
    RETURNING channel, contact_id, url, media_type, name, attempts,
        (SELECT m.conversation_id FROM messages m WHERE m.id = attachments.message_id) AS conversation_id
"""
_LATER = """
    UPDATE attachments SET due_at = {now} + :delay, error = :error
    WHERE key = :key AND attempts = :attempt AND state = 'waiting'
"""
_SETTLE = """
    UPDATE attachments SET state = :state, due_at = NULL, error = :error,
        media_type = COALESCE(:media_type, media_type), size = COALESCE(:size, size)
    WHERE key = :key AND attempts = :attempt AND state = 'waiting'
    RETURNING key, contact_id, message_id, name, media_type, size, state, {now} AS now
"""
_SHOWN = "SELECT attachments FROM messages WHERE id = :id"
_SHOW = "UPDATE messages SET attachments = :attachments WHERE id = :id"


class Attachments:
    """Each belongs to one contact, and nobody else can name it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, file: Attachment, contact_id: str) -> None:
        """Remember a file before it is sent."""
        await self._database.change(
            _ADD,
            key=file.key,
            contact_id=contact_id,
            name=file.name,
            media_type=file.media_type,
            size=file.size,
        )

    async def get(self, key: str, contact_id: str) -> StoredAttachment | None:
        """A file of the contact's conversations by this key, as operators see it; a key is letters and
        digits."""
        return await self._one(_GET, key, contact_id)

    async def seen(self, key: str, contact_id: str) -> StoredAttachment | None:
        """The same for the contact: what they gave, and what was sent to them."""
        return await self._one(_SEEN, key, contact_id)

    async def _one(self, sql: str, key: str, contact_id: str) -> StoredAttachment | None:
        if not (key.isascii() and key.isalnum()):
            return None
        async with self._database.read() as reader:
            row = await reader.one(sql, key=key, contact_id=contact_id)
        if row is None:
            return None
        return StoredAttachment(
            attachment=_file(row), contact_id=row["contact_id"], message_id=row["message_id"]
        )

    async def due(self, limit: int = 100, *, waiting: float = 0.0) -> Sequence[str]:
        """Keys of files that should have been fetched `waiting` seconds ago or more."""
        async with self._database.read() as reader:
            rows = await reader.all(_DUE, limit=limit, waiting=round(waiting * 1_000_000))
        return [row["key"] for row in rows]

    async def claim(self, key: str, lease_seconds: float) -> ClaimedFile | None:
        """Take a file to fetch, or None: it is here, given up, not due yet, or another worker's."""
        row = await self._database.change(_CLAIM, key=key, lease=round(lease_seconds * 1_000_000))
        if row is None:
            return None
        return ClaimedFile(
            key=key,
            channel=row["channel"],
            contact_id=row["contact_id"],
            conversation_id=row["conversation_id"],
            remote=RemoteFile(url=row["url"], media_type=row["media_type"], name=row["name"]),
            attempt=row["attempts"],
        )

    async def postpone(self, claimed: ClaimedFile, *, error: str, seconds: float) -> None:
        """The file could not be had now: it is due again."""
        await self._database.change(
            _LATER,
            key=claimed.key,
            attempt=claimed.attempt,
            error=error,
            delay=round(seconds * 1_000_000),
        )

    async def settle(
        self, claimed: ClaimedFile, fetched: FetchedFile | None, *, error: str | None = None
    ) -> bool:
        """The file is here, or (None) never will be, and its message shows it. False: no longer ours."""

        async def settle(tx: Transaction) -> bool:
            await number(tx, claimed.conversation_id, 0)
            row = await tx.one(
                _SETTLE,
                key=claimed.key,
                attempt=claimed.attempt,
                state="here" if fetched else "failed",
                error=error,
                media_type=fetched.media_type if fetched else None,
                size=fetched.size if fetched else None,
            )
            if row is None:
                return False
            shown = await tx.one(_SHOWN, id=row["message_id"])
            assert shown is not None
            files = [Attachment(**each) for each in orjson.loads(shown["attachments"])]
            now_shown = [_file(row) if each.key == claimed.key else each for each in files]
            tx.later(_SHOW, id=row["message_id"], attachments=messages.as_json(now_shown))
            numbered = await number(tx, claimed.conversation_id, 1)
            events.append(
                tx,
                contact_id=numbered["id"],
                seq=numbered["last_event"],
                conversation_id=claimed.conversation_id,
                kind="message",
                tells=telling.UPDATED,
                message_id=row["message_id"],
                created_at=row["now"],
            )
            return True

        return await self._database.write(settle)


def _file(row: Row) -> Attachment:
    return Attachment(
        key=row["key"], name=row["name"], media_type=row["media_type"], size=row["size"], state=row["state"]
    )
