"""Two contacts turn out to be one person: what belongs to one moves to the other, and can move back."""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from bot.store import audit, budgets
from bot.store.database import Transaction, new_id

# Both rows stay locked to the commit, always in the order of their ids.
_LOCK = """
    UPDATE contacts SET last_event = last_event WHERE id = :id AND merged_into IS NULL
    RETURNING id, last_event
"""
_IDENTITIES = "SELECT id FROM identities WHERE contact_id = :contact_id"
_CONVERSATIONS = "SELECT id FROM conversations WHERE contact_id = :contact_id"
_MOVE_IDENTITIES = "UPDATE identities SET contact_id = :contact_id WHERE id {in ids}"
_MOVE_CONVERSATIONS = "UPDATE conversations SET contact_id = :contact_id WHERE id {in ids}"
_MOVE_USAGE = """
    UPDATE usage SET contact_id = :contact_id WHERE conversation_id {in ids} AND contact_id <> :contact_id
"""
_MOVE_ATTACHMENTS = "UPDATE attachments SET contact_id = :contact_id WHERE contact_id = :source_id"
_RETURN_ATTACHMENTS = """
    UPDATE attachments SET contact_id = :contact_id WHERE message_id IN (
        SELECT m.id FROM messages m WHERE m.conversation_id {in ids})
"""
_CLOSE = "UPDATE contacts SET merged_into = :target_id WHERE id = :id"
_NUMBER_FROM = "UPDATE contacts SET last_event = :last_event WHERE id = :id"
_NOTE = """
    INSERT INTO merges (id, source_id, target_id, identities, conversations, at_event, decided_by, created_at)
    VALUES (:id, :source_id, :target_id, :identities, :conversations, :at_event, :decided_by, {now})
"""
_UNDO = """
    UPDATE merges SET undone_at = {now} WHERE id = :id AND undone_at IS NULL
    RETURNING source_id, target_id, identities, conversations
"""
_REOPEN = "UPDATE contacts SET merged_into = NULL, last_event = :last_event WHERE id = :id"


class Moved(Exception):  # noqa: N818
    """Somebody merged one of the contacts a moment ago: roll back and look again."""


@dataclass(frozen=True, kw_only=True)
class Locked:
    """Two contacts' rows, ours until the commit, with the last number of each one's events."""

    source_id: str
    source_event: int
    target_id: str
    target_event: int


async def lock(tx: Transaction, source_id: str, target_id: str) -> Locked:
    """Hold both contacts. Raises Moved when one of them is merged away by now."""
    last: dict[str, int] = {}
    for contact_id in sorted((source_id, target_id)):
        row = await tx.one(_LOCK, id=contact_id)
        if row is None:
            raise Moved
        last[contact_id] = row["last_event"]
    return Locked(
        source_id=source_id,
        source_event=last[source_id],
        target_id=target_id,
        target_event=last[target_id],
    )


async def merge(tx: Transaction, both: Locked, *, decided_by: str) -> str:
    """Move everything of the source to the target; the id to undo it by.

    The target's events go on above both contacts' numbers, so that a conversation's events keep rising.
    """
    identities = [row["id"] for row in await tx.all(_IDENTITIES, contact_id=both.source_id)]
    conversations = [row["id"] for row in await tx.all(_CONVERSATIONS, contact_id=both.source_id)]
    # Before the conversations, as whoever settles a call locks them.
    tx.later(_MOVE_USAGE, contact_id=both.target_id, ids=conversations)
    budgets.moved(tx, [both.source_id, both.target_id])
    tx.later(_MOVE_IDENTITIES, contact_id=both.target_id, ids=identities)
    tx.later(_MOVE_CONVERSATIONS, contact_id=both.target_id, ids=conversations)
    tx.later(_MOVE_ATTACHMENTS, contact_id=both.target_id, source_id=both.source_id)
    at_event = max(both.source_event, both.target_event)
    tx.later(_NUMBER_FROM, id=both.target_id, last_event=at_event)
    tx.later(_CLOSE, id=both.source_id, target_id=both.target_id)
    merge_id = new_id("mrg")
    tx.later(
        _NOTE,
        id=merge_id,
        source_id=both.source_id,
        target_id=both.target_id,
        identities=orjson.dumps(identities).decode(),
        conversations=orjson.dumps(conversations).decode(),
        at_event=at_event,
        decided_by=decided_by,
    )
    audit.note(tx, "contact.merge", both.target_id, {"contact": both.source_id, "merge": merge_id})
    return merge_id


async def undo(tx: Transaction, merge_id: str) -> bool:
    """Move back what a merge moved. False when it was undone, or never was."""
    row = await tx.one(_UNDO, id=merge_id)
    if row is None:
        return False
    target = await tx.one(_LOCK, id=row["target_id"])
    if target is None:
        raise Moved
    tx.later(_REOPEN, id=row["source_id"], last_event=target["last_event"])
    conversations = orjson.loads(row["conversations"])
    tx.later(_MOVE_USAGE, contact_id=row["source_id"], ids=conversations)
    budgets.moved(tx, [row["source_id"], row["target_id"]])
    tx.later(_MOVE_IDENTITIES, contact_id=row["source_id"], ids=orjson.loads(row["identities"]))
    tx.later(_MOVE_CONVERSATIONS, contact_id=row["source_id"], ids=conversations)
    tx.later(_RETURN_ATTACHMENTS, contact_id=row["source_id"], ids=conversations)
    audit.note(tx, "contact.unmerge", row["target_id"], {"contact": row["source_id"], "merge": merge_id})
    return True
