"""What goes down is told once over all processes, and so is its return; the customer notices neither."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest

from tests.bot.test_alerts import Receiver
from tests.doubles.model import ModelServer, Script
from tests.faults.conftest import QUESTION, RECOVERY
from tests.front import until
from tests.processes import ROOT, Switchboard, switchboard, valkey
from tests.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ERRORS = ("error", "exception", "traceback", "500", "went wrong")


async def asked(url: str, path: str) -> str:
    def ask() -> str:
        with urllib.request.urlopen(url + path, timeout=10) as answer:
            return str(answer.read().decode())

    return await asyncio.to_thread(ask)


async def component(house: Switchboard, name: str) -> dict[str, Any]:
    """How a web process, which never calls it, finds a component."""
    told: dict[str, Any] = json.loads(await asked(house.url, "/readyz"))["components"][name]
    return told


async def becomes(house: Switchboard, name: str, state: str, *, within: float) -> None:
    deadline = time.monotonic() + within
    while (found := await component(house, name))["state"] != state:
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.2)


async def answers_to(house: Switchboard, count: int) -> Sequence[str]:
    """What so many new customers are told."""

    async def ask() -> str:
        visitor = await Visitor.arrive(*house.urls)
        async with visitor.follow():
            return str((await visitor.ask(QUESTION, within=RECOVERY))["text"])

    return await asyncio.gather(*(ask() for _ in range(count)))


async def test_a_model_that_is_down_is_told_once_and_nobody_sees_it(tmp_path: Path) -> None:
    receiver = Receiver()
    async with ModelServer(usually=Script(status=500)) as model:
        with (
            valkey(tmp_path) as redis,
            switchboard(
                tmp_path,
                webs=2,
                workers=2,
                redis_url=redis.url,
                model_url=model.url,
                settings={"ALERT_URLS": receiver.url},
                learn=ROOT / "knowledge" / "sample" / "delivery",
            ) as house,
        ):
            for words in await answers_to(house, 6):
                assert not any(each in words.lower() for each in ERRORS), words
            await becomes(house, "small", "down", within=30)
            (down,) = await receiver.until(1)
            assert down["title"] == "Down: model small"
            before = len(model.requests)
            await answers_to(house, 4)
            assert len(model.requests) - before <= 1, "it is left alone by every worker"
            assert 'switchboard_component_up{component="small",kind="model"} 0.0' in await asked(
                house.urls[1], "/metrics"
            )
            model.usually = Script()
            while (await component(house, "small"))["state"] == "down":
                await answers_to(house, 1)
                await asyncio.sleep(1)
            (_, up) = await receiver.until(2)
            assert up["title"] == "Recovered: model small"
            touched = int(up["message"].rsplit(": ", 1)[1].rstrip("."))
            assert touched >= 10
            await asyncio.sleep(12)  # two more looks of every process
            assert len(receiver.heard) == 2
    receiver.stop()


async def test_a_redis_that_is_gone_is_told_once_and_work_goes_on(tmp_path: Path) -> None:
    receiver = Receiver()
    async with ModelServer() as model:
        with (
            valkey(tmp_path) as redis,
            switchboard(
                tmp_path,
                webs=1,
                workers=2,
                redis_url=redis.url,
                model_url=model.url,
                settings={"ALERT_URLS": receiver.url},
                learn=ROOT / "knowledge" / "sample" / "delivery",
            ) as house,
        ):
            await becomes(house, "redis", "up", within=20)
            redis.end(SIGKILL)
            assert len(await answers_to(house, 3)) == 3
            (down,) = await receiver.until(1)
            assert down["title"] == "Down: store redis"
            redis.start()
            (_, up) = await receiver.until(2)
            assert up["title"] == "Recovered: store redis"
            await asyncio.sleep(12)
            assert len(receiver.heard) == 2
    receiver.stop()


async def test_all_workers_together_ask_a_model_no_more_at_once_than_it_bears(tmp_path: Path) -> None:
    (tmp_path / "bot.toml").write_text(
        '[models.small]\nname = "small"\ninput = 0.1\noutput = 0.1\nconcurrency = 3\n'
    )
    async with ModelServer(usually=Script(first_delay=0.5)) as model:
        with (
            valkey(tmp_path) as redis,
            switchboard(
                tmp_path,
                webs=1,
                workers=3,
                redis_url=redis.url,
                model_url=model.url,
                learn=ROOT / "knowledge" / "sample" / "delivery",
            ) as house,
        ):
            assert len(await answers_to(house, 24)) == 24
            assert model.most == 3
            asking = asyncio.create_task(answers_to(house, 24))
            asked_before = len(model.requests)
            await until(lambda: len(model.requests) > asked_before, within=20)
            await asyncio.to_thread(house.kill_worker)
            assert len(await asking) == 24
            assert model.most == 3, "the dead one's places were given to others, and no more than those"
