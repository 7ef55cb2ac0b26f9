"""The outbox: one sender at a time, parts in order, statuses that never go back."""

from __future__ import annotations

import asyncio
import random
import time
from itertools import permutations, product

import pytest

from bot.store import Store
from bot.store.records import ClaimedDelivery, Pause
from channels.base import ChannelLimits, DeliveryStatus, Trouble
from tests.bot.store.given import (
    HAND_OFF,
    claimed,
    concluded,
    count,
    due_now,
    message,
    queued,
    row,
    said,
    taken,
)

CALLBACKS = (DeliveryStatus.SENT, DeliveryStatus.DELIVERED, DeliveryStatus.READ, DeliveryStatus.FAILED)
ORDER = ("queued", "sending", "uncertain", "sent", "failed", "delivered", "read")
LIMITS = {"whatsapp": ChannelLimits()}


async def shown(store: Store, conversation_id: str, seq: int = 2) -> tuple[str, str | None]:
    found = await row(
        store,
        "SELECT d.status, d.error FROM deliveries d JOIN messages m ON m.id = d.message_id "
        "WHERE d.conversation_id = :id AND m.seq = :seq",
        id=conversation_id,
        seq=seq,
    )
    return found["status"], found["error"]


async def sent(store: Store, conversation_id: str, *provider_ids: str) -> None:
    """As many parts leave as there are ids for them."""
    for provider_id in provider_ids:
        claim = await taken(store, conversation_id)
        await store.deliveries.settle(claim, status=DeliveryStatus.SENT, provider_id=provider_id)


async def nothing_is_due(store: Store, conversation_id: str) -> bool:
    await due_now(store)
    return await store.deliveries.claim(conversation_id, LIMITS) is None


async def test_of_twenty_senders_one_has_the_message(store: Store) -> None:
    conversation_id = await queued(store)
    assert await store.deliveries.due() == [conversation_id]
    claims = await asyncio.gather(*[store.deliveries.claim(conversation_id, LIMITS) for _ in range(20)])
    [claim] = [each for each in claims if each is not None]
    assert isinstance(claim, ClaimedDelivery)
    assert claim.message.recipient == "ada"
    assert claim.message.text == "Yes."
    assert (claim.message.attempt, claim.message.part, claim.message.last) == (1, 1, True)
    assert claim.message.follows == ("ada:1",)
    assert not claim.unsure
    assert (await shown(store, conversation_id))[0] == "sending"
    assert await store.deliveries.due() == []


async def test_a_sent_message_is_no_longer_due(store: Store) -> None:
    conversation_id = await queued(store)
    await sent(store, conversation_id, "SM1")
    assert await nothing_is_due(store, conversation_id)
    assert await shown(store, conversation_id) == ("sent", None)


async def test_what_a_recipient_reads_in_our_store_has_no_row_in_the_outbox(store: Store) -> None:
    first = await said(store)
    await concluded(store, await claimed(store, first.message.conversation_id))
    assert await count(store, "sendings") == 0
    assert await shown(store, first.message.conversation_id) == ("sent", None)


async def test_a_retry_waits_its_time(store: Store) -> None:
    conversation_id = await queued(store)
    claim = await taken(store, conversation_id)
    await store.deliveries.settle(claim, status=DeliveryStatus.QUEUED, error="busy", again_in=60)
    assert await shown(store, conversation_id) == ("queued", "busy")
    pause = await store.deliveries.claim(conversation_id, LIMITS)
    assert isinstance(pause, Pause)
    assert 55 < pause.seconds <= 60
    await due_now(store)
    again = await taken(store, conversation_id)
    assert again.message.attempt == 2
    assert not again.unsure


async def test_what_could_not_be_sent_for_a_day_is_given_up_and_a_person_is_told(store: Store) -> None:
    conversation_id = await queued(store, parts=["One.", "Two."])
    claim = await taken(store, conversation_id)
    await store.database.change("UPDATE sendings SET created_at = created_at - 90000000000")
    await store.deliveries.settle(claim, status=DeliveryStatus.QUEUED, error="busy", again_in=60)
    assert await shown(store, conversation_id) == ("failed", "given up after a day: busy")
    assert await nothing_is_due(store, conversation_id), "half an answer does not leave either"
    entry = await store.inbox.entry(conversation_id)
    assert entry is not None
    assert entry.status == "waiting"


async def test_what_nobody_came_to_send_for_a_day_does_not_leave(store: Store) -> None:
    conversation_id = await queued(store, parts=["One.", "Two."])
    await store.database.change("UPDATE sendings SET created_at = created_at - 90000000000")
    assert await store.deliveries.claim(conversation_id, LIMITS) is None
    assert await shown(store, conversation_id) == (
        "failed",
        "given up after a day: nobody was there to send it",
    )
    assert await store.undelivered.again(await delivery_of(store, conversation_id))
    assert (await taken(store, conversation_id)).message.text == "One."


async def test_an_attempt_whose_end_was_never_written_is_asked_for(store: Store) -> None:
    conversation_id = await queued(store)
    late = await taken(store, conversation_id)
    await due_now(store)
    second = await taken(store, conversation_id)
    assert second.unsure
    assert second.tried_at == late.tried_at
    assert (await shown(store, conversation_id))[0] == "uncertain"
    assert not await store.deliveries.settle(late, status=DeliveryStatus.QUEUED, error="busy", again_in=0)
    assert await store.deliveries.settle(late, status=DeliveryStatus.SENT, provider_id="SM1"), (
        "now it is known"
    )
    assert not await store.deliveries.settle(second, status=DeliveryStatus.QUEUED, again_in=0)
    assert await shown(store, conversation_id) == ("sent", None)
    assert await nothing_is_due(store, conversation_id)


async def test_parts_leave_in_order_and_none_twice_whatever_dies_between_claim_and_settle(
    store: Store,
) -> None:
    for number, deaths in enumerate(product(("before", "after", None), repeat=3)):
        conversation_id = await queued(store, f"{number}", sender=f"c{number}", parts=["a", "b", "c"])
        provider: list[str] = []
        dying = list(deaths)
        while True:
            await due_now(store)
            claim = await store.deliveries.claim(conversation_id, LIMITS)
            if claim is None:
                break
            assert isinstance(claim, ClaimedDelivery)
            text = claim.message.text
            if claim.unsure:
                ends = DeliveryStatus.SENT if text in provider else DeliveryStatus.QUEUED
                name = f"SM{number}{text}" if text in provider else None
                await store.deliveries.settle(claim, status=ends, provider_id=name, again_in=0)
                continue
            death = dying.pop(0) if dying else None
            if death == "before":
                continue
            provider.append(text)
            if death is None:
                name = f"SM{number}{text}"
                await store.deliveries.settle(claim, status=DeliveryStatus.SENT, provider_id=name)
        assert provider == ["a", "b", "c"], deaths
        assert await shown(store, conversation_id) == ("sent", None)


async def test_two_workers_never_send_two_parts_of_a_conversation_at_once(
    store: Store, database_url: str
) -> None:
    other = await Store.open(database_url)
    conversation_id = await queued(store, parts=[f"{number}" for number in range(12)])
    in_hand: list[ClaimedDelivery] = []
    left: list[str] = []

    async def work(own: Store, dice: random.Random) -> None:
        while len(left) < 12:
            claim = await own.deliveries.claim(conversation_id, LIMITS)
            if not isinstance(claim, ClaimedDelivery):
                await asyncio.sleep(0)
                continue
            in_hand.append(claim)
            assert len(in_hand) == 1
            for _ in range(dice.randrange(20)):
                await asyncio.sleep(0)
            left.append(claim.message.text)
            in_hand.remove(claim)
            await own.deliveries.settle(claim, status=DeliveryStatus.SENT, provider_id=claim.message.text)

    await asyncio.wait_for(
        asyncio.gather(*(work(each, random.Random(n)) for n, each in enumerate((store, other) * 2))), 60
    )
    assert left == [f"{number}" for number in range(12)]
    await other.close()


async def test_what_is_queued_again_waits_until_nothing_of_its_conversation_is_in_hand(store: Store) -> None:
    conversation_id = await queued(store, parts=["a", "b"])
    await sent(store, conversation_id, "SMa")
    second = await taken(store, conversation_id)
    await store.deliveries.receipt("whatsapp", "SMa", DeliveryStatus.FAILED, "slow", Trouble.SLOW_DOWN)
    assert await store.deliveries.claim(conversation_id, LIMITS) is None
    await store.deliveries.settle(second, status=DeliveryStatus.SENT, provider_id="SMb")
    await due_now(store)
    await unblocked(store)
    assert (await taken(store, conversation_id)).message.text == "a"


async def test_a_channel_that_is_stuck_holds_up_no_other(store: Store) -> None:
    conversation_id = await queued(store)
    stuck = await taken(store, conversation_id)
    await store.deliveries.settle(stuck, status=DeliveryStatus.QUEUED, error="busy", again_in=3600)
    await said(store, "2", channel="sms", sender="ada-2")
    await store.database.change(  # one person who writes by both
        "UPDATE identities SET contact_id = (SELECT contact_id FROM identities WHERE address = 'ada')"
    )
    await said(store, "3", channel="sms", sender="ada-2")
    done = await concluded(store, await claimed(store, conversation_id), parts=["By text."])
    assert done is not None
    claim = await store.deliveries.claim(conversation_id, LIMITS)
    assert isinstance(claim, ClaimedDelivery)
    assert claim.message.channel == "sms"


async def test_what_waits_behind_another_part_keeps_nobody_from_the_sweep(store: Store) -> None:
    for number in range(5):
        stuck = await queued(store, sender=f"c{number}", parts=["a", "b", "c"])
        claim = await taken(store, stuck)
        await store.deliveries.settle(claim, status=DeliveryStatus.QUEUED, error="busy", again_in=3600)
    in_hand = await queued(store, sender="bob", parts=["a", "b", "c"])
    await taken(store, in_hand)
    long = await queued(store, sender="cleo", parts=["a", "b", "c"])
    last = await queued(store, sender="dora")
    assert set(await store.deliveries.due(limit=2)) == {long, last}


async def test_what_is_held_for_a_person_is_in_nobodys_way(store: Store) -> None:
    conversation_id = await queued(store, parts=["a", "b"])
    await queued(store, "2", parts=["c"])
    claim = await taken(store, conversation_id)
    await store.deliveries.settle(claim, status=DeliveryStatus.UNCERTAIN, error="cut", again_in=3)
    await due_now(store)
    asked = await taken(store, conversation_id)
    assert asked.unsure
    await store.deliveries.settle(asked, status=DeliveryStatus.UNCERTAIN, error="nobody can tell")
    entry = await store.inbox.entry(conversation_id)
    assert entry is not None
    assert entry.status == "waiting"
    other = await taken(store, conversation_id)
    assert other.message.text == "c", "the rest of its own message waits with it"
    await store.deliveries.settle(other, status=DeliveryStatus.SENT, provider_id="SMc")
    assert await shown(store, conversation_id) == ("uncertain", "nobody can tell")
    assert await nothing_is_due(store, conversation_id)
    assert await store.undelivered.again(await delivery_of(store, conversation_id))
    assert (await taken(store, conversation_id)).message.text == "a"


async def test_ids_of_other_messages_to_the_recipient_are_told_to_whoever_asks(store: Store) -> None:
    conversation_id = await queued(store, parts=["a", "b"])
    await queued(store, "2", sender="bob")
    await sent(store, conversation_id, "SM1")
    await taken(store, conversation_id)
    await due_now(store)
    assert (await taken(store, conversation_id)).known == {"SM1"}


async def test_one_message_at_the_provider_is_not_found_for_two_of_the_same_words(store: Store) -> None:
    """Both were asked for at once, and the provider has one of them."""
    first = await queued(store)
    await store.database.change("UPDATE conversations SET status = 'resolved'")
    second = await queued(store, "2")
    assert first != second
    for conversation_id in (first, second):
        await taken(store, conversation_id)
    await due_now(store)
    asked = [await taken(store, conversation_id) for conversation_id in (first, second)]
    for claim in asked:
        assert claim.unsure
        assert await store.deliveries.settle(claim, status=DeliveryStatus.SENT, provider_id="SM1")
    assert await shown(store, first) == ("sent", None)
    assert (await shown(store, second))[0] == "uncertain"
    await due_now(store)
    once_more = await taken(store, second)
    assert once_more.unsure
    assert once_more.known == {"SM1"}
    await store.deliveries.settle(once_more, status=DeliveryStatus.SENT, provider_id="SM2")
    assert await shown(store, second) == ("sent", None)


# what providers say afterwards --------------------------------------------------------------------------


async def test_callbacks_in_any_order_end_alike_and_never_go_back(store: Store) -> None:
    for number, callbacks in enumerate(permutations(CALLBACKS)):
        conversation_id = await queued(store, sender=f"c{number}")
        await sent(store, conversation_id, f"SM{number}")
        reached = [ORDER.index((await shown(store, conversation_id))[0])]
        for callback in callbacks:
            await store.deliveries.receipt("whatsapp", f"SM{number}", callback, None)
            reached.append(ORDER.index((await shown(store, conversation_id))[0]))
        assert reached == sorted(reached)
        assert ORDER[reached[-1]] == "read"


async def test_callbacks_of_two_parts_in_any_order_end_alike_and_never_go_back(sqlite: Store) -> None:
    steps = [(part, status) for part in "ab" for status in ("sent", "delivered", "read")]
    for number, callbacks in enumerate(permutations(steps)):
        if number % 17:
            continue  # some of every kind
        conversation_id = await queued(sqlite, sender=f"c{number}", parts=["a", "b"])
        await sent(sqlite, conversation_id, f"SM{number}a", f"SM{number}b")
        reached = [ORDER.index((await shown(sqlite, conversation_id))[0])]
        for part, callback in callbacks:
            await sqlite.deliveries.receipt("whatsapp", f"SM{number}{part}", DeliveryStatus(callback))
            reached.append(ORDER.index((await shown(sqlite, conversation_id))[0]))
        assert reached == sorted(reached)
        assert ORDER[reached[-1]] == "read"


async def test_a_message_of_which_a_part_failed_has_failed_in_whatever_order_that_is_told(
    store: Store,
) -> None:
    for number, callbacks in enumerate(permutations([("a", "delivered"), ("a", "read"), ("b", "failed")])):
        conversation_id = await queued(store, sender=f"c{number}", parts=["a", "b"])
        await sent(store, conversation_id, f"SM{number}a", f"SM{number}b")
        for part, callback in callbacks:
            await store.deliveries.receipt("whatsapp", f"SM{number}{part}", DeliveryStatus(callback), "63024")
        assert await shown(store, conversation_id) == ("failed", "63024")


async def test_a_send_settled_among_its_callbacks_ends_alike(store: Store) -> None:
    for number, steps in enumerate(permutations((*CALLBACKS[:3], None))):
        conversation_id = await queued(store, sender=f"c{number}")
        claim = await taken(store, conversation_id)
        for step in steps:
            if step is None:
                await store.deliveries.settle(claim, status=DeliveryStatus.SENT, provider_id=f"SM{number}")
            else:
                await store.deliveries.receipt("whatsapp", f"SM{number}", step, None)
        assert (await shown(store, conversation_id))[0] == "read"


async def test_an_early_receipt_waits_for_its_message(store: Store) -> None:
    assert not await store.deliveries.receipt("whatsapp", "SM1", DeliveryStatus.DELIVERED, None)
    conversation_id = await queued(store)
    await sent(store, conversation_id, "SM1")
    assert (await shown(store, conversation_id))[0] == "delivered"
    assert await count(store, "receipts") == 0


async def test_receipts_that_are_no_messages_of_ours_are_forgotten_after_a_week(store: Store) -> None:
    for name in ("XX1", "XX2"):
        await store.deliveries.receipt("whatsapp", name, DeliveryStatus.DELIVERED)
    await store.database.change(
        "UPDATE receipts SET created_at = created_at - 700000000000 WHERE provider_id = 'XX1'"
    )
    await store.deliveries.receipt("whatsapp", "XX3", DeliveryStatus.DELIVERED)
    async with store.database.read() as reader:
        rows = await reader.all("SELECT DISTINCT provider_id FROM receipts ORDER BY provider_id")
    assert [each["provider_id"] for each in rows] == ["XX2", "XX3"]


async def test_a_receipt_and_its_settling_at_once_never_miss_each_other(
    store: Store, database_url: str
) -> None:
    other = await Store.open(database_url)
    for number in range(15):
        conversation_id = await queued(store, sender=f"c{number}")
        claim = await taken(store, conversation_id)
        await asyncio.gather(
            store.deliveries.settle(claim, status=DeliveryStatus.SENT, provider_id=f"SM{number}"),
            other.deliveries.receipt("whatsapp", f"SM{number}", DeliveryStatus.READ, None),
        )
        assert (await shown(store, conversation_id))[0] == "read"
    assert await count(store, "receipts") == 0
    await other.close()


async def test_a_failure_tells_readers_why_and_numbers_no_event_in_vain(store: Store) -> None:
    conversation_id = await queued(store)
    claim = await taken(store, conversation_id)
    contact_id = claim.contact_id
    cursor = (await store.conversations.session(contact_id)).cursor
    await store.deliveries.settle(claim, status=DeliveryStatus.SENT, provider_id="SM1")
    for _ in range(3):
        await store.deliveries.receipt("whatsapp", "SM1", DeliveryStatus.FAILED, "63024")
    await store.deliveries.settle(claim, status=DeliveryStatus.SENT, provider_id="SM1")
    events, _ = await store.conversations.events_after(contact_id, cursor)
    assert [(event.kind, event.data.get("status"), event.data.get("error")) for event in events] == [
        ("delivery", "sent", None),
        ("status", "waiting", None),
        ("delivery", "failed", "63024"),
    ]
    assert events[0].data["message_ids"] == [claim.message.id]
    last = await row(store, "SELECT MAX(seq) AS last, COUNT(*) AS n FROM events")
    assert last["last"] == last["n"]


async def unblocked(store: Store) -> None:
    """The pause that a provider asked for is over."""
    await store.database.change("UPDATE paces SET blocked_until = 0")


async def test_what_failed_late_is_queued_again_once_however_often_that_is_told(store: Store) -> None:
    conversation_id = await queued(store, parts=["a", "b"])
    await sent(store, conversation_id, "SM1", "SM2")
    for number in range(3):
        noted = await store.deliveries.receipt(
            "whatsapp", "SM1", DeliveryStatus.FAILED, "63018: too fast", Trouble.SLOW_DOWN
        )
        assert (noted is not None and noted.again) is (number == 0)
    assert await shown(store, conversation_id) == ("queued", "63018: too fast")
    pause = await store.deliveries.claim(conversation_id, LIMITS)
    assert isinstance(pause, Pause)
    await due_now(store)
    await unblocked(store)
    claim = await taken(store, conversation_id)
    assert (claim.message.text, claim.message.attempt) == ("a", 2)
    await store.deliveries.settle(claim, status=DeliveryStatus.SENT, provider_id="SM3")
    await store.deliveries.receipt("whatsapp", "SM1", DeliveryStatus.FAILED, "again", Trouble.SLOW_DOWN)
    assert await shown(store, conversation_id) == ("sent", None)
    assert await nothing_is_due(store, conversation_id)


async def test_a_late_failure_told_before_its_send_is_settled_is_queued_again_all_the_same(
    store: Store,
) -> None:
    conversation_id = await queued(store)
    claim = await taken(store, conversation_id)
    await store.deliveries.receipt("whatsapp", "SM1", DeliveryStatus.FAILED, "slow", Trouble.SLOW_DOWN)
    await store.deliveries.settle(claim, status=DeliveryStatus.SENT, provider_id="SM1")
    assert await shown(store, conversation_id) == ("queued", "slow")


async def test_what_came_too_late_for_free_text_leaves_again_and_knows_it(store: Store) -> None:
    conversation_id = await queued(store)
    await store.conversations.record(message("2", channel="whatsapp"), html="", window=24 * 3600)
    claim = await taken(store, conversation_id, window=24 * 3600)
    assert not claim.message.window_closed
    await store.deliveries.settle(claim, status=DeliveryStatus.SENT, provider_id="SM1")
    for _ in range(2):
        await store.deliveries.receipt(
            "whatsapp", "SM1", DeliveryStatus.FAILED, "63016", Trouble.WINDOW_CLOSED
        )
    again = await taken(store, conversation_id, window=24 * 3600)
    assert again.message.window_closed
    await store.deliveries.settle(again, status=DeliveryStatus.SENT, provider_id="SM2")
    await store.deliveries.receipt("whatsapp", "SM2", DeliveryStatus.FAILED, "63016", Trouble.WINDOW_CLOSED)
    assert await shown(store, conversation_id) == ("failed", "63016"), "a third time would help nobody"
    await store.conversations.record(message("3", channel="whatsapp"), html="", window=24 * 3600)
    found = await row(store, "SELECT window_until FROM identities")
    assert found["window_until"] > time.time() * 1e6 + 23 * 3600e6


# pace ---------------------------------------------------------------------------------------------------


async def test_all_workers_together_keep_a_channels_pace(store: Store, database_url: str) -> None:
    other = await Store.open(database_url)
    conversations = [await queued(store, sender=f"c{number}") for number in range(10)]
    limits = {"whatsapp": ChannelLimits(per_second=10)}
    left: list[float] = []

    async def work(own: Store, conversation_id: str) -> None:
        while True:
            match await own.deliveries.claim(conversation_id, limits):
                case ClaimedDelivery() as claim:
                    left.append(time.monotonic())
                    await own.deliveries.settle(claim, status=DeliveryStatus.SENT)
                    return
                case Pause(seconds=seconds):
                    await asyncio.sleep(seconds)
                case None:
                    raise AssertionError("nobody else has it")

    await asyncio.gather(
        *(work((store, other)[number % 2], each) for number, each in enumerate(conversations))
    )
    assert left[-1] - left[0] > 0.8
    assert left[-1] - left[0] < 5
    await other.close()


async def test_no_second_sees_more_than_the_pace_though_all_come_late_for_their_slots(store: Store) -> None:
    conversations = [await queued(store, sender=f"c{number}") for number in range(9)]
    limits = {"whatsapp": ChannelLimits(per_second=5)}
    for each in conversations[1:]:
        await store.deliveries.claim(each, limits)
    for what in (  # nobody was there when the slots came
        "sendings SET due_at = due_at - 60000000 WHERE due_at IS NOT NULL",
        "paces SET next_at = next_at - 60000000, left_at = left_at - 60000000",
    ):
        await store.database.change(f"UPDATE {what}")

    async def work(conversation_id: str) -> None:
        while not isinstance(claim := await store.deliveries.claim(conversation_id, limits), ClaimedDelivery):
            assert isinstance(claim, Pause)
            await asyncio.sleep(claim.seconds)

    await asyncio.wait_for(asyncio.gather(*(work(each) for each in conversations)), 30)
    async with store.database.read() as reader:
        rows = await reader.all("SELECT tried_at FROM sendings WHERE tried_at IS NOT NULL ORDER BY tried_at")
    left = [each["tried_at"] for each in rows][-8:]
    busiest = max(sum(begin <= each < begin + 980_000 for each in left) for begin in left)
    assert busiest <= 5


async def test_a_clock_that_is_set_back_an_hour_stops_no_channel_for_an_hour(store: Store) -> None:
    limits = {"whatsapp": ChannelLimits(per_second=0.1)}
    one, two, three = [await queued(store, f"{number}", sender=f"c{number}") for number in range(3)]
    assert isinstance(await store.deliveries.claim(one, limits), ClaimedDelivery)
    await store.database.change(
        "UPDATE paces SET next_at = next_at + 3600000000, left_at = left_at + 3600000000"
    )
    for conversation_id in (two, three):
        pause = await store.deliveries.claim(conversation_id, limits)
        assert isinstance(pause, Pause)
        assert pause.seconds <= 20


async def test_a_provider_that_says_slow_down_slows_the_whole_channel_across_two_stores(
    store: Store, database_url: str
) -> None:
    other = await Store.open(database_url)
    here, there = await queued(store, sender="a"), await queued(store, sender="b")
    kept = await queued(store, sender="c")
    limits = {"whatsapp": ChannelLimits(per_second=0.5)}
    claim = await taken(store, here, per_second=0.5)
    slot = await store.deliveries.claim(kept, limits)
    assert isinstance(slot, Pause)
    assert slot.seconds <= 2
    await store.deliveries.settle(
        claim, status=DeliveryStatus.QUEUED, error="429", again_in=60, trouble=Trouble.SLOW_DOWN
    )
    await due_now(store)
    waits = []
    for conversation_id in (there, kept, here):
        pause = await other.deliveries.claim(conversation_id, limits)
        assert isinstance(pause, Pause)
        waits.append(pause.seconds)
    assert 55 < waits[0] < waits[1] < waits[2] < 70, "one after the other even then"
    await other.close()


# who may not be written to, and what may no longer be said ----------------------------------------------


async def test_an_opted_out_contact_is_known_until_they_ask_for_more(store: Store) -> None:
    conversation_id = await queued(store)
    stop = await said(store, "stop", channel="whatsapp", opted="out")
    assert stop.message.conversation_id == conversation_id
    assert await store.turns.due() == [], "such a message wants no answer"
    assert (await taken(store, conversation_id)).opted_out
    await said(store, "start", channel="whatsapp", opted="in")
    assert await store.turns.due() == []
    await due_now(store)
    assert not (await taken(store, conversation_id)).opted_out


async def test_start_is_a_greeting_of_whoever_never_asked_to_be_left_alone(store: Store) -> None:
    first = await said(store, "start", channel="whatsapp", opted="in")
    claim = await claimed(store, first.message.conversation_id)
    await concluded(store, claim)
    await said(store, "start again", channel="whatsapp", opted="in")
    assert await store.turns.due() == [first.message.conversation_id]


async def test_a_first_message_that_opts_out_wants_no_answer_and_the_next_one_does(store: Store) -> None:
    stop = await said(store, "stop", channel="whatsapp", opted="out")
    assert await store.turns.claim(stop.message.conversation_id, 30) is None
    await said(store, "2", channel="whatsapp")
    claim = await claimed(store, stop.message.conversation_id)
    assert claim.pending == 1


async def test_a_question_before_the_opting_out_is_still_answered_by_its_turn(store: Store) -> None:
    first = await said(store, "1", channel="whatsapp")
    await said(store, "stop", channel="whatsapp", opted="out")
    assert await store.turns.due() == [first.message.conversation_id]


async def test_a_provider_that_knows_of_an_opting_out_is_believed(store: Store) -> None:
    conversation_id = await queued(store)
    await sent(store, conversation_id, "SM1")
    await store.deliveries.receipt("whatsapp", "SM1", DeliveryStatus.FAILED, "21610", Trouble.OPTED_OUT)
    assert await shown(store, conversation_id) == ("failed", "21610")
    assert (await row(store, "SELECT opted_out_at FROM identities"))["opted_out_at"] is not None


@pytest.mark.parametrize("told", ["by its callback", "at once"])
async def test_what_a_contact_did_since_counts_for_more_than_what_is_told_of_an_attempt(
    store: Store, told: str
) -> None:
    day = 24 * 3600
    for number, trouble in enumerate((Trouble.WINDOW_CLOSED, Trouble.OPTED_OUT)):
        sender, name = f"c{number}", f"SM{number}"
        conversation_id = await queued(store, sender=sender)
        claim = await taken(store, conversation_id)
        await asyncio.sleep(0.005)  # the clock goes on
        for each, opted in (("stop", "out"), ("start", "in")):
            again = message(each, channel="whatsapp", sender=sender, opted=opted)
            await store.conversations.record(again, html="", window=day)
        if told == "at once":
            await store.deliveries.settle(claim, status=DeliveryStatus.FAILED, error="no", trouble=trouble)
        else:
            await store.deliveries.settle(claim, status=DeliveryStatus.SENT, provider_id=name)
            await store.deliveries.receipt("whatsapp", name, DeliveryStatus.FAILED, "no", trouble)
        found = await row(
            store,
            "SELECT window_until, opted_out_at FROM identities WHERE address = :address",
            address=sender,
        )
        assert found["opted_out_at"] is None
        assert found["window_until"] > (time.time() + day - 60) * 1e6


WITHDRAWN = ("failed", "withdrawn: an operator took over")


@pytest.mark.parametrize("act", ["take", "reply", "resolve"])
@pytest.mark.parametrize("stage", ["queued", "between parts", "retry pending", "paced"])
async def test_whoever_takes_over_withdraws_what_the_bot_has_queued(
    store: Store, act: str, stage: str
) -> None:
    conversation_id = await queued(store, parts=["a", "b"])
    match stage:
        case "between parts":
            await sent(store, conversation_id, "SM1")
        case "retry pending":
            claim = await taken(store, conversation_id)
            await store.deliveries.settle(claim, status=DeliveryStatus.QUEUED, error="busy", again_in=60)
        case "paced":
            await taken(store, await queued(store, sender="bob"), per_second=0.01)
            slow = {"whatsapp": ChannelLimits(per_second=0.01)}
            assert isinstance(await store.deliveries.claim(conversation_id, slow), Pause)
    await take_over(store, conversation_id, act)
    assert await shown(store, conversation_id) == WITHDRAWN
    await due_now(store)
    claim_after = await store.deliveries.claim(conversation_id, LIMITS)
    left = [claim_after.message.text] if isinstance(claim_after, ClaimedDelivery) else []
    assert left == (["By a person."] if act == "reply" else [])
    events, _ = await store.conversations.events_after(
        (await said(store, "2", channel="whatsapp")).contact_id, await beginning(store)
    )
    assert ("failed", WITHDRAWN[1]) in [(e.data.get("status"), e.data.get("error")) for e in events]


async def take_over(store: Store, conversation_id: str, act: str) -> None:
    operator = await store.operators.by_email("grace@example.com") or await store.operators.add(
        "grace@example.com", "Grace", ""
    )
    match act:
        case "take":
            await store.people.take(conversation_id, operator)
        case "reply":
            await store.people.reply(
                conversation_id,
                operator=operator,
                client_id="1",
                text="By a person.",
                html="",
                leaving=lambda _: ("By a person.",),
            )
        case "resolve":
            await store.people.set_status(conversation_id, "resolved")


async def beginning(store: Store) -> str:
    contact = await row(store, "SELECT contact_id FROM identities WHERE address = 'ada'")
    return f"{contact['contact_id']}.0"


async def delivery_of(store: Store, conversation_id: str) -> str:
    found = await row(
        store, "SELECT id FROM deliveries WHERE conversation_id = :id ORDER BY id LIMIT 1", id=conversation_id
    )
    return str(found["id"])


async def test_what_is_sent_again_hears_no_more_of_the_attempts_before(store: Store) -> None:
    conversation_id = await queued(store)
    await sent(store, conversation_id, "SM1")
    await store.deliveries.receipt("whatsapp", "SM1", DeliveryStatus.FAILED, "63024")
    assert await store.undelivered.again(await delivery_of(store, conversation_id))
    for late in (DeliveryStatus.FAILED, DeliveryStatus.DELIVERED):
        await store.deliveries.receipt("whatsapp", "SM1", late, "late", Trouble.SLOW_DOWN)
    assert await shown(store, conversation_id) == ("queued", None)
    claim = await taken(store, conversation_id)
    assert claim.message.attempt == 1, "its pauses begin anew"
    await store.deliveries.settle(claim, status=DeliveryStatus.SENT, provider_id="SM2")
    await store.deliveries.receipt("whatsapp", "SM2", DeliveryStatus.DELIVERED)
    assert await shown(store, conversation_id) == ("delivered", None)


async def test_what_is_sent_again_under_the_same_id_fails_again(store: Store) -> None:
    """A mail that came back, was sent once more, and came back once more."""
    conversation_id = await queued(store)
    for reason in ("no such mailbox", "the mailbox is full"):
        await sent(store, conversation_id, "msg_1.1@shop.example")
        noted = await store.deliveries.receipt(
            "whatsapp", "msg_1.1@shop.example", DeliveryStatus.FAILED, reason
        )
        assert noted is not None
        assert await shown(store, conversation_id) == ("failed", reason)
        assert await store.undelivered.again(await delivery_of(store, conversation_id))


async def test_what_an_operator_sends_again_is_not_withdrawn_once_more(store: Store) -> None:
    conversation_id = await queued(store)
    await take_over(store, conversation_id, "take")
    assert await shown(store, conversation_id) == WITHDRAWN
    assert await store.undelivered.again(await delivery_of(store, conversation_id))
    claim = await taken(store, conversation_id)
    await store.deliveries.settle(claim, status=DeliveryStatus.QUEUED, error="busy", again_in=0)
    assert await shown(store, conversation_id) == ("queued", "busy")
    await take_over(store, conversation_id, "resolve")
    await sent(store, conversation_id, "SM1")
    await store.deliveries.receipt("whatsapp", "SM1", DeliveryStatus.FAILED, "slow", Trouble.SLOW_DOWN)
    assert await shown(store, conversation_id) == ("queued", "slow")


@pytest.mark.parametrize("handed_back", [False, True])
async def test_an_attempt_under_way_at_the_take_over_comes_to_its_end_and_is_not_repeated(
    store: Store, handed_back: bool
) -> None:
    for number, ends in enumerate(("refused", "cut", "failed late")):
        conversation_id = await queued(store, sender=f"c{number}", parts=["a", "b"])
        claim = await taken(store, conversation_id)
        await take_over(store, conversation_id, "take")
        if handed_back:
            await store.people.set_status(conversation_id, "bot")
        if ends == "refused":
            await store.deliveries.settle(claim, status=DeliveryStatus.QUEUED, error="busy", again_in=0)
        if ends == "cut":
            await store.deliveries.settle(claim, status=DeliveryStatus.UNCERTAIN, error="cut", again_in=0)
            asked = await taken(store, conversation_id)
            assert asked.unsure, "operators are to know whether it was sent"
            await store.deliveries.settle(asked, status=DeliveryStatus.QUEUED, again_in=0)
        if ends == "failed late":
            await store.deliveries.settle(claim, status=DeliveryStatus.SENT, provider_id="SM1")
            await store.deliveries.receipt(
                "whatsapp", "SM1", DeliveryStatus.FAILED, "63018", Trouble.SLOW_DOWN
            )
        assert await shown(store, conversation_id) == WITHDRAWN
        assert await nothing_is_due(store, conversation_id)


async def test_what_a_person_wrote_is_not_withdrawn_by_another_person(store: Store) -> None:
    conversation_id = await queued(store)
    await take_over(store, conversation_id, "reply")
    await take_over(store, conversation_id, "resolve")
    await due_now(store)
    assert (await taken(store, conversation_id)).message.text == "By a person."


async def test_the_word_that_a_person_will_come_leaves(store: Store) -> None:
    first = await said(store, channel="whatsapp")
    done = await concluded(
        store, await claimed(store, first.message.conversation_id), HAND_OFF, parts=["One comes."]
    )
    assert done is not None
    assert done.status == "waiting"
    assert (await taken(store, first.message.conversation_id)).message.text == "One comes."


# what is read -------------------------------------------------------------------------------------------


async def test_what_the_contact_has_seen_is_read(store: Store) -> None:
    for number in range(3):
        first = await said(store, str(number))
        await concluded(store, await claimed(store, first.message.conversation_id))
    conversation_id, contact_id = first.message.conversation_id, first.contact_id
    cursor = (await store.conversations.session(contact_id)).cursor
    assert await store.deliveries.mark_read(conversation_id, 4)
    assert not await store.deliveries.mark_read(conversation_id, 4)
    assert not await store.deliveries.mark_read(conversation_id, 3)
    assert await store.deliveries.mark_read(conversation_id, 10**12)
    assert not await store.deliveries.mark_read(conversation_id, 10**12)
    events, _ = await store.conversations.events_after(contact_id, cursor)
    assert [len(event.data["message_ids"]) for event in events] == [2, 1]  # type: ignore[arg-type]
    session = await store.conversations.session(contact_id)
    assert {message.delivery.status for message in session.messages if message.delivery} == {
        DeliveryStatus.READ
    }
    assert not await store.deliveries.mark_read("cnv_nowhere", 4)
    await said(store, "unanswered")
    assert await store.deliveries.mark_read(conversation_id, 7)
    last = await row(store, "SELECT MAX(c.last_event) AS last, COUNT(*) AS n FROM events e, contacts c")
    assert last["last"] == last["n"], "no event is numbered in vain"
