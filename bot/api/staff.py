"""Operators and the tokens of programs: who they are, what they may do, letting them in."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast, get_args

from pwdlib import PasswordHash
from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.api.access import Gate
from bot.api.bodies import answer, not_found, object_of, path_id, query, refusal, text_in
from bot.api.session import EMAIL_LIMIT, operator_json
from bot.operators import OperatorDesk
from bot.store import Store
from bot.store.operators import AlreadyThere
from bot.store.records import Operator, Role, TokenRecord

NAME_LIMIT = 100  # characters


class Staff:
    """`/api/operators` and `/api/tokens`; what changes them is for administrators."""

    def __init__(self, *, store: Store, desk: OperatorDesk, gate: Gate) -> None:
        self._store = store
        self._desk = desk
        self._gate = gate

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/operators", self._operators),
            Route("/operators", self._add, methods=["POST"]),
            Route("/operators/{id}", self._change, methods=["POST"]),
            Route("/operators/{id}/password", self._reset, methods=["POST"]),
            Route("/operators/{id}/deactivate", self._deactivate, methods=["POST"]),
            Route("/operators/{id}/activate", self._activate, methods=["POST"]),
            Route("/tokens", self._tokens),
            Route("/tokens", self._create, methods=["POST"]),
            Route("/tokens/{id}", self._revoke, methods=["DELETE"]),
        ]

    async def _operators(self, request: Request) -> Response:
        await self._gate.admit(request)
        active = query(request, ("active",)).get("active", "true")
        if active not in ("true", "false"):
            raise refusal(422, "invalid", "true, or false for those who have left", field="active")
        every = await self._store.operators.every()
        return answer(
            {"operators": [staff_json(each) for each in every if each.active == (active == "true")]}
        )

    async def _add(self, request: Request) -> Response:
        await self._gate.administrator(request)
        body = await object_of(request)
        email = text_in(body, "email", limit=EMAIL_LIMIT).strip()
        local, _, domain = email.rpartition("@")
        if not local or not domain or any(each.isspace() for each in email):
            raise refusal(422, "invalid", "a mail address", field="email")
        name = _name(body) if "name" in body else local[:NAME_LIMIT]
        password = secrets.token_urlsafe(12)
        try:
            added = await self._store.operators.add(email, name, await _hashed(password), _role(body))
        except AlreadyThere:
            raise refusal(409, "taken", "there is an operator with this address", field="email") from None
        return answer({"operator": staff_json(added), "password": password}, status=201)

    async def _change(self, request: Request) -> Response:
        await self._gate.administrator(request)
        operator = await self._store.operators.get(path_id(request, "operator"))
        if operator is None:
            raise not_found("operator")
        body = await object_of(request)
        role = _role(body) if "role" in body else None
        if "name" in body:
            await self._store.operators.rename(operator.email, _name(body))
        if role is not None and not await self._store.operators.set_role(operator.id, role):
            raise refusal(409, "last", "somebody must stay administrator", field="role")
        changed = await self._store.operators.get(operator.id)
        if changed is None:
            raise not_found("operator")
        return answer({"operator": staff_json(changed)})

    async def _reset(self, request: Request) -> Response:
        await self._gate.administrator(request)
        operator = await self._store.operators.get(path_id(request, "operator"))
        if operator is None:
            raise not_found("operator")
        password = secrets.token_urlsafe(12)
        await self._store.operators.set_password(operator.email, await _hashed(password))
        return answer({"operator": staff_json(operator), "password": password})

    async def _deactivate(self, request: Request) -> Response:
        who = await self._gate.administrator(request)
        operator = await self._store.operators.get(path_id(request, "operator"))
        if operator is None:
            raise not_found("operator")
        if operator.id == who.operator.id:
            raise refusal(409, "yourself", "another administrator can do this to you")
        returned = await self._desk.deactivate(operator)
        if returned is None:
            raise refusal(409, "last", "somebody must stay administrator")
        return answer({"operator": staff_json(replace(operator, active=False)), "returned": returned})

    async def _activate(self, request: Request) -> Response:
        await self._gate.administrator(request)
        operator = await self._store.operators.get(path_id(request, "operator"))
        if operator is None:
            raise not_found("operator")
        await self._store.operators.activate(operator.id)
        return answer({"operator": staff_json(replace(operator, active=True))})

    async def _tokens(self, request: Request) -> Response:
        await self._gate.administrator(request)
        query(request, ())
        return answer({"tokens": [token_json(each) for each in await self._store.operators.tokens()]})

    async def _create(self, request: Request) -> Response:
        who = await self._gate.administrator(request)
        name = text_in(await object_of(request), "name", limit=NAME_LIMIT).strip()
        secret = f"swb_{secrets.token_urlsafe(32)}"
        hashed = hashlib.sha256(secret.encode()).hexdigest()
        made = await self._store.operators.create_token(name, hashed, made_by=who.operator.id)
        return answer({"id": made.id, "name": made.name, "token": secret}, status=201)

    async def _revoke(self, request: Request) -> Response:
        await self._gate.administrator(request)
        if not await self._store.operators.revoke_token(path_id(request, "token")):
            raise not_found("token")
        return Response(status_code=204)


def _name(body: dict[str, Any]) -> str:
    """A name on one line: it goes into mails' headers and into logs."""
    return " ".join(text_in(body, "name", limit=NAME_LIMIT).split())


def _role(body: dict[str, Any]) -> Role:
    role = body.get("role", "operator")
    if role not in get_args(Role):
        raise refusal(422, "invalid", "one of %(choices)s", choices=", ".join(get_args(Role)), field="role")
    return cast("Role", role)


async def _hashed(password: str) -> str:
    return await asyncio.to_thread(PasswordHash.recommended().hash, password)


def staff_json(operator: Operator) -> dict[str, JsonValue]:
    """An operator, and whether they are one still."""
    return operator_json(operator) | {"active": operator.active}


def token_json(token: TokenRecord) -> dict[str, Any]:
    """A token; its secret was shown once."""
    return {
        "id": token.id,
        "name": token.name,
        "operator": token.operator,
        "created_at": token.created_at.isoformat(),
        "last_used_at": token.last_used_at.isoformat() if token.last_used_at else None,
    }
