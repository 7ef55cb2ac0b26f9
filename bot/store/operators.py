"""Operators and the tokens of programs that act as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.store import audit
from bot.store.database import Database, Row, Transaction, moment, new_id
from bot.store.records import ApiToken, Holding, Operator, Role, TokenRecord

_COLUMNS = "id, email, name, password_hash, role, created_at, deactivated_at"
_ADD = f"""
    INSERT INTO operators (id, email, name, password_hash, role, created_at)
    VALUES (:id, :email, :name, :password_hash, :role, {{now}})
    ON CONFLICT (email) DO NOTHING RETURNING {_COLUMNS}
"""  # noqa: S608
_BY_EMAIL = f"SELECT {_COLUMNS} FROM operators WHERE email = :email"  # noqa: S608
_BY_ID = f"SELECT {_COLUMNS} FROM operators WHERE id = :id"  # noqa: S608
_EVERY = f"SELECT {_COLUMNS} FROM operators ORDER BY name, email"  # noqa: S608
_ACTIVE = f"SELECT {_COLUMNS} FROM operators WHERE deactivated_at IS NULL ORDER BY name, email"  # noqa: S608
_RENAME = "UPDATE operators SET name = :name WHERE email = :email RETURNING id"
_REHASH = "UPDATE operators SET password_hash = :password_hash WHERE email = :email RETURNING id"
_REPLACE = """
    UPDATE operators SET password_hash = :password_hash
    WHERE id = :id AND password_hash = :before RETURNING id
"""
_END_OTHERS = "DELETE FROM operator_sessions WHERE operator_id = :id AND token_hash <> :kept"
_END_SESSIONS = "DELETE FROM operator_sessions WHERE operator_id = :id"
_COUNT = "SELECT COUNT(*) AS count FROM operators"
_ADD_KEY = """
    INSERT INTO api_tokens (id, name, token_hash, operator_id, made_by, created_at)
    VALUES (:id, :name, :token_hash, :operator_id, :made_by, {now})
    RETURNING id, name, operator_id, created_at
"""
_FIND_KEY = """
    SELECT id, name, operator_id, created_at, last_used_at, {now} AS now FROM api_tokens t
    WHERE token_hash = :token_hash AND revoked_at IS NULL AND NOT EXISTS (SELECT 1 FROM operators o
        WHERE o.id IN (t.operator_id, t.made_by) AND o.deactivated_at IS NOT NULL)
"""
_USED = "UPDATE api_tokens SET last_used_at = {now} WHERE id = :id"
_REVOKE = """
    UPDATE api_tokens SET revoked_at = {now} WHERE id = :id AND revoked_at IS NULL RETURNING id, name
"""
# Their rows stay locked to the commit: who changes a role waits for whoever does.
_HOLD_ADMINS = "UPDATE operators SET role = role WHERE role = 'admin' RETURNING id"
# Somebody must be able to let others in.
_DISPENSABLE = """
    (role <> 'admin' OR deactivated_at IS NOT NULL OR EXISTS (SELECT 1 FROM operators other
        WHERE other.role = 'admin' AND other.deactivated_at IS NULL AND other.id <> :id))
"""
_SET_ROLE = f"""
    UPDATE operators SET role = :role WHERE id = :id AND (:role = 'admin' OR {_DISPENSABLE}) RETURNING id
"""  # noqa: S608
_DEACTIVATE = f"""
    UPDATE operators SET deactivated_at = {{now}}
    WHERE id = :id AND deactivated_at IS NULL AND {_DISPENSABLE} RETURNING id
"""  # noqa: S608
_ACTIVATE = """
    UPDATE operators SET deactivated_at = NULL, seen_at = NULL WHERE id = :id AND deactivated_at IS NOT NULL
    RETURNING id
"""
_END_TOKENS = """
    UPDATE api_tokens SET revoked_at = {now} WHERE (made_by = :id OR operator_id = :id) AND revoked_at IS NULL
"""
_NO_MORE_HERE = "DELETE FROM presences WHERE operator_id = :id RETURNING conversation_id"
_HOLDINGS = """
    SELECT o.id, (SELECT COUNT(*) FROM conversations c
            WHERE c.assignee_id = o.id AND c.status IN ('human', 'waiting'))
        + (SELECT COUNT(*) FROM conversations c WHERE c.assignee_id = o.id AND c.snoozed_until IS NOT NULL)
        AS conversations, (SELECT COUNT(*) FROM api_tokens t
            WHERE (t.made_by = o.id OR t.operator_id = o.id) AND t.revoked_at IS NULL) AS tokens
    FROM operators o
"""
_TOKENS = """
    SELECT t.id, t.name, t.created_at, t.last_used_at, o.name AS operator FROM api_tokens t
    LEFT JOIN operators o ON o.id = t.operator_id WHERE t.revoked_at IS NULL ORDER BY t.created_at DESC
    LIMIT :limit
"""
_USE_WRITTEN_EVERY = 60_000_000  # microseconds: a program that asks all the time must not write all the time


class AlreadyThere(Exception):  # noqa: N818
    """There is an operator with this address already."""


class Operators:
    """People who answer, and their programs. Addresses are the same in any case."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, email: str, name: str, password_hash: str, role: Role = "operator") -> Operator:
        """A new operator. Raises AlreadyThere."""

        async def add(tx: Transaction) -> Operator:
            row = await tx.one(
                _ADD,
                id=new_id("op"),
                email=_address(email),
                name=name,
                password_hash=password_hash,
                role=role,
            )
            if row is None:
                raise AlreadyThere(email)
            audit.note(tx, "operator.add", row["id"], {"email": row["email"], "role": role})
            return operator(row)

        return await self._database.write(add)

    async def by_email(self, email: str) -> Operator | None:
        """The operator who signs in with this address."""
        async with self._database.read() as reader:
            row = await reader.one(_BY_EMAIL, email=_address(email))
        return operator(row) if row else None

    async def get(self, operator_id: str) -> Operator | None:
        """The operator with this id."""
        async with self._database.read() as reader:
            row = await reader.one(_BY_ID, id=operator_id)
        return operator(row) if row else None

    async def every(self) -> Sequence[Operator]:
        """Every operator there ever was, by name."""
        async with self._database.read() as reader:
            return [operator(row) for row in await reader.all(_EVERY)]

    async def active(self) -> Sequence[Operator]:
        """The operators of today, by name."""
        async with self._database.read() as reader:
            return [operator(row) for row in await reader.all(_ACTIVE)]

    async def rename(self, email: str, name: str) -> bool:
        """Customers see this name from now on. False when there is no such operator."""

        async def change(tx: Transaction) -> bool:
            before = await tx.one(_BY_EMAIL, email=_address(email))
            row = await tx.one(_RENAME, email=_address(email), name=name)
            if before is None or row is None:
                return False
            audit.note(tx, "operator.rename", row["id"], {"from": before["name"], "to": name})
            return True

        return await self._database.write(change)

    async def set_password(self, email: str, password_hash: str) -> bool:
        """The operator signs in with another password, everywhere anew. False when there is none such."""

        async def change(tx: Transaction) -> bool:
            row = await tx.one(_REHASH, email=_address(email), password_hash=password_hash)
            if row is not None:
                tx.later(_END_SESSIONS, id=row["id"])
                audit.note(tx, "operator.password", row["id"])
            return row is not None

        return await self._database.write(change)

    async def change_password(self, operator: Operator, password_hash: str, *, kept: str) -> bool:
        """The operator signs in with another password of their own choice; of their sessions, the one with
        the hash `kept` goes on. False when their password is another meanwhile."""

        async def change(tx: Transaction) -> bool:
            row = await tx.one(
                _REPLACE, id=operator.id, before=operator.password_hash, password_hash=password_hash
            )
            if row is not None:
                tx.later(_END_OTHERS, id=operator.id, kept=kept)
                audit.note(tx, "operator.own_password", operator.id)
            return row is not None

        return await self._database.write(change)

    async def set_role(self, operator_id: str, role: Role) -> bool:
        """What the operator may do from now on. False when nobody could let others in any more, or there is
        no such operator."""

        async def change(tx: Transaction) -> bool:
            # Two administrators who each take the other's role away at the same moment must not both do it.
            await tx.all(_HOLD_ADMINS)
            before = await tx.one(_BY_ID, id=operator_id)
            row = await tx.one(_SET_ROLE, id=operator_id, role=role)
            if before is None or row is None:
                return False
            if before["role"] != role:
                audit.note(tx, "operator.role", operator_id, {"from": before["role"], "to": role})
            return True

        return await self._database.write(change)

    async def deactivate(self, operator_id: str) -> Sequence[str] | None:
        """The operator has left: their sessions and tokens have ended, and what they did stays theirs.

        The conversations they were in just now; None when nobody could let others in any more. What is
        assigned to them, `people.let_go` gives back.
        """

        async def change(tx: Transaction) -> Sequence[str] | None:
            await tx.all(_HOLD_ADMINS)
            before = await tx.one(_BY_ID, id=operator_id)
            if before is None or before["deactivated_at"] is not None:
                return ()
            if await tx.one(_DEACTIVATE, id=operator_id) is None:
                return None
            tx.later(_END_SESSIONS, id=operator_id)
            tx.later(_END_TOKENS, id=operator_id)
            audit.note(tx, "operator.deactivate", operator_id)
            return [row["conversation_id"] for row in await tx.all(_NO_MORE_HERE, id=operator_id)]

        return await self._database.write(change)

    async def activate(self, operator_id: str) -> None:
        """An operator who left may sign in again, with the password they had."""

        async def change(tx: Transaction) -> None:
            if await tx.one(_ACTIVATE, id=operator_id) is not None:
                # What began in the moment they left begins no life of its own now.
                tx.later(_END_SESSIONS, id=operator_id)
                tx.later(_END_TOKENS, id=operator_id)
                audit.note(tx, "operator.activate", operator_id)

        await self._database.write(change)

    async def holdings(self) -> Mapping[str, Holding]:
        """What each operator has that others go on with, or that ends, when they leave; by their ids."""
        async with self._database.read() as reader:
            rows = await reader.all(_HOLDINGS)
        return {row["id"]: Holding(conversations=row["conversations"], tokens=row["tokens"]) for row in rows}

    async def tokens(self, limit: int = 200) -> Sequence[TokenRecord]:
        """Tokens that are good, the newest first."""
        async with self._database.read() as reader:
            rows = await reader.all(_TOKENS, limit=limit)
        return [
            TokenRecord(
                id=row["id"],
                name=row["name"],
                operator=row["operator"],
                created_at=moment(row["created_at"]),
                last_used_at=moment(row["last_used_at"]) if row["last_used_at"] is not None else None,
            )
            for row in rows
        ]

    async def count(self) -> int:
        """How many operators there are."""
        async with self._database.read() as reader:
            row = await reader.one(_COUNT)
        return int(row["count"]) if row else 0

    async def create_token(
        self, name: str, token_hash: str, operator_id: str | None = None, *, made_by: str | None = None
    ) -> ApiToken:
        """A token for a program, which acts as the operator or for itself, and ends when they or whoever made
        it leave; only its hash is kept."""

        async def create(tx: Transaction) -> ApiToken:
            row = await tx.one(
                _ADD_KEY,
                id=new_id("tok"),
                name=name,
                token_hash=token_hash,
                operator_id=operator_id,
                made_by=made_by,
            )
            assert row is not None
            audit.note(tx, "token.create", row["id"], {"name": name})
            return _token(row)

        return await self._database.write(create)

    async def find_token(self, token_hash: str) -> ApiToken | None:
        """The token with this hash unless it was revoked; its use is noted, about once a minute."""
        async with self._database.read() as reader:
            row = await reader.one(_FIND_KEY, token_hash=token_hash)
        if row is None:
            return None
        if row["last_used_at"] is None or row["now"] - row["last_used_at"] > _USE_WRITTEN_EVERY:
            await self._database.change(_USED, id=row["id"])
        return _token(row)

    async def revoke_token(self, token_id: str) -> bool:
        """Refuse a token from now on. False when there is none such."""

        async def revoke(tx: Transaction) -> bool:
            row = await tx.one(_REVOKE, id=token_id)
            if row is not None:
                audit.note(tx, "token.revoke", token_id, {"name": row["name"]})
            return row is not None

        return await self._database.write(revoke)


def _address(email: str) -> str:
    return email.strip().lower()


def operator(row: Row) -> Operator:
    """The operator of a row of `operators`."""
    return Operator(
        id=row["id"],
        email=row["email"],
        name=row["name"],
        password_hash=row["password_hash"],
        role=row["role"],
        created_at=moment(row["created_at"]),
        active=row["deactivated_at"] is None,
    )


def _token(row: Row) -> ApiToken:
    return ApiToken(
        id=row["id"],
        name=row["name"],
        operator_id=row["operator_id"],
        created_at=moment(row["created_at"]),
    )
