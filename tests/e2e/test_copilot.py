"""The bot at an operator's side, in a browser: suggested, taken by one key, changed, sent."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Chat
from tests.e2e.desk import act, entry, thread
from tests.processes import Switchboard

pytestmark = pytest.mark.slow  # several people, each in a browser


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
    expect(side).to_contain_text("without a model")
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


def test_a_conversation_is_handed_back_with_a_note_to_the_bot(
    desk: Page, house: Switchboard, chat: Chat
) -> None:
    chat.ask("Is there a discount for students?")
    chat.expect_answers(1)
    desk.get_by_role("link", name="All", exact=True).click()
    entry(desk, house, "Is there a discount for students?").click()
    expect(desk.locator("#contact")).to_be_focused()  # the page listens
    act(desk, "Take over")
    expect(desk.get_by_role("textbox", name="Reply")).to_be_focused()
    act(desk, "Hand back with a note to the bot")
    asking = desk.get_by_role("dialog", name="Hand back with a note to the bot")
    expect(asking.get_by_role("textbox")).to_be_focused()
    desk.keyboard.type("They get ten percent, by hand.")
    act(desk, "Hand back")
    expect(desk.locator("#head")).to_contain_text("With the bot")
    expect(thread(desk)).to_contain_text("Note to the bot")
    expect(thread(desk)).to_contain_text("They get ten percent, by hand.")
    expect(chat.thread).not_to_contain_text("ten percent")


def test_answers_are_marked_where_they_stand_and_collected_under_knowledge(
    desk: Page, house: Switchboard, chat: Chat
) -> None:
    chat.ask("How do I wash a down jacket?")
    chat.expect_answers(1)
    desk.get_by_role("link", name="All", exact=True).click()
    entry(desk, house, "How do I wash a down jacket?").click()
    expect(desk.locator("#contact")).to_be_focused()  # the page listens
    good = thread(desk).get_by_role("button", name="Good answer")
    good.click()
    expect(good).to_have_attribute("aria-pressed", "true")
    act(desk, "Why this answer")
    beside = desk.get_by_role("dialog", name="Why this answer")
    beside.get_by_role("button", name="Bad answer").click()
    asking = desk.get_by_role("dialog", name="A bad answer")
    asking.get_by_label("What would have been right").fill("By hand, at 30 degrees.")
    act(desk, "Mark as bad")
    expect(beside.get_by_role("button", name="Bad answer")).to_have_attribute("aria-pressed", "true")
    act(desk, "Close")
    expect(thread(desk).get_by_role("button", name="Bad answer")).to_have_attribute("aria-pressed", "true")
    desk.goto(f"{house.url}/dashboard/knowledge")
    desk.get_by_role("link", name="Bad answers: 1").click()
    expect(desk.get_by_role("main")).to_contain_text("By hand, at 30 degrees.")
    desk.get_by_role("button", name="Remove").click()
    expect(desk.get_by_role("main")).to_contain_text("None yet.")
