"""The bot at an operator's side, in a browser: suggested, taken by one key, changed, sent."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.e2e.browser import Chat
from tests.e2e.desk import act, entry, thread
from tests.processes import Switchboard


def test_a_suggestion_is_taken_by_one_key_beside_what_was_written_and_never_sent_by_itself(
    desk: Page,
    house: Switchboard,
    chat: Chat,
) -> None:
    chat.ask("How long is the warranty of a tent?")
    chat.expect_answers(1)
    chat.page.get_by_role("button", name="Talk to a person").click()
    desk.get_by_role("link", name=re.compile(r"^Waiting")).click()
    entry(desk, house, "How long is the warranty of a tent?").click()
    expect(desk.locator("#contact")).to_be_focused()  # the page listens
    side = desk.get_by_role("complementary", name="Details")
    act(desk, "Sum up")
    expect(side).to_contain_text("in the customer’s own words")
    expect(side.get_by_role("button", name="Sum up anew")).to_be_visible()
    act(desk, "Take over")
    box = desk.get_by_role("textbox", name="Reply")
    expect(box).to_be_focused()
    box.fill("Hello!")
    desk.keyboard.press("Control+j")
    suggested = desk.get_by_role("region", name="Suggested answer")
    expect(suggested).to_contain_text("5-year warranty")
    expect(suggested.get_by_role("list", name="Sources").get_by_role("listitem")).not_to_have_count(0)
    desk.keyboard.press("Escape")
    expect(suggested).to_be_hidden()
    expect(box).to_have_value("Hello!")
    act(desk, "Suggest")
    expect(suggested).to_contain_text("5-year warranty")
    said = thread(desk).locator(".message.operator")
    expect(said).to_have_count(0)
    desk.keyboard.press("Control+j")
    expect(suggested).to_be_hidden()
    expect(box).to_have_value(re.compile(r"^Hello!\n\n.*5-year warranty", re.DOTALL))
    desk.keyboard.type(" Best, Grace")
    desk.keyboard.press("Control+Enter")
    expect(said).to_contain_text("Best, Grace")
    expect(chat.thread).to_contain_text("Best, Grace")
    first, second = house.rows("SELECT * FROM suggestions ORDER BY created_at")
    assert first["dismissed_at"]
    assert not first["taken_at"]
    assert second["sent_text"].endswith("Best, Grace")
    assert 0 < second["changed"] < 0.5
