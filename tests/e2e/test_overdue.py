"""The time in which a person is to answer, as operators see it run, in a browser."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.e2e.browser import Chat, visit
from tests.e2e.desk import EMAIL, at_the_desk, listening, thread
from tests.processes import Switchboard, switchboard, until

pytestmark = pytest.mark.slow  # houses of its own

OVERDUE = re.compile(r"^overdue by \d+ min$")
TOLD = "SELECT key FROM alarms WHERE key LIKE 'overdue %'"
BOT = '[bot]\nname = "Ada"\n[desk]\nanswer_within = 900\n'


@pytest.fixture
def timed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Switchboard]:
    """A house in which a person answers within a quarter of an hour."""
    folder = tmp_path_factory.mktemp("timed")
    (folder / "bot.toml").write_text(BOT)
    with switchboard(folder) as running:
        yield running


def ago(house: Switchboard, minutes: int) -> None:
    """Everybody has been waiting for so much longer."""
    path = house.database_url.removeprefix("sqlite:///")
    with contextlib.closing(sqlite3.connect(path, timeout=20)) as database, database:
        database.execute(
            "UPDATE conversations SET waiting_since = waiting_since - ?", (minutes * 60_000_000,)
        )


@pytest.fixture
def chat(context: BrowserContext, timed: Switchboard) -> Chat:
    """Of somebody who waits for a person."""
    chat = visit(context, timed.url).open()
    chat.ask("I want to talk to a person.")
    chat.expect_answers(1)
    return chat


@pytest.fixture
def desk(browser: Browser, timed: Switchboard, chat: Chat) -> Iterator[Page]:
    """Grace's browser, when somebody waits."""
    password = timed.command("operator", "add", EMAIL, "--name", "Grace").split()[-1]
    with at_the_desk(browser, timed, password, email=EMAIL) as page:
        yield page


def test_the_clock_runs_out_before_the_eye_and_an_answer_ends_it(
    timed: Switchboard, chat: Chat, desk: Page
) -> None:
    tabs = desk.get_by_role("navigation", name="Which conversations")
    clock = desk.locator("#list .due")
    expect(clock).to_have_text(re.compile(r"^due in 1\d min$"))
    expect(clock).to_have_attribute("data-state", "due")
    expect(tabs).not_to_contain_text("Overdue")

    ago(timed, 12)
    desk.goto(f"{timed.url}/dashboard/conversations?tab=waiting")
    expect(clock).to_have_text(re.compile("^due in "))
    expect(clock).to_have_attribute("data-state", "soon")
    listening(desk)
    desk.evaluate("window.stayed = true")

    ago(timed, 8)
    until(lambda: timed.rows(TOLD), 30, "somebody is told")
    expect(clock).to_have_text(OVERDUE)
    expect(clock).to_have_attribute("data-state", "overdue")
    expect(tabs.get_by_label("1 overdue")).to_be_visible()
    assert desk.evaluate("window.stayed")

    tabs.get_by_role("link", name="Overdue").click()
    desk.wait_for_url("**tab=overdue*")
    listening(desk)
    expect(clock).to_have_count(1)
    desk.locator("#list .entry").click()
    desk.wait_for_url("**/conversations/cnv_*")
    expect(desk.locator("#head .due")).to_have_text(OVERDUE)
    listening(desk)
    desk.get_by_role("button", name="Take over").click()
    expect(desk.locator("#head .status")).to_contain_text("you")
    expect(desk.locator("#head .due")).to_be_visible()  # to take it is no answer
    desk.get_by_role("textbox", name="Reply").fill("Grace here, how can I help?")
    desk.get_by_role("button", name="Send").click()
    expect(thread(desk)).to_contain_text("Grace here")
    expect(desk.locator("#head .due")).to_have_count(0)
    expect(tabs.get_by_label("1 overdue")).to_have_count(0)
    expect(chat.thread).to_contain_text("Grace here")
    assert len(timed.rows(TOLD)) == 1

    chat.ask("And what about the second parcel?")  # which a person owes an answer, too
    expect(desk.locator("#head .due")).to_have_text(re.compile(r"^due in 1\d min$"))
    expect(desk.locator("#head")).to_contain_text("unanswered")
    expect(tabs.get_by_label("1 overdue")).to_have_count(0)
    ago(timed, 16)
    until(lambda: len(timed.rows(TOLD)) == 2, 30, "somebody is told")
    expect(desk.locator("#head .due")).to_have_text(OVERDUE)
    expect(tabs.get_by_label("1 overdue")).to_be_visible()
    desk.get_by_role("textbox", name="Reply").fill("It comes tomorrow.")
    desk.get_by_role("button", name="Send").click()
    expect(thread(desk)).to_contain_text("It comes tomorrow.")
    expect(desk.locator("#head .due")).to_have_count(0)
    expect(desk.locator("#head")).not_to_contain_text("unanswered")


def test_a_page_left_open_says_by_itself_that_the_time_is_over(timed: Switchboard, desk: Page) -> None:
    desk.clock.install()
    desk.goto(f"{timed.url}/dashboard/conversations?tab=waiting")
    clock = desk.locator("#list .due")
    expect(clock).to_have_text(re.compile(r"^due in 1\d min$"))
    listening(desk)
    desk.clock.fast_forward("16:00")
    expect(clock).to_have_text(OVERDUE)
    expect(clock).to_have_attribute("data-state", "overdue")
