"""Who waits for a person is given to operators who sit at the desk, in turn, in their browsers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.browser import visit
from tests.e2e.desk import EMAIL, OTHER_EMAIL, act, at_the_desk
from tests.processes import Switchboard, switchboard, until

pytestmark = pytest.mark.slow  # a house of its own

# What the browser would show beside its window, while another has the operator's eyes.
_NOTIFIED = """
    window.notified = [];
    window.Notification = class {
        static permission = 'granted';
        constructor(title) { notified.push(title) }
    };
    Object.defineProperty(document, 'hidden', {value: true});
    localStorage.setItem('switchboard:notify', '1');
"""


@pytest.fixture
def sharing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Switchboard]:
    """A house that gives each operator one at a time. It has no model: nobody waits for an answer here."""
    folder = tmp_path_factory.mktemp("sharing")
    (folder / "bot.toml").write_text("[desk]\nmost_open = 1\n")
    with switchboard(folder, settings={"BOT_CONFIG": str(folder / "bot.toml")}) as running:
        yield running


def test_each_operator_is_given_one_and_told_and_the_next_when_that_is_done(
    browser: Browser, sharing: Switchboard
) -> None:
    with ExitStack() as stack:
        desks: dict[str, Page] = {}
        for name, email in (("Grace", EMAIL), ("Linus", OTHER_EMAIL)):
            password = sharing.command("operator", "add", email, "--name", name).split()[-1]
            page = stack.enter_context(at_the_desk(browser, sharing, password, email=email))
            page.add_init_script(_NOTIFIED)
            page.goto(f"{sharing.url}/dashboard/conversations?tab=mine")
            desks[name] = page
        for _ in range(3):
            context = browser.new_context()
            chat = visit(context, sharing.url).open()
            chat.ask("I want to talk to a person")
            chat.expect_answers(1)
            context.close()
        given = {name: _given(page) for name, page in desks.items()}
        assert given["Grace"] != given["Linus"]
        for page in desks.values():
            expect(page.locator("#list .entry")).to_have_count(1)  # the third waits for nobody yet
            told = partial(page.evaluate, "notified.some(title => title.endsWith('waits for you'))")
            until(
                told, 15, "the operator told"
            )  # asked from outside: the page's policy lets nobody wait in it
        grace = desks["Grace"]
        grace.locator("#list .entry").click()
        act(grace, "Resolve")
        expect(grace.get_by_role("button", name="Reopen", exact=True)).to_be_visible()
        grace.goto(f"{sharing.url}/dashboard/conversations?tab=mine")
        assert _given(grace) not in given.values()


def _given(page: Page) -> str:
    """The conversation that the operator was given, once it is in their list."""
    entry = page.locator("#list .entry")
    expect(entry).to_have_count(1)
    return str(entry.get_attribute("id"))
