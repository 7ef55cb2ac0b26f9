"""Turns: taken by one worker at a time, concluded in one transaction, or not at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

import orjson

from bot.orchestrator.outcome import Outcome
from bot.store import calls, concluding, contacts, messages
from bot.store.calls import Deadlines, Written
from bot.store.database import Database, Reader, Row, Transaction, moment, new_id
from bot.store.records import Claim, Concluded, TurnRecord
from bot.trace import Step, StepStatus

_PAST = 12  # calls done in earlier turns that a turn sees at most
_WINDOW = 20  # messages a turn sees; what came before is in the summary

_CLAIM = """
    UPDATE conversations SET fence = fence + 1, attempts = attempts + 1,
        lease_until = {now} + :lease, due_at = {now} + :lease
    WHERE id = :conversation_id AND status = 'bot' AND (last_in_seq > answered_seq OR news > 0)
        AND due_at <= {now} AND (lease_until IS NULL OR lease_until <= {now})
    RETURNING contact_id, fence, attempts, last_in_seq, answered_seq, summary, summary_model, guidance,
        subject, cost, epoch, calls
"""
_ABANDON_OTHERS = """
    UPDATE turns SET status = 'abandoned', ended_at = {now}
    WHERE conversation_id = :conversation_id AND status = 'running'
"""
_BEGIN = """
    INSERT INTO turns (id, conversation_id, fence, attempt, up_to_seq, started_at)
    VALUES (:id, :conversation_id, :fence, :attempt, :up_to_seq, {now})
"""
_CONTACT = """
    SELECT c.name, c.attributes, i.id, i.contact_id, i.channel, i.address, i.verified
    FROM contacts c LEFT JOIN identities i ON i.contact_id = c.id AND i.verified
    WHERE c.id = :contact_id
"""
_NEWEST_IN = f"""
    SELECT {messages.COLUMNS} FROM messages m LEFT JOIN deliveries d ON d.message_id = m.id
    WHERE m.conversation_id = :conversation_id AND m.seq = :seq
"""  # noqa: S608
_BY_ID = f"""
    SELECT {messages.COLUMNS} FROM messages m LEFT JOIN deliveries d ON d.message_id = m.id
    WHERE m.id = :id
"""  # noqa: S608
_QUOTED = "SELECT id, text FROM messages WHERE id {in ids}"

_RENEW = """
    UPDATE conversations SET lease_until = {now} + :lease, due_at = {now} + :lease
    WHERE id = :conversation_id AND fence = :fence AND status = 'bot' AND lease_until IS NOT NULL
    RETURNING last_in_seq
"""
_REFRESH = """
    SELECT contact_id, fence, attempts, last_in_seq, answered_seq, summary, summary_model, guidance, subject,
        cost, epoch, calls
    FROM conversations WHERE id = :conversation_id
"""
_RELEASE = """
    UPDATE conversations SET lease_until = NULL, due_at = {now} + :delay, attempts = attempts - :forgiven
    WHERE id = :conversation_id AND fence = :fence AND status = 'bot' AND lease_until IS NOT NULL
    RETURNING id
"""
_DUE = "SELECT id FROM conversations WHERE due_at <= {now} - :waiting ORDER BY due_at LIMIT :limit"
_OLDEST_DUE = "SELECT {now} - MIN(due_at) AS late FROM conversations WHERE due_at <= {now}"
_TURN = """
    SELECT t.id, t.conversation_id, t.attempt, t.status, t.outcome, t.reason, t.started_at, t.ended_at,
        t.cost, d.text AS draft
    FROM turns t LEFT JOIN drafts d ON d.turn_id = t.id WHERE t.id = :id
"""
_STEPS = """
    SELECT kind, name, status, started_at, seconds, input, output, error, tokens_in, tokens_out, cost, needs
    FROM steps WHERE turn_id = :id ORDER BY position
"""
_SENT = """
    SELECT d.channel, d.status, d.error, d.created_at, d.message_id,
        (SELECT MAX(p.created_at) FROM provider_ids p WHERE p.delivery_id = d.id) AS taken_at
    FROM messages m JOIN deliveries d ON d.message_id = m.id
    WHERE m.conversation_id = :conversation_id AND m.turn_id = :id ORDER BY m.seq
"""
_STEP_STATUS: Mapping[str, StepStatus] = {
    **dict.fromkeys(("queued", "sending"), "running"),
    **dict.fromkeys(("sent", "delivered", "read"), "ok"),
    **dict.fromkeys(("failed", "uncertain"), "failed"),
}


def _microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)


class Turns:
    """One turn at a time in each conversation: a lease with a fencing number, kept by the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, limit: int = 100, *, waiting: float = 0.0) -> Sequence[str]:
        """Conversations due for `waiting` seconds or more, those that have waited longest first."""
        async with self._database.read() as reader:
            rows = await reader.all(_DUE, limit=limit, waiting=_microseconds(waiting))
        return [row["id"] for row in rows]

    async def oldest_due(self) -> float:
        """Seconds by which the longest-waiting turn is late; 0.0 when none is due."""
        async with self._database.read() as reader:
            row = await reader.one(_OLDEST_DUE)
        return (row["late"] or 0) / 1_000_000 if row else 0.0

    async def claim(self, conversation_id: str, lease_seconds: float) -> Claim | None:
        """Take the turn, or None: a person's, answered already, not due yet, or another worker's."""
        turn_id = new_id("trn")

        async def begin(tx: Transaction) -> Row | None:
            row = await tx.one(_CLAIM, conversation_id=conversation_id, lease=_microseconds(lease_seconds))
            if row is None:
                return None
            if row["attempts"] > 1:  # an earlier worker may have died in the middle
                tx.later(_ABANDON_OTHERS, conversation_id=conversation_id)
            tx.later(
                _BEGIN,
                id=turn_id,
                conversation_id=conversation_id,
                fence=row["fence"],
                attempt=row["attempts"],
                up_to_seq=row["last_in_seq"],
            )
            return row

        row = await self._database.write(begin)
        if row is None:
            return None
        async with self._database.read() as reader:  # nobody who writes needs to wait for this
            return await seen(reader, turn_id, conversation_id, row)

    async def answered_enough(self, claim: Claim, per_hour: int | None) -> bool:
        """Whether the recipient has had that many answers within an hour that no person wrote."""
        async with self._database.read() as reader:
            return await concluding.answered_enough(reader, claim, per_hour)

    async def renew(self, claim: Claim, lease_seconds: float) -> int | None:
        """Keep the turn for longer and learn the contact's newest seq; None once the turn is lost."""
        row = await self._database.change(
            _RENEW,
            conversation_id=claim.conversation_id,
            fence=claim.fence,
            lease=_microseconds(lease_seconds),
        )
        return row["last_in_seq"] if row else None

    async def refresh(self, claim: Claim) -> Claim:
        """The same turn with what the contact has added since."""
        async with self._database.read(snapshot=True) as reader:
            row = await reader.one(_REFRESH, conversation_id=claim.conversation_id)
            if row is None:
                return claim
            found = await seen(reader, claim.turn_id, claim.conversation_id, row)
        return replace(found, fence=claim.fence, attempt=claim.attempt)

    async def release(self, claim: Claim, *, delay: float = 0.0, forgiven: bool = True) -> bool:
        """Give the turn back, due again after `delay` seconds; a forgiven one was not an attempt."""

        async def release(tx: Transaction) -> bool:
            row = await tx.one(
                _RELEASE,
                conversation_id=claim.conversation_id,
                fence=claim.fence,
                delay=_microseconds(delay),
                forgiven=int(forgiven),
            )
            concluding.abandon(tx, claim, reason="released")
            return row is not None

        return await self._database.write(release)

    async def lose(self, claim: Claim, steps: Sequence[Step], *, text: str, html: str) -> None:
        """The turn is not ours any more: its steps are written down, and what it had begun to say is kept
        as a draft for operators."""

        async def lose(tx: Transaction) -> None:
            concluding.lose(tx, claim, steps, text=text, html=html)

        await self._database.write(lose)

    async def conclude(
        self,
        claim: Claim,
        outcome: Outcome,
        steps: Sequence[Step],
        *,
        html: str,
        status: Literal["bot", "waiting"],
        parts: Sequence[str] | None,
        author_name: str,
        per_hour: int | None = None,
        deadlines: Deadlines = Deadlines(),  # noqa: B008  it is frozen
    ) -> Concluded | None:
        """Write the turn's reply, trace and the conversation's state, all or nothing; what needs an
        operator's word is asked for, and the news it brought has been told.

        None when the turn was lost meanwhile: nothing is said, and the text is kept as a draft.
        `parts` are the texts it leaves in; None: the recipient reads our store, so that it is sent with the
        commit. Nothing is said to somebody who has had `per_hour` such answers: a person decides.
        """
        return await self._database.write(
            lambda tx: concluding.conclude(
                tx,
                claim,
                outcome,
                steps,
                html=html,
                status=status,
                parts=parts,
                author_name=author_name,
                per_hour=per_hour,
                deadlines=deadlines,
            )
        )

    async def get(self, turn_id: str) -> TurnRecord | None:
        """A turn with its steps, and how what it said was delivered as the last of them."""
        async with self._database.read() as reader:
            row = await reader.one(_TURN, id=turn_id)
            if row is None:
                return None
            steps = await reader.all(_STEPS, id=turn_id)
            sent = await reader.all(_SENT, id=turn_id, conversation_id=row["conversation_id"])
        return TurnRecord(
            id=row["id"],
            conversation_id=row["conversation_id"],
            attempt=row["attempt"],
            status=row["status"],
            outcome=row["outcome"],
            reason=row["reason"],
            started_at=moment(row["started_at"]),
            ended_at=moment(row["ended_at"]) if row["ended_at"] is not None else None,
            cost=row["cost"],
            steps=[
                Step(
                    kind=step["kind"],
                    name=step["name"],
                    status=step["status"],
                    started_at=moment(step["started_at"]),
                    seconds=step["seconds"],
                    input=orjson.loads(step["input"]),
                    output=orjson.loads(step["output"]),
                    error=step["error"],
                    tokens_in=step["tokens_in"],
                    tokens_out=step["tokens_out"],
                    cost=step["cost"],
                    needs=orjson.loads(step["needs"]),
                )
                for step in steps
            ]
            + [_delivered(each) for each in sent],
            draft=row["draft"],
        )


def _delivered(row: Row) -> Step:
    """A delivery as a step: until the provider took it, whatever it told of it later."""
    taken = row["taken_at"] or row["created_at"]
    return Step(
        kind="deliver",
        name=row["channel"],
        status=_STEP_STATUS[row["status"]],
        started_at=moment(row["created_at"]),
        seconds=max(0.0, (taken - row["created_at"]) / 1_000_000),
        input={"message_id": row["message_id"]},
        output={"status": row["status"]},
        error=row["error"],
    )


async def seen(reader: Reader, turn_id: str, conversation_id: str, row: Row) -> Claim:
    """The claim with the bounded window a turn sees."""
    rows = await reader.all(messages.NEWEST, conversation_id=conversation_id, limit=_WINDOW)
    window = [messages.stored(each) for each in reversed(rows)]
    last = row["last_in_seq"]  # what came after it wants no answer
    asked = [each for each in window if each.direction == "in" and row["answered_seq"] < each.seq <= last]
    journal: Sequence[Written] = ()
    if row["calls"]:
        journal = await calls.of_conversation(reader, conversation_id, row["epoch"])
    untold = [each for each in journal if each.untold]
    settled = [each for each in journal if not each.earlier and not each.untold]
    wrote = last > row["answered_seq"]
    if asked:
        newest = asked[-1]
    else:  # more than a window of others' words came after it, or nobody wrote and there is news to tell
        found = await (
            reader.one(_NEWEST_IN, conversation_id=conversation_id, seq=last)
            if wrote
            else reader.one(_BY_ID, id=untold[0].message_id)
        )
        assert found is not None
        newest = messages.stored(found)
    # What was asked for elsewhere is told there, by a turn of its own.
    news = [each for each in untold if (each.channel, each.recipient) == (newest.channel, newest.address)]
    shown = {each.id for each in window}
    quoted = [
        each.in_reply_to
        for each in window
        if each.direction == "in" and each.in_reply_to and each.in_reply_to not in shown
    ]
    found_quotes = await reader.all(_QUOTED, ids=quoted) if quoted else []
    people = await reader.all(_CONTACT, contact_id=row["contact_id"])
    return Claim(
        turn_id=turn_id,
        conversation_id=conversation_id,
        contact_id=row["contact_id"],
        contact_name=people[0]["name"] if people else "",
        identities=tuple(contacts.identity(each) for each in people if each["id"] is not None),
        vouched=orjson.loads(people[0]["attributes"]) if people else {},
        fence=row["fence"],
        attempt=row["attempts"],
        channel=newest.channel,
        recipient=newest.address,
        verified=newest.verified,
        in_reply_to=newest.id,
        up_to_seq=max(newest.seq, last),
        answered_seq=row["answered_seq"],
        pending=max(len(asked), int(wrote)),
        messages=window,
        quoted={each["id"]: each["text"] for each in found_quotes},
        summary=row["summary"],
        summary_model=row["summary_model"],
        guidance=row["guidance"],
        subject=newest.subject or row["subject"],
        cost=row["cost"],
        epoch=row["epoch"],
        earlier=[each.call for each in journal if each.earlier],
        news=[each.call for each in news],
        waiting=[each.call for each in settled if each.call.state != "done"],
        past=[each.call for each in settled if each.call.state == "done"][-_PAST:],
    )
