"""What some days came to is told as it is, at the moment it is asked for."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.store import Store
from bot.testing import ScriptedModel
from tests.bot.api.test_docs import answer_schema, wrong
from tests.office import office

ANSWER = "Within 30 days of delivery. [1]"


async def analytics(client: httpx.AsyncClient, query: str = "") -> dict[str, Any]:
    answer = await client.get(f"/api/analytics{query}")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    assert list(wrong(told, answer_schema("get", "/api/analytics", 200))) == []
    return told


async def test_a_day_is_told_as_it_is_right_now(store: Store, tmp_path: Path) -> None:
    model = ScriptedModel(*[ANSWER] * 2, name="gpt-4o-mini")
    async with office(store, tmp_path, models=[model]) as place:
        operator = await place.operator()
        assert (await analytics(operator))["total"]["conversations"] == 0
        visitors = [await place.visitor("How long can I return things?") for _ in range(2)]
        await place.work()
        told = await analytics(operator)
        today = datetime.now(UTC).date()
        assert (told["from"], told["to"]) == ((today - timedelta(days=29)).isoformat(), today.isoformat())
        assert told["previous"]["to"] == (today - timedelta(days=30)).isoformat()
        total = told["total"]
        assert (total["conversations"], total["settled_by_bot"], total["settled_by_bot_share"]) == (2, 2, 1.0)
        assert total["first_answer_by_bot"]["count"] == 2
        assert total["cost_per_settled_usd"] == pytest.approx(total["cost_usd"] / 2)
        assert told["days"][-1]["messages_by_bot"] == 2
        assert [each["channel"] for each in told["channels"]] == ["web"]
        assert sum(each["messages_received"] for each in told["hours"]) == 2

        told_by_hand = {"text": "For our boots it is 60 days.", "client_id": "1"}
        conversation = f"/api/conversations/{visitors[0].conversation_id}"
        answer = await operator.post(f"{conversation}/messages", json=told_by_hand)
        assert answer.status_code < 300, answer.text
        total = (await analytics(operator))["total"]
        assert (total["settled_by_bot"], total["cleaned_up"], total["cleaned_up_share"]) == (1, 1, 0.5)


async def test_the_table_has_a_row_for_each_day_and_channel(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path, models=[ScriptedModel(ANSWER)]) as place:
        operator = await place.operator()
        await place.visitor("How long can I return things?")
        await place.work()
        answer = await operator.get("/api/analytics.csv")
        assert answer.headers["content-type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert [(row["day"], row["channel"], row["conversations"]) for row in rows] == [
            (datetime.now(UTC).date().isoformat(), "web", "1")
        ]
        assert float(rows[0]["cost_usd"]) > 0


@pytest.mark.parametrize("query", ["?from=2026-13-01", "?from=2026-03-02&to=2026-03-01", "?from=2020-01-01"])
async def test_days_that_are_none_are_refused(sqlite: Store, tmp_path: Path, query: str) -> None:
    async with office(sqlite, tmp_path) as place:
        operator = await place.operator()
        for path in ("analytics", "analytics.csv"):
            assert (await operator.get(f"/api/{path}{query}")).status_code == 422
        assert (await place.browser().get("/api/analytics")).status_code == 401
