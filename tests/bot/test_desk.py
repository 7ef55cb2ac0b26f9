"""The path of a message through a real store: accepted, answered once, handed back, handed on, delivered."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from bot import orchestrator
from bot.desk import utterances
from bot.operators import OperatorDesk
from bot.orchestrator.outcome import NeedsApproval, Outcome, ProposedCall, Silence
from bot.orchestrator.phrases import phrase_in
from bot.orchestrator.registry import Registry
from bot.store import Store
from bot.store.cases import part_of
from bot.store.records import DeliveryState, StoredMessage
from bot.testing import InlineQueue, MemoryChannel, ScriptedModel
from bot.waits import Waits
from channels.base import (
    Attachment,
    ChannelLimits,
    DeliveryStatus,
    InboundMessage,
    NotDelivered,
    NotFetched,
    RemoteFile,
    Trouble,
)
from tests.bot.store.given import count, expire, row
from tests.bot.store.given import due_now as leaves_now
from tests.front import Front, Pages, front, until, wrote
from tools.hours import OfficeHours

ANSWER = "Within 30 days of delivery. [1]"


async def thread(house: Front, contact_id: str) -> list[StoredMessage]:
    return list((await house.store.conversations.session(contact_id)).messages)


async def replies(house: Front, contact_id: str) -> list[str]:
    return [message.text for message in await thread(house, contact_id) if message.direction == "out"]


async def due_now(store: Store, conversation_id: str) -> None:
    """The moment for another attempt has come."""
    await store.database.change("UPDATE conversations SET due_at = 1 WHERE id = :id", id=conversation_id)


# accept ------------------------------------------------------------------------------------------------


async def test_a_message_is_recorded_rung_for_and_answered(store: Store, tmp_path: Path) -> None:
    bell = InlineQueue()
    async with front(store, folder=tmp_path, bell=bell, models=[ScriptedModel(ANSWER)]) as house:
        recorded = await house.desk.take_in(wrote("How long can I return things?"))
        assert recorded.new
        await bell.work(house.desk)
        question, answer = await thread(house, recorded.contact_id)
        assert answer.author_name == "Ada"
        assert answer.in_reply_to == question.id
        assert answer.delivery is not None
        assert answer.delivery.status is DeliveryStatus.SENT
        assert bell.rung == [("answer", question.conversation_id)]


async def test_a_repeat_is_the_same_message_and_rings_no_bell(store: Store, tmp_path: Path) -> None:
    bell = InlineQueue()
    async with front(store, folder=tmp_path, bell=bell) as house:
        both = await asyncio.gather(*(house.desk.take_in(wrote("Hello?")) for _ in range(5)))
        await house.desk.quiet()
        assert sorted(each.new for each in both) == [False, False, False, False, True]
        assert len({each.message.id for each in both}) == 1
        assert len(bell.rung) == 1
        assert await count(store, "messages") == 1


async def test_a_burst_is_answered_once(store: Store, tmp_path: Path) -> None:
    bell = InlineQueue()
    pages = Pages()
    async with front(store, folder=tmp_path, bell=bell, pages=pages) as house:
        for number in range(5):
            recorded = await house.desk.take_in(wrote(f"part {number}", number))
        await bell.work(house.desk)
        assert pages.asked == ["part 0\npart 1\npart 2\npart 3\npart 4"]
        assert len(await replies(house, recorded.contact_id)) == 1


async def test_what_is_written_for_a_person_rings_no_bell(store: Store, tmp_path: Path) -> None:
    bell = InlineQueue()
    async with front(store, folder=tmp_path, bell=bell) as house:
        await house.desk.take_in(wrote("I want to talk to a human", 1))
        await bell.work(house.desk)
        later = await house.desk.take_in(wrote("are you there?", 2))
        await house.desk.quiet()
        assert later.status == "waiting"
        assert len(bell.rung) == 1


# answer ------------------------------------------------------------------------------------------------


async def test_a_message_during_the_search_is_answered_by_the_same_turn(store: Store, tmp_path: Path) -> None:
    bell = InlineQueue()
    pages = Pages(held=True)
    async with front(store, folder=tmp_path, bell=bell, pages=pages) as house:
        first = await house.desk.take_in(wrote("How long", 1))
        answering = asyncio.create_task(house.desk.answer(first.message.conversation_id))
        await until(lambda: pages.asked)
        second = await house.desk.take_in(wrote("can I return things?", 2))
        pages.open.set()
        await answering
        assert pages.asked == ["How long", "How long\ncan I return things?"]
        _, _, answer = await thread(house, first.contact_id)
        assert answer.in_reply_to == second.message.id
        assert await count(store, "turns") == 1


async def test_a_message_during_the_answer_is_answered_by_the_next_turn_and_not_lost_behind_the_reply(
    store: Store, tmp_path: Path
) -> None:
    model = ScriptedModel(["Within 30 days", 0.3, " of delivery. [1]"], "It costs nothing. [1]")
    pages = Pages()
    async with front(store, folder=tmp_path, bell=InlineQueue(), pages=pages, models=[model]) as house:
        first = await house.desk.take_in(wrote("How long can I return things?", 1))
        async with house.live.watch(first.contact_id) as feed:
            answering = asyncio.create_task(house.desk.answer(first.message.conversation_id))
            while not (await feed.next(5))[0]:  # until it speaks
                pass
            second = await house.desk.take_in(wrote("And what does it cost?", 2))
            await answering
        said = await thread(house, first.contact_id)
        assert [message.in_reply_to for message in said[2:]] == [first.message.id, second.message.id]
        assert pages.asked == ["How long can I return things?", "And what does it cost?"]
        assert "And what does it cost?" in model.requests[1].messages[-1].content


async def test_a_contact_who_never_stops_writing_is_answered_all_the_same(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.desk._OVERTAKEN_FOR", 0.0)
    pages = Pages(held=True)
    async with front(store, folder=tmp_path, bell=InlineQueue(), pages=pages) as house:
        first = await house.desk.take_in(wrote("one", 1))
        answering = asyncio.create_task(house.desk.answer(first.message.conversation_id))
        await until(lambda: len(pages.asked) == 1)
        await house.desk.take_in(wrote("two", 2))
        pages.open.set()
        await until(lambda: len(pages.asked) == 2)
        await answering
        assert len(await replies(house, first.contact_id)) == 1


async def test_a_turn_that_fails_is_tried_again_and_after_three_attempts_a_person_takes_it(
    store: Store, tmp_path: Path
) -> None:
    pages = Pages(Pages().answer, *[ZeroDivisionError("a bug")] * 9)
    async with front(store, folder=tmp_path, bell=InlineQueue(), pages=pages) as house:
        recorded = await house.desk.take_in(wrote("Wie lange kann ich etwas zurückgeben?"))
        conversation = recorded.message.conversation_id
        for attempt in (1, 2, 3):
            await house.desk.answer(conversation)
            assert len(pages.asked) == attempt
            assert await replies(house, recorded.contact_id) == []
            assert await house.store.turns.claim(conversation, 15) is None, "it is due in a moment, not now"
            await due_now(store, conversation)
        await house.desk.answer(conversation)
        await house.desk.answer(conversation)
        assert len(pages.asked) == 3
        assert await replies(house, recorded.contact_id) == [phrase_in("de", "handoff_degraded")]
        session = await store.conversations.session(recorded.contact_id)
        assert session.status == "waiting"


async def test_whoever_is_passed_on_hears_when_somebody_is_there(store: Store, tmp_path: Path) -> None:
    day = datetime.now(UTC) + timedelta(days=3)
    hours = OfficeHours.model_validate({f"{day:%a}".lower(): "09:00-10:00"})
    pages = Pages(held=True)
    async with front(
        store, folder=tmp_path, bell=InlineQueue(), pages=pages, longest=0.2, hours=hours
    ) as house:
        hung = await house.desk.take_in(wrote("How long?", sender="bob"))
        await house.desk.answer(hung.message.conversation_id)
        [told] = await replies(house, hung.contact_id)
        assert told.startswith(phrase_in("en", "handoff_degraded"))
        assert f"Our team is back on {day:%A} at 09:00" in told
        await house.visitors.welcome(None, None)
        asks = await house.desk.take_in(wrote("How long?", sender="ada", channel="web"))
        await house.visitors.ask_for_person("ada")
        [told] = await replies(house, asks.contact_id)
        assert f"Our team is back on {day:%A} at 09:00" in told


@dataclass
class Usual:
    seconds: float | None

    def usual(self) -> float | None:
        return self.seconds


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (200.0, " Somebody usually answers within 5 minutes."),
        (301.0, " Somebody usually answers within 10 minutes."),
        (3_600.0, " Somebody usually answers within 60 minutes."),
        (3_601.0, ""),
        (None, ""),
    ],
)
async def test_whoever_is_passed_on_hears_how_long_that_usually_takes(
    store: Store, tmp_path: Path, seconds: float | None, told: str
) -> None:
    async with front(store, folder=tmp_path, bell=InlineQueue(), waits=Usual(seconds)) as house:
        asks = await house.desk.take_in(wrote("I would like to talk to a person"))
        await house.desk.answer(asks.message.conversation_id)
        assert await replies(house, asks.contact_id) == [phrase_in("en", "handoff_customer_request") + told]
        await house.visitors.welcome(None, None)
        presses = await house.desk.take_in(wrote("How long?", sender="ada", channel="web"))
        await house.visitors.ask_for_person("ada")
        assert await replies(house, presses.contact_id) == [
            phrase_in("en", "handoff_customer_request") + told
        ]


async def test_what_is_usual_is_the_median_of_enough_waits(store: Store) -> None:
    waits = Waits(store, ZoneInfo("Europe/Berlin"))
    today = datetime.now(ZoneInfo("Europe/Berlin")).date().isoformat()
    for seconds in (60, 60, 240, 7_200):
        await _waited(store, today, seconds)
    await _waited(store, "2020-01-01", 9_000)
    await waits.look()
    assert waits.usual() is None
    await _waited(store, today, 240)
    await waits.look()
    assert waits.usual() == pytest.approx(240, rel=0.03)


async def _waited(store: Store, day: str, seconds: int) -> None:
    await store.database.change(
        "INSERT INTO figures (day, channel, name, part, amount)"
        " VALUES (:day, 'web', 'first_waited', :part, 1)"
        " ON CONFLICT (day, channel, name, part) DO UPDATE SET amount = figures.amount + 1",
        day=day,
        part=part_of(seconds),
    )


async def test_a_turn_that_hangs_ends_with_a_person(store: Store, tmp_path: Path) -> None:
    pages = Pages(held=True)
    async with front(store, folder=tmp_path, bell=InlineQueue(), pages=pages, longest=0.2) as house:
        recorded = await house.desk.take_in(wrote("How long?"))
        await house.desk.answer(recorded.message.conversation_id)
        assert await replies(house, recorded.contact_id) == [phrase_in("en", "handoff_degraded")]
        assert (await store.conversations.session(recorded.contact_id)).status == "waiting"


@pytest.mark.parametrize(
    ("outcome", "left"),
    [
        (Silence(why="an automatic reply"), ("bot", [])),
        (
            NeedsApproval(calls=[ProposedCall(tool="refund", arguments={})], text="I have asked."),
            ("bot", ["I have asked."]),
        ),
    ],
)
async def test_every_outcome_leaves_the_conversation_where_it_belongs(
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    outcome: Outcome,
    left: tuple[str, list[str]],
) -> None:
    async def ends(*_: object) -> Outcome:
        return outcome

    monkeypatch.setattr(orchestrator, "run", ends)
    async with front(store, folder=tmp_path, bell=InlineQueue()) as house:
        recorded = await house.desk.take_in(wrote("Out of office"))
        await house.desk.answer(recorded.message.conversation_id)
        session = await store.conversations.session(recorded.contact_id)
        assert (session.status, await replies(house, recorded.contact_id)) == left
        assert await store.turns.due() == []


async def test_a_turn_stopped_with_its_process_goes_to_another_at_once_and_costs_no_attempt(
    store: Store, tmp_path: Path
) -> None:
    bell = InlineQueue()
    pages = Pages(held=True)
    async with front(store, folder=tmp_path, bell=bell, pages=pages) as house:
        recorded = await house.desk.take_in(wrote("How long?"))
        conversation = recorded.message.conversation_id
        async with house.live.watch(recorded.contact_id) as feed:
            answering = asyncio.create_task(house.desk.answer(conversation))
            await until(lambda: pages.asked)
            answering.cancel()
            with pytest.raises(asyncio.CancelledError):
                await answering
            pieces, _ = await feed.next(5)
        assert pieces[-1]["data"]["text"] == ""
        assert pieces[-1]["data"]["offset"] == 0
        assert bell.rung.count(("answer", conversation)) == 2
        claim = await store.turns.claim(conversation, 15)
        assert claim is not None
        assert claim.attempt == 1
        assert house.desk.at_work == {}


async def test_a_turn_whose_conversation_another_took_says_nothing(store: Store, tmp_path: Path) -> None:
    pages = Pages(held=True)
    async with front(store, folder=tmp_path, bell=InlineQueue(), pages=pages, lease=0.3) as house:
        recorded = await house.desk.take_in(wrote("How long?"))
        conversation = recorded.message.conversation_id
        async with house.live.watch(recorded.contact_id) as feed:
            answering = asyncio.create_task(house.desk.answer(conversation))
            await until(lambda: pages.asked)
            await expire(store, conversation)
            assert await store.turns.claim(conversation, 30) is not None
            await asyncio.wait_for(answering, 5)  # the keeper notices, although the search hangs
            pieces, _ = await feed.next(5)
        assert [piece["data"]["offset"] for piece in pieces] == [0]
        assert await replies(house, recorded.contact_id) == []


async def test_a_long_turn_keeps_its_lease(store: Store, tmp_path: Path) -> None:
    pages = Pages(held=True)
    async with front(store, folder=tmp_path, bell=InlineQueue(), pages=pages, lease=0.3) as house:
        recorded = await house.desk.take_in(wrote("How long?"))
        conversation = recorded.message.conversation_id
        answering = asyncio.create_task(house.desk.answer(conversation))
        await until(lambda: pages.asked)
        ends = (await row(store, "SELECT lease_until FROM conversations"))["lease_until"]
        while (await row(store, "SELECT lease_until FROM conversations"))["lease_until"] < ends + 600_000:
            assert await store.turns.claim(conversation, 30) is None
            await asyncio.sleep(0.02)
        pages.open.set()
        await answering
        assert len(await replies(house, recorded.contact_id)) == 1


async def test_nothing_is_said_once_a_person_was_asked_for_and_what_was_shown_is_taken_back(
    store: Store, tmp_path: Path
) -> None:
    model = ScriptedModel(["Within 30 days", 30.0, " of delivery. [1]"])
    async with front(store, folder=tmp_path, bell=InlineQueue(), models=[model]) as house:
        heeding = asyncio.create_task(house.desk.heed_people())
        await house.visitors.welcome(None, None)
        recorded = await house.desk.take_in(wrote("How long can I return?", sender="ada", channel="web"))
        conversation = recorded.message.conversation_id
        async with house.live.watch(recorded.contact_id) as feed:
            answering = asyncio.create_task(house.desk.answer(conversation))
            while not (await feed.next(5))[0]:
                pass
            await house.visitors.ask_for_person("ada")
            await asyncio.wait_for(answering, 5)
            pieces = []
            while not pieces:
                pieces, _ = await feed.next(5)
        assert pieces[-1]["data"] == {"turn_id": pieces[-1]["data"]["turn_id"], "text": "", "offset": 0}
        assert await replies(house, recorded.contact_id) == [phrase_in("en", "handoff_customer_request")]
        heeding.cancel()
        await asyncio.gather(heeding, return_exceptions=True)


async def test_many_desks_take_a_turn_once(store: Store, tmp_path: Path) -> None:
    pages = Pages()
    async with front(store, folder=tmp_path, bell=InlineQueue(), pages=pages) as house:
        taken = await asyncio.gather(
            *(house.desk.take_in(wrote("How long?", number, sender=f"c{number % 4}")) for number in range(12))
        )
        conversations = {each.message.conversation_id for each in taken}
        await asyncio.gather(*(house.desk.answer(each) for each in [*conversations] * 4))
        assert await count(store, "turns") == 4
        for contact in {each.contact_id for each in taken}:
            assert len(await replies(house, contact)) == 1


# deliver -----------------------------------------------------------------------------------------------


async def test_a_reply_leaves_by_the_channel_of_its_question(store: Store, tmp_path: Path) -> None:
    bell = InlineQueue()
    async with front(store, folder=tmp_path, bell=bell) as house:
        recorded = await house.desk.take_in(wrote("How long?", channel="memory"))
        await bell.work(house.desk)
        (sent,) = house.memory.sent
        assert sent.recipient == "ada"
        assert sent.attempt == 1
        assert "30 days" in sent.text
        _, answer = await thread(house, recorded.contact_id)
        assert answer.delivery is not None
        assert answer.delivery.status is DeliveryStatus.SENT
        await bell.ring("deliver", bell.rung[-1][1])
        await bell.work(house.desk)
        assert len(house.memory.sent) == 1


async def delivered(house: Front, contact_id: str) -> tuple[DeliveryStatus, str | None]:
    """How the last message's delivery stands."""
    last = (await thread(house, contact_id))[-1]
    assert last.delivery is not None
    return last.delivery.status, last.delivery.error


async def leaves_in(house: Front) -> float:
    """Seconds until the only part of a message that is to leave may do so."""
    return ((await row(house.store, "SELECT due_at FROM sendings"))["due_at"] - time.time_ns() / 1000) / 1e6


async def carry_on(house: Front, conversation_id: str) -> None:
    """The time for whatever is to leave next has come."""
    await leaves_now(house.store)
    await house.desk.deliver(conversation_id)


@pytest.mark.parametrize(
    ("refusal", "status", "left"),
    [
        (NotDelivered("no such number"), DeliveryStatus.FAILED, "waiting"),
        (NotDelivered("cut", uncertain=True), DeliveryStatus.UNCERTAIN, "bot"),
        (NotDelivered("too many", retry=True, after=60), DeliveryStatus.QUEUED, "bot"),
        (NotDelivered("429", after=60, trouble=Trouble.SLOW_DOWN), DeliveryStatus.QUEUED, "bot"),
        (NotDelivered("21610", trouble=Trouble.OPTED_OUT), DeliveryStatus.FAILED, "waiting"),
        (ZeroDivisionError("a bug"), DeliveryStatus.UNCERTAIN, "bot"),
    ],
)
async def test_what_a_provider_refuses_is_settled_by_what_it_said(
    store: Store, tmp_path: Path, refusal: Exception, status: DeliveryStatus, left: str
) -> None:
    bell = InlineQueue()
    memory = MemoryChannel(refusal)
    async with front(store, folder=tmp_path, bell=bell, memory=memory) as house:
        recorded = await house.desk.take_in(wrote("How long?", channel="memory"))
        await bell.work(house.desk)
        reached, error = await delivered(house, recorded.contact_id)
        assert reached is status
        assert error == getattr(refusal, "detail", "sending broke off: ZeroDivisionError")
        assert house.memory.sent == []
        assert (await store.conversations.session(recorded.contact_id)).status == left


@pytest.mark.parametrize(
    ("refusal", "state"),
    [
        (NotDelivered("401"), "degraded"),
        (NotDelivered("cut", uncertain=True), "degraded"),
        (NotDelivered("429", after=60, trouble=Trouble.SLOW_DOWN), "up"),
        (ZeroDivisionError("a bug"), "degraded"),
    ],
)
async def test_how_a_channel_takes_what_is_sent_is_noted(
    sqlite: Store, tmp_path: Path, refusal: Exception, state: str
) -> None:
    bell, registry = InlineQueue(), Registry()
    component = registry.add("channel", "memory", bears=3)
    memory = MemoryChannel(refusal)
    async with front(sqlite, folder=tmp_path, bell=bell, memory=memory, registry=registry) as house:
        await house.desk.take_in(wrote("How long?", channel="memory"))
        await bell.work(house.desk)
        assert component.state == state


async def test_a_channel_that_takes_nothing_any_more_is_down_until_it_takes_something(
    sqlite: Store, tmp_path: Path
) -> None:
    bell, registry = InlineQueue(), Registry()
    component = registry.add("channel", "memory", bears=3)
    memory = MemoryChannel(*[NotDelivered("401")] * 3)
    async with front(sqlite, folder=tmp_path, bell=bell, memory=memory, registry=registry) as house:
        states = []
        for sender in "abcd":
            await house.desk.take_in(wrote("How long?", channel="memory", sender=sender))
            await bell.work(house.desk)
            states.append(component.state)
        assert states == ["degraded", "degraded", "down", "up"]


async def test_who_was_stopped_after_the_claim_does_not_begin_to_send(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bell = InlineQueue()
    async with front(store, folder=tmp_path, bell=bell) as house:
        recorded = await house.desk.take_in(wrote("How long?", channel="memory"))
        ticks = iter([0.0, 0.0, 60.0])  # a job begins, claims, and wakes a minute later
        clock = SimpleNamespace(monotonic=lambda: next(ticks, 60.0))
        monkeypatch.setattr("bot.sending.time", clock)
        await bell.work(house.desk)
        assert [message.attempt for message in house.memory.sent] == [2]
        assert (await delivered(house, recorded.contact_id))[0] is DeliveryStatus.SENT


async def test_a_delivery_worth_a_retry_is_made_once_its_time_has_come(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.sending._FIRST_PAUSE", 0.01)
    bell = InlineQueue()
    memory = MemoryChannel(NotDelivered("busy", retry=True, after=0.01))
    async with front(store, folder=tmp_path, bell=bell, memory=memory) as house:
        await house.desk.take_in(wrote("How long?", channel="memory"))
        await bell.work(house.desk)
        assert [message.attempt for message in memory.sent] == [2]


async def test_what_is_to_leave_a_little_later_is_rung_for(store: Store, tmp_path: Path) -> None:
    bell = InlineQueue()
    memory = MemoryChannel(NotDelivered("busy", retry=True, after=1.2))
    async with front(store, folder=tmp_path, bell=bell, memory=memory) as house:
        recorded = await house.desk.take_in(wrote("How long?", channel="memory"))
        await bell.work(house.desk)
        rung = ("deliver", recorded.message.conversation_id)
        await until(lambda: bell.rung.count(rung) == 2)
        await bell.work(house.desk)
        assert [message.attempt for message in memory.sent] == [2]


@pytest.mark.parametrize("trouble", [None, Trouble.SLOW_DOWN])
@pytest.mark.parametrize(
    ("after", "pause"), [(0.0, 2), (-5.0, 2), (90.0, 90), (1e9, 3600), (float("inf"), 3600)]
)
async def test_what_a_provider_wishes_makes_nobody_hurry_or_wait_for_days(
    store: Store, tmp_path: Path, trouble: Trouble | None, after: float, pause: int
) -> None:
    bell = InlineQueue()
    memory = MemoryChannel(NotDelivered("busy", retry=True, after=after, trouble=trouble))
    async with front(store, folder=tmp_path, bell=bell, memory=memory) as house:
        await house.desk.take_in(wrote("How long?", channel="memory"))
        await bell.work(house.desk)
        assert pause / 2 < await leaves_in(house) <= pause


async def test_a_provider_that_is_unsure_and_wants_time_is_given_it(store: Store, tmp_path: Path) -> None:
    bell = InlineQueue()
    memory = MemoryChannel(
        NotDelivered("503", uncertain=True, after=90.0),
        found=[NotDelivered("503", uncertain=True, after=200.0)],
    )
    async with front(store, folder=tmp_path, bell=bell, memory=memory) as house:
        recorded = await house.desk.take_in(wrote("How long?", channel="memory"))
        await bell.work(house.desk)
        assert 80 < await leaves_in(house) <= 90
        await carry_on(house, recorded.message.conversation_id)
        assert 190 < await leaves_in(house) <= 200


async def test_an_answer_leaves_in_its_channels_parts_in_order(store: Store, tmp_path: Path) -> None:
    bell = InlineQueue()
    memory = MemoryChannel(limits=ChannelLimits(length=40))
    async with front(store, folder=tmp_path, bell=bell, memory=memory) as house:
        recorded = await house.desk.take_in(wrote("How long?", channel="memory"))
        await bell.work(house.desk)
        assert len(memory.sent) > 1
        answer = (await thread(house, recorded.contact_id))[-1]
        assert "".join(part.text for part in memory.sent) == answer.text
        assert [part.part for part in memory.sent] == list(range(1, len(memory.sent) + 1))
        assert [part.last for part in memory.sent] == [*[False] * (len(memory.sent) - 1), True]
        assert await delivered(house, recorded.contact_id) == (DeliveryStatus.SENT, None)


async def test_what_timed_out_is_asked_for_and_not_sent_again_when_found(
    store: Store, tmp_path: Path
) -> None:
    bell = InlineQueue()
    memory = MemoryChannel(30.0, found=["SM7"], limits=ChannelLimits(patience=0.1))
    async with front(store, folder=tmp_path, bell=bell, memory=memory) as house:
        recorded = await house.desk.take_in(wrote("How long?", channel="memory"))
        conversation = recorded.message.conversation_id
        await bell.work(house.desk)
        reached, error = await delivered(house, recorded.contact_id)
        assert (reached, error) == (DeliveryStatus.UNCERTAIN, "the provider did not answer in time")
        assert memory.asked == [], "it is given a moment"
        await carry_on(house, conversation)
        assert await delivered(house, recorded.contact_id) == (DeliveryStatus.SENT, None)
        await house.desk.receipt("memory", "SM7", DeliveryStatus.DELIVERED, None)
        assert await delivered(house, recorded.contact_id) == (DeliveryStatus.DELIVERED, None)
        assert memory.sent == []
        assert len(memory.asked) == 1


async def test_what_is_twice_not_found_is_sent_again(store: Store, tmp_path: Path) -> None:
    bell = InlineQueue()
    memory = MemoryChannel(NotDelivered("502", uncertain=True), found=[None, None])
    async with front(store, folder=tmp_path, bell=bell, memory=memory) as house:
        recorded = await house.desk.take_in(wrote("How long?", channel="memory"))
        conversation = recorded.message.conversation_id
        await bell.work(house.desk)
        await carry_on(house, conversation)
        assert len(memory.asked) == 1
        assert memory.sent == [], "one look may have been too early"
        await house.desk.deliver(conversation)
        assert len(memory.asked) == 1, "and the next is not at once"
        await carry_on(house, conversation)
        assert len(memory.asked) == 2
        assert memory.sent == [], "nor is it sent again at once"
        await carry_on(house, conversation)
        assert [(message.attempt, message.doubts) for message in memory.sent] == [(2, 1)]
        assert await delivered(house, recorded.contact_id) == (DeliveryStatus.SENT, None)


async def test_a_refusal_is_no_doubt(store: Store, tmp_path: Path) -> None:
    bell = InlineQueue()
    memory = MemoryChannel(NotDelivered("503", retry=True))
    async with front(store, folder=tmp_path, bell=bell, memory=memory) as house:
        recorded = await house.desk.take_in(wrote("How long?", channel="memory"))
        await bell.work(house.desk)
        await carry_on(house, recorded.message.conversation_id)
        assert [(message.attempt, message.doubts) for message in memory.sent] == [(2, 0)]


async def test_what_nobody_can_tell_of_is_held_for_a_person_and_what_follows_leaves(
    store: Store, tmp_path: Path
) -> None:
    bell = InlineQueue()
    memory = MemoryChannel(NotDelivered("502", uncertain=True), found=[ZeroDivisionError("a bug")])
    async with front(store, folder=tmp_path, bell=bell, memory=memory) as house:
        recorded = await house.desk.take_in(wrote("How long?", channel="memory"))
        conversation = recorded.message.conversation_id
        await bell.work(house.desk)
        for _ in range(4):
            await carry_on(house, conversation)
            assert (await delivered(house, recorded.contact_id))[0] is DeliveryStatus.UNCERTAIN
        assert (await store.conversations.session(recorded.contact_id)).status == "bot"
        await store.database.change("UPDATE sendings SET tried_at = tried_at - 900000000")
        await carry_on(house, conversation)
        status, error = await delivered(house, recorded.contact_id)
        assert status is DeliveryStatus.UNCERTAIN
        assert error is not None
        assert "nobody can tell whether this was sent" in error
        assert len(memory.asked) == 5
        assert (await store.conversations.session(recorded.contact_id)).status == "waiting"
        operators = OperatorDesk(store=store, bell=bell, live=house.live, channels={"memory": memory})
        grace = await store.operators.add("grace@example.com", "Grace", "")
        await operators.reply(conversation, grace, client_id="1", text="By a person.")
        await bell.work(house.desk)
        assert [message.text for message in memory.sent] == ["By a person."]
        assert len(memory.asked) == 5


async def test_a_closed_window_is_tried_once_more_in_another_form(store: Store, tmp_path: Path) -> None:
    bell = InlineQueue()
    closed = NotDelivered("63016", trouble=Trouble.WINDOW_CLOSED)
    memory = MemoryChannel(closed, limits=ChannelLimits(window=24 * 3600))
    async with front(store, folder=tmp_path, bell=bell, memory=memory) as house:
        recorded = await house.desk.take_in(wrote("How long?", channel="memory"))
        await bell.work(house.desk)
        assert [message.window_closed for message in memory.sent] == [True]
        memory.refusals.extend([closed, closed, closed])
        await house.desk.take_in(wrote("And how?", 2, channel="memory"))
        await bell.work(house.desk)
        assert await delivered(house, recorded.contact_id) == (DeliveryStatus.FAILED, "63016")
        assert len(memory.refusals) == 1


LATE = NotDelivered("63016", trouble=Trouble.WINDOW_CLOSED)


@pytest.mark.parametrize("verified", [True, False])
async def test_what_comes_too_late_leaves_by_mail_to_a_verified_address_else_a_person_goes_on(
    store: Store, tmp_path: Path, verified: bool
) -> None:
    bell = InlineQueue()
    memory = MemoryChannel(LATE, LATE, limits=ChannelLimits(window=24 * 3600))
    mail = MemoryChannel()
    async with front(store, folder=tmp_path, bell=bell, memory=memory, more={"email": mail}) as house:
        recorded = await house.desk.take_in(wrote("How long?", channel="memory"))
        await given_address(store, recorded.contact_id, "ada@example.com", verified=verified)
        await bell.work(house.desk)
        last = (await thread(house, recorded.contact_id))[-1]
        status = (await store.conversations.session(recorded.contact_id)).status
        assert memory.sent == []
        if not verified:
            assert mail.sent == []
            assert (last.channel, status) == ("memory", "waiting")
            assert last.delivery == DeliveryState(status=DeliveryStatus.FAILED, error="63016")
            return
        (sent,) = mail.sent
        assert (sent.channel, sent.recipient, sent.text) == ("email", "ada@example.com", last.text)
        assert sent.quoted is not None
        assert sent.quoted.text == "How long?"
        assert sent.reference == ""
        assert (last.channel, last.address, status) == ("email", "ada@example.com", "bot")
        assert last.delivery == DeliveryState(status=DeliveryStatus.SENT)
        answer = InboundMessage(
            channel="email",
            external_id="m1",
            sender="ada@example.com",
            text="Thanks! And returns?",
            follows=("memory-1",),
        )
        assert (await house.desk.take_in(answer)).message.conversation_id == recorded.message.conversation_id


async def test_what_has_left_in_part_or_was_said_by_a_person_does_not_leave_by_mail(
    store: Store, tmp_path: Path
) -> None:
    bell = InlineQueue()
    memory = MemoryChannel(0.0, LATE, LATE, limits=ChannelLimits(length=20, window=24 * 3600))
    mail = MemoryChannel()
    async with front(store, folder=tmp_path, bell=bell, memory=memory, more={"email": mail}) as house:
        recorded = await house.desk.take_in(wrote("How long?", channel="memory"))
        await given_address(store, recorded.contact_id, "ada@example.com", verified=True)
        await bell.work(house.desk)
        assert len(memory.sent) == 1
        assert await delivered(house, recorded.contact_id) == (DeliveryStatus.FAILED, "63016")
        memory.refusals.extend([LATE, LATE])
        operators = OperatorDesk(store=store, bell=bell, live=house.live, channels={"memory": memory})
        grace = await store.operators.add("grace@example.com", "Grace", "")
        await operators.reply(recorded.message.conversation_id, grace, client_id="1", text="By a person.")
        await bell.work(house.desk)
        assert await delivered(house, recorded.contact_id) == (DeliveryStatus.FAILED, "63016")
        assert (len(memory.sent), mail.sent) == (1, [])


async def given_address(store: Store, contact_id: str, address: str, *, verified: bool) -> None:
    """The contact is also known by an address, or says so."""
    await store.database.change(
        "INSERT INTO identities (id, channel, address, contact_id, verified, created_at) "
        "VALUES ('idn_1', 'email', :address, :contact_id, :verified, {now})",
        address=address,
        contact_id=contact_id,
        verified=verified,
    )


async def test_an_opted_out_contact_is_sent_nothing_until_they_ask_for_more(
    store: Store, tmp_path: Path
) -> None:
    bell = InlineQueue()
    async with front(store, folder=tmp_path, bell=bell) as house:
        recorded = await house.desk.take_in(wrote("How long?", 1, channel="memory"))
        await house.desk.take_in(replace(wrote("STOP", 2, channel="memory"), opted="out"))
        await bell.work(house.desk)
        assert house.memory.sent == []
        status, error = await delivered(house, recorded.contact_id)
        assert (status, error) == (DeliveryStatus.FAILED, "the recipient asked not to be written to")
        assert len(await replies(house, recorded.contact_id)) == 1
        await store.people.set_status(recorded.message.conversation_id, "bot")
        await house.desk.take_in(replace(wrote("START", 3, channel="memory"), opted="in"))
        await house.desk.take_in(wrote("How long?", 4, channel="memory"))
        await bell.work(house.desk)
        assert len(house.memory.sent) == 1


async def test_nothing_of_the_bot_leaves_after_a_take_over(store: Store, tmp_path: Path) -> None:
    bell = InlineQueue()
    memory = MemoryChannel(0.3, limits=ChannelLimits(length=40))
    async with front(store, folder=tmp_path, bell=bell, memory=memory) as house:
        recorded = await house.desk.take_in(wrote("How long?", channel="memory"))
        conversation = recorded.message.conversation_id
        await house.desk.answer(conversation)
        delivering = asyncio.create_task(house.desk.deliver(conversation))
        await until(lambda: not memory.refusals, what="the first part is on its way")
        operators = OperatorDesk(store=store, bell=bell, live=house.live, channels={"memory": memory})
        grace = await store.operators.add("grace@example.com", "Grace", "")
        await operators.take(conversation, grace)
        await delivering
        assert [message.part for message in memory.sent] == [1]
        assert await delivered(house, recorded.contact_id) == (
            DeliveryStatus.FAILED,
            "withdrawn: an operator took over",
        )


async def test_whoever_looks_only_when_told_finds_what_the_bot_was_about_to_say(
    store: Store, tmp_path: Path
) -> None:
    model = ScriptedModel(["Within 30 days", 30.0, " of delivery. [1]"])
    bell = InlineQueue()
    async with front(store, folder=tmp_path, bell=bell, models=[model]) as house:
        heeding = asyncio.create_task(house.desk.heed_people())
        recorded = await house.desk.take_in(wrote("How long can I return?", channel="memory"))
        conversation = recorded.message.conversation_id
        async with house.live.watch(recorded.contact_id) as feed:
            answering = asyncio.create_task(house.desk.answer(conversation))
            while not (await feed.next(5))[0]:
                pass
            operators = OperatorDesk(
                store=store, bell=bell, live=house.live, channels={"memory": house.memory}
            )
            await operators.take(conversation, await store.operators.add("grace@example.com", "Grace", ""))
            found = 0
            while not found:
                pieces, look = await feed.next(5)
                assert pieces or look
                if look:
                    found = (await row(store, "SELECT COUNT(*) AS n FROM drafts"))["n"]
        await answering
        heeding.cancel()
        await asyncio.gather(heeding, return_exceptions=True)


async def test_a_late_failure_is_sent_again_and_readers_are_told(store: Store, tmp_path: Path) -> None:
    bell = InlineQueue()
    async with front(store, folder=tmp_path, bell=bell) as house:
        recorded = await house.desk.take_in(wrote("How long?", channel="memory"))
        await bell.work(house.desk)
        async with house.live.watch(recorded.contact_id) as feed:
            for _ in range(3):
                await house.desk.receipt(
                    "memory", "memory-1", DeliveryStatus.FAILED, "63018", Trouble.SLOW_DOWN
                )
            await bell.work(house.desk)
            assert (await feed.next(5))[1]
        assert await delivered(house, recorded.contact_id) == (DeliveryStatus.QUEUED, "63018")
        await carry_on(house, recorded.message.conversation_id)
        assert len(house.memory.sent) == 1, "the whole channel waits"
        await store.database.change("UPDATE paces SET blocked_until = 0")
        await carry_on(house, recorded.message.conversation_id)
        assert [message.attempt for message in house.memory.sent] == [1, 2]


async def test_a_channel_that_is_switched_off_keeps_what_is_to_leave(store: Store, tmp_path: Path) -> None:
    bell = InlineQueue()
    async with front(store, folder=tmp_path, bell=bell) as house:
        recorded = await house.desk.take_in(wrote("How long?", channel="memory"))
        await house.desk.answer(recorded.message.conversation_id)
        await store.database.change("UPDATE sendings SET channel = 'gone'")
        await bell.work(house.desk)
        assert await delivered(house, recorded.contact_id) == (
            DeliveryStatus.QUEUED,
            "the channel gone is not set up here",
        )


@pytest.mark.parametrize("attempts", [0, 3])
async def test_a_question_from_a_channel_that_is_gone_is_answered_once_and_its_answer_waits(
    store: Store, tmp_path: Path, attempts: int
) -> None:
    bell, model = InlineQueue(), ScriptedModel(otherwise=ANSWER)
    async with front(store, folder=tmp_path, bell=bell, models=[model]) as house:
        recorded = await house.desk.take_in(wrote("How long?", channel="gone"))
        await store.database.change("UPDATE conversations SET attempts = :attempts", attempts=attempts)
        await bell.work(house.desk)
        assert len(await replies(house, recorded.contact_id)) == 1
        assert await delivered(house, recorded.contact_id) == (
            DeliveryStatus.QUEUED,
            "the channel gone is not set up here",
        )
        assert (await store.turns.due()) == []


async def test_typing_is_shown_where_a_channel_can(store: Store, tmp_path: Path) -> None:
    bell = InlineQueue()
    async with front(store, folder=tmp_path, bell=bell) as house:
        await house.desk.take_in(wrote("How long?", 7, channel="memory"))
        await bell.work(house.desk)
        assert house.memory.typed == ["ada:7"]


# files and quotes --------------------------------------------------------------------------------------


def sends_file(number: int = 1, **more: object) -> InboundMessage:
    file = RemoteFile(url="https://provider.example/media/1", media_type="image/png", name="a.png")
    return replace(wrote("", number, channel="memory"), remote=(file,), **more)


async def files_of(house: Front, contact_id: str) -> list[Attachment]:
    return list((await thread(house, contact_id))[0].attachments)


async def test_what_has_neither_words_nor_files_is_recorded_and_answered_kindly(
    store: Store, tmp_path: Path
) -> None:
    bell, pages = InlineQueue(), Pages()
    async with front(store, folder=tmp_path, bell=bell, pages=pages) as house:
        recorded = await house.desk.take_in(wrote("", channel="memory"))
        await bell.work(house.desk)
        assert await replies(house, recorded.contact_id) == [phrase_in("en", "unreadable")]
        assert [message.text for message in house.memory.sent] == [phrase_in("en", "unreadable")]
        assert pages.asked == []
        assert (await store.conversations.session(recorded.contact_id)).status == "bot"


async def test_a_remote_file_is_fetched_once_and_readers_are_told(store: Store, tmp_path: Path) -> None:
    bell = InlineQueue()
    memory = MemoryChannel(files=[b"png"])
    async with front(store, folder=tmp_path, bell=bell, memory=memory) as house:
        recorded = await house.desk.take_in(sends_file())
        (waiting,) = recorded.message.attachments
        assert (waiting.state, waiting.name) == ("waiting", "a.png")
        cursor = (await store.conversations.session(recorded.contact_id)).cursor
        await asyncio.gather(*(house.desk.fetch(waiting.key) for _ in range(5)))
        assert len(memory.fetched) == 1
        (file,) = await files_of(house, recorded.contact_id)
        assert (file.state, file.size, file.media_type) == ("here", 3, "image/png")
        assert [each.name for each in (tmp_path / "files").iterdir()] == [file.key]
        events, _ = await store.conversations.events_after(recorded.contact_id, cursor)
        told = [each.message for each in events if each.message]
        assert [each.id for each in told] == [recorded.message.id]
        assert told[0].attachments == (file,)
        known = await store.attachments.get(file.key, recorded.contact_id)
        assert known is not None
        assert known.attachment == file


async def test_a_file_that_cannot_be_had_is_tried_again_and_in_the_end_given_up(
    store: Store, tmp_path: Path
) -> None:
    bell = InlineQueue()
    busy = [NotFetched("503", retry=True), ZeroDivisionError("a bug")] * 9
    memory = MemoryChannel(files=busy)
    async with front(store, folder=tmp_path, bell=bell, memory=memory) as house:
        recorded = await house.desk.take_in(sends_file())
        (waiting,) = recorded.message.attachments
        for attempt in range(1, 9):
            assert (await files_of(house, recorded.contact_id))[0].state == "waiting"
            await house.desk.fetch(waiting.key)
            await house.desk.fetch(waiting.key)
            assert len(memory.fetched) == attempt, "the next attempt has its time"
            await store.database.change("UPDATE attachments SET due_at = 1 WHERE due_at IS NOT NULL")
        assert (await files_of(house, recorded.contact_id))[0].state == "failed"
        assert await store.attachments.due() == []
        assert list((tmp_path / "files").iterdir()) == []


async def test_a_file_the_provider_has_no_more_is_given_up_at_once(store: Store, tmp_path: Path) -> None:
    memory = MemoryChannel(files=[NotFetched("404")])
    async with front(store, folder=tmp_path, bell=InlineQueue(), memory=memory) as house:
        recorded = await house.desk.take_in(sends_file())
        await house.desk.fetch(recorded.message.attachments[0].key)
        assert (await files_of(house, recorded.contact_id))[0].state == "failed"


async def test_a_worker_that_died_while_fetching_is_followed_by_another(store: Store, tmp_path: Path) -> None:
    memory = MemoryChannel(files=[b"png"])
    async with front(store, folder=tmp_path, bell=InlineQueue(), memory=memory) as house:
        recorded = await house.desk.take_in(sends_file())
        key = recorded.message.attachments[0].key
        lost = await store.attachments.claim(key, 30)
        assert lost is not None
        await store.database.change("UPDATE attachments SET due_at = 1")
        assert ("fetch", key) in await house.desk.due(waiting=0)
        await house.desk.fetch(key)
        assert not await store.attachments.settle(lost, None, error="late")
        assert (await files_of(house, recorded.contact_id))[0].state == "here"


async def test_the_turn_knows_what_is_quoted_and_what_came_along(store: Store, tmp_path: Path) -> None:
    bell = InlineQueue()
    pages = Pages(held=True)
    async with front(store, folder=tmp_path, bell=bell, pages=pages) as house:
        await house.desk.take_in(wrote("The red one?", 1, channel="memory"))
        await house.desk.take_in(sends_file(2, follows=("nobody", "ada:1")))
        claim = await store.turns.claim((await store.turns.due())[0], 30)
        assert claim is not None
        said = utterances(claim)
        assert [each.files for each in said] == [(), ("image/png",)]
        assert [each.quotes for each in said] == ["", "The red one?"]


# mail --------------------------------------------------------------------------------------------------


def mailed(text: str, number: int, **more: object) -> InboundMessage:
    """A mail that follows nothing."""
    told = {"channel": "memory", "external_id": str(number), "sender": "ada", "joins": "follows"} | more
    return InboundMessage(text=text, **told)  # type: ignore[arg-type]


async def test_nobody_gets_more_answers_within_an_hour_than_the_channel_allows(
    store: Store, tmp_path: Path
) -> None:
    bell, model = InlineQueue(), ScriptedModel(otherwise=ANSWER)
    memory = MemoryChannel(limits=ChannelLimits(per_hour=2))
    async with front(store, folder=tmp_path, bell=bell, models=[model], memory=memory) as house:
        for number in range(4):
            await house.desk.take_in(mailed("How long can I return things?", number))
            await bell.work(house.desk)
        assert len(memory.sent) == 2
        assert len(model.requests) == 2
        assert await house.store.inbox.count("waiting") == 2


async def test_what_wants_no_answer_rings_no_bell(store: Store, tmp_path: Path) -> None:
    bell = InlineQueue()
    async with front(store, folder=tmp_path, bell=bell) as house:
        await house.desk.take_in(mailed("I am away.", 1, wants="nothing"))
        await bell.work(house.desk)
    assert bell.rung == []


async def test_the_subject_of_what_opens_a_conversation_is_part_of_the_question(
    store: Store, tmp_path: Path
) -> None:
    bell, pages = InlineQueue(), Pages()
    model = ScriptedModel(otherwise=ANSWER)
    async with front(store, folder=tmp_path, bell=bell, pages=pages, models=[model]) as house:
        await house.desk.take_in(mailed("Zoë", 1, subject="How long can I return things?", reference="m1"))
        await bell.work(house.desk)
        await house.desk.take_in(
            mailed(
                "And then?", 2, subject="Re: How long can I return things?", follows=("m1",), verified=True
            )
        )
        await bell.work(house.desk)
    assert "How long can I return things?\n\nZoë" in pages.asked[0]
    said = model.requests[-1].messages[-1].content
    assert "And then?" in said
    assert "Re: How long" not in said
