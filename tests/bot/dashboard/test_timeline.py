"""A turn's steps drawn over time."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.dashboard import timeline
from bot.dashboard.timeline import Timeline, drawn
from bot.languages import speak
from bot.orchestrator.agent import ToolCall
from bot.store import Store
from bot.testing import ScriptedModel
from bot.trace import Step, StepKind
from tests.doubles.tools import a_tool
from tests.office import office

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def english() -> None:
    speak("en")


def step(name: str, at: float, seconds: float, *needs: str, kind: StepKind = "tool", **more: Any) -> Step:
    more.setdefault("status", "ok")
    began = BEGAN + timedelta(seconds=at)
    return Step(kind=kind, name=name, started_at=began, seconds=seconds, needs=needs, **more)


def chart(*steps: Step) -> Timeline:
    found = drawn(steps)
    assert found is not None
    return found


PLAN = (
    step("plan", 0, 0.1, kind="route"),
    step("order", 0.1, 0.3, "plan"),
    step("customer", 0.1, 0.2, "plan"),
    step("address", 0.3, 0.4, "customer"),
    step("gpt", 0.7, 0.3, "order", "address", kind="model"),
)


def test_the_chain_that_took_longest_is_told_and_marked() -> None:
    shown = chart(*PLAN)
    assert shown.said == "plan → customer → address → gpt: 1.0 s of 1.0 s"
    assert [bar.chain for bar in shown.bars] == [True, False, True, True, True]
    assert len(shown.links) == 5
    assert sum(link.chain for link in shown.links) == 3


def test_bars_stand_where_their_time_is() -> None:
    plan, order, customer, address, gpt = chart(*PLAN).bars
    second = gpt.x + gpt.width - plan.x
    assert order.x == customer.x == pytest.approx(plan.x + 0.1 * second)
    assert address.width == pytest.approx(0.4 * second, abs=0.1)
    assert gpt.x == pytest.approx(plan.x + 0.7 * second, abs=0.1)
    assert [bar.y for bar in (plan, order, customer)] == sorted(bar.y for bar in (plan, order, customer))
    assert order.took == "300 ms"


@pytest.mark.parametrize("seconds", [0.0, 0.0004, 0.03, 0.9, 7.0, 90.0, 4000.0])
def test_nothing_leaves_the_chart(seconds: float) -> None:
    shown = chart(step("a", 0, seconds), step("b", seconds, 0.0, "a"), step("x" * 200, 0, seconds))
    for bar in shown.bars:
        assert 0 <= bar.x <= bar.x + bar.width <= shown.width
        assert bar.y + shown.bar <= shown.height
        assert len(bar.label) <= timeline._LONGEST_LABEL
    assert 1 <= len(shown.ticks) <= 6
    assert all(tick.x <= shown.width for tick in shown.ticks)


def test_a_name_that_comes_twice_is_what_was_over_by_then() -> None:
    model, tool, again = (
        step("gpt", 0, 1, kind="model"),
        step("order", 1, 0.5, "gpt"),
        step("gpt", 1.5, 1, "order", kind="model"),
    )
    shown = chart(model, tool, again)
    assert shown.said == "gpt → order → gpt: 2.5 s of 2.5 s"
    assert len(shown.links) == 2


def test_what_waits_for_nothing_has_no_chart_and_delivery_is_no_part_of_it() -> None:
    sent = step("whatsapp", 3600, 5, kind="deliver")
    assert drawn([]) is None
    assert drawn([step("a", 0, 1), sent]) is None
    assert len(chart(*PLAN, sent).bars) == len(PLAN)


@pytest.fixture
async def sqlite(sqlite_url: str) -> AsyncIterator[Store]:
    opened = await Store.open(sqlite_url)
    yield opened
    await opened.close()


async def test_a_real_turn_shows_its_chain_and_the_api_every_step_whole(
    sqlite: Store, tmp_path: Path
) -> None:
    call = ToolCall(id="c1", name="order_status", arguments='{"order_id": "123456"}')
    model = ScriptedModel([call], "Within 30 days of delivery. [1]", name="gpt-test")
    tools = [a_tool("order_status", {"order_id": {"type": "string"}})]
    async with office(sqlite, tmp_path, models=[model], tools=tools) as place:
        visitor = await place.visitor("Can I return the shoes of order 123456?")
        await place.work()
        operator = await place.operator()
        [turn] = (await operator.get(f"/api/conversations/{visitor.conversation_id}")).json()["turns"]
        steps = (await operator.get(f"/api/turns/{turn['id']}")).json()["steps"]
        page = (await operator.get(f"/dashboard/turns/{turn['id']}")).text
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for each in steps:
        by_kind.setdefault(each["kind"], []).append(each)
        assert each["seconds"] >= 0
        assert datetime.fromisoformat(each["started_at"]).tzinfo is not None
    first, second = by_kind["model"]
    assert first["input"]["tools"] == ["order_status"]
    assert first["output"]["calls"] == [{"tool": "order_status", "arguments": call.arguments}]
    assert second["needs"] == ["lookup", "order_status"]
    assert second["output"]["text"].startswith("Within 30 days")
    assert min(first["tokens_in"], second["tokens_in"], second["tokens_out"]) > 0
    assert min(first["cost_usd"], second["cost_usd"]) > 0
    [tool] = by_kind["tool"]
    assert (tool["input"], tool["output"]["result"]) == ({"order_id": "123456"}, "done")
    assert tool["needs"] == ["gpt-test"]
    [lookup] = by_kind["knowledge"]
    assert lookup["input"]["question"] == "Can I return the shoes of order 123456?"
    assert lookup["output"]["passages"][0]["score"] > 0
    [sent] = by_kind["deliver"]
    assert (sent["name"], sent["status"], sent["output"]) == ("web", "ok", {"status": "sent"})
    told = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "gpt-test → order_status → gpt-test" in told
    assert 'role="img"' in page
