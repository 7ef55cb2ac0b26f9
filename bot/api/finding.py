"""What an operator looks for in the inbox, as addresses and saved views say it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import cast, get_args
from urllib.parse import parse_qsl, urlencode

from bot.api.conversations import words_of
from bot.store.records import ConversationStatus, InboxEntry, InboxFilter

TABS: Sequence[str] = ("waiting", "overdue", "mine", "unassigned", "mentions", "all")
_LONGEST = 200  # characters of what is looked for


@dataclass(frozen=True, kw_only=True)
class Find:
    """A tab of the inbox, and what it is narrowed by."""

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
            case "overdue":
                return replace(every, status=self.status, overdue=True)
            case "mine":
                return replace(every, status=self.status, assignee=me, unresolved=True)
            case "unassigned":
                return replace(every, status=self.status, assignee="", unresolved=True)
            case "mentions":
                return replace(every, status=self.status, mentioned=me)
            case _:
                return replace(every, status=self.status)

    def shows(self, entry: InboxEntry, me: str, mentions: Collection[str] = ()) -> bool:
        """Whether a conversation belongs into this tab; `mentions` are those that speak to me."""
        return self.status in (None, entry.status) and self._belongs(entry, me, mentions)

    def _belongs(self, entry: InboxEntry, me: str, mentions: Collection[str]) -> bool:
        match self.tab:
            case "waiting":
                return entry.status == (self.status or "waiting")
            case "overdue":
                return entry.due_at is not None and entry.due_at <= datetime.now(UTC)
            case "mine":
                return entry.status != "resolved" and entry.assignee is not None and entry.assignee.id == me
            case "unassigned":
                return entry.status != "resolved" and entry.assignee is None
            case "mentions":
                return entry.id in mentions
            case _:
                return True


def find(query: Mapping[str, str], *, otherwise: str) -> Find:
    """What an address asks for; what cannot be asked for is left out."""
    given = {name: value.replace("\x00", "")[:_LONGEST].strip() for name, value in query.items()}
    status = given.get("status")
    return Find(
        tab=tab if (tab := given.get("tab", "")) in TABS else otherwise,
        status=cast("ConversationStatus", status) if status in get_args(ConversationStatus) else None,
        channel=given.get("channel", ""),
        label=given.get("label", ""),
        q=given.get("q", ""),
    )


def found_by(query: str) -> Find:
    """The same of a saved view's query."""
    return find(dict(parse_qsl(query)), otherwise="all")
