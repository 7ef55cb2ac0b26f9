"""The journal: a write call is on record before it is made, and what came of it after."""

from __future__ import annotations

import contextlib
from typing import Literal

from bot.orchestrator.agent import Doubtful, Ended, Go, LeaseLost
from bot.store import asked, calls
from bot.store.database import Database, Row, Transaction, new_id
from bot.store.outgoing import NoSuchConversation, number, remark
from bot.store.records import Claim
from tools.base import Arguments

_ABANDONED = 120.0  # seconds after which no attempt at the turn will come back to a call that it began

_OURS = """
    UPDATE conversations SET calls = calls + 1
    WHERE id = :conversation_id AND fence = :fence AND status = 'bot' AND lease_until IS NOT NULL
    RETURNING id
"""
_KNOWN = "SELECT id, state, result, note FROM calls WHERE key = :key"
_BEGIN = """
    INSERT INTO calls (id, conversation_id, turn_id, message_id, epoch, tool, arguments, proposed, key,
        idempotent, due_at, created_at)
    VALUES (:id, :conversation_id, :turn_id, :message_id, :epoch, :tool, :arguments, :arguments, :key,
        :idempotent, {now} + :patience, {now})
"""
_AGAIN = """
    UPDATE calls SET state = 'running', turn_id = :turn_id, due_at = {now} + :patience WHERE id = :id
"""
_DOUBT = "UPDATE calls SET state = 'doubtful', due_at = NULL, ended_at = {now} WHERE id = :id"
_END = """
    UPDATE calls SET state = :state, result = :result, due_at = NULL, ended_at = {now}
    WHERE key = :key AND NOT asked AND (state = 'running' OR (state = 'doubtful' AND :state <> 'doubtful'))
    RETURNING id, conversation_id
"""
_WITH_PEOPLE = "SELECT id FROM conversations WHERE id = :id AND status <> 'bot'"


class Journal:
    """What turns have changed outside: each call once, whatever dies in between."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(
        self, claim: Claim, tool: str, arguments: Arguments, *, idempotent: bool
    ) -> Go | Ended | Doubtful:
        """Write down that a call begins, unless this turn or an earlier attempt at it has made it already.

        One whose end nobody wrote down may only be made again if the provider keeps keys.
        Raises LeaseLost.
        """
        written = calls.canonical(arguments)
        key = calls.key(claim.conversation_id, claim.epoch, tool, written)
        patience = round(_ABANDONED * 1_000_000)

        async def begin(tx: Transaction) -> Go | Ended | Doubtful:
            ours = await tx.one(_OURS, conversation_id=claim.conversation_id, fence=claim.fence)
            if ours is None:
                raise LeaseLost
            known = await tx.one(_KNOWN, key=key)
            if known is not None:
                return self._known(tx, claim, key, known, idempotent=idempotent, patience=patience)
            tx.later(
                _BEGIN,
                id=new_id("call"),
                conversation_id=claim.conversation_id,
                turn_id=claim.turn_id,
                message_id=claim.in_reply_to,
                epoch=claim.epoch,
                tool=tool,
                arguments=written,
                key=key,
                idempotent=idempotent,
                patience=patience,
            )
            return Go(key=key)

        return await self._database.write(begin)

    def _known(
        self, tx: Transaction, claim: Claim, key: str, known: Row, *, idempotent: bool, patience: int
    ) -> Go | Ended | Doubtful:
        match known["state"]:
            case "done":
                return Ended(result=known["result"])
            case "failed":
                return Ended(result=known["result"], failed=True)
            case "rejected" | "expired":
                return Ended(result=known["note"], failed=True)
            case "running" | "doubtful" if idempotent:
                tx.later(_AGAIN, id=known["id"], turn_id=claim.turn_id, patience=patience)
                return Go(key=key, again=True)
            case "running":
                tx.later(_DOUBT, id=known["id"])
        return Doubtful()

    async def end(self, key: str, state: Literal["done", "failed", "doubtful"], result: str) -> None:
        """Write down what came of a call, once: what has happened has happened, whoever has the turn now. Who
        took the conversation over meanwhile is told in a note."""
        row = await self._database.change(_END, key=key, state=state, result=result)
        if row is None:
            return
        async with self._database.read() as reader:
            taken = await reader.one(_WITH_PEOPLE, id=row["conversation_id"])
        if taken is not None:
            await self._database.write(lambda tx: _note(tx, row["id"], row["conversation_id"]))


async def _note(tx: Transaction, call_id: str, conversation_id: str) -> None:
    with contextlib.suppress(NoSuchConversation):
        await number(tx, conversation_id, 0)
        approval = await asked.found(tx, call_id)
        await remark(tx, conversation_id, asked.in_words(approval), channel=approval.channel)
