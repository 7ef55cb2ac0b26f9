"""Customers on each channel, as they see it themselves: a browser, a telephone, a mail program."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import Protocol

from channels.email.parse import parse
from channels.email.trim import trim
from tests.doubles.twilio import Twilio
from tests.doubles.twilio_customer import Customer as Telephone
from tests.e2e.beside import on
from tests.e2e.browser import Chat
from tests.postoffice import ZOE, PostOffice
from tests.processes import until

_SOURCES = re.compile(r"(\s*^\[\d+\] .*$)+\s*\Z", re.MULTILINE)
SOON = 40.0  # seconds in which whatever was sent has come, on a busy machine


class Customer(Protocol):
    """Somebody who writes to the company and reads what it answers."""

    def write(self, words: str) -> None:
        """Returns once the channel has taken it, whether or not the company's server runs."""

    def thread(self) -> Sequence[str]:
        """What they have written and what has reached them, in the order it stands on their side."""


def has_got(customer: Customer, words: str) -> None:
    """It reaches them, and once."""
    until(lambda: any(words in each for each in customer.thread()), SOON, f"{words!r} at the customer's")
    assert sum(words in each for each in customer.thread()) == 1


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """On the website: what they write waits in their browser for the server."""

    chat: Chat

    def write(self, words: str) -> None:
        self.chat.write(words)

    def thread(self) -> Sequence[str]:
        return [words for _, words in self.chat.said()]


@dataclass(frozen=True, kw_only=True)
class OnWhatsApp:
    """The only customer of a Twilio that runs in `loop`."""

    loop: asyncio.AbstractEventLoop
    twilio: Twilio
    telephone: Telephone

    def write(self, words: str) -> None:
        assert on(self.loop, self.telephone.write(words)).answers == [200]

    def thread(self) -> Sequence[str]:
        """Without the sources below an answer."""
        return [_SOURCES.sub("", message.body) for message in list(self.twilio.messages)]


@dataclass(frozen=True, kw_only=True)
class ByMail:
    """The only customer of the post office, who answers the last mail that came."""

    office: PostOffice
    written: list[tuple[int, str]] = field(default_factory=list)  # after so many mails of ours

    def write(self, words: str) -> None:
        sent = list(self.office.sent)
        last = str(message_from_bytes(sent[-1][2])["message-id"]) if sent else ""
        self.written.append((len(sent), words))
        self.office.write(words, **({"in_reply_to": last, "references": last} if last else {}))

    def thread(self) -> Sequence[str]:
        """Without sources, and what is quoted and signed."""
        told = [
            _SOURCES.sub("", trim(parse(raw).text).text) for _, to, raw in list(self.office.sent) if to == ZOE
        ]
        for after, words in reversed(self.written):
            told.insert(after, words)
        return told
