"""Signing in and out."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from bot.api.access import TooManyTries
from bot.api.session import EMAIL_LIMIT, PASSWORD_LIMIT
from bot.dashboard.pages import HOME, Pages, form
from bot.languages import N_

_DONT_MATCH = N_("This address and this password don’t belong together.")


class Entrance:
    """`/dashboard/sign-in` and `/dashboard/sign-out`."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._gate = pages.gate

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/sign-in", self._sign_in, methods=["GET", "POST"]),
            Route("/sign-out", self._sign_out, methods=["POST"]),
        ]

    async def _sign_in(self, request: Request) -> Response:
        target = _inside(request.query_params.get("next", ""))
        if request.method == "GET":
            if await self._gate.who(request):
                return RedirectResponse(target, 303)
            return self._pages.show(request, "sign_in.html", email="", problem="", wait=0.0)
        self._gate.check_origin(request)
        given = await form(request)
        email, password = given.get("email", "")[:EMAIL_LIMIT], given.get("password", "")[:PASSWORD_LIMIT]
        try:
            signed_in = await self._gate.sign_in(request, email, password)
        except TooManyTries as error:
            return self._refused(request, 429, email, problem="", wait=error.wait)
        if signed_in is None:
            return self._refused(request, 401, email, problem=_DONT_MATCH)
        response = RedirectResponse(target, 303)
        self._gate.remember(response, *signed_in)
        return response

    def _refused(
        self, request: Request, status: int, email: str, *, problem: str, wait: float = 0.0
    ) -> Response:
        return self._pages.show(
            request, "sign_in.html", status=status, email=email, problem=problem, wait=wait
        )

    async def _sign_out(self, request: Request) -> Response:
        who = await self._gate.who(request)
        response = RedirectResponse("/dashboard/sign-in", 303)
        if who is not None:
            self._gate.check_csrf(request, who, given=(await form(request)).get("csrf", ""))
            await self._gate.sign_out(request)
            self._gate.forget(response)
        return response


def _inside(target: str) -> str:
    """Where to go after signing in: a page of the dashboard, nowhere else."""
    return target if target.startswith("/dashboard/") and "\\" not in target else HOME
