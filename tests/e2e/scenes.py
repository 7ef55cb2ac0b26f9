"""Every page of the desk and what opens over it, as pictures show them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from playwright.sync_api import Page, expect

from bot.dashboard.settings import SECTIONS

_CONVERSATION = "conversations/{answered}?tab=all"
_HELD = "conversations/{held}?tab=mine"
_INBOX = "conversations?tab=all"


def _nothing(page: Page) -> None:
    """The page as it comes."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What a picture is called and shows: a page under /dashboard, and what is opened on it. Its address has
    places for the ids of a conversation that the bot `answered`, of one that we `held`, of a `contact` and of
    an `article`. Of those for a `phone` there is a picture of a narrow page, too."""

    name: str
    address: str
    opens: Callable[[Page], None] = _nothing
    phone: bool = False


def _why(page: Page) -> None:
    page.get_by_role("button", name="Why this answer").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("Knowledge")


def _palette(page: Page) -> None:
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog")).to_be_visible()


def _keys(page: Page) -> None:
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()


def _suggestion(page: Page) -> None:
    page.get_by_role("button", name="Suggest", exact=True).click()
    expect(page.get_by_role("region", name="Suggested answer")).to_be_visible()


def _mention(page: Page) -> None:
    page.get_by_role("textbox", name="Reply").fill("")
    page.get_by_role("textbox", name="Reply").press_sequentially("Can you look at this, @L")
    expect(page.locator("[role=option]").first).to_be_visible()


def _handing_back(page: Page) -> None:
    page.get_by_role("button", name="Hand back with a note to the bot").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def _bad_answer(page: Page) -> None:
    page.get_by_role("button", name="Bad answer").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()


def _bulk(page: Page) -> None:
    for each in page.get_by_role("checkbox").all()[:3]:
        each.check()
    expect(page.locator("#bulk")).to_be_visible()


def _view(page: Page) -> None:
    page.get_by_role("button", name="Save this view").click()
    expect(page.get_by_role("dialog")).to_be_visible()


def _document(page: Page) -> None:
    page.get_by_role("link", name="Return an item").first.click()
    expect(page).to_have_url(re.compile("documents/."))


SCENES: Sequence[Scene] = (
    Scene(name="inbox", address=_INBOX, phone=True),
    Scene(name="desk", address=_CONVERSATION, phone=True),
    Scene(name="why", address=_CONVERSATION, opens=_why, phone=True),
    Scene(name="bad-answer", address=_CONVERSATION, opens=_bad_answer),
    Scene(name="suggestion", address=_HELD, opens=_suggestion, phone=True),
    Scene(name="mention", address=_HELD, opens=_mention),
    Scene(name="handing-back", address=_HELD, opens=_handing_back),
    Scene(name="bulk", address=_INBOX, opens=_bulk),
    Scene(name="view", address=f"{_INBOX}&q=order", opens=_view),
    Scene(name="palette", address=_INBOX, opens=_palette),
    Scene(name="keys", address=_INBOX, opens=_keys),
    Scene(name="approvals", address="approvals", phone=True),
    Scene(name="contacts", address="contacts"),
    Scene(name="contact", address="contacts/{contact}"),
    Scene(name="knowledge", address="knowledge"),
    Scene(name="documents", address="knowledge/documents"),
    Scene(name="document", address="knowledge/documents", opens=_document),
    Scene(name="write", address="knowledge/write"),
    Scene(name="evaluation", address="knowledge/evaluation"),
    Scene(name="analytics", address="analytics", phone=True),
    *(Scene(name=f"settings-{each}", address=f"settings/{each}") for each in SECTIONS),
)
