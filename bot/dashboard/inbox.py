"""The list beside every conversation: which ones, whose, and what is looked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast, get_args
from urllib.parse import urlencode

from starlette.requests import Request

from bot.api.access import SignedIn
from bot.api.conversations import PRIORITIES, words_of
from bot.dashboard import words
from bot.dashboard.languages import N_
from bot.store import Store
from bot.store.listing import BadPage
from bot.store.records import ConversationStatus, InboxEntry, InboxFilter

PAGE = 40  # conversations in a list
_LONGEST = 200  # characters of what is looked for
TABS: Mapping[str, str] = {
    "waiting": N_("Waiting"),
    "mine": N_("Mine"),
    "unassigned": N_("Unassigned"),
    "all": N_("All"),
}


@dataclass(frozen=True, kw_only=True)
class Find:
    """What an operator looks for, as the page's address says it."""

    tab: str
    status: ConversationStatus | None
    channel: str
    label: str
    q: str

    @property
    def narrowed(self) -> bool:
        """Whether less is shown than the tab alone would."""
        return bool(self.status or self.channel or self.label or self.q)

    @property
    def query(self) -> str:
        """The same, for other addresses."""
        given = {"status": self.status, "channel": self.channel, "label": self.label, "q": self.q}
        return urlencode({"tab": self.tab, **{name: value for name, value in given.items() if value}})

    def wanted(self, me: str) -> InboxFilter:
        """What the store is asked for."""
        every = InboxFilter(channel=self.channel, label=self.label, words=words_of(self.q))
        match self.tab:
            case "waiting":
                return replace(every, status=self.status or "waiting")
            case "mine":
                return replace(every, status=self.status, assignee=me, unresolved=True)
            case "unassigned":
                return replace(every, status=self.status, assignee="", unresolved=True)
            case _:
                return replace(every, status=self.status)

    def shows(self, entry: InboxEntry, me: str) -> bool:
        """Whether a conversation belongs into this tab."""
        match self.tab:
            case "waiting":
                return entry.status == (self.status or "waiting")
            case "mine":
                return entry.status != "resolved" and entry.assignee is not None and entry.assignee.id == me
            case "unassigned":
                return entry.status != "resolved" and entry.assignee is None
            case _:
                return self.status in (None, entry.status)


def find(request: Request, *, otherwise: str) -> Find:
    """What the address asks for; what cannot be asked for is left out."""
    given = {
        name: value.replace("\x00", "")[:_LONGEST].strip() for name, value in request.query_params.items()
    }
    status = given.get("status")
    return Find(
        tab=tab if (tab := given.get("tab", "")) in TABS else otherwise,
        status=cast("ConversationStatus", status) if status in get_args(ConversationStatus) else None,
        channel=given.get("channel", ""),
        label=given.get("label", ""),
        q=given.get("q", ""),
    )


async def listed(
    store: Store, request: Request, who: SignedIn, opened: InboxEntry | None = None
) -> Mapping[str, Any]:
    """What the list needs. The conversation that is `opened` stays in it when an act moves it elsewhere."""
    waiting = await store.inbox.count("waiting")
    looked_for = find(request, otherwise="waiting" if waiting else "all")
    wanted = looked_for.wanted(who.operator.id)
    try:
        entries, more = await store.inbox.page(
            wanted, before=request.query_params.get("page", ""), limit=PAGE
        )
    except BadPage:
        entries, more = await store.inbox.page(wanted, limit=PAGE)
    entries = [each if each.preview else await _with_files(store, each) for each in entries]
    moved = opened is not None and not looked_for.shows(opened, who.operator.id)
    if moved and opened is not None:
        entries = [opened, *(each for each in entries if each.id != opened.id)]
    return {
        "find": looked_for,
        "tabs": TABS,
        "entries": entries,
        "more": more,
        "waiting": waiting,
        "moved": moved,
        "priorities": PRIORITIES,
        "operators": await store.operators.every(),
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
