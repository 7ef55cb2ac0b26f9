"""The inbox as operators work through it, in a browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.browser import Chat, visit
from tests.e2e.desk import seen_writing
from tests.processes import Switchboard

pytestmark = pytest.mark.slow  # several people, each in a browser


def write(browser: Browser, house: Switchboard, *words: str) -> None:
    """Visitors who each write something."""
    for each in words:
        context = browser.new_context()
        chat = visit(context, house.url).open()
        chat.ask(each)
        chat.expect_answers(1)
        context.close()


def item(page: Page, house: Switchboard, words: str) -> Locator:
    """The conversation in the list in which a visitor wrote this."""
    (row,) = house.rows(f"SELECT DISTINCT conversation_id FROM messages WHERE text = '{words}'")
    return page.locator("#list li", has=page.locator(f"#entry-{row['conversation_id']}"))


def test_several_conversations_are_selected_and_changed_at_once(
    browser: Browser, desk: Page, house: Switchboard
) -> None:
    words = ["Do you ship to Norway?", "Is there a shop in Berlin?", "How do I return a gift?"]
    write(browser, house, *words)
    desk.get_by_role("link", name="All", exact=True).click()
    desk.wait_for_url("**tab=all*")  # its scripts listen from then on
    newest, middle, oldest = (item(desk, house, each) for each in reversed(words))
    newest.locator(".entry").focus()
    desk.keyboard.press("x")
    expect(desk.locator("#picked")).to_have_text("1 selected")
    expect(newest.get_by_role("checkbox")).to_be_checked()
    oldest.get_by_role("checkbox").click(modifiers=["Shift"])
    expect(desk.locator("#picked")).to_have_text("3 selected")
    middle.get_by_role("checkbox").click()
    expect(desk.locator("#picked")).to_have_text("2 selected")
    field = desk.locator("#bulk").get_by_label("Add a label")
    field.fill("present")
    field.press("Enter")
    expect(desk.locator("#bulk-told")).to_contain_text("2 done")
    expect(newest).to_contain_text("present")
    expect(oldest).to_contain_text("present")
    expect(middle).not_to_contain_text("present")
    desk.get_by_role("button", name="Undo").click()
    expect(newest).not_to_contain_text("present")
    expect(oldest).not_to_contain_text("present")
    newest.get_by_role("checkbox").click()
    desk.locator("#bulk").get_by_label("Assign").select_option(label="To me")
    expect(desk.locator("#bulk-told")).to_contain_text("1 done")
    expect(desk.locator("#bulk")).to_be_hidden()
    desk.get_by_role("link", name="Mine").click()
    expect(newest).to_be_visible()
    newest.get_by_role("checkbox").click()
    desk.locator("#bulk").get_by_role("button", name="Resolve").click()
    expect(newest).to_have_count(0)
    desk.get_by_role("button", name=re.compile("^Reopen them")).click()
    expect(newest).to_be_visible()


def test_who_looks_and_who_writes_is_seen_by_operators_and_the_visitor(
    desk: Page, other_desk: Page, house: Switchboard, chat: Chat
) -> None:
    question = "Do you sell gift cards?"
    chat.ask(question)
    chat.expect_answers(1)
    other_desk.goto(f"{house.url}/dashboard/conversations?tab=all")
    desk.goto(f"{house.url}/dashboard/conversations?tab=all")
    item(desk, house, question).locator(".entry").click()
    seen = item(other_desk, house, question)
    expect(seen).to_contain_text("Grace is looking")
    seen.locator(".entry").click()
    expect(other_desk.locator("#others")).to_have_text("Grace is looking")
    expect(desk.locator("#others")).to_have_text("Linus is looking")
    expect(item(desk, house, question)).to_contain_text("Linus is looking")
    desk.get_by_role("button", name="Take over").click()
    reply = desk.get_by_role("textbox", name="Reply")
    expect(reply).to_be_focused()
    reply.press_sequentially("Yes, in the")
    seen_writing(desk, other_desk, "Grace")
    typing = chat.thread.locator(".live", has_text="Grace")
    expect(typing).to_be_visible()
    expect(typing).to_be_hidden()  # nothing more is typed for a while
    reply.press_sequentially(" shop and here.")
    expect(typing).to_be_visible()
    desk.get_by_role("button", name="Send").click()
    expect(chat.thread).to_contain_text("Yes, in the shop and here.")
    expect(typing).to_have_count(0)
    desk.goto(f"{house.url}/dashboard/contacts")
    expect(other_desk.locator("#others")).to_be_hidden()


def test_a_view_is_saved_counted_live_renamed_and_removed(
    browser: Browser, desk: Page, other_desk: Page, house: Switchboard
) -> None:
    write(browser, house, "Can I pay by invoice?")
    desk.goto(f"{house.url}/dashboard/conversations?tab=all&q=invoice&channel=web")
    desk.get_by_role("button", name="Save this view").click()
    box = desk.get_by_role("dialog", name="Saved view")
    box.get_by_label("Name").fill("Invoices")
    box.get_by_label("For everybody").check()
    box.get_by_role("button", name="Save").click()
    view = desk.get_by_role("navigation", name="Saved views").get_by_role("link", name="Invoices")
    expect(view).to_have_text("Invoices 1")
    desk.get_by_role("link", name="All", exact=True).click()
    desk.wait_for_url("**tab=all")
    write(browser, house, "An invoice with two addresses?")
    expect(view).to_have_text("Invoices 2")
    other_desk.goto(f"{house.url}/dashboard/conversations?tab=all")
    other_desk.get_by_role("navigation", name="Saved views").get_by_role("link", name="Invoices").click()
    expect(item(other_desk, house, "Can I pay by invoice?")).to_be_visible()
    expect(other_desk.get_by_role("button", name="Change this view")).to_have_count(0)
    view.click()
    desk.get_by_role("button", name="Change this view").click()
    box.get_by_label("Name").fill("Bills")
    box.get_by_role("button", name="Save").click()
    view = desk.get_by_role("navigation", name="Saved views").get_by_role("link", name="Bills")
    expect(view).to_have_attribute("aria-current", "true")
    desk.get_by_role("button", name="Change this view").click()
    box.get_by_role("button", name="Remove").click()
    expect(view).to_have_count(0)


def test_a_colleague_is_spoken_to_in_a_note_and_reads_it(
    browser: Browser, desk: Page, other_desk: Page, house: Switchboard
) -> None:
    question = "Is my parcel in Hamburg?"
    write(browser, house, question)
    other_desk.goto(f"{house.url}/dashboard/conversations?tab=all")
    desk.goto(f"{house.url}/dashboard/conversations?tab=all")
    item(desk, house, question).locator(".entry").click()
    desk.wait_for_url("**/conversations/cnv_*")
    reply = desk.get_by_role("textbox", name="Reply")
    reply.press_sequentially("Please look, @lin")
    offered = desk.get_by_role("listbox", name="Operators")
    expect(offered).to_contain_text("@Linus")
    reply.press("Enter")
    expect(reply).to_have_value("Please look, @Linus ")
    expect(offered).to_be_hidden()
    desk.get_by_role("button", name="Note", exact=True).click()
    expect(desk.get_by_role("log", name="Conversation")).to_contain_text("Please look, @Linus")
    mentions = other_desk.get_by_role("link", name=re.compile("^Mentions"))
    expect(mentions).to_contain_text("1")
    mentions.click()
    expect(item(other_desk, house, question)).to_contain_text("speaks to you")
    item(other_desk, house, question).locator(".entry").click()
    expect(other_desk.get_by_role("log", name="Conversation")).to_contain_text("Please look, @Linus")
    expect(item(other_desk, house, question)).not_to_contain_text("speaks to you")
