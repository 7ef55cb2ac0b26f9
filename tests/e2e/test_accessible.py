"""axe-core finds no serious fault on any page, in light or dark, wide or narrow."""

from __future__ import annotations

import re
import shutil
from collections import deque
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.e2e.browser import Scheme, visit
from tests.e2e.desk import EMAIL, act, entry, listening, sign_in, thread
from tests.processes import Switchboard, switchboard

pytestmark = pytest.mark.slow  # every page four times over

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
WIDE, NARROW = ViewportSize(width=1280, height=800), ViewportSize(width=390, height=844)
LOOKS: list[tuple[Scheme, ViewportSize]] = [
    (scheme, size) for size in (WIDE, NARROW) for scheme in ("light", "dark")
]
RETURNS = "How long can I return boots?"
SAID = (RETURNS, "I want a refund for order 123456, it arrived damaged", "I want to talk to a person")
# What a link's path has that is one of many: ids, names and days.
ONE_OF_MANY = re.compile(r"/[a-z]+_[0-9a-f]{20,}|/[0-9]{4}-[0-9]{2}-[0-9]{2}|(?<=/documents/).+")
NO_PAGE = re.compile(r"\.(csv|eml|json)$|/files?/|/original|/export")


@pytest.fixture(scope="module")
def shop(browser: Browser, learned: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Switchboard]:
    """The demo shop, in which a question was answered, a refund waits, and so does somebody."""
    folder = tmp_path_factory.mktemp("accessible")
    shutil.copytree(learned, folder / "data")
    with switchboard(folder) as running:
        for words in SAID:
            context = browser.new_context()
            chat = visit(context, running.url).open()
            chat.ask(words)
            chat.expect_answers(1)
            context.close()
        yield running


@pytest.fixture(scope="module")
def desk(browser: Browser, shop: Switchboard) -> Iterator[Page]:
    """An administrator's browser."""
    printed = shop.command("operator", "add", EMAIL, "--name", "Grace", "--role", "admin")
    context = browser.new_context(reduced_motion="reduce", locale="en-US")
    page = context.new_page()
    sign_in(page, shop, printed.split()[-1])
    yield page
    context.close()


def faults(page: Page, where: str) -> list[str]:
    """What axe calls serious or critical about the page as it stands, however it is looked at, and whether it
    has to be scrolled sideways."""
    found = []
    for scheme, size in LOOKS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        page.evaluate(AXE)
        told: list[dict[str, Any]] = page.evaluate(
            "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
        )
        found += [
            f"{where} {scheme} {size['width']}: {each['id']}: {node['html'][:150]} {node['failureSummary']}"
            for each in told
            if each["impact"] in {"serious", "critical"}
            for node in each["nodes"]
        ]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(f"{where} {size['width']}: it is wider than the screen")
    page.set_viewport_size(WIDE)
    return found


def test_every_page_of_the_desk(desk: Page, shop: Switchboard) -> None:
    """Every page that links lead to, one of each kind."""
    waiting, seen, found = deque(["/dashboard/conversations?tab=all"]), set[str](), []
    while waiting:
        address = waiting.popleft()
        kind = ONE_OF_MANY.sub("/*", urlsplit(address).path)
        if kind in seen:
            continue
        seen.add(kind)
        desk.goto(f"{shop.url}{address}")
        found += faults(desk, kind)
        links: list[str] = desk.evaluate(
            "[...document.links].filter(each => each.origin === location.origin && !each.download)"
            ".map(each => each.pathname + each.search)"
        )
        waiting += [
            each
            for each in links
            if each.startswith("/dashboard/") and not NO_PAGE.search(urlsplit(each).path)
        ]
    assert found == []
    assert len(seen) > 15, seen


def test_what_opens_over_a_conversation(desk: Page, shop: Switchboard) -> None:
    desk.goto(f"{shop.url}/dashboard/conversations?tab=all")
    entry(desk, shop, RETURNS).click()
    expect(thread(desk)).to_contain_text(RETURNS)
    act(desk, "Why this answer")
    expect(desk.get_by_role("dialog")).to_contain_text("Knowledge")
    found = faults(desk, "why")
    act(desk, "Close")
    for keys, name in (("?", "Keyboard"), ("Control+k", "Everything, by its name")):
        desk.keyboard.press(keys)
        expect(desk.get_by_role("dialog", name=name)).to_be_visible()
        found += faults(desk, name)
        desk.keyboard.press("Escape")
        expect(desk.get_by_role("dialog", name=name)).to_have_count(0)
    assert found == []


@pytest.mark.parametrize("path", ["/dashboard/sign-in", "/api/docs", "/", "/help/returns/return-an-item"])
def test_what_anybody_sees(browser: Browser, shop: Switchboard, path: str) -> None:
    context = browser.new_context(reduced_motion="reduce", locale="en-US")
    page = context.new_page()
    page.goto(f"{shop.url}{path}")
    listening(page)
    assert faults(page, path) == []
    context.close()


def test_the_chat_with_an_answer(browser: Browser, shop: Switchboard) -> None:
    context = browser.new_context(reduced_motion="reduce", locale="en-US")
    chat = visit(context, shop.url).open()
    chat.ask("Do you deliver to Norway?")
    chat.expect_answers(1)
    assert faults(chat.page, "chat") == []
    context.close()
