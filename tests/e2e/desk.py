"""What operators do at the desk, in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Locator, Page, expect

from tests.processes import Switchboard, until

EMAIL = "grace@example.com"
OTHER_EMAIL = "linus@example.com"
# Whatever hostile markup would call, were it ever run, leaves its name in `tripped`.
TRIPWIRE = """
    window.tripped = [];
    for (const name of ['alert', 'prompt', 'confirm', 'print', 'open', 'xss', 'xssed', 'javascript'])
        window[name] = (...given) => { tripped.push(name + ': ' + given) };
    addEventListener('error', event => event.message && tripped.push('error: ' + event.message));
"""


@contextmanager
def at_the_desk(browser: Browser, house: Switchboard, password: str, *, email: str) -> Iterator[Page]:
    """An operator's browser, at the list of conversations. Fails if anything hostile ran there."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-US")
    context.add_init_script(TRIPWIRE)
    page = context.new_page()
    sign_in(page, house, password, email=email)
    yield page
    assert page.evaluate("tripped") == []
    context.close()


def sign_in(page: Page, house: Switchboard, password: str, *, email: str = EMAIL) -> None:
    page.goto(f"{house.url}/dashboard")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("navigation", name="Main")).to_contain_text("Conversations")


def entry(page: Page, house: Switchboard, words: str) -> Locator:
    """The conversation in the list in which a visitor has written this, whatever was said since."""
    (row,) = house.rows(f"SELECT DISTINCT conversation_id FROM messages WHERE text = '{words}'")
    return page.locator(f"#entry-{row['conversation_id']}")


def thread(page: Page) -> Locator:
    return page.get_by_role("log", name="Conversation")


def act(page: Page, name: str) -> None:
    button = page.get_by_role("button", name=name, exact=True)
    expect(button).to_be_visible()
    listening(page)
    button.click()


def seen_writing(writer: Page, other: Page, name: str) -> None:
    """Whoever writes goes on writing until the other page says so: it says so for a few seconds only."""

    def seen() -> bool:
        writer.keyboard.press("x")
        writer.keyboard.press("Backspace")
        return other.locator("#others").inner_text() == f"{name} is writing"

    until(seen, 15, f"{name} is seen writing")


def listening(page: Page) -> None:
    """Wait until the scripts of the page that is shown have run: its load event comes after them."""
    page.wait_for_load_state("load")
