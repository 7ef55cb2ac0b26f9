"""Calls that operators are asked about: how their rows are read, and the steps of a transaction by which
operators, others' programs and the contact hear what became of them."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from pydantic import JsonValue

from bot.store import events, telling
from bot.store.database import Row, Transaction, moment
from bot.store.outgoing import number, remark
from bot.store.records import Approval, Assignee, WebhookType
from tools import follow_up

COLUMNS = """
    k.id, k.conversation_id, k.turn_id, k.tool, k.arguments, k.proposed, k.unsaid, k.state, k.why, k.note,
    k.result, k.decided_by, k.decided_at, k.created_at, k.expires_at, k.reminded_at, k.ended_at,
    {now} AS now, COALESCE(o.name, t.name) AS decided_by_name, c.status AS conversation_status,
    c.contact_id, p.name AS contact_name, m.channel, m.verified
"""
TABLES = """
    calls k JOIN conversations c ON c.id = k.conversation_id JOIN contacts p ON p.id = c.contact_id
    LEFT JOIN messages m ON m.id = k.message_id
    LEFT JOIN operators o ON o.id = k.decided_by LEFT JOIN api_tokens t ON t.id = k.decided_by
"""
ONE = f"SELECT {COLUMNS} FROM {TABLES} WHERE k.id = :id"  # noqa: S608
# While a turn runs, due_at stays the end of its lease: its end sees that there is news.
_NEWS = """
    UPDATE conversations SET news = news + 1, due_at = CASE
        WHEN status <> 'bot' OR lease_until > {now} OR due_at < {now} THEN due_at ELSE {now} END
    WHERE id = :conversation_id
"""
_LEAVE = """
    UPDATE calls SET state = 'doubtful', due_at = NULL, ended_at = {now}
    WHERE conversation_id = :conversation_id AND NOT asked AND state = 'running' RETURNING id
"""
_EXPIRE_ALL = """
    UPDATE calls SET state = 'expired', due_at = NULL, ended_at = {now}
    WHERE conversation_id = :conversation_id AND state = 'pending' RETURNING id
"""

_LONGEST = 500  # characters of a result or a word in a note


def record(row: Row) -> Approval:
    """The call of a row with COLUMNS."""
    return Approval(
        id=row["id"],
        conversation_id=row["conversation_id"],
        conversation_status=row["conversation_status"],
        contact_id=row["contact_id"],
        contact_name=row["contact_name"],
        channel=row["channel"] or "",
        verified=bool(row["verified"]),
        turn_id=row["turn_id"],
        tool=row["tool"],
        arguments=orjson.loads(row["arguments"]),
        proposed=orjson.loads(row["proposed"]),
        unsaid=orjson.loads(row["unsaid"]),
        state=row["state"],
        why=row["why"],
        note=row["note"],
        result=row["result"],
        age=(row["now"] - row["created_at"]) / 1_000_000,
        created_at=moment(row["created_at"]),
        expires_at=moment(row["expires_at"] or row["created_at"]),
        reminded_at=moment(row["reminded_at"]) if row["reminded_at"] is not None else None,
        decided_by=Assignee(id=row["decided_by"], name=row["decided_by_name"] or "")
        if row["decided_by"]
        else None,
        decided_at=moment(row["decided_at"]) if row["decided_at"] is not None else None,
        ended_at=moment(row["ended_at"]) if row["ended_at"] is not None else None,
    )


def records(rows: Sequence[Row]) -> Sequence[Approval]:
    return [record(row) for row in rows]


async def found(tx: Transaction, call_id: str) -> Approval:
    """A call that is there."""
    row = await tx.one(ONE, id=call_id)
    assert row is not None
    return record(row)


async def announce(tx: Transaction, call_id: str, kind: WebhookType) -> Approval:
    """Write down for operators and others' programs how a call stands now; the contact's row is held."""
    row = await tx.one(ONE, id=call_id)
    assert row is not None
    approval = record(row)
    numbered = await number(tx, approval.conversation_id, 1)
    events.append(
        tx,
        contact_id=numbered["id"],
        seq=numbered["last_event"],
        conversation_id=approval.conversation_id,
        kind="approval",
        tells=(),
        created_at=row["now"],
        private=True,
        data={"id": approval.id, "state": approval.state},
    )
    telling.queue(
        tx,
        [kind],
        conversation_id=approval.conversation_id,
        seq=numbered["last_event"],
        data={"approval": _told(approval)},
    )
    return approval


async def bring_news(tx: Transaction, approval: Approval, *, known: bool = False) -> None:
    """The contact is to hear what came of a call, its row marked as untold (`known`: it was so already): from
    the bot, or, while a person has the conversation, from them, who are told in a note. The contact's row is
    held."""
    if not known:
        tx.later(_NEWS, conversation_id=approval.conversation_id)
    if approval.conversation_status != "bot":
        await remark(tx, approval.conversation_id, in_words(approval), channel=approval.channel)


def in_words(approval: Approval) -> str:
    """What came of a call, as a note tells the person who has the conversation."""
    values = ", ".join(f"{name} {value}" for name, value in approval.arguments.items())
    what = f"{approval.tool} ({values})" if values else approval.tool
    who = approval.decided_by.name if approval.decided_by else "an operator"
    match approval.state:
        case "done" if approval.tool == follow_up.NAME:
            return f"They asked to be written to again, and it is time: “{approval.why}”"
        case "done" if approval.decided_by is None:
            said = f"Done by the bot, which had begun it before: {what}."
        case "done":
            said = f"Done, as {who} allowed: {what}."
        case "failed" if approval.decided_by is None:
            said = f"The bot had begun this before, and it was not done: {what}."
        case "failed":
            said = f"{who} allowed this, and it could not be done: {what}."
        case "doubtful":
            said = f"Nobody knows whether this was done: {what}. Look before anybody does it again."
        case "rejected":
            said = f"{who} decided against this: {what}."
        case _:
            said = f"Nobody decided about this in time, and it was not done: {what}."
    more = approval.note if approval.state == "rejected" else approval.result
    return f"{said} {more[:_LONGEST]}".strip()


async def leave(tx: Transaction, conversation_id: str) -> None:
    """A person goes on where the bot's turns end: of what one of them had begun, and nobody saw the end of,
    they are told. The contact's row is held."""
    rows = await tx.all(_LEAVE, conversation_id=conversation_id)
    for row in rows:
        approval = await found(tx, row["id"])
        await remark(tx, conversation_id, in_words(approval), channel=approval.channel)


async def expire_all(tx: Transaction, conversation_id: str) -> None:
    """The matter is settled: nobody is asked any more. The contact's row is held."""
    rows = await tx.all(_EXPIRE_ALL, conversation_id=conversation_id)
    for row in rows:
        await announce(tx, row["id"], "approval.decided")


def _told(approval: Approval) -> dict[str, JsonValue]:
    return {
        "id": approval.id,
        "status": approval.state,
        "tool": approval.tool,
        "arguments": dict(approval.arguments),
        "why": approval.why,
        "note": approval.note,
        "decided_by": approval.decided_by.name if approval.decided_by else None,
        "created_at": approval.created_at.isoformat(),
        "expires_at": approval.expires_at.isoformat(),
    }
