"""The website: the widget's HTTP API, its event streams, the demo page ("HTTP, for visitors")."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import hashlib
import math
import re
from collections.abc import AsyncGenerator, Awaitable, Mapping, Sequence
from contextlib import AbstractContextManager, aclosing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, TypeVar

import orjson
from pydantic import JsonValue
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Receive, Scope, Send

from channels.base import Attachment, Channel, ChannelLimits, Inbox, OutboundMessage
from channels.throttle import AtOnce, Throttle

_T = TypeVar("_T")

TEXT_LIMIT = 8_000  # characters in one message
BODY_LIMIT = 64 * 1024  # bytes of JSON
FILE_LIMIT = 10 * 1024 * 1024  # bytes of one attachment
FILES_PER_MESSAGE = 10
_POLL = 25.0  # seconds a long poll waits for something to happen
_STUCK = 60.0  # seconds a reader may leave its stream unread
_STREAMS = 20  # a visitor's at a time: hidden tabs let theirs go, so no honest one has as many
# Indentation, comments that fill whole lines, types within them, line ends that mean nothing: a third of the
# widget, of use to its readers alone. So are most of its style's spaces.
_FOR_READERS = re.compile(
    rb"^(?:\s*(?:/\*\*(?:(?!\*/).)*\*/|//[^\n]*)\n)*\s*|/\*\* @type [^*\n]*\*/ | (?={\n)|(?<=[;{},])\n",
    re.DOTALL | re.MULTILINE,
)
_STYLE = re.compile(rb"(?<=^const STYLE = `).*?(?=^`;)", re.DOTALL | re.MULTILINE)
_SPACES = re.compile(rb"(?<=[{};:,])\s+|\s+(?=[{}])")
_LAST = 2**53 - 1  # the greatest seq that every JSON reader knows: who names none has seen all there is
_CLIENT_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")

# What visitors may send, and how such files begin; a file that is not what it says is refused.
FILE_TYPES: Mapping[str, re.Pattern[bytes]] = {
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
    "application/pdf": re.compile(rb"%PDF-"),
    "text/plain": re.compile(rb""),
    "text/csv": re.compile(rb""),
}


class NotAllowed(Exception):  # noqa: N818
    """The visitor may not do this; the message says why, for the page's author."""


class NotKnown(NotAllowed):
    """The visitor is nobody here, or nobody any more."""


@dataclass(frozen=True, kw_only=True)
class Session:
    token: str
    conversation_id: str
    status: str
    messages: Sequence[Mapping[str, JsonValue]]
    cursor: str
    settings: Mapping[str, JsonValue]


@dataclass(frozen=True, kw_only=True)
class Posted:
    message: Mapping[str, JsonValue]
    new: bool


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something to show. Only durable events have a cursor."""

    kind: str
    data: Mapping[str, JsonValue]
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Events that come together, perhaps none, and the cursor after them."""

    events: Sequence[Event]
    cursor: str


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A file in a request: its media type is what the bytes begin like, its name fit to be shown."""

    name: str
    media_type: str
    content: bytes


class Visitors(Protocol):
    """What the website needs of the bot; every method may raise NotAllowed."""

    def visitor(self, token: str) -> str: ...
    async def welcome(self, token: str | None, identity: str | None) -> Session: ...
    async def post(self, visitor: str, client_id: str, text: str, attachments: Sequence[str]) -> Posted: ...
    def follow(self, visitor: str, after: str | None) -> AsyncGenerator[Batch]: ...
    async def typing(self, visitor: str, active: bool) -> None: ...
    async def read(self, visitor: str, seq: int) -> None: ...
    async def rate(self, visitor: str, score: int, comment: str) -> None: ...
    async def ask_for_person(self, visitor: str) -> None: ...
    async def keep_file(
        self, visitor: str, name: str, media_type: str, content: bytes
    ) -> Mapping[str, JsonValue]: ...
    async def file(self, visitor: str, key: str) -> tuple[Attachment, Path] | None: ...


class Website(Channel):
    """The widget's side of the house. Visitors read our store, so a committed message is a sent one."""

    name = "web"
    limits = ChannelLimits(reads_store=True, media=tuple(FILE_TYPES))

    def __init__(self, *, visitors: Visitors, origins: Sequence[str], patience: float = _POLL) -> None:
        """`patience`: seconds a long poll waits for something to happen."""
        self._visitors = visitors
        self._patience = patience
        self._origins = tuple(origins)
        self._pages = Path(__file__).parent / "widget"
        self._by_visitor = Throttle(burst=120, per_second=10)  # anything, typing and repeats too
        self._kept = Throttle(burst=30, per_second=2)  # what a visitor leaves with us
        self._by_address = Throttle(burst=300, per_second=10)
        # Streams opened: all tabs come back together when a server restarts, and poll where streams are held
        # back, once for each event.
        self._opened = Throttle(burst=60, per_second=4)
        self._open = AtOnce(_STREAMS)

    async def send(self, message: OutboundMessage) -> str | None:
        return message.id

    def routes(self, inbox: Inbox) -> Sequence[BaseRoute]:  # noqa: ARG002
        cors = Middleware(
            CORSMiddleware,
            allow_origins=self._origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "Last-Event-ID"],
            expose_headers=["Retry-After"],
            max_age=600,
        )
        api = [
            Route("/session", self._session, methods=["POST"]),
            Route("/messages", self._messages, methods=["POST"]),
            Route("/events", self._events, methods=["GET"]),
            Route("/typing", self._typing, methods=["POST"]),
            Route("/read", self._read, methods=["POST"]),
            Route("/rating", self._rating, methods=["POST"]),
            Route("/handoff", self._handoff, methods=["POST"]),
            Route("/attachments", self._attach, methods=["POST"]),
            Route("/attachments/{key:str}", self._attachment, methods=["GET"]),
        ]
        pages = [
            Route("/widget.js", self._widget),
            Route("/", self._page("demo.html", "text/html; charset=utf-8")),
            Route("/demo.css", self._page("demo.css", "text/css; charset=utf-8")),
            Route("/demo.js", self._page("demo.js", "text/javascript; charset=utf-8")),
        ]
        return [Mount("/api/web", routes=api, middleware=[cors]), *pages]

    # pages ----------------------------------------------------------------------------------------------

    @cached_property
    def _script(self) -> tuple[bytes, bytes, str]:
        """The widget without what only its readers need, the same compressed, and its ETag."""
        source = (self._pages / "widget.js").read_bytes()
        style = _STYLE.sub(lambda found: _SPACES.sub(b"", found[0]), source)
        content = _FOR_READERS.sub(b"", style)
        return content, gzip.compress(content, mtime=0), f'"{hashlib.sha256(content).hexdigest()[:20]}"'

    async def _widget(self, request: Request) -> Response:
        content, compressed, etag = self._script
        headers = {
            "ETag": etag,
            "Cache-Control": "public, no-cache",
            "Access-Control-Allow-Origin": "*",
            "Cross-Origin-Resource-Policy": "cross-origin",
            "Vary": "Accept-Encoding",
        }
        if "gzip" in request.headers.get("accept-encoding", ""):
            content, headers["Content-Encoding"] = compressed, "gzip"
        if etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(content, media_type="text/javascript", headers=headers)

    def _page(self, name: str, media_type: str) -> Any:
        path = self._pages / name

        async def page(_: Request) -> Response:
            return FileResponse(path, media_type=media_type, headers={"Cache-Control": "no-cache"})

        return page

    # visitors -------------------------------------------------------------------------------------------

    def identify(self, request: Request) -> str:
        """The visitor who asks; 401 when there is no token or not one of ours."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            raise _refusal(401, "no_token", "send the session's token as Authorization: Bearer TOKEN")
        try:
            return self._visitors.visitor(token.strip())
        except NotAllowed as error:
            raise _stranger(error) from None

    async def _session(self, request: Request) -> Response:
        self._check_origin(request)
        self._spend(self._by_address, _address(request))
        body = await _json(request)
        token = _text(body, "token", required=False, limit=4096)
        identity = _text(body, "identity", required=False, limit=8192)
        try:
            session = await self._visitors.welcome(token or None, identity or None)
        except NotAllowed as error:
            raise _refusal(403, "identity_refused", str(error), field="identity") from None
        return _answer(
            {
                "token": session.token,
                "conversation_id": session.conversation_id,
                "status": session.status,
                "messages": list(session.messages),
                "cursor": session.cursor,
                "settings": dict(session.settings),
            }
        )

    async def _messages(self, request: Request) -> Response:
        visitor = self._admit(request)
        body = await _json(request)
        client_id = _text(body, "client_id")
        if not _CLIENT_ID.fullmatch(client_id):
            raise _refusal(422, "invalid", "up to 100 letters, digits and .-_:", field="client_id")
        self._spend(self._kept, visitor, client_id)
        attachments = _keys(body.get("attachments") or [])
        if len(attachments) > FILES_PER_MESSAGE:
            raise _refusal(422, "too_many", f"at most {FILES_PER_MESSAGE} files", field="attachments")
        text = _kept(_text(body, "text", required=not attachments, limit=TEXT_LIMIT)).strip()
        if not text and not attachments:
            raise _refusal(422, "empty", "write something first", field="text")
        try:
            posted = await self._visitors.post(visitor, client_id, text, attachments)
        except NotKnown as error:
            raise _stranger(error) from None
        except NotAllowed as error:
            raise _refusal(422, "invalid", str(error), field="attachments") from None
        return _answer({"message": posted.message}, status=202 if posted.new else 200)

    async def _typing(self, request: Request) -> Response:
        visitor = self._admit(request)
        active = (await _json(request)).get("active", True)
        if not isinstance(active, bool):
            raise _refusal(422, "invalid", "true or false", field="active")
        await self._known(self._visitors.typing(visitor, active))
        return Response(status_code=204)

    async def _read(self, request: Request) -> Response:
        visitor = self._admit(request)
        seq = (await _json(request)).get("seq", _LAST)
        if not isinstance(seq, int) or isinstance(seq, bool) or not 0 <= seq <= _LAST:
            raise _refusal(422, "invalid", "the seq of the last message seen", field="seq")
        await self._known(self._visitors.read(visitor, seq))
        return Response(status_code=204)

    async def _rating(self, request: Request) -> Response:
        visitor = self._admit(request)
        self._spend(self._kept, visitor)
        body = await _json(request)
        score = body.get("score")
        if not isinstance(score, int) or isinstance(score, bool) or not 1 <= score <= 5:
            raise _refusal(422, "invalid", "a whole number from 1 to 5", field="score")
        comment = _kept(_text(body, "comment", required=False, limit=2000))
        await self._known(self._visitors.rate(visitor, score, comment))
        return Response(status_code=204)

    async def _handoff(self, request: Request) -> Response:
        visitor = self._admit(request)
        self._spend(self._kept, visitor)
        await self._known(self._visitors.ask_for_person(visitor))
        return Response(status_code=204)

    async def _attach(self, request: Request) -> Response:
        visitor = self._admit(request)
        self._spend(self._kept, visitor)
        file = await uploaded(request)
        keeping = self._visitors.keep_file(visitor, file.name, file.media_type, file.content)
        kept = await self._known(keeping)
        return _answer({"attachment": kept}, status=201)

    async def _attachment(self, request: Request) -> Response:
        visitor = self.identify(request)
        found = await self._known(self._visitors.file(visitor, request.path_params["key"]))
        if found is None:
            raise _refusal(404, "not_found", "there is no such file")
        file, path = found
        return FileResponse(
            path,
            media_type=file.media_type,
            filename=file.name,
            headers={
                "X-Content-Type-Options": "nosniff",
                "Content-Security-Policy": "sandbox; default-src 'none'",
                "Cache-Control": "private, max-age=86400",
            },
        )

    # who may how often ----------------------------------------------------------------------------------

    def _admit(self, request: Request) -> str:
        self._check_origin(request)
        visitor = self.identify(request)
        self._spend(self._by_visitor, visitor)
        self._spend(self._by_address, _address(request))
        return visitor

    def _check_origin(self, request: Request) -> None:
        """A page we were not told of may not post here, whatever its browser thinks of CORS."""
        origin = request.headers.get("origin")
        if not origin or "*" in self._origins or origin in self._origins:
            return
        if origin != f"{request.url.scheme}://{request.headers.get('host', '')}":
            raise _refusal(403, "foreign_origin", f"{origin} is not among WEB_ORIGINS")

    def _spend(self, throttle: Throttle, key: str, thing: str = "") -> None:
        wait = throttle.spend(key, thing) if key else 0.0
        if wait > 0:
            raise _refusal(429, "too_many", "too many requests; wait a moment", retry_after=wait)

    async def _known(self, call: Awaitable[_T]) -> _T:
        try:
            return await call
        except NotAllowed as error:
            raise _stranger(error) from None

    # events ---------------------------------------------------------------------------------------------

    async def _events(self, request: Request) -> Response:
        """What happens to the visitor, as a stream or as a long poll with the same cursor."""
        visitor = self.identify(request)
        self._spend(self._opened, visitor)
        # A standard client reconnects to the address it began with: its header is the newer.
        after = request.headers.get("last-event-id") or request.query_params.get("after")
        batches = self._visitors.follow(visitor, after)
        try:
            first = await anext(batches)
        except NotKnown as error:
            raise _stranger(error) from None
        except NotAllowed as error:
            raise _refusal(400, "bad_cursor", str(error), field="after") from None
        except Exception:
            self._opened.give_back(visitor)  # who comes back until we can answer again does as they should
            raise
        if "text/event-stream" in request.headers.get("accept", ""):
            return _Stream(first, batches, self._open.counted(visitor))
        return await self._poll(first, batches)

    async def _poll(self, batch: Batch, batches: AsyncGenerator[Batch]) -> Response:
        async with aclosing(batches):
            lasting = _lasting(batch)
            try:
                async with asyncio.timeout(self._patience) as limit:
                    while not lasting and (later := await anext(batches, None)):
                        batch, lasting = later, _lasting(later)
            except TimeoutError:
                if not limit.expired():
                    raise
        events = [{"event": each.kind, "id": each.cursor, "data": dict(each.data)} for each in lasting]
        return _answer({"events": events, "cursor": batch.cursor})


def _lasting(batch: Batch) -> Sequence[Event]:
    return [event for event in batch.events if event.cursor]


class _Stream(Response):
    """Server-sent events until the reader leaves, leaves them unread, opens too many, or the batches end."""

    def __init__(
        self,
        first: Batch,
        batches: AsyncGenerator[Batch],
        counted: AbstractContextManager[asyncio.Future[None]],
    ) -> None:
        super().__init__()
        self._first = first
        self._batches = batches
        self._counted = counted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
        ]
        async with aclosing(self._batches):
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            writing = asyncio.create_task(self._write_all(send))
            leaving = asyncio.create_task(_left(receive))
            try:
                with self._counted as over:
                    await asyncio.wait({leaving, writing, over}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (leaving, writing):
                    task.cancel()
                await asyncio.wait({leaving, writing})
            if not writing.cancelled():
                writing.result()
            elif over.done():
                with contextlib.suppress(TimeoutError):
                    await _write(send, b"", more=False)

    async def _write_all(self, send: Send) -> None:
        with contextlib.suppress(TimeoutError):  # the reader leaves it unread; it resumes by its cursor
            await _write(send, b": hello\n\n" + _frames(self._first.events))
            async for batch in self._batches:
                await _write(send, _frames(batch.events) or b": still here\n\n")
            await _write(send, b"", more=False)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _write(send: Send, body: bytes, *, more: bool = True) -> None:
    """Raises TimeoutError when the reader leaves what it was sent unread; it resumes by its cursor."""
    async with asyncio.timeout(_STUCK):
        await send({"type": "http.response.body", "body": body, "more_body": more})


def _frames(events: Sequence[Event]) -> bytes:
    parts: list[bytes] = []
    for event in events:
        head = f"id: {event.cursor}\n" if event.cursor else ""
        parts.append(f"{head}event: {event.kind}\ndata: ".encode() + orjson.dumps(event.data) + b"\n\n")
    return b"".join(parts)


def _answer(body: object, *, status: int = 200) -> Response:
    return Response(
        orjson.dumps(body),
        status_code=status,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def _refusal(
    status: int, code: str, message: str, *, field: str | None = None, retry_after: float | None = None
) -> HTTPException:
    """An error in the contract's shape; the web app turns it into the answer."""
    error = {"code": code, "message": message} | ({"field": field} if field else {})
    headers = {"Retry-After": str(math.ceil(retry_after))} if retry_after else None
    return HTTPException(status, detail=error, headers=headers)  # type: ignore[arg-type]


def _stranger(error: NotAllowed) -> HTTPException:
    return _refusal(401, "bad_token", str(error))


def _too_large() -> HTTPException:
    return _refusal(413, "too_large", f"files up to {FILE_LIMIT // 2**20} MB can be sent here", field="file")


async def uploaded(request: Request) -> Upload:
    """The file in a request's form, if it is one that may be sent; else the refusal."""
    await _bounded(request, FILE_LIMIT + BODY_LIMIT, field="file")
    async with request.form(max_files=1, max_fields=4) as form:
        file = next((each for each in form.values() if not isinstance(each, str)), None)
        if file is None:
            raise _refusal(422, "invalid", "send the file as the form's field named file", field="file")
        content = await file.read(FILE_LIMIT + 1)
        if len(content) > FILE_LIMIT:
            raise _too_large()
        media_type = (file.content_type or "").partition(";")[0].strip().lower()
        beginning = FILE_TYPES.get(media_type)
        if beginning is None or not beginning.match(content):
            raise _refusal(415, "type", "pictures, PDF and plain text can be sent here", field="file")
        return Upload(name=_file_name(file.filename or "file"), media_type=media_type, content=content)


async def _bounded(request: Request, limit: int, *, field: str | None = None) -> bytes:
    """The body, read no further than `limit`; also what `request.form` then reads."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise _refusal(
                    413, "too_large", f"the request is larger than {limit // 1024} KB", field=field
                )
    except ClientDisconnect:
        raise _refusal(400, "cut", "the request ended early") from None
    request._body = bytes(body)  # noqa: SLF001  where starlette itself keeps a body it has read
    return request._body  # noqa: SLF001


async def _json(request: Request) -> dict[str, Any]:
    raw = await _bounded(request, BODY_LIMIT)
    try:
        body = orjson.loads(raw) if raw else {}
    except orjson.JSONDecodeError:
        raise _refusal(400, "not_json", "the body is not JSON in UTF-8") from None
    if not isinstance(body, dict):
        raise _refusal(400, "not_an_object", "the body is a JSON object")
    return body


def _keys(attachments: object) -> list[str]:
    """The keys of uploaded files: given alone, or with all that /api/web/attachments said of each."""
    if isinstance(attachments, list):
        keys: list[Any] = [each.get("key") if isinstance(each, dict) else each for each in attachments]
        if all(isinstance(key, str) for key in keys):
            return keys
    raise _refusal(422, "invalid", "a list of keys from /api/web/attachments", field="attachments")


def _text(body: Mapping[str, Any], name: str, *, required: bool = True, limit: int = 1000) -> str:
    value = body.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str):
        raise _refusal(422, "missing" if value is None else "invalid", "a text is needed here", field=name)
    if required and not value.strip():
        raise _refusal(422, "empty", "write something first", field=name)
    if len(value) > limit:
        raise _refusal(413, "too_long", f"at most {limit} characters", field=name)
    return value


def _kept(text: str) -> str:
    """The text without NUL, which PostgreSQL does not keep."""
    return text.replace("\x00", "")


def _address(request: Request) -> str:
    """Where a request comes from; "" for this machine itself, where a proxy stands for everybody."""
    host = request.client.host if request.client else ""
    return "" if host in {"127.0.0.1", "::1"} else host


def _file_name(name: str) -> str:
    """The sender's name for a file, fit to be shown: no path, no control or invisible characters."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(c for c in last if c.isprintable()).strip(". ")[:120] or "file"
