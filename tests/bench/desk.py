"""The operators' desk with many conversations, in a browser: until a page can be used, and news is in it."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from pathlib import Path

import httpx
from playwright.sync_api import Browser, Page

from tests.bench.driver import percentile
from tests.bench.filling import fill_conversations
from tests.bench.report import Report
from tests.e2e.browser import chromium, find_chromium
from tests.e2e.desk import EMAIL, sign_in
from tests.processes import Switchboard, switchboard, until

_WAITS_FOR_A_PERSON = "I want to talk to a person"
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


def measure(report: Report, folder: Path, *, conversations: int, rounds: int) -> None:
    """Pages opened and news awaited in turn, `rounds` times ten. Raises RuntimeError without Chromium."""
    path = find_chromium()
    if path is None:
        raise RuntimeError("Chromium is needed to measure the desk")
    with switchboard(folder / "desk") as house, chromium(path) as browser:
        fill_conversations(house.data_dir / "switchboard.db", conversations)
        visitor = _Visitor(house.url)
        visitor.says(_WAITS_FOR_A_PERSON)
        asked = f"SELECT conversation_id FROM messages WHERE text = '{_WAITS_FOR_A_PERSON}'"
        until(
            lambda: house.rows(f"SELECT 1 FROM conversations WHERE id IN ({asked}) AND status = 'waiting'"),
            30,
            "somebody waits",
        )
        [opened] = house.rows(asked)
        password = house.command("operator", "add", EMAIL, "--name", "Grace").split()[-1]
        weight = _weight(browser, house, password)
        page = browser.new_context().new_page()
        sign_in(page, house, password)
        pages = {
            "the list": "/dashboard/conversations?tab=all",
            "a conversation": f"/dashboard/conversations/{opened['conversation_id']}?tab=all",
            "contacts": "/dashboard/contacts",
        }
        usable: dict[str, list[float]] = {name: [] for name in pages}
        seen: list[float] = []
        for _ in range(rounds * 10):
            for name, address in pages.items():
                page.goto(f"{house.url}{address}")
                usable[name].append(_told(page, _USABLE))
            page.goto(f"{house.url}{pages['the list']}")
            seen.append(_until_seen(page, visitor))
    report.section(
        f"The desk with {conversations:,} conversations",
        {f"until {name} is usable": _figures(each) for name, each in usable.items()}
        | {"until a message is in the list": _figures(seen)},
        "ms",
    )
    report.section("The desk's first page", {"compressed": {"the list": weight / 1024}}, "KiB")
    report.verdict("until the list is usable, p50, in ms", percentile(usable["the list"], 50), at_most=300)
    report.verdict("until a message is in the list, p50, in ms", percentile(seen, 50), at_most=200)
    report.verdict("the first page, compressed, in KiB", weight / 1024, at_most=150)


class _Visitor:
    """Somebody on the website."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, trust_env=False, timeout=30)
        token = self._http.post("/api/web/session", json={}).raise_for_status().json()["token"]
        self._http.headers["Authorization"] = f"Bearer {token}"

    def says(self, words: str) -> None:
        told = {"client_id": uuid.uuid4().hex, "text": words}
        self._http.post("/api/web/messages", json=told).raise_for_status()


def _weight(browser: Browser, house: Switchboard, password: str) -> float:
    """Bytes that a browser fetches which has nothing of ours yet, signing in besides."""
    context = browser.new_context()
    page = context.new_page()
    sign_in(page, house, password)
    fresh = browser.new_context(storage_state=context.storage_state())
    context.close()
    page = fresh.new_page()
    page.goto(f"{house.url}/dashboard/conversations?tab=all")
    weight = _told(page, _WEIGHT)
    fresh.close()
    return weight


def _until_seen(page: Page, visitor: _Visitor) -> float:
    """Milliseconds from before a visitor sends words until they are in the list."""
    words = f"Is it {uuid.uuid4().hex[:8]}?"
    page.evaluate(_SEEN, words)
    sent = time.time()
    visitor.says(words)
    return (_told(page, "window.seen") - sent) * 1000


def _told(page: Page, expression: str) -> float:
    number = page.evaluate(expression)
    assert isinstance(number, int | float)
    return float(number)


def _figures(durations: list[float]) -> Mapping[str, float]:
    return {"p50": percentile(durations, 50), "p95": percentile(durations, 95)}
