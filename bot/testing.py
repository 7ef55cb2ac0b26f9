"""The doubles anyone may use in tests."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Collection, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from bot.bell import Bell, RedisLink
from bot.desk import Desk
from bot.orchestrator.agent import (
    Charge,
    Delta,
    Doubtful,
    Ended,
    Go,
    Granted,
    ModelFailed,
    ModelRequest,
    Prices,
    Refused,
    ToolCall,
    Usage,
    WrittenCall,
)
from channels.base import Channel, ChannelLimits, FetchedFile, OutboundMessage, RemoteFile, Source
from tools.base import Arguments

PRICES = Prices(input=150_000, output=600_000, dated=datetime(2026, 7, 1, tzinfo=UTC))

Scripted = str | ModelFailed | Sequence[str | float | ModelFailed | ToolCall]


class ScriptedModel:
    """A LanguageModel without a socket: answers each request with the next script, and keeps the requests.

    A script is a text, or its pieces one after the other, tool calls last; a number waits that many seconds;
    a ModelFailed is raised where it stands. Out of scripts it says `otherwise`.
    """

    prices = PRICES
    max_tokens = 2_000

    def __init__(self, *scripts: Scripted, name: str = "scripted", otherwise: str = "NO_ANSWER") -> None:
        self.name = name
        self.requests: list[ModelRequest] = []
        self._scripts = deque(scripts)
        self._otherwise = otherwise

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Delta | ToolCall | Usage]:
        self.requests.append(request)
        script = self._scripts.popleft() if self._scripts else self._otherwise
        tokens = 0
        for piece in [script] if isinstance(script, str | ModelFailed) else script:
            match piece:
                case ModelFailed():
                    raise piece
                case ToolCall():
                    yield piece
                case str():
                    tokens += 1
                    yield Delta(text=piece)
                case seconds:
                    await asyncio.sleep(seconds)
        yield Usage(tokens_in=sum(len(each.content) for each in request.messages) // 4, tokens_out=tokens)


class FullPurse:
    """A Purse that is never empty; keeps what was set aside, paid and given back."""

    def __init__(self) -> None:
        self.reserved: list[Charge] = []
        self.settled: list[Charge] = []
        self.released: list[Granted] = []

    async def reserve(self, worst: Charge) -> Granted | Refused:
        self.reserved.append(worst)
        return Granted(id=f"use_{len(self.reserved)}")

    async def settle(self, granted: Granted, charge: Charge) -> None:  # noqa: ARG002
        self.settled.append(charge)

    async def release(self, granted: Granted) -> None:
        self.released.append(granted)


class MemoryJournal:
    """A Journal without a database: each call once, and what came of it; `doubtful` names the tools whose
    calls somebody began before and nobody knows the end of."""

    def __init__(
        self,
        *,
        earlier: Sequence[WrittenCall] = (),
        news: Sequence[WrittenCall] = (),
        waiting: Sequence[WrittenCall] = (),
        past: Sequence[WrittenCall] = (),
        doubtful: Collection[str] = (),
    ) -> None:
        self.earlier = earlier
        self.news = news
        self.waiting = waiting
        self.past = past
        self.begun: list[tuple[str, Arguments]] = []
        self.ended: dict[str, tuple[str, str]] = {}
        self._doubtful = doubtful

    async def begin(self, tool: str, arguments: Arguments, *, idempotent: bool) -> Go | Ended | Doubtful:
        key = f"{tool} {sorted(arguments.items())}"
        if (ended := self.ended.get(key)) is not None:
            state, result = ended
            return Doubtful() if state == "doubtful" else Ended(result=result, failed=state == "failed")
        if tool in self._doubtful and not idempotent:
            return Doubtful()
        self.begun.append((tool, arguments))
        return Go(key=key, again=tool in self._doubtful)

    async def end(self, key: str, state: Literal["done", "failed", "doubtful"], result: str) -> None:
        self.ended[key] = (state, result)


class InlineQueue(Bell):
    """A bell without Redis: keeps what was rung for, and does it when told to `work`."""

    def __init__(self) -> None:
        super().__init__(RedisLink(""))
        self.rung: list[tuple[str, str]] = []
        self._waiting: deque[tuple[str, str]] = deque()

    async def ring(self, function: str, subject: str) -> bool:
        self.rung.append((function, subject))
        self._waiting.append((function, subject))
        return True

    async def work(self, desk: Desk) -> None:
        """Do all that was rung for, one thing after the other, and what that rings for in turn."""
        await desk.quiet()
        while self._waiting:
            function, subject = self._waiting.popleft()
            await desk.work(function, subject)
            await desk.quiet()


class MemoryChannel(Channel):
    """A channel that keeps what it was given to send, and does first what its scripts say.

    `refusals` are raised, a number among them waits that many seconds before it sends; `found` answers
    `find`, and out of answers nobody can say; `files` answers `fetch`. It cuts texts to its limits' length.
    """

    name = "memory"

    def __init__(
        self,
        *refusals: Exception | float,
        found: Iterable[str | Exception | None] = (),
        files: Iterable[bytes | Exception] = (),
        limits: ChannelLimits = ChannelLimits(),  # noqa: B008  it is frozen
    ) -> None:
        self.limits = limits
        self.refusals = deque(refusals)
        self.found = deque(found)
        self.files = deque(files)
        self.sent: list[OutboundMessage] = []
        self.asked: list[tuple[OutboundMessage, frozenset[str]]] = []
        self.fetched: list[RemoteFile] = []
        self.typed: list[str] = []

    def parts(self, text: str, sources: Sequence[Source]) -> Sequence[str]:  # noqa: ARG002
        length = self.limits.length or max(len(text), 1)
        return [text[start : start + length] for start in range(0, max(len(text), 1), length)]

    async def send(self, message: OutboundMessage) -> str | None:
        if self.refusals:
            match self.refusals.popleft():
                case Exception() as refusal:
                    raise refusal
                case seconds:
                    await asyncio.sleep(seconds)
        self.sent.append(message)
        return f"memory-{len(self.sent)}"

    async def find(self, message: OutboundMessage, *, since: datetime, known: Collection[str]) -> str | None:
        self.asked.append((message, frozenset(known)))
        if not self.found:
            return await super().find(message, since=since, known=known)
        match self.found.popleft():
            case Exception() as error:
                raise error
            case answer:
                return answer

    async def fetch(self, file: RemoteFile, into: Path) -> FetchedFile:
        self.fetched.append(file)
        if not self.files:
            return await super().fetch(file, into)
        match self.files.popleft():
            case Exception() as error:
                raise error
            case content:
                await asyncio.to_thread(into.write_bytes, content)
                return FetchedFile(media_type=file.media_type, size=len(content))

    async def typing(self, external_id: str) -> None:
        self.typed.append(external_id)
