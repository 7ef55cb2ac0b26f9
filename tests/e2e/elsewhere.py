"""Somebody else's page with the widget on it, and whatever a session may begin with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from playwright.sync_api import BrowserContext, Route

from tests.e2e.browser import Chat
from tests.processes import Switchboard


def page_with(
    context: BrowserContext,
    house: Switchboard,
    attributes: str = "",
    style: str = "",
    *,
    arriving: Sequence[Mapping[str, Any]] = (),
) -> Chat:
    """A page without any policy of its own; sessions that begin on it begin with `arriving` messages."""

    def begin(route: Route) -> None:
        session = route.fetch().json()
        session["messages"] = [{**each, "id": f"m{seq}", "seq": seq} for seq, each in enumerate(arriving, 1)]
        route.fulfill(json=session)

    head = f"<!doctype html><title>A page</title><style>{style}</style>"
    body = f"{head}<meta name=viewport content=width=device-width><button>Its own</button>"
    script = f'<script type="module" src="{house.url}/widget.js" {attributes}></script>'
    page = context.new_page()
    page.route("**/elsewhere", lambda route: route.fulfill(content_type="text/html", body=body + script))
    if arriving:
        page.route("**/api/web/session", begin)
    page.goto(f"{house.url}/elsewhere")
    page.wait_for_function("window.switchboard")
    return Chat(page)


def question(text: str = "Hi") -> dict[str, Any]:
    """A message of the visitor, as the contract shows it."""
    author = {"kind": "contact", "name": ""}
    return {**answer(text=text), "direction": "in", "author": author, "citations": [], "delivery": None}


def answer(text: str = "So it is.", html: str = "", **more: Any) -> dict[str, Any]:
    """A message of the bot, as the contract shows it."""
    return {
        "conversation_id": "cnv_1",
        "channel": "web",
        "direction": "out",
        "author": {"kind": "bot", "name": "Ada"},
        "text": text,
        "html": html,
        "attachments": [],
        "citations": [{"title": "A page", "url": "https://shop.example/", "quote": "So it is."}],
        "created_at": "2026-01-01T12:00:00+00:00",
        "in_reply_to": None,
        "turn_id": None,
        "delivery": {"status": "sent", "error": None},
        **more,
    }
