"""By which channels a contact can be answered: never to an address that somebody only claimed."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bot.store import Store
from bot.store.records import ClaimedDelivery, Recorded, StoredMessage
from bot.store.ways import NoWay
from channels.base import FilledTemplate
from tests.bot.store.given import message, said

READING = ("web",)


async def met(store: Store, channel: str, sender: str, **more: object) -> Recorded:
    """Somebody who wrote by a channel, in a conversation of their own."""
    came = message(f"{channel} {sender}", sender=sender, channel=channel, **more)
    return await store.conversations.record(came, html="", window=86_400 if channel == "whatsapp" else None)


async def joined(store: Store, *others: Recorded) -> Recorded:
    """A website's visitor, who is the others too."""
    visitor = await said(store)
    for each in others:
        await store.profiles.merge(each.contact_id, visitor.contact_id, decided_by="grace")
    return visitor


async def ways(store: Store, recorded: Recorded) -> Sequence[tuple[str, str]]:
    every = await store.ways.of(recorded.message.conversation_id, reading=READING)
    found = [each for each in every if each.barred is None]
    assert every[: len(found)] == found
    assert [each.usual for each in found] == [True] + [False] * (len(found) - 1)
    return [(each.channel, each.address) for each in found]


async def reply(store: Store, recorded: Recorded, channel: str, number: int = 1) -> StoredMessage:
    grace = await store.operators.by_email("grace@example.com") or await store.operators.add(
        "grace@example.com", "Grace", "hash", "operator"
    )
    changed = await store.people.reply(
        recorded.message.conversation_id,
        operator=grace,
        client_id=f"r{number}",
        text="Yes",
        html="<p>Yes</p>",
        leaving=lambda name: None if name in READING else ("Yes",),
        channel=channel,
        reading=READING,
    )
    assert changed.message is not None
    return changed.message


async def test_a_reply_leaves_by_the_channel_that_was_chosen(store: Store) -> None:
    phone = await met(store, "whatsapp", "whatsapp:+49151", verified=True)
    mail = await met(store, "email", "ada@example.com", verified=True, subject="Boots", joins="follows")
    visitor = await joined(store, phone, mail)
    assert set(await ways(store, visitor)) == {
        ("web", "ada"),
        ("whatsapp", "whatsapp:+49151"),
        ("email", "ada@example.com"),
    }
    first = await reply(store, visitor, "whatsapp")
    assert (first.channel, first.address, first.in_reply_to) == ("whatsapp", "whatsapp:+49151", None)
    assert await reply(store, visitor, "whatsapp") == first, "the same once more is the same"
    second = await reply(store, visitor, "email", 2)
    assert (second.channel, second.address) == ("email", "ada@example.com")
    usual = await reply(store, visitor, "", 3)
    assert (usual.channel, usual.address, usual.in_reply_to) == ("web", "ada", visitor.message.id)
    back = await reply(store, phone, "web", 4)
    assert (back.channel, back.address) == ("web", "ada")


async def test_nothing_goes_to_an_address_that_is_only_claimed(store: Store) -> None:
    claimed = await met(store, "email", "victim@example.com", joins="follows")
    visitor = await joined(store, claimed)
    assert await ways(store, visitor) == [("web", "ada")]
    with pytest.raises(NoWay):
        await reply(store, visitor, "email")
    thread = await store.inbox.thread(visitor.message.conversation_id)
    assert thread is not None
    assert len(thread.messages) == 1, "nothing of it stays"


async def test_nothing_goes_to_somebody_else_or_who_opted_out(store: Store) -> None:
    other = await met(store, "whatsapp", "whatsapp:+49170", verified=True)
    gone = await met(store, "whatsapp", "whatsapp:+49151", verified=True, opted="out")
    visitor = await joined(store, gone)
    assert await ways(store, visitor) == [("web", "ada")]
    for channel in ("whatsapp", "email", "fax"):
        with pytest.raises(NoWay):
            await reply(store, visitor, channel)
    assert await ways(store, other) == [("whatsapp", "whatsapp:+49170")]


async def test_after_two_people_were_told_apart_again_neither_gets_the_others_answers(store: Store) -> None:
    phone = await met(store, "whatsapp", "whatsapp:+49151", verified=True)
    visitor = await said(store)
    merge = await store.profiles.merge(phone.contact_id, visitor.contact_id, decided_by="grace")
    assert merge is not None
    assert ("whatsapp", "whatsapp:+49151") in await ways(store, visitor)
    assert await store.contacts.undo_merge(merge)
    assert await ways(store, visitor) == [("web", "ada")]
    with pytest.raises(NoWay):
        await reply(store, visitor, "whatsapp")


async def test_the_window_is_that_of_the_address(store: Store) -> None:
    phone = await met(store, "whatsapp", "whatsapp:+49151", verified=True)
    visitor = await joined(store, phone)
    windows = {
        each.channel: each.window_until
        for each in await store.ways.of(visitor.message.conversation_id, reading=READING)
    }
    assert windows["web"] is None
    assert windows["whatsapp"] is not None


async def test_a_way_that_nothing_may_be_sent_by_says_why(store: Store) -> None:
    gone = await met(store, "whatsapp", "whatsapp:+49151", verified=True, opted="out")
    claimed = await met(store, "email", "victim@example.com", joins="follows")
    visitor = await joined(store, gone, claimed)
    found = await store.ways.of(visitor.message.conversation_id, reading=READING)
    assert {each.channel: each.barred for each in found} == {
        "web": None,
        "whatsapp": "opted_out",
        "email": "unverified",
    }
    [usual, *_] = await store.ways.of(gone.message.conversation_id, reading=READING)
    assert (usual.channel, usual.usual, usual.barred) == ("whatsapp", True, "opted_out")
    [usual, *_] = await store.ways.of(claimed.message.conversation_id, reading=READING)
    assert (usual.channel, usual.usual, usual.barred) == ("email", True, None), "who wrote is answered"


async def test_a_message_in_a_template_keeps_what_it_leaves_as(store: Store) -> None:
    phone = await met(store, "whatsapp", "whatsapp:+49151", verified=True)
    filled = FilledTemplate(name="parcel", id="HX1", variables={"1": "A 17"}, text="Parcel A 17.")
    grace = await store.operators.add("grace@example.com", "Grace", "hash", "operator")
    changed = await store.people.reply(
        phone.message.conversation_id,
        operator=grace,
        client_id="1",
        text=filled.text,
        html="<p>Parcel A 17.</p>",
        leaving=lambda _: (filled.text,),
        template=filled,
    )
    assert changed.message is not None
    assert changed.message.template == filled
    thread = await store.inbox.thread(phone.message.conversation_id)
    assert thread is not None
    assert [each.template for each in thread.messages] == [None, filled]
    claim = await store.deliveries.claim(phone.message.conversation_id, {})
    assert isinstance(claim, ClaimedDelivery)
    assert (claim.message.text, claim.message.template) == (filled.text, filled)
