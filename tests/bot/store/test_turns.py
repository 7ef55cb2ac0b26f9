"""One turn at a time, concluded whole or not at all."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from bot.orchestrator.outcome import Silence
from bot.store import Store
from bot.store.database import Transaction
from bot.trace import Step
from channels.base import DeliveryStatus
from tests.bot.store.given import HAND_OFF, REPLY, claimed, concluded, count, expire, row, said, told


async def test_of_twenty_claims_at_once_one_is_had(store: Store, database_url: str) -> None:
    conversation_id = (await said(store)).message.conversation_id
    other = await Store.open(database_url)
    claims = await asyncio.gather(*[each.turns.claim(conversation_id, 30) for each in [store, other] * 10])
    assert sum(claim is not None for claim in claims) == 1
    assert await count(store, "turns") == 1
    await other.close()


async def test_a_claim_tells_a_turn_all_it_needs(store: Store) -> None:
    await store.contacts.welcome("web", "ada", name="Ada", verified=True)
    for number in range(30):
        last = await said(store, str(number))
    claim = await claimed(store, last.message.conversation_id)
    assert [message.seq for message in claim.messages] == list(range(11, 31))
    assert claim.pending == 20
    assert claim.up_to_seq == 30
    assert claim.in_reply_to == last.message.id
    assert (claim.channel, claim.recipient, claim.contact_name) == ("web", "ada", "Ada")
    assert [identity.address for identity in claim.identities] == ["ada"]
    assert (claim.fence, claim.attempt) == (1, 1)


async def test_a_burst_is_answered_once(store: Store) -> None:
    for number in range(3):
        conversation_id = (await said(store, str(number))).message.conversation_id
    claim = await claimed(store, conversation_id)
    assert claim.pending == 3
    done = await concluded(store, claim)
    assert done is not None
    assert done.message is not None
    assert (done.message.seq, done.more) == (4, False)
    assert await store.turns.claim(conversation_id, 30) is None
    assert await store.turns.due() == []


async def test_a_conclusion_is_written_whole(store: Store) -> None:
    first = await said(store)
    claim = await claimed(store, first.message.conversation_id)
    now = datetime.now(UTC)
    steps = [
        Step(
            kind="knowledge",
            name="local",
            status="ok",
            input={"query": "ü"},
            output={"found": [1, 2]},
            needs=[],
        ),
        Step(kind="model", name="small", status="ok", tokens_in=7, cost=12, needs=["local"], started_at=now),
    ]
    done = await concluded(store, claim, steps=steps)
    assert done is not None
    assert done.message is not None
    assert done.message.delivery is not None
    assert done.message.delivery.status is DeliveryStatus.SENT
    assert done.message.in_reply_to == first.message.id
    turn = await store.turns.get(claim.turn_id)
    assert turn is not None
    assert (turn.status, turn.outcome, turn.cost, turn.attempt) == ("concluded", "reply", 0, 1)
    *thought, sent = turn.steps
    assert thought == steps
    assert (sent.kind, sent.name, sent.status, sent.seconds) == ("deliver", "web", "ok", 0.0)
    assert sent.input == {"message_id": done.message.id}
    session = await store.conversations.session(claim.contact_id)
    assert list(session.messages) == [first.message, done.message]
    assert session.messages[1].citations == REPLY.citations
    kept = await row(store, "SELECT attempts, answered_seq, lease_until, due_at FROM conversations")
    assert kept == {"attempts": 0, "answered_seq": 1, "lease_until": None, "due_at": None}


async def test_an_outdated_turn_writes_nothing_but_its_draft(store: Store) -> None:
    conversation_id = (await said(store)).message.conversation_id
    late = await claimed(store, conversation_id)
    await expire(store, conversation_id)
    second = await claimed(store, conversation_id)
    assert (second.fence, second.attempt) == (2, 2)
    assert await store.turns.renew(late, 30) is None
    assert await concluded(store, late) is None
    assert await count(store, "messages") == 1
    assert await count(store, "deliveries") == 0
    turn = await store.turns.get(late.turn_id)
    assert turn is not None
    assert (turn.status, turn.draft) == ("abandoned", REPLY.text)
    assert await store.turns.renew(second, 30) == 1
    assert await concluded(store, second) is not None
    assert await count(store, "messages") == 2


async def test_a_turn_concluded_twice_speaks_once(store: Store) -> None:
    claim = await claimed(store, (await said(store)).message.conversation_id)
    assert await concluded(store, claim) is not None
    assert await concluded(store, claim) is None
    assert await count(store, "messages") == 2
    turn = await store.turns.get(claim.turn_id)
    assert turn is not None
    assert (turn.status, turn.draft) == ("concluded", None)


async def test_a_turn_whose_lease_ran_out_unnoticed_may_still_speak(store: Store) -> None:
    conversation_id = (await said(store)).message.conversation_id
    claim = await claimed(store, conversation_id)
    await expire(store, conversation_id)
    assert await concluded(store, claim) is not None


async def test_a_message_during_a_turn_is_due_right_after_it(store: Store) -> None:
    conversation_id = (await said(store, "1")).message.conversation_id
    claim = await claimed(store, conversation_id)
    await said(store, "2")
    assert await store.turns.due() == []  # the lease is alive: nobody needs to look
    assert await store.turns.renew(claim, 30) == 2
    done = await concluded(store, claim)
    assert done is not None
    assert done.more
    assert await store.turns.due() == [conversation_id]
    following = await claimed(store, conversation_id)
    assert (following.up_to_seq, following.pending) == (2, 1)


async def test_a_refreshed_turn_answers_what_was_added(store: Store) -> None:
    conversation_id = (await said(store, "1")).message.conversation_id
    claim = await claimed(store, conversation_id)
    added = await said(store, "2")
    fresh = await store.turns.refresh(claim)
    assert (fresh.turn_id, fresh.fence, fresh.pending) == (claim.turn_id, claim.fence, 2)
    assert fresh.in_reply_to == added.message.id
    done = await concluded(store, fresh)
    assert done is not None
    assert not done.more


async def test_a_hand_off_leaves_the_conversation_to_people(store: Store) -> None:
    first = await said(store)
    cursor = (await store.conversations.session(first.contact_id)).cursor
    done = await concluded(store, await claimed(store, first.message.conversation_id), HAND_OFF)
    assert done is not None
    assert done.status == "waiting"
    events, _ = await store.conversations.events_after(first.contact_id, cursor)
    assert told(events) == [("message", HAND_OFF.text), ("status", "waiting")]
    assert (await row(store, "SELECT waiting_since FROM conversations"))["waiting_since"] is not None
    assert (await said(store, "2")).status == "waiting"
    assert await store.turns.due() == []


async def test_silence_says_nothing_and_is_an_answer(store: Store) -> None:
    conversation_id = (await said(store)).message.conversation_id
    done = await concluded(store, await claimed(store, conversation_id), Silence(why="automatic mail"))
    assert done is not None
    assert done.message is None
    assert await count(store, "messages") == 1
    assert await store.turns.due() == []


async def test_asking_for_a_person_silences_a_running_turn(store: Store) -> None:
    first = await said(store)
    conversation_id = first.message.conversation_id
    claim = await claimed(store, conversation_id)
    handed = await _hand_off(store, conversation_id)
    assert handed == (True, "waiting")
    assert await store.turns.renew(claim, 30) is None
    assert await concluded(store, claim) is None
    assert await _hand_off(store, conversation_id) == (False, "waiting")
    session = await store.conversations.session(first.contact_id)
    assert [message.author_kind for message in session.messages] == ["contact", "system"]
    assert session.status == "waiting"


async def test_a_turn_given_back_was_not_an_attempt(store: Store) -> None:
    conversation_id = (await said(store)).message.conversation_id
    for _ in range(3):
        claim = await claimed(store, conversation_id)
        assert claim.attempt == 1
        assert await store.turns.release(claim)
    assert not await store.turns.release(claim)
    assert await concluded(store, claim) is None


async def test_a_failed_turn_comes_back_later_as_the_next_attempt(store: Store) -> None:
    conversation_id = (await said(store)).message.conversation_id
    claim = await claimed(store, conversation_id)
    assert await store.turns.release(claim, delay=60, forgiven=False)
    assert await store.turns.due() == []
    assert await store.turns.claim(conversation_id, 30) is None
    await expire(store, conversation_id)
    assert (await claimed(store, conversation_id)).attempt == 2


async def test_what_is_due_longest_comes_first_and_tells_how_late(store: Store) -> None:
    assert await store.turns.oldest_due() == 0.0
    ids = [(await said(store, sender=who)).message.conversation_id for who in ("ada", "bob", "eve")]
    for late, conversation_id in enumerate(ids):
        await store.database.change(
            "UPDATE conversations SET due_at = {now} - :late WHERE id = :id",
            late=(late + 1) * 60_000_000,
            id=conversation_id,
        )
    assert await store.turns.due() == ids[::-1]
    assert await store.turns.due(limit=1) == [ids[2]]
    assert await store.turns.due(waiting=150) == [ids[2]]
    assert 180 <= await store.turns.oldest_due() < 200
    counts = await store.counts()
    assert counts.conversations == {"bot": 3}
    assert counts.oldest_due >= 180


async def test_a_long_conversation_costs_a_turn_no_more(store: Store) -> None:
    conversation_id = (await said(store, "1")).message.conversation_id

    async def fill(tx: Transaction) -> None:
        tx.many(
            "INSERT INTO messages (id, conversation_id, seq, direction, author_kind, channel, address) "
            "VALUES (:id, :conversation_id, :seq, 'out', 'system', 'web', 'ada')",
            [{"id": f"msg_{seq}", "conversation_id": conversation_id, "seq": seq} for seq in range(2, 60)],
        )
        tx.later("UPDATE conversations SET last_seq = 59")

    await store.database.write(fill)
    claim = await claimed(store, conversation_id)
    assert len(claim.messages) == 20
    assert (claim.pending, claim.up_to_seq, claim.recipient) == (1, 1, "ada")


async def _hand_off(store: Store, conversation_id: str) -> tuple[bool, str]:
    changed = await store.conversations.hand_off(
        conversation_id,
        reason="customer_request",
        text="A colleague will answer.",
        html="<p>A colleague will answer.</p>",
        channel="web",
        recipient="ada",
        delivered=True,
    )
    return changed.new, changed.status
