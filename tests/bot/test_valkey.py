"""The embedded Valkey: started, kept alive, and never left behind."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil
import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.valkey import EmbeddedValkey, NotStarted
from tests.front import until


def alive(folder: Path) -> list[psutil.Process]:
    """Valkeys whose folder this is."""
    return [
        each
        for each in psutil.Process().children()
        if each.status() != psutil.STATUS_ZOMBIE and str(folder) in " ".join(each.cmdline())
    ]


async def ping(valkey: EmbeddedValkey) -> bool:
    async with Redis.from_url(valkey.url, socket_timeout=1) as client:
        return bool(await client.ping())


async def answers(valkey: EmbeddedValkey) -> bool:
    try:
        return await ping(valkey)
    except RedisError:
        return False


async def test_it_answers_once_started_and_is_gone_once_stopped(tmp_path: Path) -> None:
    valkey = EmbeddedValkey(tmp_path / "v")
    await valkey.start()
    assert await ping(valkey)
    assert len(alive(tmp_path)) == 1
    await valkey.stop()
    assert alive(tmp_path) == []


async def test_a_folder_too_deep_for_a_socket_is_none(tmp_path: Path) -> None:
    valkey = EmbeddedValkey(tmp_path / ("deep" * 30))
    await valkey.start()
    assert await ping(valkey)
    socket = Path(valkey.url.removeprefix("unix://"))
    await valkey.stop()
    assert not socket.parent.exists()


async def test_one_that_dies_is_followed_by_another(tmp_path: Path) -> None:
    valkey = EmbeddedValkey(tmp_path / "v")
    await valkey.start()
    try:
        (first,) = alive(tmp_path)
        first.kill()
        await until(lambda: [each.pid for each in alive(tmp_path)] not in ([], [first.pid]), what="another")
        for _ in range(1_000):  # its socket is there a moment before it listens
            if await answers(valkey):
                break
            await asyncio.sleep(0.01)
        assert await ping(valkey)
    finally:
        await valkey.stop()
    assert alive(tmp_path) == []


async def test_the_orphan_of_a_killed_run_is_ended_first(tmp_path: Path) -> None:
    orphan = EmbeddedValkey(tmp_path / "v")
    await orphan.start()
    assert orphan._watch is not None
    orphan._watch.cancel()
    heir = EmbeddedValkey(tmp_path / "v")
    await heir.start()
    assert await ping(heir)
    await until(lambda: len(alive(tmp_path)) == 1, what="the orphan is gone")
    await heir.stop()
    assert alive(tmp_path) == []


async def test_one_that_does_not_start_says_why_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.valkey.get_binary_path", lambda: "/bin/false")
    with pytest.raises(NotStarted, match="did not start"):
        await EmbeddedValkey(tmp_path / "v").start()
    assert alive(tmp_path) == []
