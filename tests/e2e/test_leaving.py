"""Who signs out, or is let in no more, leaves nothing behind in the browser that the next could read."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.browser import Chat
from tests.e2e.desk import EMAIL, OTHER_EMAIL, act, at_the_desk, entry, sign_in
from tests.processes import Switchboard, until

pytestmark = pytest.mark.slow  # people sign in and out, again and again

KEPT = "Object.entries(localStorage).filter(each => each[0].includes(':draft:')).map(each => each.join(' '))"


def opened(page: Page, house: Switchboard, chat: Chat, words: str) -> str:
    """A visitor asks this, and an operator has the conversation before them; its path."""
    chat.ask(words)
    chat.expect_answers(1)
    (row,) = house.rows(f"SELECT DISTINCT conversation_id FROM messages WHERE text = '{words}'")
    path = f"/dashboard/conversations/{row['conversation_id']}"
    page.goto(f"{house.url}{path}")
    return path


def reply(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Reply")


def sign_out(page: Page) -> None:
    act(page, "Sign out")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_what_the_server_has_leaves_the_browser_and_comes_back_to_its_writer(
    desk: Page, house: Switchboard, password: str, other_password: str, chat: Chat
) -> None:
    path = opened(desk, house, chat, "Do you sell umbrellas?")
    with desk.expect_response(
        lambda each: each.url.endswith("/draft") and "secret" in str(each.request.post_data)
    ):
        reply(desk).press_sequentially("A secret of mine")
    until(lambda: not desk.evaluate(KEPT), 30, what="the server has it")
    reply(desk).press_sequentially(", to the last word")
    sign_out(desk)  # before anybody told the server
    assert desk.evaluate(KEPT) == []
    assert "secret" not in str(desk.evaluate("Object.values({...localStorage, ...sessionStorage})"))
    sign_in(desk, house, other_password, email=OTHER_EMAIL)
    desk.goto(f"{house.url}{path}")
    expect(reply(desk)).to_have_value("")
    sign_out(desk)
    sign_in(desk, house, password)
    desk.goto(f"{house.url}{path}")
    expect(reply(desk)).to_have_value("A secret of mine, to the last word")


def test_what_the_server_could_not_be_told_waits_for_its_writer_alone(
    desk: Page, house: Switchboard, password: str, other_password: str, chat: Chat
) -> None:
    path = opened(desk, house, chat, "Do you mend umbrellas?")
    desk.route("**/draft", lambda route: route.abort())
    reply(desk).press_sequentially("Nobody has heard this yet")
    sign_out(desk)
    (kept,) = desk.evaluate(KEPT)
    assert "Nobody has heard this yet" in kept
    desk.unroute("**/draft")
    sign_in(desk, house, other_password, email=OTHER_EMAIL)
    desk.goto(f"{house.url}{path}")
    expect(reply(desk)).to_have_value("")
    for _ in range(8):  # back through what the browser remembers of the one before
        desk.go_back()
        if desk.url.endswith(path):
            expect(reply(desk)).to_have_value("")
    desk.goto(f"{house.url}{path}")
    sign_out(desk)
    assert desk.evaluate(KEPT) == [kept]
    sign_in(desk, house, password)
    desk.goto(f"{house.url}{path}")
    expect(reply(desk)).to_have_value("Nobody has heard this yet")
    until(lambda: not desk.evaluate(KEPT), 30, what="the server has it")


def test_a_draft_that_hangs_on_its_way_holds_up_no_later_one(
    desk: Page, house: Switchboard, chat: Chat
) -> None:
    opened(desk, house, chat, "Do you paint umbrellas?")
    desk.route("**/draft", lambda route: None, times=1)
    reply(desk).press_sequentially("First")
    until(lambda: desk.evaluate(KEPT), 30, what="it is kept here")
    with desk.expect_response("**/draft", timeout=30_000):
        reply(desk).press_sequentially(", and then more")
    until(lambda: not desk.evaluate(KEPT), 30, what="the server has it")
    texts = house.rows("SELECT text FROM reply_drafts")
    assert {"text": "First, and then more"} in texts


def test_a_draft_of_another_page_is_sent_when_signing_out_unless_the_server_has_a_newer_one(
    desk: Page, house: Switchboard, password: str, chat: Chat
) -> None:
    path = opened(desk, house, chat, "Do you lend umbrellas?")

    def draft() -> str:
        rows = house.rows(f"SELECT text FROM reply_drafts WHERE conversation_id = '{path.rsplit('/', 1)[1]}'")
        return str(rows[0]["text"]) if rows else ""

    desk.route("**/draft", lambda route: route.abort())
    reply(desk).press_sequentially("Written offline")
    desk.goto(f"{house.url}/dashboard/contacts")
    desk.unroute("**/draft")
    (kept,) = desk.evaluate(KEPT)
    sign_out(desk)
    assert (draft(), desk.evaluate(KEPT)) == ("Written offline", [])
    sign_in(desk, house, password)
    place, _, old = kept.partition(" ")
    desk.evaluate("([place, old]) => localStorage.setItem(place, old)", [place, old])
    csrf = desk.request.get(f"{house.url}/api/me").json()["csrf_token"]
    api = f"{house.url}{path.replace('dashboard', 'api')}/draft"
    newer = desk.request.post(api, data={"text": "Newer"}, headers={"x-csrf-token": csrf})
    assert newer.ok
    sign_out(desk)
    assert (draft(), desk.evaluate(KEPT)) == ("Newer", [])


def test_an_administrator_deactivates_somebody_and_lets_them_in_again(
    browser: Browser, house: Switchboard, chat: Chat, desk: Page, password: str
) -> None:
    secret = house.command("operator", "add", "ada@example.com", "--name", "Ada", "--role", "admin").split()[
        -1
    ]
    opened(desk, house, chat, "Who has my umbrella?")
    act(desk, "Take over")
    reply(desk).fill("Half a reply")
    with at_the_desk(browser, house, secret, email="ada@example.com") as ada:
        ada.goto(f"{house.url}/dashboard/settings/operators")
        row = ada.get_by_role("row", name="Grace")
        row.get_by_role("button", name="Deactivate").click()
        dialog = ada.get_by_role("dialog", name="Deactivate Grace?")
        expect(dialog).to_contain_text("1 conversation of theirs goes back")
        dialog.get_by_role("button", name="Cancel").click()
        expect(dialog).to_be_hidden()
        expect(desk.get_by_role("textbox", name="Reply")).to_be_visible()
        row.get_by_role("button", name="Deactivate").click()
        dialog.get_by_role("button", name="Deactivate").click()
        expect(ada.locator("#gone")).to_contain_text(EMAIL)
        expect(ada.get_by_role("row", name="Grace")).to_have_count(0)
        # Their page ends by itself.
        expect(desk.get_by_role("button", name="Sign in")).to_be_visible()
        desk.get_by_label("Email").fill(EMAIL)
        desk.get_by_label("Password").fill(password)
        desk.get_by_role("button", name="Sign in").click()
        expect(desk.get_by_role("alert")).to_contain_text("don’t belong together")
        ada.goto(f"{house.url}/dashboard/conversations?tab=waiting")
        expect(entry(ada, house, "Who has my umbrella?")).to_be_visible()
        ada.goto(f"{house.url}/dashboard/settings/operators")
        act(ada, "Let Grace in again")
        expect(ada.get_by_role("row", name="Grace")).to_be_visible()
        expect(ada.locator("#gone")).to_have_count(0)
    sign_in(desk, house, password)
