"""Conversations: what came in, what a visitor sees, and whose turn it is to speak."""

from __future__ import annotations

from collections.abc import Sequence

from bot.store import events, messages
from bot.store.database import Database, Transaction, moment, new_id
from bot.store.events import EventLog
from bot.store.outgoing import NoSuchConversation, number, outbox, say
from bot.store.recording import Recording
from bot.store.records import Changed, Event, Opened, Recorded, Session, StoredMessage
from channels.base import InboundMessage

_OPENED = """
    SELECT id, status FROM conversations WHERE contact_id = :contact_id AND status <> 'resolved'
    ORDER BY last_activity_at DESC LIMIT 1
"""
_LATEST = """
    SELECT id, status FROM conversations WHERE contact_id = :contact_id
    ORDER BY last_activity_at DESC LIMIT 1
"""
_LOCK_CONTACT = "UPDATE contacts SET last_event = last_event WHERE id = :contact_id RETURNING id"
_CREATE = """
    INSERT INTO conversations (id, contact_id, last_activity_at, created_at)
    VALUES (:id, :contact_id, {now}, {now})
"""
_PLACE = "SELECT last_event FROM contacts WHERE id = :contact_id"

_WRITTEN_LAST = """
    SELECT external_id FROM messages WHERE conversation_id = :conversation_id AND direction = 'in'
    ORDER BY seq DESC LIMIT 1
"""
_EXTERNAL_ID = "SELECT external_id FROM messages WHERE id = :id"
_STATUS = "SELECT contact_id, status FROM conversations WHERE id = :conversation_id"
_HAND_OFF = """
    UPDATE conversations SET status = 'waiting', waiting_since = COALESCE(waiting_since, {now}),
        resume_status = NULL, fence = fence + 1, lease_until = NULL, due_at = NULL, attempts = 0,
        last_seq = last_seq + 1, last_event = :event, last_activity_at = {now}
    WHERE id = :conversation_id AND status NOT IN ('waiting', 'human')
    RETURNING contact_id, last_seq, last_activity_at
"""
_RATE = """
    INSERT INTO ratings (conversation_id, score, comment, created_at)
    VALUES (:conversation_id, :score, :comment, {now})
    ON CONFLICT (conversation_id) DO UPDATE
        SET score = excluded.score, comment = excluded.comment, created_at = excluded.created_at
"""


class Conversations:
    """One matter with one contact each."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._recording = Recording(database)
        self._log = EventLog(database)

    async def record(self, message: InboundMessage, *, html: str, window: int | None = None) -> Recorded:
        """Write down what came in, in the contact's open conversation or a new one, and make it due.

        `window`: seconds from now in which its channel lets us answer in free text.
        """
        return await self._recording.record(message, html=html, window=window)

    async def known(self, message: InboundMessage) -> Recorded | None:
        """The message as it was recorded, if this is a repeat of it."""
        return await self._recording.known(message)

    async def external_id(self, message_id: str) -> str | None:
        """What the provider calls a message that came in."""
        async with self._database.read() as reader:
            row = await reader.one(_EXTERNAL_ID, id=message_id)
        return row["external_id"] if row else None

    async def written_last(self, conversation_id: str) -> str | None:
        """What the provider calls the newest message that came in here."""
        async with self._database.read() as reader:
            row = await reader.one(_WRITTEN_LAST, conversation_id=conversation_id)
        return row["external_id"] if row else None

    async def opened(self, contact_id: str) -> Opened | None:
        """The contact's open conversation, if there is one."""
        async with self._database.read() as reader:
            row = await reader.one(_OPENED, contact_id=contact_id)
        return Opened(id=row["id"], status=row["status"]) if row else None

    async def session(self, contact_id: str, *, limit: int = 50) -> Session:
        """What a visitor sees on arriving; their first conversation begins here, empty."""
        while True:
            async with self._database.read(snapshot=True) as reader:
                place = await reader.one(_PLACE, contact_id=contact_id)
                conversation = await reader.one(_OPENED, contact_id=contact_id)
                conversation = conversation or await reader.one(_LATEST, contact_id=contact_id)
                if conversation is not None and place is not None:
                    rows = await reader.all(messages.NEWEST, conversation_id=conversation["id"], limit=limit)
                    return Session(
                        contact_id=contact_id,
                        conversation_id=conversation["id"],
                        status=conversation["status"],
                        messages=tuple(messages.stored(row) for row in reversed(rows)),
                        cursor=events.cursor(contact_id, place["last_event"]),
                    )
            await self._database.write(lambda tx: _begin(tx, contact_id))

    async def events_after(
        self, contact_id: str, cursor: str, *, limit: int = 200
    ) -> tuple[Sequence[Event], str]:
        """What happened to a contact after a cursor, oldest first, each once, and the next cursor.

        Raises BadCursor when the cursor is none of ours or another's.
        """
        return await self._log.after(contact_id, cursor, limit)

    async def newest_events(self, contact_ids: Sequence[str]) -> dict[str, int]:
        """A number for each contact that rises whenever there may be something new for them."""
        return await self._log.newest(contact_ids)

    async def hand_off(
        self,
        conversation_id: str,
        *,
        reason: str,
        text: str,
        html: str,
        channel: str,
        recipient: str,
        delivered: bool,
    ) -> Changed:
        """The contact asked for a person: the conversation waits for one, the contact is told, and a turn
        that is running falls silent. Nothing changes where people are at it already.

        Raises NoSuchConversation.
        """

        async def wait(tx: Transaction) -> Changed:
            before = await tx.one(_STATUS, conversation_id=conversation_id)
            if before is None:
                raise NoSuchConversation(conversation_id)
            if before["status"] in {"waiting", "human"}:
                return Changed(status=before["status"], new=False)
            numbered = await number(tx, conversation_id, 2)
            row = await tx.one(_HAND_OFF, conversation_id=conversation_id, event=numbered["last_event"])
            if row is None:  # somebody else was quicker
                return Changed(status="waiting", new=False)
            now = row["last_activity_at"]
            parts = None if delivered else (text,)
            message = StoredMessage(
                id=new_id("msg"),
                seq=row["last_seq"],
                conversation_id=conversation_id,
                channel=channel,
                direction="out",
                author_kind="system",
                author_name="",
                text=text,
                html=html,
                created_at=moment(now),
                address=recipient,
                delivery=outbox(parts),
            )
            delivery_id = say(
                tx, message, contact_id=numbered["id"], event=numbered["last_event"] - 1, parts=parts
            )
            events.append_status(
                tx,
                contact_id=numbered["id"],
                seq=numbered["last_event"],
                conversation_id=conversation_id,
                status="waiting",
                created_at=now,
                reason=reason,
            )
            return Changed(status="waiting", new=True, message=message, delivery_id=delivery_id)

        return await self._database.write(wait)

    async def rate(self, conversation_id: str, score: int, comment: str = "") -> None:
        """What the contact thinks of it, the last word counting."""
        await self._database.change(_RATE, conversation_id=conversation_id, score=score, comment=comment)


async def _begin(tx: Transaction, contact_id: str) -> None:
    await tx.one(_LOCK_CONTACT, contact_id=contact_id)
    if await tx.one(_LATEST, contact_id=contact_id) is None:
        tx.later(_CREATE, id=new_id("cnv"), contact_id=contact_id)
