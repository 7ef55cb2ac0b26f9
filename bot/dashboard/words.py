"""Plain words for what the store calls by short names."""

from __future__ import annotations

import html
import re
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime

from bot import markup
from bot.api.conversations import display_name, file_name
from bot.store.records import DeliveryState, InboxEntry, StoredMessage, TurnRecord, delivery_of
from bot.store.sendings import WITHDRAWN
from channels.base import Attachment, DeliveryStatus

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
CHANNEL: Mapping[str, str] = {
    "web": "Website",
    "whatsapp": "WhatsApp",
    "sms": "SMS",
    "email": "Mail",
    "terminal": "Terminal",
}
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


_CUT_LINK = re.compile(r"\[([^\[\]]*)(?:\]\([^()]*)?$")  # a preview ends where it ends
_MARKS = re.compile(r"\*\*|__|~~|`|\s*\[\d+\]")
_TAG = re.compile(r"<[^<>]*>")


def preview(entry: InboxEntry) -> str:
    """The newest words without Markdown's marks; a customer's are shown as they typed them."""
    if entry.preview_by == "contact":
        return entry.preview
    shown = _TAG.sub(" ", markup.from_markdown(_CUT_LINK.sub(r"\1", entry.preview)))
    return " ".join(html.unescape(_MARKS.sub("", shown)).split())


def file(attachment: Attachment) -> str:
    """A file's name, or what it is."""
    return file_name(attachment)


def files(message: StoredMessage) -> str:
    """What a message without words has brought: one file by its name, several by their number."""
    each = message.attachments
    if len(each) == 1 and not each[0].media_type.startswith("image/"):
        return file_name(each[0])
    noun = "picture" if all(file.media_type.startswith("image/") for file in each) else "file"
    return f"{len(each)} {noun}{'s' if len(each) > 1 else ''}" if each else ""


def is_picture(media_type: str) -> bool:
    """Whether a browser may show it beside our own words: a plain raster, nothing that can hold script."""
    return media_type in {"image/png", "image/jpeg", "image/gif", "image/webp"}


def is_sound(media_type: str) -> bool:
    """Whether a browser may play it."""
    return media_type.startswith("audio/")


def clock(moment: datetime) -> str:
    """A time for readers without scripts; with them the page shows it in the reader's zone."""
    return moment.strftime("%d %b %H:%M UTC")


def delivery(sent: DeliveryState) -> str:
    """How far an outgoing message has come, and what is in its way."""
    if is_withdrawn(sent):
        return "Held back: a person took over first"
    said = DELIVERY[sent.status.value]
    if sent.status is DeliveryStatus.UNCERTAIN and not is_held(sent):
        said += ", being looked up"
    return f"{said}: {sent.error}" if sent.error else said


def is_withdrawn(sent: DeliveryState) -> bool:
    """Whether it did not leave because an operator took over: that is no failure."""
    return sent.status is DeliveryStatus.FAILED and sent.error == WITHDRAWN


def is_held(sent: DeliveryState) -> bool:
    """Whether nothing more happens to it until somebody sends it again."""
    given_up = (sent.error or "").startswith("nobody can tell")  # before that the provider is still asked
    return sent.status is DeliveryStatus.FAILED or (sent.status is DeliveryStatus.UNCERTAIN and given_up)


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
