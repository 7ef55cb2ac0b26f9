"""What a message says once it is understood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


class NotUnderstood(Exception):  # noqa: N818
    """A message could not be understood: keep it raw and show it to operators. `detail` is for them."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass(frozen=True, kw_only=True)
class Address:
    """A mail address, its domain in lower case, and the name its owner gives beside it. `encoded`: the
    address, or a part of it, stood in encoded words, where none may be (RFC 2047, 5)."""

    address: str
    name: str = ""
    encoded: bool = False

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


@dataclass(frozen=True, kw_only=True)
class Words:
    """A piece of a message's text, in one or both of its forms, as it came."""

    plain: str = ""
    html: str = ""


@dataclass(frozen=True, kw_only=True)
class MailFile:
    """A file within a message. `name` is clean to show, never a path."""

    name: str
    media_type: str
    data: bytes
    content_id: str = ""  # without angle brackets


@dataclass(frozen=True, kw_only=True)
class Report:
    """A part that machines wrote about another message; of an enclosed message, its headers only."""

    media_type: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Mail:
    """One message. Ids stand without angle brackets; `references` are in order, the newest last.

    `text` is readable whatever came: plain text, or the HTML turned into it, quotes marked by `>`. `html` is
    as it came and not safe to show. `headers` are all of them, in order, names in lower case, decoded.
    """

    message_id: str
    in_reply_to: str
    references: Sequence[str]
    subject: str
    sender: Address | None
    to: Sequence[Address]
    cc: Sequence[Address]
    reply_to: Sequence[Address]
    delivered_to: Sequence[Address]
    date: datetime | None
    text: str
    html: str
    attachments: Sequence[MailFile]
    reports: Sequence[Report]
    headers: Sequence[tuple[str, str]]

    def all(self, name: str) -> list[str]:
        """Every header of that name (in lower case), the topmost first."""
        return [value for each, value in self.headers if each == name]

    def first(self, name: str) -> str:
        """The topmost header of that name (in lower case), or an empty string."""
        return next((value for each, value in self.headers if each == name), "")
