"""What the bot offers operators: suggested answers and what became of them, and conversations in short."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from bot.orchestrator.outcome import Reply
from bot.store import concluding, messages, turns
from bot.store.database import Database, Reader, Row, Transaction, microseconds, moment, new_id
from bot.store.outgoing import NoSuchConversation
from bot.store.records import Claim, StoredMessage, Suggestion, Summary
from bot.trace import Step

_STATE = """
    SELECT contact_id, fence, attempts, last_in_seq, 0 AS answered_seq, summary, summary_model,
        guidance, subject, cost, epoch, calls
    FROM conversations WHERE id = :conversation_id
"""
_BEGIN = """
    INSERT INTO turns (id, conversation_id, fence, attempt, status, up_to_seq, started_at)
    SELECT :id, id, fence, 1, 'aside', :up_to_seq, {now} FROM conversations WHERE id = :conversation_id
    RETURNING id
"""
_END = "UPDATE turns SET outcome = :outcome, ended_at = {now} WHERE id = :id"
_COLUMNS = """turn_id, conversation_id, operator_id, text, citations, created_at, taken_at, dismissed_at,
    message_id, sent_text, changed"""
_SUGGEST = f"""
    INSERT INTO suggestions (turn_id, conversation_id, operator_id, text, citations, created_at)
    VALUES (:turn_id, :conversation_id, :operator_id, :text, :citations, {{now}})
    RETURNING {_COLUMNS}
"""  # noqa: S608
_ONE = f"SELECT {_COLUMNS} FROM suggestions WHERE turn_id = :id"  # noqa: S608
_TAKEN = "UPDATE suggestions SET taken_at = COALESCE(taken_at, {now}) WHERE turn_id = :id RETURNING turn_id"
_DISMISSED = """
    UPDATE suggestions SET dismissed_at = COALESCE(dismissed_at, {now}) WHERE turn_id = :id RETURNING turn_id
"""
_SENT = """
    UPDATE suggestions SET message_id = :message_id, sent_text = :text, changed = :changed,
        taken_at = COALESCE(taken_at, {now})
    WHERE turn_id = :id AND conversation_id = :conversation_id AND message_id IS NULL RETURNING turn_id
"""
_ASKED = """
    SELECT created_at, taken_at, dismissed_at, changed FROM suggestions
    WHERE created_at >= :since AND created_at < :until
"""
_SUMMARY = "SELECT text, model, up_to_seq, created_at FROM summaries WHERE conversation_id = :conversation_id"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A suggestion as it is counted; `changed` is None until it was sent."""

    at: datetime
    taken: bool
    dismissed: bool
    changed: float | None


class Copilot:
    """A suggestion or a summary is a turn that says nothing: its steps and its cost are kept like those of
    any other, whoever has the conversation."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, conversation_id: str) -> Claim | None:
        """A turn aside, with what the contact wrote last as what is to be answered; None where they wrote
        nothing. Raises NoSuchConversation."""
        turn_id = new_id("trn")
        async with self._database.read(snapshot=True) as reader:
            claim = await _last_asked(reader, turn_id, conversation_id)
        if claim is None:
            return None
        row = await self._database.change(
            _BEGIN, id=turn_id, conversation_id=conversation_id, up_to_seq=claim.up_to_seq
        )
        if row is None:
            raise NoSuchConversation(conversation_id)
        return claim

    async def suggest(
        self, claim: Claim, operator_id: str, reply: Reply, text: str, steps: Sequence[Step]
    ) -> Suggestion:
        """The turn ends with an answer for the operator: `text` is what they would send."""

        async def keep(tx: Transaction) -> Row:
            concluding.trace(tx, claim.turn_id, steps)
            tx.later(_END, id=claim.turn_id, outcome="suggestion")
            row = await tx.one(
                _SUGGEST,
                turn_id=claim.turn_id,
                conversation_id=claim.conversation_id,
                operator_id=operator_id,
                text=text,
                citations=messages.as_json(reply.citations),
            )
            assert row is not None
            return row

        return _suggestion(await self._database.write(keep))

    async def give_up(self, claim: Claim, steps: Sequence[Step]) -> None:
        """The turn ends with nothing to suggest."""

        async def keep(tx: Transaction) -> None:
            concluding.trace(tx, claim.turn_id, steps)
            tx.later(_END, id=claim.turn_id, outcome="no_suggestion")

        await self._database.write(keep)

    async def suggestion(self, suggestion_id: str) -> Suggestion | None:
        """One of them, and what became of it."""
        async with self._database.read() as reader:
            row = await reader.one(_ONE, id=suggestion_id)
        return _suggestion(row) if row else None

    async def settle(self, suggestion_id: str, outcome: Literal["taken", "dismissed"]) -> bool:
        """The operator took it into their reply, or put it away. False when there is none such."""
        sql = _TAKEN if outcome == "taken" else _DISMISSED
        return await self._database.change(sql, id=suggestion_id) is not None

    async def sent(self, suggestion: Suggestion, message: StoredMessage, changed: float) -> None:
        """What was sent after it was taken, once."""
        await self._database.change(
            _SENT,
            id=suggestion.id,
            conversation_id=message.conversation_id,
            message_id=message.id,
            text=message.text,
            changed=changed,
        )

    async def asked(self, since: datetime, until: datetime) -> Sequence[Asked]:
        """What was asked for within a time, and how it ended."""
        span = {"since": microseconds(since), "until": microseconds(until)}
        async with self._database.read() as reader:
            rows = await reader.all(_ASKED, **span)
        return [
            Asked(
                at=moment(row["created_at"]),
                taken=row["taken_at"] is not None,
                dismissed=row["dismissed_at"] is not None,
                changed=row["changed"],
            )
            for row in rows
        ]

    async def summarise(self, claim: Claim, text: str, model: str, steps: Sequence[Step]) -> Summary:
        """The turn ends with the conversation in short, in place of what was there before."""

        async def keep(tx: Transaction) -> Row:
            concluding.trace(tx, claim.turn_id, steps)
            tx.later(_END, id=claim.turn_id, outcome="summary")
            row = await tx.one(
                concluding.SUMMARISE,
                conversation_id=claim.conversation_id,
                text=text,
                model=model,
                up_to_seq=max(each.seq for each in claim.messages),
            )
            assert row is not None
            return row

        return _summary(await self._database.write(keep))

    async def summary(self, conversation_id: str) -> Summary | None:
        """The conversation in short, as it was last told."""
        async with self._database.read() as reader:
            row = await reader.one(_SUMMARY, conversation_id=conversation_id)
        return _summary(row) if row else None


async def _last_asked(reader: Reader, turn_id: str, conversation_id: str) -> Claim | None:
    """The conversation as a turn sees it; what the contact wrote last, in a row, is what nobody answered."""
    row = await reader.one(_STATE, conversation_id=conversation_id)
    if row is None:
        raise NoSuchConversation(conversation_id)
    if not row["last_in_seq"]:
        return None
    claim = await turns.seen(reader, turn_id, conversation_id, row)
    said = [each for each in claim.messages if each.author_kind != "system"]
    while said and said[-1].author_kind != "contact":
        said.pop()
    if not said:
        return None  # a person has written for pages since
    up_to = said[-1].seq
    first = up_to
    while said and said[-1].author_kind == "contact":
        first = said.pop().seq
    pending = sum(1 for each in claim.messages if each.direction == "in" and first <= each.seq <= up_to)
    return replace(claim, answered_seq=first - 1, up_to_seq=up_to, pending=pending, earlier=(), news=())


def _suggestion(row: Row) -> Suggestion:
    return Suggestion(
        id=row["turn_id"],
        conversation_id=row["conversation_id"],
        operator_id=row["operator_id"],
        text=row["text"],
        citations=messages.cited(row["citations"]),
        created_at=moment(row["created_at"]),
        taken=row["taken_at"] is not None,
        dismissed=row["dismissed_at"] is not None,
        message_id=row["message_id"],
        sent_text=row["sent_text"],
        changed=row["changed"],
    )


def _summary(row: Row) -> Summary:
    return Summary(
        text=row["text"], model=row["model"], up_to_seq=row["up_to_seq"], created_at=moment(row["created_at"])
    )
