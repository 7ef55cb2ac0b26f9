"""Time limits are kept, retries fit, and what fails is left alone for a while."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence

import pytest

from bot.orchestrator.agent import Delta, ModelFailed, ModelMessage, ModelRequest, Usage
from bot.orchestrator.breaker import Breaker
from bot.orchestrator.limits import Limits
from bot.orchestrator.registry import Registry
from bot.orchestrator.resilience import GuardedModel, GuardedSource, guarded, pause_before_retry
from bot.testing import ScriptedModel
from knowledge.base import LookupFailed, Passage
from knowledge.lookup import Down, Found, Lookup
from tests.doubles.clock import Clock
from tests.doubles.orchestra import RETURNS
from tools.base import Arguments, Person, Tool, ToolContext, ToolFailed

CONTEXT = ToolContext(
    person=Person(id="jo"), conversation_id="cnv", turn_id="trn", channel="web", language="en", key="k"
)


def request(*, first_token: float = 5.0, total: float = 5.0) -> ModelRequest:
    return ModelRequest(
        messages=[ModelMessage(role="user", content="hello")], first_token=first_token, total=total
    )


async def pieces(model: GuardedModel, **limits: float) -> list[Delta | Usage]:
    return [piece async for piece in model.stream(request(**limits))]


def pause(
    failure: ModelFailed, *, retries: int = 0, since: float = 0.0, deadline: float = 90.0
) -> float | None:
    return pause_before_retry(failure, retries=retries, since=since, deadline=deadline, now=since)


def test_the_providers_wish_is_kept_when_it_fits() -> None:
    assert pause(ModelFailed("busy", retry=True, after=7.0)) == 7.0
    assert pause(ModelFailed("busy", retry=True, after=600.0)) is None
    assert pause(ModelFailed("busy", retry=True, after=7.0), deadline=10.0) is None


def test_pauses_grow_and_are_never_alike() -> None:
    first = {pause(ModelFailed("busy", retry=True)) for _ in range(20)}
    second = {pause(ModelFailed("busy", retry=True), retries=1) for _ in range(20)}
    assert len(first) > 1
    assert all(each is not None and 0.2 <= each <= 0.5 for each in first)
    assert all(each is not None and 0.5 <= each <= 1.0 for each in second)


def test_what_will_not_get_better_is_not_asked_again() -> None:
    assert pause(ModelFailed("no such model", retry=False)) is None
    assert pause(ModelFailed("busy", retry=True), retries=2) is None


async def test_a_late_first_token_fails_in_time() -> None:
    model = GuardedModel(ScriptedModel([30.0, "late"]), Registry().add("model", "m"))
    began = time.monotonic()
    with pytest.raises(ModelFailed, match="too slow") as failed:
        await pieces(model, first_token=0.05)
    assert time.monotonic() - began < 2
    assert failed.value.retry


async def test_an_answer_that_never_ends_fails_in_time() -> None:
    model = GuardedModel(ScriptedModel(["a", 30.0, "b"]), Registry().add("model", "m"))
    with pytest.raises(ModelFailed, match="too slow"):
        await pieces(model, first_token=5.0, total=0.05)


async def test_a_slow_reader_is_not_the_models_fault() -> None:
    model = GuardedModel(ScriptedModel(["a", "b"]), Registry().add("model", "m"))
    heard = []
    async for piece in model.stream(request(first_token=0.05)):
        await asyncio.sleep(0.1)  # the reader's own time, longer than the model's limit: what this is about
        heard.append(piece)
    assert len(heard) == 3


async def test_a_failing_model_rests_and_says_how_it_is() -> None:
    clock = Clock()
    component = Registry().add("model", "m", breaker=Breaker(failures=3, rest=30, clock=clock))
    scripted = ScriptedModel(*[ModelFailed("busy", retry=True)] * 3, otherwise="hello")
    model = GuardedModel(scripted, component)
    for state in ("degraded", "degraded", "down"):
        with pytest.raises(ModelFailed, match="busy"):
            await pieces(model)
        assert component.state == state
    with pytest.raises(ModelFailed, match="resting") as failed:
        await pieces(model)
    assert not failed.value.retry
    assert len(scripted.requests) == 3, "a resting model is left alone"
    clock.now += 40
    assert await pieces(model)
    told = component.report()
    assert (told.state, told.breaker) == ("up", "closed")
    assert (told.total.calls, told.total.failures, told.error) == (4, 3, "busy")
    assert told.recent.percentile(0.5) is not None


async def test_a_request_that_a_model_refuses_costs_nobody_else_the_model() -> None:
    component = Registry().add("model", "m", breaker=Breaker(failures=1))
    refusal = ModelFailed("the provider's content filter stopped the answer", retry=False, refused=True)
    model = GuardedModel(ScriptedModel(["a", refusal], refusal, otherwise="hello"), component)
    for _ in range(2):
        with pytest.raises(ModelFailed, match="content filter"):
            await pieces(model)
        assert (component.state, component.last_error) == ("degraded", refusal.detail)
    assert await pieces(model)
    assert component.state == "up"


async def test_a_model_whose_answer_was_no_longer_wanted_has_neither_failed_nor_answered() -> None:
    component = Registry().add("model", "m", limits=Limits(concurrency=1))
    model = GuardedModel(ScriptedModel(["a", "b"], ["c"]), component)
    stream = model.stream(request())
    assert await anext(stream) == Delta(text="a")
    await stream.aclose()
    assert component.total.calls == 0
    assert await pieces(model), "its place is free again"


async def test_a_model_that_bears_no_more_calls_lets_them_wait_and_then_sends_them_on() -> None:
    component = Registry().add("model", "m", limits=Limits(concurrency=1))
    model = GuardedModel(ScriptedModel(["a", "b"], otherwise="hello"), component)
    slow = model.stream(request())
    await anext(slow)
    with pytest.raises(ModelFailed, match="as many calls as it bears") as failed:
        await pieces(model, first_token=0.1)
    assert not failed.value.retry
    waiting = asyncio.create_task(pieces(model))
    async for _ in slow:
        pass
    assert Delta(text="hello") in await waiting


class Source:
    """A knowledge source that does what it is told next; None hangs."""

    def __init__(self, *does: Sequence[Passage] | Exception | None) -> None:
        self.does = list(does)

    async def search(
        self, query: str, *, limit: int, history: Sequence[str] = (), scope: Sequence[str] = ()
    ) -> Sequence[Passage]:
        match self.does.pop(0):
            case None:
                await asyncio.Event().wait()
                return ()
            case Exception() as fault:
                raise fault
            case passages:
                return passages


@pytest.mark.parametrize("fault", [LookupFailed("refused"), OSError("reset"), ValueError("garbage"), None])
async def test_a_failing_source_is_left_alone_for_a_while(fault: Exception | None) -> None:
    clock = Clock()
    component = Registry().add(
        "knowledge", "index", limits=Limits(seconds=0.05), breaker=Breaker(failures=2, rest=9, clock=clock)
    )
    source = Source(fault, fault, [RETURNS])
    lookup = Lookup(GuardedSource(source, component))
    for _ in range(4):
        assert isinstance(await lookup.find("how?"), Down)
    assert len(source.does) == 1, "asked twice, then left alone"
    assert component.state == "down"
    clock.now += 12
    assert await lookup.find("how?") == Found(passages=(RETURNS,))
    assert component.state == "up"


async def test_a_tool_is_called_within_its_limits_and_says_how_it_is() -> None:
    calls: list[str] = []
    ends: deque[str | Exception | None] = deque()

    async def call(context: ToolContext, arguments: Arguments) -> str:
        calls.append(context.key)
        match ends.popleft():
            case None:
                await asyncio.Event().wait()
                return ""
            case Exception() as fault:
                raise fault
            case result:
                return result

    registry = Registry()
    tool = guarded(
        Tool(
            name="order_status",
            description="Look up an order",
            parameters={"type": "object"},
            check=lambda given: given,
            call=call,
            timeout=0.05,
        ),
        registry,
        limits=Limits(per_minute=9),
    )
    (component,) = registry.components()
    assert (component.kind, component.name, component.limits.seconds) == ("tool", "order_status", 0.05)

    async def ask() -> str:
        return await tool.call(CONTEXT, {})

    ends += ["sent", ToolFailed("no such order", refused=True), None, *[ToolFailed("500")] * 4]
    assert await ask() == "sent"
    with pytest.raises(ToolFailed, match="no such order"):
        await ask()
    assert component.state == "up", "the service answered"
    with pytest.raises(ToolFailed, match=r"no answer within 0\.05 s") as late:
        await ask()
    assert late.value.uncertain
    for _ in range(4):
        with pytest.raises(ToolFailed, match="500"):
            await ask()
    assert component.state == "down"
    with pytest.raises(ToolFailed, match="resting") as resting:
        await ask()
    assert not resting.value.uncertain
    assert len(calls) == 7
