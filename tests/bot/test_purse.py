"""Fifty turns at once, over several stores and a model server on a socket, spend no more than there is."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from bot.alerts import Alerts
from bot.llm import OpenAIModel, openai_client
from bot.orchestrator import run
from bot.orchestrator.agent import (
    BudgetScope,
    Charge,
    Granted,
    ModelFailed,
    ModelMessage,
    ModelRequest,
    Purse,
    Refused,
    Usage,
)
from bot.orchestrator.budget import BudgetReached, cost, paid
from bot.orchestrator.outcome import Reply
from bot.purse import Purses
from bot.store import Store
from bot.store.budgets import Allowances
from bot.store.records import Claim
from bot.testing import PRICES, ScriptedModel
from bot.trace import Step, Trace
from tests.bot.store.given import claimed, held, row, said
from tests.doubles.model import ModelServer, Script
from tests.doubles.orchestra import agent, turn
from tests.front import Front, front, wrote

REQUEST = ModelRequest(
    messages=[ModelMessage(role="user", content="How long can I return it? " * 8)], first_token=30, total=60
)
ONE = cost(PRICES, Usage(tokens_in=100, tokens_out=20))  # what the server says an answer used up
LIMIT = ONE * 20
LIMITS: Sequence[BudgetScope] = ("turn", "conversation", "contact_day", "day")


@asynccontextmanager
async def stores(url: str, number: int = 4) -> AsyncIterator[Sequence[Store]]:
    """As many as there would be processes."""
    opened = [await Store.open(url, announces=True) for _ in range(number)]
    yield opened
    for each in opened:
        await each.close()


@asynccontextmanager
async def model(*scripts: Script, tokens: int = 20) -> AsyncIterator[tuple[ModelServer, OpenAIModel]]:
    async with ModelServer(tokens=tokens) as server:
        server.script(scripts)
        client = openai_client(api_key="none", base_url=server.url, read_timeout=30)
        yield server, OpenAIModel(client, "small", PRICES, max_tokens=60)
        await client.close()


def purse_of(store: Store, claim: Claim, allowances: Allowances) -> Purse:
    return Purses(store=store, alerts=Alerts(store=store), allowances=allowances).of(claim)


async def spent(store: Store) -> dict[str, int]:
    """What the ledger says, and the sums that are kept of it."""
    return await row(
        store,
        "SELECT (SELECT SUM(cost) FROM usage) AS ledger, (SELECT COUNT(*) FROM usage) AS calls,"
        " (SELECT SUM(cost) FROM conversations) AS conversations, (SELECT SUM(cost) FROM costs) AS days,"
        " (SELECT SUM(used) FROM budgets) AS budget,"
        " (SELECT COUNT(*) FROM usage WHERE settled_at IS NULL) AS underway",
    )


@pytest.mark.parametrize("scope", LIMITS)
async def test_fifty_calls_at_once_overspend_no_budget(database_url: str, scope: BudgetScope) -> None:
    allowances = replace(Allowances(downgrade_at=1.0), **{scope: LIMIT})
    async with stores(database_url) as opened, model() as (server, asked):
        claim = await claimed(opened[0], (await said(opened[0])).message.conversation_id)

        async def call(store: Store) -> BudgetScope | None:
            purse = purse_of(store, claim, allowances)
            try:
                _ = [piece async for piece in paid(asked, REQUEST, purse, Step(kind="model", name="small"))]
            except BudgetReached as reached:
                return reached.scope
            return None

        refused = await asyncio.gather(*[call(opened[number % len(opened)]) for number in range(50)])
        while None in (again := await asyncio.gather(*[call(each) for each in opened])):
            refused += again
        billed = ONE * len(server.requests)
        assert set(refused) == {None, scope}
        assert refused.count(None) == len(server.requests)
        total = await spent(opened[0])
        assert LIMIT - 4 * ONE < billed <= LIMIT
        assert total == {
            "ledger": billed,
            "calls": len(server.requests),
            "conversations": billed,
            "days": billed,
            "budget": billed,
            "underway": 0,
        }


@pytest.mark.parametrize("scope", ["contact_day", "day"])
async def test_fifty_turns_at_once_overspend_no_budget_and_all_are_answered(
    database_url: str, scope: BudgetScope, tmp_path: Path
) -> None:
    """Some of the calls fail: what is set aside for them comes back, and what they used up is paid."""
    limit = LIMIT * 2  # two calls at their worst; fewer than fifty as they are, however few are made at once
    allowances = replace(Allowances(), **{scope: limit})
    faults = [Script(status=500), Script(cut=300), Script(status=429, headers={"Retry-After": "0"})]
    async with stores(database_url) as opened, model(*faults * 2) as (server, asked):
        async with contextlib.AsyncExitStack() as stack:
            fronts: list[Front] = [
                await stack.enter_async_context(
                    front(each, folder=tmp_path, models=[asked], allowances=allowances)
                )
                for each in opened
            ]
            conversations = []
            for number in range(50):
                message = wrote("How long can I return it?", number, channel="memory")
                if scope == "day":
                    message = replace(message, sender=f"customer-{number}")
                else:  # one customer with many matters, as mail has them
                    message = replace(message, joins="thread")
                recorded = await fronts[0].desk.take_in(message)
                conversations.append(recorded.message.conversation_id)
            assert len(set(conversations)) == 50
            await asyncio.gather(
                *[fronts[number % len(fronts)].desk.answer(each) for number, each in enumerate(conversations)]
            )
        total = await spent(opened[0])
        assert total["ledger"] == total["conversations"] == total["days"] == total["budget"]
        assert ONE * (len(server.requests) - 6) <= total["ledger"] <= limit
        assert total["underway"] == 0
        replies = await row(
            opened[0],
            "SELECT COUNT(DISTINCT conversation_id) AS n FROM messages WHERE direction = 'out'"
            " AND author_kind = 'bot' AND text <> ''",
        )
        assert replies == {"n": 50}
        skipped = await row(opened[0], "SELECT COUNT(*) AS n FROM steps WHERE name = 'budget'")
        assert skipped["n"] >= 50 - len(server.requests)
        async with opened[0].database.read() as reader:
            rows = await reader.all("SELECT data FROM webhooks WHERE type = 'budget.reached'")
        points = [orjson.loads(each["data"])["point"] for each in rows]
        assert points.count("limit") == 1
        assert points.count("downgrade") <= 1


async def test_an_answer_that_is_cut_is_paid_as_far_as_it_came(database_url: str) -> None:
    allowances = Allowances(conversation=LIMIT)
    async with (
        stores(database_url, 1) as [store],
        model(Script(text="Within thirty days. " * 9, cut=1500)) as (_, asked),
    ):
        claim = await claimed(store, (await said(store)).message.conversation_id)
        with pytest.raises(ModelFailed):
            _ = [
                piece
                async for piece in paid(
                    asked, REQUEST, purse_of(store, claim, allowances), Step(kind="model", name="small")
                )
            ]
        entry = await row(store, "SELECT estimated, cost, reserved FROM usage WHERE settled_at IS NOT NULL")
        assert entry["estimated"]
        assert 0 < entry["cost"] < entry["reserved"]


@pytest.mark.parametrize("allowances", [Allowances(), Allowances(conversation=LIMIT)])
@pytest.mark.parametrize("fails", [False, True])
async def test_what_a_call_cost_is_written_down_once_the_database_is_there_again(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowances: Allowances, fails: bool
) -> None:
    monkeypatch.setattr("bot.store.writer._BUSY_SECONDS", 0.05)
    charge = Charge(model="small", usage=Usage(tokens_in=10, tokens_out=10), cost=ONE, priced_at=PRICES.dated)
    async with stores(sqlite_url, 1) as [store]:
        claim = await claimed(store, (await said(store)).message.conversation_id)
        purse = purse_of(store, claim, allowances)
        granted = await purse.reserve(charge)
        assert isinstance(granted, Granted)
        with held(tmp_path / "switchboard.db"):
            ends = asyncio.create_task(purse.release(granted) if fails else purse.settle(granted, charge))
            await asyncio.wait({ends}, timeout=0.2)
        await ends
        entry = await row(
            store, "SELECT COUNT(*) AS calls, SUM(cost) AS cost, MIN(settled_at) AS at FROM usage"
        )
        assert (entry["calls"], entry["cost"]) == ((0, None) if fails else (1, ONE))
        assert fails or entry["at"] is not None


async def test_that_the_day_is_used_up_is_told_to_the_owner_once_over_all_workers(database_url: str) -> None:
    allowances = Allowances(day=LIMIT, conversation=LIMIT)
    worst = Charge(model="small", usage=Usage(tokens_in=1, tokens_out=1), cost=LIMIT, priced_at=PRICES.dated)
    async with stores(database_url, 3) as opened:
        claim = await claimed(opened[0], (await said(opened[0])).message.conversation_id)
        workers = [
            Purses(store=each, alerts=Alerts(store=each, urls=["json://127.0.0.1"]), allowances=allowances)
            for each in opened
        ]
        granted = await workers[0].of(claim).reserve(worst)
        assert isinstance(granted, Granted)
        decisions = await asyncio.gather(*[each.of(claim).reserve(worst) for each in workers * 5])
        assert set(decisions) == {Refused(scope="conversation")}
        async with opened[0].database.read() as reader:
            notices = await reader.all("SELECT title, text, kind FROM notices")
            events = await reader.all(
                "SELECT data, conversation_id FROM webhooks WHERE type = 'budget.reached' ORDER BY data"
            )
        heard = {each["title"]: each for each in notices}
        assert len(heard) == len(notices) == 2
        day = heard["Today's budget is used up"]
        conversation = heard["The budget of a conversation is used up"]
        assert (day["kind"], conversation["kind"]) == ("failure", "warning")
        assert "Raise budget.day in bot.toml" in day["text"]
        told = [orjson.loads(each["data"]) for each in events]
        assert [(each["scope"], each["point"]) for each in told] == [
            ("conversation", "limit"),
            ("day", "limit"),
        ]
        assert [each["conversation_id"] for each in events] == [claim.conversation_id, None]


async def test_the_owner_hears_of_the_first_conversation_of_a_day_and_the_webhook_of_each(
    database_url: str,
) -> None:
    worst = Charge(model="small", usage=Usage(tokens_in=1, tokens_out=1), cost=LIMIT, priced_at=PRICES.dated)
    async with stores(database_url, 1) as [store]:
        alerts = Alerts(store=store, urls=["json://127.0.0.1"])
        purses = Purses(store=store, alerts=alerts, allowances=Allowances(conversation=LIMIT))
        for number in range(3):
            claim = await claimed(
                store, (await said(store, str(number), sender=f"customer-{number}")).message.conversation_id
            )
            for _ in range(2):
                await purses.of(claim).reserve(worst)
        assert await row(store, "SELECT COUNT(*) AS n FROM notices") == {"n": 1}
        assert await row(
            store, "SELECT COUNT(DISTINCT conversation_id) AS n FROM webhooks WHERE type = 'budget.reached'"
        ) == {"n": 3}


async def test_when_most_of_a_budget_is_used_up_the_cheaper_model_answers(database_url: str) -> None:
    allowances = Allowances(conversation=1_000_000)
    async with stores(database_url, 1) as [store]:
        claim = await claimed(store, (await said(store)).message.conversation_id)
        purse = purse_of(store, claim, allowances)
        small, large = (ScriptedModel(*["Within 30 days. [1]"] * 2, name=each) for each in ("small", "large"))
        tiers = replace(agent(large), models={"small": [small], "large": [large]}, tier="large")
        for cost_so_far, asked in ((0, large), (800_000, small)):
            spent = Charge(
                model="large",
                usage=Usage(tokens_in=0, tokens_out=0),
                cost=cost_so_far,
                priced_at=PRICES.dated,
            )
            granted = await purse.reserve(spent)
            assert isinstance(granted, Granted)
            await purse.settle(granted, spent)
            outcome = await run(
                turn("How long can I return it?", purse=purse), tiers, Trace(turn_id=claim.turn_id)
            )
            assert isinstance(outcome, Reply)
            assert asked.requests
        assert (len(large.requests), len(small.requests)) == (1, 1)
        rows = await row(store, "SELECT COUNT(*) AS n FROM usage WHERE settled_at IS NULL")
        assert rows == {"n": 0}, "what was set aside for the dear model is there again"
