"""A scripted OpenAI-compatible model server on a real socket; by hand: `python -m tests.doubles.model -h`.

It is a bare asyncio protocol, so that a benchmark measures its client and not this. Every token leaves
in a write of its own, as a real server sends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

Messages = Sequence[Mapping[str, Any]]

_PASSAGE = re.compile(r'<passage n="(\d+)"[^>]*>\n(.*?)\n</passage>', re.DOTALL)
_SENTENCE = re.compile(r".+?[.!?](?=\s|$)", re.DOTALL)
_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
_REASONS = {
    200: b"OK",
    400: b"Bad Request",
    401: b"Unauthorized",
    404: b"Not Found",
    429: b"Too Many Requests",
}


def grounded(messages: Messages) -> str:
    """What an obedient model would say: what its last call returned, or else the first sentence of the first
    passage, and where it is from."""
    if messages[-1]["role"] == "tool":
        return f"I looked it up: {messages[-1]['content']}"
    passages = _PASSAGE.findall(messages[-1]["content"])
    if not passages:
        return "NO_ANSWER"
    number, text = passages[0]
    sentence = _SENTENCE.search(text)
    return f"{(sentence.group() if sentence else text).strip()} [{number}]"


def obedient(messages: Messages) -> str:
    """What a model says that obeys every planted instruction: all it was given, the system prompt first."""
    return "\n".join(message["content"] for message in messages)


@dataclass(frozen=True)
class Call:
    """A tool call as a model makes it; a string of arguments goes out as it is, garbage too."""

    name: str
    arguments: Mapping[str, object] | str = field(default_factory=dict)

    @property
    def written(self) -> str:
        given = self.arguments
        return given if isinstance(given, str) else orjson.dumps(given).decode()


@dataclass(frozen=True, kw_only=True)
class Script:
    """How one request is answered: by `calls` if there are any, after `text` if that is a string then, or as
    `whole` makes both of the request.

    `cut` counts bytes of the event stream after which the connection is closed without its end, or torn
    down when `reset`. `frames` replaces the whole event stream by these pieces, byte for byte. Delays are
    in seconds; `hang` never answers.
    """

    text: str | Callable[[Messages], str] = grounded
    calls: Sequence[Call] | Callable[[Messages], Sequence[Call]] = ()
    whole: Callable[[Request], tuple[str, Sequence[Call]]] | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False
    first_delay: float = 0.0
    delay: float = 0.0
    cut: int | None = None
    reset: bool = False
    usage: bool = True
    done: bool = True
    finish: str | None = "stop"
    endless: bool = False
    frames: Sequence[bytes] | None = None


@dataclass(frozen=True, kw_only=True)
class Request:
    path: str
    authorization: str
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def messages(self) -> Messages:
        messages: Messages = self.json["messages"]
        return messages

    @property
    def tools(self) -> Mapping[str, Mapping[str, Any]]:
        """The parameters of every tool that may be called, by its name."""
        offered = [each["function"] for each in self.json.get("tools", ())]
        return {each["name"]: each["parameters"] for each in offered}


def event(payload: object) -> bytes:
    """One server-sent event."""
    return b"data: " + orjson.dumps(payload) + b"\n\n"


def chunk(delta: Mapping[str, object], finish: str | None = None) -> bytes:
    """One chat completion chunk as the OpenAI API streams it."""
    return event(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1750000000,
            "model": "scripted",
            "system_fingerprint": "fp_1",
            "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
        }
    )


def frames_for(text: str, script: Script, calls: Sequence[Call] = ()) -> list[bytes]:
    """The event stream of an answer: a role, the tokens, the calls, the finish, the usage, the end."""
    tokens = re.findall(r"\s*\S{1,8}|\s+$", text)
    frames = [chunk({"role": "assistant", "content": ""})]
    frames += [chunk({"content": token}) for token in tokens]
    for index, call in enumerate(calls):
        head = {"index": index, "id": f"call_{uuid.uuid4().hex[:12]}", "type": "function"}
        frames.append(chunk({"tool_calls": [head | {"function": {"name": call.name, "arguments": ""}}]}))
        frames += [
            chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
            for piece in re.findall(r".{1,12}", call.written, re.DOTALL)
        ]
    if script.finish:
        frames.append(chunk({}, "tool_calls" if calls and script.finish == "stop" else script.finish))
    if script.usage:
        usage = {"prompt_tokens": 100, "completion_tokens": len(tokens), "total_tokens": 100 + len(tokens)}
        frames.append(
            event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [], "usage": usage})
        )
    if script.done:
        frames.append(b"data: [DONE]\n\n")
    return frames


class ModelServer:
    """Answers `POST …/chat/completions`: first the scripted requests in order, then like `usually`.

    With `tokens` every unscripted answer is that many fixed tokens, made once: for benchmarks. The last one
    cites the first passage, so that the answer may stand.
    """

    def __init__(
        self,
        *,
        usually: Script | None = None,
        tokens: int | None = None,
        heard: Callable[[Request], None] | None = None,
    ) -> None:
        self.usually = usually or Script()
        self._heard = heard
        self.requests: deque[Request] = deque(maxlen=1000)
        self.idle = asyncio.Event()  # set while no request is being answered
        self._answering = 0
        self.most = 0  # requests that were being answered at once
        self.connected = 0  # connections accepted so far
        self._queue: deque[Script] = deque()
        # A question states nothing that would have to stand in a passage.
        self._fixed = tokens and frames_for(" token" * (tokens - 1) + "? [1]", self.usually)
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()

    def script(self, scripts: Sequence[Script]) -> None:
        """Answer the next requests like this, one script each."""
        self._queue.extend(scripts)

    @property
    def url(self) -> str:
        """The base URL for an OpenAI client."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    async def start(self, port: int = 0) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", port)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for connection in list(self._connections):
            connection.abort()
        await self._server.wait_closed()

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        self._answering += 1
        self.most = max(self.most, self._answering)
        self.idle.clear()
        try:
            yield
        finally:
            self._answering -= 1
            if not self._answering:
                self.idle.set()

    async def __aenter__(self) -> ModelServer:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def _next(self, request: Request) -> tuple[Script, Sequence[bytes]]:
        if self._queue:
            script = self._queue.popleft()
        elif self._fixed:
            return self.usually, self._fixed
        else:
            script = self.usually
        if script.frames is not None:
            return script, script.frames
        if script.whole is not None:
            text, made = script.whole(request)
            return script, frames_for(text, script, made)
        calls = script.calls if isinstance(script.calls, Sequence) else script.calls(request.messages)
        obliging = "" if calls else grounded
        text = obliging if script.text is grounded else script.text
        text = text if isinstance(text, str) else text(request.messages)
        return script, frames_for(text, script, calls)


class _Connection(asyncio.Protocol):
    """One client connection: requests one after the other, kept alive."""

    def __init__(self, server: ModelServer) -> None:
        self._server = server
        self._buffer = b""
        self._task: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server._connections.add(self)
        self._server.connected += 1

    def connection_lost(self, exc: Exception | None) -> None:
        self._server._connections.discard(self)
        if self._task is not None:
            self._task.cancel()

    def abort(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        match = _LENGTH.search(head)
        length = int(match.group(1)) if match else 0
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        line, _, headers = head.partition(b"\r\n")
        token = re.search(rb"authorization:\s*(.*?)(\r\n|$)", headers, re.IGNORECASE)
        request = Request(
            path=line.split(b" ")[1].decode(),
            authorization=token.group(1).decode() if token else "",
            body=rest[:length],
        )
        self._server.requests.append(request)
        if self._server._heard is not None:
            self._server._heard(request)
        self._task = asyncio.create_task(self._answer(request))

    async def _answer(self, request: Request) -> None:
        script, frames = self._server._next(request)
        with self._server.at_work():
            await self._play(script, frames, request)

    async def _play(self, script: Script, frames: Sequence[bytes], request: Request) -> None:
        write = self._transport.write
        if script.hang:
            await asyncio.Event().wait()
        if script.status != 200:
            why = "scripted failure"
            if script.status == 401:  # as some servers say it
                why = f"Incorrect API key provided: {request.authorization.removeprefix('Bearer ')}"
            body = orjson.dumps({"error": {"message": why, "type": "scripted", "code": None}})
            write(_head(script, b"application/json", b"content-length: %d" % len(body)) + body)
            return None
        write(_head(script, b"text/event-stream", b"transfer-encoding: chunked"))
        if script.first_delay:
            await asyncio.sleep(script.first_delay)
        left = script.cut
        for frame in frames:
            piece = frame if left is None else frame[:left]
            if piece:
                write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await asyncio.sleep(script.delay)
            if left is not None:
                left -= len(piece)
                if left <= 0:
                    return self._hang_up(reset=script.reset)
        while script.endless:
            write(b"%x\r\n%b\r\n" % (len(frames[1]), frames[1]))
            await asyncio.sleep(script.delay)
        write(b"0\r\n\r\n")
        return None

    def _hang_up(self, *, reset: bool) -> None:
        if reset:
            connection = self._transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
        else:
            self._transport.close()


def _head(script: Script, content_type: bytes, framing: bytes) -> bytes:
    extra = b"".join(f"{name}: {value}\r\n".encode() for name, value in script.headers.items())
    reason = _REASONS.get(script.status, b"Error")
    return b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\n%b%b\r\n\r\n" % (
        script.status,
        reason,
        content_type,
        extra,
        framing,
    )


if __name__ == "__main__":
    from tests.doubles.model_scripts import main

    main()
