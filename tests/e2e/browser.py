"""The system's Chromium, and the widget as a visitor uses it: by names and roles."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from tests.processes import until

Scheme = Literal["dark", "light"]

# No sandbox: it needs rights that a container does not give; the pages are our own.
_QUIET = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def find_chromium() -> str | None:
    """Where the system keeps its Chromium, if it has one."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


@contextmanager
def chromium(path: str) -> Iterator[Browser]:
    """A running browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_QUIET))
        yield browser
        browser.close()


class Chat:
    """The widget on one page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.panel = page.get_by_role("dialog")
        self.box = page.get_by_role("textbox", name="Message")
        self.thread = page.get_by_role("log", name="Conversation")
        self.launcher = page.get_by_role("button", name="Open chat")
        self.questions = self.thread.locator(".row.in .bubble")
        self.answers = self.thread.locator(".row.out:not(.live) .bubble")
        self.being_written = self.thread.locator(".row.live .bubble:not(:has(.dots))")
        self.sources = self.thread.locator(".sources a")
        self.offline = page.get_by_text("No connection.")

    def open(self) -> Chat:
        """A page loaded again may have opened it by itself."""
        self.page.wait_for_function("window.switchboard")
        if self.launcher.is_visible():
            self.launcher.click()
        expect(self.panel).to_be_visible()
        return self

    def write(self, text: str) -> None:
        """Send a message, whether or not it arrives."""
        self.box.fill(text)
        self.page.get_by_role("button", name="Send").click()

    def ask(self, text: str) -> None:
        """Send a message and wait until the server has it."""
        before = self.questions.count()
        self.write(text)
        expect(self.questions).to_have_count(before + 1)
        expect(self.thread.get_by_text("Sending…")).to_have_count(0)

    def state(self, question: str) -> Locator:
        """What stands below one of the visitor's messages: its time, whether it was sent."""
        return self.thread.locator(".row.in").filter(has_text=question).locator(".meta")

    def expect_answers(self, count: int, *, within: float = 20.0) -> None:
        expect(self.answers).to_have_count(count, timeout=within * 1000)
        expect(self.being_written).to_have_count(0)

    def said(self) -> list[tuple[str, str]]:
        """Everything in the thread, in order: who and what."""
        rows = self.thread.locator(".row:not(.live)")
        # in one look: between two of them an answer may come
        read = "rows => rows.map(row => [row.classList[1], row.querySelector('.bubble').innerText])"
        return [(kind, text) for kind, text in rows.evaluate_all(read)]

    def expect_the_same_as(self, other: Chat) -> None:
        """Both come to show the same thread."""
        until(lambda: self.said() == other.said(), 15, "the same thread in both tabs")

    def shadow(self, script: str) -> object:
        """Evaluate a function of the widget's shadow root."""
        return self.page.evaluate(f"({script})(document.querySelector('switchboard-chat').shadowRoot)")


def visit(context: BrowserContext, url: str) -> Chat:
    """The demo page in a new tab, its widget ready."""
    page = context.new_page()
    page.goto(url)
    page.wait_for_function("window.switchboard")
    return Chat(page)


def fast_forward_while_hidden(page: Page, seconds: int) -> None:
    """The page goes out of sight, and so much time passes. The page's clock must have been installed."""
    set_hidden(page, hidden=True)
    page.clock.fast_forward(seconds * 1000)


def set_hidden(page: Page, *, hidden: bool) -> None:
    """Tell the page that it is out of sight, or back: a headless browser has no windows to cover."""
    page.evaluate(
        """hidden => {
            Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});
            document.dispatchEvent(new Event('visibilitychange'));
        }""",
        hidden,
    )


def is_message(url: str) -> bool:
    return re.search(r"/api/web/messages$", url) is not None
