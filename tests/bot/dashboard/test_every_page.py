"""Hostile words wherever people, models and files bring them: every page shows them, and nothing runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import unescape
from pathlib import Path

import pytest
from starlette.routing import BaseRoute, Mount, Route

from bot.dashboard.settings import SECTIONS
from bot.store import Store
from tests.bot.dashboard.test_approvals import REFUND, wanting
from tests.bot.dashboard.test_pages import HOSTILE, Tags
from tests.office import office

pytestmark = pytest.mark.slow  # every page, for each of the hostile words

# Everything that is written by others and shown somewhere.
WORDS = (
    *("contacts.name", "identities.address", "conversations.subject", "conversations.summary"),
    *("messages.text", "messages.author_name", "messages.subject", "operators.name", "api_tokens.name"),
    *("calls.result", "calls.why", "calls.note", "steps.name", "steps.error", "canned_answers.name"),
    *("canned_answers.text", "articles.title", "articles.text", "knowledge_gaps.question"),
    "conversation_labels.label",  # the audit log takes its words from operators' and tokens' names
)
# Mails are shown by test_originals.
_NO_PAGES = (
    "/static",
    "{name:path}",
    "/dashboard/conversations/{id}/messages/",
)


def _gets(routes: Sequence[BaseRoute], before: str = "") -> Iterator[str]:
    for route in routes:
        if isinstance(route, Mount):
            yield from _gets(route.routes, before + route.path)
        elif isinstance(route, Route) and "GET" in (route.methods or ()):
            yield before + route.path


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_no_page_runs_what_was_written_to_it(hostile: str, sqlite: Store, tmp_path: Path) -> None:
    model = wanting(order=hostile, items=[hostile])
    async with office(sqlite, tmp_path, models=[model], tools=[REFUND]) as place:
        visitor = await place.visitor(hostile)
        await place.work()
        admin = await place.operator(role="admin")
        at = f"/api/conversations/{visitor.conversation_id}"
        for path, body in (
            (f"{at}/labels", {"labels": ["vip"]}),
            ("/api/canned", {"name": "hello", "text": hostile}),
            ("/api/knowledge/articles", {"title": hostile, "text": hostile}),
        ):
            answer = await admin.post(path, json=body)
            assert answer.status_code < 300, answer.text
        for each in WORDS:
            table, _, column = each.partition(".")
            await sqlite.database.change(f"UPDATE {table} SET {column} = :words", words=hostile)
        async with sqlite.database.read() as reader:
            turn = await reader.one("SELECT id FROM turns")
            article = await reader.one("SELECT id FROM articles")
            contact = await reader.one("SELECT contact_id AS id FROM conversations")
        assert turn is not None
        assert article is not None
        assert contact is not None
        ids = {
            "/dashboard/conversations/{id}": [visitor.conversation_id],
            "/dashboard/turns/{id}": [turn["id"]],
            "/dashboard/contacts/{id}": [contact["id"]],
            "/dashboard/knowledge/articles/{id}": [article["id"]],
            "/dashboard/settings/{section}": SECTIONS,
        }
        shown = 0
        for path in _gets(place.app.routes):
            if not path.startswith("/dashboard") or any(each in path for each in _NO_PAGES):
                continue
            before, brace, _ = path.partition("{")
            for value in ids[path] if brace else ("",):
                page = await admin.get(before + value, params={"q": hostile, "ask": hostile, "tab": hostile})
                assert page.status_code in {200, 303}, (path, value)
                tags = Tags()
                tags.feed(page.text)
                assert tags.bad == [], (path, value)
                shown += hostile in unescape(page.text)
        assert shown > 15
