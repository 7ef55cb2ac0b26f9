"""The list beside every conversation: which ones, whose, and what is looked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.requests import Request

from bot.api.access import SignedIn
from bot.api.conversations import PRIORITIES
from bot.api.finding import find
from bot.dashboard import words
from bot.languages import N_
from bot.store import Store
from bot.store.listing import BadPage
from bot.store.records import InboxEntry, InboxFilter

PAGE = 40  # conversations in a list
TABS: Mapping[str, str] = {
    "waiting": N_("Waiting"),
    "overdue": N_("Overdue"),
    "mine": N_("Mine"),
    "unassigned": N_("Unassigned"),
    "mentions": N_("Mentions"),
    "all": N_("All"),
}


async def listed(
    store: Store, request: Request, who: SignedIn, opened: InboxEntry | None = None
) -> Mapping[str, Any]:
    """What the list needs. The conversation that is `opened` stays in it when an act moves it elsewhere."""
    waiting = await store.inbox.count("waiting")
    looked_for = find(request.query_params, otherwise="waiting" if waiting else "all")
    wanted = looked_for.wanted(who.operator.id)
    try:
        entries, more = await store.inbox.page(
            wanted, before=request.query_params.get("page", ""), limit=PAGE
        )
    except BadPage:
        entries, more = await store.inbox.page(wanted, limit=PAGE)
    entries = [each if each.preview else await _with_files(store, each) for each in entries]
    mentions = await store.mentions.unread(who.operator.id)
    moved = opened is not None and not looked_for.shows(opened, who.operator.id, mentions)
    if moved and opened is not None:
        entries = [opened, *(each for each in entries if each.id != opened.id)]
    views = await store.views.seen_by(who.operator.id)
    return {
        "find": looked_for,
        "tabs": TABS,
        "entries": entries,
        "more": more,
        "waiting": waiting,
        "overdue": await store.inbox.count_of(InboxFilter(overdue=True)),
        "moved": moved,
        "priorities": PRIORITIES,
        "operators": await store.operators.active(),
        "mentions": mentions,
        "views": views,
        "saved": next((each for each in views if each.query == looked_for.query), None),
        "labels": [label for label, _ in await store.arranging.labels()],
        "present": await store.presence.here(
            [*(each.id for each in entries), *([opened.id] if opened else [])]
        ),
        "set_aside": await store.mailboxes.cards(),
    }


async def _with_files(store: Store, entry: InboxEntry) -> InboxEntry:
    """A conversation whose newest message has no words, previewed by what it brought."""
    thread = await store.inbox.thread(entry.id, limit=5)
    for message in reversed(thread.messages if thread else ()):
        if message.attachments and not message.private:
            return replace(entry, preview=words.files(message))
    return entry
