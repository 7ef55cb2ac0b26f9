"""Contacts and the addresses they are known by."""

from __future__ import annotations

import orjson

from bot.store import merging
from bot.store.database import Database, Row, Transaction, new_id
from bot.store.merging import Moved
from bot.store.records import Identity

_FIND = """
    SELECT id, contact_id, channel, address, verified FROM identities
    WHERE channel = :channel AND address = :address
"""
_CREATE_CONTACT = """
    INSERT INTO contacts (id, name, last_event, created_at) VALUES (:id, :name, :last_event, {now})
"""
_CREATE_IDENTITY = """
    INSERT INTO identities (id, contact_id, channel, address, verified, created_at)
    VALUES (:id, :contact_id, :channel, :address, :verified, {now})
    ON CONFLICT (channel, address) DO NOTHING RETURNING id
"""
_VERIFY = "UPDATE identities SET verified = TRUE WHERE channel = :channel AND address = :address"
_OPEN_WINDOW = """
    UPDATE identities SET window_until = {now} + :window, window_opened_at = {now}
    WHERE channel = :channel AND address = :address
"""
# What a provider says of an attempt can come late: what the contact did since counts for more.
_CLOSE_WINDOW = """
    UPDATE identities SET window_until = {now} WHERE channel = :channel AND address = :address
        AND (window_opened_at IS NULL OR window_opened_at <= :tried_at)
"""
_OPT_OUT = """
    UPDATE identities SET opted_out_at = COALESCE(opted_out_at, {now})
    WHERE channel = :channel AND address = :address
"""
_OPTED_OUT = """
    UPDATE identities SET opted_out_at = COALESCE(opted_out_at, {now})
    WHERE channel = :channel AND address = :address AND (opted_in_at IS NULL OR opted_in_at <= :tried_at)
"""
_OPT_IN = """
    UPDATE identities SET opted_out_at = NULL, opted_in_at = {now}
    WHERE channel = :channel AND address = :address
"""


_VERIFIED = "SELECT id FROM identities WHERE contact_id = :contact_id AND verified LIMIT 1"
_MOVE = """
    UPDATE identities SET contact_id = :contact_id WHERE channel = :channel AND address = :address
"""
_KNOWN = "SELECT name, attributes FROM contacts WHERE id = :id"
_LEARN = "UPDATE contacts SET name = :name, attributes = :attributes WHERE id = :id"

USERS = "web-user"  # the channel of identities that a signed token vouches for


class Taken(Exception):  # noqa: N818
    """Somebody else made this identity a moment ago: roll back and look again."""


def identity(row: Row) -> Identity:
    """The identity of a row of `identities`."""
    return Identity(
        id=row["id"],
        contact_id=row["contact_id"],
        channel=row["channel"],
        address=row["address"],
        verified=bool(row["verified"]),
    )


async def create(
    tx: Transaction, *, channel: str, address: str, name: str, verified: bool, last_event: int = 0
) -> Identity:
    """A new contact with its first identity. Raises Taken when the address has one by now."""
    contact_id = new_id("con")
    tx.later(_CREATE_CONTACT, id=contact_id, name=name, last_event=last_event)
    made = await tx.one(
        _CREATE_IDENTITY,
        id=new_id("idn"),
        contact_id=contact_id,
        channel=channel,
        address=address,
        verified=verified,
    )
    if made is None:
        raise Taken
    return Identity(id=made["id"], contact_id=contact_id, channel=channel, address=address, verified=verified)


def verify(tx: Transaction, *, channel: str, address: str) -> None:
    """From now on somebody has vouched for this address."""
    tx.later(_VERIFY, channel=channel, address=address)


def open_window(tx: Transaction, *, channel: str, address: str, seconds: int) -> None:
    """Free text may be sent to this address for so long."""
    tx.later(_OPEN_WINDOW, channel=channel, address=address, window=seconds * 1_000_000)


def close_window(tx: Transaction, *, channel: str, address: str, tried_at: int) -> None:
    """Free text could not be sent to this address then, nor can it now unless they wrote since."""
    tx.later(_CLOSE_WINDOW, channel=channel, address=address, tried_at=tried_at)


def opt_out(tx: Transaction, *, channel: str, address: str) -> None:
    """Nothing may be sent to this address."""
    tx.later(_OPT_OUT, channel=channel, address=address)


def opted_out(tx: Transaction, *, channel: str, address: str, tried_at: int) -> None:
    """Nothing could be sent to this address then, nor may it now unless they asked for more since."""
    tx.later(_OPTED_OUT, channel=channel, address=address, tried_at=tried_at)


def opt_in(tx: Transaction, *, channel: str, address: str) -> None:
    """This address may be written to again."""
    tx.later(_OPT_IN, channel=channel, address=address)


async def prove(tx: Transaction, contact_id: str, *, channel: str, address: str) -> str:
    """The contact has shown that an address is theirs; their contact's id, which is the address's when nobody
    had vouched for anything of theirs. Raises Taken or Moved."""
    known = await tx.one(_FIND, channel=channel, address=address)
    if known is None:
        made = await tx.one(
            _CREATE_IDENTITY,
            id=new_id("idn"),
            contact_id=contact_id,
            channel=channel,
            address=address,
            verified=True,
        )
        if made is None:
            raise Taken
        return contact_id
    if known["contact_id"] != contact_id:
        both = await merging.lock(tx, contact_id, known["contact_id"])
        if await tx.one(_VERIFIED, contact_id=contact_id) is None:
            await merging.merge(tx, both, decided_by="one-time code")
            contact_id = known["contact_id"]
        else:  # somebody else's until now, by name only or by another proof
            tx.later(_MOVE, contact_id=contact_id, channel=channel, address=address)
    verify(tx, channel=channel, address=address)
    return contact_id


class Contacts:
    """Who writes to us."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, channel: str, address: str) -> Identity | None:
        """The identity behind an address, if we have met it."""
        async with self._database.read() as reader:
            row = await reader.one(_FIND, channel=channel, address=address)
        return identity(row) if row else None

    async def welcome(
        self, channel: str, address: str, *, name: str = "", verified: bool = False
    ) -> Identity:
        """The identity behind an address; the first time, with a new contact."""
        while True:
            known = await self.find(channel, address)
            if known is not None and (known.verified or not verified):
                return known
            try:
                if known is None:
                    return await self._database.write(
                        lambda tx: create(tx, channel=channel, address=address, name=name, verified=verified)
                    )
                await self._database.change(_VERIFY, channel=channel, address=address)
            except Taken:
                continue

    async def vouch(
        self,
        contact_id: str,
        *,
        channel: str,
        address: str,
        subject: str,
        email: str = "",
        phone: str = "",
        name: str = "",
    ) -> str:
        """A signature says that whoever is at this address is the user `subject`; their contact's id.

        The first time, the user becomes this contact. A user we know takes over an unknown visitor's
        conversations with the visitor; of a visitor who was another user until now, only the address
        moves: what belongs to that user stays theirs.
        """
        user: Identity | None

        async def settle(tx: Transaction) -> str:
            settled = contact_id
            if user is None:
                settled = await self._name_user(tx, contact_id, channel, address, subject)
            elif user.contact_id != contact_id:
                await self._bring_together(tx, contact_id, user.contact_id, channel, address)
                settled = user.contact_id
            verify(tx, channel=channel, address=address)
            await self._learn(tx, settled, email=email, phone=phone, name=name)
            return settled

        while True:
            user = await self.find(USERS, subject)
            try:
                return await self._database.write(settle)
            except Taken:
                continue
            except Moved:
                here = await self.find(channel, address)
                contact_id = here.contact_id if here else contact_id

    async def undo_merge(self, merge_id: str) -> bool:
        """Make two people of one again. False when that merge is undone already."""
        return await self._database.write(lambda tx: merging.undo(tx, merge_id))

    async def _name_user(
        self, tx: Transaction, contact_id: str, channel: str, address: str, subject: str
    ) -> str:
        """The contact of a user we meet for the first time."""
        if await tx.one(_VERIFIED, contact_id=contact_id) is not None:
            made = await create(tx, channel=USERS, address=subject, name="", verified=True)
            tx.later(_MOVE, contact_id=made.contact_id, channel=channel, address=address)
            return made.contact_id
        made_id = await tx.one(
            _CREATE_IDENTITY,
            id=new_id("idn"),
            contact_id=contact_id,
            channel=USERS,
            address=subject,
            verified=True,
        )
        if made_id is None:
            raise Taken
        return contact_id

    async def _bring_together(
        self, tx: Transaction, contact_id: str, user_id: str, channel: str, address: str
    ) -> None:
        both = await merging.lock(tx, contact_id, user_id)
        if await tx.one(_VERIFIED, contact_id=contact_id) is None:
            await merging.merge(tx, both, decided_by="signed identity")
        else:
            tx.later(_MOVE, contact_id=user_id, channel=channel, address=address)

    async def _learn(self, tx: Transaction, contact_id: str, *, email: str, phone: str, name: str) -> None:
        known = await tx.one(_KNOWN, id=contact_id)
        assert known is not None
        told = {key: value for key, value in (("email", email), ("phone", phone)) if value}
        attributes = orjson.loads(known["attributes"])
        if attributes | told != attributes or (name and name != known["name"]):
            tx.later(
                _LEARN,
                id=contact_id,
                name=name or known["name"],
                attributes=orjson.dumps(attributes | told).decode(),
            )
