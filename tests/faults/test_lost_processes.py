"""Processes end, stop and come back in the middle of the work; the store says what is left to do."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest

from tests.faults.conftest import ANOTHER, QUESTION, RECOVERY, Site
from tests.processes import until
from tests.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def test_a_killed_workers_turn_is_answered_by_another_once(site: Site) -> None:
    site.house.kill_worker(signal.SIGTERM, index=1)
    site.model.become(first_delay=4)
    async with site.following(1) as [visitor]:
        message = await visitor.say(QUESTION)
        await site.until_a_turn_runs()
        site.house.kill_worker(signal.SIGKILL, index=0)
        killed = time.monotonic()
        await asyncio.to_thread(site.house.workers[1].start)
        reply = await visitor.answer_to(message, within=RECOVERY)
        assert time.monotonic() - killed < RECOVERY
        assert reply["in_reply_to"] == message["id"]
    assert len(visitor.replies) == 1
    turns = site.house.rows(f"SELECT status FROM turns WHERE conversation_id = '{visitor.conversation_id}'")
    assert sorted(turn["status"] for turn in turns) == ["abandoned", "concluded"]


async def test_a_worker_that_slept_through_its_lease_is_fenced_off(site: Site) -> None:
    site.house.kill_worker(signal.SIGTERM, index=1)
    site.model.become(first_delay=3)
    sleeper = site.house.workers[0]
    async with site.following(1) as [visitor]:
        message = await visitor.say(QUESTION)
        await site.until_a_turn_runs()
        sleeper.send(signal.SIGSTOP)
        await asyncio.to_thread(site.house.workers[1].launch)  # its turn to hear the bell is now
        await visitor.answer_to(message, within=RECOVERY)
        sleeper.send(signal.SIGCONT)
        await asyncio.to_thread(
            until, lambda: "given up" in sleeper.log or "fenced off" in sleeper.log, 30, "the loser knows"
        )
    assert len(visitor.replies) == 1


async def _talk(visitor: Visitor, stop: asyncio.Event) -> int:
    """Ask and wait for the answer until told to stop; how often."""
    asked = 0
    while not stop.is_set():
        await visitor.ask(ANOTHER if asked % 2 else QUESTION, within=RECOVERY)
        asked += 1
    return asked


async def _under_load_restart(site: Site, order: list[tuple[str, int]]) -> None:
    site.model.become(first_delay=0.3)
    async with site.following(6) as visitors:
        stop = asyncio.Event()
        talking = [asyncio.create_task(_talk(visitor, stop)) for visitor in visitors]
        for role, index in order:
            restart = site.house.restart_web if role == "web" else site.house.restart_worker
            await asyncio.to_thread(restart, index)
        stop.set()
        asked = await asyncio.gather(*talking)
    for visitor, times in zip(visitors, asked, strict=True):
        assert len(visitor.replies) == times
    attempts = site.house.rows("SELECT MAX(attempts) AS most FROM conversations")
    assert attempts[0]["most"] == 0, "being told to stop is not an attempt"


async def test_a_rolling_restart_under_load_loses_nothing(site: Site) -> None:
    await _under_load_restart(site, [("worker", 0), ("web", 0)])


async def test_ten_rolling_restarts_under_load_lose_nothing(site: Site) -> None:
    everybody = [("web", 0), ("worker", 0), ("web", 1), ("worker", 1)]
    await _under_load_restart(site, everybody * 5)


async def test_workers_killed_again_and_again_under_load_lose_nothing(site: Site) -> None:
    site.model.become(first_delay=0.3)
    async with site.following(6) as visitors:
        stop = asyncio.Event()
        talking = [asyncio.create_task(_talk(visitor, stop)) for visitor in visitors]
        for round_ in range(6):
            await asyncio.to_thread(site.house.restart_worker, round_ % 2, signal.SIGKILL)
        stop.set()
        asked = await asyncio.gather(*talking)
    for visitor, times in zip(visitors, asked, strict=True):
        assert len(visitor.replies) == times
