"""Time limits are kept, retries fit, breakers open and close."""

from __future__ import annotations

import asyncio
import time

import pytest

from bot.orchestrator.agent import Delta, ModelFailed, ModelMessage, ModelRequest, Usage
from bot.orchestrator.registry import Registry
from bot.orchestrator.resilience import Breaker, GuardedModel, WatchedLookup, pause_before_retry
from bot.testing import ScriptedModel
from knowledge.lookup import Down, Found, NoMatch
from tests.doubles.orchestra import RETURNS, Pages


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


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


def test_a_breaker_opens_rests_lets_one_probe_through_and_closes() -> None:
    clock = Clock()
    breaker = Breaker(failures=3, rest=30, clock=clock)
    for _ in range(2):
        breaker.failed()
    assert breaker.state == "closed"
    breaker.failed()
    assert breaker.state == "open"
    assert not breaker.allow()
    clock.now += 30
    assert breaker.state == "half-open"
    assert breaker.allow()
    assert not breaker.allow(), "only one probe at a time"
    breaker.failed()
    assert breaker.state == "open"
    clock.now += 30
    assert breaker.allow()
    breaker.succeeded()
    assert breaker.state == "closed"
    assert breaker.allow()


def test_a_probe_that_never_came_back_makes_room_for_another() -> None:
    clock = Clock()
    breaker = Breaker(failures=1, rest=30, clock=clock)
    breaker.failed()
    clock.now += 30
    assert breaker.allow()
    clock.now += 30
    assert breaker.allow()


def test_a_success_in_between_starts_the_count_anew() -> None:
    breaker = Breaker(failures=2)
    breaker.failed()
    breaker.succeeded()
    breaker.failed()
    assert breaker.state == "closed"


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
    component = Registry().add("model", "m")
    scripted = ScriptedModel(*[ModelFailed("busy", retry=True)] * 3, otherwise="hello")
    model = GuardedModel(scripted, component, Breaker(failures=3, rest=30, clock=clock))
    for state in ("degraded", "degraded", "down"):
        with pytest.raises(ModelFailed, match="busy"):
            await pieces(model)
        assert component.state == state
    with pytest.raises(ModelFailed, match="resting") as failed:
        await pieces(model)
    assert not failed.value.retry
    assert len(scripted.requests) == 3, "a resting model is left alone"
    clock.now += 30
    assert await pieces(model)
    told = component.as_json()
    assert told["state"] == "up"
    assert (told["calls"], told["failures"], told["last_error"]) == (4, 3, "busy")
    assert isinstance(told["p50"], float)


async def test_a_model_whose_answer_was_no_longer_wanted_has_not_failed() -> None:
    component = Registry().add("model", "m")
    model = GuardedModel(ScriptedModel(["a", "b"]), component)
    stream = model.stream(request())
    assert await anext(stream) == Delta(text="a")
    await stream.aclose()
    assert component.failures == 0


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (Found(passages=(RETURNS,)), "up"),
        (NoMatch(), "up"),
        (Found(passages=(RETURNS,), degraded=True), "degraded"),
        (Down(reason="refused"), "down"),
    ],
)
async def test_the_knowledge_says_how_it_is(answer: Found | NoMatch | Down, state: str) -> None:
    registry = Registry()
    watched = WatchedLookup(Pages(answer), registry.add("knowledge", "lookup"))
    assert await watched.find("how?", history=["before"]) is answer
    assert [each.state for each in registry.components()] == [state]
