"""Redis rings and passes on; without it everything still happens, only slower."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest

from tests.faults.conftest import ANOTHER, QUESTION, Site
from tests.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

_ACCEPTED = 1.0  # seconds in which a visitor gets their 202, whatever Redis does
_ANSWERED = 14.0  # seconds; a stream that nobody wakes looks for itself only every 15


async def _accepted_in_time(visitor: Visitor) -> None:
    began = time.monotonic()
    answer = await visitor.post(ANOTHER if len(visitor.replies) % 2 else QUESTION)
    took = time.monotonic() - began
    assert answer.status == 202
    assert took < _ACCEPTED, f"accepted after {took:.2f} s"
    await visitor.answer_to(answer.json["message"], within=_ANSWERED)


@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
async def test_without_redis_visitors_are_still_heard_and_answered(site: Site, fault: signal.Signals) -> None:
    async with site.following(4) as visitors:
        await asyncio.gather(*(_accepted_in_time(visitor) for visitor in visitors))
        if fault is signal.SIGKILL:
            site.redis.end(fault)
        else:
            site.redis.send(fault)
        for _ in range(2):
            await asyncio.gather(*(_accepted_in_time(visitor) for visitor in visitors))
        site.redis.send(signal.SIGCONT)
        if not site.redis.running:
            await asyncio.to_thread(site.redis.start)
        await asyncio.gather(*(_accepted_in_time(visitor) for visitor in visitors))


async def test_arrivals_and_new_streams_do_not_wait_for_a_stopped_redis(site: Site) -> None:
    site.redis.send(signal.SIGSTOP)
    began = time.monotonic()
    async with site.following(2) as visitors:
        assert time.monotonic() - began < 4 * _ACCEPTED
        await asyncio.gather(*(_accepted_in_time(visitor) for visitor in visitors))


async def test_a_redis_that_forgets_everything_under_load_loses_nothing(site: Site) -> None:
    site.model.become(first_delay=0.2)
    async with site.following(8) as visitors:

        async def forget() -> None:
            with site.redis.client() as client:
                while True:
                    await asyncio.to_thread(client.flushall)
                    await asyncio.sleep(0.02)

        forgetting = asyncio.create_task(forget())
        for question in (QUESTION, ANOTHER, QUESTION):
            messages = await asyncio.gather(*(visitor.say(question) for visitor in visitors))
            # Rung again by the sweep within 5 s, each time the bell was forgotten.
            await asyncio.gather(
                *(visitor.answer_to(m, within=20) for visitor, m in zip(visitors, messages, strict=True))
            )
        forgetting.cancel()
        await asyncio.gather(forgetting, return_exceptions=True)
    assert all(len(visitor.replies) == 3 for visitor in visitors)
