"""Readers resume where they were: everything once, in order, and nothing that is not theirs."""

from __future__ import annotations

import asyncio

import pytest

from bot.store import BadCursor, Store
from bot.store.records import Event
from tests.bot.store.given import claimed, concluded, said, told


async def test_a_new_visitor_begins_an_empty_conversation_once(store: Store) -> None:
    contact_id = (await store.contacts.welcome("web", "ada")).contact_id
    assert await store.conversations.opened(contact_id) is None
    sessions = await asyncio.gather(*[store.conversations.session(contact_id) for _ in range(5)])
    assert len({session.conversation_id for session in sessions}) == 1
    assert sessions[0].messages == ()
    recorded = await said(store)
    assert recorded.message.conversation_id == sessions[0].conversation_id
    opened = await store.conversations.opened(contact_id)
    assert opened is not None
    assert (opened.id, opened.status) == (sessions[0].conversation_id, "bot")


async def test_a_session_shows_the_newest_messages_oldest_first(store: Store) -> None:
    for number in range(6):
        recorded = await said(store, str(number))
    session = await store.conversations.session(recorded.contact_id, limit=3)
    assert [message.seq for message in session.messages] == [4, 5, 6]
    assert await store.conversations.events_after(recorded.contact_id, session.cursor) == ([], session.cursor)


async def test_events_go_on_over_conversations_exactly_once(store: Store) -> None:
    contact_id = (await store.contacts.welcome("web", "ada")).contact_id
    cursor = (await store.conversations.session(contact_id)).cursor
    first = await said(store, "1")
    await concluded(store, await claimed(store, first.message.conversation_id))
    await store.people.set_status(first.message.conversation_id, "resolved")
    second = await said(store, "2")
    seen: list[Event] = []
    for _ in range(8):  # one at a time, as a reader that is cut after each
        events, cursor = await store.conversations.events_after(contact_id, cursor, limit=1)
        seen += events
    assert told(seen) == [
        ("message", "message 1"),
        ("message", "Yes."),
        ("status", "resolved"),
        ("message", "message 2"),
    ]
    assert [event.conversation_id for event in seen] == [first.message.conversation_id] * 3 + [
        second.message.conversation_id
    ]
    assert [event.cursor for event in seen] == sorted({event.cursor for event in seen})
    assert seen[0].message == first.message


async def test_a_reader_beside_many_writers_misses_nothing(store: Store, database_url: str) -> None:
    other = await Store.open(database_url)
    contact_id = (await store.contacts.welcome("web", "ada")).contact_id
    cursor = (await store.conversations.session(contact_id)).cursor
    writing = asyncio.gather(*[said(each, str(n)) for n, each in enumerate([store, other] * 20)])
    seen: list[str] = []
    while len(seen) < 40:
        events, cursor = await store.conversations.events_after(contact_id, cursor, limit=7)
        seen += [event.message.id for event in events if event.message]
    written = {recorded.message.id for recorded in await writing}
    assert len(seen) == 40
    assert set(seen) == written
    await other.close()


async def test_private_notes_reach_no_visitor(store: Store) -> None:
    first = await said(store)
    operator = await store.operators.add("op@example.com", "Op", "hash")
    await store.people.reply(
        first.message.conversation_id,
        operator=operator,
        client_id="n",
        text="is rude",
        html="",
        private=True,
        leaving=lambda _: None,
    )
    session = await store.conversations.session(first.contact_id)
    assert [message.text for message in session.messages] == ["message 1"]
    events, cursor = await store.conversations.events_after(first.contact_id, f"{first.contact_id}.0")
    assert told(events) == [("message", "message 1")]
    assert cursor == session.cursor
    claim = await claimed(store, first.message.conversation_id)
    assert [message.text for message in claim.messages] == ["message 1"]


@pytest.mark.parametrize(
    "cursor", ["", "nonsense", "con_x.1", ".1", "con_x.", "con_x.-1", "con_x.1e3", "é.٣"]
)
async def test_a_cursor_that_is_none_is_refused(store: Store, cursor: str) -> None:
    contact_id = (await said(store)).contact_id
    with pytest.raises(BadCursor):
        await store.conversations.events_after(contact_id, cursor)


async def test_anothers_cursor_is_refused(store: Store) -> None:
    mine, theirs = (await said(store)).contact_id, (await said(store, sender="eve")).contact_id
    for limit in (1, 200):
        with pytest.raises(BadCursor):
            await store.conversations.events_after(theirs, f"{mine}.0", limit=limit)


async def test_many_readers_learn_of_news_in_one_look(store: Store) -> None:
    one, two = await said(store, sender="ada"), await said(store, sender="eve")
    ids = [one.contact_id, two.contact_id]
    before = await store.conversations.newest_events(ids)
    await said(store, "2", sender="eve")
    after = await store.conversations.newest_events(ids)
    assert after[ids[0]] == before[ids[0]]
    assert after[ids[1]] > before[ids[1]]
