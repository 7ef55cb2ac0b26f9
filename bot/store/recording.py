"""The hottest path: a message becomes a row of the right conversation, once, whoever else is writing."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

from bot.store import contacts, events, messages, telling, threads
from bot.store.contacts import Taken
from bot.store.database import Database, Duplicate, Row, Transaction, moment, new_id
from bot.store.records import Recorded, StoredMessage
from bot.store.threads import Place
from channels.base import Attachment, InboundMessage

# Holds the contact's row until the commit: whatever of theirs comes in at the same time waits here.
_ENTER = """
    UPDATE contacts SET last_event = last_event + 1
    WHERE id = (SELECT contact_id FROM identities WHERE channel = :channel AND address = :address)
        AND merged_into IS NULL
    RETURNING id, last_event, name,
        (SELECT verified FROM identities WHERE channel = :channel AND address = :address) AS verified,
        (SELECT opted_out_at FROM identities WHERE channel = :channel AND address = :address) AS opted_out_at
"""

_THEIR_OPEN_ONE = """
    status <> 'resolved' AND id = (
        SELECT id FROM conversations WHERE contact_id = :contact_id AND status <> 'resolved'
        ORDER BY last_activity_at DESC LIMIT 1)
"""

# Where people are at it, the first message that no person has answered begins a wait for one.
_WAITS = """waiting_since = CASE
            WHEN CASE WHEN status = 'snoozed' THEN resume_status ELSE status END IN ('waiting', 'human')
                THEN COALESCE(waiting_since, {now})
            ELSE waiting_since END"""

# While a turn runs, due_at stays the end of its lease: the turn takes the message up, or its end does.
_JOIN = f"""
    UPDATE conversations SET
        last_seq = last_seq + 1, last_in_seq = last_seq + 1, last_event = :event, last_activity_at = {{now}},
        channel = :channel, {_WAITS},
        status = CASE WHEN status = 'snoozed' THEN COALESCE(resume_status, 'bot') ELSE status END,
        due_at = CASE
            WHEN status <> 'bot' AND NOT (status = 'snoozed' AND COALESCE(resume_status, 'bot') = 'bot')
                THEN NULL
            WHEN lease_until > {{now}} THEN due_at
            WHEN due_at < {{now}} THEN due_at
            ELSE {{now}} END
    WHERE {_THEIR_OPEN_ONE}
    RETURNING id, last_seq, status, resume_status, last_activity_at
"""  # noqa: S608

# A resolved conversation that is answered is the bot's again; `_wake` tells of it.
_FOLLOW = f"""
    UPDATE conversations SET
        last_seq = last_seq + 1, last_in_seq = last_seq + 1, last_event = :event, last_activity_at = {{now}},
        channel = :channel, {_WAITS},
        resume_status = CASE WHEN status = 'resolved' THEN 'bot' ELSE resume_status END,
        assignee_id = CASE WHEN status = 'resolved' THEN NULL ELSE assignee_id END,
        status = CASE
            WHEN status = 'resolved' THEN 'bot'
            WHEN status = 'snoozed' THEN COALESCE(resume_status, 'bot')
            ELSE status END,
        due_at = CASE
            WHEN status IN ('waiting', 'human') THEN NULL
            WHEN status = 'snoozed' AND COALESCE(resume_status, 'bot') <> 'bot' THEN NULL
            WHEN lease_until > {{now}} THEN due_at
            WHEN due_at < {{now}} THEN due_at
            ELSE {{now}} END
    WHERE id = :id
    RETURNING id, last_seq, status, resume_status, last_activity_at
"""  # noqa: S608

# What wants no answer makes nothing due: a machine's mail, or who asks to be written to no more, or again.
_QUIETLY = """
    last_seq = last_seq + 1, last_event = :event, last_activity_at = {now}, channel = :channel,
    last_in_seq = CASE WHEN last_in_seq > answered_seq THEN last_in_seq ELSE last_seq + 1 END,
    answered_seq = CASE WHEN last_in_seq > answered_seq THEN answered_seq ELSE last_seq + 1 END
"""
_AS_IT_IS = "RETURNING id, last_seq, status, NULL AS resume_status, last_activity_at"
_JOIN_QUIETLY = f"UPDATE conversations SET {_QUIETLY} WHERE {_THEIR_OPEN_ONE} {_AS_IT_IS}"  # noqa: S608
_FOLLOW_QUIETLY = f"UPDATE conversations SET {_QUIETLY} WHERE id = :id {_AS_IT_IS}"  # noqa: S608
_HUSH = "UPDATE conversations SET answered_seq = last_in_seq WHERE id = :id"

_OPEN = """
    INSERT INTO conversations (id, contact_id, subject, channel, status, last_seq, last_in_seq, last_event,
        due_at, waiting_since, last_activity_at, created_at)
    VALUES (:id, :contact_id, :subject, :channel, :status, 1, 1, :event, CASE WHEN :due THEN {now} END,
        CASE WHEN :status = 'waiting' THEN {now} END, {now}, {now})
    RETURNING id, last_seq, status, resume_status, last_activity_at
"""

_WAKE = """
    UPDATE conversations SET resume_status = NULL, snoozed_until = NULL, last_event = :event WHERE id = :id
"""
_NUMBER = "UPDATE contacts SET last_event = last_event + 1 WHERE id = :id RETURNING last_event"
_NAME = "UPDATE contacts SET name = :name WHERE id = :id AND name IN ('', :address)"

_OURS = """
    SELECT key, name, media_type, size FROM attachments
    WHERE key {in keys} AND contact_id = :contact_id AND message_id IS NULL AND state = 'here'
        AND operator_id IS NULL
"""
_BIND = """
    UPDATE attachments SET message_id = :message_id
    WHERE key {in keys} AND contact_id = :contact_id AND message_id IS NULL AND state = 'here'
        AND operator_id IS NULL
"""
_HERE = """
    INSERT INTO attachments (key, contact_id, message_id, name, media_type, size, channel, created_at)
    VALUES (:key, :contact_id, :message_id, :name, :media_type, :size, :channel, :now)
"""
_FETCH = """
    INSERT INTO attachments (key, contact_id, message_id, name, media_type, channel, url, state, due_at,
        created_at)
    VALUES (:key, :contact_id, :message_id, :name, :media_type, :channel, :url, 'waiting', :now, :now)
"""

_ANSWERED = """
    SELECT m.id FROM messages m JOIN conversations c ON c.id = m.conversation_id
    WHERE m.channel = :channel AND m.external_id = :external_id AND c.contact_id = :contact_id
"""
_ANSWERED_OURS = """
    SELECT d.message_id AS id FROM provider_ids p JOIN deliveries d ON d.id = p.delivery_id
    JOIN conversations c ON c.id = d.conversation_id
    WHERE p.channel = :channel AND p.provider_id = :provider_id AND c.contact_id = :contact_id
"""


class Recording:
    """Writes down what came in."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record(self, message: InboundMessage, *, html: str, window: int | None) -> Recorded:
        """The message in its conversation, committed; a repeat changes nothing and says so."""
        while True:
            try:
                return await self._database.write(lambda tx: self._write(tx, message, html, window))
            except Taken:
                continue
            except Duplicate:  # we have this message already, and nothing of the above stays
                known = await self.known(message)
                if known is not None:
                    return known

    async def _write(
        self, tx: Transaction, message: InboundMessage, html: str, window: int | None
    ) -> Recorded:
        contact_id, event, opted_out, vouched = await self._enter(tx, message)
        place = await threads.place(tx, contact_id, message)
        # "Start" from somebody who never asked to be left alone is a greeting.
        wish = message.opted == "out" or (message.opted == "in" and opted_out)
        quiet = message.wants != "answer" or wish
        conversation = await self._join(tx, contact_id, event, message, place, quiet=quiet)
        now: int = conversation["last_activity_at"]
        stored = StoredMessage(
            id=new_id("msg"),
            seq=conversation["last_seq"],
            conversation_id=conversation["id"],
            channel=message.channel,
            direction="in",
            author_kind="contact",
            author_name=message.sender_name,
            text=message.text,
            html=html,
            created_at=moment(now),
            subject=message.subject,
            address=message.sender,
            verified=message.verified or (message.session and vouched),
            in_reply_to=place.answers,
            original=message.original,
        )
        if message.follows and message.joins == "open":
            stored = replace(stored, in_reply_to=await self._answered(tx, contact_id, message))
        if message.attachments:
            stored = await self._bind(tx, contact_id, stored, message)
        if message.remote:
            stored = self._await_files(tx, contact_id, stored, message, now)
        if message.files:
            stored = self._take_files(tx, contact_id, stored, message, now)
        tx.later(messages.INSERT, **messages.columns(stored, created_at=now, came=message))
        events.append(
            tx,
            contact_id=contact_id,
            seq=event,
            conversation_id=stored.conversation_id,
            kind="message",
            tells=telling.of_new(stored.seq),
            message_id=stored.id,
            created_at=now,
            counts={"quiet": True} if quiet else {},
        )
        if conversation["resume_status"] is not None:
            await self._wake(tx, contact_id, conversation, unassigned=place.unassigns)
        if note := threads.note(message, place):
            opened_for_people = conversation["status"] == "waiting" and not place.conversation_id
            why = "stranger" if message.wants == "answer" else "a_look"
            waits = why if opened_for_people else ""
            await threads.tell(tx, contact_id, conversation, message.channel, note, waits=waits)
        self._note_wishes(tx, message, window)
        return Recorded(message=stored, contact_id=contact_id, status=conversation["status"], new=True)

    async def _join(
        self,
        tx: Transaction,
        contact_id: str,
        event: int,
        message: InboundMessage,
        place: Place,
        *,
        quiet: bool,
    ) -> Row:
        """The conversation with the message counted in: one there is, else a new one."""
        row = None
        if message.joins == "open":
            join = _JOIN_QUIETLY if quiet else _JOIN
            row = await tx.one(join, contact_id=contact_id, event=event, channel=message.channel)
        elif place.conversation_id:
            row = await tx.one(
                _FOLLOW_QUIETLY if quiet else _FOLLOW,
                id=place.conversation_id,
                event=event,
                channel=message.channel,
            )
        if row is not None:
            return row
        waits = message.wants == "person" or (message.wants == "answer" and place.stranger_to)
        status = "resolved" if message.wants == "nothing" else "waiting" if waits else "bot"
        opened = await tx.one(
            _OPEN,
            id=new_id("cnv"),
            contact_id=contact_id,
            subject=message.subject,
            channel=message.channel,
            status=status,
            due=status == "bot" and not quiet,
            event=event,
        )
        assert opened is not None
        if quiet:
            tx.later(_HUSH, id=opened["id"])
        return opened

    async def _enter(self, tx: Transaction, message: InboundMessage) -> tuple[str, int, bool, bool]:
        """The sender's contact, met for the first time if need be, the number of this event, whether
        they had asked not to be written to, and whether somebody had vouched for their address."""
        contact = await tx.one(_ENTER, channel=message.channel, address=message.sender)
        if contact is None:
            made = await contacts.create(
                tx,
                channel=message.channel,
                address=message.sender,
                name=message.sender_name,
                verified=message.verified,
                last_event=1,
            )
            return made.contact_id, 1, False, False
        if message.verified and not contact["verified"]:
            contacts.verify(tx, channel=message.channel, address=message.sender)
        if message.sender_name and contact["name"] in {"", message.sender}:
            tx.later(_NAME, id=contact["id"], name=message.sender_name, address=message.sender)
        opted_out = contact["opted_out_at"] is not None
        return contact["id"], contact["last_event"], opted_out, bool(contact["verified"])

    async def _bind(
        self, tx: Transaction, contact_id: str, stored: StoredMessage, message: InboundMessage
    ) -> StoredMessage:
        """The message with those of its files that are the sender's own and not yet sent."""
        keys = [each.key for each in message.attachments]
        rows = await tx.all(_OURS, keys=keys, contact_id=contact_id)
        ours = {
            row["key"]: Attachment(
                key=row["key"], name=row["name"], media_type=row["media_type"], size=row["size"]
            )
            for row in rows
        }
        tx.later(_BIND, keys=keys, contact_id=contact_id, message_id=stored.id)
        return replace(stored, attachments=tuple(ours[key] for key in dict.fromkeys(keys) if key in ours))

    async def _answered(self, tx: Transaction, contact_id: str, message: InboundMessage) -> str | None:
        """The nearest of the messages that this one says it follows, if it is one of the contact's own
        conversations; what we sent is known by the provider's id, after the account's if that comes first."""
        for each in message.follows:
            row = await tx.one(
                _ANSWERED, channel=message.channel, external_id=each, contact_id=contact_id
            ) or await tx.one(
                _ANSWERED_OURS,
                channel=message.channel,
                provider_id=each.rpartition(":")[2],
                contact_id=contact_id,
            )
            if row is not None:
                return str(row["id"])
        return None

    def _await_files(
        self, tx: Transaction, contact_id: str, stored: StoredMessage, message: InboundMessage, now: int
    ) -> StoredMessage:
        """The message with the files that still lie with the provider, each due to be fetched."""
        waiting = [
            Attachment(
                key=secrets.token_hex(20), name=file.name, media_type=file.media_type, size=0, state="waiting"
            )
            for file in message.remote
        ]
        tx.many(
            _FETCH,
            [
                {
                    "key": file.key,
                    "contact_id": contact_id,
                    "message_id": stored.id,
                    "name": file.name,
                    "media_type": file.media_type,
                    "channel": message.channel,
                    "url": remote.url,
                    "now": now,
                }
                for file, remote in zip(waiting, message.remote, strict=True)
            ],
        )
        return replace(stored, attachments=(*stored.attachments, *waiting))

    def _take_files(
        self, tx: Transaction, contact_id: str, stored: StoredMessage, message: InboundMessage, now: int
    ) -> StoredMessage:
        """The message with the files that came in it."""
        tx.many(
            _HERE,
            [
                {
                    "key": file.key,
                    "contact_id": contact_id,
                    "message_id": stored.id,
                    "name": file.name,
                    "media_type": file.media_type,
                    "size": file.size,
                    "channel": message.channel,
                    "now": now,
                }
                for file in message.files
            ],
        )
        return replace(stored, attachments=(*stored.attachments, *message.files))

    def _note_wishes(self, tx: Transaction, message: InboundMessage, window: int | None) -> None:
        address = {"channel": message.channel, "address": message.sender}
        if window is not None:
            contacts.open_window(tx, **address, seconds=window)
        if message.opted == "out":
            contacts.opt_out(tx, **address)
        elif message.opted == "in":
            contacts.opt_in(tx, **address)

    async def _wake(self, tx: Transaction, contact_id: str, conversation: Row, *, unassigned: bool) -> None:
        number = await tx.one(_NUMBER, id=contact_id)
        assert number is not None
        tx.later(_WAKE, id=conversation["id"], event=number["last_event"])
        nobodys: dict[str, Any] = {"assignee": None} if unassigned else {}
        events.append_status(
            tx,
            contact_id=contact_id,
            seq=number["last_event"],
            conversation_id=conversation["id"],
            status=conversation["status"],
            created_at=conversation["last_activity_at"],
            tells=(*telling.MOVED, *telling.ASSIGNED) if unassigned else telling.MOVED,
            **nobodys,
        )

    async def known(self, message: InboundMessage) -> Recorded | None:
        """The message as it was recorded, if this is a repeat of it."""
        async with self._database.read() as reader:
            row = await reader.one(
                messages.BY_EXTERNAL_ID, channel=message.channel, external_id=message.external_id
            )
        if row is None:
            return None
        return Recorded(
            message=messages.stored(row), contact_id=row["contact_id"], status=row["status"], new=False
        )
