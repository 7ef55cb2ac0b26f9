"""An operator's word about a call: given once, carried out once, and heard of by the contact."""

from __future__ import annotations

import pytest

from bot.orchestrator.agent import Go
from bot.orchestrator.outcome import HandOff, NeedsApproval, ProposedCall
from bot.store import Store
from bot.store.calls import Deadlines
from bot.store.records import Approval, Claim, ClaimedCall, Operator
from tests.bot.store.given import HAND_OFF, claimed, concluded, expire, row, said
from tools.base import Arguments

ORDER: Arguments = {"order": "123456", "amount": 10}
DONE = "Done, as Grace allowed: refund (amount 10, order 123456). R-1"
DOUBTFUL = (
    "Nobody knows whether this was done: refund (amount 10, order 123456). Look before anybody does it again."
)


async def grace(store: Store) -> Operator:
    return await store.operators.add("grace@example.com", "Grace", "hash")


async def asked(
    store: Store, arguments: Arguments = ORDER, *, sender: str = "ada", deadlines: Deadlines | None = None
) -> tuple[str, str]:
    """A call that waits for an operator, and its conversation."""
    first = await said(store, "1", sender=sender)
    claim = await claimed(store, first.message.conversation_id)
    wish = NeedsApproval(
        calls=[ProposedCall(tool="refund", arguments=arguments, why="It broke.", unsaid=("amount",))],
        text="I have asked a colleague.",
    )
    done = await concluded(store, claim, wish, deadlines=deadlines or Deadlines())
    assert done is not None
    (call_id,) = done.asked
    return call_id, claim.conversation_id


async def approved(store: Store, call_id: str, arguments: Arguments = ORDER, note: str = "") -> Approval:
    decided = await store.approvals.approve(call_id, await grace(store), arguments=arguments, note=note)
    assert decided is not None
    assert decided.new
    return decided.approval


async def begun(store: Store, call_id: str, lease: float = 30) -> ClaimedCall:
    claim = await store.acts.claim(call_id, lease)
    assert isinstance(claim, ClaimedCall), claim
    return claim


async def over(store: Store, call_id: str) -> None:
    """What was to happen to the call by now is due; its time is over if it waits for a person."""
    await store.database.change("UPDATE calls SET due_at = 1, expires_at = 1 WHERE id = :id", id=call_id)


async def notes(store: Store, conversation_id: str) -> list[str]:
    thread = await store.inbox.thread(conversation_id)
    assert thread is not None
    return [each.text for each in thread.messages if each.private]


async def told(store: Store, conversation_id: str) -> Claim:
    """The turn that tells news."""
    claim = await claimed(store, conversation_id)
    assert claim.pending == 0
    return claim


async def test_whoever_takes_over_is_asked_as_well(store: Store) -> None:
    first = await said(store, "1")
    claim = await claimed(store, first.message.conversation_id)
    refund = ProposedCall(tool="refund", arguments=ORDER, why="It broke.")
    done = await concluded(store, claim, HandOff(reason="tool_failure", text="A colleague.", calls=[refund]))
    assert done is not None
    assert done.status == "waiting"
    waiting = await store.approvals.get(done.asked[0])
    assert waiting is not None
    assert (waiting.state, waiting.arguments) == ("pending", ORDER)


async def test_what_waits_is_listed_longest_first_with_all_an_operator_needs(store: Store) -> None:
    first, conversation_id = await asked(store)
    second, _ = await asked(store, {"order": "7"}, sender="bob")
    page, more = await store.approvals.page("pending", limit=1)
    rest, end = await store.approvals.page("pending", before=more, limit=1)
    assert [each.id for each in (*page, *rest)] == [first, second]
    assert end is None
    found = page[0]
    assert (found.tool, found.arguments, found.why, found.unsaid) == (
        "refund",
        ORDER,
        "It broke.",
        ["amount"],
    )
    assert (found.state, found.conversation_id, found.channel) == ("pending", conversation_id, "web")
    assert 0 <= found.age < 60
    assert await store.approvals.waiting() == 2
    assert await store.approvals.get(first) == found or found.age >= 0


async def test_a_word_is_given_once(store: Store) -> None:
    call_id, _ = await asked(store)
    edited = {"order": "123456", "amount": 5}
    approval = await approved(store, call_id, edited, "Sorry about that.")
    assert (approval.state, approval.arguments, approval.proposed) == ("approved", edited, ORDER)
    assert approval.decided_by is not None
    assert approval.decided_by.name == "Grace"
    operator = await store.operators.by_email("grace@example.com")
    assert operator is not None
    late = await store.approvals.reject(call_id, operator)
    assert late is not None
    assert (late.new, late.approval.state) == (False, "approved")
    again = await store.approvals.approve(call_id, operator, arguments=ORDER)
    assert again is not None
    assert (again.new, again.approval.arguments) == (False, edited)
    assert await store.approvals.approve("call_none", operator, arguments=ORDER) is None


async def test_an_allowed_call_is_taken_once_and_its_end_is_news(store: Store) -> None:
    call_id, conversation_id = await asked(store)
    assert await store.acts.claim(call_id, 30) is None, "nobody has allowed it"
    await approved(store, call_id)
    assert await store.acts.due() == [call_id]
    claim = await begun(store, call_id)
    assert (claim.tool, claim.arguments, claim.fence) == ("refund", ORDER, 1)
    assert await store.acts.claim(call_id, 30) is None
    assert await store.acts.due() == []
    assert await store.acts.keep(claim, 30)
    settled = await store.acts.settle(claim, "done", "R-1")
    assert settled is not None
    assert settled.state == "done"
    news = await told(store, conversation_id)
    (call,) = news.news
    assert (call.tool, call.state, call.result, call.why) == ("refund", "done", "R-1", "It broke.")
    assert await concluded(store, news) is not None
    assert await store.turns.claim(conversation_id, 30) is None, "it is told once"
    assert await notes(store, conversation_id) == []


async def test_what_was_begun_and_left_is_taken_again_under_the_same_key(store: Store) -> None:
    call_id, _ = await asked(store)
    await approved(store, call_id)
    dead = await begun(store, call_id)
    await over(store, call_id)
    heir = await begun(store, call_id)
    assert (heir.key, heir.fence) == (dead.key, 2)
    assert not await store.acts.keep(dead, 30)
    assert await store.acts.settle(dead, "failed", "late") is None, "its heir knows better"
    assert await store.acts.settle(heir, "doubtful", "no end was seen") is not None
    after_all = await store.acts.settle(dead, "done", "R-1")
    assert after_all is not None, "what has happened has happened"
    assert after_all.state == "done"
    counted = await row(store, "SELECT news FROM conversations")
    assert counted == {"news": 1}
    assert await store.acts.settle(heir, "done", "R-2") is None


async def test_what_is_postponed_is_due_again(store: Store) -> None:
    call_id, _ = await asked(store)
    await approved(store, call_id)
    claim = await begun(store, call_id)
    await store.acts.postpone(claim, seconds=0, result="no answer")
    assert (await begun(store, call_id)).fence == 2


async def test_a_person_who_has_the_conversation_is_told_in_a_note_and_the_bot_if_they_hand_back(
    store: Store,
) -> None:
    call_id, conversation_id = await asked(store)
    operator = await grace(store)
    await store.people.take(conversation_id, operator)
    found = await store.approvals.of_conversation(conversation_id)
    assert [each.state for each in found] == ["pending"], "whoever takes over sees it"
    await store.approvals.approve(call_id, operator, arguments=ORDER)
    await store.acts.settle(await begun(store, call_id), "done", "R-1")
    assert await notes(store, conversation_id) == [DONE]
    assert await store.turns.claim(conversation_id, 30) is None
    await store.people.set_status(conversation_id, "bot")
    assert [each.state for each in (await told(store, conversation_id)).news] == ["done"]


async def test_whoever_answers_tells_the_news_themselves(store: Store) -> None:
    call_id, conversation_id = await asked(store)
    operator = await grace(store)
    await store.approvals.reject(call_id, operator, note="Not ours.")
    await store.people.reply(
        conversation_id,
        operator=operator,
        client_id="1",
        text="It is not ours.",
        html="",
        leaving=lambda _: None,
    )
    await store.people.set_status(conversation_id, "bot")
    assert await store.turns.claim(conversation_id, 30) is None


async def test_a_rejected_call_is_news_even_while_a_turn_runs(store: Store) -> None:
    call_id, conversation_id = await asked(store)
    await said(store, "2")
    running = await claimed(store, conversation_id)
    await store.approvals.reject(call_id, await grace(store), note="Not ours.")
    assert await store.turns.claim(conversation_id, 30) is None, "the turn still runs"
    done = await concluded(store, running)
    assert done is not None
    assert done.more
    (call,) = (await told(store, conversation_id)).news
    assert (call.state, call.note) == ("rejected", "Not ours.")


async def test_operators_are_reminded_once_and_in_the_end_it_expires(store: Store) -> None:
    call_id, conversation_id = await asked(store, deadlines=Deadlines(remind_after=0, expires_after=60))
    reminder = await store.acts.claim(call_id, 30)
    assert isinstance(reminder, Approval)
    assert (reminder.state, reminder.reminded_at) == ("pending", None)
    await store.acts.reminded(call_id)
    assert await store.acts.claim(call_id, 30) is None
    found = await store.approvals.get(call_id)
    assert found is not None
    assert found.reminded_at is not None
    await over(store, call_id)
    operator = await grace(store)
    late = await store.approvals.approve(call_id, operator, arguments=ORDER)
    assert late is not None
    assert not late.new, "its time is over, though nobody has looked yet"
    expired = await store.acts.claim(call_id, 30)
    assert isinstance(expired, Approval)
    assert expired.state == "expired"
    assert [each.state for each in (await told(store, conversation_id)).news] == ["expired"]


async def test_resolving_asks_nobody_any_more(store: Store) -> None:
    call_id, conversation_id = await asked(store)
    await store.people.set_status(conversation_id, "resolved")
    found = await store.approvals.get(call_id)
    assert found is not None
    assert found.state == "expired"
    assert await store.approvals.waiting() == 0
    assert await store.acts.due() == []
    await store.people.set_status(conversation_id, "bot")
    assert await store.turns.claim(conversation_id, 30) is None, "nobody waits for an answer about it"


async def test_a_call_that_its_turn_left_behind_becomes_a_persons(store: Store) -> None:
    claim = await claimed(store, (await said(store)).message.conversation_id)
    go = await store.journal.begin(claim, "refund", ORDER, idempotent=False)
    assert isinstance(go, Go)
    await store.people.set_status(claim.conversation_id, "human")
    (call_id,) = [(await row(store, "SELECT id FROM calls"))["id"]]
    assert await store.acts.claim(call_id, 30) is None, "the turn may still come back to it"
    await over(store, call_id)
    left = await store.acts.claim(call_id, 30)
    assert isinstance(left, Approval)
    assert left.state == "doubtful"
    assert await notes(store, claim.conversation_id) == [DOUBTFUL]
    assert await store.acts.due() == []


async def test_the_next_attempt_of_a_turn_sees_to_what_the_first_left_behind(store: Store) -> None:
    claim = await claimed(store, (await said(store)).message.conversation_id)
    await store.journal.begin(claim, "refund", ORDER, idempotent=False)
    await expire(store, claim.conversation_id)
    call_id = (await row(store, "SELECT id FROM calls"))["id"]
    await over(store, call_id)
    assert isinstance(await store.acts.claim(call_id, 30), Approval)
    again = await claimed(store, claim.conversation_id)
    assert [each.state for each in again.earlier] == ["doubtful"]
    assert again.news == []


async def test_whoever_is_handed_the_conversation_hears_of_what_was_begun_at_once(store: Store) -> None:
    claim = await claimed(store, (await said(store)).message.conversation_id)
    await store.journal.begin(claim, "refund", ORDER, idempotent=False)
    await expire(store, claim.conversation_id)
    again = await claimed(store, claim.conversation_id)
    assert await concluded(store, again, HAND_OFF) is not None
    assert await notes(store, claim.conversation_id) == [DOUBTFUL]
    assert await store.acts.due() == []


@pytest.mark.parametrize("decision", ["approve", "reject"])
async def test_others_programs_hear_of_it_in_order(database_url: str, decision: str) -> None:
    store = await Store.open(database_url, announces=True)
    try:
        call_id, _ = await asked(store)
        operator = await grace(store)
        if decision == "approve":
            await store.approvals.approve(call_id, operator, arguments=ORDER)
        else:
            await store.approvals.reject(call_id, operator, note="No.")
        async with store.database.read() as reader:
            rows = await reader.all("SELECT type, data FROM webhooks ORDER BY seq, part")
        assert [each["type"] for each in rows][-2:] == ["approval.requested", "approval.decided"]
        state = "approved" if decision == "approve" else "rejected"
        assert f'"status":"{state}"' in rows[-1]["data"]
        gaps = await row(store, "SELECT MAX(seq) - COUNT(*) AS gap FROM events")
        assert gaps == {"gap": 0}
    finally:
        await store.close()
