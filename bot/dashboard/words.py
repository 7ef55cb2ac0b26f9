"""Plain words for what the store calls by short names."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import UTC, datetime

from bot.api.conversations import display_name
from bot.store.records import InboxEntry, StoredMessage, TurnRecord, delivery_of

STATUS: Mapping[str, str] = {
    "bot": "With the bot",
    "waiting": "Waiting for a person",
    "human": "With a person",
    "snoozed": "Snoozed",
    "resolved": "Resolved",
}
DELIVERY: Mapping[str, str] = {
    "queued": "To be sent",
    "sending": "Being sent",
    "sent": "Sent",
    "delivered": "Delivered",
    "read": "Read",
    "failed": "Not delivered",
    "uncertain": "Perhaps delivered",
}
CHANNEL: Mapping[str, str] = {"web": "Website", "terminal": "Terminal"}
OUTCOME: Mapping[str, str] = {
    "reply": "answered",
    "hand_off": "handed over to a person",
    "approval": "asked an operator for approval",
    "silence": "said nothing",
}
STEP: Mapping[str, str] = {
    "route": "Routing",
    "knowledge": "Knowledge",
    "model": "Model",
    "tool": "Tool",
    "guard": "Check",
    "fallback": "Fallback",
    "deliver": "Delivery",
}


def channel(name: str) -> str:
    """A channel's name as people say it."""
    return CHANNEL.get(name, name.capitalize())


def contact(entry: InboxEntry) -> str:
    return display_name(entry.contact_id, entry.contact_name)


def author(message: StoredMessage, entry: InboxEntry) -> str:
    """Whose words these are."""
    match message.author_kind:
        case "contact":
            return contact(entry)
        case "system":
            return "Switchboard"
        case _:
            return message.author_name or message.author_kind.capitalize()


def initials(name: str) -> str:
    """Up to two letters that stand for a name."""
    words = [word for word in name.split() if word[0].isalnum()]
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper() or "?"


def hue(key: str) -> int:
    """One of eight colours, the same for the same person."""
    return zlib.crc32(key.encode()) % 8


def clock(moment: datetime) -> str:
    """A time for readers without scripts; with them the page shows it in the reader's zone."""
    return moment.strftime("%d %b %H:%M UTC")


def again(message: StoredMessage) -> str:
    """By which a message is sent again."""
    return delivery_of(message.id)


def over(moment: datetime) -> bool:
    """Whether a time has passed."""
    return moment <= datetime.now(UTC)


def outcome(turn: TurnRecord) -> str:
    """How a turn ended."""
    if turn.status == "running":
        return "is at work"
    if turn.status == "abandoned":
        return "was stopped before it could answer"
    if turn.outcome == "reply" and turn.reason == "unanswered":
        return "asked back, or said that it does not know"
    reason = f" ({turn.reason.replace('_', ' ')})" if turn.reason else ""
    return OUTCOME.get(turn.outcome, turn.outcome) + reason


def seconds(duration: float) -> str:
    """A duration as short as it can be said."""
    return f"{duration * 1000:.0f} ms" if duration < 1 else f"{duration:.1f} s"


def dollars(micro: int) -> str:
    """Micro-dollars as money."""
    return f"${micro / 1e6:.4f}" if micro else "nothing"
