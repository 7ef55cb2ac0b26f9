"""What a channel is: a way in (`routes`, `listen`) and a way out (`send`), nothing else of the bot."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from starlette.routing import BaseRoute


class DeliveryStatus(StrEnum):
    """How far an outgoing message has come. It never moves backwards, except from UNCERTAIN once settled."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """A file that came with a message or goes with one; `key` names its bytes in the file store."""

    key: str
    name: str  # as the sender called it: show it escaped, never use it as a path
    media_type: str
    size: int  # bytes


@dataclass(frozen=True, kw_only=True)
class InboundMessage:
    """What a provider handed us, understood.

    (`channel`, `external_id`) is the key for ever: a provider's repeat carries the same one.
    `sender` is the address of the identity within its channel (`visitor id`, `whatsapp:+…`, a mail address);
    `verified` says whether the provider or a signature vouches for it.
    `follows` are external ids of earlier messages this one answers, nearest first.
    """

    channel: str
    external_id: str
    sender: str
    text: str
    html: str = ""
    subject: str = ""
    follows: Sequence[str] = ()
    attachments: Sequence[Attachment] = ()
    verified: bool = False
    sender_name: str = ""
    sent_at: datetime | None = None
    received_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class OutboundMessage:
    """What is to leave. `id` is ours and stable over attempts; `attempt` counts from 1."""

    id: str
    channel: str
    recipient: str
    text: str
    html: str = ""
    subject: str = ""
    follows: Sequence[str] = ()
    attachments: Sequence[Attachment] = ()
    attempt: int = 1


@dataclass(frozen=True, kw_only=True)
class ChannelLimits:
    """A channel's quirks, told as data so that nobody else needs to know its name."""

    length: int | None = None  # characters in one message; None: no limit
    markup: str = "markdown"  # what `send` understands: "markdown", "whatsapp", "plain"
    media: tuple[str, ...] = ()  # media types it carries
    window: int | None = None  # seconds after the contact's last message in which free text may be sent
    reads_store: bool = False  # the recipient reads our store: a committed message is a sent one


class NotDelivered(Exception):  # noqa: N818
    """The provider did not take the message.

    `retry`: worth another attempt, `after` seconds from now when the provider said so.
    `uncertain`: it may have been taken all the same, so that a second attempt could reach somebody twice.
    """

    def __init__(
        self, detail: str, *, retry: bool = False, uncertain: bool = False, after: float | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry = retry
        self.uncertain = uncertain
        self.after = after


class Inbox(Protocol):
    """All that a channel sees of the bot."""

    async def accept(self, message: InboundMessage) -> None:
        """Return once the message is durable; a repeat is the same message and harmless."""
        ...

    async def receipt(
        self, channel: str, external_id: str, status: DeliveryStatus, detail: str | None
    ) -> None:
        """Note how far an outgoing message has come, by the provider's id for it."""
        ...


class Channel(ABC):
    """A way in and a way out. Only `send` is required."""

    name: str
    limits: ChannelLimits = ChannelLimits()

    def routes(self, inbox: Inbox) -> Sequence[BaseRoute]:  # noqa: ARG002
        """HTTP routes by which messages and receipts come in."""
        return ()

    async def listen(self, inbox: Inbox) -> None:  # noqa: B027
        """Run for as long as the channel is on, where messages are fetched and not pushed."""

    @abstractmethod
    async def send(self, message: OutboundMessage) -> str | None:
        """Hand one message to the provider and return its id for it, or raise NotDelivered."""
