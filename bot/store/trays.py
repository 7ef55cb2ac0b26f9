"""Files that operators lay beside a reply they have begun: kept as its words are, and sent with it."""

from __future__ import annotations

from collections.abc import Sequence

from bot.store.database import Database, Row, Transaction
from bot.store.outgoing import NoSuchConversation
from channels.base import Attachment

MOST = 10  # files in one tray

_COLUMNS = "key, name, media_type, size, state"
_IN_IT = """
    conversation_id = :conversation_id AND operator_id = :operator_id AND message_id IS NULL
    AND state = 'here'
"""
_COUNT = f"SELECT COUNT(*) AS count FROM attachments WHERE {_IN_IT}"  # noqa: S608
_ADD = """
    INSERT INTO attachments (key, contact_id, conversation_id, operator_id, name, media_type, size,
        created_at)
    SELECT :key, c.contact_id, c.id, :operator_id, :name, :media_type, :size, {now}
    FROM conversations c WHERE c.id = :conversation_id RETURNING key
"""
_ALL = f"SELECT {_COLUMNS} FROM attachments WHERE {_IN_IT} ORDER BY created_at, key"  # noqa: S608
# Nobody's any more: the next look for what was never sent removes it, bytes and all.
_DROP = f"""
    UPDATE attachments SET state = 'dropped', operator_id = NULL, created_at = 0
    WHERE key = :key AND {_IN_IT} RETURNING key
"""  # noqa: S608
# The conversation may have become another contact's since they were laid there.
_TAKE = f"""
    UPDATE attachments SET message_id = :message_id, contact_id = :contact_id
    WHERE key {{in keys}} AND {_IN_IT} RETURNING {_COLUMNS}
"""  # noqa: S608


class NoSuchFile(Exception):  # noqa: N818
    """A file that is to go along does not lie in the operator's tray."""


class Full(Exception):  # noqa: N818
    """As many files lie in the tray as may."""


class Trays:
    """One for each operator in each conversation; nobody else sees what lies in it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, file: Attachment, *, conversation_id: str, operator_id: str) -> None:
        """Lay a file there. Raises Full, NoSuchConversation."""

        async def lay(tx: Transaction) -> None:
            of = {"conversation_id": conversation_id, "operator_id": operator_id}
            there = await tx.one(_COUNT, **of)
            if there is not None and there["count"] >= MOST:
                raise Full
            named = {"key": file.key, "name": file.name, "media_type": file.media_type, "size": file.size}
            if await tx.one(_ADD, **of, **named) is None:
                raise NoSuchConversation(conversation_id)

        await self._database.write(lay)

    async def files(self, conversation_id: str, operator_id: str) -> Sequence[Attachment]:
        """What lies there, in the order in which it came."""
        async with self._database.read() as reader:
            rows = await reader.all(_ALL, conversation_id=conversation_id, operator_id=operator_id)
        return [_file(row) for row in rows]

    async def drop(self, key: str, *, conversation_id: str, operator_id: str) -> bool:
        """Take a file out again. False when it does not lie there."""
        row = await self._database.change(
            _DROP, key=key, conversation_id=conversation_id, operator_id=operator_id
        )
        return row is not None


async def take(
    tx: Transaction,
    keys: Sequence[str],
    *,
    conversation_id: str,
    operator_id: str,
    contact_id: str,
    message_id: str,
) -> Sequence[Attachment]:
    """The files of a message that is being written, out of its author's tray. Raises NoSuchFile."""
    wanted = list(dict.fromkeys(keys))
    if not wanted:
        return ()
    rows = await tx.all(
        _TAKE,
        keys=wanted,
        conversation_id=conversation_id,
        operator_id=operator_id,
        contact_id=contact_id,
        message_id=message_id,
    )
    found = {row["key"]: _file(row) for row in rows}
    if len(found) < len(wanted):
        raise NoSuchFile
    return [found[key] for key in wanted]


def _file(row: Row) -> Attachment:
    return Attachment(
        key=row["key"], name=row["name"], media_type=row["media_type"], size=row["size"], state=row["state"]
    )
