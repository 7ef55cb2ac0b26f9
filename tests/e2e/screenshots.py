"""Takes the pictures the README shows: `python -m tests.e2e.screenshots [FOLDER]` (docs/screenshots)."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, ViewportSize, expect

from tests.e2e.browser import Chat, Scheme, chromium, find_chromium, visit
from tests.e2e.learned import wait_until_learned
from tests.processes import ROOT, Switchboard, switchboard

_SCHEMES: tuple[Scheme, ...] = ("light", "dark")
_ROOMS = ("approvals", "contacts", "knowledge", "analytics", "settings/components")
_QUESTIONS = (
    "How long can I return things?",
    "Where is order 123456, and can I still return the shoes?",
    "I want to talk to a person",
    "Do you deliver to Norway?",
)
_LARGEST = 300_000  # bytes of one picture: a README is read on phones, too


def picture(
    browser: Browser, url: str, path: Path, *, scheme: Scheme, phone: bool = False, asking: bool = False
) -> None:
    """One view of a page with the chat on it, closed or after an answer."""
    size = ViewportSize(width=390, height=844) if phone else ViewportSize(width=1280, height=800)
    context = browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")
    chat = visit(context, url)
    if asking:
        _answered(chat)
    chat.page.screenshot(path=path)
    context.close()
    _fits(path)


def desk(house: Switchboard, browser: Browser, folder: Path) -> int:
    """The dashboard's pages, light and dark; how many pictures that made."""
    printed = house.command("operator", "add", "grace@example.com", "--name", "Grace", "--role", "admin")
    for question in _QUESTIONS:
        context = browser.new_context()
        chat = visit(context, house.url).open()
        chat.ask(question)
        chat.expect_answers(1)
        context.close()
    [first] = house.rows("SELECT id FROM conversations WHERE last_seq > 0 ORDER BY created_at LIMIT 1")
    pages = {"desk": f"conversations/{first['id']}?tab=all"} | {room: room for room in _ROOMS}
    for scheme in _SCHEMES:
        size = ViewportSize(width=1280, height=800)
        context = browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")
        page = context.new_page()
        page.goto(f"{house.url}/dashboard")
        page.get_by_label("Email").fill("grace@example.com")
        page.get_by_label("Password").fill(printed.split()[-1])
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("navigation", name="Main")).to_be_visible()
        for name, address in pages.items():
            page.goto(
                f"{house.url}/dashboard/{address}", wait_until="networkidle" if name != "desk" else "load"
            )
            expect(page.locator("main h1").first).to_be_attached()
            path = folder / f"{name.partition('/')[0]}-{scheme}.png"
            page.screenshot(path=path)
            _fits(path)
        context.close()
    return len(pages) * len(_SCHEMES)


def _fits(path: Path) -> None:
    if path.stat().st_size > _LARGEST:
        raise SystemExit(f"{path} is larger than {_LARGEST} bytes")


def _answered(chat: Chat) -> None:
    chat.open().ask("How long can I return things?")
    expect(chat.sources.first).to_be_visible()
    chat.box.blur()


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    path = find_chromium()
    if path is None:
        raise SystemExit("Chromium is needed to take pictures")
    with (
        tempfile.TemporaryDirectory() as data,
        switchboard(Path(data)) as house,
        chromium(path) as browser,
    ):
        wait_until_learned(house.url)
        picture(browser, house.url, folder / "demo-light.png", scheme="light")
        picture(browser, house.url, folder / "demo-dark.png", scheme="dark")
        picture(browser, house.url, folder / "chat-light.png", scheme="light", asking=True)
        picture(browser, house.url, folder / "chat-dark.png", scheme="dark", asking=True)
        picture(browser, house.url, folder / "chat-phone.png", scheme="light", phone=True, asking=True)
        picture(browser, f"{house.url}/help/returns/return-an-item", folder / "help.png", scheme="light")
        made = 6 + desk(house, browser, folder)
    sys.stdout.write(f"{made} pictures in {folder}\n")


if __name__ == "__main__":
    main()
