"""Write calls are on record before they are made, and no attempt at a turn makes one twice."""

from __future__ import annotations

import asyncio
from typing import Literal

import pytest

from bot.journal import TurnJournal
from bot.orchestrator.agent import Doubtful, Ended, Go, LeaseLost
from bot.orchestrator.outcome import NeedsApproval, ProposedCall
from bot.store import Store
from bot.store.records import Claim
from tests.bot.store.given import claimed, concluded, count, expire, row, said
from tools.base import Arguments

ORDER: Arguments = {"order": "123456", "amount": 10}
REFUND = "refund (amount 10, order 123456)"


async def begun(store: Store, claim: Claim, arguments: Arguments = ORDER, *, idempotent: bool = False) -> str:
    """A call that may be made; its key."""
    go = await store.journal.begin(claim, "refund", arguments, idempotent=idempotent)
    assert isinstance(go, Go), go
    return go.key


async def next_attempt(store: Store, conversation_id: str) -> Claim:
    """The worker of the turn has died, and another one takes it."""
    await expire(store, conversation_id)
    return await claimed(store, conversation_id)


async def test_a_call_that_an_attempt_has_made_is_not_made_by_the_next(store: Store) -> None:
    claim = await claimed(store, (await said(store)).message.conversation_id)
    key = await begun(store, claim)
    await store.journal.end(key, "done", "R-1")
    second = await next_attempt(store, claim.conversation_id)
    same = {"amount": 10, "order": "123456"}
    assert await store.journal.begin(second, "refund", same, idempotent=False) == Ended(result="R-1")
    (earlier,) = second.earlier
    assert (earlier.tool, earlier.arguments, earlier.state, earlier.result) == (
        "refund", ORDER, "done", "R-1"
    )  # fmt: skip
    assert await begun(store, second, {"order": "7"}) != key


async def test_a_call_whose_end_nobody_knows_is_doubtful_unless_its_provider_keeps_keys(store: Store) -> None:
    claim = await claimed(store, (await said(store)).message.conversation_id)
    key = await begun(store, claim)
    kept = await begun(store, claim, {"order": "7"})
    second = await next_attempt(store, claim.conversation_id)
    assert {each.state for each in second.earlier} == {"running"}
    assert await store.journal.begin(second, "refund", ORDER, idempotent=False) == Doubtful()
    assert await begun(store, second, {"order": "7"}, idempotent=True) == kept
    third = await next_attempt(store, claim.conversation_id)
    assert await store.journal.begin(third, "refund", ORDER, idempotent=False) == Doubtful()
    assert await begun(store, third, {"order": "7"}, idempotent=True) == kept
    await store.journal.end(key, "done", "it did take effect")  # the first attempt was only slow
    assert await store.journal.begin(third, "refund", ORDER, idempotent=False) == Ended(
        result="it did take effect"
    )


async def test_an_end_is_written_once(store: Store) -> None:
    claim = await claimed(store, (await said(store)).message.conversation_id)
    key = await begun(store, claim)
    await store.journal.end(key, "failed", "sold out")
    await store.journal.end(key, "doubtful", "late")
    assert await store.journal.begin(claim, "refund", ORDER, idempotent=True) == Ended(
        result="sold out", failed=True
    )


async def test_a_lost_turn_begins_nothing_but_writes_down_what_it_has_done(store: Store) -> None:
    conversation_id = (await said(store)).message.conversation_id
    late = await claimed(store, conversation_id)
    key = await begun(store, late)
    second = await next_attempt(store, conversation_id)
    with pytest.raises(LeaseLost):
        await store.journal.begin(late, "refund", {"order": "7"}, idempotent=False)
    await store.journal.end(key, "done", "R-1")
    assert (await count(store, "calls"), second.attempt) == (1, 2)
    assert await store.journal.begin(second, "refund", ORDER, idempotent=False) == Ended(result="R-1")
    await store.people.set_status(conversation_id, "human")
    with pytest.raises(LeaseLost):
        await store.journal.begin(second, "refund", {"order": "7"}, idempotent=False)


@pytest.mark.parametrize(
    ("state", "note"),
    [
        ("done", f"Done by the bot, which had begun it before: {REFUND}. R-1"),
        (
            "failed",
            f"The bot had begun this before, and it was not done: {REFUND}. R-1",
        ),
        (
            "doubtful",
            f"Nobody knows whether this was done: {REFUND}. Look before anybody does it again. R-1",
        ),
    ],
)
async def test_whoever_took_over_is_told_how_a_call_ended_that_the_bot_had_begun(
    store: Store, state: Literal["done", "failed", "doubtful"], note: str
) -> None:
    claim = await claimed(store, (await said(store)).message.conversation_id)
    key, other = await begun(store, claim), await begun(store, claim, {"order": "7"})
    await store.journal.end(other, "done", "while it is the bot's")
    await store.people.set_status(claim.conversation_id, "human")
    await store.journal.end(key, state, "R-1")
    await store.journal.end(key, state, "R-1")
    async with store.database.read() as reader:
        notes = await reader.all("SELECT text FROM messages WHERE author_kind = 'system' AND private")
    assert [each["text"] for each in notes] == [note]


async def test_a_turn_taken_anew_after_a_person_had_it_knows_its_calls(store: Store) -> None:
    conversation_id = (await said(store)).message.conversation_id
    await store.journal.end(await begun(store, await claimed(store, conversation_id)), "done", "R-1")
    await store.people.set_status(conversation_id, "human")
    await store.people.set_status(conversation_id, "bot")
    again = await claimed(store, conversation_id)
    assert await store.journal.begin(again, "refund", ORDER, idempotent=False) == Ended(result="R-1")


async def test_the_same_wish_in_a_later_turn_is_another_call(store: Store) -> None:
    claim = await claimed(store, (await said(store, "1")).message.conversation_id)
    key = await begun(store, claim)
    await store.journal.end(key, "done", "R-1")
    assert await concluded(store, claim) is not None
    later = await claimed(store, (await said(store, "2")).message.conversation_id)
    assert later.earlier == []
    assert [(each.tool, each.state, each.result) for each in later.past] == [("refund", "done", "R-1")]
    assert await begun(store, later) != key


async def test_one_of_many_who_begin_the_same_call_at_once_makes_it(store: Store) -> None:
    claim = await claimed(store, (await said(store)).message.conversation_id)
    journal = TurnJournal(claim, store)
    asking = [
        asyncio.create_task(journal.begin("refund", ORDER, idempotent=False)) for _ in range(5)
    ]  # fmt: skip
    done, _ = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
    (first,) = done
    go = first.result()
    assert isinstance(go, Go)
    await journal.end(go.key, "done", "R-1")
    rest = [await each for each in asking if each is not first]
    assert rest == [Ended(result="R-1")] * 4


async def test_what_waits_for_an_operator_is_asked_for_once_and_the_bot_goes_on(store: Store) -> None:
    first = await said(store, "1")
    claim = await claimed(store, first.message.conversation_id)
    wish = NeedsApproval(
        calls=[
            ProposedCall(tool="refund", arguments=ORDER, why="It arrived broken."),
            ProposedCall(tool="refund", arguments={"order": "7"}),
        ],
        text="I have asked a colleague.",
    )
    done = await concluded(store, claim, wish)
    assert done is not None
    assert done.status == "bot"
    second = await claimed(store, (await said(store, "2")).message.conversation_id)
    assert [each.state for each in second.waiting] == ["pending", "pending"]
    assert (second.earlier, second.news) == ([], [])
    assert await concluded(store, second, wish) is not None
    assert await count(store, "calls") == 2
    kept = await row(
        store, "SELECT message_id, why, asked, expires_at - created_at AS time FROM calls WHERE why <> ''"
    )
    assert kept == {
        "message_id": first.message.id,
        "why": "It arrived broken.",
        "asked": True,
        "time": 24 * 3600 * 1_000_000,
    }


async def test_a_turn_without_calls_never_looks_for_any(store: Store) -> None:
    """What ordinary turns pay for the journal."""
    conversation_id = (await said(store)).message.conversation_id
    await store.database.change(  # one nobody counted would be found by looking
        "INSERT INTO calls (id, conversation_id, key) VALUES ('x', :id, 'x')", id=conversation_id
    )
    assert (await claimed(store, conversation_id)).earlier == []
