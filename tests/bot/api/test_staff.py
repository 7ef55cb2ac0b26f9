"""Operators, tokens and canned answers over HTTP, and the settings that show them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.dashboard.settings import SECTIONS
from bot.store import Store
from tests.office import Office, office, sign_in


async def admin(place: Office) -> httpx.AsyncClient:
    return await place.operator("Ada", "admin")


async def test_an_administrator_lets_people_in_and_takes_rights_away(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        ada = await admin(place)
        added = await ada.post("/api/operators", json={"email": "linus@example.com", "name": "Linus"})
        assert added.status_code == 201
        linus = place.browser()
        assert (await sign_in(linus, "linus@example.com", added.json()["password"])).status_code == 200
        at = f"/api/operators/{added.json()['operator']['id']}"
        assert (await ada.post(at, json={"role": "viewer", "name": "L."})).json()["operator"][
            "role"
        ] == "viewer"
        assert (await linus.get("/api/me")).json()["name"] == "L."
        reset = await ada.post(f"{at}/password")
        assert (await linus.get("/api/me")).status_code == 401  # their sessions have ended
        assert (await sign_in(linus, "linus@example.com", reset.json()["password"])).status_code == 200
        twice = await ada.post("/api/operators", json={"email": "LINUS@example.com"})
        assert twice.status_code == 409


async def test_the_last_administrator_stays_one(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        ada = await admin(place)
        at = f"/api/operators/{(await ada.get('/api/me')).json()['id']}"
        assert (await ada.post(at, json={"role": "operator"})).status_code == 409
        await place.operator("Bea", "admin")
        assert (await ada.post(at, json={"role": "operator"})).status_code == 200


async def test_a_token_is_told_once_works_and_is_revoked(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        ada = await admin(place)
        made = (await ada.post("/api/tokens", json={"name": "CRM"})).json()
        program = place.browser(authorization=f"Bearer {made['token']}")
        assert (await program.get("/api/conversations")).status_code == 200
        (listed,) = (await ada.get("/api/tokens")).json()["tokens"]
        assert listed["name"] == "CRM"
        assert made["token"] not in str(listed)
        assert (await program.get("/api/tokens")).status_code == 403
        assert (await ada.delete(f"/api/tokens/{made['id']}")).status_code == 204
        assert (await program.get("/api/conversations")).status_code == 401
        assert (await ada.delete(f"/api/tokens/{made['id']}")).status_code == 404


async def test_operators_who_are_no_administrators_change_nobody(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        grace = await place.operator()
        me = (await grace.get("/api/me")).json()["id"]
        assert (await grace.post(f"/api/operators/{me}", json={"role": "admin"})).status_code == 403
        assert (await grace.post("/api/operators", json={"email": "x@example.com"})).status_code == 403
        assert (await grace.post(f"/api/operators/{me}/password")).status_code == 403
        assert (await grace.post("/api/tokens", json={"name": "x"})).status_code == 403
        assert (await grace.get("/api/tokens")).status_code == 403


async def test_canned_answers_are_kept_by_a_name_of_their_own(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        grace = await place.operator()
        text = "Hello {{contact}}, it is on its way."
        made = await grace.post("/api/canned", json={"name": "Shipping", "text": text})
        assert made.status_code == 201
        at = f"/api/canned/{made.json()['canned']['id']}"
        assert (await grace.post("/api/canned", json={"name": "shipping", "text": "x"})).status_code == 409
        changed = await grace.post(at, json={"name": "ship", "text": "Soon."})
        assert changed.json()["canned"]["text"] == "Soon."
        assert [each["name"] for each in (await grace.get("/api/canned")).json()["canned"]] == ["ship"]
        assert (await grace.delete(at)).status_code == 204
        assert (await grace.post(at, json={"name": "ship", "text": "x"})).status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/api/canned", {"name": "two words", "text": "x"}, "name"),
        ("/api/canned", {"name": "x"}, "text"),
        ("/api/operators", {"email": "nobody"}, "email"),
        ("/api/operators", {"email": "a@b.example", "role": "king"}, "role"),
        ("/api/tokens", {}, "name"),
        ("/api/route", {"text": " "}, "text"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(
    path: str, body: Any, field: str, sqlite: Store, tmp_path: Path
) -> None:
    async with office(sqlite, tmp_path) as place:
        answer = await (await admin(place)).post(path, json=body)
        assert answer.status_code == 422
        assert answer.json()["error"]["field"] == field


async def test_every_section_is_shown_to_everybody_and_secrets_to_nobody(
    store: Store, tmp_path: Path
) -> None:
    async with office(store, tmp_path) as place:
        ada, vera = await admin(place), await place.operator("<b>Vera</b>", "viewer")
        made = (await ada.post("/api/tokens", json={"name": "<i>CRM</i>"})).json()
        await ada.post("/api/canned", json={"name": "hi", "text": "<script>alert(1)</script>"})
        for section in SECTIONS:
            for client in (ada, vera):
                page = await client.get(f"/dashboard/settings/{section}")
                assert page.status_code == 200, section
                for hostile in ("<b>Vera", "<i>CRM", "<script>alert", made["token"]):
                    assert hostile not in page.text, section
        assert "CRM" in (await ada.get("/dashboard/settings/tokens")).text
        assert "CRM" not in (await vera.get("/dashboard/settings/tokens")).text
        assert (await ada.get("/dashboard/settings/nothing")).status_code == 404


async def test_a_reader_chooses_the_language(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        grace = await place.operator()
        csrf = grace.headers["x-csrf-token"]
        chosen = await grace.post("/dashboard/settings/you", data={"language": "de", "csrf": csrf})
        assert chosen.status_code == 303
        assert "Einstellungen" in (await grace.get("/dashboard/settings/you")).text
        refused = await grace.post("/dashboard/settings/you", data={"language": "en", "csrf": "x"})
        assert refused.status_code == 403


async def test_a_message_can_be_routed_on_trial(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        grace = await place.operator()
        route = (await grace.post("/api/route", json={"text": "Wo ist meine Bestellung?"})).json()
        assert route["language"] == "de"
        assert route["agent"] is None
