"""Mail in the store: who joins which conversation, what stays silent, who reads a mailbox and how far."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.orchestrator.outcome import Silence
from bot.store import Store
from bot.store.records import ClaimedDelivery, KeptOriginal, Recorded
from channels.base import Attachment, ChannelLimits, DeliveryStatus, Quoted
from channels.email.mailboxes import Position
from tests.bot.store.given import REPLY, claimed, concluded, count, row, said

ZOE, EVE = "zoe@customer.example", "eve@elsewhere.example"
THEN = datetime(2026, 3, 5, 10, 0, tzinfo=UTC)


async def mailed(store: Store, number: int, *follows: str, sender: str = ZOE, **more: Any) -> Recorded:
    """A mail that follows others; its Message-ID is mail-NUMBER."""
    told = {"reference": f"mail-{number}", "thread": (f"mail-{number}",)} | more
    return await said(
        store, str(number), sender=sender, channel="email", joins="follows", follows=follows, **told
    )


async def answered(store: Store, first: Recorded) -> str:
    """The bot's answer to it; its id."""
    done = await concluded(store, await claimed(store, first.message.conversation_id), parts=["Yes."])
    assert done is not None
    assert done.message is not None
    return done.message.id


async def state(store: Store, recorded: Recorded) -> tuple[str, bool]:
    """A conversation's status, and whether it is due."""
    found = await row(
        store, "SELECT status, due_at FROM conversations WHERE id = :id", id=recorded.message.conversation_id
    )
    return found["status"], found["due_at"] is not None


async def test_a_mail_joins_the_conversation_of_what_it_answers(store: Store) -> None:
    first = await mailed(store, 1)
    ours = await answered(store, first)
    second = await mailed(store, 2, "unknown", ours, "mail-1")
    third = await mailed(store, 3, "mail-2", verified=True)
    ids = {each.message.conversation_id for each in (first, second, third)}
    assert len(ids) == 1
    assert (second.message.in_reply_to, third.message.in_reply_to) == (ours, second.message.id)
    assert await state(store, third) == ("bot", True)


async def test_a_mail_that_answers_nothing_is_a_matter_of_its_own(store: Store) -> None:
    first = await mailed(store, 1, subject="Boots")
    other = await mailed(store, 2, "unknown", subject="Re: Boots")
    assert first.contact_id == other.contact_id
    assert first.message.conversation_id != other.message.conversation_id
    web = await said(store, "1", sender="visitor")
    assert await mailed(store, 3, web.message.id)  # of another channel: nothing to join


async def test_an_answer_to_what_was_resolved_opens_it_again(store: Store) -> None:
    first = await mailed(store, 1)
    ours = await answered(store, first)
    await store.people.set_status(first.message.conversation_id, "resolved")
    second = await mailed(store, 2, ours)
    assert second.message.conversation_id == first.message.conversation_id
    assert second.status == "bot"
    assert await state(store, second) == ("bot", True)
    found, _ = await store.conversations.events_after(first.contact_id, f"{first.contact_id}.0")
    assert [each.data["status"] for each in found if each.kind == "status"] == ["resolved", "bot"]
    assert (await claimed(store, second.message.conversation_id)).in_reply_to == second.message.id


async def test_an_answer_to_a_person_waits_for_that_person(store: Store) -> None:
    first = await mailed(store, 1)
    await store.people.set_status(first.message.conversation_id, "human")
    second = await mailed(store, 2, "mail-1", verified=True)
    assert await state(store, second) == ("human", False)


@pytest.mark.parametrize("named", ["ours", "theirs"])
async def test_a_stranger_with_a_right_id_gets_a_conversation_that_waits(store: Store, named: str) -> None:
    first = await mailed(store, 1)
    ours = await answered(store, first)
    strange = await mailed(store, 2, ours if named == "ours" else "mail-1", sender=EVE)
    assert strange.message.conversation_id != first.message.conversation_id
    assert strange.message.in_reply_to is None
    assert await state(store, strange) == ("waiting", False)
    thread = await store.inbox.thread(strange.message.conversation_id)
    assert thread is not None
    assert thread.entry.waiting_since is not None
    note = thread.messages[-1]
    assert (note.private, note.author_kind) == (True, "system")
    assert first.message.conversation_id in note.text
    # Once met, they go on in their own.
    again = await mailed(store, 3, "mail-2", ours, sender=EVE, verified=True)
    assert again.message.conversation_id == strange.message.conversation_id


async def test_an_id_that_others_may_guess_lets_in_only_who_is_vouched_for(store: Store) -> None:
    first = await mailed(store, 1)
    ours = await answered(store, first)
    forged = await mailed(store, 2, "mail-1")
    assert forged.message.conversation_id != first.message.conversation_id
    assert await state(store, forged) == ("bot", True)
    for known in (await mailed(store, 3, "mail-1", ours), await mailed(store, 4, "mail-1", verified=True)):
        assert known.message.conversation_id == first.message.conversation_id


async def test_a_message_id_that_somebody_else_uses_too_leads_to_ones_own(store: Store) -> None:
    first = await mailed(store, 1)
    await mailed(store, 2, sender=EVE, reference="mail-1")
    again = await mailed(store, 3, "mail-1", verified=True)
    assert again.message.conversation_id == first.message.conversation_id


async def test_what_wants_no_answer_is_kept_and_wakes_nobody(store: Store) -> None:
    alone = await mailed(store, 1, wants="nothing")
    assert await state(store, alone) == ("resolved", False)
    first = await mailed(store, 2)
    ours = await answered(store, first)
    away = await mailed(store, 3, ours, wants="nothing")
    assert away.message.conversation_id == first.message.conversation_id
    assert await state(store, away) == ("bot", False)
    assert await store.turns.claim(first.message.conversation_id, 30) is None
    stranger = await mailed(store, 4, ours, sender=EVE, wants="nothing")
    assert await state(store, stranger) == ("resolved", False)
    assert await count(store, "conversations") == 3


@pytest.mark.parametrize("sender", [EVE, ZOE])
async def test_what_wants_a_look_waits_for_one_by_itself(store: Store, sender: str) -> None:
    first = await mailed(store, 1)
    ours = await answered(store, first)
    complaint = await mailed(store, 2, ours, sender=sender, wants="person", note="Unwanted.")
    assert complaint.message.conversation_id != first.message.conversation_id
    assert await state(store, complaint) == ("waiting", False)
    thread = await store.inbox.thread(complaint.message.conversation_id)
    assert thread is not None
    note = thread.messages[-1]
    assert (note.private, note.author_kind) == (True, "system")
    assert note.text == f"Unwanted. It is about another conversation ({first.message.conversation_id})."
    await store.people.set_status(complaint.message.conversation_id, "bot")
    assert await store.turns.claim(complaint.message.conversation_id, 30) is None
    found, _ = await store.conversations.events_after(
        complaint.contact_id, f"{complaint.contact_id}.{first.message.seq}"
    )
    assert "waiting" in [each.data["status"] for each in found if each.kind == "status"]


async def test_what_operators_are_told_of_it_stands_beside_a_mail(store: Store) -> None:
    first = await mailed(store, 1)
    ours = await answered(store, first)
    await store.people.set_status(first.message.conversation_id, "waiting")
    away = await mailed(store, 2, ours, wants="nothing", note="An absence note.")
    thread = await store.inbox.thread(first.message.conversation_id)
    assert thread is not None
    assert [(each.text, each.private) for each in thread.messages[-2:]] == [
        ("message 2", False),
        ("An absence note.", True),
    ]
    assert [each.seq for each in thread.messages] == list(range(1, len(thread.messages) + 1))
    found, _ = await store.conversations.events_after(first.contact_id, f"{first.contact_id}.0")
    assert [each.data["status"] for each in found if each.kind == "status"] == ["waiting"]
    assert await state(store, away) == ("waiting", False)


async def test_what_wants_no_answer_is_not_what_is_answered(store: Store) -> None:
    first = await mailed(store, 1)
    await mailed(store, 2, "mail-1", wants="nothing")
    claim = await claimed(store, first.message.conversation_id)
    assert (claim.in_reply_to, claim.pending) == (first.message.id, 1)
    assert claim.messages[0].id == first.message.id
    done = await concluded(store, claim, parts=["Yes."])
    assert done is not None
    assert not done.more
    assert await store.turns.claim(first.message.conversation_id, 30) is None


async def test_files_are_written_with_their_message_and_once(store: Store) -> None:
    file = Attachment(key="a1", name="boots.png", media_type="image/png", size=3)
    first = await mailed(store, 1, files=(file,), original="mail1")
    again = await mailed(store, 1, files=(file,), original="mail1")
    assert (first.new, again.new) == (True, False)
    assert first.message.attachments == again.message.attachments == (file,)
    assert again.message.original == "mail1"
    kept = await store.attachments.get("a1", first.contact_id)
    assert kept is not None
    assert kept.message_id == first.message.id
    kept = await store.inbox.original(first.message.conversation_id, first.message.id)
    assert kept == KeptOriginal(channel="email", key="mail1")
    assert await store.inbox.original("cnv_other", first.message.id) is None


async def test_what_leaves_knows_its_thread_and_what_it_answers(store: Store) -> None:
    first = await mailed(
        store, 1, thread=("mail-0", "mail-1"), via="sales", sender_name="Zoë", subject="Boots"
    )
    ours = await answered(store, first)
    claim = await store.deliveries.claim(first.message.conversation_id, {"email": ChannelLimits()})
    assert isinstance(claim, ClaimedDelivery)
    message = claim.message
    assert (message.id, message.reference, message.thread) == (ours, "mail-1", ("mail-0", "mail-1"))
    assert (message.via, message.author_kind, message.author_name) == ("sales", "bot", "Bot")
    assert [each.title for each in message.citations] == ["Returns"]
    assert message.quoted == Quoted(who="Zoë", when=first.message.created_at, text="message 1")
    await store.deliveries.settle(claim, status=DeliveryStatus.SENT, provider_id=f"{ours}.1@shop.example")
    assert await store.deliveries.receipt(
        "email", f"{ours}.1@shop.example", DeliveryStatus.FAILED, "returned: no such user"
    )
    assert await state(store, first) == ("waiting", False)


async def test_beyond_its_limit_nothing_is_said_and_a_person_sees_it(store: Store) -> None:
    for number in range(3):
        mail = await mailed(store, number)
        claim = await claimed(store, mail.message.conversation_id)
        assert await store.turns.answered_enough(claim, 2) is (number == 2)
        assert not await store.turns.answered_enough(claim, None)
        done = await concluded(store, claim, REPLY, parts=["Yes."], per_hour=2)
        assert done is not None
        assert (done.message is None, done.status) == ((True, "waiting") if number == 2 else (False, "bot"))
    turn = await store.turns.get(claim.turn_id)
    assert turn is not None
    assert turn.outcome == "silence"
    another = await mailed(store, 9, sender=EVE)
    done = await concluded(store, await claimed(store, another.message.conversation_id), per_hour=2)
    assert done is not None
    assert done.message is not None
    quiet = await claimed(store, (await mailed(store, 10)).message.conversation_id)
    assert await concluded(store, quiet, Silence(why="nothing to say"), parts=["."], per_hour=2)


async def test_who_gave_no_name_is_called_by_their_address_until_they_do(store: Store) -> None:
    first = await mailed(store, 1, sender_name=ZOE)
    await mailed(store, 2, sender_name="Zoë")
    await mailed(store, 3, sender_name="Somebody else")
    found = await row(store, "SELECT name FROM contacts WHERE id = :id", id=first.contact_id)
    assert found["name"] == "Zoë"


async def test_one_reads_a_mailbox_until_its_time_is_over(store: Store) -> None:
    mailboxes = store.mailboxes
    assert await mailboxes.lead("support", "a", 30)
    assert await mailboxes.lead("support", "a", 30)
    assert not await mailboxes.lead("support", "b", 30)
    assert await mailboxes.lead("sales", "b", 30)
    await mailboxes.yield_lead("support", "b")
    assert not await mailboxes.lead("support", "b", 30)
    await mailboxes.yield_lead("support", "a")
    assert await mailboxes.lead("support", "b", 0)
    assert await mailboxes.lead("support", "a", 30)


async def test_a_position_is_kept_and_never_goes_back(store: Store) -> None:
    mailboxes = store.mailboxes
    assert await mailboxes.lead("support", "a", 30)
    assert await mailboxes.position("support") is None
    place = Position(uidvalidity=7, uid=10, received_at=THEN)
    assert await mailboxes.advance("support", place, "a")
    assert await mailboxes.position("support") == place
    assert await mailboxes.advance("support", replace(place, uid=4), "a")
    assert await mailboxes.position("support") == place
    assert not await mailboxes.advance("support", replace(place, uid=11), "b")
    assert await mailboxes.advance("support", Position(uidvalidity=8, uid=1), "a")
    assert await mailboxes.position("support") == Position(uidvalidity=8, uid=1)
    assert await mailboxes.lead("support", "a", 0)
    assert not await mailboxes.advance("support", Position(uidvalidity=8, uid=2), "a")


async def test_how_reading_goes_is_told_to_other_processes(store: Store) -> None:
    mailboxes = store.mailboxes
    assert await mailboxes.lead("support", "a", 30)
    await mailboxes.note("support", state="down", error="no such user", since=THEN)
    [told] = await mailboxes.states()
    assert (told.name, told.state, told.error, told.since, told.read) == (
        "support",
        "down",
        "no such user",
        THEN,
        True,
    )
    await mailboxes.yield_lead("support", "a")
    [told] = await mailboxes.states()
    assert not told.read


async def test_what_is_set_aside_is_one_card_until_it_is_put_away(store: Store) -> None:
    mailboxes = store.mailboxes
    for _ in range(2):
        await mailboxes.set_aside(
            "support", uidvalidity=1, uid=5, original="mailabc", size=3, why="nested too deeply"
        )
    [card] = await mailboxes.cards()
    assert (card.mailbox, card.original, card.size, card.why) == (
        "support",
        "mailabc",
        3,
        "nested too deeply",
    )
    assert await mailboxes.put_away(card.id)
    assert not await mailboxes.put_away(card.id)
    assert await mailboxes.cards() == []
    assert await mailboxes.card(card.id) == card
    assert await mailboxes.card("sid_other") is None
