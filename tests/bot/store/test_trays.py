"""Files that operators lay beside what they write: theirs alone until it is sent, and sent once."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bot.store import NoSuchConversation, Store
from bot.store.records import Operator
from bot.store.trays import MOST, Full, NoSuchFile
from channels.base import Attachment
from tests.bot.store.given import message, said


def file(key: str) -> Attachment:
    return Attachment(key=key, name=f"{key}.png", media_type="image/png", size=5)


async def lay(store: Store, conversation_id: str, who: Operator, *keys: str) -> None:
    for key in keys:
        await store.trays.add(file(key), conversation_id=conversation_id, operator_id=who.id)


async def lying(store: Store, conversation_id: str, who: Operator) -> Sequence[str]:
    return [each.key for each in await store.trays.files(conversation_id, who.id)]


async def hired(store: Store, name: str) -> Operator:
    return await store.operators.add(f"{name}@example.com", name, "hash", "operator")


async def reply(
    store: Store,
    conversation_id: str,
    who: Operator,
    *files: str,
    private: bool = False,
    client_id: str = "r1",
) -> Sequence[str]:
    changed = await store.people.reply(
        conversation_id,
        operator=who,
        client_id=client_id,
        text="",
        html="",
        files=files,
        private=private,
        leaving=lambda _: None,
    )
    assert changed.message is not None
    return [each.key for each in changed.message.attachments]


async def test_what_lies_there_is_the_operators_own_and_leaves_it_with_the_reply(store: Store) -> None:
    talk = (await said(store)).message.conversation_id
    grace, linus = await hired(store, "grace"), await hired(store, "linus")
    await lay(store, talk, grace, "b", "a")
    assert await lying(store, talk, grace) == ["b", "a"] or await lying(store, talk, grace) == ["a", "b"]
    assert await lying(store, talk, linus) == []
    with pytest.raises(NoSuchFile):
        await reply(store, talk, linus, "a")
    assert await reply(store, talk, grace, "a", "b", "a") == ["a", "b"]
    assert await lying(store, talk, grace) == []
    assert await reply(store, talk, grace, "a", "b") == ["a", "b"], "the same once more is the same message"
    with pytest.raises(NoSuchFile):
        await reply(store, talk, grace, "a", client_id="r2")
    thread = await store.inbox.thread(talk)
    assert thread is not None
    assert [len(each.attachments) for each in thread.messages] == [0, 2]


async def test_a_customer_sees_what_they_were_sent_and_can_send_nothing_of_ours(store: Store) -> None:
    recorded = await said(store)
    talk, contact = recorded.message.conversation_id, recorded.contact_id
    grace = await hired(store, "grace")
    await lay(store, talk, grace, "sent", "noted", "laid")
    assert await store.attachments.seen("sent", contact) is None
    await reply(store, talk, grace, "sent")
    await reply(store, talk, grace, "noted", private=True, client_id="n1")
    assert await store.attachments.seen("sent", contact) is not None
    for hidden in ("noted", "laid"):
        assert await store.attachments.seen(hidden, contact) is None
        assert await store.attachments.get(hidden, contact) is not None
    assert (await said(store, "2", attachments=[file("laid")])).message.attachments == ()
    assert await lying(store, talk, grace) == ["laid"]


async def test_a_file_can_be_taken_out_again_by_whoever_laid_it_there(store: Store) -> None:
    talk = (await said(store)).message.conversation_id
    grace, linus = await hired(store, "grace"), await hired(store, "linus")
    await lay(store, talk, grace, "a")
    assert not await store.trays.drop("a", conversation_id=talk, operator_id=linus.id)
    assert await store.trays.drop("a", conversation_id=talk, operator_id=grace.id)
    assert not await store.trays.drop("a", conversation_id=talk, operator_id=grace.id)
    assert await lying(store, talk, grace) == []
    async with store.uploads.dropping(unsent_for=86_400) as keys:
        assert keys == ["a"]


async def test_what_lies_beside_a_draft_is_kept_for_a_month(store: Store) -> None:
    talk = (await said(store)).message.conversation_id
    grace = await hired(store, "grace")
    await lay(store, talk, grace, "new", "old")
    aged = "UPDATE attachments SET created_at = {now} - :age WHERE key = :key"
    for key, days in (("new", 29), ("old", 31)):
        await store.database.change(aged, key=key, age=days * 86_400 * 1_000_000)
    async with store.uploads.dropping(unsent_for=86_400) as keys:
        assert keys == ["old"]
    assert await lying(store, talk, grace) == ["new"]


async def test_a_tray_has_an_end_and_a_conversation(store: Store) -> None:
    talk = (await said(store)).message.conversation_id
    grace = await hired(store, "grace")
    await lay(store, talk, grace, *(f"file{number}" for number in range(MOST)))
    with pytest.raises(Full):
        await lay(store, talk, grace, "onemore")
    with pytest.raises(NoSuchConversation):
        await lay(store, "cnv_nowhere", grace, "a")


async def test_files_go_with_their_conversation_when_two_contacts_become_one(store: Store) -> None:
    ada = await said(store)
    known = await store.conversations.record(message("2", sender="bob"), html="", window=None)
    grace = await hired(store, "grace")
    await lay(store, ada.message.conversation_id, grace, "a")
    await store.database.change(  # as if it had been laid there in the moment of the merge
        "UPDATE attachments SET contact_id = :id WHERE key = 'a'", id=known.contact_id
    )
    await store.profiles.merge(ada.contact_id, known.contact_id, decided_by="grace")
    assert await reply(store, ada.message.conversation_id, grace, "a") == ["a"]
    assert await store.attachments.seen("a", known.contact_id) is not None
