"""The dashboard's pages over HTTP: who sees them, and that nothing written by others runs in them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from bot.store import Store
from tests.office import PASSWORD, office, sign_in

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "</textarea><script>alert(1)</script>",
    "{{ 7 * 7 }} {% raw %}",
    "[x](javascript:alert(1))",
    "'-alert(1)-'",
)


class Tags(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.bad: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name.startswith("on") or name == "style" or (value or "").strip().startswith("javascript:"):
                self.bad.append(f"{tag} {name}={value}")
        if tag == "script" and not dict(attrs).get("src"):
            self.bad.append("inline script")


async def test_whoever_is_not_signed_in_signs_in_and_goes_on_where_they_wanted(
    sqlite: Store, tmp_path: Path
) -> None:
    async with office(sqlite, tmp_path) as place:
        email = await place.hire()
        visitor = await place.visitor("Hello?")
        browser = place.browser()
        wanted = f"/dashboard/conversations/{visitor.conversation_id}?tab=bot"
        asked = await browser.get(wanted)
        assert asked.status_code == 303
        assert parse_qs(urlsplit(asked.headers["location"]).query)["next"] == [wanted]
        wrong = await browser.post(asked.headers["location"], data={"email": email, "password": "a guess"})
        assert wrong.status_code == 401
        assert email in wrong.text
        assert "a guess" not in wrong.text
        right = await browser.post(asked.headers["location"], data={"email": email, "password": PASSWORD})
        assert right.headers["location"] == wanted
        page = await browser.get(wanted)
        assert page.status_code == 200
        assert "Hello?" in page.text


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "/dashboard/\\x"]
)
async def test_signing_in_never_leads_elsewhere(target: str, sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        form = {"email": await place.hire(), "password": PASSWORD}
        answer = await place.browser().post("/dashboard/sign-in", params={"next": target}, data=form)
        assert answer.headers["location"] == "/dashboard/conversations"


async def test_signing_out_needs_our_own_page_and_ends_the_session(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        browser = place.browser()
        csrf = (await sign_in(browser, await place.hire())).json()["csrf_token"]
        assert (await browser.post("/dashboard/sign-out")).status_code == 403
        assert (await browser.get("/dashboard/conversations")).status_code == 200
        assert (await browser.post("/dashboard/sign-out", data={"csrf": csrf})).status_code == 303
        assert (await browser.get("/dashboard/conversations")).status_code == 303


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_hostile_markup_is_text_wherever_it_stands(hostile: str, sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        visitor = await place.visitor(hostile)
        async with sqlite.database.transaction() as tx:
            tx.later("UPDATE contacts SET name = :name", name=hostile)
        operator = await place.operator(name="Grace")
        async with sqlite.database.transaction() as tx:
            tx.later("UPDATE operators SET name = :name", name=hostile)
        at = f"/api/conversations/{visitor.conversation_id}"
        for kind in ("reply", "note"):
            body = {"client_id": kind, "text": hostile, "kind": kind}
            assert (await operator.post(f"{at}/messages", json=body)).status_code == 201
        for address in ("", f"/{visitor.conversation_id}"):
            page = await operator.get(f"/dashboard/conversations{address}?tab=all")
            tags = Tags()
            tags.feed(page.text)
            assert tags.bad == []
            assert tags.tags.count("img") == 1  # our own mark
            assert page.text.count("<script") == 1


async def test_pages_have_a_strict_policy_and_nothing_inline(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        visitor = await place.visitor("Hello?")
        operator = await place.operator()
        for path in ("sign-in", "conversations", f"conversations/{visitor.conversation_id}"):
            client = place.browser() if path == "sign-in" else operator
            page = await client.get(f"/dashboard/{path}")
            assert page.status_code == 200
            policy = page.headers["content-security-policy"]
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert page.headers["cache-control"] == "no-store"
            tags = Tags()
            tags.feed(page.text)
            assert tags.bad == []
            for asset in re.findall(r'(?:src|href)="(/dashboard/static/[^"]+)"', page.text):
                assert (await client.get(asset)).status_code == 200, asset
                assert "cache-control" in (await client.get(asset)).headers


async def test_what_is_not_there_is_said_so(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        operator = await place.operator()
        page = await operator.get("/dashboard/conversations/cnv_00000000000000000000000000")
        assert page.status_code == 404
        assert "does not exist" in page.text
        assert (await operator.get("/dashboard/static/../routes.py")).status_code == 404
        for query in ("?tab=nothing", "?page=nonsense", "?tab=all&page=1.x"):
            assert (await operator.get(f"/dashboard/conversations{query}")).status_code == 200
