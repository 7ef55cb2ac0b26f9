"""Customers on each channel, as they see it themselves: a browser, a telephone, a mail program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tests.e2e.browser import Chat
from tests.processes import until

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
