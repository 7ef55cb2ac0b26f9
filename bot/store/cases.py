"""A case: what a customer wanted once, as it is counted.

It begins with what they wrote, and ends where they write again after it was resolved, or after a day in
which nobody owed them anything. What is told of a case belongs to the day and the channel it began on, so
that shares are shares of the same cases; messages belong to their own.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Any

import orjson

from bot.store.database import Row, microseconds, moment
from bot.store.target import Target

RULES = 2  # raised when something is counted in another way: everything is counted anew
# A snoozed one that its contact wakes is told of right after the message: if it is the bot's, nobody waited.
_PEOPLES = {"waiting", "human", "snoozed"}
_SILENCE = 24 * 3600 * 1_000_000  # microseconds after which what is written is another case
_FINENESS = 16  # durations for each doubling that are told apart: what is read is 2 % off at the most
_SHORTEST = 0.1  # seconds

# Which day, channel and figure, and which part of it where it has parts.
Key = tuple[str, str, str, str]
Tally = Counter[Key]


@dataclass(frozen=True, kw_only=True)
class Case:
    """What counts of a conversation's latest case, up to `last_event`. Times are microseconds.

    `waiting_since` is as the conversation has it; `reply`: what the bot's last words were, "answered" or
    "unanswered"; `assisted`: an operator was to allow something; `human`: a person wrote; `score`: how the
    customer rated it, 0 while they have not.
    """

    conversation_id: str
    last_event: int = 0
    status: str = "bot"
    day: str = ""
    channel: str = ""
    opened_at: int = 0
    last_at: int = 0
    waiting_since: int | None = None
    first_by: str = ""
    reply: str = ""
    handed_off: str = ""
    assisted: bool = False
    human: bool = False
    score: int = 0

    def figures(self) -> Iterator[Key]:
        """What it adds to the figures, as far as it has come."""
        if not self.opened_at:
            return
        yield self._key("cases")
        if self.first_by or self.handed_off:
            yield self._key("attended")
        if self.first_by == "bot":
            yield self._key("begun_by_bot")
            if self.human:
                yield self._key("cleaned_up")
        if self.reply == "answered" and not (self.human or self.handed_off or self.assisted):
            yield self._key("settled")
        if self.handed_off:
            yield self._key("handed_off", self.handed_off)
        if self.score:
            yield self._key("rated", str(self.score))

    def _key(self, name: str, part: str = "") -> Key:
        return self.day, self.channel, name, part


@dataclass(frozen=True, kw_only=True)
class Rated:
    """The last word of a conversation's contact on it."""

    score: int
    at: int


class Counted:
    """Follows one conversation event by event, and adds to a tally what changes by them."""

    def __init__(self, case: Case, rated: Rated | None, tally: Tally, zone: tzinfo, target: Target) -> None:
        self.case = case
        self._rated = rated
        self._tally = tally
        self._zone = zone
        self._target = target
        self._known = tuple(case.figures())
        self._said = ""  # why the bot's words before this event hand over

    def follow(self, events: Sequence[Row]) -> Case:
        """The case after these events, which follow on what it knows."""
        for event in events:
            if event["kind"] == "status":
                self._moved(event)
            elif not event["private"]:
                self._message(event, orjson.loads(event["data"]))
            self.case = replace(self.case, last_event=event["seq"])
        self._close()
        return self.case

    def _message(self, event: Row, told: Mapping[str, Any]) -> None:
        at: int = event["created_at"]
        if event["direction"] == "in":
            self._came(event, at)
            if self.case.status in _PEOPLES and self.case.waiting_since is None and not told.get("quiet"):
                self.case = replace(self.case, waiting_since=at)
        elif event["author_kind"] == "operator":
            self._add(event, at, "by_people")
            self._answered("person", at)
            if self.case.waiting_since is not None:
                self._took("waited", at - self.case.waiting_since)
                if not self.case.human:
                    self._took("first_waited", at - self.case.waiting_since)
                self._judge(self.case.waiting_since, at, told)
            self.case = replace(self.case, human=True, waiting_since=None)
        elif event["author_kind"] == "bot":
            self._add(event, at, "by_bot")
            self._bot_said(event, at)
        self.case = replace(self.case, last_at=at)

    def _came(self, event: Row, at: int) -> None:
        case = self.case
        place = {"day": self._day(at), "channel": event["channel"], "opened_at": at}
        if not case.opened_at:  # who asked for a person first has been waiting since then
            self.case = replace(case, **place)
        elif case.status == "resolved" or (case.status == "bot" and at - case.last_at > _SILENCE):
            self._close(until=at)
            self._known = ()
            self.case = Case(conversation_id=case.conversation_id, last_event=case.last_event, **place)
        self._add(event, at, "received")
        self._add(event, at, "hour", f"{moment(at).astimezone(self._zone).hour:02}")

    def _bot_said(self, event: Row, at: int) -> None:
        self._said = ""
        match event["outcome"]:
            case "reply":
                self._answered("bot", at)
                reply = "unanswered" if event["reason"] == "unanswered" else "answered"
                self.case = replace(self.case, reply=reply)
            case "approval":
                self._answered("bot", at)
                self.case = replace(self.case, assisted=True)
            case "hand_off":
                self._said = event["reason"]

    def _answered(self, who: str, at: int) -> None:
        """The case's first answer, unless it has had one."""
        if self.case.opened_at and not self.case.first_by:
            self._took(f"first_by_{who}", at - self.case.opened_at)
            self.case = replace(self.case, first_by=who)

    def _moved(self, event: Row) -> None:
        told = orjson.loads(event["data"])
        before, status = self.case.status, told["status"]
        since = self.case.waiting_since
        if status == "waiting":
            since = event["created_at"] if since is None else since
            if before not in {"waiting", "human"} and not self.case.handed_off:
                self.case = replace(self.case, handed_off=told.get("reason") or self._said or "other")
        elif status == "human":
            since = told.get("since", since)
        elif status in {"bot", "resolved"}:
            if since is not None:
                self._judge(since, event["created_at"], told, answered=False)
            since = None
        self.case = replace(self.case, status=status, waiting_since=since)

    def _close(self, until: int = 2**62) -> None:
        """Add what the case has become to what it was known as."""
        rated = self._rated
        if rated and until > rated.at >= self.case.opened_at > 0:
            self.case = replace(self.case, score=rated.score)
        now = tuple(self.case.figures())
        self._tally.subtract(self._known)
        self._tally.update(now)
        self._known = now

    def _add(self, event: Row, at: int, name: str, part: str = "") -> None:
        self._tally[self._day(at), event["channel"], name, part] += 1

    def _took(self, name: str, microseconds: int) -> None:
        self._tally[self.case.day, self.case.channel, name, part_of(microseconds / 1e6)] += 1

    def _judge(self, since: int, at: int, told: Mapping[str, Any], *, answered: bool = True) -> None:
        """Whoever was answered in time, and who was late or given back late without an answer; what is
        `told` of that moment says how urgent it was."""
        due = self._target.due(moment(since), told.get("priority", 0))
        if due is None or not self.case.opened_at:
            return
        late = microseconds(due) < at
        if late or answered:
            self._tally[self.case.day, self.case.channel, "late" if late else "in_time", ""] += 1

    def _day(self, at: int) -> str:
        return moment(at).astimezone(self._zone).date().isoformat()


def part_of(seconds: float) -> str:
    """The part that a duration counts to."""
    return str(max(0, round(_FINENESS * math.log2(max(seconds, _SHORTEST) / _SHORTEST))))


def seconds_of(part: str) -> float:
    """The duration that a part stands for."""
    return float(_SHORTEST * 2 ** (int(part) / _FINENESS))
