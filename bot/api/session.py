"""Signing in and out, and who one is."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.api.access import Gate, TooManyTries
from bot.api.bodies import answer, object_of, refusal, text_in
from bot.store.records import Operator

EMAIL_LIMIT = 320  # characters; RFC 5321 allows no longer address
PASSWORD_LIMIT = 1000
PASSWORD_LEAST = 12  # characters; nothing is asked of them but to be many


def routes(gate: Gate) -> Sequence[BaseRoute]:
    async def login(request: Request) -> Response:
        gate.check_origin(request)
        if not request.headers.get("content-type", "").startswith("application/json"):
            # A form of another site could send anything else without being asked whether it may.
            raise refusal(415, "not_json", "send application/json")
        body = await object_of(request)
        email = text_in(body, "email", limit=EMAIL_LIMIT)
        password = text_in(body, "password", limit=PASSWORD_LIMIT)
        try:
            signed_in = await gate.sign_in(request, email, password)
        except TooManyTries as error:
            raise refusal(429, "too_many", "too many tries; wait a moment", retry_after=error.wait) from None
        if signed_in is None:
            raise refusal(401, "wrong_password", "this address and this password don't belong together")
        operator, token = signed_in
        response = answer(operator_json(operator) | {"csrf_token": gate.csrf(token)})
        gate.remember(response, operator, token)
        return response

    async def logout(request: Request) -> Response:
        who = await gate.who(request)
        if who is None or who.csrf is None:
            raise refusal(401, "not_signed_in", "nobody is signed in here")
        gate.check_csrf(request, who)
        await gate.sign_out(request)
        response = Response(status_code=204)
        gate.forget(response)
        return response

    async def me(request: Request) -> Response:
        who = await gate.admit(request)
        return answer(operator_json(who.operator) | {"csrf_token": who.csrf})

    async def change_password(request: Request) -> Response:
        who = await gate.admit(request, looking=True)
        body = await object_of(request)
        current = text_in(body, "current", limit=PASSWORD_LIMIT)
        new = text_in(body, "new", limit=PASSWORD_LIMIT)
        if len(new) < PASSWORD_LEAST:
            raise refusal(
                422, "too_short", "at least %(least)s characters", least=PASSWORD_LEAST, field="new"
            )
        if new == current:
            raise refusal(422, "the_same", "it is the one you have", field="new")
        try:
            changed = await gate.change_password(request, who, current=current, new=new)
        except TooManyTries as error:
            raise refusal(429, "too_many", "too many tries; wait a moment", retry_after=error.wait) from None
        if not changed:
            raise refusal(422, "wrong_password", "this is not your password", field="current")
        return Response(status_code=204)

    return [
        Route("/login", login, methods=["POST"]),
        Route("/logout", logout, methods=["POST"]),
        Route("/me", me),
        Route("/me/password", change_password, methods=["POST"]),
    ]


def operator_json(operator: Operator) -> dict[str, JsonValue]:
    return {"id": operator.id, "email": operator.email, "name": operator.name, "role": operator.role}
