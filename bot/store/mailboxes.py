"""What reading a mailbox leaves behind: who reads it, how far it was read, and what nobody could read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from bot.store import audit
from bot.store.database import Database, Row, Transaction, microseconds, moment, new_id
from bot.store.records import MailboxState, SetAside
from channels.email.mailboxes import Position

_LEAD = """
    INSERT INTO mailboxes (name, holder, lease_until, since) VALUES (:name, :holder, {now} + :lease, {now})
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, lease_until = excluded.lease_until
    WHERE mailboxes.holder = excluded.holder OR mailboxes.lease_until <= {now}
    RETURNING name
"""
_YIELD = "UPDATE mailboxes SET lease_until = 0 WHERE name = :name AND holder = :holder"
_POSITION = "SELECT uidvalidity, uid, received_at FROM mailboxes WHERE name = :name"
_ADVANCE = """
    UPDATE mailboxes SET uidvalidity = :uidvalidity, received_at = :received_at,
        uid = CASE WHEN uidvalidity = :uidvalidity AND uid > :uid THEN uid ELSE :uid END
    WHERE name = :name AND holder = :holder AND lease_until > {now}
    RETURNING name
"""
_NOTE = """
    UPDATE mailboxes SET state = :state, error = :error, since = :since
    WHERE name = :name AND (state <> :state OR error <> :error)
"""
_STATES = "SELECT name, state, error, since, lease_until > {now} AS read FROM mailboxes ORDER BY name"
_SET_ASIDE = """
    INSERT INTO set_aside (id, mailbox, uidvalidity, uid, original, size, why, created_at)
    VALUES (:id, :mailbox, :uidvalidity, :uid, :original, :size, :why, {now})
    ON CONFLICT (mailbox, uidvalidity, uid) DO NOTHING
"""
_CARDS = """
    SELECT id, mailbox, original, size, why, created_at FROM set_aside WHERE seen_at IS NULL
    ORDER BY created_at, id LIMIT :limit
"""
_CARD = "SELECT id, mailbox, original, size, why, created_at FROM set_aside WHERE id = :id"
_SEEN = "UPDATE set_aside SET seen_at = {now} WHERE id = :id AND seen_at IS NULL RETURNING id"


class Mailboxes:
    """One reader for each mailbox, and how far everything in it is durable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lead(self, mailbox: str, holder: str, seconds: float) -> bool:
        """Whether `holder` reads the mailbox for the next `seconds`; only one at a time does."""
        row = await self._database.change(
            _LEAD, name=mailbox, holder=holder, lease=round(seconds * 1_000_000)
        )
        return row is not None

    async def yield_lead(self, mailbox: str, holder: str) -> None:
        """Let the next reader have it at once."""
        await self._database.change(_YIELD, name=mailbox, holder=holder)

    async def position(self, mailbox: str) -> Position | None:
        """Up to where everything is durable; None before the first reading."""
        async with self._database.read() as reader:
            row = await reader.one(_POSITION, name=mailbox)
        if row is None or row["uidvalidity"] is None:
            return None
        received_at = row["received_at"]
        return Position(
            uidvalidity=row["uidvalidity"],
            uid=row["uid"],
            received_at=moment(received_at) if received_at is not None else None,
        )

    async def advance(self, mailbox: str, position: Position, holder: str) -> bool:
        """Everything up to `position` is durable now. False for a reader whose time is over."""
        at = position.received_at
        row = await self._database.change(
            _ADVANCE,
            name=mailbox,
            holder=holder,
            uidvalidity=position.uidvalidity,
            uid=position.uid,
            received_at=microseconds(at) if at is not None else None,
        )
        return row is not None

    async def note(
        self, mailbox: str, *, state: Literal["up", "degraded", "down"], error: str, since: datetime
    ) -> None:
        """How reading goes, as its reader sees it."""
        await self._database.change(
            _NOTE, name=mailbox, state=state, error=error[:500], since=microseconds(since)
        )

    async def states(self) -> Sequence[MailboxState]:
        """Every mailbox that was ever read."""
        async with self._database.read() as reader:
            rows = await reader.all(_STATES)
        return [
            MailboxState(
                name=row["name"],
                state=row["state"],
                error=row["error"],
                since=moment(row["since"]),
                read=bool(row["read"]),
            )
            for row in rows
        ]

    async def set_aside(
        self, mailbox: str, *, uidvalidity: int, uid: int, original: str, size: int, why: str
    ) -> None:
        """A mail that could not be understood, once; `original` is the key of its bytes."""
        await self._database.change(
            _SET_ASIDE,
            id=new_id("sid"),
            mailbox=mailbox,
            uidvalidity=uidvalidity,
            uid=uid,
            original=original,
            size=size,
            why=why[:1_000],
        )

    async def cards(self, limit: int = 100) -> Sequence[SetAside]:
        """What was set aside and no operator has put away yet, oldest first."""
        async with self._database.read() as reader:
            rows = await reader.all(_CARDS, limit=limit)
        return [_card(row) for row in rows]

    async def card(self, card_id: str) -> SetAside | None:
        """One of them, put away or not."""
        async with self._database.read() as reader:
            row = await reader.one(_CARD, id=card_id)
        return _card(row) if row else None

    async def put_away(self, card_id: str) -> bool:
        """An operator has seen to it. False when somebody had."""

        async def put_away(tx: Transaction) -> bool:
            seen = await tx.one(_SEEN, id=card_id) is not None
            if seen:
                audit.note(tx, "mail.put_away", card_id)
            return seen

        return await self._database.write(put_away)


def _card(row: Row) -> SetAside:
    return SetAside(
        id=row["id"],
        mailbox=row["mailbox"],
        original=row["original"],
        size=row["size"],
        why=row["why"],
        created_at=moment(row["created_at"]),
    )
