"""Money is counted once, and never spent beyond a limit, whoever dies when."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.orchestrator.agent import Charge, Granted, Refused, Usage
from bot.store import Store
from bot.store.budgets import Allowances
from bot.store.records import Claim
from tests.bot.store.given import claimed, concluded, count, expire, row, said

PRICED = datetime(2026, 7, 1, tzinfo=UTC)
FREE = Allowances()
TEN = Allowances(conversation=10)


def charge(cost: int = 12, *, estimated: bool = False) -> Charge:
    usage = Usage(tokens_in=7, tokens_out=3, cached=2, estimated=estimated)
    return Charge(model="small", usage=usage, cost=cost, priced_at=PRICED)


async def reserved(store: Store, claim: Claim, cost: int, allowances: Allowances = TEN) -> Granted:
    """Money that must be there."""
    decision = (await store.spending.reserve(claim, charge(cost, estimated=True), allowances)).decision
    assert isinstance(decision, Granted), decision
    return decision


async def used(store: Store, scope: str = "conversation") -> int:
    return int((await row(store, "SELECT used FROM budgets WHERE scope = :scope", scope=scope))["used"])


async def test_a_call_settled_ten_times_at_once_is_in_the_ledger_once(store: Store) -> None:
    claim = await claimed(store, (await said(store)).message.conversation_id)
    await asyncio.gather(
        *[store.spending.settle("use_1", claim, charge(estimated=True), FREE) for _ in range(10)]
    )
    await store.spending.settle("use_2", claim, charge(30), FREE)
    entry = await row(store, "SELECT * FROM usage WHERE id = 'use_1'")
    assert {name: entry[name] for name in ("turn_id", "conversation_id", "contact_id", "model")} == {
        "turn_id": claim.turn_id,
        "conversation_id": claim.conversation_id,
        "contact_id": claim.contact_id,
        "model": "small",
    }
    assert [entry[name] for name in ("tokens_in", "tokens_out", "tokens_cached")] == [7, 3, 2]
    assert (entry["cost"], entry["estimated"], entry["channel"]) == (12, True, "web")
    assert entry["priced_at"] == PRICED.timestamp() * 1e6
    assert await row(store, "SELECT cost FROM turns") == {"cost": 42}
    assert await row(store, "SELECT cost FROM conversations") == {"cost": 42}
    assert await row(store, "SELECT calls, tokens_in, cost, estimated FROM costs") == {
        "calls": 2,
        "tokens_in": 14,
        "cost": 42,
        "estimated": 12,
    }


@pytest.mark.parametrize("allowances", [FREE, TEN])
async def test_what_a_turn_spent_that_was_lost_is_spent(store: Store, allowances: Allowances) -> None:
    conversation_id = (await said(store)).message.conversation_id
    late = await claimed(store, conversation_id)
    first = await reserved(store, late, 5) if allowances.limits else Granted(id="use_1")
    await expire(store, conversation_id)
    second = await claimed(store, conversation_id)
    other = await reserved(store, second, 5) if allowances.limits else Granted(id="use_2")
    assert await concluded(store, second) is not None
    assert await concluded(store, late) is None
    await store.spending.settle(first.id, late, charge(2), allowances)
    await store.spending.settle(other.id, second, charge(3), allowances)
    assert await row(store, "SELECT cost FROM turns WHERE id = :id", id=late.turn_id) == {"cost": 2}
    assert await row(store, "SELECT cost FROM turns WHERE id = :id", id=second.turn_id) == {"cost": 3}
    assert await row(store, "SELECT cost FROM conversations") == {"cost": 5}


@pytest.mark.parametrize("allowances", [FREE, TEN])
async def test_what_is_settled_for_somebody_forgotten_is_entered_nowhere(
    store: Store, allowances: Allowances
) -> None:
    claim = await claimed(store, (await said(store)).message.conversation_id)
    granted = await reserved(store, claim, 5) if allowances.limits else Granted(id="use_1")
    await store.database.change("DELETE FROM contacts WHERE id = :id", id=claim.contact_id)
    await store.spending.settle(granted.id, claim, charge(), allowances)
    assert await count(store, "usage") == 0
    refused = await store.spending.reserve(claim, charge(1), allowances)
    assert refused.decision == Refused(scope="conversation")


async def test_what_is_set_aside_counts_until_the_true_cost_is_known(store: Store) -> None:
    claim = await claimed(store, (await said(store)).message.conversation_id)
    first = await reserved(store, claim, 8)
    entry = await row(store, "SELECT reserved, cost, estimated, settled_at FROM usage")
    assert (entry["reserved"], entry["cost"], entry["estimated"]) == (8, 0, True)
    assert entry["settled_at"] is None
    assert await row(store, "SELECT cost FROM conversations") == {"cost": 0}, "nothing is known to be spent"
    refused = await store.spending.reserve(claim, charge(3), TEN)
    assert refused.decision == Refused(scope="conversation")
    await store.spending.settle(first.id, claim, charge(4), TEN)
    assert await row(store, "SELECT cost FROM conversations") == {"cost": 4}
    second = await reserved(store, claim, 6)
    await store.spending.release(second.id, TEN)
    await store.spending.release(second.id, TEN)
    assert await used(store) == 4
    await reserved(store, claim, 6)


async def test_a_decision_names_the_budgets_that_are_used_up_so_far(store: Store) -> None:
    claim = await claimed(store, (await said(store)).message.conversation_id)
    allowances = Allowances(day=100, contact_day=1000)
    first = await store.spending.reserve(claim, charge(79), allowances)
    second = await store.spending.reserve(claim, charge(1), allowances)
    tight = await store.spending.reserve(claim, charge(1), allowances)
    over = await store.spending.reserve(claim, charge(20), allowances)
    assert not first.marks
    assert not second.marks
    assert (tight.decision, over.decision) == (
        Granted(id=getattr(tight.decision, "id", ""), tight="day"),
        Refused(scope="day"),
    )
    assert [(each.scope, each.point, each.limit, each.used) for each in (*tight.marks, *over.marks)] == [
        ("day", "downgrade", 100, 80),
        ("day", "limit", 100, 81),
    ]


async def test_a_turn_tried_again_goes_on_with_the_money_of_its_first_attempt(store: Store) -> None:
    conversation_id = (await said(store)).message.conversation_id
    allowances = Allowances(turn=10)
    await reserved(store, await claimed(store, conversation_id), 6, allowances)
    await expire(store, conversation_id)
    again = await claimed(store, conversation_id)
    assert (await store.spending.reserve(again, charge(5), allowances)).decision == Refused(scope="turn")
    assert await concluded(store, again) is not None
    await said(store, "2")
    await reserved(store, await claimed(store, conversation_id), 10, allowances)


async def test_a_limit_set_later_counts_what_was_spent_before(store: Store) -> None:
    claim = await claimed(store, (await said(store)).message.conversation_id)
    await store.spending.settle("use_1", claim, charge(8), FREE)
    for allowances in (TEN, Allowances(contact_day=10), Allowances(day=10), Allowances(turn=10)):
        refused = await store.spending.reserve(claim, charge(3), allowances)
        assert isinstance(refused.decision, Refused), allowances


async def test_a_day_is_the_companys(store: Store) -> None:
    moment = datetime(2026, 7, 1, 23, 30, tzinfo=UTC)
    assert FREE.day_of(moment) == "2026-07-01"
    assert Allowances(zone=ZoneInfo("Europe/Berlin")).day_of(moment) == "2026-07-02"
    claim = await claimed(store, (await said(store)).message.conversation_id)
    for number, zone in enumerate(("Pacific/Kiritimati", "Pacific/Pago_Pago")):  # 25 hours apart
        allowances = Allowances(day=10, zone=ZoneInfo(zone))
        granted = await reserved(store, claim, 10, allowances)
        await store.spending.settle(granted.id, claim, charge(9 + number), allowances)
    days = await row(store, "SELECT COUNT(DISTINCT day) AS days, SUM(cost) AS cost FROM costs")
    assert days == {"days": 2, "cost": 19}


async def test_contacts_that_turn_out_to_be_one_share_their_day(store: Store) -> None:
    allowances = Allowances(contact_day=10)
    phone = await claimed(store, (await said(store, sender="phone")).message.conversation_id)
    await vouch(store, phone.contact_id, "phone")
    laptop = await claimed(store, (await said(store, sender="laptop")).message.conversation_id)
    for each in (phone, laptop):
        granted = await reserved(store, each, 4, allowances)
        await store.spending.settle(granted.id, each, charge(4), allowances)
    await vouch(store, laptop.contact_id, "laptop")
    for each in (phone, laptop):
        refused = await store.spending.reserve(each, charge(3), allowances)
        assert refused.decision == Refused(scope="contact_day")
    assert await store.contacts.undo_merge((await row(store, "SELECT id FROM merges"))["id"])
    for each in (phone, laptop):
        await reserved(store, each, 6, allowances)


async def vouch(store: Store, contact_id: str, address: str) -> None:
    """A signature says that it is Ada who is there."""
    await store.contacts.vouch(contact_id, channel="web", address=address, subject="ada")


@dataclass
class Call:
    """A call of a model: what it may cost at the most, what it did cost, and how far we got with it."""

    granted: Granted
    claim: Claim
    worst: int
    true: int
    told: bool = False
    took_place: bool = True
    presumed: bool = field(default=False)


STEP = st.tuples(
    st.sampled_from(["reserve", "reserve", "settle", "release", "sweep"]),
    st.integers(0, 30),  # which call, or how dear
    st.integers(0, 100),  # the true cost's share of the worst
)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(steps=st.lists(STEP, max_size=25), limit=st.integers(1, 60))
async def test_whatever_crashes_when_no_more_is_spent_than_the_limit(
    store: Store, steps: Sequence[tuple[str, int, int]], limit: int
) -> None:
    """A crash is a call that is settled or released late, after the sweep, or never."""
    for table in ("contacts", "costs", "budgets"):
        await store.database.change(f"DELETE FROM {table}")
    claim = await claimed(store, (await said(store)).message.conversation_id)
    allowances = Allowances(turn=limit, conversation=limit, contact_day=limit, day=limit)
    calls: list[Call] = []
    for what, which, share in steps:
        open_calls = [each for each in calls if not each.told]
        match what:
            case "reserve":
                found = (await store.spending.reserve(claim, charge(which), allowances)).decision
                counted = sum(each.true if each.told else each.worst for each in calls if each.took_place)
                assert isinstance(found, Granted) == (counted + which <= limit)
                if isinstance(found, Granted):
                    calls.append(Call(found, claim, which, which * share // 100))
            case "settle" if open_calls:
                call = open_calls[which % len(open_calls)]
                for _ in range(2):
                    await store.spending.settle(call.granted.id, claim, charge(call.true), allowances)
                call.told = True
            case "release" if open_calls:
                call = open_calls[which % len(open_calls)]
                await store.spending.release(call.granted.id, allowances)
                call.told, call.took_place = True, False
            case "sweep":
                assert await store.spending.tidy(abandoned=-1.0) == sum(
                    not each.presumed for each in open_calls
                )
                for each in open_calls:
                    each.presumed = True
        real = [each for each in calls if each.took_place]
        assert sum(each.true for each in real) <= limit
        counted = sum(each.true if each.told else each.worst for each in real)
        if calls:
            assert {await used(store, scope) for scope in ("turn", "conversation", "contact_day", "day")} == {
                counted
            }
        known = sum(each.true if each.told else each.worst for each in real if each.told or each.presumed)
        assert await row(store, "SELECT cost FROM conversations") == {"cost": known}
        assert await row(store, "SELECT cost FROM turns") == {"cost": known}
        assert await row(store, "SELECT COALESCE(SUM(cost), 0) AS cost FROM costs") == {"cost": known}
        ledger = "SELECT COALESCE(SUM(cost), 0) AS cost, COUNT(*) AS calls FROM usage"
        assert await row(store, ledger) == {"cost": known, "calls": len(real)}


async def test_rows_of_budgets_go_when_nobody_uses_them_and_begin_again_with_the_ledger(store: Store) -> None:
    claim = await claimed(store, (await said(store)).message.conversation_id)
    await reserved(store, claim, 8)
    await store.spending.tidy()
    assert await used(store) == 8
    await store.database.change("UPDATE budgets SET touched_at = 1")
    await store.spending.tidy()
    assert await count(store, "budgets") == 0
    assert isinstance((await store.spending.reserve(claim, charge(3), TEN)).decision, Refused)
    await reserved(store, claim, 2)
    assert await used(store) == 10
