"""Calls that wait for an operator's word, and the word: given once, by whoever is first."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import JsonValue

from bot.orchestrator.agent import CallState
from bot.store import asked, audit, calls
from bot.store.database import Database, Transaction
from bot.store.outgoing import NoSuchConversation, number
from bot.store.records import Approval, Decided, Operator
from tools.base import Arguments

DECIDED: Sequence[CallState] = ("approved", "running", "done", "failed", "doubtful", "rejected", "expired")

_LONGEST_WAITING = f"""
    SELECT {asked.COLUMNS} FROM {asked.TABLES} WHERE k.state = 'pending'
        AND k.created_at >= :at AND (k.created_at > :at OR k.id > :id)
    ORDER BY k.created_at, k.id LIMIT :limit
"""  # noqa: S608
_NEWEST = f"""
    SELECT {asked.COLUMNS} FROM {asked.TABLES} WHERE k.state = :state AND k.asked
        AND k.created_at <= :at AND (k.created_at < :at OR k.id < :id)
    ORDER BY k.created_at DESC, k.id DESC LIMIT :limit
"""  # noqa: S608
_OF_CONVERSATION = f"""
    SELECT {asked.COLUMNS} FROM {asked.TABLES} WHERE k.conversation_id = :conversation_id AND k.asked
    ORDER BY k.created_at DESC, k.id DESC LIMIT :limit
"""  # noqa: S608
_COUNT = """
    SELECT COUNT(*) AS count FROM (SELECT 1 FROM calls WHERE state = 'pending' LIMIT :limit) AS counted
"""
_WHERE = "SELECT conversation_id FROM calls WHERE id = :id AND asked"
_APPROVE = """
    UPDATE calls SET state = 'approved', arguments = :arguments, note = :note, decided_by = :operator_id,
        decided_at = {now}, due_at = {now}
    WHERE id = :id AND state = 'pending' AND expires_at > {now} RETURNING id
"""
_REJECT = """
    UPDATE calls SET state = 'rejected', note = :note, decided_by = :operator_id, decided_at = {now},
        due_at = NULL, ended_at = {now}, untold = TRUE
    WHERE id = :id AND state = 'pending' AND expires_at > {now} RETURNING id
"""
_END = 2**62  # later than every time

Place = tuple[int, str]  # when a call was asked for, in microseconds, and its id


class Approvals:
    """What operators see of calls that need their word, and their word."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, state: CallState, *, before: Place | None = None, limit: int = 50
    ) -> tuple[Sequence[Approval], Place | None]:
        """Calls in a state and where the next page begins. Those that wait come longest waiting first,
        others the latest first."""
        waiting = state == "pending"
        at, last = before or ((-1, "") if waiting else (_END, ""))
        async with self._database.read() as reader:
            rows = await (
                reader.all(_LONGEST_WAITING, at=at, id=last, limit=limit + 1)
                if waiting
                else reader.all(_NEWEST, state=state, at=at, id=last, limit=limit + 1)
            )
        shown = rows[:limit]
        more = (shown[-1]["created_at"], shown[-1]["id"]) if len(rows) > limit else None
        return asked.records(shown), more

    async def decided(self, limit: int) -> Sequence[Approval]:
        """The latest that wait for nobody's word any more, the latest first."""
        async with self._database.read(snapshot=True) as reader:
            rows = [
                row
                for state in DECIDED
                for row in await reader.all(_NEWEST, state=state, at=_END, id="", limit=limit)
            ]
        rows.sort(key=lambda row: (row["decided_at"] or row["ended_at"] or 0, row["id"]), reverse=True)
        return asked.records(rows[:limit])

    async def of_conversation(self, conversation_id: str, limit: int = 50) -> Sequence[Approval]:
        """The latest of a conversation's, the latest first."""
        async with self._database.read() as reader:
            rows = await reader.all(_OF_CONVERSATION, conversation_id=conversation_id, limit=limit)
        return asked.records(rows)

    async def get(self, call_id: str) -> Approval | None:
        """One of them."""
        async with self._database.read() as reader:
            row = await reader.one(f"{asked.ONE} AND k.asked", id=call_id)
        return asked.record(row) if row else None

    async def waiting(self, *, up_to: int = 100) -> int:
        """How many wait for an operator, counted no further than `up_to`."""
        async with self._database.read() as reader:
            row = await reader.one(_COUNT, limit=up_to)
        return int(row["count"]) if row else 0

    async def approve(
        self, call_id: str, operator: Operator, *, arguments: Arguments, note: str = ""
    ) -> Decided | None:
        """The call may be made with these arguments, and is due. None: there is no such call.

        Not `new` when it waits for nobody's word any more.
        """

        async def write(tx: Transaction) -> Decided | None:
            if not await _hold(tx, call_id):
                return None
            row = await tx.one(
                _APPROVE,
                id=call_id,
                operator_id=operator.id,
                arguments=calls.canonical(arguments),
                note=note,
            )
            if row is None:
                return Decided(approval=await asked.found(tx, call_id), new=False)
            approval = await asked.announce(tx, call_id, "approval.decided")
            changes: dict[str, JsonValue] = {"tool": approval.tool, "arguments": dict(approval.arguments)}
            if approval.arguments != approval.proposed:
                changes["proposed"] = dict(approval.proposed)
            audit.note(tx, "approval.approve", call_id, changes)
            return Decided(approval=approval, new=True)

        return await self._database.write(write)

    async def reject(self, call_id: str, operator: Operator, *, note: str = "") -> Decided | None:
        """The call is not made, and the contact is to hear so, the operator's `note` with it.

        None and not `new` as for `approve`.
        """

        async def write(tx: Transaction) -> Decided | None:
            if not await _hold(tx, call_id):
                return None
            row = await tx.one(_REJECT, id=call_id, operator_id=operator.id, note=note)
            if row is None:
                return Decided(approval=await asked.found(tx, call_id), new=False)
            approval = await asked.announce(tx, call_id, "approval.decided")
            await asked.bring_news(tx, approval)
            changes: dict[str, JsonValue] = {"tool": approval.tool, "proposed": dict(approval.proposed)}
            audit.note(tx, "approval.reject", call_id, changes)
            return Decided(approval=approval, new=True)

        return await self._database.write(write)


async def _hold(tx: Transaction, call_id: str) -> bool:
    """Hold the contact's row; False when there is no such call."""
    row = await tx.one(_WHERE, id=call_id)
    if row is None:
        return False
    try:
        await number(tx, row["conversation_id"], 0)
    except NoSuchConversation:
        return False
    return True
