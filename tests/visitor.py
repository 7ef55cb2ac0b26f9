"""A visitor of the website, as the contract describes one: posts, follows events, resumes by its cursor.

It speaks HTTP/1.1 over bare asyncio protocols, so that a benchmark measures the server and not its visitors.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self, cast
from urllib.parse import quote, urlsplit

import orjson

_PAUSE = 0.05  # seconds before a visitor whose connection failed tries again


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass(frozen=True, kw_only=True)
class SeenEvent:
    """One event of a stream; `at` is this process's monotonic time of its arrival."""

    name: str
    id: str | None
    data: bytes
    at: float

    @property
    def json(self) -> Any:
        return orjson.loads(self.data)


class Connection(asyncio.Protocol):
    """One kept-alive HTTP/1.1 connection: one request after the other, or one endless stream."""

    def __init__(self, address: str) -> None:
        self.host = address
        self.open = False
        self.bytes_read = 0
        self._buffer = b""
        self._head: tuple[int, dict[str, str]] | None = None
        self._body: list[bytes] = []
        self._chunk_left = 0  # of the chunk that is being read, its line end included
        self._sink: Callable[[bytes], None] | None = None
        self._waiting: asyncio.Future[Answer] | None = None
        self.ended = asyncio.Event()
        self._transport: asyncio.Transport

    @classmethod
    async def to(cls, url: str) -> Self:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        made = cls(f"{parts.hostname}:{parts.port}")
        await asyncio.get_running_loop().create_connection(lambda: made, parts.hostname, parts.port)
        return made

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        sink: Callable[[bytes], None] | None = None,
    ) -> Answer:
        """Send a request; its answer, or, with a `sink`, its head, after which the sink gets the body.

        Raises ConnectionError when the connection ends first.
        """
        if not self.open:
            raise ConnectionResetError("the connection is closed")
        lines = [f"{method} {path} HTTP/1.1", f"host: {self.host}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if body or method != "GET":
            lines.append(f"content-length: {len(body)}")
        self._head, self._body, self._sink = None, [], sink
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write("\r\n".join([*lines, "", ""]).encode() + body)
        return await self._waiting

    def close(self) -> None:
        self._transport.abort()

    def pause_reading(self) -> None:
        """Leave unread what comes."""
        self._transport.pause_reading()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        self.open = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        self.ended.set()
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionResetError(str(exc or "closed")))

    def data_received(self, data: bytes) -> None:
        self.bytes_read += len(data)
        self._buffer += data
        if self._head is None and not self._read_head():
            return
        assert self._head is not None
        status, headers = self._head
        if headers.get("transfer-encoding") == "chunked":
            if self._read_chunks():
                self._finish(b"".join(self._body))
        elif status in {204, 304}:
            self._finish(b"")
        elif len(self._buffer) >= (length := int(headers.get("content-length", "0"))):
            body, self._buffer = self._buffer[:length], self._buffer[length:]
            self._finish(body)

    def _read_head(self) -> bool:
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return False
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines if ": " in line)
        self._head = int(first.split(" ")[1]), {name.lower(): value for name, value in headers.items()}
        self._buffer = rest
        if self._sink is not None and self._head[0] == 200:
            assert self._waiting is not None
            self._waiting.set_result(Answer(status=200, headers=self._head[1], body=b""))
        else:
            self._sink = None
        return True

    def _read_chunks(self) -> bool:
        """Pass on what is there of a chunked body; True at its end."""
        take = self._sink or self._body.append
        while True:
            line, found, rest = self._buffer.partition(b"\r\n")
            if not found:
                return False
            size = int(line, 16)
            if len(rest) < size + 2:
                return False
            self._buffer = rest[size + 2 :]
            if size == 0:
                return True
            take(rest[:size])

    def _finish(self, body: bytes) -> None:
        assert self._head is not None
        if self._sink is not None:
            self.ended.set()
        elif self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(Answer(status=self._head[0], headers=self._head[1], body=body))


class EventReader:
    """Cuts a stream's bytes into events and hands each on."""

    def __init__(self, take: Callable[[SeenEvent], None]) -> None:
        self._take = take
        self._rest = b""

    def __call__(self, data: bytes) -> None:
        at = time.perf_counter()
        *events, self._rest = (self._rest + data).split(b"\n\n")
        for event in events:
            fields = dict(line.split(b": ", 1) for line in event.split(b"\n") if not line.startswith(b":"))
            if b"data" in fields:
                place = fields.get(b"id")
                self._take(
                    SeenEvent(
                        name=fields[b"event"].decode(),
                        id=place.decode() if place is not None else None,
                        data=fields[b"data"],
                        at=at,
                    )
                )


@dataclass
class Visitor:
    """One visitor with one conversation. `events` are the durable ones seen, in the order they came, and
    `messages` what those of messages held.

    While `follow` is entered the stream is resumed by its cursor whenever it ends, at the next of `urls`.
    """

    urls: Sequence[str]
    token: str = ""
    conversation_id: str = ""
    cursor: str = ""
    greeting: Sequence[Mapping[str, Any]] = ()
    events: list[SeenEvent] = field(default_factory=list)
    messages: list[Mapping[str, Any]] = field(default_factory=list)
    deltas: list[SeenEvent] = field(default_factory=list)
    typed: list[SeenEvent] = field(default_factory=list)
    streams_opened: int = 0

    def __post_init__(self) -> None:
        self._turns = itertools.cycle(self.urls)
        self._connection: Connection | None = None
        self._stirred = asyncio.Event()
        self._stream: Connection | None = None

    @classmethod
    async def arrive(cls, *urls: str, token: str | None = None) -> Self:
        """Begin a session, or go on with the one of `token`."""
        visitor = cls(urls=urls)
        answer = await visitor.request("POST", "/api/web/session", {"token": token} if token else {})
        assert answer.status == 200, answer.body
        session = answer.json
        visitor.token = session["token"]
        visitor.conversation_id = session["conversation_id"]
        visitor.cursor = session["cursor"]
        visitor.greeting = session["messages"]
        return visitor

    async def request(
        self, method: str, path: str, body: object = None, *, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request at the next of `urls`; bytes are sent as they are, anything else as JSON."""
        sent = {"authorization": f"Bearer {self.token}"} if self.token else {}
        if body is not None:
            sent["content-type"] = "application/json"
        raw = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        if self._connection is None or not self._connection.open or len(self.urls) > 1:
            if self._connection is not None:
                self._connection.close()
            self._connection = await Connection.to(next(self._turns))
        return await self._connection.request(method, path, headers=sent | dict(headers or {}), body=raw)

    async def post(self, text: str, *, client_id: str | None = None) -> Answer:
        """Send a message, once, whatever comes of it."""
        body = {"client_id": client_id or uuid.uuid4().hex, "text": text}
        return await self.request("POST", "/api/web/messages", body)

    async def say(self, text: str, *, within: float = 30.0) -> Mapping[str, Any]:
        """Send a message as the widget does, again and again until it is taken; the message."""
        client_id = uuid.uuid4().hex
        async with asyncio.timeout(within):
            while True:
                with contextlib.suppress(OSError):
                    answer = await self.post(text, client_id=client_id)
                    if answer.status in {200, 202}:
                        message: Mapping[str, Any] = answer.json["message"]
                        return message
                    assert answer.status in {429, 503}, answer.body
                await asyncio.sleep(_PAUSE)

    async def poll(self, after: str) -> Mapping[str, Any]:
        """One long poll."""
        answer = await self.request("GET", f"/api/web/events?after={quote(after)}")
        assert answer.status == 200, answer.body
        polled: Mapping[str, Any] = answer.json
        return polled

    @asynccontextmanager
    async def follow(self) -> AsyncIterator[Self]:
        """Follow one's events until the block ends; entered once the stream stands."""
        following = asyncio.create_task(self._follow())
        try:
            await self.until(lambda: self._stream is not None, within=30)
            yield self
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def until(self, state: Callable[[], bool], *, within: float) -> None:
        """Wait for a state that events bring about."""
        async with asyncio.timeout(within):
            while not state():
                self._stirred.clear()
                await self._stirred.wait()

    async def answer_to(self, message: Mapping[str, Any], *, within: float = 30.0) -> Mapping[str, Any]:
        """The reply that answers a message, or one after it in the same burst."""
        found: list[Mapping[str, Any]] = []

        def answered() -> bool:
            found[:] = [reply for reply in self.replies if self._seq_answered(reply) >= message["seq"]]
            return bool(found)

        await self.until(answered, within=within)
        return found[0]

    async def ask(self, text: str, *, within: float = 30.0) -> Mapping[str, Any]:
        """Say something and wait for its answer."""
        return await self.answer_to(await self.say(text, within=within), within=within)

    @property
    def replies(self) -> Sequence[Mapping[str, Any]]:
        return [m for m in self.messages if m["direction"] == "out" and m["author"]["kind"] == "bot"]

    def leave(self) -> None:
        for connection in (self._connection, self._stream):
            if connection is not None:
                connection.close()

    def _seq_answered(self, reply: Mapping[str, Any]) -> int:
        asked = [m["seq"] for m in self.messages if m["id"] == reply["in_reply_to"]]
        return int(asked[0]) if asked else -1

    def _take(self, event: SeenEvent) -> None:
        if event.id is not None:
            self.cursor = event.id
            self.events.append(event)
            if event.name == "message":
                self.messages.append(event.json)
        elif event.name == "delta":
            self.deltas.append(event)
        elif event.name == "typing":
            self.typed.append(event)
        self._stirred.set()

    async def _follow(self) -> None:
        turns = itertools.cycle(self.urls)
        while True:
            try:
                await self._follow_once(next(turns))
            except OSError:
                await asyncio.sleep(_PAUSE)

    async def _follow_once(self, url: str) -> None:
        stream = await Connection.to(url)
        try:
            answer = await stream.request(
                "GET",
                f"/api/web/events?after={quote(self.cursor)}",
                headers={"authorization": f"Bearer {self.token}", "accept": "text/event-stream"},
                sink=EventReader(self._take),
            )
            if answer.status != 200:
                assert answer.status == 503, answer.body
                raise ConnectionRefusedError(answer.status)
            self._stream = stream
            self.streams_opened += 1
            self._stirred.set()
            await stream.ended.wait()
        finally:
            stream.close()
