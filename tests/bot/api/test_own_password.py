"""Choosing another password: who knows the current one may; all other sessions end; it is on record."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import httpx
import pytest

from bot.store import Store
from bot.store.records import Role
from tests.bot.api.test_audit import log_of
from tests.office import HASHED, PASSWORD, office, sign_in

NEW = "tr0mbone under the café table"


async def change(client: httpx.AsyncClient, current: str = PASSWORD, new: str = NEW) -> httpx.Response:
    return await client.post("/api/me/password", json={"current": current, "new": new})


@pytest.mark.parametrize("role", ["admin", "operator", "viewer"])
async def test_everybody_changes_their_own_and_stays_signed_in_here_alone(
    store: Store, tmp_path: Path, role: Role
) -> None:
    async with office(store, tmp_path) as place:
        here, there = await place.operator("Vera", role), place.browser()
        ada = await place.operator("Ada", "admin")
        assert (await sign_in(there, "vera@example.com")).status_code == 200
        assert (await change(here)).status_code == 204
        assert (await here.get("/api/me")).json()["name"] == "Vera"
        assert (await there.get("/api/me")).status_code == 401
        assert (await ada.get("/api/me")).status_code == 200
        assert (await sign_in(place.browser(), "vera@example.com")).status_code == 401
        assert (await sign_in(place.browser(), "vera@example.com", NEW)).status_code == 200
        (entry,) = await log_of(ada, "&what=operator")
        assert (entry["act"], entry["actor"]["name"], entry["changes"]) == (
            *("operator.own_password", "Vera"),
            {},
        )
        assert entry["about"] == entry["actor"]["id"]


@pytest.mark.parametrize(
    ("current", "new", "field"),
    [
        ("a guess", NEW, "current"),
        ("", NEW, "current"),
        (PASSWORD, PASSWORD, "new"),
        (PASSWORD, "x" * 11, "new"),
        (PASSWORD, " " * 20, "new"),
        (PASSWORD, "x" * 1001, "new"),
    ],
)
async def test_what_will_not_do_changes_nothing(
    sqlite: Store, tmp_path: Path, current: str, new: str, field: str
) -> None:
    async with office(sqlite, tmp_path) as place:
        grace = await place.operator()
        answer = await change(grace, current, new)
        assert (answer.status_code, answer.json()["error"]["field"]) == (422, field)
        assert (await sign_in(place.browser(), "grace@example.com")).status_code == 200


async def test_guessing_the_current_one_is_slowed_as_signing_in_is(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        grace, ada = await place.operator(), await place.operator("Ada", "admin")
        answers = [await change(grace, f"a guess {each}") for each in range(40)]
        assert sum(each.status_code == 422 for each in answers) <= 12
        assert answers[-1].status_code == 429
        assert int(answers[-1].headers["retry-after"]) > 0
        entries = await log_of(ada, "&what=operator")
        assert {each["act"] for each in entries} == {"operator.refused"}
        assert 0 < len(entries) <= 22
        assert "a guess" not in str(entries)


async def test_a_program_and_another_sites_page_change_none(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        grace = await place.operator()
        assert (await place.browser().post("/api/me/password", json={})).status_code == 401
        lent = await place.store.operators.by_email("grace@example.com")
        assert lent is not None
        await place.store.operators.create_token("lent", hashlib.sha256(b"swb_lent").hexdigest(), lent.id)
        program = place.browser(authorization="Bearer swb_lent", cookie=str(grace.cookies))
        assert (await change(program)).json()["error"]["code"] == "no_session"
        grace.headers["origin"] = "https://evil.example"
        assert (await change(grace)).status_code == 403
        del grace.headers["origin"], grace.headers["x-csrf-token"]
        assert (await change(grace)).json()["error"]["code"] == "csrf"
        assert (await sign_in(place.browser(), "grace@example.com")).status_code == 200


async def test_of_two_changes_at_once_one_holds(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        here, there = await place.operator(), place.browser()
        there.headers["x-csrf-token"] = (await sign_in(there, "grace@example.com")).json()["csrf_token"]
        answers = await asyncio.gather(change(here, new=f"{NEW} one"), change(there, new=f"{NEW} two"))
        assert sorted(each.status_code for each in answers) in ([204, 401], [204, 422])
        first = answers[0].status_code == 204
        good, bad = (f"{NEW} one", f"{NEW} two") if first else (f"{NEW} two", f"{NEW} one")
        assert (await sign_in(place.browser(), "grace@example.com", good)).status_code == 200
        assert (await sign_in(place.browser(), "grace@example.com", bad)).status_code == 401
        stays, ended = (here, there) if first else (there, here)
        assert (await stays.get("/api/me")).status_code == 200
        assert (await ended.get("/api/me")).status_code == 401


async def test_a_password_that_an_administrator_reset_meanwhile_is_not_the_current_one(
    store: Store, tmp_path: Path
) -> None:
    async with office(store, tmp_path) as place:
        await place.hire()
        before = await store.operators.by_email("grace@example.com")
        assert before is not None
        assert await store.operators.set_password("grace@example.com", "another hash")
        assert not await store.operators.change_password(before, "a third hash", kept="")
        now = await store.operators.by_email("grace@example.com")
        assert now is not None
        assert now.password_hash == "another hash" != HASHED


async def test_the_page_asks_for_it(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        vera = await place.operator("Vera", "viewer")
        page = (await vera.get("/dashboard/settings/you", headers={"accept-language": "de"})).text
        assert "Jetziges Passwort" in page
        assert 'autocomplete="current-password"' in page
