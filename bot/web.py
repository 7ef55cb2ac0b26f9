"""The web app: the channels' routes, health, and one shape for every error: JSON, or a page for browsers."""

from __future__ import annotations

import base64
import hashlib
import logging
import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import orjson
from jinja2 import Environment, FileSystemLoader, select_autoescape
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.languages import N_, _, chosen, many, speak
from bot.store import StoreUnavailable

log = logging.getLogger("switchboard.web")

# Nothing of ours is inline and nothing comes from elsewhere; pages that need more say so themselves.
_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self'; script-src 'self'; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "strict-origin-when-cross-origin",
    "content-security-policy": _POLICY,
}
_CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
}

_TEMPLATES = Path(__file__).parent / "templates"
_STYLE = (_TEMPLATES / "error.css").read_text(encoding="utf-8")
_PAGES = Environment(
    loader=FileSystemLoader(_TEMPLATES), autoescape=select_autoescape(), extensions=["jinja2.ext.i18n"]
)
_PAGES.install_gettext_callables(_, many, newstyle=True)  # type: ignore[attr-defined]
_PAGE = _PAGES.get_template("error.html")
# A page that tells of trouble asks for nothing more: its style stands in it, and is allowed by its hash.
_PAGE_POLICY = (
    "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    + "'"
)
_TITLES = {
    403: N_("This is not yours to see"),
    404: N_("There is no such page"),
    429: N_("A little too fast"),
    500: N_("Something went wrong here"),
    503: N_("Back in a moment"),
}


def create_app(routes: Sequence[BaseRoute]) -> Starlette:
    """The ASGI app over everybody's routes."""
    return Starlette(
        routes=list(routes),
        middleware=[Middleware(_Envelope)],
        exception_handlers={HTTPException: _refused, StoreUnavailable: _unavailable, Exception: _broken},
    )


class _Envelope:
    """Gives every request an id and its reader's language, and every answer its safety headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = scope["request_id"] = secrets.token_hex(8)
        speak(chosen(Request(scope)))

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers["x-request-id"] = request_id
            await send(message)

        await self._app(scope, receive, send_with_headers)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    told: object = error.detail
    if not isinstance(told, dict):
        told = {"code": _CODES.get(error.status_code, "error"), "message": str(told)}
    headers = error.headers
    if error.status_code == 405:
        headers = {"Allow": ", ".join(sorted(_allowed(request.app.routes, _outside(request.scope))))}
    return _error(request, error.status_code, told, headers)


def _outside(scope: Scope) -> Scope:
    """A request as the whole app has it, whatever part of it answers."""
    return {**scope, "root_path": scope.get("app_root_path", scope.get("root_path", ""))}


def _allowed(routes: Iterable[BaseRoute], scope: Scope) -> set[str]:
    """What may be done at an address, all of its routes together (RFC 9110, 15.5.6)."""
    at: str | None = None
    methods: set[str] = set()
    for route in routes:
        match, inside = route.matches(scope)
        if match is Match.NONE:
            continue
        if isinstance(route, Mount):
            return _allowed(route.routes, {**scope, **inside})
        if isinstance(route, Route) and at in (None, route.path):
            at = route.path
            methods |= route.methods or set()
    return methods


async def _unavailable(request: Request, error: Exception) -> Response:
    log.warning("the store does not answer: %s", error, extra={"request": request.scope.get("request_id")})
    told = {"code": "unavailable", "message": _("this could not be kept just now; send it again in a moment")}
    return _error(request, 503, told, {"Retry-After": "2"})


async def _broken(request: Request, error: Exception) -> Response:
    request_id = request.scope.get("request_id")
    log.error("request failed", exc_info=error, extra={"request": request_id, "path": request.url.path})
    # This answer is made outside of the envelope.
    headers = _HEADERS | {"x-request-id": str(request_id)}
    told = {
        "code": "internal",
        "message": _("something went wrong here (%(number)s)") % {"number": request_id},
    }
    return _error(request, 500, told, headers)


def _error(
    request: Request, status: int, told: Mapping[str, object], headers: Mapping[str, str] | None
) -> Response:
    told_as = {"Cache-Control": "no-store", "Vary": "Accept, Accept-Language, Cookie"} | dict(headers or {})
    if "text/html" not in request.headers.get("accept", ""):
        return Response(
            orjson.dumps({"error": told}), status_code=status, media_type="application/json", headers=told_as
        )
    message = str(told["message"])
    page = _PAGE.render(
        status=status,
        title=_(_TITLES.get(status, N_("This cannot be done"))),
        message=_("The address may be mistyped, or what was here has moved.") if status == 404 else message,
        language=chosen(request),
        home="/dashboard" if request.url.path.startswith("/dashboard/") else "/",
        style=Markup(_STYLE),  # noqa: S704  our own file
    )
    return HTMLResponse(page, status, headers=told_as | {"content-security-policy": _PAGE_POLICY})
