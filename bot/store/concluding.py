"""The end of a turn: its words, trace, cost and the conversation's state, all or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import orjson

from bot.orchestrator.outcome import HandOff, NeedsApproval, Outcome, Reply, Silence
from bot.store import asked, calls, events, knowledge, messages
from bot.store.calls import Deadlines
from bot.store.database import Reader, Transaction, microseconds, moment, new_id
from bot.store.outgoing import number, outbox, say
from bot.store.records import Claim, Concluded, StoredMessage
from bot.trace import Step

_CONCLUDE = """
    UPDATE conversations SET
        status = :status, answered_seq = :up_to_seq, lease_until = NULL, attempts = 0,
        epoch = epoch + 1, calls = calls + :asked, news = news - :told,
        due_at = CASE WHEN :status = 'bot' AND (last_in_seq > :up_to_seq OR news > :told) THEN {now} END,
        waiting_since = CASE WHEN :status = 'waiting' THEN {now} ELSE waiting_since END,
        last_seq = last_seq + :said, last_event = :event, last_activity_at = {now}
    WHERE id = :conversation_id AND fence = :fence AND status = 'bot' AND lease_until IS NOT NULL
    RETURNING contact_id, last_seq, due_at, last_activity_at, last_seq - summary_seq AS uncovered
"""
_END = """
    UPDATE turns SET status = :status, outcome = :outcome, reason = :reason, up_to_seq = :up_to_seq,
        ended_at = {now}
    WHERE id = :id
"""
_ABANDON = """
    UPDATE turns SET status = 'abandoned', reason = :reason, ended_at = {now}
    WHERE id = :id AND status <> 'concluded'
"""
_STEP = """
    INSERT INTO steps (turn_id, position, kind, name, status, started_at, seconds, input, output, error,
        tokens_in, tokens_out, cost, needs)
    VALUES (:turn_id, :position, :kind, :name, :status, :started_at, :seconds, :input, :output, :error,
        :tokens_in, :tokens_out, :cost, :needs)
    ON CONFLICT (turn_id, position) DO NOTHING
"""
_DRAFT = """
    INSERT INTO drafts (turn_id, conversation_id, text, html, citations, created_at)
    SELECT id, conversation_id, :text, :html, :citations, {now} FROM turns
    WHERE id = :turn_id AND status <> 'concluded'
    ON CONFLICT (turn_id) DO NOTHING
"""
SUMMARISE = """
    INSERT INTO summaries (conversation_id, text, model, up_to_seq, created_at)
    VALUES (:conversation_id, :text, :model, :up_to_seq, {now})
    ON CONFLICT (conversation_id) DO UPDATE SET text = excluded.text, model = excluded.model,
        up_to_seq = excluded.up_to_seq, created_at = excluded.created_at
    RETURNING text, model, up_to_seq, created_at
"""
_ANSWERS = """
    SELECT COUNT(*) AS count FROM (
        SELECT m.id FROM deliveries d JOIN messages m ON m.id = d.message_id
        WHERE d.channel = :channel AND d.recipient = :recipient AND d.created_at > {now} - 3600000000
            AND m.author_kind <> 'operator' LIMIT :limit) AS answers
"""


_QUESTION = 1_000  # characters of a question that knowledge could not ground
TOO_MANY = Silence(why="too many automatic answers within an hour")


async def answered_enough(reader: Reader, claim: Claim, per_hour: int | None) -> bool:
    """Whether the recipient has had that many answers within an hour that no person wrote."""
    if per_hour is None:
        return False
    row = await reader.one(_ANSWERS, channel=claim.channel, recipient=claim.recipient, limit=per_hour)
    return bool(row and row["count"] >= per_hour)


async def conclude(
    tx: Transaction,
    claim: Claim,
    outcome: Outcome,
    steps: Sequence[Step],
    *,
    html: str,
    status: Literal["bot", "waiting"],
    parts: Sequence[str] | None,
    author_name: str,
    per_hour: int | None,
    deadlines: Deadlines,
) -> Concluded | None:
    """What `Turns.conclude` promises, in the given transaction."""
    said = not isinstance(outcome, Silence)
    if said and per_hour is not None:
        await number(tx, claim.conversation_id, 0)  # or the contact's other turns would not be counted
        if await answered_enough(tx, claim, per_hour):
            outcome, status, said = TOO_MANY, "waiting", False
    moved = status != "bot"
    numbered = await number(tx, claim.conversation_id, int(said) + int(moved))
    contact_id, event = numbered["id"], numbered["last_event"]
    row = await tx.one(
        _CONCLUDE,
        conversation_id=claim.conversation_id,
        fence=claim.fence,
        status=status,
        up_to_seq=claim.up_to_seq,
        said=int(said),
        event=event,
        asked=len(outcome.calls) if isinstance(outcome, NeedsApproval | HandOff) else 0,
        told=len(claim.news),
    )
    trace(tx, claim.turn_id, steps)
    if row is None:
        _keep_draft(tx, claim, outcome, html)
        return None
    now = row["last_activity_at"]
    message, delivery_id = None, None
    if not isinstance(outcome, Silence):
        message = StoredMessage(
            id=new_id("msg"),
            seq=row["last_seq"],
            conversation_id=claim.conversation_id,
            channel=claim.channel,
            direction="out",
            author_kind="bot",
            author_name=author_name,
            text=outcome.text,
            html=html,
            created_at=moment(now),
            subject=claim.subject,
            address=claim.recipient,
            citations=tuple(outcome.citations) if isinstance(outcome, Reply) else (),
            in_reply_to=claim.in_reply_to,
            turn_id=claim.turn_id,
            delivery=outbox(parts),
        )
        delivery_id = say(tx, message, contact_id=contact_id, event=event - int(moved), parts=parts)
    waiting: Sequence[str] = ()
    if isinstance(outcome, NeedsApproval | HandOff):
        waiting = await calls.ask(tx, claim, outcome.calls, deadlines)
    if question := _ungrounded(claim, outcome):
        tx.later(
            knowledge.GAP,
            id=new_id("gap"),
            question=question,
            conversation_id=claim.conversation_id,
            turn_id=claim.turn_id,
        )
    if isinstance(outcome, HandOff):
        tx.later(
            SUMMARISE,
            conversation_id=claim.conversation_id,
            text=outcome.summary,
            model="",
            up_to_seq=claim.up_to_seq,
        )
    calls.tell(tx, claim.news)
    if moved and claim.earlier:
        await asked.leave(tx, claim.conversation_id)
    if moved:
        events.append_status(
            tx,
            contact_id=contact_id,
            seq=event,
            conversation_id=claim.conversation_id,
            status=status,
            created_at=now,
        )
    named, reason = in_short(outcome)
    tx.later(
        _END,
        id=claim.turn_id,
        status="concluded",
        outcome=named,
        reason=reason,
        up_to_seq=claim.up_to_seq,
    )
    return Concluded(
        message=message,
        delivery_id=delivery_id,
        status=status,
        more=row["due_at"] is not None,
        asked=waiting,
        uncovered=row["uncovered"],
    )


def abandon(tx: Transaction, claim: Claim, *, reason: str) -> None:
    """The turn ends without a word, unless it was concluded already."""
    tx.later(_ABANDON, id=claim.turn_id, reason=reason)


def lose(tx: Transaction, claim: Claim, steps: Sequence[Step], *, text: str, html: str) -> None:
    """What `Turns.lose` promises, in the given transaction."""
    trace(tx, claim.turn_id, steps)
    _keep_draft(tx, claim, Reply(text=text), html)


def in_short(outcome: Outcome) -> tuple[str, str]:
    """What an outcome is called, and the reason for it."""
    match outcome:
        case Reply():
            return "reply", "" if outcome.answered else "unanswered"
        case HandOff():
            return "hand_off", outcome.reason
        case NeedsApproval():
            return "approval", ", ".join(call.tool for call in outcome.calls)
        case Silence():
            return "silence", outcome.why


def _keep_draft(tx: Transaction, claim: Claim, outcome: Outcome, html: str) -> None:
    """The turn was lost: its words are for operators to see, and for nobody else."""
    tx.later(_ABANDON, id=claim.turn_id, reason="lost")
    if isinstance(outcome, Silence) or not outcome.text:
        return
    tx.later(
        _DRAFT,
        turn_id=claim.turn_id,
        text=outcome.text,
        html=html,
        citations=messages.as_json(outcome.citations) if isinstance(outcome, Reply) else "[]",
    )


def trace(tx: Transaction, turn_id: str, steps: Sequence[Step]) -> None:
    if steps:
        tx.many(
            _STEP,
            [
                {
                    "turn_id": turn_id,
                    "position": position,
                    "kind": step.kind,
                    "name": step.name,
                    "status": step.status,
                    "started_at": microseconds(step.started_at),
                    "seconds": step.seconds,
                    "input": orjson.dumps(step.input).decode(),
                    "output": orjson.dumps(step.output).decode(),
                    "error": step.error,
                    "tokens_in": step.tokens_in,
                    "tokens_out": step.tokens_out,
                    "cost": step.cost,
                    "needs": orjson.dumps(list(step.needs)).decode(),
                }
                for position, step in enumerate(steps)
            ],
        )


def _ungrounded(claim: Claim, outcome: Outcome) -> str:
    """The question that knowledge had no answer to, if that is how the turn ended."""
    match outcome:
        case Reply(answered=False) | HandOff(reason="missing_knowledge"):
            asked = [each.text for each in claim.messages if each.direction == "in" and each.text.strip()]
            return asked[-1][:_QUESTION] if asked else ""
        case _:
            return ""
