"""Money is counted once, and never spent beyond a limit."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from bot.orchestrator.agent import Charge, Usage
from bot.store import Store
from tests.bot.store.given import claimed, concluded, count, expire, row, said

PRICED = datetime(2026, 7, 1, tzinfo=UTC)


def charge(cost: int = 12, **more: bool) -> Charge:
    usage = Usage(tokens_in=7, tokens_out=3, **more)
    return Charge(model="small", usage=usage, cost=cost, priced_at=PRICED)


async def test_a_call_settled_ten_times_at_once_is_in_the_ledger_once(store: Store) -> None:
    claim = await claimed(store, (await said(store)).message.conversation_id)
    await asyncio.gather(
        *[store.spending.settle("use_1", claim.turn_id, charge(estimated=True)) for _ in range(10)]
    )
    await store.spending.settle("use_2", claim.turn_id, charge(30))
    entry = await row(store, "SELECT * FROM usage WHERE id = 'use_1'")
    assert {name: entry[name] for name in ("turn_id", "conversation_id", "contact_id", "model")} == {
        "turn_id": claim.turn_id,
        "conversation_id": claim.conversation_id,
        "contact_id": claim.contact_id,
        "model": "small",
    }
    assert (entry["tokens_in"], entry["tokens_out"], entry["cost"], entry["estimated"]) == (7, 3, 12, True)
    assert entry["priced_at"] == PRICED.timestamp() * 1e6
    assert await row(store, "SELECT cost FROM turns") == {"cost": 42}
    assert await row(store, "SELECT cost FROM conversations") == {"cost": 42}


async def test_what_a_turn_spent_that_was_lost_is_spent(store: Store) -> None:
    conversation_id = (await said(store)).message.conversation_id
    late = await claimed(store, conversation_id)
    await expire(store, conversation_id)
    second = await claimed(store, conversation_id)
    assert await concluded(store, second) is not None
    assert await concluded(store, late) is None
    await store.spending.settle("use_1", late.turn_id, charge())
    await store.spending.settle("use_2", second.turn_id, charge(30))
    assert await row(store, "SELECT cost FROM turns WHERE id = :id", id=late.turn_id) == {"cost": 12}
    assert await row(store, "SELECT cost FROM turns WHERE id = :id", id=second.turn_id) == {"cost": 30}
    assert await row(store, "SELECT cost FROM conversations") == {"cost": 42}


async def test_what_is_settled_for_somebody_forgotten_is_entered_nowhere(store: Store) -> None:
    claim = await claimed(store, (await said(store)).message.conversation_id)
    await store.database.change("DELETE FROM contacts WHERE id = :id", id=claim.contact_id)
    await store.spending.settle("use_1", claim.turn_id, charge())
    assert await count(store, "usage") == 0
