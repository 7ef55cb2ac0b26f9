"""What happened is counted once, by day, whoever counts and whenever it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest

from bot.orchestrator.outcome import Reply
from bot.store import Store
from bot.store.cases import seconds_of
from bot.store.figures import Amounts
from bot.store.records import Operator, Recorded
from bot.trace import Step
from tests.bot.store.given import HAND_OFF, REPLY, claimed, concluded, count, said

GRACE = Operator(
    id="opr_grace",
    email="grace@example.com",
    name="Grace",
    password_hash="",
    role="operator",
    created_at=datetime(2026, 7, 1, tzinfo=UTC),
)
HOUR = 3600 * 1_000_000
EVER = ("2000-01-01", "2100-01-01")


async def counted(store: Store, zone: tzinfo = UTC) -> Amounts:
    while await store.counting.step(zone):
        pass
    return await store.figures.totals(*EVER)


def told(amounts: Amounts, *, of: str = "") -> Mapping[str, int]:
    """The figures that have no parts, or the parts of one."""
    if of:
        return amounts.parts(of)
    return {name: amount for (_, name, part), amount in sorted(amounts.of.items()) if not part and amount}


async def answered(store: Store, external_id: str = "1", outcome: object = REPLY, **more: str) -> Recorded:
    """Somebody has asked, and the turn has ended so."""
    first = await said(store, external_id, **more)
    await concluded(store, await claimed(store, first.message.conversation_id), outcome)  # type: ignore[arg-type]
    return first


async def person(store: Store, conversation_id: str, client_id: str = "1") -> None:
    """A person writes."""
    await store.people.reply(
        conversation_id,
        operator=GRACE,
        client_id=client_id,
        text="Let me see.",
        html="<p>Let me see.</p>",
        leaving=lambda _: None,
    )


async def earlier(store: Store, hours: int) -> None:
    """Everything there is happened so long before it did."""
    for table in ("events", "messages", "ratings"):
        await store.database.change(
            f"UPDATE {table} SET created_at = created_at - :ago",
            ago=hours * HOUR,
        )


async def test_what_the_bot_answers_alone_is_settled(store: Store) -> None:
    await answered(store, sender="ada")
    await answered(store, sender="grace", outcome=Reply(text="Which order?", answered=False))
    assert told(await counted(store)) == {
        "attended": 2,
        "begun_by_bot": 2,
        "by_bot": 2,
        "cases": 2,
        "received": 2,
        "settled": 1,
    }


async def test_a_person_who_writes_after_the_bot_cleans_up(store: Store) -> None:
    first = await answered(store)
    assert told(await counted(store))["settled"] == 1
    await person(store, first.message.conversation_id)
    amounts = await counted(store)
    assert told(amounts) == {
        "attended": 1,
        "begun_by_bot": 1,
        "by_bot": 1,
        "by_people": 1,
        "cases": 1,
        "cleaned_up": 1,
        "received": 1,
    }


async def test_a_hand_off_counts_with_its_reason_and_its_wait(store: Store) -> None:
    first = await answered(store, outcome=HAND_OFF)
    await store.database.change("UPDATE events SET created_at = created_at - :ago", ago=HOUR)
    await counted(store)
    await person(store, first.message.conversation_id)
    amounts = await counted(store)
    assert told(amounts, of="handed_off") == {"unsupported": 1}
    assert amounts.quantile("waited", 0.5) == pytest.approx(3600, rel=0.03)
    assert amounts.quantile("first_by_person", 0.9) == pytest.approx(3600, rel=0.03)
    assert told(amounts).get("cleaned_up") is None
    assert told(amounts).get("settled") is None


async def test_who_asks_for_a_person_is_handed_over_for_that(store: Store) -> None:
    first = await answered(store)
    await store.conversations.hand_off(
        first.message.conversation_id,
        reason="customer_request",
        text="Somebody will come.",
        html="<p>Somebody will come.</p>",
        channel="web",
        recipient="ada",
        delivered=True,
    )
    amounts = await counted(store)
    assert told(amounts, of="handed_off") == {"customer_request": 1}
    assert told(amounts).get("settled") is None


async def test_another_case_begins_after_a_days_silence_or_once_it_was_resolved(store: Store) -> None:
    await answered(store, "1")
    await earlier(store, 25)
    await counted(store)
    second = await answered(store, "2")
    assert told(await counted(store))["cases"] == 2
    await store.people.set_status(second.message.conversation_id, "resolved")
    await answered(store, "3")
    amounts = await counted(store)
    assert (told(amounts)["cases"], told(amounts)["settled"]) == (3, 3)


async def test_who_still_waits_after_a_day_is_the_same_case(store: Store) -> None:
    await answered(store, "1", outcome=HAND_OFF)
    await earlier(store, 30)
    await counted(store)
    await said(store, "2")
    assert told(await counted(store))["cases"] == 1


async def test_a_rating_counts_to_the_day_its_case_began_on_and_the_last_one_alone(store: Store) -> None:
    first = await answered(store)
    await earlier(store, 24 * 3)
    await counted(store)
    day = (datetime.now(UTC) - timedelta(days=3)).date().isoformat()
    for score in (2, 5):
        await store.conversations.rate(first.message.conversation_id, score)
        assert told(await counted(store), of="rated") == {str(score): 1}
    assert (await store.figures.totals(day, day)).parts("rated") == {"5": 1}


async def test_figures_outlive_those_they_are_about(store: Store) -> None:
    first = await answered(store)
    before = await counted(store)
    await store.database.change("DELETE FROM contacts WHERE id = :id", id=first.contact_id)
    assert (await counted(store)).of == before.of
    assert await count(store, "cases") == 0


async def test_days_begin_where_the_company_is(store: Store) -> None:
    await answered(store)
    await store.database.change("UPDATE events SET created_at = :at", at=1_782_862_200_000_000)  # 23:30 UTC
    await counted(store)
    assert (await store.figures.totals("2026-06-30", "2026-06-30")).count("cases") == 1
    amounts = await counted(store, ZoneInfo("Europe/Berlin"))
    assert (await store.figures.totals("2026-07-01", "2026-07-01")).of == amounts.of
    assert told(amounts, of="hour") == {"01": 1}
    assert told(amounts)["cases"] == 1


async def test_minutes_in_which_something_failed_count_once(store: Store) -> None:
    at = datetime(2026, 7, 1, 12, 0, 5, tzinfo=UTC)
    steps = [
        Step(kind="model", name="large", status="failed", started_at=at),
        Step(kind="fallback", name="small", status="ok", started_at=at + timedelta(seconds=5)),
        Step(kind="tool", name="orders", status="failed", started_at=at + timedelta(minutes=3)),
        Step(kind="model", name="small", status="ok", started_at=at + timedelta(minutes=4)),
    ]
    for sender in ("ada", "grace"):
        first = await said(store, sender=sender)
        await concluded(store, await claimed(store, first.message.conversation_id), steps=steps)
        amounts = await counted(store)
        assert told(amounts, of="degraded") == {"": 1, "model large": 1, "fallback": 1}


async def test_many_who_count_at_once_count_once(store: Store) -> None:
    async def write(sender: str) -> None:
        for number in range(6):
            await answered(store, str(number), sender=sender)

    async def keep_counting() -> None:
        for _ in range(12):
            await store.counting.step(UTC)

    await asyncio.gather(*[write(f"visitor {n}") for n in range(8)], *[keep_counting() for _ in range(4)])
    assert told(await counted(store)) == {
        "attended": 8,
        "begun_by_bot": 8,
        "by_bot": 48,
        "cases": 8,
        "received": 48,
        "settled": 8,
    }


async def test_counting_anew_comes_to_the_same(store: Store) -> None:
    first = await answered(store, "1")
    await counted(store)
    await store.conversations.rate(first.message.conversation_id, 4)
    await person(store, first.message.conversation_id)
    await counted(store)
    await answered(store, "1", sender="linus", outcome=HAND_OFF)
    by_steps = await counted(store)
    await store.database.change("UPDATE counting SET rules = 'others'")
    at_once = await counted(store)
    assert {key: n for key, n in at_once.of.items() if n} == {key: n for key, n in by_steps.of.items() if n}


async def test_two_who_are_one_person_are_counted_on(store: Store) -> None:
    first = await answered(store, "1", sender="ada")
    second = await answered(store, "1", sender="grace")
    await counted(store)
    await store.profiles.merge(first.contact_id, second.contact_id, decided_by="opr_1")
    await answered(store, "2", sender="ada")
    amounts = await counted(store)
    assert (told(amounts)["received"], told(amounts)["by_bot"]) == (3, 3)
    await store.database.change("UPDATE counting SET rules = 'others'")
    assert (await counted(store)).parts("hour") == amounts.parts("hour")


def test_durations_are_two_percent_off_at_the_most() -> None:
    from bot.store.cases import part_of

    for seconds in (0.2, 1.0, 7.3, 59.0, 3600.0, 86_400.0 * 5):
        assert seconds_of(part_of(seconds)) == pytest.approx(seconds, rel=0.022)
