"""What a channel is: a way in (`routes`, `listen`) and a way out (`send`), nothing else of the bot."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, Protocol

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


class Trouble(StrEnum):
    """Why a provider refuses, where somebody can do something about it."""

    WINDOW_CLOSED = "window_closed"  # free text is too late: a template may still be sent
    OPTED_OUT = "opted_out"  # the recipient asked not to be written to
    SLOW_DOWN = "slow_down"  # too many messages at once: all of this channel's must wait


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """A file that came with a message or goes with one; `key` names its bytes in the file store.

    `state` is "waiting" while its bytes lie with the provider, "failed" when they could not be had.
    """

    key: str
    name: str  # as the sender called it: show it escaped, never use it as a path
    media_type: str
    size: int  # bytes
    state: Literal["here", "waiting", "failed"] = "here"


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """A file that lies with the provider until a worker fetches it."""

    url: str
    media_type: str  # as the provider says
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class FetchedFile:
    """What a fetch has written: `media_type` is what the bytes are, not what was said of them."""

    media_type: str
    size: int  # bytes


@dataclass(frozen=True, kw_only=True)
class Original:
    """A message as it came, before it was trimmed for reading. `html` is safe to show by itself.

    `facts` are what its head says, by name. `elsewhere` counts the pictures that lie on other servers, which
    learn who looks: they are in `html` only when they were asked for.
    """

    facts: Sequence[tuple[str, str]]
    html: str
    elsewhere: int


@dataclass(frozen=True, kw_only=True)
class Quoted:
    """What the recipient of an answer wrote last."""

    who: str
    when: datetime
    text: str


@dataclass(frozen=True, kw_only=True)
class Source:
    """A page that an answer cites; [1] in its text is the first."""

    title: str
    url: str


@dataclass(frozen=True, kw_only=True)
class InboundMessage:
    """What a provider handed us, understood.

    (`channel`, `external_id`) is the key for ever: a provider's repeat carries the same one.
    `sender` is the address of the identity within its channel (`visitor id`, `whatsapp:+…`, a mail address);
    `verified` says whether the provider or a signature vouches for it; with a `session`, a secret that only
    this sender has from us, it is as verified as the address is.
    `follows` are external ids of earlier messages this one answers, nearest first. A message `joins` the
    contact's "open" conversation, or that of the first it "follows", if the sender takes part in it; then
    `follows` name messages by `reference` or, ours, by the id they were sent under.
    `remote` are files to fetch later; `files` are here under their keys, and new with this message.
    A message `wants` an "answer"; "nothing", like one that a machine wrote; or a "person" to look at it, in a
    conversation of its own that the bot stays out of. `note` tells operators why.
    `opted` is set when the sender asks to be written to no more, or again; such a message wants nothing.
    `reference` is what answers to it call it, `thread` what an answer names of the thread, oldest first.
    `via` says which of the channel's own addresses it came to; `original` is the key of its raw bytes.
    """

    channel: str
    external_id: str
    sender: str
    text: str
    html: str = ""
    subject: str = ""
    follows: Sequence[str] = ()
    attachments: Sequence[Attachment] = ()
    remote: Sequence[RemoteFile] = ()
    files: Sequence[Attachment] = ()
    joins: Literal["open", "follows"] = "open"
    opted: Literal["in", "out"] | None = None
    wants: Literal["answer", "person", "nothing"] = "answer"
    note: str = ""
    verified: bool = False
    session: bool = False
    sender_name: str = ""
    reference: str = ""
    thread: Sequence[str] = ()
    via: str = ""
    original: str = ""


@dataclass(frozen=True, kw_only=True)
class Template:
    """Words that a provider has approved, with places to fill: {{1}}, {{2}}; `id` is its own name for them.

    `variables` say what stands in each place unless somebody who sends it says otherwise: {name} is the
    recipient's, {text} the message. `labels` say for people what belongs there.
    """

    name: str
    id: str
    text: str
    variables: Mapping[str, str]
    labels: Mapping[str, str] = field(default_factory=dict)
    language: str = ""


@dataclass(frozen=True, kw_only=True)
class FilledTemplate:
    """A template as it leaves: what stands in its places, and all that the recipient reads."""

    name: str
    id: str
    variables: Mapping[str, str]
    text: str


class NotFilled(Exception):  # noqa: N818
    """A template can't leave so: `why` in plain words, with `values` in its places, %(name)s. `place` is the
    template's that it is about, if it is about one."""

    def __init__(self, why: str, *, place: str | None = None, **values: object) -> None:
        super().__init__(why % values if values else why)
        self.why = why
        self.values: Mapping[str, Any] = values
        self.place = place


@dataclass(frozen=True, kw_only=True)
class OutboundMessage:
    """What is to leave: one of the parts its channel made of a message. `attempt` counts from 1, `doubts`
    those that were made because nobody knew what had become of the one before.

    `id` is the message's and stable over attempts, `part` counts from 1, `last` marks the one that carries
    the attachments. `window_closed`: the recipient has been silent for longer than `ChannelLimits.window`.
    `template` is what it leaves as, whether the window is closed or not; None: as its text.
    `reference`, `thread`, `via` and `quoted` are those of the message it answers, if it answers one.
    """

    id: str
    channel: str
    recipient: str
    text: str
    html: str = ""
    subject: str = ""
    follows: Sequence[str] = ()
    attachments: Sequence[Attachment] = ()
    attempt: int = 1
    doubts: int = 0
    part: int = 1
    last: bool = True
    recipient_name: str = ""
    window_closed: bool = False
    template: FilledTemplate | None = None
    author_kind: Literal["bot", "operator", "system"] = "bot"
    author_name: str = ""
    citations: Sequence[Source] = ()
    reference: str = ""
    thread: Sequence[str] = ()
    via: str = ""
    quoted: Quoted | None = None


@dataclass(frozen=True, kw_only=True)
class ChannelLimits:
    """A channel's quirks, told as data so that nobody else needs to know its name."""

    length: int | None = None  # characters in one message; None: no limit
    markup: str = "markdown"  # what `send` understands: "markdown", "whatsapp", "plain"
    media: tuple[str, ...] = ()  # media types it carries
    window: int | None = None  # seconds after the contact's last message in which free text may be sent
    per_second: float | None = None  # messages its provider takes from us, all workers together
    per_hour: int | None = None  # answers to one recipient that no person wrote
    patience: float = 15.0  # seconds one `send` may take
    reads_store: bool = False  # the recipient reads our store: a committed message is a sent one


class NotDelivered(Exception):  # noqa: N818
    """The provider did not take the message.

    `detail` is for operators, in plain words. `retry`: worth another attempt, `after` seconds from now when
    the provider said so. `uncertain`: it may have been taken all the same, so that a second attempt could
    reach somebody twice.
    """

    def __init__(
        self,
        detail: str,
        *,
        retry: bool = False,
        uncertain: bool = False,
        after: float | None = None,
        trouble: Trouble | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry = retry
        self.uncertain = uncertain
        self.after = after
        self.trouble = trouble


class NotFetched(Exception):  # noqa: N818
    """A remote file could not be had; `retry` when it may be had later. `detail` is for operators."""

    def __init__(self, detail: str, *, retry: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry = retry


class Inbox(Protocol):
    """All that a channel sees of the bot."""

    async def accept(self, message: InboundMessage) -> None:
        """Return once the message is durable; a repeat is the same message and harmless."""
        ...

    async def receipt(
        self,
        channel: str,
        external_id: str,
        status: DeliveryStatus,
        detail: str | None,
        trouble: Trouble | None = None,
    ) -> None:
        """Note how far an outgoing message has come, by the provider's id for it; `detail` and `trouble`
        say why it failed."""
        ...


class Channel(ABC):
    """A way in and a way out. Only `send` is required."""

    name: str
    limits: ChannelLimits = ChannelLimits()
    templates: Sequence[Template] = ()  # by which it reaches people outside of their window

    def routes(self, inbox: Inbox) -> Sequence[BaseRoute]:  # noqa: ARG002
        """HTTP routes by which messages and receipts come in."""
        return ()

    async def listen(self, inbox: Inbox) -> None:  # noqa: B027
        """Run for as long as the channel is on, where messages are fetched and not pushed."""

    def parts(self, text: str, sources: Sequence[Source]) -> Sequence[str]:  # noqa: ARG002
        """The texts in which an answer leaves, at least one, in order, within the limits and their markup."""
        return (text,)

    def filled(
        self,
        name: str,  # noqa: ARG002
        given: Mapping[str, str],  # noqa: ARG002
        *,
        recipient: str,  # noqa: ARG002
        text: str,  # noqa: ARG002
    ) -> FilledTemplate:
        """The template of this name with what is `given` for its places, the rest as set: {name} is the
        `recipient`'s, {text} the `text`. Raises NotFilled."""
        raise NotFilled("there are no templates for %(channel)s", channel=self.name)

    @abstractmethod
    async def send(self, message: OutboundMessage) -> str | None:
        """Hand one message to the provider and return its id for it, or raise NotDelivered."""

    async def find(
        self,
        message: OutboundMessage,  # noqa: ARG002
        *,
        since: datetime,  # noqa: ARG002
        known: Collection[str],  # noqa: ARG002
    ) -> str | None:
        """Ask the provider whether it took a message whose sending had an unknown end.

        Its id for it, or None when it certainly did not; `known` are ids that are other messages'. Raises
        NotDelivered when the provider can't say.
        """
        raise NotDelivered("this channel cannot be asked what it has sent", uncertain=True)

    async def fetch(self, file: RemoteFile, into: Path) -> FetchedFile:  # noqa: ARG002
        """Write a remote file's bytes to `into`, or raise NotFetched."""
        raise NotFetched(f"{self.name} has no files to fetch: {file.url}")

    async def original(self, raw: bytes, *, pictures: bool) -> Original | None:  # noqa: ARG002
        """A message of which the raw bytes were kept, as it came; None when it can't be shown. `pictures`:
        with those that lie elsewhere."""
        return None

    async def typing(self, external_id: str) -> None:  # noqa: B027
        """Show the sender of a message that it was read and an answer is on the way; must not raise."""
