"""Saved views of the inbox, over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.store import Store
from tests.office import office


async def seen(client: httpx.AsyncClient) -> dict[str, tuple[str, int]]:
    answer = await client.get("/api/views")
    assert answer.status_code == 200, answer.text
    return {each["name"]: (each["query"], each["count"]) for each in answer.json()["views"]}


async def save(client: httpx.AsyncClient, name: str, query: str, **more: Any) -> httpx.Response:
    return await client.post("/api/views", json={"name": name, "query": query, **more})


async def test_views_are_ones_own_or_everybodys_and_count_what_they_show(
    store: Store, tmp_path: Path
) -> None:
    async with office(store, tmp_path) as place:
        first, second = [(await place.visitor(each)).conversation_id for each in ("My boots", "A bag")]
        grace, linus = await place.operator("Grace"), await place.operator("Linus")
        await grace.post(f"/api/conversations/{first}/labels", json={"add": ["vip"]})
        await grace.post(f"/api/conversations/{second}/assign", json={"assignee": "me"})
        assert (await save(grace, "Mine", "tab=mine", shared=True)).status_code == 201
        assert (await save(grace, "VIP", "tab=all&label=vip&nonsense=1")).status_code == 201
        await save(linus, "Boots", "q=boots")
        assert await seen(grace) == {"Mine": ("tab=mine", 1), "VIP": ("tab=all&label=vip", 1)}
        assert await seen(linus) == {"Boots": ("tab=all&q=boots", 1), "Mine": ("tab=mine", 0)}
        page = (await linus.get("/dashboard/conversations?tab=all&q=boots")).text
        assert ">Boots<" in page
        assert "Change this view" in page
        assert "VIP" not in page


async def test_a_view_is_changed_and_removed_by_whoever_saved_it_or_an_admin(
    store: Store, tmp_path: Path
) -> None:
    async with office(store, tmp_path) as place:
        grace, linus = await place.operator("Grace"), await place.operator("Linus")
        ada = await place.operator("Ada", "admin")
        own = (await save(grace, "Own", "tab=mine")).json()["view"]
        shared = (await save(grace, "Shared", "tab=waiting", shared=True)).json()["view"]
        assert (await linus.post(f"/api/views/{own['id']}", json={"name": "x"})).status_code == 404
        assert (await linus.delete(f"/api/views/{shared['id']}")).status_code == 403
        renamed = (await ada.post(f"/api/views/{shared['id']}", json={"name": "Ours"})).json()["view"]
        assert (renamed["name"], renamed["query"], renamed["mine"]) == ("Ours", "tab=waiting", False)
        assert list(await seen(grace)) == ["Ours", "Own"]
        assert (await grace.post(f"/api/views/{own['id']}", json={"name": "Ours"})).status_code == 409
        assert (await grace.delete(f"/api/views/{own['id']}")).status_code == 204
        assert list(await seen(grace)) == ["Ours"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"query": "tab=all"}, "name"),
        ({"name": "x" * 61, "query": "tab=all"}, "name"),
        ({"name": "x"}, "query"),
        ({"name": "x", "query": 7}, "query"),
        ({"name": "x", "query": "tab=all", "shared": "yes"}, "shared"),
    ],
)
async def test_what_is_no_view_is_refused(body: Any, field: str, sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        grace = await place.operator()
        answer = await grace.post("/api/views", json=body)
        assert (answer.status_code, answer.json()["error"]["field"]) == (422, field)
