"""What happens, as it happens: server-sent events for operators and their programs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import orjson
from starlette.requests import Request
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from bot.api.access import Gate
from bot.api.approvals import approval_json
from bot.api.bodies import not_found, query, refusal
from bot.api.conversations import conversation_json, message_json
from bot.approvals import ApprovalDesk
from bot.live import INBOX, Live
from bot.store import Store
from bot.store.records import InboxEntry, Role

_QUIET = 4.0  # seconds after which a stream says that it is still there
_ASKED = 1.0  # seconds after which the gate is asked again whether the reader may read on
_SEEN = 15.0  # seconds after which it is said again that somebody sits there
_GATHER = 0.05  # seconds in which what happens at once becomes one answer from the store
_PASSING = ("presence", "mention", "online")  # what every stream hears in passing
_STUCK = 60.0  # seconds a reader may leave its stream unread
_MESSAGES = 200  # read at once
_AT_ONCE = 50  # conversations told one by one; of more, the reader is told to look anew


class Events:
    """`GET /api/events`.

    Every stream hears `conversation` whenever one has something new, as its list shows it, `approval`
    whenever a call waits for an operator, is decided about or has come to its end, `presence` whenever
    an operator comes to a conversation, goes, or begins to write, `online` whenever a contact has come to
    the website's chat or is gone, and `mention` whenever a note speaks to one. With `?conversation=ID` it
    also hears that conversation's `message`s after the seq `after` (or `Last-Event-ID`), each once and in
    order; and `delta` and `typing`, which may be lost like `presence`, `online` and `mention`.
    """

    def __init__(self, *, store: Store, approvals: ApprovalDesk, live: Live, gate: Gate) -> None:
        self._store = store
        self._approvals = approvals
        self._live = live
        self._gate = gate

    def routes(self) -> Sequence[BaseRoute]:
        return [Route("/events", _Stream(self), methods=["GET"])]

    async def begin(self, request: Request) -> AsyncIterator[bytes]:
        """The stream for this request, or a refusal."""
        await self._gate.admit(request)
        given = query(request, ("conversation", "after"))
        conversation_id = given.get("conversation", "")
        if not conversation_id:
            return self._all(request)
        entry = await self._store.inbox.entry(conversation_id.replace("\x00", ""))
        if entry is None:
            raise not_found("conversation")
        after = request.headers.get("last-event-id") or given.get("after")
        if after is None:
            thread = await self._store.inbox.thread(entry.id, limit=1)
            seq = thread.messages[-1].seq if thread and thread.messages else 0
        elif after.isascii() and after.isdigit() and len(after) < 16:
            seq = int(after)
        else:
            raise refusal(422, "invalid", "the seq of a message", field="after")
        return self._one(request, entry, seq)

    async def _all(self, request: Request) -> AsyncIterator[bytes]:
        reader = _Reader(self._gate, self._store, request)
        await reader.may_go_on()  # who begins to listen is here
        async with self._live.watch(INBOX) as feed:
            yield b": hello\n\n"
            while not feed.closed:
                pieces, look = await feed.next(_QUIET)
                if not await reader.may_go_on():
                    return
                if not pieces and not look:
                    yield b": still here\n\n"
                    continue
                if pieces:
                    await asyncio.sleep(_GATHER)
                    more, unknown = await feed.next(0)
                    pieces, look = pieces + more, look or unknown
                for each in _asked(pieces):
                    async for frame in self._decided(each):
                        yield frame
                for piece in pieces:
                    if piece.get("kind") in _PASSING:
                        yield _frame(piece["kind"], piece["data"])
                async for frame in self._changed(_ids(pieces), look):
                    yield frame

    async def _one(self, request: Request, entry: InboxEntry, seq: int) -> AsyncIterator[bytes]:
        reader = _Reader(self._gate, self._store, request)
        await reader.may_go_on()  # who begins to listen is here
        ours: dict[str, bool] = {}  # turns of this contact: whether they are this conversation's
        async with self._live.watch(INBOX, entry.contact_id) as feed:
            look = True
            yield b": hello\n\n"
            while not feed.closed:
                while look:
                    messages = await self._store.inbox.since(entry.id, seq, limit=_MESSAGES)
                    for message in messages:
                        seq = message.seq
                        yield _frame("message", message_json(message), str(seq))
                    look = len(messages) == _MESSAGES
                pieces, look = await feed.next(_QUIET)
                if not await reader.may_go_on():
                    return
                if not pieces and not look:
                    yield b": still here\n\n"
                for each in _asked(pieces):
                    async for frame in self._decided(each):
                        yield frame
                for piece in pieces:
                    if piece.get("kind", "approval") != "approval" and await self._concerns(
                        entry, piece, ours
                    ):
                        yield _frame(piece["kind"], piece["data"])
                ids = list(dict.fromkeys([*_ids(pieces), *([entry.id] if look else [])]))
                look = look or entry.id in ids or not pieces
                async for frame in self._changed(ids, look=False):
                    yield frame

    async def _changed(self, ids: Sequence[str], look: bool) -> AsyncIterator[bytes]:
        """How the conversations stand now; `look` when it is not known which they are."""
        if look or len(ids) > _AT_ONCE:
            yield _frame("look", {})
            return
        for each in ids:
            entry = await self._store.inbox.entry(each)
            if entry is not None:
                yield _frame("conversation", conversation_json(entry))

    async def _decided(self, approval_id: str) -> AsyncIterator[bytes]:
        """How a call that needs an operator's word stands now."""
        approval = await self._store.approvals.get(approval_id)
        if approval is not None:
            yield _frame("approval", approval_json(approval, self._approvals))

    async def _concerns(self, entry: InboxEntry, piece: Mapping[str, Any], ours: dict[str, bool]) -> bool:
        """Whether a live piece of this contact belongs to this conversation."""
        turn_id = piece["data"].get("turn_id")
        if turn_id is None:
            return True
        if turn_id not in ours:
            turn = await self._store.turns.get(turn_id)
            ours[turn_id] = turn is not None and turn.conversation_id == entry.id
        return ours[turn_id]


class _Reader:
    """Who reads a stream, let in a moment ago. Whoever is another or may do other things must begin anew: a
    stream gives nothing for longer than a second that its reader may have no more, and ends in seconds."""

    def __init__(self, gate: Gate, store: Store, request: Request) -> None:
        self._gate = gate
        self._store = store
        self._request = request
        self._asked = 0.0
        self._seen = 0.0
        self._role: Role | None = None

    async def may_go_on(self) -> bool:
        """Whether they are still signed in, or their token still good, in the role they began with."""
        now = time.monotonic()
        if self._role is not None and now - self._asked < _ASKED:
            return True
        self._asked = now
        who = await self._gate.who(self._request)
        if who is None or self._role not in (None, who.operator.role):
            return False
        self._role = who.operator.role
        if who.csrf is not None and (not self._seen or now - self._seen >= _SEEN):  # a browser's
            self._seen = now
            await self._store.rota.seen(who.operator.id)
        return True


class _Stream:
    """The endpoint itself: writes until the reader goes, or leaves unread what it was sent."""

    def __init__(self, events: Events) -> None:
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        frames = await self._events.begin(Request(scope, receive))
        headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        writing = asyncio.create_task(_write_all(frames, send))
        try:
            while not writing.done():
                hearing = asyncio.ensure_future(receive())
                await asyncio.wait({hearing, writing}, return_when=asyncio.FIRST_COMPLETED)
                if not hearing.done():
                    hearing.cancel()
                elif hearing.result()["type"] == "http.disconnect":
                    break
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)


async def _write_all(frames: AsyncIterator[bytes], send: Send) -> None:
    async with aclosing(frames):  # type: ignore[type-var]
        async for frame in frames:
            async with asyncio.timeout(_STUCK):
                await send({"type": "http.response.body", "body": frame, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _frame(name: str, data: object, place: str = "") -> bytes:
    head = f"id: {place}\n" if place else ""
    return f"{head}event: {name}\ndata: ".encode() + orjson.dumps(data) + b"\n\n"


def _ids(pieces: Sequence[Mapping[str, Any]]) -> Sequence[str]:
    return list(dict.fromkeys(piece["conversation_id"] for piece in pieces if "kind" not in piece))


def _asked(pieces: Sequence[Mapping[str, Any]]) -> Sequence[str]:
    return list(dict.fromkeys(each["data"]["id"] for each in pieces if each.get("kind") == "approval"))
