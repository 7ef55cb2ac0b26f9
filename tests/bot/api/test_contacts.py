"""Contacts over HTTP: found, corrected, merged and told apart again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.store import Store
from tests.bot.store.given import said
from tests.office import Office, office


async def written(store: Store, name: str, address: str, *, channel: str = "email", **more: Any) -> str:
    """A contact who wrote; their id."""
    recorded = await said(store, sender=address, channel=channel, sender_name=name, **more)
    return recorded.contact_id


async def names(client: httpx.AsyncClient, **query: str) -> list[str]:
    answer = await client.get("/api/contacts", params=query)
    assert answer.status_code == 200, answer.text
    return [each["name"] for each in answer.json()["contacts"]]


async def test_contacts_are_listed_and_found_by_name_or_address(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        grace = await place.operator()
        for name, address in (("Ada", "ada@a.example"), ("Bob_x", "bob@b.example"), ("Bobby", "x@b.example")):
            await written(store, name, address)
        assert await names(grace) == ["Bobby", "Bob_x", "Ada"]
        assert await names(grace, q="BOB") == ["Bobby", "Bob_x"]
        assert await names(grace, q="bob_x") == ["Bob_x"]
        assert await names(grace, q="a.example") == ["Ada"]
        assert await names(grace, q="nobody") == []
        first = (await grace.get("/api/contacts", params={"limit": "2"})).json()
        assert [each["name"] for each in first["contacts"]] == ["Bobby", "Bob_x"]
        assert await names(grace, before=first["next"]) == ["Ada"]


async def test_a_visitors_number_in_the_store_is_not_shown(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        visitor = await place.visitor("Hello")
        grace = await place.operator()
        (contact,) = (await grace.get("/api/contacts")).json()["contacts"]
        assert contact["identities"] == [
            {"channel": "web", "address": "", "verified": False, "opted_out": False}
        ]
        shown = (await grace.get(f"/api/contacts/{contact['id']}")).json()
        assert [each["id"] for each in shown["conversations"]] == [visitor.conversation_id]


async def test_what_operators_know_better_is_kept(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        grace = await place.operator()
        at = f"/api/contacts/{await written(store, 'ada', 'ada@a.example')}"
        answer = await grace.post(at, json={"name": " Ada L. ", "attributes": {"Customer": "4711"}})
        assert answer.json()["name"] == "Ada L."
        assert answer.json()["attributes"] == {"Customer": "4711"}
        kept = (await grace.post(at, json={"attributes": {}})).json()
        assert (kept["name"], kept["attributes"]) == ("Ada L.", {})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": 7}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"attributes": []}, "attributes"),
        ({"attributes": {"a": 1}}, "attributes"),
        ({"attributes": {" ": "x"}}, "attributes"),
        ({"attributes": {"a": "x" * 2001}}, "attributes"),
        ({"attributes": {str(n): "x" for n in range(51)}}, "attributes"),
    ],
)
async def test_what_cannot_be_known_is_refused(body: Any, field: str, sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        grace = await place.operator()
        at = f"/api/contacts/{await written(sqlite, 'ada', 'ada@a.example')}"
        answer = await grace.post(at, json=body)
        assert answer.status_code == 422
        assert answer.json()["error"]["field"] == field


async def merged(place: Office, grace: httpx.AsyncClient) -> tuple[str, str, dict[str, Any]]:
    """Ada by mail and Ada by WhatsApp, made one: their ids, and what is known of her then."""
    mail = await written(place.store, "Ada", "ada@a.example")
    phone = await written(place.store, "A. L.", "+491701234567", channel="whatsapp")
    answer = await grace.post(f"/api/contacts/{mail}/merge", json={"contact_id": phone})
    assert answer.status_code == 200, answer.text
    return mail, phone, answer.json()


async def test_two_contacts_become_one_and_two_again(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        grace = await place.operator()
        mail, phone, one = await merged(place, grace)
        assert one["id"] == mail
        assert {each["channel"] for each in one["identities"]} == {"email", "whatsapp"}
        assert len(one["conversations"]) == 2
        assert await names(grace) == ["Ada"]
        assert (await grace.get(f"/api/contacts/{phone}")).json()["id"] == mail
        (merge,) = one["merges"]
        assert merge["contact"] == {"id": phone, "name": "A. L."}
        undone = await grace.post(f"/api/contacts/{mail}/unmerge", json={"merge_id": merge["id"]})
        assert [each["undone"] for each in undone.json()["merges"]] == [True]
        assert [each["channel"] for each in undone.json()["identities"]] == ["email"]
        assert (await grace.get(f"/api/contacts/{phone}")).json()["id"] == phone
        again = await grace.post(f"/api/contacts/{mail}/unmerge", json={"merge_id": merge["id"]})
        assert again.status_code == 409


async def test_nobody_is_merged_with_themselves_or_with_nobody(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        grace = await place.operator()
        mail, phone, _ = await merged(place, grace)
        at = f"/api/contacts/{mail}/merge"
        assert (await grace.post(at, json={"contact_id": mail})).status_code == 409
        assert (await grace.post(at, json={"contact_id": phone})).status_code == 409
        for other in ("con_nobody", None, 7, "\x00"):
            assert (await grace.post(at, json={"contact_id": other})).status_code == 422
        assert (await grace.post("/api/contacts/con_00000000000/merge", json={})).status_code in {404, 422}
        assert (await grace.get("/api/contacts/con_00000000000")).status_code == 404
        foreign = await grace.post(f"/api/contacts/{mail}/unmerge", json={"merge_id": "mrg_1"})
        assert foreign.status_code == 422


async def test_a_viewer_merges_nobody(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        viewer = await place.operator("Vera", "viewer")
        mail = await written(sqlite, "Ada", "ada@a.example")
        for act in ("", "/merge", "/unmerge"):
            assert (await viewer.post(f"/api/contacts/{mail}{act}", json={})).status_code == 403
        page = await viewer.get(f"/dashboard/contacts/{mail}?q=a")
        assert "data-merge" not in page.text
        assert "Save" not in page.text


async def test_pages_show_contacts_and_run_nothing_of_theirs(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        grace = await place.operator()
        hostile = '"><script>alert(1)</script>'
        mail = await written(store, hostile, "eve@e.example", text=hostile)
        await grace.post(f"/api/contacts/{mail}", json={"attributes": {hostile: hostile}})
        for path in ("/dashboard/contacts", "/dashboard/contacts?q=eve", f"/dashboard/contacts/{mail}?q=eve"):
            page = await grace.get(path)
            assert page.status_code == 200
            assert "eve@e.example" in page.text
            assert "<script>alert" not in page.text
        assert "Nobody was found." in (await grace.get("/dashboard/contacts?q=nobody")).text
        assert (await grace.get("/dashboard/contacts/con_1")).status_code == 404
        _, phone, _ = await merged(place, grace)
        moved = await grace.get(f"/dashboard/contacts/{phone}")
        assert moved.status_code == 303
