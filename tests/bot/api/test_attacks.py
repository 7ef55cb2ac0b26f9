"""Everything operators can reach, as those would use it who should not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.api.calls import OPERATORS, Call
from bot.store import Store
from bot.testing import ScriptedModel
from channels.base import Attachment
from tests.office import Office, office

WRITES = [
    each for each in OPERATORS if each.method != "get" and each.path not in {"/api/login", "/api/logout"}
]
READS = [each for each in OPERATORS if each.method == "get" and each.path != "/api/events"]
FOR_ADMINISTRATORS = [each for each in OPERATORS if "administrators" in each.about.lower()]
NONSENSE: Sequence[Any] = (
    *(None, True, -1, 0, 2**63, 2**64 - 1, 1e308, "", " ", "\x00", "a\x00b", "\ud7ff\uffff", "x" * 20_000),
    *([], {}, [[]], [{}], ["\x00"], [None], {"": ""}, {"a": {"b": [1]}}),
)
WORDS = (
    *("", "\x00", "-1", "0", "9" * 18, "9" * 40, "٣", "1e9", "x" * 60_000, "x " * 30_000, "%", "_", "''"),
    *('"', '"a" OR b*', "NEAR(a b)", "a AND", "* -", "col:x", "1.", ".x", "1.\x00", "%' OR 1=1 --", "ﬁ😀é"),
    *("9223372036854775807.x", "2026-02-30", "9999-12-31", "0001-01-01"),
)


def at(call: Call, id_: str = "cnv_00000000000000000000") -> str:
    return re.sub(r"{\w+}", id_, call.path)


def bodies(call: Call) -> Iterator[dict[str, Any]]:
    """Each thing a call takes as none of what it should be, beside things that are as they should be."""
    properties = (call.body or {}).get("properties", {})
    good = {name: _good(schema) for name, schema in properties.items()}
    for name in properties:
        yield from ({**good, name: each} for each in NONSENSE)


def _good(schema: Any) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    kinds = schema.get("type", "string")
    kind = kinds if isinstance(kinds, str) else kinds[0]
    return {"array": [], "object": {}, "integer": 1, "number": 1, "boolean": True}.get(kind, "a@b")


@pytest.mark.parametrize("who", ["nobody", "a visitor", "a wrong token", "an odd header"])
async def test_without_being_let_in_nothing_is_answered(sqlite: Store, tmp_path: Path, who: str) -> None:
    async with office(sqlite, tmp_path) as place:
        visitor = await place.visitor("Hello?")
        headers = {
            "nobody": {},
            "a visitor": {"authorization": f"Bearer {visitor.token}"},
            "a wrong token": {"authorization": "Bearer swb_x"},
            "an odd header": {"authorization": "Bearer"},
        }[who]
        client = place.browser(**headers)
        for call in (*READS, *WRITES):
            if call.who == "operator":
                answer = await client.request(call.method, at(call), json={})
                assert answer.status_code == 401, (call.method, call.path, answer.text)
                assert set(answer.json()) == {"error"}


async def test_a_viewer_changes_nothing_and_reads_no_secret(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        vera = await place.operator("Vera", "viewer")
        # To be seen looking changes nothing, a password nothing but what is theirs.
        looks = {"/api/conversations/{id}/presence", "/api/me/password"}
        for call in WRITES:
            answer = await vera.request(call.method, at(call), json={})
            allowed = {422, 404} if call.path in looks else {403}
            assert answer.status_code in allowed, (call.method, call.path, answer.text)
        for call in FOR_ADMINISTRATORS:
            assert (await vera.request(call.method, at(call), json={})).status_code == 403, call.path


@pytest.mark.parametrize("who", ["operator", "token"])
async def test_only_administrators_do_what_is_theirs(sqlite: Store, tmp_path: Path, who: str) -> None:
    assert len(FOR_ADMINISTRATORS) >= 8
    async with office(sqlite, tmp_path) as place:
        client = await place.operator()
        if who == "token":
            ada = await place.operator("Ada", "admin")
            made = (await ada.post("/api/tokens", json={"name": "CRM"})).json()
            client = place.browser(authorization=f"Bearer {made['token']}")
        for call in FOR_ADMINISTRATORS:
            answer = await client.request(call.method, at(call), json={"name": "x", "email": "x@y"})
            assert answer.status_code == 403, (call.method, call.path, answer.text)


@pytest.mark.parametrize(
    "headers",
    [
        {"x-csrf-token": ""},
        {"x-csrf-token": "0" * 64},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_no_other_site_acts_through_an_operators_browser(
    sqlite: Store, tmp_path: Path, headers: dict[str, str]
) -> None:
    async with office(sqlite, tmp_path) as place:
        ada = await place.operator("Ada", "admin")
        for call in (*WRITES, next(each for each in OPERATORS if each.path == "/api/logout")):
            for content, kind in ((b"{}", "application/json"), (b"a=1", "text/plain"), (b"", "")):
                answer = await ada.request(
                    call.method, at(call), content=content, headers={**headers, "content-type": kind}
                )
                assert answer.status_code == 403, (call.method, call.path, answer.text)
        assert (await ada.get("/api/me")).status_code == 200


async def test_rights_that_are_taken_away_are_gone_at_once(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        ada, bea = await place.operator("Ada", "admin"), await place.operator("Bea", "admin")
        who = (await bea.get("/api/me")).json()["id"]
        assert (await bea.get("/api/audit")).status_code == 200
        assert (await ada.post(f"/api/operators/{who}", json={"role": "viewer"})).status_code == 200
        assert (await bea.get("/api/audit")).status_code == 403
        assert (await bea.post(f"/api/operators/{who}", json={"role": "admin"})).status_code == 403
        assert (await bea.post("/api/canned", json={"name": "a", "text": "b"})).status_code == 403
        assert (await ada.post(f"/api/operators/{who}/password")).status_code == 200
        assert (await bea.get("/api/me")).status_code == 401
        assert (await bea.get("/dashboard/settings/audit")).status_code == 303


async def known(place: Office, ada: httpx.AsyncClient) -> dict[str, str]:
    """Something there is of each kind that calls are about."""
    await place.visitor("Where is my parcel?")
    await place.work()
    entry = (await ada.get("/api/conversations")).json()["conversations"][0]
    added = (await ada.post("/api/operators", json={"email": "linus@example.com"})).json()
    canned = (await ada.post("/api/canned", json={"name": "hi", "text": "Hello"})).json()
    article = (await ada.post("/api/knowledge/articles", json={"title": "Hi", "text": "Hello"})).json()
    return {
        "conversations": entry["id"],
        "contacts": entry["contact"]["id"],
        "operators": added["operator"]["id"],
        "canned": canned["canned"]["id"],
        "knowledge": article["article"]["id"],
    }


async def test_nonsense_in_a_body_is_never_our_fault(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path, models=[ScriptedModel("Hello.")]) as place:
        ada = await place.operator("Ada", "admin")
        there = await known(place, ada)
        for call in WRITES:
            path = at(call, there.get(call.path.split("/")[2], "cnv_00000000000000000000"))
            if call.body_type != "application/json" or call.method == "delete":
                continue
            for body in bodies(call):
                answer = await ada.request(call.method, path, json=body)
                assert answer.status_code < 500, (path, body, answer.text)
            for raw in (b"", b"{", b"[]", b"\xff", b'{"a":' * 2000, b"[" * 5000, b'{"a":1,"a":2}'):
                answer = await ada.request(call.method, path, content=raw)
                assert answer.status_code < 500, (path, raw[:20], answer.text)


async def test_nonsense_in_an_address_is_never_our_fault(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        ada = await place.operator("Ada", "admin")
        there = await known(place, ada)
        for call in READS:
            path = at(call, there.get(call.path.split("/")[2], "cnv_00000000000000000000"))
            for name in (*call.query, "other"):
                for each in WORDS:
                    answer = await ada.get(path, params={name: each})
                    assert answer.status_code < 500, (path, name, each[:40], answer.text)
            for each in ("%00", "%2e%2e%2f", "%ff", "a" * 5000, "x%0d%0ay", "😀"):
                if "{" in call.path:
                    answer = await ada.get(re.sub(r"{\w+}", each, call.path))
                    assert answer.status_code in {200, 307, 400, 404, 422}, (
                        call.path,
                        each[:40],
                        answer.text,
                    )


PAGES = ("conversations", "approvals", "contacts", "knowledge", "analytics", "settings/audit", "sign-in")


@pytest.mark.parametrize("page", PAGES)
async def test_no_page_breaks_on_its_address_or_gives_it_back_alive(
    store: Store, tmp_path: Path, page: str
) -> None:
    names = (
        "q",
        "tab",
        "status",
        "label",
        "channel",
        "page",
        "before",
        "from",
        "who",
        "what",
        "about",
        "next",
    )
    async with office(store, tmp_path) as place:
        ada = await place.operator("Ada", "admin")
        client = place.browser() if page == "sign-in" else ada
        hostile = ('"><script>alert(1)</script>', "javascript:alert(1)", "\x00", "x" * 60_000)
        asked = [{name: each} for name in names for each in hostile]
        asked += [dict.fromkeys(names, each[:1_000]) for each in WORDS]
        for params in asked:
            answer = await client.get(f"/dashboard/{page}", params=params, follow_redirects=True)
            told = (page, {name: each[:40] for name, each in params.items()})
            assert answer.status_code < 500, told
            assert "<script>alert" not in answer.text, told
            assert 'href="javascript:' not in answer.text, told
            assert "no-store" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    "target",
    [
        *("https://evil.example", "//evil.example", "/\\evil.example", "/dashboard/\\evil.example"),
        *(
            "/dashboard/\r\nSet-Cookie: a=b",
            "/dashboard@evil.example",
            "javascript:alert(1)",
            "\x00",
            "/api/x",
        ),
    ],
)
async def test_signing_in_leads_nowhere_else(sqlite: Store, tmp_path: Path, target: str) -> None:
    async with office(sqlite, tmp_path) as place:
        email = await place.hire()
        fields = {"email": email, "password": "correct horse battery staple"}
        answer = await place.browser().post("/dashboard/sign-in", params={"next": target}, data=fields)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/dashboard/")
        assert "a" not in answer.cookies


async def test_a_form_of_many_fields_is_refused(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        fields = "&".join(f"a{each}=1" for each in range(60))
        for path in ("sign-in", "settings/you"):
            answer = await place.browser().post(f"/dashboard/{path}", content=fields)
            assert answer.status_code == 400


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.png\r\nSet-Cookie: evil=1", "image/png"),
        ('a".html; x="', "text/html\r\nSet-Cookie: evil=1"),
        ("résumé \u202egpj.exe", "text/html; charset=\u2713"),
        ("../../etc/passwd", "image/svg+xml"),
        ("\x00", ""),
    ],
)
async def test_a_files_name_and_kind_stay_what_they_are(
    store: Store, tmp_path: Path, name: str, media_type: str
) -> None:
    async with office(store, tmp_path) as place:
        grace = await place.operator()
        await place.visitor("Look at this.")
        entry = (await grace.get("/api/conversations")).json()["conversations"][0]
        (tmp_path / "files").mkdir(exist_ok=True)
        (tmp_path / "files" / "a1").write_bytes(b"<script>alert(1)</script>")
        file = Attachment(key="a1", name=name.replace("\x00", ""), media_type=media_type, size=25)
        await store.attachments.add(file, entry["contact"]["id"])
        answer = await grace.get(f"/api/conversations/{entry['id']}/attachments/a1")
        assert answer.status_code == 200
        assert "evil" not in answer.cookies
        assert "set-cookie" not in answer.headers
        assert answer.headers["content-disposition"].startswith("attachment")
        assert "sandbox" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_file_of_another_conversation_is_not_shown(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        grace = await place.operator()
        for each in ("One", "Two"):
            await place.visitor(each)
        one, two = (await grace.get("/api/conversations")).json()["conversations"]
        (tmp_path / "files").mkdir(exist_ok=True)
        (tmp_path / "files" / "a1").write_bytes(b"x")
        await store.attachments.add(
            Attachment(key="a1", name="a", media_type="image/png", size=1), one["contact"]["id"]
        )
        assert (await grace.get(f"/api/conversations/{one['id']}/attachments/a1")).status_code == 200
        assert (await grace.get(f"/api/conversations/{two['id']}/attachments/a1")).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/canned", {"GET", "HEAD", "POST"}),
        ("PATCH", "/api/canned/can_00000000000", {"POST", "DELETE"}),
        ("PUT", "/api/conversations/bulk", {"POST"}),
        ("DELETE", "/dashboard/sign-in", {"GET", "HEAD", "POST"}),
    ],
)
async def test_what_may_be_done_at_an_address_is_told_whole(
    sqlite: Store, tmp_path: Path, method: str, path: str, allowed: set[str]
) -> None:
    async with office(sqlite, tmp_path) as place:
        answer = await place.browser().request(method, path)
        assert answer.status_code == 405
        assert set(answer.headers["allow"].split(", ")) == allowed
