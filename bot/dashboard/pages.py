"""What every page of the dashboard shares: how it is drawn, who may see it, in which language."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from bot.api.access import Gate, SignedIn
from bot.api.bodies import body_of, refusal
from bot.dashboard import words, zones
from bot.languages import N_, _, chosen, many
from bot.store import Store

HOME = "/dashboard/conversations"
# The rooms of the navigation, in its order: the path under /dashboard, and the name.
ROOMS: Mapping[str, str] = {
    "conversations": N_("Conversations"),
    "approvals": N_("Approvals"),
    "contacts": N_("Contacts"),
    "knowledge": N_("Knowledge"),
    "analytics": N_("Analytics"),
    "settings": N_("Settings"),
}


class Pages:
    """Draws templates for whoever asks; whoever is not signed in is asked to."""

    def __init__(self, gate: Gate, store: Store) -> None:
        self.gate = gate
        self._store = store
        self._templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        self._templates.install_gettext_callables(_, many, newstyle=True)  # type: ignore[attr-defined]
        self._templates.globals.update(words=words, rooms=ROOMS)
        self._templates.filters["pretty"] = _pretty

    async def reader(self, request: Request, *, writes: bool = False) -> SignedIn | Response:
        """Who asks for a page, or where they are sent instead.

        With `writes` the request is a form of ours and changes something: it must carry its `csrf` and come
        from somebody who may. Refuses with 403.
        """
        who = await self.gate.who(request)
        if who is None:
            return to_sign_in(request)
        if writes:
            self.gate.check_csrf(request, who, given=(await form(request)).get("csrf", ""))
            if not who.may_write:
                return self.show(request, "missing.html", who=who, status=403, allowed=False)
        request.state.counts = {
            "approvals": await self._store.approvals.waiting(),
            "settings": await self._store.undelivered.count(),
        }
        return who

    def show(self, request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
        """A page in the reader's language."""
        code = chosen(request)
        zones.read_by(request)
        here = request.url.path.removeprefix("/dashboard/").partition("/")[0]
        counts = getattr(request.state, "counts", {})  # of what waits in each room
        html = self._templates.get_template(template).render(
            language=code, zone=zones.given(request), here=here, counts=counts, **values
        )
        return HTMLResponse(
            html, status_code=status, headers={"Cache-Control": "no-store", "Content-Language": code}
        )

    def missing(self, request: Request, who: SignedIn) -> Response:
        """There is no such page, or not for them."""
        return self.show(request, "missing.html", status=404, who=who, allowed=True)


def to_sign_in(request: Request) -> Response:
    """Sign in first, then come back here."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/dashboard/sign-in?next={quote(wanted)}", 303)


async def form(request: Request) -> Mapping[str, str]:
    """The fields of a form, the last of each name."""
    if not hasattr(request.state, "form"):  # a body can be read once
        try:
            fields = parse_qs((await body_of(request)).decode(errors="replace"), max_num_fields=50)
        except ValueError:
            raise refusal(400, "too_many_fields", "at most 50 fields") from None
        request.state.form = {name: values[-1] for name, values in fields.items()}
    return cast("Mapping[str, str]", request.state.form)


def path_part(request: Request, name: str) -> str:
    """A part of the path, fit for the database."""
    return str(request.path_params[name]).replace("\x00", "")


def _pretty(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
