"""The doubles anyone may use in tests."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence

from bot.bell import Bell, RedisLink
from bot.desk import Desk
from bot.orchestrator.agent import Delta, ModelFailed, ModelRequest, Usage
from channels.base import Channel, NotDelivered, OutboundMessage

Scripted = str | ModelFailed | Sequence[str | float | ModelFailed]


class ScriptedModel:
    """A LanguageModel without a socket: answers each request with the next script, and keeps the requests.

    A script is a text, or its pieces one after the other; a number waits that many seconds; a ModelFailed is
    raised where it stands. Out of scripts it says `otherwise`.
    """

    input_price = 150_000
    output_price = 600_000

    def __init__(self, *scripts: Scripted, name: str = "scripted", otherwise: str = "NO_ANSWER") -> None:
        self.name = name
        self.requests: list[ModelRequest] = []
        self._scripts = deque(scripts)
        self._otherwise = otherwise

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Delta | Usage]:
        self.requests.append(request)
        script = self._scripts.popleft() if self._scripts else self._otherwise
        tokens = 0
        for piece in [script] if isinstance(script, str | ModelFailed) else script:
            match piece:
                case ModelFailed():
                    raise piece
                case str():
                    tokens += 1
                    yield Delta(text=piece)
                case seconds:
                    await asyncio.sleep(seconds)
        yield Usage(tokens_in=sum(len(each.content) for each in request.messages) // 4, tokens_out=tokens)


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
            await (desk.answer(subject) if function == "answer" else desk.deliver(subject))
            await desk.quiet()


class MemoryChannel(Channel):
    """A channel that keeps what it was given to send; a NotDelivered in `refusals` is raised first."""

    name = "memory"

    def __init__(self, *refusals: NotDelivered) -> None:
        self.refusals = deque(refusals)
        self.sent: list[OutboundMessage] = []

    async def send(self, message: OutboundMessage) -> str | None:
        if self.refusals:
            raise self.refusals.popleft()
        self.sent.append(message)
        return f"memory-{len(self.sent)}"
