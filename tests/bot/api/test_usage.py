"""What models have cost adds up, whichever way it is asked, and says how far budgets are used up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.orchestrator.agent import ModelFailed, Usage
from bot.orchestrator.budget import cost
from bot.store import Store
from bot.store.budgets import Allowances
from bot.testing import PRICES, ScriptedModel
from tests.bot.api.test_docs import answer_schema, wrong
from tests.office import Office, office

ANSWER = "Within 30 days of delivery. [1]"
CUT = Usage(tokens_in=100, tokens_out=50, estimated=True)


async def usage(client: httpx.AsyncClient, query: str = "") -> dict[str, Any]:
    answer = await client.get(f"/api/usage{query}")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    assert list(wrong(told, answer_schema("get", "/api/usage", 200))) == []
    return told


async def asked(place: Office, times: int) -> list[str]:
    """So many visitors asked, and were answered; their conversations."""
    visitors = [await place.visitor("How long can I return things?") for _ in range(times)]
    await place.work()
    return [each.conversation_id for each in visitors]


async def test_costs_add_up_whichever_way_they_are_asked(store: Store, tmp_path: Path) -> None:
    cut = ModelFailed("cut", retry=True, usage=CUT)
    model = ScriptedModel(ANSWER, cut, ANSWER, ANSWER, name="gpt-4o-mini")
    async with office(store, tmp_path, models=[model]) as place:
        operator = await place.operator()
        first, second = await asked(place, 2)
        told = await usage(operator)
        today = datetime.now(UTC).date()
        assert (told["from"], told["to"]) == ((today - timedelta(days=29)).isoformat(), today.isoformat())
        assert told["timezone"] == "UTC"
        total = told["total"]
        estimated = cost(PRICES, CUT) / 1e6
        assert (total["calls"], total["estimated_usd"]) == (3, pytest.approx(estimated))
        assert total["cost_usd"] > estimated
        assert len(told["days"]) == 30
        assert {**total, "day": today.isoformat()} == told["days"][-1]
        assert [{**total, "model": "gpt-4o-mini"}] == told["models"]
        assert [{**total, "channel": "web"}] == told["channels"]
        by_conversation = {each["id"]: each["cost_usd"] for each in told["conversations"]}
        assert set(by_conversation) == {first, second}
        assert sum(by_conversation.values()) == pytest.approx(total["cost_usd"])
        assert told["budgets"] == []
        listed = (await operator.get("/api/conversations")).json()["conversations"]
        assert {each["id"]: each["cost_usd"] for each in listed} == by_conversation
        for conversation_id in (first, second):
            one = (await operator.get(f"/api/conversations/{conversation_id}")).json()
            turns = [(await operator.get(f"/api/turns/{each['id']}")).json() for each in one["turns"]]
            spent = sum(turn["cost_usd"] for turn in turns)
            steps = sum(step["cost_usd"] for turn in turns for step in turn["steps"])
            assert steps == pytest.approx(spent) == pytest.approx(one["cost_usd"])
            assert one["cost_usd"] == by_conversation[conversation_id]


async def test_days_are_told_one_by_one_and_the_dearest_conversations_first(
    store: Store, tmp_path: Path
) -> None:
    async with office(store, tmp_path, models=[ScriptedModel(*[ANSWER] * 2)]) as place:
        operator = await place.operator()
        conversations = await asked(place, 2)
        for column, table in (("day", "usage"), ("day", "costs")):
            await store.database.change(f"UPDATE {table} SET {column} = '2026-03-01'")
        await store.database.change(
            "UPDATE usage SET cost = cost + 5 WHERE conversation_id = :id", id=conversations[1]
        )
        told = await usage(operator, "?from=2026-02-27&to=2026-03-02")
        assert [each["day"] for each in told["days"]] == [
            "2026-02-27",
            "2026-02-28",
            "2026-03-01",
            "2026-03-02",
        ]
        assert [each["calls"] for each in told["days"]] == [0, 0, 2, 0]
        assert [each["id"] for each in told["conversations"]] == conversations[::-1]
        assert (await usage(operator, "?to=2026-02-28"))["total"]["calls"] == 0


async def test_budgets_say_how_far_they_are_used_up(store: Store, tmp_path: Path) -> None:
    allowances = Allowances(day=40_000, conversation=4_000, downgrade_at=0.001)
    async with office(store, tmp_path, models=[ScriptedModel(*[ANSWER] * 3)], allowances=allowances) as place:
        operator = await place.operator()
        await asked(place, 3)
        told = await usage(operator)
        conversation, day = told["budgets"]
        assert (conversation["scope"], conversation["limit_usd"]) == ("conversation", 0.004)
        assert {each["id"]: each["used_usd"] for each in conversation["nearest"]} == {
            each["id"]: each["cost_usd"] for each in told["conversations"]
        }
        assert (day["scope"], day["limit_usd"], day["nearest"]) == ("day", 0.04, [])
        assert day["used_usd"] == pytest.approx(told["total"]["cost_usd"])
        assert day["share"] == pytest.approx(day["used_usd"] / 0.04)
        assert day["downgraded_at"] is not None
        assert day["reached_at"] is None


@pytest.mark.parametrize(
    "query",
    [
        "?from=yesterday",
        "?to=2026-02-30",
        "?to=20260201",
        "?from=0001-01-01",
        "?from=2026-03-02&to=2026-03-01",
        "?from=2024-01-01&to=2026-01-01",
        "?days=3",
    ],
)
async def test_days_that_are_none_are_refused(sqlite: Store, tmp_path: Path, query: str) -> None:
    async with office(sqlite, tmp_path) as place:
        operator = await place.operator()
        answer = await operator.get(f"/api/usage{query}")
        assert (answer.status_code, answer.json()["error"]["field"] in query) == (422, True)
        assert (await place.browser().get("/api/usage")).status_code == 401
