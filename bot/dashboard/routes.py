"""The dashboard's pages. They act through the JSON API, and show what it shows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from bot.api.access import Gate, SignedIn, TooManyTries
from bot.api.bodies import body_of
from bot.api.session import EMAIL_LIMIT, PASSWORD_LIMIT
from bot.dashboard import words
from bot.dashboard.originals import Originals, framed
from bot.dashboard.why import explain
from bot.store import Store
from bot.store.inbox import BadPage
from bot.store.records import ConversationStatus, InboxEntry

_HERE = Path(__file__).parent
_HOME = "/dashboard/conversations"
_PAGE = 40  # conversations in a list, messages in a thread
_REACH = 200  # messages among which a turn's answer is looked for

TABS: Mapping[str, tuple[str, ConversationStatus | None]] = {
    "waiting": ("Waiting", "waiting"),
    "bot": ("With the bot", "bot"),
    "human": ("Human", "human"),
    "all": ("All", None),
}


class Dashboard:
    """Server-rendered pages; whoever is not signed in is asked to."""

    def __init__(self, *, store: Store, gate: Gate, originals: Originals) -> None:
        self._store = store
        self._gate = gate
        self._originals = originals
        self._templates = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals.update(words=words, tabs=TABS)
        self._templates.filters["pretty"] = _pretty

    def routes(self) -> Sequence[BaseRoute]:
        """Everything under `/dashboard`."""
        return [
            Route("/dashboard", self._home),
            Mount(
                "/dashboard",
                routes=[
                    Route("/", self._home),
                    Route("/sign-in", self._sign_in, methods=["GET", "POST"]),
                    Route("/sign-out", self._sign_out, methods=["POST"]),
                    Route("/conversations", self._list),
                    Route("/conversations/{id}", self._conversation),
                    Route("/conversations/{id}/messages/{message}", self._original),
                    Route("/conversations/{id}/messages/{message}/page", self._framed),
                    Route("/turns/{id}", self._turn),
                    Route("/set-aside/{id}", self._put_away, methods=["POST"]),
                    Mount("/static", _Static(directory=_HERE / "static")),
                ],
            ),
        ]

    # in and out -----------------------------------------------------------------------------------------

    async def _home(self, _: Request) -> Response:
        return RedirectResponse(_HOME, 303)

    async def _sign_in(self, request: Request) -> Response:
        target = _inside(request.query_params.get("next", ""))
        if request.method == "GET":
            if await self._gate.who(request):
                return RedirectResponse(target, 303)
            return self._page("sign_in.html", email="", problem="")
        self._gate.check_origin(request)
        form = await _form(request)
        email, password = form.get("email", "")[:EMAIL_LIMIT], form.get("password", "")[:PASSWORD_LIMIT]
        try:
            signed_in = await self._gate.sign_in(request, email, password)
        except TooManyTries as error:
            problem = f"Too many tries. Wait {_wait(error.wait)} and try again."
            return self._page("sign_in.html", status=429, email=email, problem=problem)
        if signed_in is None:
            problem = "This address and this password don’t belong together."
            return self._page("sign_in.html", status=401, email=email, problem=problem)
        response = RedirectResponse(target, 303)
        self._gate.remember(response, *signed_in)
        return response

    async def _sign_out(self, request: Request) -> Response:
        who = await self._gate.who(request)
        response = RedirectResponse("/dashboard/sign-in", 303)
        if who is not None:
            self._gate.check_csrf(request, who, given=(await _form(request)).get("csrf", ""))
            await self._gate.sign_out(request)
            self._gate.forget(response)
        return response

    # conversations --------------------------------------------------------------------------------------

    async def _list(self, request: Request) -> Response:
        who = await self._gate.who(request)
        if who is None:
            return _to_sign_in(request)
        return self._page("conversations.html", who=who, **await self._listed(request))

    async def _conversation(self, request: Request) -> Response:
        who = await self._gate.who(request)
        if who is None:
            return _to_sign_in(request)
        before = request.query_params.get("before", "")
        thread = await self._store.inbox.thread(
            str(request.path_params["id"]).replace("\x00", ""),
            before=int(before) if before.isascii() and before.isdigit() and len(before) < 16 else None,
            limit=_PAGE,
        )
        if thread is None:
            return self._missing(who)
        drafts = [turn for turn in thread.attempts if turn.draft] if not before else []
        return self._page(
            "conversation.html",
            who=who,
            thread=thread,
            drafts=drafts,
            **await self._listed(request, thread.entry),
        )

    async def _turn(self, request: Request) -> Response:
        who = await self._gate.who(request)
        if who is None:
            return _to_sign_in(request)
        turn = await self._store.turns.get(str(request.path_params["id"]).replace("\x00", ""))
        if turn is None:
            return self._missing(who)
        began = turn.started_at
        ends = [(step.started_at - began).total_seconds() + step.seconds for step in turn.steps]
        thread = await self._store.inbox.thread(turn.conversation_id, limit=_REACH)
        said = [each for each in thread.messages if each.turn_id == turn.id] if thread else []
        why = explain(turn, [citation for each in said for citation in each.citations])
        return self._page("turn.html", turn=turn, why=why, length=max([0.001, *ends]))

    async def _original(self, request: Request) -> Response:
        """The whole of a mail, the head of it here and the rest in a frame."""
        who = await self._gate.who(request)
        if who is None:
            return _to_sign_in(request)
        conversation_id, message_id = _names(request)
        if await self._store.inbox.original(conversation_id, message_id) is None:
            return self._missing(who)
        pictures = request.query_params.get("pictures") == "1"
        return self._page(
            "original.html",
            original=await self._originals.read(conversation_id, message_id, pictures=False),
            pictures=pictures,
            at=f"/dashboard/conversations/{conversation_id}/messages/{message_id}",
            download=f"/api/conversations/{conversation_id}/messages/{message_id}/original",
        )

    async def _framed(self, request: Request) -> Response:
        """What a mail says, for the frame."""
        who = await self._gate.who(request)
        if who is None:
            return _to_sign_in(request)
        pictures = request.query_params.get("pictures") == "1"
        original = await self._originals.read(*_names(request), pictures=pictures)
        return framed(original, pictures=pictures) if original else self._missing(who)

    async def _put_away(self, request: Request) -> Response:
        """Somebody has seen to a mail that could not be read."""
        who = await self._gate.who(request)
        if who is None:
            return _to_sign_in(request)
        self._gate.check_csrf(request, who, given=(await _form(request)).get("csrf", ""))
        if who.may_write:
            await self._store.mailboxes.put_away(str(request.path_params["id"]).replace("\x00", ""))
        return RedirectResponse(_HOME, 303)

    async def _listed(self, request: Request, opened: InboxEntry | None = None) -> Mapping[str, Any]:
        """What the list beside every conversation needs.

        The one that is open stays in it when what an operator does moves it elsewhere.
        """
        tab = request.query_params.get("tab", "")
        waiting = await self._store.inbox.count("waiting")
        if tab not in TABS:
            tab = "waiting" if waiting else "all"
        try:
            entries, more = await self._store.inbox.page(
                TABS[tab][1], before=request.query_params.get("page", ""), limit=_PAGE
            )
        except BadPage:
            entries, more = await self._store.inbox.page(TABS[tab][1], limit=_PAGE)
        entries = [each if each.preview else await self._with_files(each) for each in entries]
        moved = opened is not None and TABS[tab][1] not in (None, opened.status)
        if moved and opened is not None:
            entries = [opened, *(each for each in entries if each.id != opened.id)]
        cards = await self._store.mailboxes.cards()
        return {
            "tab": tab,
            "entries": entries,
            "more": more,
            "waiting": waiting,
            "moved": moved,
            "set_aside": cards,
        }

    async def _with_files(self, entry: InboxEntry) -> InboxEntry:
        """A conversation whose newest message has no words, previewed by what it brought."""
        thread = await self._store.inbox.thread(entry.id, limit=5)
        for message in reversed(thread.messages if thread else ()):
            if message.attachments and not message.private:
                return replace(entry, preview=words.files(message))
        return entry

    # ----------------------------------------------------------------------------------------------------

    def _missing(self, who: SignedIn) -> Response:
        return self._page("missing.html", status=404, who=who)

    def _page(self, template: str, *, status: int = 200, **values: Any) -> Response:
        html = self._templates.get_template(template).render(**values)
        return HTMLResponse(html, status_code=status, headers={"Cache-Control": "no-store"})


class _Static(StaticFiles):
    """Files the browser keeps and asks about: an update is seen at once."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers.setdefault("cache-control", "no-cache")
        return response

    async def get_response(self, path: str, scope: Any) -> Response:
        if path.startswith("."):
            raise HTTPException(404)
        return await super().get_response(path, scope)


def _names(request: Request) -> tuple[str, str]:
    """Which conversation and which message of it."""
    given = request.path_params
    return str(given["id"]).replace("\x00", ""), str(given["message"]).replace("\x00", "")


async def _form(request: Request) -> Mapping[str, str]:
    fields = parse_qs((await body_of(request)).decode(errors="replace"), max_num_fields=20)
    return {name: values[-1] for name, values in fields.items()}


def _inside(target: str) -> str:
    """Where to go after signing in: a page of the dashboard, nowhere else."""
    return target if target.startswith("/dashboard/") and "\\" not in target else _HOME


def _to_sign_in(request: Request) -> Response:
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/dashboard/sign-in?next={quote(wanted)}", 303)


def _wait(seconds: float) -> str:
    return f"{max(1, round(seconds))} seconds" if seconds < 90 else f"{round(seconds / 60)} minutes"


def _pretty(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
