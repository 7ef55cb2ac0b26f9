"""Tools that end the process that calls them: no worker is ended for ever, nothing is changed twice, and
everybody else is served meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.desk import ATTEMPTS
from tests.doubles.clerk import clerk_at_work
from tests.processes import Switchboard, switchboard, until, valkey
from tests.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

POISON = "666666"
TIMES = {"pay": 1, "book": ATTEMPTS, "ship": ATTEMPTS}  # that a tool is called at the most which is poisoned
ENDED_WITHIN = 150.0  # seconds; each attempt is noticed when its lease has ended

TOOLS = f"""
import os
from pathlib import Path
from typing import Annotated

from pydantic import Field

from tools.base import ToolContext
from tools.function import tool

Order = Annotated[str, Field(pattern="^[0-9]{{6}}$")]


def done(verb: str, order: str, key: str) -> str:
    with Path(__file__).with_name("ledger").open("a") as ledger:
        ledger.write(f"{{verb}} {{order}} {{key}}\\n")
    if order == "{POISON}":
        os._exit(9)
    return f"{{verb}} {{order}}: done"


@tool(effect="write")
async def pay(context: ToolContext, order_id: Order) -> str:
    '''Pay for an order.'''
    return done("pay", order_id, context.key)


@tool(effect="write", idempotent=True)
async def book(context: ToolContext, order_id: Order) -> str:
    '''Book an order.'''
    return done("book", order_id, context.key)


@tool()
async def ship(context: ToolContext, order_id: Order) -> str:
    '''Look when an order is shipped.'''
    return done("ship", order_id, context.key)
"""
_OPEN = """
    SELECT id FROM conversations WHERE last_seq > 0 AND (
        due_at IS NOT NULL OR lease_until IS NOT NULL OR (status = 'bot' AND last_in_seq > answered_seq))
"""


def bot_toml() -> str:
    sections = ['[bot]\nname = "Ada"']
    for verb in TIMES:
        examples = [f"Please {verb} order 123456", f"{verb} 123456", f"I want to {verb} order 481920"]
        sections.append(f'[tools.{verb}]\nfunction = "poison.py:{verb}"\nexamples = {examples}')
    return "\n\n".join(sections)


@dataclass(kw_only=True)
class Site:
    house: Switchboard
    deaths: int = 0
    visitors: list[tuple[str, Visitor]] = field(default_factory=list)

    async def ask(self, verb: str, order: str) -> None:
        visitor = await Visitor.arrive(self.house.url)
        await visitor.say(f"Please {verb} order {order}")
        self.visitors.append((order, visitor))

    @asynccontextmanager
    async def workers_started_again(self) -> AsyncIterator[None]:
        """As systemd or a container's supervisor does it."""

        async def supervise() -> None:
            while True:
                for each in self.house.workers:
                    if not each.running:
                        self.deaths += 1
                        await asyncio.to_thread(each.start)
                await asyncio.sleep(0.05)

        supervising = asyncio.create_task(supervise())
        try:
            yield
            assert not supervising.done(), supervising.exception()
        finally:
            supervising.cancel()
            await asyncio.wait({supervising})


@pytest.fixture(params=["a model", "rules"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "bot.toml").write_text(bot_toml())
    (tmp_path / "poison.py").write_text(TOOLS)
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(valkey(tmp_path))
        model_url = stack.enter_context(clerk_at_work()) if request.param == "a model" else ""
        house = stack.enter_context(
            switchboard(tmp_path, workers=2, redis_url=redis.url, model_url=model_url)
        )
        yield Site(house=house)


async def test_a_tool_that_ends_its_worker_does_so_a_few_times_and_a_person_goes_on(site: Site) -> None:
    async with site.workers_started_again():
        for verb in TIMES:
            await site.ask(verb, POISON)
        for number in range(12):
            await site.ask(("book", "ship")[number % 2], f"{200_000 + number}")
        await asyncio.to_thread(
            until, lambda: not site.house.rows(_OPEN), ENDED_WITHIN, "every turn has ended"
        )
    called = Counter(
        tuple(line.split()[:2]) for line in (site.house.folder / "ledger").read_text().splitlines()
    )
    for verb, times in TIMES.items():
        assert 1 <= called[verb, POISON] <= times, called
    assert site.deaths <= sum(TIMES.values())
    for order, visitor in site.visitors:
        (found,) = site.house.rows(
            f"SELECT status, (SELECT COUNT(*) FROM messages m WHERE m.conversation_id = c.id"
            f" AND m.author_kind = 'bot') AS answers FROM conversations c"
            f" WHERE id = '{visitor.conversation_id}'"
        )
        assert found == {"status": "waiting" if order == POISON else "bot", "answers": 1}, order
        assert order == POISON or called["book", order] + called["ship", order], order
