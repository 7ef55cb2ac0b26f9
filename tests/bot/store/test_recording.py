"""A message becomes one row of the right conversation, whoever else is writing."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from bot.store import Store, StoreUnavailable
from channels.base import Attachment, DeliveryStatus
from tests.bot.store.given import claimed, concluded, count, message, row, said, taken

WRITER = """
import asyncio, sys
from bot.store import Store
from channels.base import InboundMessage

async def main(url, writer):
    store = await Store.open(url)
    sys.stdin.readline()
    for turn in range(25):
        message = InboundMessage(channel="web", external_id=f"{writer}:{turn}", sender="ada", text="hi")
        await store.conversations.record(message, html="hi")
    same = InboundMessage(channel="web", external_id="the same", sender="ada", text="hi")
    await store.conversations.record(same, html="hi")
    await store.close()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_first_message_makes_a_contact_and_a_conversation_that_is_due(store: Store) -> None:
    recorded = await said(store, "1", sender_name="Ada", subject="Boots")
    assert recorded.new
    assert recorded.status == "bot"
    assert recorded.message.seq == 1
    assert recorded.message.author_name == "Ada"
    assert recorded.message.created_at.utcoffset() is not None
    assert await store.turns.due() == [recorded.message.conversation_id]
    identity = await store.contacts.find("web", "ada")
    assert identity is not None
    assert identity.contact_id == recorded.contact_id
    assert not identity.verified


async def test_a_message_repeated_fifty_times_is_one_row(store: Store) -> None:
    first = await said(store, "1")
    again = await asyncio.gather(*[said(store, "1") for _ in range(50)])
    assert {each.message for each in again} == {first.message}
    assert not any(each.new for each in again)
    assert await count(store, "messages") == 1
    assert await count(store, "events") == 1
    assert (await row(store, "SELECT last_seq FROM conversations"))["last_seq"] == 1


async def test_fifty_at_once_of_which_all_are_the_same_are_one_row(store: Store) -> None:
    recorded = await asyncio.gather(*[said(store, "1") for _ in range(50)])
    assert sum(each.new for each in recorded) == 1
    assert len({each.message.id for each in recorded}) == 1
    assert await count(store, "messages") == 1
    assert await count(store, "contacts") == 1


async def test_a_repeat_after_the_conversation_was_resolved_opens_no_other(store: Store) -> None:
    first = await said(store, "1")
    await store.people.set_status(first.message.conversation_id, "resolved")
    again = await said(store, "1")
    assert again.message == first.message
    assert not again.new
    assert again.status == "resolved"
    assert await count(store, "conversations") == 1


async def test_twenty_writers_in_two_stores_leave_no_hole_in_seq(store: Store, database_url: str) -> None:
    other = await Store.open(database_url)
    recorded = await asyncio.gather(
        *[said(each, f"{writer}") for writer, each in enumerate([store, other] * 10)]
    )
    assert sorted(each.message.seq for each in recorded) == list(range(1, 21))
    assert len({each.message.conversation_id for each in recorded}) == 1
    await other.close()


async def test_two_processes_writing_at_once_leave_no_hole_in_seq(store: Store, database_url: str) -> None:
    writers = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", WRITER, database_url, name, stdin=asyncio.subprocess.PIPE
        )
        for name in ("one", "two")
    ]
    await asyncio.gather(*[writer.communicate(b"go\n") for writer in writers])
    assert [writer.returncode for writer in writers] == [0, 0]
    async with store.database.read() as reader:
        rows = await reader.all("SELECT seq FROM messages ORDER BY seq")
    assert [each["seq"] for each in rows] == list(range(1, 52))
    assert await count(store, "conversations") == 1


async def test_two_first_messages_at_once_make_one_contact_and_one_conversation(
    store: Store, database_url: str
) -> None:
    other = await Store.open(database_url)
    one, two = await asyncio.gather(said(store, "1"), said(other, "2"))
    assert one.contact_id == two.contact_id
    assert one.message.conversation_id == two.message.conversation_id
    assert {one.message.seq, two.message.seq} == {1, 2}
    assert await count(store, "contacts") == 1
    await other.close()


async def test_a_verified_message_verifies_its_address_for_good(store: Store) -> None:
    await said(store, "1")
    assert (await said(store, "2", verified=True)).message.verified
    await said(store, "3")
    identity = await store.contacts.find("web", "ada")
    assert identity is not None
    assert identity.verified


async def test_after_resolving_the_next_message_opens_a_new_conversation(store: Store) -> None:
    first = await said(store, "1")
    await store.people.set_status(first.message.conversation_id, "resolved")
    second = await said(store, "2")
    assert second.message.conversation_id != first.message.conversation_id
    assert second.message.seq == 1
    assert second.contact_id == first.contact_id


async def test_a_message_to_people_is_theirs_and_not_due(store: Store) -> None:
    first = await said(store, "1")
    await store.people.set_status(first.message.conversation_id, "waiting")
    assert (await said(store, "2")).status == "waiting"
    assert await store.turns.due() == []


@pytest.mark.parametrize(("slept_from", "due"), [("bot", 1), ("waiting", 0)])
async def test_a_message_wakes_a_snoozed_conversation_to_where_it_was(
    store: Store, slept_from: str, due: int
) -> None:
    conversation_id = (await said(store, "1")).message.conversation_id
    if slept_from == "bot":
        await concluded(store, await claimed(store, conversation_id))
    else:
        await store.people.set_status(conversation_id, "waiting")
    await store.people.set_status(conversation_id, "snoozed")
    assert await store.turns.due() == []
    session = await store.conversations.session((await said(store, "1")).contact_id)
    woken = await said(store, "2")
    assert woken.status == slept_from
    assert len(await store.turns.due()) == due
    events, _ = await store.conversations.events_after(woken.contact_id, session.cursor)
    assert [event.kind for event in events] == ["message", "status"]
    assert events[1].data == {"status": slept_from}
    await said(store, "3")
    events, _ = await store.conversations.events_after(woken.contact_id, events[-1].cursor)
    assert [event.kind for event in events] == ["message"]


async def test_only_ones_own_unsent_files_go_with_a_message(store: Store) -> None:
    mine = (await said(store, "1")).contact_id
    theirs = (await said(store, "1", sender="eve")).contact_id
    files = [
        Attachment(key=key, name=f"{key}.png", media_type="image/png", size=3) for key in ("a", "b", "c")
    ]
    await store.attachments.add(files[0], mine)
    await store.attachments.add(files[1], theirs)
    await store.attachments.add(files[2], mine)
    await said(store, "2", attachments=[files[2]])
    recorded = await said(store, "3", attachments=files)
    assert recorded.message.attachments == (files[0],)
    kept = await store.attachments.get("a", mine)
    assert kept is not None
    assert kept.message_id == recorded.message.id
    assert await store.attachments.get("a", theirs) is None
    events, _ = await store.conversations.events_after(mine, f"{mine}.2")
    assert events[0].message == recorded.message


async def test_a_file_that_is_no_database_is_said_to_be_unavailable(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        await Store.open(f"sqlite:///{tmp_path / 'nowhere' / 'there.db'}")


async def test_a_quoted_reply_is_tied_to_the_message_it_quotes_never_to_another_contacts(
    store: Store,
) -> None:
    first = await said(store, "1", channel="whatsapp")
    conversation_id = first.message.conversation_id
    done = await concluded(store, await claimed(store, conversation_id), parts=["a", "b"])
    assert done is not None
    assert done.message is not None
    for name in ("SM1", "SM2"):
        part = await taken(store, conversation_id)
        await store.deliveries.settle(part, status=DeliveryStatus.SENT, provider_id=name)
    quotes = {
        "their own words": (["ada:1"], first.message.id),
        "a part of ours": (["AC7:SM2"], done.message.id),
        "the nearest that is known": (["AC7:SM9", "SM1", "ada:1"], done.message.id),
        "nothing we know": (["AC7:SM9"], None),
    }
    for number, (follows, answers) in enumerate(quotes.values()):
        recorded = await said(store, f"quote {number}", channel="whatsapp", follows=follows)
        assert recorded.message.in_reply_to == answers, list(quotes)[number]
        assert (await store.conversations.record(message("1", channel="whatsapp"), html="")).new is False
    stranger = await said(store, "1", channel="whatsapp", sender="eve", follows=["ada:1", "AC7:SM1"])
    assert stranger.message.in_reply_to is None


async def test_the_turn_sees_what_was_quoted_however_long_ago(store: Store) -> None:
    first = await said(store, "0", channel="whatsapp", text="The red one?")
    for number in range(1, 25):
        await said(store, f"{number}", channel="whatsapp")
    await said(store, "last", channel="whatsapp", follows=["ada:0"])
    claim = await claimed(store, first.message.conversation_id)
    assert claim.quoted == {first.message.id: "The red one?"}
