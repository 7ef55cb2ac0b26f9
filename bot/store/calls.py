"""Rows of the journal: the key of a call, how a turn reads the calls of its conversation, and the steps by
which a turn's end leaves calls to an operator and has told of others."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from bot.orchestrator.agent import WrittenCall
from bot.orchestrator.outcome import ProposedCall
from bot.store import asked
from bot.store.database import Reader, Row, Transaction, new_id
from bot.store.records import Claim
from tools.base import Arguments

_OF_CONVERSATION = """
    SELECT k.id, k.tool, k.arguments, k.proposed, k.state, k.result, k.refusal, k.note, k.why,
        k.epoch, k.asked, k.untold, m.id AS message_id, m.channel, m.address
    FROM calls k LEFT JOIN messages m ON m.id = k.message_id
    WHERE k.conversation_id = :conversation_id AND (k.untold OR k.epoch = :epoch
        OR k.state IN ('pending', 'approved', 'running', 'doubtful', 'done'))
    ORDER BY COALESCE(k.ended_at, k.created_at), k.id
"""
_ASKED_ALREADY = """
    SELECT tool, proposed FROM calls
    WHERE conversation_id = :conversation_id AND asked AND state IN ('pending', 'approved', 'running')
"""
_ASK = """
    INSERT INTO calls (id, conversation_id, turn_id, message_id, epoch, tool, arguments, proposed, unsaid,
        key, asked, state, why, due_at, expires_at, created_at)
    VALUES (:id, :conversation_id, :turn_id, :message_id, :epoch, :tool, :arguments, :arguments, :unsaid,
        :key, TRUE, 'pending', :why, {now} + :due, {now} + :expires, {now})
    ON CONFLICT (key) DO NOTHING RETURNING id
"""
_TELL = "UPDATE calls SET untold = FALSE, told_at = {now} WHERE id {in ids}"
_TELL_ALL = """
    UPDATE calls SET untold = FALSE, told_at = {now} WHERE conversation_id = :conversation_id AND untold
"""


@dataclass(frozen=True, kw_only=True)
class Deadlines:
    """After how many seconds operators are reminded of a call that waits for them, and it expires."""

    remind_after: float = 3600.0
    expires_after: float = 24 * 3600.0


@dataclass(frozen=True, kw_only=True)
class Written:
    """A call as a turn sees it, and where the contact asked for it."""

    call: WrittenCall
    earlier: bool  # an attempt at this very turn made it
    untold: bool
    message_id: str
    channel: str
    recipient: str


def canonical(arguments: Arguments) -> str:
    """The same text for the same arguments."""
    return orjson.dumps(arguments, option=orjson.OPT_SORT_KEYS).decode()


def key(conversation_id: str, epoch: int, tool: str, arguments: str) -> str:
    """What providers and the journal know a call by, the same for every attempt at its turn.

    `arguments` are canonical.
    """
    named = orjson.dumps([conversation_id, epoch, tool, arguments])
    return hashlib.sha256(named).hexdigest()[:40]


async def of_conversation(reader: Reader, conversation_id: str, epoch: int) -> Sequence[Written]:
    """What a turn of this epoch needs to know of the conversation's calls, those that ended first first."""
    rows = await reader.all(_OF_CONVERSATION, conversation_id=conversation_id, epoch=epoch)
    return [
        Written(
            call=written(row),
            earlier=row["epoch"] == epoch and not row["asked"],
            untold=bool(row["untold"]),
            message_id=row["message_id"] or "",
            channel=row["channel"] or "",
            recipient=row["address"] or "",
        )
        for row in rows
    ]


def written(row: Row) -> WrittenCall:
    return WrittenCall(
        id=row["id"],
        tool=row["tool"],
        arguments=orjson.loads(row["arguments"]),
        state=row["state"],
        result=row["result"],
        refusal=row["refusal"],
        note=row["note"],
        why=row["why"],
        edited=bool(row["asked"]) and orjson.loads(row["arguments"]) != orjson.loads(row["proposed"]),
    )


async def ask(
    tx: Transaction, claim: Claim, proposed: Sequence[ProposedCall], deadlines: Deadlines
) -> Sequence[str]:
    """Leave calls to an operator; one that waits for somebody already is not asked for again. The ids of
    those that are. The contact's row is held."""
    rows = await tx.all(_ASKED_ALREADY, conversation_id=claim.conversation_id)
    known = {(row["tool"], row["proposed"]) for row in rows}
    new: list[str] = []
    for each in proposed:
        arguments = canonical(each.arguments)
        if (each.tool, arguments) in known:
            continue
        row = await tx.one(
            _ASK,
            id=new_id("call"),
            conversation_id=claim.conversation_id,
            turn_id=claim.turn_id,
            message_id=claim.in_reply_to,
            epoch=claim.epoch,
            tool=each.tool,
            arguments=arguments,
            unsaid=orjson.dumps(list(each.unsaid)).decode(),
            key=key(claim.conversation_id, claim.epoch, each.tool, arguments),
            why=each.why,
            due=round(min(deadlines.remind_after, deadlines.expires_after) * 1_000_000),
            expires=round(deadlines.expires_after * 1_000_000),
        )
        if row is not None:
            await asked.announce(tx, row["id"], "approval.requested")
            new.append(row["id"])
    return new


def tell(tx: Transaction, told: Sequence[WrittenCall]) -> None:
    """The contact hears of these with this transaction."""
    if told:
        tx.later(_TELL, ids=[each.id for each in told])


def tell_all(tx: Transaction, conversation_id: str) -> None:
    """A person has spoken: what the bot had yet to tell is theirs to tell."""
    tx.later(_TELL_ALL, conversation_id=conversation_id)
