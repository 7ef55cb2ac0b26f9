"""What operators do to one conversation or to many, read from a request: the same acts either way."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bot.api.bodies import not_found, refusal
from bot.api.conversations import PRIORITIES
from bot.operators import OperatorDesk
from bot.store import NoSuchConversation, Store
from bot.store.records import InboxEntry, Operator

# Does it to the conversation with this id; raises NoSuchConversation, or refuses.
Act = Callable[[str], Awaitable[object]]

_LABEL = re.compile(r"[^\x00-\x1f\x7f,]{1,40}")
_MOST_LABELS = 20  # on one conversation
_LONGEST_NAP = 366 * 86_400.0  # seconds


class Acts:
    """Reads what is to be done, and does it."""

    def __init__(self, *, store: Store, desk: OperatorDesk) -> None:
        self._store = store
        self._desk = desk

    async def read(self, name: str, body: Mapping[str, Any], operator: Operator) -> Act:
        """The act of this name that a body describes. Refuses with 422 what cannot be done to any."""
        match name:
            case "assign":
                assignee = await self._assignee(body, operator)
                return lambda conversation_id: self._desk.assign(conversation_id, assignee)
            case "snooze":
                seconds = _nap(body)
                return lambda conversation_id: self._desk.snooze(conversation_id, seconds)
            case "priority":
                given = body.get("priority")
                if not isinstance(given, str) or given not in PRIORITIES:
                    raise refusal(
                        422, "invalid", "one of %(choices)s", choices=", ".join(PRIORITIES), field="priority"
                    )
                priority = PRIORITIES[given]
                return lambda conversation_id: self._desk.prioritise(conversation_id, priority)
            case "labels":
                return self._labelling(body)
            case "resolve":
                return self._desk.resolve
            case "reopen":
                return lambda conversation_id: self._desk.reopen(conversation_id, operator)
            case _:
                raise refusal(422, "invalid", "one of %(choices)s", choices=", ".join(ACTS), field="act")

    async def perform(self, act: Act, conversation_id: str) -> InboxEntry:
        """Do it; the conversation as it is then. Doing it again changes nothing."""
        try:
            await act(conversation_id)
        except NoSuchConversation:
            raise not_found("conversation") from None
        entry = await self._store.inbox.entry(conversation_id)
        if entry is None:
            raise not_found("conversation")
        return entry

    async def _assignee(self, body: Mapping[str, Any], me: Operator) -> Operator | None:
        wanted = body.get("assignee", me.id)
        if wanted is None:
            return None
        if wanted in ("me", me.id):
            return me
        known = isinstance(wanted, str) and "\x00" not in wanted
        found = await self._store.operators.get(wanted) if known else None
        if found is None or not found.active or found.role == "viewer":
            raise refusal(422, "invalid", "an operator's id, me, or null for nobody", field="assignee")
        return found

    def _labelling(self, body: Mapping[str, Any]) -> Act:
        only = _labels(body, "labels") if "labels" in body else None
        add, remove = _labels(body, "add"), _labels(body, "remove")
        if only is not None:
            add, remove = only, ()

        async def label(conversation_id: str) -> None:
            entry = await self._store.inbox.entry(conversation_id)
            if entry is None:
                raise NoSuchConversation(conversation_id)
            gone = remove if only is None else [each for each in entry.labels if each not in only]
            if len({*entry.labels, *add} - set(gone)) > _MOST_LABELS:
                raise refusal(
                    422, "too_many", "at most %(most)s on one conversation", most=_MOST_LABELS, field="labels"
                )
            await self._desk.label(conversation_id, add=add, remove=gone)

        return label


ACTS: Sequence[str] = ("assign", "labels", "priority", "snooze", "resolve", "reopen")


def _labels(body: Mapping[str, Any], field: str) -> Sequence[str]:
    given = body.get(field, [])
    if not isinstance(given, list) or len(given) > _MOST_LABELS:
        raise refusal(422, "invalid", "a list of at most %(most)s labels", most=_MOST_LABELS, field=field)
    names = [each.strip() if isinstance(each, str) else "" for each in given]
    if not all(_LABEL.fullmatch(name) for name in names):
        raise refusal(422, "invalid", "each of 1 to 40 characters, without commas", field=field)
    return list(dict.fromkeys(names))


def _nap(body: Mapping[str, Any]) -> float:
    """How long to snooze, in seconds, from `until` (a time) or `seconds`."""
    seconds: object = body.get("seconds")
    if "until" in body:
        try:
            until = datetime.fromisoformat(body["until"])
        except (TypeError, ValueError):
            raise refusal(422, "invalid", "a time, as 2026-05-01T09:00:00+02:00", field="until") from None
        if until.tzinfo is None:
            raise refusal(422, "invalid", "a time with its zone, as 2026-05-01T09:00:00Z", field="until")
        seconds = (until - datetime.now(UTC)).total_seconds()
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= _LONGEST_NAP:
        field = "until" if "until" in body else "seconds"
        raise refusal(422, "invalid", "in the future, at most a year away", field=field)
    return float(seconds)
