"""Components count, rest and bear so many calls; breakers open, try and close."""

from __future__ import annotations

import asyncio
import statistics
import time
from bisect import bisect_left
from itertools import pairwise

import pytest

from bot.masking import Masking
from bot.orchestrator.breaker import LONGEST_REST, Breaker
from bot.orchestrator.figures import Recent
from bot.orchestrator.limits import Alone, Busy, Limits, Resting
from bot.orchestrator.registry import Component, Registry
from tests.doubles.clock import Clock
from tools.base import ToolFailed


def component(
    *,
    limits: Limits = Limits(),  # noqa: B008  it is frozen
    breaker: Breaker | None = None,
) -> Component:
    return Registry().add("model", "small", limits=limits, breaker=breaker)


async def fail(component: Component) -> None:
    with pytest.raises(ZeroDivisionError):
        async with component.call():
            raise ZeroDivisionError


async def test_a_breaker_opens_rests_lets_one_caller_try_and_closes() -> None:
    clock = Clock()
    failing = component(breaker=Breaker(failures=3, rest=30, clock=clock))
    for state in ("degraded", "degraded", "down"):
        await fail(failing)
        assert failing.state == state
    with pytest.raises(Resting) as resting:
        async with failing.call():
            pytest.fail("it was asked while it rested")
    assert 24 <= resting.value.after <= 36
    clock.now += 36
    assert failing.breaker is not None
    assert (failing.breaker.state, failing.state) == ("half-open", "down")
    async with failing.call():
        with pytest.raises(Resting):
            async with failing.call():
                pytest.fail("two tried at once")
    assert (failing.breaker.state, failing.state) == ("closed", "up")


async def test_a_try_that_fails_begins_another_rest_and_one_that_never_comes_back_makes_room() -> None:
    clock = Clock()
    failing = component(breaker=Breaker(failures=1, rest=30, clock=clock))
    await fail(failing)
    clock.now += 36
    await fail(failing)
    with pytest.raises(Resting):
        async with failing.call():
            pass
    clock.now += 36
    assert failing.breaker is not None
    assert failing.breaker.state == "open", "the second rest is twice as long"
    clock.now += 36
    lost = failing.call()
    await lost.__aenter__()
    clock.now += 36
    async with failing.call():
        pass
    assert failing.state == "up"
    await lost.__aexit__(None, None, None)


async def test_failures_that_were_under_way_do_not_make_a_rest_longer() -> None:
    clock = Clock()
    breaker = Breaker(failures=1, rest=30, clock=clock)
    breaker.failed()
    clock.now += 20
    breaker.failed()
    assert breaker.left() <= 16


async def test_rests_grow_to_a_limit_and_begin_small_again_after_a_success() -> None:
    clock = Clock()
    breaker = Breaker(failures=1, rest=30, clock=clock)
    rests = []
    for _ in range(8):
        breaker.failed()
        rests.append(breaker.left())
        clock.now += rests[-1]
        breaker.try_once()
    assert rests[-1] == LONGEST_REST
    assert all(before < after or after == LONGEST_REST for before, after in pairwise(rests))
    breaker.succeeded()
    breaker.failed()
    assert breaker.left() <= 36


async def test_rests_are_never_alike() -> None:
    assert len({Breaker().rest() for _ in range(20)}) > 10


async def test_a_success_in_between_starts_the_count_anew() -> None:
    some = component(breaker=Breaker(failures=2))
    for _ in range(3):
        await fail(some)
        async with some.call():
            pass
    assert some.state == "up"


async def test_what_has_no_breaker_is_always_asked_and_down_from_its_first_failure_on() -> None:
    store = component()
    for _ in range(10):
        await fail(store)
    assert store.state == "down"
    async with store.call():
        pass
    assert store.state == "up"


async def test_no_more_calls_run_at_once_than_it_bears_and_the_rest_wait_in_line() -> None:
    narrow = component(limits=Limits(concurrency=3))
    inside = most = 0
    order: list[int] = []

    async def call(number: int) -> None:
        nonlocal inside, most
        async with narrow.call(patience=5.0):
            order.append(number)
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.001)  # what the call takes
            inside -= 1

    await asyncio.gather(*(call(number) for number in range(30)))
    assert most == 3
    assert order == sorted(order)


async def test_who_does_not_want_to_wait_is_told_at_once_and_who_waits_in_vain_in_time() -> None:
    narrow = component(limits=Limits(concurrency=1))
    async with narrow.call():
        with pytest.raises(Busy):
            async with narrow.call():
                pytest.fail("two at once")
        began = time.monotonic()
        waiting = [asyncio.create_task(narrow.call(patience=0.2).__aenter__()) for _ in range(5)]
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(each, Busy) for each in results)
        assert time.monotonic() - began < 1
    async with narrow.call():
        pass
    assert narrow.state == "up", "to be busy is no fault"


@pytest.mark.parametrize("per_minute", [1, 7, 300])
async def test_in_no_minute_are_more_calls_begun_than_it_bears_and_no_fewer(per_minute: int) -> None:
    clock = Clock()
    alone = Alone(clock)
    begun: list[float] = []
    while clock.now < 1000 + 600:
        found = await alone.take("model:small", Limits(per_minute=per_minute))
        if callable(found):
            begun.append(clock.now)
        else:
            clock.now += found
    for place, first in enumerate(begun):
        assert bisect_left(begun, first + 60) - place <= per_minute
    assert len(begun) >= 10 * per_minute


async def test_a_share_of_a_limit_is_never_nothing() -> None:
    alone = Alone(Clock())
    alone.share = 0.01
    assert callable(await alone.take("model:small", Limits(concurrency=3, per_minute=5)))
    assert not callable(await alone.take("model:small", Limits(concurrency=3)))


async def test_percentiles_are_near_the_truth_and_errors_are_those_of_a_minute_or_two() -> None:
    clock = Clock()
    recent = Recent(clock)
    seconds = [0.002 * 1.01**step for step in range(1000)]
    for each in seconds:
        recent.current().good(each)
    for _ in range(250):
        recent.current().bad()
    told = recent.figures()
    ranks = statistics.quantiles(seconds, n=100)
    for share in (50, 95):
        assert told.percentile(share / 100) == pytest.approx(ranks[share - 1], rel=0.2)
    assert told.failures / told.calls == 0.2
    clock.now += 90
    recent.current().good(0.1)
    assert recent.figures().failures == 250
    clock.now += 61
    recent.current().good(0.1)
    assert (recent.figures().calls, recent.figures().failures) == (2, 0)


async def test_what_was_last_known_of_durations_is_kept_when_nobody_asks_any_more_but_no_failures() -> None:
    clock = Clock()
    recent = Recent(clock)
    recent.current().good(0.5)
    recent.current().bad()
    clock.now += 3600
    assert (recent.figures().calls, recent.figures().failures) == (1, 0)
    assert recent.figures().percentile(0.5) == pytest.approx(0.5, rel=0.2)


def test_two_components_of_one_name_are_a_mistake() -> None:
    registry = Registry()
    registry.add("tool", "refund")
    registry.add("model", "refund")
    with pytest.raises(ValueError, match="tool:refund"):
        registry.add("tool", "refund")


async def test_an_error_is_kept_without_what_it_must_not_tell() -> None:
    registry = Registry(mask=Masking(secrets=["hush-hush"]).text)
    component = registry.add("tool", "orders")
    with pytest.raises(ToolFailed):
        async with component.call():
            raise ToolFailed("key hush-hush knows no jane@example.com")
    assert component.last_error == "key [secret] knows no [email]"
