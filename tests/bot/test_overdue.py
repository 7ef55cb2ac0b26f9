"""A person is to answer within a time: who waits for longer is found, told of once, and counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from bot.alerts import Alerts
from bot.api.finding import find
from bot.bell import RedisLink
from bot.live import Live
from bot.overdue import OverdueWatch
from bot.store import Store
from bot.store.database import new_id
from bot.store.records import InboxEntry, InboxFilter, Operator
from bot.store.target import NO_TARGET, Target
from tests.bot.store.given import claimed, concluded, row, said
from tests.office import office
from tools.hours import OfficeHours

MINUTE = 60_000_000
WITHIN = Target(within=900)
ALWAYS = OfficeHours.model_validate({"mon-sun": "00:00-24:00"})


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """A house that tells others, in which a person answers within a quarter of an hour."""
    opened = await Store.open(database_url, announces=True, target=WITHIN)
    yield opened
    await opened.close()


async def waiting(store: Store, name: str, minutes: float = 0) -> str:
    """Somebody who has been waiting for a person for so long."""
    conversation_id = (await said(store, sender=name)).message.conversation_id
    await store.people.set_status(conversation_id, "waiting")
    await ago(store, conversation_id, minutes)
    return conversation_id


async def ago(store: Store, conversation_id: str, minutes: float) -> None:
    await store.database.change(
        "UPDATE conversations SET waiting_since = waiting_since - :ago WHERE id = :id",
        id=conversation_id,
        ago=round(minutes * MINUTE),
    )


async def entry(store: Store, conversation_id: str) -> InboxEntry:
    found = await store.inbox.entry(conversation_id)
    assert found is not None
    return found


async def overdue(store: Store, **more: Any) -> list[str]:
    found, _ = await store.inbox.page(InboxFilter(overdue=True, **more))
    assert await store.inbox.count_of(InboxFilter(overdue=True, **more)) == len(found)
    return [each.id for each in found]


async def hired(store: Store, name: str = "Grace") -> Operator:
    return await store.operators.add(f"{name}@example.com", name, "x")


async def answered(store: Store, conversation_id: str, operator: Operator, *, private: bool = False) -> None:
    await store.people.reply(
        conversation_id,
        operator=operator,
        client_id=new_id("cli"),
        text="Here I am.",
        html="<p>Here I am.</p>",
        leaving=lambda _: None,
        private=private,
    )


def watch(store: Store) -> OverdueWatch:
    return OverdueWatch(store=store, live=Live(RedisLink("")), alerts=Alerts(store=store, urls=["json://x"]))


async def told(store: Store) -> list[dict[str, Any]]:
    """What others' programs hear of who is overdue."""
    async with store.database.read() as reader:
        rows = await reader.all(
            "SELECT conversation_id, data FROM webhooks WHERE type = 'conversation.overdue' ORDER BY id"
        )
    return [{"id": each["conversation_id"], **orjson.loads(each["data"])} for each in rows]


async def notices(store: Store) -> list[tuple[str, str]]:
    async with store.database.read() as reader:
        rows = await reader.all("SELECT title, text FROM notices ORDER BY created_at, id")
    return [(each["title"], each["text"]) for each in rows]


# by when --------------------------------------------------------------------------------------------------


async def test_whoever_waits_is_to_be_answered_by_a_time_and_the_overdue_are_found_first_due_first(
    store: Store,
) -> None:
    late, later = await waiting(store, "a", 16), await waiting(store, "b", 20)
    early = await waiting(store, "c", 14)
    shown = await entry(store, early)
    assert shown.waiting_since is not None
    assert shown.due_at == shown.waiting_since + timedelta(minutes=15)
    assert await overdue(store) == [later, late]
    assert await overdue(store, status="waiting") == [later, late]
    assert await overdue(store, status="bot") == []
    assert await overdue(store, assignee="") == [later, late]
    first, cursor = await store.inbox.page(InboxFilter(overdue=True), limit=1)
    rest, end = await store.inbox.page(InboxFilter(overdue=True), before=cursor, limit=1)
    assert ([each.id for each in (*first, *rest)], end) == ([later, late], "")


async def test_a_tab_that_is_narrowed_shows_what_its_list_shows(store: Store) -> None:
    late = await entry(store, await waiting(store, "a", 16))
    for tab in ("overdue", "unassigned", "waiting", "all"):
        assert find({"tab": tab}, otherwise="all").shows(late, "me")
        assert find({"tab": tab, "status": "waiting"}, otherwise="all").shows(late, "me")
        assert not find({"tab": tab, "status": "human"}, otherwise="all").shows(late, "me")


async def test_without_a_target_nobody_is_late(database_url: str, store: Store) -> None:
    conversation_id = await waiting(store, "a", 10_000)
    other = await Store.open(database_url)
    assert (await entry(other, conversation_id)).due_at is None
    assert await overdue(other) == []
    assert await watch(other).look() == 0
    await other.close()


async def test_another_target_or_other_hours_count_at_once(database_url: str, store: Store) -> None:
    conversation_id = await waiting(store, "a", 20)
    now = datetime.now(UTC)
    closed = OfficeHours.model_validate(
        {"mon-sun": "00:00-24:00", "closed": [f"{(now - timedelta(days=3)).date()} - {now.date()}"]}
    )
    for target, late in (
        (Target(within=1800), False),
        (Target(within=900, hours=ALWAYS), True),
        (Target(within=900, hours=closed), False),
    ):
        other = await Store.open(database_url, target=target)
        assert await overdue(other) == ([conversation_id] if late else [])
        due = (await entry(other, conversation_id)).due_at
        assert due is not None
        assert (due <= datetime.now(UTC)) == late
        await other.close()


async def test_what_is_urgent_has_less_time_and_comes_first(database_url: str) -> None:
    store = await Store.open(database_url, announces=True, target=Target(within=900, urgent_within=300))
    longest, pressing, usual, calm = [
        await waiting(store, name, minutes) for name, minutes in (("a", 20), ("b", 6), ("c", 16), ("d", 6))
    ]
    late = [longest, usual]
    assert await overdue(store) == late
    for priority in (1, 2):  # high is not urgent
        assert await overdue(store) == late
        await store.arranging.prioritise(pressing, priority)
    shown = await entry(store, pressing)
    assert shown.waiting_since is not None
    assert shown.due_at == shown.waiting_since + timedelta(minutes=5)
    assert await overdue(store) == [pressing, *late]
    assert find({"tab": "overdue"}, otherwise="all").shows(shown, "me")
    listed, cursor = [], ""
    while len(listed) < 3:
        (one,), cursor = await store.inbox.page(InboxFilter(overdue=True), before=cursor, limit=1)
        listed.append(one.id)
    assert (listed, cursor) == ([pressing, *late], "")
    assert await watch(store).look() == 3
    assert {each["id"] for each in await told(store)} == {pressing, *late}
    assert shown.due_at.isoformat() in {each["due_at"] for each in await told(store)}
    await store.arranging.prioritise(calm, 2)
    assert [await watch(store).look() for _ in range(2)] == [1, 0]
    await store.arranging.prioritise(pressing, 0)
    assert await overdue(store) == [calm, *late]
    await store.close()


async def test_what_is_urgent_is_counted_by_its_own_time(database_url: str) -> None:
    store = await Store.open(database_url, target=Target(within=900, urgent_within=300))
    grace = await hired(store)
    for name, priority in (("a", 0), ("b", 2)):
        conversation_id = await waiting(store, name)
        await store.arranging.prioritise(conversation_id, priority)
        await earlier(store, conversation_id, 10)
        await answered(store, conversation_id, grace)
        await store.arranging.prioritise(conversation_id, 2)  # which comes too late to count
    settled = await waiting(store, "c")
    await store.arranging.prioritise(settled, 2)
    await earlier(store, settled, 10)
    await store.people.set_status(settled, "resolved")
    assert await judged(store) == (1, 2)
    for target, expected in ((WITHIN, (2, 0)), (Target(within=900, urgent_within=700), (2, 0))):
        other = await Store.open(database_url, target=target)
        assert await judged(other) == expected
        await other.close()
    assert await judged(store) == (1, 2)
    await store.close()


# the clock goes on ----------------------------------------------------------------------------------------


async def test_only_an_answer_ends_the_waiting(store: Store) -> None:
    grace, linus = await hired(store), await hired(store, "Linus")
    conversation_id = await waiting(store, "a", 20)
    since = (await entry(store, conversation_id)).waiting_since
    people = store.people
    for act in (
        lambda: people.set_status(conversation_id, "waiting", operator=grace),  # it is given to somebody
        lambda: people.unassign(conversation_id),
        lambda: people.take(conversation_id, linus),
        lambda: people.unassign(conversation_id),
        lambda: people.take(conversation_id, grace),
    ):
        await act()
        assert (await entry(store, conversation_id)).waiting_since == since
        assert await overdue(store) == [conversation_id]
    await answered(store, conversation_id, grace)
    shown = await entry(store, conversation_id)
    assert (shown.waiting_since, shown.due_at) == (None, None)
    assert await overdue(store) == []
    # Who is let go of after an answer begins to wait anew.
    await people.unassign(conversation_id)
    assert (await entry(store, conversation_id)).waiting_since != since
    assert await overdue(store) == []


@pytest.mark.parametrize("wakes", ["time", "a message"])
async def test_a_snooze_hides_the_clock_and_does_not_turn_it_back(store: Store, wakes: str) -> None:
    conversation_id = await waiting(store, "a", 20)
    since = (await entry(store, conversation_id)).waiting_since
    await store.people.snooze(conversation_id, 3600)
    assert (await entry(store, conversation_id)).due_at is None
    assert await overdue(store) == []
    assert await watch(store).look() == 0
    if wakes == "time":
        await store.database.change(
            "UPDATE conversations SET snoozed_until = 1 WHERE id = :id", id=conversation_id
        )
        await store.people.wake(conversation_id)
    else:
        await said(store, "2", sender="a")
    assert (await entry(store, conversation_id)).waiting_since == since
    assert await overdue(store) == [conversation_id]


async def test_what_is_asked_of_a_person_later_has_a_clock_too(store: Store) -> None:
    grace = await hired(store)
    conversation_id = await waiting(store, "a")
    await answered(store, conversation_id, grace)
    asked = (await said(store, "2", sender="a")).message.created_at
    await said(store, "3", sender="a")  # it is the first that begins it
    shown = await entry(store, conversation_id)
    assert (shown.status, shown.waiting_since) == ("human", asked)
    assert shown.due_at == asked + timedelta(minutes=15)
    assert (await store.inbox.page(InboxFilter(status="waiting")))[0] == []  # nobody needs to take it
    await ago(store, conversation_id, 16)
    assert await overdue(store) == await overdue(store, status="human") == [conversation_id]
    assert [await watch(store).look() for _ in range(2)] == [1, 0]
    ((_, text),) = await notices(store)
    assert "It is Grace's." in text
    await answered(store, conversation_id, grace, private=True)
    assert await overdue(store) == [conversation_id]  # what customers don't see is no answer
    await answered(store, conversation_id, grace)
    assert (await entry(store, conversation_id)).waiting_since is None
    await said(store, "4", sender="a")
    await ago(store, conversation_id, 16)
    assert await watch(store).look() == 1  # once for each wait
    assert len(await told(store)) == 2


async def test_who_takes_over_before_the_bot_has_answered_owes_the_answer(store: Store) -> None:
    grace = await hired(store)
    first = await said(store, "1", sender="a")
    conversation_id = first.message.conversation_id
    assert (await entry(store, conversation_id)).waiting_since is None  # the bot is at it
    await said(store, "2", sender="a")
    await store.people.take(conversation_id, grace)
    assert (await entry(store, conversation_id)).waiting_since == first.message.created_at
    other = (await said(store, "1", sender="b")).message.conversation_id
    await concluded(store, await claimed(store, other))
    await store.people.take(other, grace)
    assert (await entry(store, other)).waiting_since is None  # the bot has answered
    await store.people.set_status(other, "resolved")
    await said(store, "2", sender="b")
    await store.people.take(other, grace)
    assert (await entry(store, other)).waiting_since is None  # what was settled waits for nobody


@pytest.mark.parametrize("before", ["bot", "human"])
async def test_who_wakes_what_was_put_off_waits_for_a_person_if_one_has_it(store: Store, before: Any) -> None:
    grace = await hired(store)
    conversation_id = await waiting(store, "a")
    await answered(store, conversation_id, grace)
    await store.people.set_status(conversation_id, before)
    await store.people.snooze(conversation_id, 3600)
    again = await said(store, "2", sender="a")
    shown = await entry(store, conversation_id)
    assert shown.status == before
    assert shown.waiting_since == (again.message.created_at if before == "human" else None)


async def test_what_wants_no_answer_begins_no_clock(store: Store) -> None:
    grace = await hired(store)
    conversation_id = await waiting(store, "a")
    await answered(store, conversation_id, grace)
    for number, kind in enumerate(({"opted": "out"}, {"wants": "nothing"})):
        quiet = await said(store, f"quiet {number}", sender="a", **kind)
        assert (quiet.message.conversation_id, quiet.status) == (conversation_id, "human")
    assert (await entry(store, conversation_id)).waiting_since is None
    assert await judged(store) == (1, 0)
    assert await waits(store) == (1, 1)
    await answered(store, conversation_id, grace)
    assert await waits(store) == (1, 1)


@pytest.mark.parametrize("status", ["bot", "resolved"])
async def test_what_is_handed_back_or_settled_waits_for_nobody(store: Store, status: Any) -> None:
    conversation_id = await waiting(store, "a", 20)
    await store.people.set_status(conversation_id, status)
    assert (await entry(store, conversation_id)).due_at is None
    assert await overdue(store) == []
    await store.people.set_status(conversation_id, "waiting")
    assert await overdue(store) == []


# it is told -----------------------------------------------------------------------------------------------


async def test_it_is_told_once_whoever_looks_and_however_often(store: Store) -> None:
    conversation_id = await waiting(store, "a", 16)
    await waiting(store, "b", 14)
    several = [watch(store) for _ in range(4)]
    assert sorted(await asyncio.gather(*(each.look() for each in several))) == [0, 0, 0, 1]
    assert await watch(store).look() == 0  # after a restart, too
    shown = await entry(store, conversation_id)
    assert shown.waiting_since is not None
    assert shown.due_at is not None
    assert await told(store) == [
        {
            "id": conversation_id,
            "waiting_since": shown.waiting_since.isoformat(),
            "due_at": shown.due_at.isoformat(),
        }
    ]
    ((title, text),) = await notices(store)
    assert title.endswith("is still waiting for an answer")
    assert "Nobody has taken it" in text


async def test_where_telling_broke_off_it_is_not_told_again(store: Store) -> None:
    await waiting(store, "a", 16)
    assert await watch(store).look() == 1
    await store.database.change("UPDATE conversations SET overdue_told = 0 WHERE id <> ''")
    assert await watch(store).look() == 0
    assert len(await told(store)) == len(await notices(store)) == 1
    assert (await row(store, "SELECT overdue_told FROM conversations"))["overdue_told"] > 0


async def test_whoever_waits_anew_may_be_told_of_again(store: Store) -> None:
    grace = await hired(store)
    conversation_id = await waiting(store, "a", 16)
    assert await watch(store).look() == 1
    await store.people.take(conversation_id, grace)
    assert await watch(store).look() == 0
    await answered(store, conversation_id, grace)
    await store.people.unassign(conversation_id)
    assert await watch(store).look() == 0
    await ago(store, conversation_id, 15)
    assert await watch(store).look() == 1
    assert len(await told(store)) == 2


async def test_a_crowd_is_one_notice(store: Store) -> None:
    for number in range(6):
        await waiting(store, f"visitor-{number}", 16)
    assert await watch(store).look() == 6
    assert len(await told(store)) == 6
    ((title, _),) = await notices(store)
    assert title == "6 or more conversations are overdue"


async def test_a_name_of_the_one_who_has_it_is_told(store: Store) -> None:
    grace = await hired(store)
    conversation_id = await waiting(store, "a", 16)
    await store.people.set_status(conversation_id, "waiting", operator=grace)
    assert await watch(store).look() == 1
    ((_, text),) = await notices(store)
    assert "It is Grace's." in text


# it is counted --------------------------------------------------------------------------------------------


async def judged(store: Store) -> tuple[int, int]:
    while await store.counting.step(UTC):
        pass
    amounts = await store.figures.totals("2000-01-01", "2100-01-01")
    return amounts.count("in_time"), amounts.count("late")


async def waits(store: Store) -> tuple[int, int]:
    """How many waits were counted, and how many of them for a person's first words."""
    await judged(store)
    amounts = await store.figures.totals("2000-01-01", "2100-01-01")
    return amounts.count("waited"), amounts.count("first_waited")


async def earlier(store: Store, conversation_id: str, minutes: float) -> None:
    """All of it happened so much earlier."""
    for table in ("events", "messages"):
        await store.database.change(
            f"UPDATE {table} SET created_at = created_at - :ago WHERE conversation_id = :id",
            id=conversation_id,
            ago=round(minutes * MINUTE),
        )


async def test_answers_in_time_and_late_ones_are_counted(database_url: str, store: Store) -> None:
    grace = await hired(store)
    for name, minutes in (("a", 1), ("b", 14), ("c", 16)):
        conversation_id = await waiting(store, name)
        await earlier(store, conversation_id, minutes)
        await answered(store, conversation_id, replace(grace, id=f"opr_{name}"))
    assert await judged(store) == (2, 1)
    given_back = await waiting(store, "d")
    await earlier(store, given_back, 20)
    await store.people.set_status(given_back, "resolved")
    soon = await waiting(store, "e")
    await store.people.set_status(soon, "bot")
    assert await judged(store) == (2, 2)
    # By another target everything is counted anew, and without one nothing is late.
    for target, expected in ((Target(within=600), (1, 3)), (NO_TARGET, (0, 0)), (WITHIN, (2, 2))):
        other = await Store.open(database_url, target=target)
        assert await judged(other) == expected
        await other.close()


async def test_every_wait_counts(store: Store) -> None:
    grace = await hired(store)
    conversation_id = await waiting(store, "a")
    await earlier(store, conversation_id, 1)
    await answered(store, conversation_id, grace)
    await said(store, "2", sender="a")
    await earlier(store, conversation_id, 16)
    await answered(store, conversation_id, grace)
    await answered(store, conversation_id, grace)  # who says more answers nobody a second time
    assert (await judged(store), await waits(store)) == ((1, 1), (2, 1))
    # Taken from the bot, and put off in between.
    other = (await said(store, "1", sender="b")).message.conversation_id
    await store.people.take(other, grace)
    await answered(store, other, grace)
    await store.people.snooze(other, 3600)
    await said(store, "2", sender="b")
    await answered(store, other, grace)
    by_steps = (await judged(store), await waits(store))
    assert by_steps == ((3, 1), (4, 2))
    await store.database.change("UPDATE counting SET rules = 'others'")
    assert (await judged(store), await waits(store)) == by_steps


# it is shown ----------------------------------------------------------------------------------------------


async def test_pages_api_and_table_show_it(store: Store, tmp_path: Path) -> None:
    late, early = await waiting(store, "a", 20), await waiting(store, "b", 1)
    async with office(store, tmp_path) as house:
        grace = await house.operator()
        every = (await grace.get("/api/conversations?status=waiting")).json()["conversations"]
        assert [each["id"] for each in every] == [late, early]
        assert every[0]["due_at"] < datetime.now(UTC).isoformat() < every[1]["due_at"]
        found = (await grace.get("/api/conversations?overdue=1")).json()["conversations"]
        assert [each["id"] for each in found] == [late]
        page = (await grace.get("/dashboard/conversations?tab=overdue")).text
        assert f"entry-{late}" in page
        assert f"entry-{early}" not in page
        assert "overdue by 5 min" in page
        assert "1 overdue" in page
        said_now = {"client_id": "1", "text": "Here I am."}
        answer = await grace.post(f"/api/conversations/{late}/messages", json=said_now)
        assert answer.status_code == 201
        assert (await grace.get("/api/conversations?overdue=1")).json()["conversations"] == []
        assert "Nobody has waited too long." in (await grace.get("/dashboard/conversations?tab=overdue")).text
        await grace.post(f"/api/conversations/{early}/messages", json=said_now | {"client_id": "2"})
        page = (await grace.get("/dashboard/conversations?tab=all")).text
        assert ("unanswered" in page, "due in" in page) == (False, False)
        await said(store, "2", sender="b")
        asked = (await grace.get(f"/api/conversations/{early}")).json()
        assert asked["status"] == "human"
        assert asked["waiting_since"] < datetime.now(UTC).isoformat() < asked["due_at"]
        for path in ("?tab=mine", f"/{early}"):
            page = (await grace.get(f"/dashboard/conversations{path}")).text
            assert page.count("due in") == page.count("unanswered") == (2 if early in path else 1)
        total = (await grace.get("/api/analytics")).json()["total"]
        assert (total["answered_in_time"], total["answered_late"]) == (2, 0)  # as the events have it
        assert total["answered_in_time_share"] == 1
        header, line, *_ = (await grace.get("/api/analytics.csv")).text.splitlines()
        row_of = dict(zip(header.split(","), line.split(","), strict=True))
        assert (row_of["answered_in_time"], row_of["answered_late"]) == ("2", "0")
        assert "100% answered in time" in (await grace.get("/dashboard/analytics")).text
