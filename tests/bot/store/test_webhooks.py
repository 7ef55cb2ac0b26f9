"""What others' programs are told: written with what it tells, one at a time in each conversation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from bot.store import NoSuchConversation, Store
from bot.store.records import ClaimedWebhook
from bot.store.webhooks import announce
from channels.base import DeliveryStatus
from tests.bot.store.given import HAND_OFF, claimed, concluded, count, queued, said, taken

LEASE = 30.0


@pytest.fixture
async def announcing(database_url: str) -> AsyncIterator[Store]:
    """A store whose events are told."""
    opened = await Store.open(database_url, announces=True)
    yield opened
    await opened.close()


async def told(store: Store) -> list[ClaimedWebhook]:
    """Everything there is to tell, as one worker would tell it."""
    seen: list[ClaimedWebhook] = []
    while waiting := list(await store.webhooks.claim(100, LEASE)):
        for first in waiting:
            each: ClaimedWebhook | None = first
            while each is not None:
                seen.append(each)
                each = await store.webhooks.settle(each, LEASE)
    return seen


def types(webhooks: Sequence[ClaimedWebhook]) -> list[str]:
    return [each.type for each in webhooks]


async def test_a_conversation_is_told_from_its_first_message_to_its_end(announcing: Store) -> None:
    grace = await announcing.operators.add("grace@shop.example", "Grace", "hash")
    conversation_id = await queued(announcing)
    await announcing.deliveries.settle(
        await taken(announcing, conversation_id), status=DeliveryStatus.SENT, provider_id="SM1"
    )
    await announcing.people.take(conversation_id, grace)
    await announcing.people.reply(
        conversation_id,
        operator=grace,
        client_id="1",
        text="for us only",
        html="",
        leaving=lambda _: None,
        private=True,
    )
    await announcing.people.set_status(conversation_id, "bot")
    seen = await told(announcing)
    assert types(seen) == [
        "conversation.created",
        "message.created",
        "message.created",
        "message.updated",  # sent
        "conversation.status_changed",
        "conversation.assigned",
        "conversation.status_changed",
        "conversation.assigned",
    ]
    assert {each.conversation_id for each in seen} == {conversation_id}
    assert seen[2].message_id == seen[3].message_id != seen[1].message_id
    assert [seen[5].data["assignee"], seen[7].data["assignee"]] == [{"id": grace.id, "name": "Grace"}, None]
    assert await count(announcing, "webhooks") == 0


async def test_with_nobody_to_tell_nothing_is_written(store: Store) -> None:
    await said(store)
    await store.webhooks.announce("component.down", {"name": "small"})
    assert await count(store, "webhooks") == 0


async def test_what_did_not_happen_is_not_told(announcing: Store) -> None:
    first = await said(announcing)
    claim = await claimed(announcing, first.message.conversation_id)
    await announcing.people.set_status(first.message.conversation_id, "waiting")
    assert await concluded(announcing, claim, HAND_OFF) is None  # fenced off
    await said(announcing)  # a provider's repeat
    assert types(await told(announcing)) == [
        "conversation.created",
        "message.created",
        "conversation.status_changed",
    ]


async def test_one_that_fails_holds_up_its_own_conversation_alone(announcing: Store) -> None:
    ada = (await said(announcing, sender="ada")).message.conversation_id
    bob = (await said(announcing, sender="bob")).message.conversation_id
    await announcing.webhooks.announce("component.down", {"name": "small"})
    first = {each.conversation_id: each for each in await announcing.webhooks.claim(100, LEASE)}
    assert set(first) == {ada, bob, None}
    await announcing.webhooks.postpone(first[ada], error="500", seconds=60)
    after = await announcing.webhooks.settle(first[bob], LEASE)
    assert after is not None
    assert after.type == "message.created"
    assert await announcing.webhooks.settle(after, LEASE) is None
    assert await announcing.webhooks.claim(100, LEASE) == []  # Ada's message waits for its conversation
    given_up = await announcing.webhooks.settle(first[ada], LEASE, error="too old")
    assert given_up is not None
    assert (given_up.conversation_id, given_up.type) == (ada, "message.created")
    failed, more = await announcing.webhooks.failed()
    assert [(each.id, each.error, each.attempts) for each in failed] == [(first[ada].id, "too old", 1)]
    assert more is None


async def test_two_workers_never_have_the_same(announcing: Store, database_url: str) -> None:
    other = await Store.open(database_url, announces=True)
    for sender in map(str, range(20)):
        await said(announcing, sender=sender)
    each = await asyncio.gather(*[store.webhooks.claim(5, LEASE) for store in (announcing, other) * 8])
    ids = [webhook.id for claims in each for webhook in claims]
    assert len(ids) == len(set(ids))
    await other.close()


async def test_a_worker_that_lost_its_lease_changes_nothing(announcing: Store) -> None:
    await said(announcing)
    (slow,) = await announcing.webhooks.claim(1, 0.0)  # its lease has run out at once
    (quick,) = await announcing.webhooks.claim(1, LEASE)
    assert (quick.id, quick.attempt) == (slow.id, 2)
    await announcing.webhooks.postpone(slow, error="late", seconds=0)
    assert await announcing.webhooks.settle(slow, LEASE) is None
    assert await announcing.webhooks.claim(1, LEASE) == []
    after = await announcing.webhooks.settle(quick, LEASE)
    assert after is not None


async def test_what_was_given_up_can_be_told_after_all(announcing: Store) -> None:
    await said(announcing)
    (first,) = await announcing.webhooks.claim(1, LEASE)
    second = await announcing.webhooks.settle(first, LEASE, error="gone")
    assert second is not None
    again = await announcing.webhooks.again(first.id)
    assert again is not None
    assert (again.failed_at, again.error) == (None, None)
    assert await announcing.webhooks.settle(second, LEASE) is None
    assert types(await told(announcing)) == ["conversation.created"]
    assert await announcing.webhooks.again(first.id) is None


async def test_an_announcement_is_made_with_its_transaction_or_not_at_all(announcing: Store) -> None:
    conversation_id = (await said(announcing)).message.conversation_id
    await told(announcing)
    await announcing.database.write(
        lambda tx: announce(tx, "approval.requested", {"tool": "refund"}, conversation_id)
    )
    with pytest.raises(NoSuchConversation):
        await announcing.webhooks.announce("approval.decided", {"tool": "refund"}, "cnv_none")
    (seen,) = await told(announcing)
    assert (seen.type, seen.data, seen.conversation_id) == (
        "approval.requested",
        {"tool": "refund"},
        conversation_id,
    )


async def test_writers_and_tellers_at_once_leave_nothing_untold(announcing: Store, database_url: str) -> None:
    """Whoever adds to a conversation while its last is being taken away is not forgotten."""
    other = await Store.open(database_url, announces=True)
    seen: list[ClaimedWebhook] = []
    writing = True

    async def tell(store: Store) -> None:
        while writing or await count(store, "webhooks"):
            for first in await store.webhooks.claim(3, LEASE):
                each: ClaimedWebhook | None = first
                while each is not None:
                    seen.append(each)
                    each = await store.webhooks.settle(each, LEASE)

    async def write(store: Store, name: str) -> None:
        for number in range(15):
            await said(store, f"{name}.{number}")

    tellers = [asyncio.create_task(tell(store)) for store in (announcing, other)]
    async with asyncio.timeout(20):
        await asyncio.gather(write(announcing, "1"), write(other, "2"), write(announcing, "3"))
        writing = False
        await asyncio.gather(*tellers)
    assert len(seen) == len({each.id for each in seen}) == 46
    messages = [each.message_id for each in seen if each.type == "message.created"]
    async with announcing.database.read() as reader:
        rows = await reader.all("SELECT id FROM messages ORDER BY seq")
    assert messages == [row["id"] for row in rows]
    await other.close()
