"""Where a message belongs that names what it follows: steps of the transaction that records it."""

from __future__ import annotations

from dataclasses import dataclass

from bot.store import events
from bot.store.database import Row, Transaction
from bot.store.outgoing import number, remark
from channels.base import InboundMessage

_UNASSIGNS = "c.status = 'resolved' AND c.assignee_id IS NOT NULL AS unassigns"
# Of what a message says it follows: by the id it left under, or by what its sender called it.
_NAMED_OURS = f"""
    SELECT m.id, m.conversation_id, c.contact_id, {_UNASSIGNS}
    FROM messages m JOIN conversations c ON c.id = m.conversation_id
    WHERE m.id = :named AND m.channel = :channel AND m.direction = 'out' AND NOT m.private
"""  # noqa: S608
_NAMED_THEIRS = f"""
    SELECT m.id, m.conversation_id, c.contact_id, {_UNASSIGNS}
    FROM messages m JOIN conversations c ON c.id = m.conversation_id
    WHERE m.channel = :channel AND m.reference = :named
    ORDER BY CASE WHEN c.contact_id = :contact_id THEN 0 ELSE 1 END, m.created_at DESC LIMIT 1
"""  # noqa: S608


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a message belongs: in `conversation_id`, answering `answers`; nowhere yet when that is empty.
    `stranger_to` is the conversation it names whose participants its sender is none of; `unassigns`: the
    one it joins is somebody's who had resolved it, and is the bot's again."""

    conversation_id: str = ""
    answers: str | None = None
    stranger_to: str = ""
    unassigns: bool = False


async def place(tx: Transaction, contact_id: str, message: InboundMessage) -> Place:
    """Where a message belongs that joins what it follows: to the nearest of its sender's own.

    Ours are drawn by lot. What others gave out may be guessed: by it joins only who is vouched for.
    """
    if message.joins == "open":
        return Place()
    strangers = ""
    named = {"channel": message.channel}
    for each in message.follows:
        ours = await tx.one(_NAMED_OURS, **named, named=each)
        row = ours or await tx.one(_NAMED_THEIRS, **named, named=each, contact_id=contact_id)
        if row is None:
            continue
        if row["contact_id"] != contact_id or message.wants == "person":
            strangers = strangers or row["conversation_id"]
        elif ours or message.verified:
            return Place(
                conversation_id=row["conversation_id"], answers=row["id"], unassigns=bool(row["unassigns"])
            )
    return Place(stranger_to=strangers)


def note(message: InboundMessage, place: Place) -> str:
    """What operators are told beside a message, if anything."""
    match message.wants:
        case "nothing":
            return message.note
        case "person" if place.stranger_to:
            return f"{message.note} It is about another conversation ({place.stranger_to})."
        case "person":
            return message.note
        case "answer" if place.stranger_to:
            return (
                f"{message.sender} answers a message of another conversation ({place.stranger_to}) without"
                " taking part in it: a copied person, or somebody it was passed on to. It is not shown there,"
                " and the bot stays out."
            )
        case "answer":
            return ""


async def tell(
    tx: Transaction, contact_id: str, conversation: Row, channel: str, text: str, *, waits: str = ""
) -> None:
    """Write a note for operators into a conversation that a message has just come into, and why it `waits`
    for them since then."""
    await remark(tx, conversation["id"], text, channel=channel)
    if waits:
        numbered = await number(tx, conversation["id"], 1)
        events.append_status(
            tx,
            contact_id=contact_id,
            seq=numbered["last_event"],
            conversation_id=conversation["id"],
            status="waiting",
            created_at=conversation["last_activity_at"],
            reason=waits,
        )
