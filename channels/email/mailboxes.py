"""What reading a mailbox needs kept: who reads it, how far, and what could not be understood."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from channels.base import Attachment


@dataclass(frozen=True, kw_only=True)
class Position:
    """Everything up to `uid` is durable, or was there before us and is left alone.

    `received_at`: by when the last of it had come in. Where to begin again when UIDVALIDITY changes.
    """

    uidvalidity: int
    uid: int
    received_at: datetime | None = None


class Mailboxes(Protocol):
    """What reading needs kept. Everything is durable when it returns."""

    async def lead(self, mailbox: str, holder: str, seconds: float) -> bool:
        """Whether `holder` reads this mailbox from now on, for `seconds` by the database's clock.

        One holder at a time; asking again prolongs it.
        """
        ...

    async def yield_lead(self, mailbox: str, holder: str) -> None:
        """Let the next one lead at once. Does nothing when another leads."""
        ...

    async def position(self, mailbox: str) -> Position | None:
        """How far the mailbox was read; None before the first time."""
        ...

    async def advance(self, mailbox: str, position: Position, holder: str) -> bool:
        """Note how far it was read; False when `holder` no longer leads. Never back within a UIDVALIDITY."""
        ...

    async def set_aside(self, mailbox: str, uidvalidity: int, uid: int, raw: bytes, why: str) -> None:
        """Keep what could not be understood, and show it to operators.

        Once per (mailbox, UIDVALIDITY, UID).
        """
        ...


class Mailroom(Mailboxes, Protocol):
    """What else the channel needs kept: a mail's bytes and its files. Again, they are the same ones."""

    async def keep_original(self, raw: bytes) -> str:
        """Keep a mail as it came; its key."""
        ...

    async def keep_file(
        self, content: bytes, *, original: str, number: int, name: str, media_type: str
    ) -> Attachment:
        """Keep a file that came in a mail, its `number`-th."""
        ...

    async def note(
        self, mailbox: str, *, state: Literal["up", "degraded", "down"], error: str, since: datetime
    ) -> None:
        """Tell how reading a mailbox goes, for other processes to show."""
        ...
