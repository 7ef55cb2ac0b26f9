"""Limits and rests hold over all processes, through a real Valkey and through its death."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from signal import SIGCONT, SIGKILL, SIGSTOP

import pytest

from bot.bell import RedisLink
from bot.ending import end
from bot.fleet import RedisFleet
from bot.orchestrator.breaker import Breaker
from bot.orchestrator.limits import Busy, Limits, Resting
from bot.orchestrator.registry import Component, Registry
from tests.front import until
from tests.processes import Valkey

BEAT = 0.25  # seconds; a process that gave no sign for four is gone
NARROW = Limits(concurrency=3)


@dataclass(kw_only=True)
class Worker:
    """What one process has: its own link, fleet and components."""

    link: RedisLink
    fleet: RedisFleet
    registry: Registry
    model: Component
    signs: asyncio.Task[None] = field(repr=False)

    @property
    def breaker(self) -> Breaker:
        assert self.model.breaker is not None
        return self.model.breaker

    async def dies(self) -> None:
        await end(self.signs)


@contextlib.asynccontextmanager
async def workers(
    server: Valkey, number: int, limits: Limits, *, rest: float = 30.0
) -> AsyncIterator[list[Worker]]:
    """So many processes, all of which know of each other."""
    started: list[Worker] = []
    with server.client() as client:
        client.flushall()
    for _ in range(number):
        link = RedisLink(server.url)
        fleet = RedisFleet(link, beat=BEAT)
        registry = Registry(fleet)
        model = registry.add("model", "small", limits=limits, breaker=Breaker(failures=3, rest=rest))
        await fleet.sign(registry)
        signs = asyncio.create_task(fleet.keep(registry))
        started.append(Worker(link=link, fleet=fleet, registry=registry, model=model, signs=signs))
    for each in started:
        await each.fleet.sign(each.registry)
    try:
        yield started
    finally:
        for each in started:
            await each.dies()
            await each.fleet.close()
            await each.link.close()


@dataclass
class Doing:
    """Calls of one thing through several processes."""

    inside: int = 0
    most: int = 0
    done: int = 0

    async def call(self, component: Component, *, patience: float = 10.0, seconds: float = 0.005) -> None:
        async with component.call(patience=patience):
            self.inside += 1
            self.most = max(self.most, self.inside)
            try:
                await asyncio.sleep(seconds)  # what the call takes
            finally:
                self.inside -= 1
            self.done += 1


async def acquainted(*all_of_them: Worker) -> None:
    """Each tells that it calls, then each hears of it."""
    for each in (*all_of_them, *all_of_them):
        await each.fleet.sign(each.registry)


async def fail(component: Component) -> None:
    with contextlib.suppress(ZeroDivisionError):
        async with component.call():
            raise ZeroDivisionError


async def test_all_processes_together_make_no_more_calls_at_once_than_it_bears(server: Valkey) -> None:
    doing = Doing()
    async with workers(server, 2, NARROW) as both:
        await asyncio.gather(*(doing.call(each.model) for each in both for _ in range(20)))
    assert (doing.most, doing.done) == (3, 40)


async def test_all_processes_together_begin_no_more_calls_in_a_minute_than_it_bears(server: Valkey) -> None:
    doing = Doing()
    async with workers(server, 2, Limits(per_minute=7)) as both:
        ends = await asyncio.gather(
            *(doing.call(each.model, patience=0) for each in both for _ in range(10)), return_exceptions=True
        )
        refused = [each for each in ends if isinstance(each, Busy)]
        assert (doing.done, len(refused)) == (7, 13)
        with pytest.raises(Busy) as busy:
            await doing.call(both[0].model, patience=0)
        assert 50 < busy.value.after <= 60


async def test_the_places_of_a_process_that_died_are_free_again(server: Valkey) -> None:
    async with workers(server, 2, Limits(concurrency=1)) as (first, second):
        held = first.model.call()
        await held.__aenter__()
        for _ in range(8):  # twice the lease: whoever is alive holds on to what is theirs
            await asyncio.sleep(BEAT)
            with pytest.raises(Busy):
                await Doing().call(second.model, patience=0)
        await first.dies()
        await Doing().call(second.model, patience=5.0)
        await held.__aexit__(None, None, None)


async def test_what_failed_in_one_process_rests_in_all_and_one_of_them_tries(server: Valkey) -> None:
    async with workers(server, 3, NARROW, rest=0.5) as all_three:
        for each in (all_three[0], all_three[1], all_three[0]):  # in a row, but in no process three
            await fail(each.model)
        await until(lambda: all(each.model.state == "down" for each in all_three))
        with pytest.raises(Resting):
            await Doing().call(all_three[2].model)
        await until(lambda: all(each.breaker.state == "half-open" for each in all_three))
        doing = Doing()
        ends = await asyncio.gather(
            *(doing.call(each.model, seconds=0.2) for each in all_three for _ in range(5)),
            return_exceptions=True,
        )
        assert doing.done == 1
        assert sum(isinstance(each, Resting) for each in ends) == 14
        await until(lambda: all(each.model.state == "up" for each in all_three))


async def test_each_try_that_fails_makes_the_rest_longer_for_all(server: Valkey) -> None:
    async with workers(server, 2, NARROW, rest=1.0) as (first, second):
        rests: list[float] = []
        for failures in (3, 1, 1):
            if rests:
                await until(lambda: first.breaker.state == "half-open")
            for _ in range(failures):
                await fail(first.model)
            await second.fleet.sign(second.registry)
            rests.append(second.breaker.left())
        assert 0 < rests[0] < 1.25
        assert rests[0] < rests[1] < rests[2] < 5.0


async def test_a_redis_that_is_killed_leaves_each_process_its_share_and_is_told_again_what_is_under_way(
    server: Valkey,
) -> None:
    doing = Doing()
    async with workers(server, 2, Limits(concurrency=4), rest=30) as both:
        for each in both:
            await doing.call(each.model)
        await acquainted(*both)
        held = [both[0].model.call() for _ in range(3)]
        for each in held:
            await each.__aenter__()
        server.end(SIGKILL)
        began = time.monotonic()
        with pytest.raises(Busy):
            await doing.call(both[0].model, patience=0)
        assert time.monotonic() - began < 2
        await asyncio.gather(*(doing.call(both[1].model) for _ in range(20)))
        assert doing.most == 2
        resting = [each.registry.add("model", "large", breaker=Breaker(failures=1)) for each in both]
        await fail(resting[1])
        assert [each.state for each in resting] == ["up", "down"]
        server.start()
        await until(lambda: both[0].link.up and both[1].link.up)
        await both[0].fleet.sign(both[0].registry)
        await asyncio.sleep(3 * BEAT)  # until everybody had the time to tell
        one = both[0].model.call()
        await one.__aenter__()
        with pytest.raises(Busy):
            await doing.call(both[0].model, patience=0)
        for each in (*held, one):
            await each.__aexit__(None, None, None)
        assert [each.state for each in resting] == ["down", "down"]


async def test_a_redis_that_forgets_everything_is_told_again(server: Valkey) -> None:
    async with workers(server, 2, Limits(concurrency=2, per_minute=5), rest=30) as (first, second):
        held = [each.model.call() for each in (first, second)]
        for each in held:
            await each.__aenter__()
        await acquainted(first, second)
        resting = [
            each.registry.add("model", "large", breaker=Breaker(failures=1)) for each in (first, second)
        ]
        await fail(resting[0])
        await until(lambda: resting[1].state == "down")
        with server.client() as client:
            client.flushall()
        with pytest.raises(Busy):
            await Doing().call(first.model, patience=0)
        await asyncio.sleep(4 * BEAT)
        assert [each.state for each in resting] == ["down", "down"]
        for each in (first, second):
            with pytest.raises(Busy):
                await Doing().call(each.model, patience=0)
        for each in held:
            await each.__aexit__(None, None, None)
        doing = Doing()
        ends = await asyncio.gather(
            *(doing.call(first.model, patience=0.5) for _ in range(6)), return_exceptions=True
        )
        assert doing.done == 3, ends


async def test_a_redis_that_is_stopped_holds_nobody_up_for_long(server: Valkey) -> None:
    async with workers(server, 1, NARROW) as (only,):
        server.send(SIGSTOP)
        try:
            began = time.monotonic()
            await Doing().call(only.model)
            assert time.monotonic() - began < 3
        finally:
            server.send(SIGCONT)


async def test_each_process_hears_how_the_others_find_the_components(server: Valkey) -> None:
    async with workers(server, 3, NARROW) as (web, first, second):
        await Doing().call(first.model)
        await fail(second.model)
        for each in (first, second):
            await each.fleet.sign(each.registry)
        heard = [each["model:small"] for each in (await web.fleet.others()).values()]
        assert sorted((each.total.calls, each.total.failures, each.state) for each in heard) == [
            (1, 0, "up"),
            (1, 1, "degraded"),
        ]
        await first.dies()
        await asyncio.sleep(5 * BEAT)
        assert len(await web.fleet.others()) == 1


async def test_nobody_is_heard_without_a_redis(unused_tcp_port: int) -> None:
    link = RedisLink("")
    fleet = RedisFleet(link)
    await fleet.sign(Registry(fleet))
    assert not await fleet.others()
    await link.close()
