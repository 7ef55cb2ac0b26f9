"""What keeps a turn alive when a part fails: time limits, retries, breakers."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Literal

from bot.orchestrator.agent import Delta, LanguageModel, Lookup, ModelFailed, ModelRequest, ToolCall, Usage
from bot.orchestrator.budget import estimated
from bot.orchestrator.registry import Component
from knowledge.lookup import Down, Found, NoMatch

Clock = Callable[[], float]  # seconds, never going back

_RETRIES = 2
_FIRST_PAUSE = 0.5  # seconds; doubles with each retry
_PATIENCE = 20.0  # seconds after which the next rung serves the customer better than another try
_RESERVE = 5.0  # seconds before the deadline kept for the rungs below


def pause_before_retry(
    failure: ModelFailed, *, retries: int, since: float, deadline: float, now: float
) -> float | None:
    """Seconds to wait before asking the same model again, or None when the next rung's turn has come.

    `since` is when the model was first asked in this turn; all times are of one clock, in seconds.
    """
    if not failure.retry or retries >= _RETRIES:
        return None
    backoff = _FIRST_PAUSE * 2**retries * random.uniform(0.5, 1.0)  # noqa: S311
    pause = max(backoff, failure.after or 0.0)
    return pause if now + pause < min(since + _PATIENCE, deadline - _RESERVE) else None


class Breaker:
    """Stops asking what keeps failing: after `failures` in a row nothing for `rest` seconds, then a probe."""

    def __init__(self, *, failures: int = 5, rest: float = 30.0, clock: Clock = time.monotonic) -> None:
        self._limit = failures
        self._rest = rest
        self._clock = clock
        self._failures = 0
        self._opened_at: float | None = None
        self._probed_at: float | None = None

    @property
    def state(self) -> Literal["closed", "open", "half-open"]:
        if self._opened_at is None:
            return "closed"
        return "open" if self._clock() - self._opened_at < self._rest else "half-open"

    def allow(self) -> bool:
        """Whether to ask now. Half open, one caller is let through; another one if that never came back."""
        state = self.state
        if state != "half-open":
            return state == "closed"
        now = self._clock()
        if self._probed_at is not None and now - self._probed_at < self._rest:
            return False
        self._probed_at = now
        return True

    def succeeded(self) -> None:
        self._failures = 0
        self._opened_at = self._probed_at = None

    def failed(self) -> None:
        self._failures += 1
        if self._failures >= self._limit or self._opened_at is not None:
            self._opened_at = self._clock()
            self._probed_at = None


class GuardedModel:
    """A model behind its breaker, its time limits kept and its health counted. Itself a LanguageModel."""

    def __init__(self, model: LanguageModel, component: Component, breaker: Breaker | None = None) -> None:
        self.name = model.name
        self.prices = model.prices
        self.max_tokens = model.max_tokens
        self._model = model
        self._component = component
        self._breaker = breaker or Breaker()

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Delta | ToolCall | Usage]:
        if not self._breaker.allow():
            raise ModelFailed("resting after repeated failures", retry=False)
        began = time.perf_counter()
        try:
            async with aclosing(within_limits(self._model, request)) as pieces:
                async for piece in pieces:
                    yield piece
        except ModelFailed as failure:
            self._breaker.failed()
            self._component.failed(failure.detail, down=self._breaker.state == "open")
            raise
        self._breaker.succeeded()
        self._component.succeeded(time.perf_counter() - began)


async def within_limits(
    model: LanguageModel, request: ModelRequest
) -> AsyncGenerator[Delta | ToolCall | Usage]:
    """The model's stream, failed when its first piece or its end is late, even if it sends other noise."""
    loop = asyncio.get_running_loop()
    last = loop.time() + request.total
    limit = min(last, loop.time() + request.first_token)
    characters = 0
    async with aclosing(model.stream(request)) as pieces:
        while True:
            try:
                async with asyncio.timeout_at(limit):
                    piece = await anext(pieces)
            except StopAsyncIteration:
                return
            except TimeoutError as error:
                raise ModelFailed("too slow", retry=True, usage=estimated(request, characters)) from error
            limit = last
            if isinstance(piece, Delta):
                characters += len(piece.text)
            yield piece


class WatchedLookup:
    """A lookup whose health is counted."""

    def __init__(self, lookup: Lookup, component: Component) -> None:
        self._lookup = lookup
        self._component = component

    async def find(
        self, question: str, *, limit: int = 6, history: Sequence[str] = ()
    ) -> Found | NoMatch | Down:
        began = time.perf_counter()
        result = await self._lookup.find(question, limit=limit, history=history)
        match result:
            case Down(reason=reason):
                self._component.failed(reason, down=True)
            case Found(degraded=degraded) | NoMatch(degraded=degraded):
                self._component.succeeded(time.perf_counter() - began, degraded=degraded)
        return result
