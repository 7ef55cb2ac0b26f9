"""By which channels a contact can be answered: to no address that somebody has only claimed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from bot.store.database import Database, Reader, Row, Transaction, moment

# Where they wrote by a channel in this conversation comes first, then what they were last met by.
_ADDRESSES = """
    SELECT i.channel, i.address, i.verified, i.opted_out_at, i.window_until, i.created_at,
        (SELECT MAX(m.seq) FROM messages m WHERE m.conversation_id = c.id AND m.direction = 'in'
            AND m.channel = i.channel AND m.address = i.address) AS wrote
    FROM conversations c JOIN identities i ON i.contact_id = c.contact_id
    WHERE c.id = :conversation_id ORDER BY i.created_at DESC LIMIT 100
"""
_NEWEST = """
    SELECT channel, address FROM messages
    WHERE conversation_id = :conversation_id AND direction = 'in' ORDER BY seq DESC LIMIT 1
"""
_ANSWERED = """
    SELECT id, subject FROM messages WHERE conversation_id = :conversation_id AND seq = :seq
"""
_SUBJECT = "SELECT subject FROM conversations WHERE id = :conversation_id"


Barred = Literal["opted_out", "unverified"]


class NoWay(Exception):  # noqa: N818
    """No address of theirs is known on this channel that is surely theirs and may be written to."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """A channel by which the contact of a conversation can be answered, and where that leads.

    `usual`: they wrote by it last. `window_until` is when free text may no longer be sent. `barred` says why
    nothing may be sent there: they asked for that, or have only claimed the address.
    """

    channel: str
    address: str
    usual: bool
    window_until: datetime | None
    barred: Barred | None


class Ways:
    """Reads how the contact of a conversation can be reached."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, conversation_id: str, *, reading: Collection[str]) -> Sequence[Way]:
        """One for each channel, the usual one first, the barred ones last. `reading` are channels whose
        addresses are secrets that only their holders have from us: they read our store whether or not
        anybody vouched for them.
        """
        async with self._database.read() as reader:
            newest = await reader.one(_NEWEST, conversation_id=conversation_id)
            rows = await _addresses(reader, conversation_id)
        found: dict[str, Way] = {}
        if newest is not None:
            where = (newest["channel"], newest["address"])
            known = next((row for row in rows if (row["channel"], row["address"]) == where), None)
            out = known is not None and known["opted_out_at"] is not None
            window = known["window_until"] if known is not None else None
            found[newest["channel"]] = _way(newest, window, "opted_out" if out else None, usual=True)
        for row in sorted(rows, key=lambda each: _barred(each, reading) is not None):
            way = _way(row, row["window_until"], _barred(row, reading), usual=False)
            found.setdefault(row["channel"], way)
        return list(found.values())


async def towards(
    tx: Transaction, conversation_id: str, channel: str, *, reading: Collection[str]
) -> dict[str, Any]:
    """What an answer by another channel than the usual one answers, and its `address`. Raises NoWay."""
    rows = await _addresses(tx, conversation_id)
    found = next((row for row in rows if row["channel"] == channel and not _barred(row, reading)), None)
    if found is None:
        raise NoWay(channel)
    answered = None
    if found["wrote"] is not None:
        answered = await tx.one(_ANSWERED, conversation_id=conversation_id, seq=found["wrote"])
    subject = answered or await tx.one(_SUBJECT, conversation_id=conversation_id)
    return {
        "id": answered["id"] if answered else None,
        "channel": channel,
        "address": found["address"],
        "subject": subject["subject"] if subject else "",
    }


async def _addresses(reader: Reader | Transaction, conversation_id: str) -> Sequence[Row]:
    """The contact's addresses, the best of each channel before the others."""
    rows = await reader.all(_ADDRESSES, conversation_id=conversation_id)
    return sorted(rows, key=lambda row: (row["wrote"] or 0, row["created_at"]), reverse=True)


def _barred(row: Row, reading: Collection[str]) -> Barred | None:
    """Why nothing may be sent to an address, if so."""
    if row["opted_out_at"] is not None:
        return "opted_out"
    return None if row["verified"] or row["channel"] in reading else "unverified"


def _way(row: Row, window_until: int | None, barred: Barred | None, *, usual: bool) -> Way:
    return Way(
        channel=row["channel"],
        address=row["address"],
        usual=usual,
        window_until=moment(window_until) if window_until is not None else None,
        barred=barred,
    )
