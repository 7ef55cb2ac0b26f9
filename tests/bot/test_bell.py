"""The bell over a real Valkey, and a link that neither raises nor waits long whatever becomes of it."""

from __future__ import annotations

import asyncio
import logging
from signal import SIGCONT, SIGKILL, SIGSTOP

import orjson
import pytest

from bot.bell import BELL, QUEUE, Bell, RedisLink
from tests.processes import Valkey


async def test_a_ring_is_a_job_of_ids_only_and_a_word_to_whoever_waits(server: Valkey) -> None:
    link = RedisLink(server.url)
    with server.client() as client:
        client.flushall()
        hearing = client.pubsub(ignore_subscribe_messages=True)
        hearing.subscribe(BELL)
        hearing.get_message(timeout=2)
        assert await Bell(link).ring("answer", "cnv_1")
        heard = None
        while heard is None:
            heard = hearing.get_message(timeout=2)
        ((job_id, score),) = client.zrange(QUEUE, 0, -1, withscores=True)
        assert (heard["data"], score) == (job_id, 1)
        job = orjson.loads(client.get(b"arq:job:" + job_id))
        assert (job["f"], job["a"], job["k"]) == ("answer", ["cnv_1"], {})
        assert 0 < client.pttl(b"arq:job:" + job_id) <= 600_000
        hearing.close()
    await link.close()


async def test_every_ring_is_a_fresh_job(server: Valkey) -> None:
    link = RedisLink(server.url)
    with server.client() as client:
        client.flushall()
        assert all(await asyncio.gather(*(Bell(link).ring("answer", "cnv_1") for _ in range(50))))
        assert client.zcard(QUEUE) == 50
    await link.close()


async def test_without_a_redis_nothing_is_asked_and_nothing_waits() -> None:
    loop = asyncio.get_running_loop()
    link = RedisLink("")
    began = loop.time()
    assert not any([await Bell(link).ring("answer", "cnv_1") for _ in range(100)])
    assert loop.time() - began < 1
    assert not link.up
    await link.close()


@pytest.mark.parametrize("how", [SIGKILL, SIGSTOP])
async def test_a_redis_that_is_away_costs_a_second_at_most_is_told_once_and_found_again(
    server: Valkey, how: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="switchboard.bell")
    loop = asyncio.get_running_loop()
    link = RedisLink(server.url)
    bell = Bell(link)
    assert await bell.ring("answer", "cnv_1")
    if how == SIGKILL:
        server.end(SIGKILL)
    else:
        server.send(SIGSTOP)
    try:
        began = loop.time()
        assert not any(await asyncio.gather(*(bell.ring("answer", f"cnv_{n}") for n in range(200))))
        assert loop.time() - began < 10, "they wait together, each of them a second"
        began = loop.time()
        assert not await bell.ring("answer", "cnv_1")
        assert loop.time() - began < 1
        assert not link.up
    finally:
        if how == SIGKILL:
            server.start()
        else:
            server.send(SIGCONT)
    async with asyncio.timeout(10):
        while not await bell.ring("answer", "cnv_1"):  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.05)
    assert link.up
    told = [record.message for record in caplog.records]
    assert [each.startswith("Redis does not answer") for each in told] == [True, False]
    assert told[1] == "Redis answers again"
    await link.close()
