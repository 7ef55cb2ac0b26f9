"""Lists narrowed by what operators look for, and what they arrange."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bot.store import NoSuchConversation, Store, listing
from bot.store.records import Changed, InboxFilter, Operator
from tests.bot.store.given import claimed, concluded, said


async def hired(store: Store, name: str) -> Operator:
    return await store.operators.add(f"{name}@example.com", name.capitalize(), "x")


async def listed(store: Store, **wanted: Any) -> list[str]:
    """Whom a list shows, by the first words of their conversation."""
    entries, more = await store.inbox.page(InboxFilter(**wanted))
    assert not more
    return sorted(entry.contact_name for entry in entries)


async def meet(store: Store, name: str, *, channel: str = "web", text: str = "Hello") -> str:
    recorded = await said(store, sender=name, channel=channel, text=text, sender_name=name)
    return recorded.message.conversation_id


async def test_lists_are_narrowed_by_whose_which_channel_and_which_label(store: Store) -> None:
    grace, linus = await hired(store, "grace"), await hired(store, "linus")
    ada, bob, eve = [await meet(store, name) for name in ("ada", "bob", "eve")]
    await meet(store, "kim", channel="whatsapp")
    await store.people.take(ada, grace)
    await store.people.take(bob, linus)
    await store.arranging.label(ada, add=["billing", "vip"])
    await store.arranging.label(eve, add=["billing"])
    assert await listed(store) == ["ada", "bob", "eve", "kim"]
    assert await listed(store, assignee=grace.id) == ["ada"]
    assert await listed(store, assignee="") == ["eve", "kim"]
    assert await listed(store, channel="whatsapp") == ["kim"]
    assert await listed(store, label="billing") == ["ada", "eve"]
    assert await listed(store, label="billing", status="human", assignee=grace.id) == ["ada"]
    assert await listed(store, label="bill") == []


@pytest.mark.parametrize("few", [1, 500])
async def test_narrowed_lists_have_pages(store: Store, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "_FEW", few)  # by which way a label is looked for
    for number in range(7):
        conversation_id = await meet(store, f"visitor-{number}")
        await store.arranging.label(conversation_id, add=["odd" if number % 2 else "even"])
    await store.people.set_status(conversation_id, "resolved")
    even = InboxFilter(label="even", unresolved=True)
    assert [await store.inbox.count_of(even, up_to=most) for most in (100, 2)] == [3, 2]
    assert await store.inbox.count_of(InboxFilter(label="even")) == 4
    shown: list[str] = []
    before = ""
    while True:
        entries, before = await store.inbox.page(even, before=before, limit=2)
        shown += [entry.contact_name for entry in entries]
        if not before:
            break
    assert shown == ["visitor-4", "visitor-2", "visitor-0"]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["boots"], ["ada", "bob"]),
        (["BOO", "brown"], ["ada"]),
        (["brown", "green"], []),
        (["grün"], ["bob"]),
        (["customer", "example"], ["zoe@customer.example"]),
        (["ad"], ["ada"]),
        (["underscore_"], []),
        (["nothing"], []),
    ],
)
async def test_words_are_found_where_they_begin_and_people_by_name_or_address(
    words: list[str], found: list[str], store: Store
) -> None:
    await meet(store, "ada", text="Where are my brown boots?")
    await meet(store, "bob", text="The GRÜNE boots don’t fit")
    await meet(store, "zoe@customer.example", channel="email", text="Hi")
    await meet(store, "underscoreX", text="no")
    assert await listed(store, words=words) == found


async def test_the_bots_words_are_found_too(store: Store) -> None:
    conversation_id = await meet(store, "ada")
    await concluded(store, await claimed(store, conversation_id))
    assert await listed(store, words=["yes"]) == ["ada"]


async def test_an_entry_shows_labels_priority_and_every_channel(store: Store) -> None:
    conversation_id = await meet(store, "ada")
    assert await store.arranging.label(conversation_id, add=["vip", "billing"])
    assert await store.arranging.prioritise(conversation_id, 2)
    entry = await store.inbox.entry(conversation_id)
    assert entry is not None
    assert (entry.labels, entry.priority, entry.channels) == (("billing", "vip"), 2, ("web",))
    assert not await store.arranging.label(conversation_id, add=["vip"], remove=["never"])
    assert not await store.arranging.prioritise(conversation_id, 2)
    assert await store.arranging.label(conversation_id, remove=["vip"])
    assert await store.arranging.labels() == [("billing", 1)]


async def test_a_draft_is_its_operators_and_gone_once_empty(store: Store) -> None:
    grace, linus = await hired(store, "grace"), await hired(store, "linus")
    conversation_id = await meet(store, "ada")
    await store.arranging.keep_draft(conversation_id, grace.id, "Dear Ada", private=False)
    await store.arranging.keep_draft(conversation_id, grace.id, "Dear Ada, about", private=True)
    kept = await store.arranging.draft(conversation_id, grace.id)
    assert kept is not None
    assert (kept.text, kept.private) == ("Dear Ada, about", True)
    assert await store.arranging.draft(conversation_id, linus.id) is None
    await store.arranging.keep_draft(conversation_id, grace.id, " ", private=False)
    assert await store.arranging.draft(conversation_id, grace.id) is None
    with pytest.raises(NoSuchConversation):
        await store.arranging.keep_draft("cnv_gone", grace.id, "x", private=False)


# snoozing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["bot", "waiting", "human"])
async def test_a_snooze_ends_where_it_began(status: Any, store: Store) -> None:
    grace = await hired(store, "grace")
    conversation_id = await meet(store, "ada")
    await store.people.set_status(conversation_id, status, operator=grace if status == "human" else None)
    await store.people.snooze(conversation_id, 3600)
    assert await store.people.asleep() == []
    assert not (await store.people.wake(conversation_id)).new
    assert await store.turns.claim(conversation_id, 30) is None
    await over(store, conversation_id)
    assert await store.people.asleep() == [conversation_id]
    assert await store.people.wake(conversation_id) == Changed(status=status, new=True)
    assert not (await store.people.wake(conversation_id)).new
    entry = await store.inbox.entry(conversation_id)
    assert entry is not None
    assert entry.status == status
    assert entry.snoozed_until is None
    assert (entry.assignee is not None) == (status == "human")
    assert (entry.waiting_since is not None) == (status != "bot")  # nobody has answered them yet
    assert (await store.turns.claim(conversation_id, 30) is not None) == (status == "bot")


async def over(store: Store, conversation_id: str) -> None:
    await store.database.change(
        "UPDATE conversations SET snoozed_until = 1 WHERE id = :id", id=conversation_id
    )


async def test_a_message_ends_a_snooze(store: Store) -> None:
    conversation_id = await meet(store, "ada")
    await store.people.set_status(conversation_id, "waiting")
    await store.people.snooze(conversation_id, 3600)
    await said(store, "2", sender="ada")
    assert await listed(store, status="waiting") == ["ada"]  # and in the list of those who wait
    await over(store, conversation_id)
    assert await store.people.asleep() == []


async def test_a_snooze_can_be_changed(store: Store) -> None:
    conversation_id = await meet(store, "ada")
    await store.people.snooze(conversation_id, 60)
    first = await store.inbox.entry(conversation_id)
    await store.people.snooze(conversation_id, 7200)
    second = await store.inbox.entry(conversation_id)
    assert first is not None
    assert second is not None
    assert first.snoozed_until is not None
    assert second.snoozed_until is not None
    assert 7000 < (second.snoozed_until - first.snoozed_until).total_seconds() < 7200


@pytest.mark.parametrize(("status", "after"), [("human", "waiting"), ("waiting", "waiting"), ("bot", "bot")])
async def test_what_is_nobodys_any_more_waits_for_somebody(status: Any, after: str, store: Store) -> None:
    grace = await hired(store, "grace")
    conversation_id = await meet(store, "ada")
    await store.people.set_status(conversation_id, status, operator=grace if status == "human" else None)
    await store.people.unassign(conversation_id)
    entry = await store.inbox.entry(conversation_id)
    assert entry is not None
    assert (entry.status, entry.assignee) == (after, None)


async def test_however_many_search_whoever_opens_a_list_finds_a_reader(store: Store) -> None:
    async with store.database.search():  # the first of them takes its time
        searches = [asyncio.create_task(store.inbox.page(InboxFilter(words=["hello"]))) for _ in range(20)]
        async with asyncio.timeout(30):
            await store.inbox.page(InboxFilter())
        assert not any(each.done() for each in searches)
    assert await asyncio.gather(*searches) == [([], "")] * 20
