"""Operators' sessions: a browser holds a random token, we hold its hash."""

from __future__ import annotations

from bot.store import audit
from bot.store.database import Database, Transaction
from bot.store.operators import operator
from bot.store.records import Operator

_BEGIN = """
    INSERT INTO operator_sessions (token_hash, operator_id, created_at, expires_at)
    SELECT :token_hash, id, {now}, {now} + :lifetime FROM operators
    WHERE id = :operator_id AND deactivated_at IS NULL RETURNING token_hash
"""
_FORGET_EXPIRED = "DELETE FROM operator_sessions WHERE expires_at <= {now}"
_FIND = """
    SELECT o.id, o.email, o.name, o.password_hash, o.role, o.created_at, o.deactivated_at,
        s.expires_at - {now} AS remaining
    FROM operator_sessions s JOIN operators o ON o.id = s.operator_id
    WHERE s.token_hash = :token_hash AND s.expires_at > {now} AND o.deactivated_at IS NULL
"""
_EXTEND = "UPDATE operator_sessions SET expires_at = {now} + :lifetime WHERE token_hash = :token_hash"
_END = "DELETE FROM operator_sessions WHERE token_hash = :token_hash RETURNING operator_id"
_LIFETIME = 14 * 86_400_000_000  # microseconds without a sign of the operator
_EXTENDED_EVERY = 3_600_000_000  # microseconds: who works all day must not write all day


class Sessions:
    """Who is signed in, and until when."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, token_hash: str, operator_id: str) -> bool:
        """From now on this token is the operator; those that have run out are forgotten. False when they left
        a moment ago."""

        async def begin(tx: Transaction) -> bool:
            tx.later(_FORGET_EXPIRED)
            row = await tx.one(_BEGIN, token_hash=token_hash, operator_id=operator_id, lifetime=_LIFETIME)
            if row is not None:
                audit.note(tx, "session.begin", operator_id)
            return row is not None

        return await self._database.write(begin)

    async def find(self, token_hash: str) -> Operator | None:
        """The operator signed in with this token, whose session thereby lasts on."""
        async with self._database.read() as reader:
            row = await reader.one(_FIND, token_hash=token_hash)
        if row is None:
            return None
        if row["remaining"] < _LIFETIME - _EXTENDED_EVERY:
            await self._database.change(_EXTEND, token_hash=token_hash, lifetime=_LIFETIME)
        return operator(row)

    async def end(self, token_hash: str) -> None:
        """Sign out."""

        async def end(tx: Transaction) -> None:
            row = await tx.one(_END, token_hash=token_hash)
            if row is not None:
                audit.note(tx, "session.end", row["operator_id"])

        await self._database.write(end)
