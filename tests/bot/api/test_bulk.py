"""One act for many conversations, over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.store import Store
from tests.office import office

BULK = "/api/conversations/bulk"
NOWHERE = "cnv_000000000000"


async def done(client: httpx.AsyncClient, ids: list[str], act: str, **more: Any) -> list[dict[str, Any]]:
    answer = await client.post(BULK, json={"ids": ids, "act": act, **more})
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    assert [each["id"] for each in results] == list(dict.fromkeys(ids))
    return results


@pytest.mark.parametrize(
    ("act", "more", "shown"),
    [
        ("assign", {"assignee": "me"}, {"status": "human"}),
        ("labels", {"add": ["vip"]}, {"labels": ["vip"]}),
        ("priority", {"priority": "urgent"}, {"priority": "urgent"}),
        ("snooze", {"seconds": 3600}, {"status": "snoozed"}),
        ("resolve", {}, {"status": "resolved"}),
    ],
)
async def test_one_call_does_an_act_to_several(
    act: str, more: dict[str, Any], shown: dict[str, Any], store: Store, tmp_path: Path
) -> None:
    async with office(store, tmp_path) as place:
        ids = [(await place.visitor(f"Question {number}")).conversation_id for number in range(3)]
        left = (await place.visitor("Not this one")).conversation_id
        grace = await place.operator()
        results = await done(grace, [*ids, ids[0]], act, **more)
        assert [each["error"] for each in results] == [None] * 3
        for each in results:
            assert each["conversation"].items() >= shown.items()
        untouched = (await grace.get(f"/api/conversations/{left}")).json()
        assert not untouched.items() >= shown.items()


async def test_what_cannot_be_done_to_some_is_done_to_the_others(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        first, second = [(await place.visitor(each)).conversation_id for each in ("One", "Two")]
        grace = await place.operator()
        many = [f"label {number}" for number in range(20)]
        await done(grace, [first], "labels", labels=many)
        full, put, nowhere, senseless = await done(
            grace, [first, second, NOWHERE, "no id"], "labels", add=["x"]
        )
        assert full["error"]["code"] == "too_many"
        assert full["conversation"] is None
        assert (put["error"], put["conversation"]["labels"]) == (None, ["x"])
        assert nowhere["error"]["code"] == senseless["error"]["code"] == "not_found"


async def test_what_was_resolved_by_mistake_is_taken_up_again(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        ids = [(await place.visitor(each)).conversation_id for each in ("One", "Two")]
        grace = await place.operator()
        await done(grace, ids, "resolve")
        again = await done(grace, ids, "reopen")
        assert {each["conversation"]["assignee"]["name"] for each in again} == {"Grace"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"act": "resolve"}, "ids"),
        ({"ids": [], "act": "resolve"}, "ids"),
        ({"ids": [NOWHERE] * 101, "act": "resolve"}, "ids"),
        ({"ids": [7], "act": "resolve"}, "ids"),
        ({"ids": NOWHERE, "act": "resolve"}, "ids"),
        ({"ids": [NOWHERE]}, "act"),
        ({"ids": [NOWHERE], "act": "delete"}, "act"),
        ({"ids": [NOWHERE], "act": ["resolve"]}, "act"),
        ({"ids": [NOWHERE], "act": "priority", "priority": "none"}, "priority"),
        ({"ids": [NOWHERE], "act": "assign", "assignee": "op_nobody"}, "assignee"),
    ],
)
async def test_what_could_be_done_to_none_is_refused_whole(
    body: Any, field: str, sqlite: Store, tmp_path: Path
) -> None:
    async with office(sqlite, tmp_path) as place:
        grace = await place.operator()
        answer = await grace.post(BULK, json=body)
        assert answer.status_code == 422, answer.text
        assert answer.json()["error"]["field"] == field


async def test_a_viewer_changes_none(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        here = (await place.visitor("Hello")).conversation_id
        vera = await place.operator("Vera", "viewer")
        answer = await vera.post(BULK, json={"ids": [here], "act": "resolve"})
        assert answer.status_code == 403
        page = await vera.get("/dashboard/conversations?tab=all")
        assert 'class="pick"' not in page.text
