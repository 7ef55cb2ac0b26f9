"""The demo shop's help centre, where every citation leads: read on any screen, in either light."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.e2e.browser import Chat, Scheme
from tests.processes import Switchboard

COSTS = "/help/delivery/times-and-costs"


def test_the_number_in_an_answer_leads_to_its_page(chat: Chat, context: BrowserContext) -> None:
    chat.ask("How long can I return things?")
    chat.expect_answers(1)
    with context.expect_page() as opened:
        chat.answers.get_by_role("link", name="[1]").click()
    page = opened.value
    expect(page.get_by_role("heading", level=1, name="Return an item")).to_be_visible()
    crumbs = page.get_by_role("navigation", name="Breadcrumb")
    crumbs.get_by_role("link", name="Returns and refunds").click()
    expect(page.get_by_role("heading", level=1, name="Help centre")).to_be_visible()
    page.get_by_role("link", name="Return an item").click()
    near = page.get_by_role("navigation", name="Returns and refunds")
    expect(near.get_by_role("link", name="Exchange for another size")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280, 1900])
def test_a_help_page_can_be_read_at_any_width(
    browser: Browser, house: Switchboard, width: int, scheme: Scheme
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    page.goto(house.url + COSTS)
    page.wait_for_function("window.switchboard")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    text = page.locator("article > p").first.bounding_box()
    navigation = page.get_by_role("navigation", name="Delivery").bounding_box()
    assert text is not None
    assert navigation is not None
    assert min(width - 40, 560) <= text["width"] <= 720
    assert navigation["x"] > text["x"] + text["width"] or navigation["y"] > text["y"] + text["height"]
    gaps: list[float] = page.evaluate(
        """[...document.querySelectorAll('article > h2')].map(each =>
            each.getBoundingClientRect().top - each.previousElementSibling.getBoundingClientRect().bottom)"""
    )
    assert min(gaps) > 24
    context.close()


def test_the_chat_on_a_help_page_is_the_shops(context: BrowserContext, house: Switchboard) -> None:
    def colour(path: str) -> str:
        page.goto(house.url + path)
        launcher = page.get_by_role("button", name="Open chat")
        told: str = launcher.evaluate("button => getComputedStyle(button).backgroundColor")
        return told

    page = context.new_page()
    assert colour("/") == colour(COSTS) == colour("/help")
    page.get_by_role("button", name="Ask in the chat").click()
    expect(page.get_by_role("dialog", name="Northwind Outfitters")).to_be_visible()


def test_who_mistypes_an_address_is_shown_a_page(context: BrowserContext, house: Switchboard) -> None:
    page = context.new_page()
    trouble: list[str] = []
    page.on("console", lambda said: trouble.append(said.text) if "Policy" in said.text else None)
    for path, back in (("/nope", "Back to the start"), ("/dashboard/nope", "Back to the dashboard")):
        answer = page.goto(house.url + path)
        assert answer is not None
        assert answer.status == 404
        expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
        expect(page.get_by_role("link", name=back)).to_be_visible()
    assert trouble == []
