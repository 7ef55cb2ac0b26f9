"""One-time codes: who reads what was sent to an address shows that it is theirs."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from bot.store import contacts
from bot.store.contacts import Taken
from bot.store.database import Database, Transaction, new_id
from bot.store.merging import Moved

_LASTS = 600  # seconds
_TRIES = 5  # of one code
_MOST = 3  # codes for a contact, and to an address, in an hour

_TO_CONTACT = """
    SELECT COUNT(*) AS count FROM codes WHERE contact_id = :contact_id AND created_at > {now} - 3600000000
"""
_TO_ADDRESS = """
    SELECT COUNT(*) AS count FROM codes
    WHERE channel = :channel AND address = :address AND created_at > {now} - 3600000000
"""
_ISSUE = """
    INSERT INTO codes (id, contact_id, channel, address, hash, created_at, expires_at)
    VALUES (:id, :contact_id, :channel, :address, :hash, {now}, {now} + :lasts)
"""
_ASKED_IN = """
    SELECT c.contact_id, m.channel, m.address FROM calls k JOIN messages m ON m.id = k.message_id
    JOIN conversations c ON c.id = k.conversation_id WHERE k.key = :key
"""
_NEWEST = """
    SELECT id, channel, address, hash, tries FROM codes
    WHERE contact_id = :contact_id AND used_at IS NULL AND expires_at > {now}
    ORDER BY created_at DESC LIMIT 1
"""
_TRY = "UPDATE codes SET tries = tries + 1 WHERE id = :id"
_USE = "UPDATE codes SET used_at = {now} WHERE id = :id"


class Codes:
    """Issued for a contact, who must know one again from the same place."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def issue(self, contact_id: str, *, channel: str, address: str) -> str | None:
        """A fresh code for this address; None when enough were sent within an hour."""
        code_id, code = new_id("cod"), f"{secrets.randbelow(1_000_000):06}"

        async def issue(tx: Transaction) -> str | None:
            to_contact = await tx.one(_TO_CONTACT, contact_id=contact_id)
            to_address = await tx.one(_TO_ADDRESS, channel=channel, address=address)
            if max(row["count"] if row else 0 for row in (to_contact, to_address)) >= _MOST:
                return None
            tx.later(
                _ISSUE,
                id=code_id,
                contact_id=contact_id,
                channel=channel,
                address=address,
                hash=_hash(code_id, code),
                lasts=_LASTS * 1_000_000,
            )
            return code

        return await self._database.write(issue)

    async def redeem(self, key: str, code: str, *, session: bool) -> tuple[str, str] | None:
        """The (contact, address) that the code shows to belong together, from now on; None when it does not.

        `key` is that of the call that was asked for where the code was written; with a `session` there, that
        place is vouched for as well.
        """

        async def redeem(tx: Transaction) -> tuple[str, str] | None:
            asked = await tx.one(_ASKED_IN, key=key)
            if asked is None:
                return None
            found = await tx.one(_NEWEST, contact_id=asked["contact_id"])
            if found is None or found["tries"] >= _TRIES:
                return None
            if not hmac.compare_digest(found["hash"], _hash(found["id"], code)):
                tx.later(_TRY, id=found["id"])
                return None
            tx.later(_USE, id=found["id"])
            contact_id = await contacts.prove(
                tx, asked["contact_id"], channel=found["channel"], address=found["address"]
            )
            if session:
                contacts.verify(tx, channel=asked["channel"], address=asked["address"])
            return contact_id, found["address"]

        while True:
            try:
                return await self._database.write(redeem)
            except (Taken, Moved):
                continue


def _hash(code_id: str, code: str) -> str:
    return hashlib.sha256(f"{code_id} {code}".encode()).hexdigest()
