"""The demo shop's refund, from the customer's wish to the operator's word and back, in two browsers."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.doubles.clerk import clerk_at_work
from tests.e2e.browser import Chat, set_hidden, visit
from tests.e2e.desk import EMAIL, TRIPWIRE, act, sign_in, thread
from tests.processes import Switchboard, switchboard


@pytest.fixture(scope="module")
def shop(learned: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Switchboard]:
    """`switchboard run` with the demo shop's own tools, and a model that calls them."""
    folder = tmp_path_factory.mktemp("shop")
    shutil.copytree(learned, folder / "data")
    with clerk_at_work() as model, switchboard(folder, model_url=model) as running:
        yield running


@pytest.fixture(scope="module")
def password(shop: Switchboard) -> str:
    return shop.command("operator", "add", EMAIL, "--name", "Grace").split()[-1]


@pytest.fixture
def desk(browser: Browser, shop: Switchboard, password: str) -> Iterator[Page]:
    """Grace's browser; nothing in it may go wrong unseen."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.add_init_script(TRIPWIRE)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    sign_in(page, shop, password)
    yield page
    assert page.evaluate("tripped") == []
    assert errors == []
    context.close()


@pytest.fixture
def chat(context: BrowserContext, shop: Switchboard) -> Chat:
    return visit(context, shop.url).open()


def waiting(page: Page) -> Locator:
    """How many approvals wait, beside the link to them; nothing where none does."""
    return page.get_by_role("navigation", name="Main").get_by_role("link", name="Approvals").locator(".count")


def test_a_refund_is_edited_approved_done_and_told(desk: Page, shop: Switchboard, chat: Chat) -> None:
    desk.get_by_role("link", name="Approvals").click()
    expect(desk.get_by_text("Nothing waits for a decision.")).to_be_visible()
    chat.ask("Please refund my order 123456, it arrived damaged")
    card = desk.get_by_role("article", name="Refund")  # it appears by itself
    expect(card).to_contain_text("Please refund my order 123456")
    expect(card).to_contain_text("damaged")
    expect(waiting(desk)).to_have_text("1")
    card.get_by_role("button", name="Edit").click()
    expect(card.get_by_label("Order id")).to_be_focused()
    card.get_by_label("Order id").fill("12")
    card.get_by_role("button", name="Approve").click()
    expect(card.get_by_role("alert")).to_contain_text("Order id:")
    expect(card.get_by_label("Order id")).to_have_value("12")
    card.get_by_label("Order id").fill("123456")
    card.get_by_label("Reason").select_option("wrong item")
    card.get_by_label("A word to the customer").fill("Sorry about the mix-up!")
    chat.ask("Are you there?")  # the page is renewed around what is being written
    expect(card.get_by_label("Reason")).to_have_value("wrong item")
    card.get_by_role("button", name="Approve").click()
    expect(desk.get_by_role("status").filter(has_text="Approved.")).to_be_visible()
    expect(card).to_have_count(0)
    expect(chat.thread).to_contain_text("Sorry about the mix-up!")
    expect(chat.thread).to_contain_text("go back the way you paid")
    latest = desk.locator("#latest .approval").first
    expect(latest).to_contain_text("done")
    expect(latest).to_contain_text("Grace")
    expect(waiting(desk)).to_have_count(0)
    (call,) = shop.rows("SELECT arguments, proposed FROM calls")
    assert "wrong item" in call["arguments"]
    assert "damaged" in call["proposed"]


def test_what_is_typed_goes_on_where_it_was_when_the_message_around_it_is_renewed(
    desk: Page, shop: Switchboard, chat: Chat
) -> None:
    set_hidden(chat.page, hidden=True)
    chat.ask("Please refund my order 481921, it arrived damaged")
    desk.get_by_role("link", name="Approvals").click()
    desk.get_by_role("article", name="Refund").filter(has_text="481921").get_by_role("link").click()
    card = thread(desk).get_by_role("article", name="Refund")
    asked = thread(desk).locator(".message.bot").filter(has=desk.get_by_role("article", name="Refund"))
    word = card.get_by_label("A word to the customer")
    word.focus()
    desk.keyboard.type("So mix-up!")
    for _ in range(len(" mix-up!")):
        desk.keyboard.press("ArrowLeft")
    expect(asked).not_to_contain_text("Read")
    set_hidden(chat.page, hidden=False)
    expect(asked).to_contain_text("Read")
    expect(word).to_be_focused()
    desk.keyboard.type("rry about the")
    expect(word).to_have_value("Sorry about the mix-up!")
    card.get_by_role("button", name="Reject").click()
    expect(chat.thread).to_contain_text("Sorry about the mix-up!")


def test_it_is_rejected_inside_the_conversation(desk: Page, shop: Switchboard, chat: Chat) -> None:
    desk.get_by_role("link", name="Contacts").click()
    chat.ask("Please refund my order 481920, it is lost")
    expect(desk.get_by_role("navigation", name="Main").get_by_label("1 waiting")).to_be_visible()
    room = desk.get_by_role("link", name="Approvals", exact=True)  # its name is the same whatever waits there
    expect(room).to_have_accessible_description("1 waiting")
    room.click()
    desk.get_by_role("article", name="Refund").get_by_role("link").click()
    card = thread(desk).get_by_role("article", name="Refund")
    expect(card).to_contain_text("481920")
    act(desk, "Take over")
    expect(card).to_be_visible()  # whoever takes over sees what waits
    card.get_by_label("A word to the customer").fill("Never sent as text")
    act(desk, "Reject")
    expect(thread(desk).locator(".approval.decided")).to_contain_text("rejected")
    expect(thread(desk).locator(".message.private")).to_contain_text("Grace decided against this")
    expect(chat.thread).not_to_contain_text("Never sent as text")  # a person has the word now
    assert shop.rows("SELECT id FROM calls WHERE state = 'pending'") == []


def test_it_works_on_a_narrow_screen_and_by_keyboard(
    browser: Browser, shop: Switchboard, password: str, chat: Chat
) -> None:
    chat.ask("Please refund my order 481977, it is lost")
    context = browser.new_context(viewport={"width": 360, "height": 700})
    page = context.new_page()
    sign_in(page, shop, password)
    page.get_by_role("link", name=re.compile("^Approvals")).click()
    page.wait_for_url("**/approvals")  # its scripts listen from then on
    card = page.get_by_role("article", name="Refund")
    edit = card.get_by_role("button", name="Edit")
    edit.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")  # in a field, it decides nothing
    expect(card.get_by_role("button", name="Undo edits")).to_be_visible()
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    card.get_by_role("button", name="Undo edits").click()
    expect(edit).to_be_focused()
    card.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Nothing waits for a decision.")).to_be_visible()
    expect(page.get_by_role("heading", name="Approvals")).to_be_focused()
    context.close()
