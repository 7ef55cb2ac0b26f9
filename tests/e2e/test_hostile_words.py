"""Hostile, odd and endless words wherever people may write: shown, never run, and nothing breaks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, FilePayload, Page, expect

from tests.bot.dashboard.test_pages import HOSTILE
from tests.e2e.browser import Chat, set_hidden, visit
from tests.e2e.desk import EMAIL, OTHER_EMAIL, TRIPWIRE, act, at_the_desk, thread
from tests.e2e.test_files import PICTURE
from tests.processes import Switchboard, switchboard, until

pytestmark = pytest.mark.slow

MARKUP = '"><img src=x onerror=xss(1)><script>xss(2)</script>'
FILE = "<img src=x onerror=xss(4)>"
ODD = "\u202e\u2067\u200b\ufeff\U0001f469\u200d\U0001f469\u200d\U0001f467 Z\u0336a\u0337l\u0338"
NAME = f"{MARKUP}{ODD}{'W' * 20}"
TEXT = "\n".join([MARKUP, *HOSTILE, ODD, "W" * 2000, "=1+1", "[x](data:text/html,<script>xss(3)</script>)"])
WIDE = "document.documentElement.scrollWidth > innerWidth"
# Notifications as the system would be handed them: it shows them as plain text.
NOTIFIED = """
    window.notified = [];
    window.Notification = class {
        static permission = 'granted';
        constructor(title, {body}) { notified.push([title, body]) }
    };
"""


class Desk:
    """An administrator at the desk, and calls to the API as theirs."""

    def __init__(self, page: Page, house: Switchboard) -> None:
        self.page = page
        self.house = house
        self._csrf = page.request.get(f"{house.url}/api/me").json()["csrf_token"]

    def call(self, path: str, body: object) -> Any:
        told = self.page.request.post(
            f"{self.house.url}{path}",
            data=json.dumps(body),
            headers={"content-type": "application/json", "x-csrf-token": self._csrf},
        )
        assert told.ok, told.text()
        return told.json() if told.body() else None


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Switchboard]:
    with switchboard(tmp_path_factory.mktemp("shop")) as running:
        yield running


@pytest.fixture(scope="module")
def passwords(shop: Switchboard) -> list[str]:
    """Of an administrator, and of an operator with a hostile name."""
    said = [
        shop.command("operator", "add", EMAIL, "--name", "Grace", "--role", "admin"),
        shop.command("operator", "add", OTHER_EMAIL, "--name", NAME),
    ]
    return [each.split()[-1] for each in said]


@pytest.fixture
def grace(browser: Browser, shop: Switchboard, passwords: list[str]) -> Iterator[Desk]:
    with at_the_desk(browser, shop, passwords[0], email=EMAIL) as page:
        yield Desk(page, shop)


@pytest.fixture
def eve(browser: Browser, shop: Switchboard, passwords: list[str]) -> Iterator[Desk]:
    with at_the_desk(browser, shop, passwords[1], email=OTHER_EMAIL) as page:
        yield Desk(page, shop)


@pytest.fixture
def chat(context: BrowserContext, shop: Switchboard) -> Chat:
    context.add_init_script(TRIPWIRE)
    chat = visit(context, shop.url).open()
    chat.ask(TEXT)
    return chat


@pytest.fixture
def conversation_id(chat: Chat, shop: Switchboard) -> str:
    rows = shop.rows("SELECT id FROM conversations WHERE last_seq > 0 ORDER BY created_at DESC LIMIT 1")
    return str(rows[0]["id"])


def fill(desk: Desk, conversation_id: str) -> list[str]:
    """Put them wherever somebody may; the pages that show them."""
    at = f"/api/conversations/{conversation_id}"
    contact_id = desk.page.request.get(f"{desk.house.url}{at}").json()["contact"]["id"]
    desk.call(f"/api/contacts/{contact_id}", {"name": NAME})
    desk.call(f"{at}/labels", {"labels": [NAME[:40]]})
    desk.call("/api/canned", {"name": "hi", "text": f"{TEXT} {{{{contact}}}} {{{{constructor}}}}"})
    desk.call("/api/views", {"name": NAME[:60], "query": "tab=all", "shared": True})
    desk.call("/api/tokens", {"name": NAME})
    article = desk.call("/api/knowledge/articles", {"title": NAME, "text": TEXT})["article"]["id"]
    rooms = ("conversations?tab=all", "approvals", "contacts", "knowledge", "analytics")
    sections = ("you", "components", "channels", "canned", "operators", "tokens", "audit")
    return [
        *(f"/dashboard/{each}" for each in rooms),
        *(f"/dashboard/settings/{each}" for each in sections),
        f"/dashboard/conversations/{conversation_id}?tab=all",
        f"/dashboard/contacts/{contact_id}",
        f"/dashboard/knowledge/articles/{article}",
    ]


def test_every_page_holds_them(grace: Desk, conversation_id: str) -> None:
    page, found = grace.page, []
    for path in fill(grace, conversation_id):
        page.goto(f"{grace.house.url}{path}")
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 844})
            if page.evaluate(WIDE):
                found.append((path, width))
        assert page.evaluate("tripped") == [], path
    assert found == []


def test_what_comes_up_and_comes_in(grace: Desk, eve: Desk, chat: Chat, conversation_id: str) -> None:
    page, at = grace.page, f"/api/conversations/{conversation_id}"
    page.add_init_script(NOTIFIED)
    page.evaluate("localStorage.setItem('switchboard:notify', 'on')")
    contact_id = page.request.get(f"{grace.house.url}{at}").json()["contact"]["id"]
    grace.call(f"/api/contacts/{contact_id}", {"name": NAME})
    page.goto(f"{grace.house.url}/dashboard/conversations/{conversation_id}?tab=all")
    expect(page.locator("#contact")).to_contain_text(MARKUP)
    assert MARKUP in page.title()
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="What to do").fill("onerror")
    expect(page.locator("#commands").get_by_role("option").filter(has_text=MARKUP).first).to_be_visible()
    page.keyboard.press("Escape")  # what is typed goes first
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    reply = page.get_by_role("textbox", name="Reply")
    reply.fill("@")
    page.locator("#colleagues").get_by_role("option").filter(has_text=MARKUP).click()
    expect(reply).to_have_value(f"@{NAME} ")
    if not page.request.get(f"{grace.house.url}/api/canned").json()["canned"]:
        grace.call("/api/canned", {"name": "hi", "text": f"{TEXT} {{{{contact}}}} {{{{constructor}}}}"})
    page.reload()
    reply.fill("/hi")
    page.locator("#canned").get_by_role("option").filter(has_text="/hi").click()
    written = f"{TEXT} {NAME} {{{{constructor}}}}"
    expect(reply).to_have_value(written)
    page.reload()
    expect(reply).to_have_value(written)
    eve.call(f"{at}/presence", {"doing": "writing"})
    expect(page.locator("#others")).to_contain_text(MARKUP)
    set_hidden(page, hidden=True)
    note = {"client_id": "note", "text": f"@Grace {TEXT}", "kind": "note"}
    eve.call(f"{at}/messages", note)
    until(lambda: page.evaluate("notified.length"), 15, "a notification")
    [title, body] = page.evaluate("notified[0]")
    assert MARKUP in title
    assert MARKUP in body
    set_hidden(page, hidden=False)
    chat.ask(f"once more {TEXT}")
    expect(thread(page).get_by_text("once more")).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    assert not page.evaluate(WIDE)


def test_what_the_bot_is_writing_is_text_until_it_is_said(grace: Desk, conversation_id: str) -> None:
    page = grace.page
    deltas = [
        {"turn_id": f"t{place}", "text": each, "offset": 0} for place, each in enumerate((*HOSTILE, TEXT))
    ]
    frames = "".join(f"event: delta\ndata: {json.dumps(each)}\n\n" for each in deltas)
    page.route("**/api/events*", lambda route: route.fulfill(content_type="text/event-stream", body=frames))
    page.goto(f"{grace.house.url}/dashboard/conversations/{conversation_id}?tab=all")
    expect(page.locator("#written")).to_contain_text(MARKUP)
    assert page.locator("#written *").count() == 0
    assert not page.evaluate(WIDE)


def test_a_customer_sees_what_a_hostile_operator_writes(eve: Desk, chat: Chat, conversation_id: str) -> None:
    page = eve.page
    page.goto(f"{eve.house.url}/dashboard/conversations/{conversation_id}?tab=all")
    picture = FilePayload(name=f"{FILE}{ODD}.png", mimeType="image/png", buffer=PICTURE)
    page.locator("input[type=file]").set_input_files([picture])
    expect(page.get_by_role("list", name="Files that go along").locator("[data-key]")).to_have_count(1)
    page.get_by_role("textbox", name="Reply").fill(f"Mine: {TEXT}")
    act(page, "Send")
    expect(chat.answers.last).to_contain_text("Mine:")
    expect(chat.thread.get_by_text(MARKUP).first).to_be_visible()
    expect(chat.thread.get_by_role("img", name=FILE)).to_be_visible()
    chat.page.set_viewport_size({"width": 390, "height": 844})
    assert not chat.page.evaluate(WIDE)
    assert chat.thread.evaluate("log => log.scrollWidth <= log.clientWidth")
    assert chat.page.evaluate("tripped") == []
    with page.expect_download() as saved:
        thread(page).get_by_role("img", name=FILE).click()
    assert not set('<>:"/\\|?*\n') & set(saved.value.suggested_filename)


def test_a_megabyte_is_cut_to_what_may_be_sent(grace: Desk, conversation_id: str) -> None:
    page = grace.page
    page.goto(f"{grace.house.url}/dashboard/conversations/{conversation_id}?tab=all")
    reply = page.get_by_role("textbox", name="Reply")
    reply.fill("M" * 1_000_000)
    act(page, "Send")
    expect(reply).to_have_value("")
    expect(thread(page).get_by_text("MMMM").first).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    assert not page.evaluate(WIDE)
