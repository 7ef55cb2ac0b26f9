"""What operators do in a conversation. Whatever they do there, a turn of the bot's that runs falls silent."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from typing import Any

from pydantic import JsonValue

from bot.store import asked, audit, calls, events, messages, sendings, telling, trays, ways
from bot.store.database import Body, Database, Duplicate, Row, Transaction, moment, new_id
from bot.store.mentions import ADD
from bot.store.outgoing import number, outbox, say
from bot.store.records import Changed, ConversationStatus, Operator, StoredMessage
from bot.store.rota import Given
from channels.base import FilledTemplate

_STATUS = """
    SELECT status, assignee_id, resume_status, snoozed_until, waiting_since, priority, {now} AS now
    FROM conversations WHERE id = :conversation_id
"""
_ASLEEP = """
    SELECT id FROM conversations
    WHERE snoozed_until IS NOT NULL AND snoozed_until <= {now} AND status = 'snoozed'
    ORDER BY snoozed_until LIMIT :limit
"""
# Whoever takes over from the bot what it has not answered yet has it waiting for them since it was written.
_SET = """
    UPDATE conversations SET status = :status, fence = fence + 1, lease_until = NULL, attempts = 0,
        resume_status = CASE WHEN :status = 'snoozed' THEN CASE
            WHEN :operator_id = '' AND COALESCE(resume_status, status) = 'human' THEN 'waiting'
            ELSE COALESCE(resume_status, status) END END,
        snoozed_until = CASE WHEN :status = 'snoozed' THEN COALESCE({now} + :nap, snoozed_until) END,
        assignee_id = CASE WHEN :status = 'bot' THEN NULL
            ELSE NULLIF(COALESCE(:operator_id, assignee_id), '') END,
        due_at = CASE WHEN :status = 'bot' AND (last_in_seq > answered_seq OR news > 0) THEN {now} END,
        waiting_since = CASE WHEN :status = 'waiting' THEN COALESCE(waiting_since, {now})
            WHEN :status = 'human' AND COALESCE(resume_status, status) = 'bot' THEN COALESCE(waiting_since, (
                SELECT MIN(m.created_at) FROM messages m WHERE m.conversation_id = conversations.id
                    AND m.seq > conversations.answered_seq AND m.direction = 'in'))
            WHEN :status IN ('human', 'snoozed') THEN waiting_since END,
        guidance = CASE WHEN :status IN ('human', 'resolved') THEN '' ELSE COALESCE(:guidance, guidance) END,
        last_event = :event, silenced_seq = CASE WHEN :status = 'bot' THEN silenced_seq ELSE last_seq END
    WHERE id = :conversation_id AND (
        status <> :status OR COALESCE(assignee_id, '') <> COALESCE(:operator_id, assignee_id, '')
        OR :status = 'snoozed')
    RETURNING assignee_id, waiting_since, {now} AS now
"""
_GONE = "SELECT id FROM operators WHERE deactivated_at > 0"
# Who left may have been given something in that very moment, or whoever gave theirs back was cut off.
_LEFT_BEHIND = """
    SELECT id, contact_id, assignee_id FROM conversations
    WHERE assignee_id {in ids} AND status IN ('human', 'waiting')
    UNION ALL SELECT id, contact_id, assignee_id FROM conversations
    WHERE assignee_id {in ids} AND snoozed_until IS NOT NULL
"""
_REPLY = """
    UPDATE conversations SET status = 'human', assignee_id = COALESCE(assignee_id, :operator_id),
        guidance = '', resume_status = NULL, waiting_since = NULL, answered_seq = last_in_seq,
        fence = fence + 1, lease_until = NULL, due_at = NULL, attempts = 0, epoch = epoch + 1, news = 0,
        silenced_seq = last_seq, last_seq = last_seq + 1, last_event = :event, last_activity_at = {now}
    WHERE id = :conversation_id RETURNING last_seq, {now} AS now
"""
_NOTE = """
    UPDATE conversations SET last_seq = last_seq + 1, last_event = :event
    WHERE id = :conversation_id RETURNING last_seq, {now} AS now
"""
_ANSWERED = """
    SELECT id, channel, address, subject FROM messages
    WHERE conversation_id = :conversation_id AND direction = 'in' ORDER BY seq DESC LIMIT 1
"""
# Who asked for a person without a word is answered where they were told that one will come.
_ADDRESSED = """
    SELECT id, channel, address, subject FROM messages
    WHERE conversation_id = :conversation_id AND NOT private AND address <> '' ORDER BY seq DESC LIMIT 1
"""

Leaving = Callable[[str], Sequence[str] | None]


class NobodyToAnswer(Exception):  # noqa: N818
    """Nothing was said in this conversation yet: no address is known to reply to."""


class _Unchanged(Exception):  # noqa: N818
    """It is so already: nothing of this transaction may stay, the number taken for its event least of all."""

    def __init__(self, status: ConversationStatus) -> None:
        super().__init__(status)
        self.status = status


class People:
    """Taking over, handing back, answering."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, conversation_id: str, operator: Operator) -> Changed:
        """The operator answers from now on."""
        return await self.set_status(conversation_id, "human", operator=operator)

    async def set_status(
        self,
        conversation_id: str,
        status: ConversationStatus,
        *,
        operator: Operator | None = None,
        guidance: str | None = None,
    ) -> Changed:
        """Put the conversation into a status; back at the bot, it is due if something is unanswered, and the
        bot goes by `guidance` until a person takes over or the matter is settled.

        Raises NoSuchConversation.
        """
        return await self._moved(
            lambda tx: _move(tx, conversation_id, lambda _: status, operator=operator, guidance=guidance)
        )

    async def hand_back(self, conversation_id: str, operator: Operator, *, note: str, html: str) -> Changed:
        """The bot answers again and goes by the `note`, which operators read in the thread: both are so, or
        neither. Where nothing was said yet there is no thread to read it in. Raises NoSuchConversation."""

        async def hand_back(tx: Transaction) -> Changed:
            await number(tx, conversation_id, 0)
            before = await tx.one(_STATUS, conversation_id=conversation_id)
            assert before is not None
            if before["status"] == "bot":
                raise _Unchanged("bot")
            if await _answered(tx, conversation_id):
                await self._write(
                    tx,
                    conversation_id=conversation_id,
                    operator=operator,
                    message_id=new_id("msg"),
                    text=note,
                    html=html,
                    private=True,
                    for_bot=True,
                    leaving=lambda _: None,
                )
            return await _move(tx, conversation_id, lambda _: "bot", guidance=note)

        return await self._moved(hand_back)

    async def unassign(self, conversation_id: str, *, of: str | None = None) -> Changed:
        """Nobody has it any more: where a person answered, it waits for another, and where it is snoozed it
        will wait after that. Nothing changes where it is not the operator's `of` whom it is to be.

        Raises NoSuchConversation.
        """

        def after(before: Row) -> ConversationStatus:
            status: ConversationStatus = before["status"]
            if of is not None and before["assignee_id"] != of:
                raise _Unchanged(status)
            return "waiting" if status == "human" else status

        return await self._moved(lambda tx: _move(tx, conversation_id, after, operator_id=""))

    async def let_go(self) -> Sequence[Given]:
        """Nobody has any more what is assigned to operators who have left."""
        async with self._database.read() as reader:
            gone = [row["id"] for row in await reader.all(_GONE)]
            left = await reader.all(_LEFT_BEHIND, ids=gone) if gone else []
        return [
            Given(conversation_id=row["id"], contact_id=row["contact_id"], operator_id=None)
            for row in left
            if (await self.unassign(row["id"], of=row["assignee_id"])).new
        ]

    async def snooze(self, conversation_id: str, seconds: float) -> Changed:
        """Out of sight for so long, or until the contact writes. Raises NoSuchConversation."""
        nap = round(seconds * 1_000_000)
        return await self._moved(lambda tx: _move(tx, conversation_id, lambda _: "snoozed", nap=nap))

    async def asleep(self, limit: int = 100) -> Sequence[str]:
        """Conversations whose snooze is over."""
        async with self._database.read() as reader:
            return [row["id"] for row in await reader.all(_ASLEEP, limit=limit)]

    async def wake(self, conversation_id: str) -> Changed:
        """Put a conversation whose snooze is over back to where it was. Raises NoSuchConversation."""

        def after(before: Row) -> ConversationStatus:
            if before["status"] != "snoozed" or (before["snoozed_until"] or 0) > before["now"]:
                raise _Unchanged(before["status"])
            status: ConversationStatus = before["resume_status"] or "bot"
            return status

        return await self._moved(lambda tx: _move(tx, conversation_id, after))

    async def _moved(self, body: Body[Changed]) -> Changed:
        """What became of a conversation that a transaction moves; of one that is so already, nothing."""
        try:
            return await self._database.write(body)
        except _Unchanged as unchanged:
            return Changed(status=unchanged.status, new=False)

    async def reply(
        self,
        conversation_id: str,
        *,
        operator: Operator,
        client_id: str,
        text: str,
        html: str,
        leaving: Leaving,
        files: Sequence[str] = (),
        private: bool = False,
        mentions: Sequence[str] = (),
        channel: str = "",
        reading: Collection[str] = (),
        template: FilledTemplate | None = None,
    ) -> Changed:
        """An operator's answer, leaving by the channel of the message it answers, or by another `channel` on
        which an address is surely the contact's; or a note, for operators only. The same `client_id` again
        is the same message.

        `leaving` tells the parts in which it leaves by a channel, None where the recipient reads our store;
        `files` are keys of what lies in the operator's tray, and leaves it with this; `mentions` are the ids
        of the operators that a note speaks to; `reading` are channels whose recipients read our store;
        `template` is what it leaves as.
        Raises NoSuchConversation, NobodyToAnswer, NoSuchFile, NoWay.
        """
        message_id = _message_id(operator, client_id)
        while True:
            try:
                return await self._database.write(
                    lambda tx: self._write(
                        tx,
                        conversation_id=conversation_id,
                        operator=operator,
                        message_id=message_id,
                        text=text,
                        html=html,
                        private=private,
                        leaving=leaving,
                        files=files,
                        mentions=mentions,
                        channel=channel,
                        reading=reading,
                        template=template,
                    )
                )
            except (Duplicate, trays.NoSuchFile) as error:  # it may be written already; nothing above stays
                async with self._database.read() as reader:
                    row = await reader.one(messages.ONE, id=message_id)
                if row is not None:
                    return Changed(status=row["status"], new=False, message=messages.stored(row))
                if isinstance(error, trays.NoSuchFile):
                    raise

    async def _write(
        self,
        tx: Transaction,
        *,
        conversation_id: str,
        operator: Operator,
        message_id: str,
        text: str,
        html: str,
        private: bool,
        leaving: Leaving,
        for_bot: bool = False,
        files: Sequence[str] = (),
        mentions: Sequence[str] = (),
        channel: str = "",
        reading: Collection[str] = (),
        template: FilledTemplate | None = None,
    ) -> Changed:
        numbered = await number(tx, conversation_id, 1)
        before = await tx.one(_STATUS, conversation_id=conversation_id)
        assert before is not None
        answered: Row | dict[str, Any] | None = await _answered(tx, conversation_id)
        if channel and not private and (answered is None or answered["channel"] != channel):
            answered = await ways.towards(tx, conversation_id, channel, reading=reading)
        if answered is None:
            raise NobodyToAnswer(conversation_id)
        row = await tx.one(
            _NOTE if private else _REPLY,
            conversation_id=conversation_id,
            event=numbered["last_event"],
            **({} if private else {"operator_id": operator.id}),
        )
        assert row is not None
        parts = leaving(answered["channel"])
        message = StoredMessage(
            id=message_id,
            seq=row["last_seq"],
            conversation_id=conversation_id,
            channel=answered["channel"],
            direction="out",
            author_kind="operator",
            author_name=operator.name,
            text=text,
            html=html,
            created_at=moment(row["now"]),
            subject=answered["subject"],
            address=answered["address"],
            private=private,
            for_bot=for_bot,
            template=template,
            attachments=await trays.take(
                tx,
                files,
                conversation_id=conversation_id,
                operator_id=operator.id,
                contact_id=numbered["id"],
                message_id=message_id,
            ),
            in_reply_to=answered["id"],
            delivery=None if private else outbox(parts),
        )
        delivery_id = say(
            tx,
            message,
            contact_id=numbered["id"],
            event=numbered["last_event"],
            parts=parts,
            counts=_counts(before, before["waiting_since"]),
        )
        where = {"message_id": message_id, "conversation_id": conversation_id}
        tx.many(ADD, [where | {"operator_id": each} for each in mentions])
        status: ConversationStatus = before["status"] if private else "human"
        assignee_id = before["assignee_id"] or (None if private else operator.id)
        if status != before["status"] or assignee_id != before["assignee_id"]:
            moved = await number(tx, conversation_id, 1)
            events.append_status(
                tx,
                contact_id=moved["id"],
                seq=moved["last_event"],
                conversation_id=conversation_id,
                status=status,
                created_at=row["now"],
                **_changed(before, status, assignee_id, operator),
            )
        audit.note(
            tx,
            "conversation.note" if private else "conversation.reply",
            conversation_id,
            {"message": message_id},
        )
        if not private:
            if status != before["status"] or assignee_id != before["assignee_id"]:
                _note(tx, conversation_id, before, status, assignee_id)
            calls.tell_all(tx, conversation_id)
            await sendings.withdraw(tx, conversation_id)
        return Changed(status=status, new=True, message=message, delivery_id=delivery_id)


async def _move(
    tx: Transaction,
    conversation_id: str,
    after: Callable[[Row], ConversationStatus],
    *,
    operator: Operator | None = None,
    operator_id: str | None = None,
    nap: int | None = None,
    guidance: str | None = None,
) -> Changed:
    """Bring it to the status that follows from how it is; by `operator_id` "" it is nobody's. Raises
    _Unchanged when it is so already."""
    numbered = await number(tx, conversation_id, 1)
    before = await tx.one(_STATUS, conversation_id=conversation_id)
    assert before is not None
    status = after(before)
    row = await tx.one(
        _SET,
        conversation_id=conversation_id,
        status=status,
        operator_id=operator.id if operator else operator_id,
        nap=nap,
        guidance=guidance,
        event=numbered["last_event"],
    )
    if row is None:
        raise _Unchanged(status)
    events.append_status(
        tx,
        contact_id=numbered["id"],
        seq=numbered["last_event"],
        conversation_id=conversation_id,
        status=status,
        created_at=row["now"],
        counts=_counts(before, row["waiting_since"] if status == "human" else before["waiting_since"]),
        **_changed(before, status, row["assignee_id"], operator),
    )
    if status != "bot":
        await sendings.withdraw(tx, conversation_id)
    if status == "resolved":
        await asked.expire_all(tx, conversation_id)
    _note(tx, conversation_id, before, status, row["assignee_id"])
    return Changed(status=status, new=True)


async def _answered(tx: Transaction, conversation_id: str) -> Row | None:
    """The message that an operator's words answer; None where nothing was said yet."""
    last = await tx.one(_ANSWERED, conversation_id=conversation_id)
    return last or await tx.one(_ADDRESSED, conversation_id=conversation_id)


def _changed(
    before: Row, status: ConversationStatus, assignee_id: str | None, operator: Operator | None
) -> dict[str, Any]:
    """What a change of hands tells, and of whose hands if those are others now."""
    moved = telling.MOVED if status != before["status"] else ()
    if assignee_id == before["assignee_id"]:
        return {"tells": moved}
    assignee = {"id": operator.id, "name": operator.name} if operator and assignee_id else None
    return {"tells": (*moved, *telling.ASSIGNED), "assignee": assignee}


def _counts(before: Row, since: int | None) -> dict[str, JsonValue]:
    """What figures go by: how urgent it was, and since when its contact waits, where that is another time."""
    priority: dict[str, JsonValue] = {"priority": before["priority"]} if before["priority"] else {}
    return priority | ({"since": since} if since != before["waiting_since"] else {})


def _note(
    tx: Transaction, conversation_id: str, before: Row, status: ConversationStatus, assignee_id: str | None
) -> None:
    changes: dict[str, JsonValue] = {"from": before["status"], "to": status}
    if assignee_id != before["assignee_id"]:
        changes |= {"assignee_from": before["assignee_id"], "assignee_to": assignee_id}
    audit.note(tx, "conversation.status", conversation_id, changes)


def _message_id(operator: Operator, client_id: str) -> str:
    """The same for the same reply, whichever channel it would leave by now."""
    return f"msg_{hashlib.sha256(f'{operator.id}:{client_id}'.encode()).hexdigest()[:31]}"
