"""What operators see: lists of conversations by page, and one conversation with everything said in it."""

from __future__ import annotations

from collections.abc import Sequence

from bot.store import listing, messages
from bot.store.database import Database, moment
from bot.store.records import (
    ConversationStatus,
    InboxEntry,
    InboxFilter,
    KeptOriginal,
    StoredMessage,
    Thread,
    TurnSummary,
)
from bot.store.target import Target

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
_END = 2**62  # later than every time


class Inbox:
    """Reads conversations for operators."""

    def __init__(self, database: Database, target: Target) -> None:
        self._database = database
        self._target = target

    async def page(
        self, wanted: InboxFilter, *, before: str = "", limit: int = 50
    ) -> tuple[Sequence[InboxEntry], str]:
        """A page of conversations, and the cursor of the next ("" at the end).

        Those who wait, and the overdue, come longest first, others by their newest message. Raises BadPage.
        """
        return await listing.page(self._database, wanted, self._target, before=before, limit=limit)

    async def entry(self, conversation_id: str) -> InboxEntry | None:
        """One conversation as its list shows it."""
        async with self._database.read() as reader:
            return (await listing.entries(reader, [conversation_id], self._target)).get(conversation_id)

    async def thread(
        self, conversation_id: str, *, before: int | None = None, limit: int = 50
    ) -> Thread | None:
        """A conversation and its newest messages, or the newest of those before a seq."""
        async with self._database.read(snapshot=True) as reader:
            entry = (await listing.entries(reader, [conversation_id], self._target)).get(conversation_id)
            if entry is None:
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
            entry=entry,
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

    async def count_of(self, wanted: InboxFilter, *, up_to: int = 100) -> int:
        """How many conversations a filter shows, counted no further than `up_to`."""
        return await listing.count(self._database, wanted, self._target, up_to=up_to)

    async def count(self, status: ConversationStatus, *, up_to: int = 100) -> int:
        """How many conversations have a status, counted no further than `up_to`."""
        async with self._database.read() as reader:
            row = await reader.one(_COUNT, status=status, limit=up_to)
        return int(row["count"]) if row else 0
