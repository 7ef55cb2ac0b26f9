"""Whether the visitor has the chat open, as the operator beside their conversation sees it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e.browser import Chat
from tests.e2e.desk import entry
from tests.processes import Switchboard

pytestmark = pytest.mark.slow  # who says nothing counts as here for half a minute


def test_an_operator_sees_a_visitor_go_and_come_back(
    context: BrowserContext, chat: Chat, desk: Page, house: Switchboard
) -> None:
    question = "Is anybody there who sees me come and go?"
    chat.ask(question)
    chat.expect_answers(1)
    desk.goto(f"{house.url}/dashboard/conversations?tab=all")
    entry(desk, house, question).click()
    seen = desk.locator("#head .seen")
    expect(seen).to_have_text("Online")
    expect(desk.locator("#side .seen")).to_have_text("Online")
    address = chat.page.url
    chat.page.close()
    expect(seen).to_have_text(re.compile("^Seen .+ ago$"), timeout=90_000)
    page = context.new_page()
    page.goto(address)
    Chat(page).open()
    expect(seen).to_have_text("Online", timeout=30_000)
