"""Who is who: claimed addresses prove nothing, signed ones bring people together and can part again."""

from __future__ import annotations

import asyncio

from bot.acting import person
from bot.store import Store
from bot.store.records import Event
from tests.bot.store.given import claimed, count, row, said, told


async def vouch(store: Store, visitor: str, subject: str = "user-7", **claims: str) -> str:
    contact = await store.contacts.welcome("web", visitor)
    return await store.contacts.vouch(
        contact.contact_id, channel="web", address=visitor, subject=subject, **claims
    )


async def contact_of(store: Store, channel: str, address: str) -> str:
    identity = await store.contacts.find(channel, address)
    assert identity is not None
    return identity.contact_id


async def test_the_same_address_is_welcomed_as_the_same_contact(store: Store, database_url: str) -> None:
    other = await Store.open(database_url)
    welcomed = await asyncio.gather(*[each.contacts.welcome("web", "ada") for each in [store, other] * 5])
    assert len({identity.contact_id for identity in welcomed}) == 1
    assert await count(store, "contacts") == 1
    assert (await store.contacts.welcome("email", "ada")).contact_id != welcomed[0].contact_id
    await other.close()


async def test_an_address_is_verified_when_somebody_vouches_for_it(store: Store) -> None:
    assert not (await store.contacts.welcome("email", "ada@example.com")).verified
    assert (await store.contacts.welcome("email", "ada@example.com", verified=True)).verified
    assert (await store.contacts.welcome("email", "ada@example.com")).verified


async def test_a_user_met_for_the_first_time_is_this_visitor(store: Store) -> None:
    recorded = await said(store)
    assert await vouch(store, "ada", email="ada@example.com", name="Ada") == recorded.contact_id
    claim = await claimed(store, recorded.message.conversation_id)
    assert claim.contact_name == "Ada"
    assert sorted((each.channel, each.address) for each in claim.identities) == [
        ("web", "ada"),
        ("web-user", "user-7"),
    ]
    assert claim.vouched == {"email": "ada@example.com"}
    assert person(claim).addresses == {
        "web": ["ada"],
        "web-user": ["user-7"],
        "email": ["ada@example.com"],
    }
    assert (
        await store.contacts.find("email", "ada@example.com") is None
    )  # a claim within a claim opens nothing


async def test_what_a_user_writes_in_their_session_is_verified_and_what_others_claim_is_not(
    store: Store,
) -> None:
    assert not (await said(store, "1", session=True)).message.verified
    await vouch(store, "ada")
    assert (await said(store, "2", session=True)).message.verified
    assert not (await said(store, "3")).message.verified
    assert not (await said(store, "4", sender="eve", session=True)).message.verified
    await store.contacts.welcome("email", "ada@example.com", verified=True)
    forged = await said(store, "5", channel="email", sender="ada@example.com")
    assert not forged.message.verified


async def test_a_known_user_finds_what_the_visitor_wrote_and_the_other_way_round(store: Store) -> None:
    old = await said(store, "1", sender="phone")
    user = await vouch(store, "phone")
    new = await said(store, "1", sender="laptop")
    assert await vouch(store, "laptop") == user == old.contact_id
    assert await contact_of(store, "web", "laptop") == user
    session = await store.conversations.session(user)
    assert session.conversation_id == new.message.conversation_id
    assert (await said(store, "2", sender="phone")).contact_id == user


async def test_a_stream_goes_on_over_a_merge_exactly_once(store: Store) -> None:
    await said(store, "1", sender="phone")
    user = await vouch(store, "phone")
    visitor = await said(store, "1", sender="laptop")
    cursor = f"{visitor.contact_id}.0"
    assert await vouch(store, "laptop") == user
    await said(store, "2", sender="laptop")
    seen: list[Event] = []
    for _ in range(5):
        events, cursor = await store.conversations.events_after(user, cursor, limit=1)
        seen += events
    assert told(seen) == [("message", "message 1"), ("message", "message 2")]
    assert seen[0].message is not None
    assert seen[0].message.id == visitor.message.id


async def test_another_user_at_the_same_device_gets_nothing_of_the_first_ones(store: Store) -> None:
    first = await said(store, "1", sender="shared")
    ada = await vouch(store, "shared", "ada")
    eve = await vouch(store, "shared", "eve")
    assert eve != ada
    assert (await store.conversations.session(eve)).messages == ()
    assert (await store.conversations.session(ada)).messages == (first.message,)
    assert await contact_of(store, "web", "shared") == eve
    assert await vouch(store, "shared", "ada") == ada


async def test_a_merge_can_be_undone(store: Store) -> None:
    await said(store, "1", sender="phone")
    user = await vouch(store, "phone")
    visitor = await said(store, "1", sender="laptop")
    await vouch(store, "laptop")
    await said(store, "2", sender="laptop")
    merge_id = (await row(store, "SELECT id FROM merges"))["id"]
    assert await store.contacts.undo_merge(merge_id)
    assert not await store.contacts.undo_merge(merge_id)
    assert await contact_of(store, "web", "laptop") == visitor.contact_id
    assert await contact_of(store, "web", "phone") == user
    session = await store.conversations.session(visitor.contact_id)
    assert session.conversation_id == visitor.message.conversation_id
    third = await said(store, "3", sender="laptop")
    events, _ = await store.conversations.events_after(visitor.contact_id, session.cursor)
    assert [event.message for event in events] == [third.message]


async def test_messages_and_signatures_at_once_lose_nothing(store: Store, database_url: str) -> None:
    other = await Store.open(database_url)
    await said(store, "0", sender="phone")
    user = await vouch(store, "phone")
    await said(store, "0", sender="laptop")
    await asyncio.gather(
        *[said(each, str(n + 1), sender="laptop") for n, each in enumerate([store, other] * 6)],
        vouch(store, "laptop"),
        vouch(other, "laptop"),
        *[said(each, str(n + 1), sender="phone") for n, each in enumerate([store, other] * 6)],
    )
    assert await contact_of(store, "web", "laptop") == user
    assert await count(store, "messages") == 26
    assert await count(store, "merges") == 1
    owners = await row(
        store, "SELECT COUNT(DISTINCT contact_id) AS n, MIN(contact_id) AS id FROM conversations"
    )
    assert owners == {"n": 1, "id": user}
    async with store.database.read() as reader:
        rows = await reader.all("SELECT conversation_id, seq FROM messages ORDER BY conversation_id, seq")
    by_conversation: dict[str, list[int]] = {}
    for each in rows:
        by_conversation.setdefault(each["conversation_id"], []).append(each["seq"])
    assert all(seqs == list(range(1, len(seqs) + 1)) for seqs in by_conversation.values())
    await other.close()
