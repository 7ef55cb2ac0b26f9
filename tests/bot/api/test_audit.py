"""The audit log over HTTP: every act of an operator or a program is in it, and no secret is."""

from __future__ import annotations

import csv
import hashlib
import io
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from bot.api.refusals import Refusals
from bot.orchestrator.agent import ToolCall
from bot.store import Store
from bot.store.budgets import Allowances
from bot.store.database import microseconds
from bot.testing import ScriptedModel
from tests.bot.api.test_approvals import WISH, Till
from tests.bot.api.test_docs import answer_schema, wrong
from tests.office import PASSWORD, Office, office, sign_in


async def log_of(client: httpx.AsyncClient, query: str = "") -> list[dict[str, Any]]:
    answer = await client.get(f"/api/audit?limit=200{query}")
    assert answer.status_code == 200, answer.text
    assert not list(wrong(answer.json(), answer_schema("get", "/api/audit", 200)))
    entries: list[dict[str, Any]] = answer.json()["audit"]
    return entries


async def conversation(place: Office, ada: httpx.AsyncClient, *words: str) -> str:
    await place.visitor(*words)
    await place.work()
    found: str = (await ada.get("/api/conversations")).json()["conversations"][0]["id"]
    return found


async def test_only_administrators_read_it(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        for each in (await place.operator(), await place.operator("Vera", "viewer"), place.browser()):
            for path in ("/api/audit", "/api/audit.csv"):
                assert (await each.get(path)).status_code in {401, 403}
        grace = await place.operator("Hedy")
        page = await grace.get("/dashboard/settings/audit")
        assert page.status_code == 200
        assert "session.begin" not in page.text
        assert "Signed in" not in page.text


async def test_signing_in_and_out_and_failing_to_is_in_it(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        ada = await place.operator("Ada", "admin")
        stranger = place.browser()
        await sign_in(stranger, "ada@example.com", "Tr0ub4dor&3")
        await sign_in(stranger, "my-secret-password", "x")
        grace = await place.operator()
        await grace.post("/api/logout")
        entries = await log_of(ada)
        assert [each["act"] for each in entries] == [
            *("session.end", "session.begin", "session.refused", "session.refused", "session.begin")
        ]
        ended, _, unknown, refused, begun = entries
        assert ended["actor"]["name"] == "Grace"
        assert begun["actor"]["name"] == "Ada"
        assert begun["address"] == "127.0.0.1"
        assert refused["about"] == begun["actor"]["id"]
        assert refused["actor"]["kind"] == "nobody"
        assert unknown["about"] == ""
        for secret in ("Tr0ub4dor", "my-secret-password", PASSWORD):
            assert secret not in str(entries)


@pytest.mark.slow  # passwords are checked as slowly as they are meant to be
async def test_an_attack_is_in_it_and_does_not_fill_it(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        ada = await place.operator("Ada", "admin")
        for address in range(1, 24):
            crook = place.browser(**{"x-forwarded-for": f"203.0.113.{address}"})
            for guess in range(8):
                await sign_in(crook, f"nobody-{address}@example.com", f"guess {guess}")
        entries = await log_of(ada)
        refused = [each for each in entries if each["act"] == "session.refused"]
        slowed = [each for each in entries if each["act"] == "session.throttled"]
        assert 20 <= len(refused) <= 22
        assert 20 <= len(slowed) <= 22
        assert slowed[-1]["address"] == "203.0.113.1"
        assert {each["actor"]["kind"] for each in refused + slowed} == {"nobody"}
        # Noise about accounts that are none hides nothing about one that is.
        await sign_in(place.browser(**{"x-forwarded-for": "198.51.100.7"}), "ada@example.com", "a guess")
        assert (await log_of(ada))[0]["address"] == "198.51.100.7"


async def test_noise_about_signing_in_hides_no_guess_by_somebody_signed_in(
    sqlite: Store, tmp_path: Path
) -> None:
    async with office(sqlite, tmp_path) as place:
        ada = await place.operator("Ada", "admin")
        for address in range(1, 31):
            crook = place.browser(**{"x-forwarded-for": f"203.0.113.{address}"})
            await sign_in(crook, "ada@example.com", "a guess")
        guess = await ada.post("/api/me/password", json={"current": "a guess", "new": "x" * 20})
        assert guess.status_code in (422, 429)
        newest = (await log_of(ada))[0]
        assert (newest["act"], newest["changes"]) == ("operator.refused", {})


def test_what_was_not_told_is_counted() -> None:
    now = 0.0
    refusals = Refusals(clock=lambda: now)
    told = [refusals.worth_telling("op_1") for _ in range(100)]
    assert told == [{}] * 20 + [None] * 80
    now = 301.0
    assert refusals.worth_telling("op_1") == {"untold": 80}
    assert refusals.worth_telling("op_1") is None
    assert refusals.worth_telling("op_2") == {}


async def test_behind_a_proxy_the_address_is_the_one_it_tells(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        ada = await place.operator("Ada", "admin")
        email = await place.hire()
        await sign_in(place.browser(**{"x-forwarded-for": "203.0.113.9"}), email)
        await sign_in(place.browser(**{"x-forwarded-for": "203.0.113.9, 198.51.100.7"}), email, "wrong")
        refused, begun, _ = await log_of(ada)
        assert begun["address"] == "203.0.113.9"
        assert refused["address"] == "198.51.100.7"  # what came before was told by the stranger


async def test_what_is_done_to_people_and_tokens_is_in_it(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        ada = await place.operator("Ada", "admin")
        added = (await ada.post("/api/operators", json={"email": "linus@example.com"})).json()
        at = f"/api/operators/{added['operator']['id']}"
        await ada.post(at, json={"role": "viewer", "name": "Linus\r\nBcc: all@example.com"})
        reset = (await ada.post(f"{at}/password")).json()
        made = (await ada.post("/api/tokens", json={"name": "CRM"})).json()
        program = place.browser(authorization=f"Bearer {made['token']}")
        await program.post("/api/canned", json={"name": "hi", "text": "Hello Mrs Miller"})
        await ada.delete(f"/api/tokens/{made['id']}")
        entries = await log_of(ada)
        assert [each["act"] for each in entries][:-1] == [
            *("token.revoke", "canned.keep", "token.create", "operator.password", "operator.role"),
            *("operator.rename", "operator.add"),
        ]
        by = {each["act"]: each for each in entries}
        assert by["operator.role"]["changes"] == {"from": "operator", "to": "viewer"}
        assert by["operator.rename"]["changes"]["to"] == "Linus Bcc: all@example.com"
        assert by["canned.keep"]["actor"] == {"kind": "token", "id": made["id"], "name": "CRM"}
        for secret in (added["password"], reset["password"], made["token"], "Miller"):
            assert secret not in str(entries)
        assert [each["act"] for each in await log_of(ada, f"&who={made['id']}")] == ["canned.keep"]
        assert len(await log_of(ada, "&what=token")) == 2
        assert len(await log_of(ada, f"&about={added['operator']['id']}")) == 4


async def test_what_is_done_in_conversations_is_in_it(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        ada = await place.operator("Ada", "admin")
        chosen = await conversation(place, ada, "Where is my parcel?")
        at = f"/api/conversations/{chosen}"
        await ada.post(f"{at}/take")
        await ada.post(f"{at}/take")  # changes nothing
        await ada.post(f"{at}/labels", json={"labels": ["vip"]})
        await ada.post(f"{at}/priority", json={"priority": "high"})
        secret = "Your code is 4711."
        await ada.post(f"{at}/messages", json={"client_id": "1", "text": secret})
        await ada.post(f"{at}/messages", json={"client_id": "2", "text": secret, "kind": "note"})
        await ada.post(f"{at}/snooze", json={"seconds": 60})
        await ada.post("/api/conversations/bulk", json={"ids": [chosen], "act": "resolve"})
        await ada.post(f"{at}/release")
        entries = await log_of(ada, f"&about={chosen}")
        assert [each["act"].removeprefix("conversation.") for each in reversed(entries)] == [
            *("status", "labels", "priority", "reply", "note", "status", "status", "status")
        ]
        assert entries[-1]["changes"]["to"] == "human"
        assert entries[-1]["changes"]["assignee_to"] == entries[-1]["actor"]["id"]
        assert entries[0]["changes"]["to"] == "bot"
        assert "4711" not in str(entries)


async def test_a_decision_is_in_it_with_what_was_asked_and_what_was_allowed(
    sqlite: Store, tmp_path: Path
) -> None:
    call = ToolCall(id="c1", name="refund", arguments={"order": "123456", "amount": 40})
    model = ScriptedModel([call], "I have asked.")
    async with office(sqlite, tmp_path, models=[model], tools=[Till().tool()]) as place:
        ada = await place.operator("Ada", "admin")
        await conversation(place, ada, WISH)
        (asked,) = (await ada.get("/api/approvals")).json()["approvals"]
        decided = {"decision": "approve", "arguments": {"order": "123456", "amount": 30}, "note": "Sorry!"}
        assert (await ada.post(f"/api/approvals/{asked['id']}", json=decided)).status_code == 200
        (entry,) = await log_of(ada, "&what=approval")
        assert entry["act"] == "approval.approve"
        assert entry["changes"]["proposed"]["amount"] == 40
        assert entry["changes"]["arguments"]["amount"] == 30
        assert "Sorry" not in str(entry)


async def test_contacts_and_downloads_are_in_it(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        ada = await place.operator("Ada", "admin")
        for _ in range(2):
            await place.visitor("Hello?")
        one, two = (each["id"] for each in (await ada.get("/api/contacts")).json()["contacts"])
        await ada.post(f"/api/contacts/{one}", json={"name": "Lin Chen", "attributes": {"iban": "DE02"}})
        merged = (await ada.post(f"/api/contacts/{one}/merge", json={"contact_id": two})).json()
        undo = {"merge_id": merged["merges"][0]["id"]}
        assert (await ada.post(f"/api/contacts/{one}/unmerge", json=undo)).status_code == 200
        await ada.get("/api/analytics.csv")
        entries = await log_of(ada)
        assert [each["act"] for each in entries][:-1] == [
            *("analytics.download", "contact.unmerge", "contact.merge", "contact.correct")
        ]
        assert entries[3]["changes"] == {"name": True, "attributes": ["iban"]}
        assert "DE02" not in str(entries)


async def test_no_cell_of_the_table_is_a_formula(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        ada = await place.operator("Ada", "admin")
        me = (await ada.get("/api/me")).json()["id"]
        await ada.post(f"/api/operators/{me}", json={"name": '=HYPERLINK("http://evil.example")'})
        await ada.post("/api/canned", json={"name": "hi", "text": "Hello"})
        table = await ada.get("/api/audit.csv")
        assert table.headers["content-type"].startswith("text/csv")
        rows = list(csv.reader(io.StringIO(table.text)))
        assert rows[0][:4] == ["at_utc", "kind", "actor_id", "actor"]
        assert [row[5] for row in rows[1:]] == [
            *("audit.download", "canned.keep", "operator.rename", "session.begin")
        ]
        assert rows[2][3] == """'=HYPERLINK("http://evil.example")"""
        assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]


async def test_days_are_the_companys_and_times_of_the_table_are_utc(store: Store, tmp_path: Path) -> None:
    zone = ZoneInfo("Pacific/Auckland")
    async with office(store, tmp_path, allowances=Allowances(zone=zone)) as place:
        ada = await place.operator("Ada", "admin")
        last_moment = datetime(2026, 4, 5, 23, 59, 59, tzinfo=zone)  # of a day of 25 hours
        await store.database.change(
            "INSERT INTO audit (id, at, actor_kind, actor_id, actor_name, address, act, about, changes)"
            " VALUES ('aud_1', :at, 'console', '', '', '', 'canned.keep', '', '{}')",
            at=microseconds(last_moment),
        )
        table = (await ada.get("/api/audit.csv?what=canned&from=2026-04-05&to=2026-04-05")).text
        (row,) = csv.DictReader(io.StringIO(table))
        assert row["at_utc"] == "2026-04-05T11:59:59+00:00"
        for day in ("2026-04-04", "2026-04-06"):
            other = (await ada.get(f"/api/audit.csv?what=canned&from={day}&to={day}")).text
            assert not list(csv.DictReader(io.StringIO(other)))
        page = (await ada.get("/dashboard/settings/audit")).text
        assert "by the clock of Pacific/Auckland" in page


@pytest.mark.parametrize(
    "query", ["from=2026-13-01", "to=x", "before=x", "limit=0", f"who={'x' * 101}", "what=%00", "other=1"]
)
async def test_what_cannot_be_asked_is_refused(sqlite: Store, tmp_path: Path, query: str) -> None:
    async with office(sqlite, tmp_path) as place:
        ada = await place.operator("Ada", "admin")
        assert (await ada.get(f"/api/audit?{query}")).status_code == 422
        assert (await ada.get(f"/dashboard/settings/audit?{query}")).status_code == 200


async def test_the_page_shows_what_was_done_and_leads_on(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        ada = await place.operator("<img src=x onerror=alert(1)>", "admin")
        for each in range(60):
            await ada.post("/api/canned", json={"name": f"name-{each}", "text": "Hello"})
        page = (await ada.get("/dashboard/settings/audit")).text
        assert "Wrote a canned answer" in page
        assert "<img src=x" not in page
        assert "name-59" in page
        assert "name-3<" not in page
        assert "before=" in page
        only = (await ada.get("/dashboard/settings/audit?what=session.begin")).text
        assert "name-59" not in only


async def test_a_token_of_somebody_who_is_gone_opens_nothing(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        email = await place.hire("Ada", "admin")
        ada = await place.store.operators.by_email(email)
        assert ada is not None
        await place.store.operators.create_token("lent", hashlib.sha256(b"swb_lent").hexdigest(), ada.id)
        program = place.browser(authorization="Bearer swb_lent")
        assert (await program.get("/api/me")).json()["role"] == "admin"
        await place.store.operators.add("b@example.com", "B", "x", "admin")
        assert await place.store.operators.set_role(ada.id, "viewer")
        assert (await program.post("/api/canned", json={"name": "a", "text": "b"})).status_code == 403
