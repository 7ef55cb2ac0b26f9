"""Who the visitor is: signed in by the page, another, nobody again; never who they say in a text."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import jwt
import pytest
from playwright.sync_api import BrowserContext, Page, Request, Route, expect

from tests.e2e.browser import Chat, visit
from tests.e2e.conftest import IDENTITY_SECRET
from tests.e2e.test_files import TENT, give
from tests.processes import Switchboard

TOKEN = "Object.entries(localStorage).find(([key]) => key.endsWith(':token'))?.[1]"


def signed(user: str) -> str:
    """What a shop's own server gives its page for a user who is signed in."""
    return jwt.encode({"sub": user, "exp": int(time.time()) + 600}, IDENTITY_SECRET, algorithm="HS256")


def sign_in(chat: Chat, user: str) -> None:
    """As the page does it; done when the server has answered."""
    with chat.page.expect_response("**/api/web/session"):
        chat.page.evaluate("jwt => switchboard.identify(jwt)", signed(user))


def sessions(page: Page) -> list[Mapping[str, Any]]:
    """What this page will have asked for sessions with."""
    asked: list[Mapping[str, Any]] = []

    def note(request: Request) -> None:
        if request.url.endswith("/api/web/session"):
            asked.append(request.post_data_json or {})

    page.on("request", note)
    return asked


def hold_one(page: Page, url: str) -> list[Route]:
    """The next request to `url`, kept from the server until the test lets it go."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(url, hold, times=1)
    return held


def come_back(page: Page) -> None:
    """The page is shown again as the browser had put it aside: its streams begin anew, by their cursor."""
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")


@pytest.fixture
def user(request: pytest.FixtureRequest) -> str:
    """Somebody the shop knows, another one in every test."""
    return f"{request.node.name}-ada"


def test_a_text_with_line_separators_neither_breaks_a_frame_nor_forges_an_id(
    chat: Chat, context: BrowserContext, house: Switchboard
) -> None:
    text = "One\u2028id: forged\u2029data: {}"
    other = visit(context, house.url).open()
    chat.ask("Hello")
    chat.expect_answers(1)
    other.expect_answers(1)
    chat.write(text)
    expect(other.questions).to_have_count(2)
    assert other.questions.last.evaluate("bubble => bubble.textContent") == text
    other.expect_answers(2)
    with other.page.expect_request("**/api/web/events*") as again:
        come_back(other.page)
    assert "forged" not in again.value.url
    other.ask("Still here?")
    other.expect_answers(3)
    other.expect_the_same_as(chat)


def test_who_is_reset_is_nobody_again_and_leaves_nothing_on_the_screen(chat: Chat, user: str) -> None:
    sign_in(chat, user)
    chat.ask("My order is late")
    chat.expect_answers(1)
    give(chat, TENT)
    expect(chat.panel.locator(".tray small")).to_be_visible()
    chat.box.fill("My card number is")
    asked = sessions(chat.page)
    before = chat.page.evaluate(TOKEN)
    with chat.page.expect_response("**/api/web/session"):
        chat.page.evaluate("switchboard.reset()")
    expect(chat.box).to_have_value("")
    expect(chat.panel.locator(".tray")).to_be_hidden()
    expect(chat.thread.locator(".row")).to_have_count(0)
    chat.ask("Hello")
    chat.expect_answers(1)
    assert [text for kind, text in chat.said() if kind == "in"] == ["Hello"]
    assert asked == [{}]
    assert chat.page.evaluate(TOKEN) != before


def test_a_reset_in_one_tab_signs_out_the_other_too(
    chat: Chat, context: BrowserContext, house: Switchboard, user: str
) -> None:
    other = visit(context, house.url).open()
    sign_in(chat, user)
    sign_in(other, user)
    chat.ask("My order is late")
    expect(other.questions).to_have_count(1)
    other.box.fill("My card number is")
    give(other, TENT)
    expect(other.panel.locator(".tray .file")).to_be_visible()
    asked = sessions(other.page)
    with other.page.expect_response("**/api/web/session"):
        chat.page.evaluate("switchboard.reset()")
    expect(other.questions).to_have_count(0)
    expect(other.box).to_have_value("")
    expect(other.panel.locator(".tray")).to_be_hidden()
    other.ask("Hello")
    expect(chat.questions).to_have_text(["Hello"])
    assert not [each for each in asked if "identity" in each]


def test_a_session_answered_after_a_reset_brings_nobody_back(chat: Chat, user: str) -> None:
    held = hold_one(chat.page, "**/api/web/session")
    with chat.page.expect_request("**/api/web/session"):
        chat.page.evaluate("jwt => { switchboard.reset(); switchboard.identify(jwt) }", signed(user))
    asked = sessions(chat.page)
    chat.page.evaluate("switchboard.reset()")
    answer = held[0].fetch()
    held[0].fulfill(response=answer)
    chat.ask("Hello")
    assert asked == [{}]
    assert chat.page.evaluate(TOKEN) != answer.json()["token"]


def test_what_was_on_its_way_at_a_reset_is_not_shown_afterwards(chat: Chat) -> None:
    held = hold_one(chat.page, "**/api/web/messages")
    with chat.page.expect_request("**/api/web/messages"):
        chat.write("My order is late")
    chat.page.evaluate("switchboard.reset()")
    answer = held[0].fetch()
    held[0].fulfill(response=answer)
    assert answer.status == 202
    chat.ask("Hello")
    assert [text for kind, text in chat.said() if kind == "in"] == ["Hello"]


def test_who_signs_in_keeps_what_they_said_before(chat: Chat, user: str) -> None:
    chat.ask("My order is late")
    chat.expect_answers(1)
    before = chat.said()
    sign_in(chat, user)
    chat.ask("Hello")
    chat.expect_answers(2)
    assert chat.said()[:2] == before


def test_another_user_sees_nothing_of_the_one_before(chat: Chat, user: str) -> None:
    sign_in(chat, user)
    chat.ask("My order is late")
    chat.expect_answers(1)
    sign_in(chat, "another-" + user)
    expect(chat.thread.locator(".row")).to_have_count(0)
    chat.ask("Hello")
    chat.expect_answers(1)
    assert [text for kind, text in chat.said() if kind == "in"] == ["Hello"]
    sign_in(chat, user)
    expect(chat.questions).to_have_text(["My order is late"])


def test_another_tab_follows_to_the_other_user_and_stays_there(
    chat: Chat, context: BrowserContext, house: Switchboard, user: str
) -> None:
    other = visit(context, house.url).open()
    sign_in(chat, user)
    sign_in(other, user)
    chat.ask("My order is late")
    chat.expect_answers(1)
    other.expect_answers(1)
    asked = sessions(other.page)
    sign_in(chat, "another-" + user)
    come_back(other.page)
    expect(other.thread.locator(".row")).to_have_count(0)
    chat.ask("Hello")
    chat.expect_answers(1)
    other.expect_answers(1)
    other.expect_the_same_as(chat)
    # once, or twice where the server had ended the stream by itself: by the token, never as who it was
    assert 1 <= len(asked) <= 2
    assert {*map(frozenset, asked)} == {frozenset({"token"})}
