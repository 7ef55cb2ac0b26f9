"""The outbox: one sender at a time, statuses that never go back."""

from __future__ import annotations

import asyncio
from itertools import permutations

from bot.store import Store
from bot.store.records import ClaimedDelivery
from channels.base import DeliveryStatus
from tests.bot.store.given import claimed, concluded, count, row, said

CALLBACKS = (DeliveryStatus.SENT, DeliveryStatus.DELIVERED, DeliveryStatus.READ, DeliveryStatus.FAILED)


async def queued(store: Store, external_id: str = "1", **more: str) -> str:
    """A reply that is to leave; its delivery's id."""
    first = await said(store, external_id, channel="whatsapp", **more)
    claim = await claimed(store, first.message.conversation_id)
    done = await concluded(store, claim, delivered=False)
    assert done is not None
    assert done.delivery_id is not None
    return done.delivery_id


async def taken(store: Store, delivery_id: str) -> ClaimedDelivery:
    claim = await store.deliveries.claim(delivery_id, 30)
    assert claim is not None
    return claim


async def status(store: Store, delivery_id: str) -> str:
    found = await row(store, "SELECT status FROM deliveries WHERE id = :id", id=delivery_id)
    return str(found["status"])


async def lease_over(store: Store) -> None:
    async with store.database.transaction() as tx:
        tx.later("UPDATE deliveries SET lease_until = 1, due_at = 1 WHERE due_at IS NOT NULL")


async def test_of_twenty_senders_one_has_the_message(store: Store) -> None:
    delivery_id = await queued(store)
    assert await store.deliveries.due() == [delivery_id]
    claims = await asyncio.gather(*[store.deliveries.claim(delivery_id, 30) for _ in range(20)])
    [claim] = [each for each in claims if each is not None]
    assert claim.message.recipient == "ada"
    assert claim.message.text == "Yes."
    assert claim.message.attempt == 1
    assert claim.message.follows == ("ada:1",)
    assert not claim.unsettled
    assert await status(store, delivery_id) == "sending"
    assert await store.deliveries.due() == []


async def test_a_sent_message_is_no_longer_due(store: Store) -> None:
    delivery_id = await queued(store)
    claim = await taken(store, delivery_id)
    assert await store.deliveries.settle(claim, status=DeliveryStatus.SENT, provider_id="SM1")
    await lease_over(store)
    assert await store.deliveries.claim(delivery_id, 30) is None
    assert await status(store, delivery_id) == "sent"


async def test_a_retry_waits_its_time(store: Store) -> None:
    delivery_id = await queued(store)
    claim = await taken(store, delivery_id)
    await store.deliveries.settle(claim, status=DeliveryStatus.FAILED, error="busy", retry_in=60)
    assert await status(store, delivery_id) == "queued"
    assert await store.deliveries.claim(delivery_id, 30) is None
    await lease_over(store)
    again = await taken(store, delivery_id)
    assert again.message.attempt == 2
    assert not again.unsettled


async def test_an_attempt_whose_end_was_never_written_is_told(store: Store) -> None:
    delivery_id = await queued(store)
    late = await taken(store, delivery_id)
    await lease_over(store)
    second = await taken(store, delivery_id)
    assert second.unsettled
    assert not await store.deliveries.settle(late, status=DeliveryStatus.SENT, provider_id="SM0")
    assert await store.deliveries.settle(
        second, status=DeliveryStatus.UNCERTAIN, error="cut after DATA", retry_in=0
    )
    assert (await taken(store, delivery_id)).unsettled


async def test_callbacks_in_any_order_end_alike_and_never_go_back(store: Store) -> None:
    order = ("queued", "sending", "uncertain", "sent", "failed", "delivered", "read")
    for number, callbacks in enumerate(permutations(CALLBACKS)):
        delivery_id = await queued(store, f"{number}")
        claim = await taken(store, delivery_id)
        await store.deliveries.settle(claim, status=DeliveryStatus.SENT, provider_id=f"SM{number}")
        reached = [order.index(await status(store, delivery_id))]
        for callback in callbacks:
            await store.deliveries.receipt("whatsapp", f"SM{number}", callback, None)
            reached.append(order.index(await status(store, delivery_id)))
        assert reached == sorted(reached)
        assert order[reached[-1]] == "read"


async def test_a_send_settled_among_its_callbacks_ends_alike(store: Store) -> None:
    for number, steps in enumerate(permutations((*CALLBACKS[:3], None))):
        delivery_id = await queued(store, f"{number}")
        claim = await taken(store, delivery_id)
        for step in steps:
            if step is None:
                await store.deliveries.settle(claim, status=DeliveryStatus.SENT, provider_id=f"SM{number}")
            else:
                await store.deliveries.receipt("whatsapp", f"SM{number}", step, None)
        assert await status(store, delivery_id) == "read"


async def test_an_early_receipt_waits_for_its_message(store: Store) -> None:
    assert not await store.deliveries.receipt("whatsapp", "SM1", DeliveryStatus.DELIVERED, None)
    delivery_id = await queued(store)
    claim = await taken(store, delivery_id)
    await store.deliveries.settle(claim, status=DeliveryStatus.SENT, provider_id="SM1")
    assert await status(store, delivery_id) == "delivered"
    assert await count(store, "receipts") == 0


async def test_a_receipt_and_its_settling_at_once_never_miss_each_other(
    store: Store, database_url: str
) -> None:
    other = await Store.open(database_url)
    for number in range(15):
        delivery_id = await queued(store, f"{number}")
        claim = await taken(store, delivery_id)
        await asyncio.gather(
            store.deliveries.settle(claim, status=DeliveryStatus.SENT, provider_id=f"SM{number}"),
            other.deliveries.receipt("whatsapp", f"SM{number}", DeliveryStatus.READ, None),
        )
        assert await status(store, delivery_id) == "read"
    await other.close()


async def test_a_failure_tells_readers_why(store: Store) -> None:
    delivery_id = await queued(store)
    claim = await taken(store, delivery_id)
    contact_id = (await said(store, "2", channel="whatsapp")).contact_id
    cursor = (await store.conversations.session(contact_id)).cursor
    await store.deliveries.settle(claim, status=DeliveryStatus.SENT, provider_id="SM1")
    await store.deliveries.receipt("whatsapp", "SM1", DeliveryStatus.FAILED, "63016")
    events, _ = await store.conversations.events_after(contact_id, cursor)
    assert [(event.data["status"], event.data["error"]) for event in events] == [
        ("sent", None),
        ("failed", "63016"),
    ]
    assert events[1].data["message_ids"] == [claim.message.id]
    shown = (await store.conversations.session(contact_id)).messages[1].delivery
    assert shown is not None
    assert (shown.status, shown.error) == (DeliveryStatus.FAILED, "63016")


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
