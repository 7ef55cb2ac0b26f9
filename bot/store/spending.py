"""What was spent: the ledger of model calls."""

from __future__ import annotations

from bot.orchestrator.agent import Charge
from bot.store.database import Database, Transaction, microseconds

_ENTER = """
    INSERT INTO usage (id, turn_id, conversation_id, contact_id, model, tokens_in, tokens_out, cost,
        estimated, priced_at, created_at)
    SELECT :id, t.id, c.id, c.contact_id, :model, :tokens_in, :tokens_out, :cost, :estimated, :priced_at,
        {now}
    FROM turns t JOIN conversations c ON c.id = t.conversation_id WHERE t.id = :turn_id
    ON CONFLICT (id) DO NOTHING
    RETURNING conversation_id
"""
_CONVERSATION = "UPDATE conversations SET cost = cost + :cost WHERE id = :id"
_TURN = "UPDATE turns SET cost = cost + :cost WHERE id = :id"


class Spending:
    """Every model call that took place is in the ledger once, whatever became of its turn."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def settle(self, call_id: str, turn_id: str, charge: Charge) -> None:
        """Enter a call's cost, once however often this is called; nothing once its conversation is gone."""

        async def enter(tx: Transaction) -> None:
            row = await tx.one(
                _ENTER,
                id=call_id,
                turn_id=turn_id,
                model=charge.model,
                tokens_in=charge.usage.tokens_in,
                tokens_out=charge.usage.tokens_out,
                cost=charge.cost,
                estimated=charge.usage.estimated,
                priced_at=microseconds(charge.priced_at),
            )
            if row is not None:
                tx.later(_CONVERSATION, id=row["conversation_id"], cost=charge.cost)
                tx.later(_TURN, id=turn_id, cost=charge.cost)

        await self._database.write(enter)
