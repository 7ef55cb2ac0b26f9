"""Allowed calls on their way: taken by one worker at a time under a lease of their own, whoever has the
conversation; and those that nobody decided about, or came back to, in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import orjson

from bot.store import asked, contacts
from bot.store.database import Database, Row, Transaction
from bot.store.outgoing import NoSuchConversation, number
from bot.store.records import Approval, ClaimedCall

_DUE = "SELECT id FROM calls WHERE due_at <= {now} - :waiting ORDER BY due_at LIMIT :limit"
_WHERE = "SELECT conversation_id FROM calls WHERE id = :id AND due_at <= {now}"
_TAKE = """
    UPDATE calls SET state = 'running', fence = fence + 1, due_at = {now} + :lease
    WHERE id = :id AND asked AND state IN ('approved', 'running') AND due_at <= {now}
    RETURNING id, conversation_id, turn_id, message_id, tool, arguments, key, fence, why
"""
_UNDECIDED = "SELECT id FROM calls WHERE id = :id AND state = 'pending' AND expires_at > {now}"
_REMINDED = """
    UPDATE calls SET reminded_at = {now}, due_at = expires_at
    WHERE id = :id AND state = 'pending' AND reminded_at IS NULL
"""
_EXPIRE = """
    UPDATE calls SET state = 'expired', due_at = NULL, ended_at = {now}, untold = TRUE
    WHERE id = :id AND state = 'pending' AND expires_at <= {now} RETURNING id
"""
# A turn began it and no attempt at the turn came back: one that still could finds it doubtful.
_ABANDON = """
    UPDATE calls SET state = 'doubtful', due_at = NULL, ended_at = {now}, untold = epoch < (
        SELECT c.epoch FROM conversations c WHERE c.id = calls.conversation_id)
    WHERE id = :id AND NOT asked AND state = 'running' AND due_at <= {now} RETURNING untold
"""
_RIPEN = """
    UPDATE calls SET state = 'done', due_at = NULL, ended_at = {now}, untold = TRUE
    WHERE id = :id AND state = 'planned' AND due_at <= {now} RETURNING id
"""
_CONTACT = """
    SELECT p.id AS contact_id, p.name, p.attributes, m.channel, m.verified
    FROM conversations c JOIN contacts p ON p.id = c.contact_id LEFT JOIN messages m ON m.id = :message_id
    WHERE c.id = :conversation_id
"""
_VOUCHED = """
    SELECT id, contact_id, channel, address, verified FROM identities
    WHERE contact_id = :contact_id AND verified
"""
_OURS = "id = :id AND state = 'running' AND fence = :fence"
_KEEP = f"UPDATE calls SET due_at = {{now}} + :lease WHERE {_OURS} RETURNING id"  # noqa: S608
_POSTPONE = f"UPDATE calls SET due_at = {{now}} + :delay, result = :result WHERE {_OURS}"  # noqa: S608
_UNTOLD = "SELECT untold FROM calls WHERE id = :id"
# What has happened has happened, whoever has the call now; of what went wrong, its holder knows best.
_SETTLE = """
    UPDATE calls SET state = :state, result = :result, refusal = :refusal, due_at = NULL, ended_at = {now},
        untold = TRUE
    WHERE id = :id AND state IN ('running', 'doubtful') AND (fence = :fence OR :state = 'done')
        AND state <> :state
    RETURNING id
"""


class Acts:
    """What is to be done about calls, apart from turns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, limit: int = 100, *, waiting: float = 0.0) -> Sequence[str]:
        """Calls that somebody should have looked at `waiting` seconds ago or more."""
        async with self._database.read() as reader:
            rows = await reader.all(_DUE, limit=limit, waiting=_microseconds(waiting))
        return [row["id"] for row in rows]

    async def claim(self, call_id: str, lease: float) -> ClaimedCall | Approval | None:
        """Take a call that may be made, on record as begun before it is; ours for `lease` seconds.

        Others are returned as they stand then: one that still waits, of which operators are to be reminded;
        one that nobody has decided about in time, and has expired now; one that was planned for now, and is
        done; one that its turn left behind, and is doubtful now. None: nothing is due, or somebody else is
        at it.
        """

        async def write(tx: Transaction) -> ClaimedCall | Approval | None:
            if not await _hold(tx, call_id):
                return None
            taken = await tx.one(_TAKE, id=call_id, lease=_microseconds(lease))
            return await (_claimed(tx, taken) if taken else _moved(tx, call_id))

        return await self._database.write(write)

    async def reminded(self, call_id: str) -> None:
        """Operators have been told that it still waits; it is due when it expires."""
        await self._database.change(_REMINDED, id=call_id)

    async def keep(self, claimed: ClaimedCall, lease: float) -> bool:
        """Keep it for longer; False once it is another worker's."""
        row = await self._database.change(
            _KEEP, id=claimed.id, fence=claimed.fence, lease=_microseconds(lease)
        )
        return row is not None

    async def postpone(self, claimed: ClaimedCall, *, seconds: float, result: str) -> None:
        """Its end is not known, and its provider keeps keys: it is due again."""
        await self._database.change(
            _POSTPONE,
            id=claimed.id,
            fence=claimed.fence,
            delay=_microseconds(seconds),
            result=result,
        )

    async def settle(
        self,
        claimed: ClaimedCall,
        state: Literal["done", "failed", "doubtful"],
        result: str,
        refusal: str | None = None,
    ) -> Approval | None:
        """What came of it, once: the contact is to hear, also why it was refused, if it was. None when
        another worker has said so already."""

        async def write(tx: Transaction) -> Approval | None:
            try:
                await number(tx, claimed.conversation_id, 0)
            except NoSuchConversation:
                return None
            before = await tx.one(_UNTOLD, id=claimed.id)
            row = await tx.one(
                _SETTLE, id=claimed.id, fence=claimed.fence, state=state, result=result, refusal=refusal
            )
            if before is None or row is None:
                return None
            approval = await asked.found(tx, claimed.id)
            await asked.bring_news(tx, approval, known=before["untold"])
            return approval

        return await self._database.write(write)


async def _hold(tx: Transaction, call_id: str) -> bool:
    """Hold the contact's row; False when nothing is due about the call."""
    row = await tx.one(_WHERE, id=call_id)
    if row is None:
        return False
    try:
        await number(tx, row["conversation_id"], 0)
    except NoSuchConversation:
        return False
    return True


async def _moved(tx: Transaction, call_id: str) -> Approval | None:
    if await tx.one(_UNDECIDED, id=call_id):
        return await asked.found(tx, call_id)
    if await tx.one(_EXPIRE, id=call_id):
        approval = await asked.announce(tx, call_id, "approval.decided")
        await asked.bring_news(tx, approval)
        return approval
    if await tx.one(_RIPEN, id=call_id):
        approval = await asked.found(tx, call_id)
        await asked.bring_news(tx, approval)
        return approval
    left = await tx.one(_ABANDON, id=call_id)
    if left is None:
        return None
    approval = await asked.found(tx, call_id)
    if left["untold"]:
        await asked.bring_news(tx, approval)
    elif approval.conversation_status != "bot":
        await asked.bring_news(tx, approval, known=True)
    return approval


async def _claimed(tx: Transaction, taken: Row) -> ClaimedCall:
    contact = await tx.one(_CONTACT, conversation_id=taken["conversation_id"], message_id=taken["message_id"])
    assert contact is not None
    vouched = await tx.all(_VOUCHED, contact_id=contact["contact_id"])
    return ClaimedCall(
        id=taken["id"],
        conversation_id=taken["conversation_id"],
        contact_id=contact["contact_id"],
        contact_name=contact["name"],
        identities=tuple(contacts.identity(each) for each in vouched),
        vouched=orjson.loads(contact["attributes"]),
        verified=bool(contact["verified"]),
        channel=contact["channel"] or "",
        turn_id=taken["turn_id"],
        tool=taken["tool"],
        arguments=orjson.loads(taken["arguments"]),
        why=taken["why"],
        key=taken["key"],
        fence=taken["fence"],
    )


def _microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)
