"""What operators see: lists of conversations by page, and one conversation with everything said in it."""

from __future__ import annotations

from collections.abc import Sequence

from bot.store import messages
from bot.store.database import Database, Row, moment
from bot.store.records import (
    Assignee,
    ConversationStatus,
    InboxEntry,
    KeptOriginal,
    StoredMessage,
    Thread,
    TurnSummary,
)

_PREVIEW = 160  # characters
_UNREAD = 99  # counted no further

# What is shown of a conversation are the last words somebody said, before those the system did.
# Conversations that a visitor opened and left without a word are in nobody's list.
_PLACE = "c.last_activity_at < :at OR (c.last_activity_at = :at AND c.id < :id)"
_NEWEST_OF = f"""
    SELECT c.id, c.last_activity_at FROM conversations c
    WHERE c.status = :status AND c.last_seq > 0 AND ({_PLACE})
    ORDER BY c.last_activity_at DESC, c.id DESC LIMIT :limit
"""  # noqa: S608
_LONGEST_WAITING = """
    SELECT c.id, c.waiting_since FROM conversations c
    WHERE c.status = 'waiting' AND (c.waiting_since > :at OR (c.waiting_since = :at AND c.id > :id))
    ORDER BY c.waiting_since, c.id LIMIT :limit
"""
_ENTRY = f"""
    SELECT c.id, c.status, c.contact_id, c.subject, c.assignee_id, c.waiting_since, c.last_activity_at,
        c.cost, p.name AS contact_name, COALESCE(o.name, k.name) AS assignee_name, m.channel,
        m.author_kind, SUBSTR(m.text, 1, {_PREVIEW}) AS preview,
        (SELECT MAX(i.window_until) FROM identities i
            WHERE i.contact_id = c.contact_id AND i.channel = m.channel) AS window_until,
        (SELECT COUNT(*) FROM (
            SELECT 1 FROM messages u WHERE u.conversation_id = c.id AND u.seq > c.operators_read_seq
                AND u.direction = 'in' LIMIT {_UNREAD}) AS unseen) AS unread
    FROM conversations c JOIN contacts p ON p.id = c.contact_id
    LEFT JOIN operators o ON o.id = c.assignee_id LEFT JOIN api_tokens k ON k.id = c.assignee_id
    LEFT JOIN messages m ON m.conversation_id = c.id AND m.seq = COALESCE((
        SELECT n.seq FROM messages n WHERE n.conversation_id = c.id AND NOT n.private
            AND n.author_kind <> 'system' ORDER BY n.seq DESC LIMIT 1), (
        SELECT n.seq FROM messages n WHERE n.conversation_id = c.id AND NOT n.private
        ORDER BY n.seq DESC LIMIT 1))
    WHERE c.id {{in ids}}
"""  # noqa: S608
_WINDOW = f"""
    SELECT {messages.COLUMNS} FROM messages m LEFT JOIN deliveries d ON d.message_id = m.id
    WHERE m.conversation_id = :conversation_id AND m.seq < :before ORDER BY m.seq DESC LIMIT :limit
"""  # noqa: S608
_SINCE = f"""
    SELECT {messages.COLUMNS} FROM messages m LEFT JOIN deliveries d ON d.message_id = m.id
    WHERE m.conversation_id = :conversation_id AND m.seq > :after ORDER BY m.seq LIMIT :limit
"""  # noqa: S608
_ATTEMPTS = """
    SELECT t.id, t.status, t.outcome, t.started_at, t.cost, d.text AS draft
    FROM turns t LEFT JOIN drafts d ON d.turn_id = t.id
    WHERE t.conversation_id = :conversation_id AND t.started_at >= :since
    ORDER BY t.started_at DESC LIMIT :limit
"""
_READ = """
    UPDATE conversations SET operators_read_seq = CASE WHEN last_seq < :seq THEN last_seq ELSE :seq END
    WHERE id = :conversation_id AND operators_read_seq < :seq AND operators_read_seq < last_seq
    RETURNING contact_id
"""
_COUNT = """
    SELECT COUNT(*) AS count FROM (
        SELECT 1 FROM conversations WHERE status = :status LIMIT :limit) AS counted
"""
_ORIGINAL = """
    SELECT channel, original FROM messages
    WHERE id = :id AND conversation_id = :conversation_id AND original <> ''
"""
_ALL: tuple[ConversationStatus, ...] = ("bot", "waiting", "human", "snoozed", "resolved")
_END = 2**62  # later than every time


class BadPage(Exception):  # noqa: N818
    """The cursor is none of ours."""


class Inbox:
    """Reads conversations for operators."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, status: ConversationStatus | None, *, before: str = "", limit: int = 50
    ) -> tuple[Sequence[InboxEntry], str]:
        """Conversations of a status, or of every one, and the cursor of the next page ("" at the end).

        Those who wait come longest first, others by their newest message. Raises BadPage.
        """
        waiting = status == "waiting"
        at, last = _place(before) if before else ((-1, "") if waiting else (_END, ""))
        wanted = limit + 1
        async with self._database.read(snapshot=True) as reader:
            if waiting:
                rows = await reader.all(_LONGEST_WAITING, at=at, id=last, limit=wanted)
                found = [(row["waiting_since"], row["id"]) for row in rows]
            else:
                found = []
                for each in (status,) if status else _ALL:
                    rows = await reader.all(_NEWEST_OF, status=each, at=at, id=last, limit=wanted)
                    found += [(row["last_activity_at"], row["id"]) for row in rows]
                found.sort(reverse=True)
            shown = found[:limit]
            entries = {
                row["id"]: _entry(row) for row in await reader.all(_ENTRY, ids=[key for _, key in shown])
            }
        more = f"{shown[-1][0]}.{shown[-1][1]}" if len(found) > limit else ""
        return [entries[key] for _, key in shown if key in entries], more

    async def entry(self, conversation_id: str) -> InboxEntry | None:
        """One conversation as its list shows it."""
        async with self._database.read() as reader:
            row = await reader.one(_ENTRY, ids=[conversation_id])
        return _entry(row) if row else None

    async def thread(
        self, conversation_id: str, *, before: int | None = None, limit: int = 50
    ) -> Thread | None:
        """A conversation and its newest messages, or the newest of those before a seq."""
        async with self._database.read(snapshot=True) as reader:
            row = await reader.one(_ENTRY, ids=[conversation_id])
            if row is None:
                return None
            rows = await reader.all(
                _WINDOW,
                conversation_id=conversation_id,
                before=_END if before is None else before,
                limit=limit + 1,
            )
            since = rows[:limit][-1]["created_at"] if len(rows) > limit else 0
            attempts = await reader.all(_ATTEMPTS, conversation_id=conversation_id, since=since, limit=limit)
        return Thread(
            entry=_entry(row),
            messages=tuple(messages.stored(each) for each in reversed(rows[:limit])),
            earlier=len(rows) > limit,
            attempts=tuple(
                TurnSummary(
                    id=each["id"],
                    status=each["status"],
                    outcome=each["outcome"],
                    started_at=moment(each["started_at"]),
                    cost=each["cost"],
                    draft=each["draft"],
                )
                for each in reversed(attempts)
            ),
        )

    async def since(self, conversation_id: str, seq: int, *, limit: int = 200) -> Sequence[StoredMessage]:
        """What was said after a message, notes among it, oldest first."""
        async with self._database.read() as reader:
            rows = await reader.all(_SINCE, conversation_id=conversation_id, after=seq, limit=limit)
        return [messages.stored(row) for row in rows]

    async def original(self, conversation_id: str, message_id: str) -> KeptOriginal | None:
        """Where a message's raw bytes are; None when they are not kept."""
        async with self._database.read() as reader:
            row = await reader.one(_ORIGINAL, id=message_id, conversation_id=conversation_id)
        return KeptOriginal(channel=row["channel"], key=row["original"]) if row else None

    async def mark_read(self, conversation_id: str, seq: int) -> bool:
        """An operator has seen everything up to `seq`. False when that was known."""
        return await self._database.change(_READ, conversation_id=conversation_id, seq=seq) is not None

    async def count(self, status: ConversationStatus, *, up_to: int = 100) -> int:
        """How many conversations have a status, counted no further than `up_to`."""
        async with self._database.read() as reader:
            row = await reader.one(_COUNT, status=status, limit=up_to)
        return int(row["count"]) if row else 0


def _place(cursor: str) -> tuple[int, str]:
    number, _, last = cursor.partition(".")
    if not number.isascii() or not number.isdigit() or len(number) > 18 or not last or "\x00" in last:
        raise BadPage(cursor)
    return int(number), last


def _entry(row: Row) -> InboxEntry:
    return InboxEntry(
        id=row["id"],
        status=row["status"],
        contact_id=row["contact_id"],
        contact_name=row["contact_name"],
        channel=row["channel"] or "",
        subject=row["subject"],
        assignee=Assignee(id=row["assignee_id"], name=row["assignee_name"] or "")
        if row["assignee_id"]
        else None,
        preview=row["preview"] or "",
        preview_by=row["author_kind"] or "contact",
        unread=row["unread"],
        waiting_since=moment(row["waiting_since"]) if row["waiting_since"] is not None else None,
        last_activity_at=moment(row["last_activity_at"]),
        cost=row["cost"],
        window_until=moment(row["window_until"]) if row["window_until"] is not None else None,
    )
