"""One call of a tool: checked, in time, on record before and after, and seen through to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bot.orchestrator.agent import LeaseLost
from bot.orchestrator.perform import UNVERIFIED, Performed, perform
from bot.testing import MemoryJournal
from bot.trace import Trace
from tests.front import until
from tools.base import Arguments, Person, Tool, ToolContext, ToolFailed, WrongArguments

CONTEXT = ToolContext(
    person=Person(id="contact"),
    conversation_id="conversation",
    turn_id="turn",
    channel="web",
    language="en",
    key="",
)


def tool(call: Callable[[ToolContext, Arguments], Awaitable[str]], **more: Any) -> Tool:
    def check(arguments: Arguments) -> Arguments:
        if not isinstance(arguments.get("order"), str):
            raise WrongArguments({"order": "a text is needed"})
        return {"order": str(arguments["order"]).strip()}

    more = {"effect": "write", **more}
    return Tool(name="refund", description="", parameters={}, check=check, call=call, **more)


class Shop:
    """Refunds as told, and keeps the keys it was called with."""

    def __init__(self, *answers: str | Exception | asyncio.Event) -> None:
        self.keys: list[str] = []
        self._answers = list(answers)

    async def refund(self, context: ToolContext, arguments: Arguments) -> str:
        self.keys.append(context.key)
        match self._answers.pop(0) if self._answers else f"refunded {arguments['order']}":
            case Exception() as error:
                raise error
            case asyncio.Event() as event:
                await event.wait()
                return "refunded at last"
            case answer:
                return answer


async def made(
    refund: Tool, journal: MemoryJournal | None = None, trace: Trace | None = None, **arguments: Any
) -> Performed:
    arguments = arguments or {"order": " 123456 "}
    return await perform(
        refund, CONTEXT, arguments, journal or MemoryJournal(), trace or Trace(turn_id="t"), needs=("route",)
    )


async def test_a_write_is_on_record_before_and_after_and_carries_its_key() -> None:
    journal, shop, trace = MemoryJournal(), Shop(), Trace(turn_id="t")
    performed = await made(tool(shop.refund), journal, trace)
    assert (performed.state, performed.result, performed.again) == ("done", "refunded 123456", False)
    assert journal.begun == [("refund", {"order": "123456"})]
    assert journal.ended == {shop.keys[0]: ("done", "refunded 123456")}
    (step,) = trace.steps
    assert (step.kind, step.name, step.status, step.needs) == ("tool", "refund", "ok", ("route",))
    assert step.input == {"order": "123456"}
    assert step.output == {"state": "done", "result": "refunded 123456", "again": False, "within": 10.0}


async def test_what_was_done_before_is_told_and_not_done_again() -> None:
    journal, shop = MemoryJournal(), Shop("refunded", ToolFailed("sold out"))
    refund = tool(shop.refund)
    await made(refund, journal)
    again = await made(refund, journal)
    assert (again.state, again.result, again.again) == ("done", "refunded", True)
    await made(refund, journal, order="7")
    assert (await made(refund, journal, order="7")).state == "failed"
    assert len(shop.keys) == 2


async def test_a_write_somebody_began_before_is_not_made_again_unless_its_provider_keeps_keys() -> None:
    journal, shop = MemoryJournal(doubtful=["refund"]), Shop()
    doubtful = await made(tool(shop.refund), journal)
    assert (doubtful.state, shop.keys) == ("doubtful", [])
    assert (await made(tool(shop.refund, idempotent=True), journal)).state == "done"


async def test_a_second_try_that_fails_says_nothing_of_the_first() -> None:
    journal, shop = MemoryJournal(doubtful=["refund"]), Shop(ToolFailed("it is resting"))
    performed = await made(tool(shop.refund, idempotent=True), journal)
    assert (performed.state, performed.result) == ("doubtful", "it is resting")
    assert journal.ended == {shop.keys[0]: ("doubtful", "it is resting")}


async def test_wrong_arguments_reach_neither_the_journal_nor_the_tool() -> None:
    journal, shop, trace = MemoryJournal(), Shop(), Trace(turn_id="t")
    wrong = await made(tool(shop.refund), journal, trace, name="order", order=7)
    assert (wrong.state, wrong.problems) == ("wrong", {"order": "a text is needed"})
    assert (journal.begun, shop.keys) == ([], [])
    assert (trace.steps[0].status, trace.steps[0].error) == ("failed", "order: a text is needed")


@pytest.mark.parametrize(
    ("effect", "error", "state"),
    [
        ("write", ToolFailed("sold out"), "failed"),
        ("write", ToolFailed("cut off", uncertain=True), "doubtful"),
        ("write", ValueError("?"), "doubtful"),
        ("write", TimeoutError(), "doubtful"),
        ("read", ToolFailed("cut off", uncertain=True), "failed"),
        ("read", ValueError("?"), "failed"),
    ],
)
async def test_how_a_call_ended_that_went_wrong(effect: str, error: Exception, state: str) -> None:
    journal = MemoryJournal()
    performed = await made(tool(Shop(error).refund, effect=effect), journal)
    assert performed.state == state
    assert performed.result
    written = [(state, performed.result)] if effect == "write" else []
    assert list(journal.ended.values()) == written


async def test_a_call_has_its_time_and_no_more() -> None:
    journal = MemoryJournal()
    late = await made(tool(Shop(asyncio.Event()).refund, timeout=0.02), journal)
    assert (late.state, late.result) == ("doubtful", "No answer within 0.02 s.")
    assert (await made(tool(Shop(asyncio.Event()).refund, timeout=0.02, effect="read"))).state == "failed"


async def test_a_write_of_a_turn_that_is_cut_off_is_seen_through_and_written_down() -> None:
    journal, done = MemoryJournal(), asyncio.Event()
    making = asyncio.create_task(made(tool(Shop(done).refund), journal))
    await until(lambda: journal.begun)
    making.cancel()
    asyncio.get_running_loop().call_later(0.01, done.set)
    with pytest.raises(asyncio.CancelledError):
        await making
    assert list(journal.ended.values()) == [("done", "refunded at last")]


async def test_a_turn_that_is_lost_changes_nothing() -> None:
    class Lost(MemoryJournal):
        async def begin(self, tool: str, arguments: Arguments, *, idempotent: bool) -> Any:
            raise LeaseLost

    shop = Shop()
    with pytest.raises(LeaseLost):
        await made(tool(shop.refund), Lost())
    assert shop.keys == []


async def test_who_only_claims_to_be_somebody_is_not_served() -> None:
    shop = Shop()
    performed = await made(tool(shop.refund, needs_verified=True))
    assert (performed.state, performed.result, shop.keys) == ("failed", UNVERIFIED, [])


async def test_a_result_is_bounded_and_fit_for_every_database() -> None:
    performed = await made(tool(Shop("a\x00" + "x" * 20_000).refund))
    assert performed.result.startswith("ax")
    assert performed.result.endswith("x […]")
    assert len(performed.result) == 8_000
