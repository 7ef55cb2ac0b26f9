"""What keeps a turn alive when a part fails: time limits, retries, parts called through their components."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from bot.orchestrator.agent import Delta, LanguageModel, ModelFailed, ModelRequest, ToolCall, Usage
from bot.orchestrator.breaker import Breaker
from bot.orchestrator.budget import estimated
from bot.orchestrator.limits import Limits, NotAsked
from bot.orchestrator.registry import Component, Registry
from knowledge.base import KnowledgeSource, LookupFailed, Passage
from tools.base import Arguments, Tool, ToolContext, ToolFailed

_RETRIES = 2
_FIRST_PAUSE = 0.5  # seconds; doubles with each retry
_PATIENCE = 20.0  # seconds after which the next rung serves the customer better than another try
_RESERVE = 5.0  # seconds before the deadline kept for the rungs below
_IN_LINE = 0.5  # of the time to a model's first token that may go by waiting for a place
_TOOL_IN_LINE = 3.0  # seconds a tool call may wait for one
_SLACK = 1.0  # seconds


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


class GuardedModel:
    """A model called through its component, its time limits kept. Itself a LanguageModel."""

    def __init__(self, model: LanguageModel, component: Component) -> None:
        self.name = model.name
        self.prices = model.prices
        self.max_tokens = model.max_tokens
        self._model = model
        self._component = component

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Delta | ToolCall | Usage]:
        refusal: ModelFailed | None = None
        try:
            async with self._component.call(patience=request.first_token * _IN_LINE) as call:
                try:
                    async with aclosing(within_limits(self._model, request)) as pieces:
                        async for piece in pieces:
                            yield piece
                except ModelFailed as failure:
                    if not failure.refused:
                        raise
                    call.worked_partly(failure.detail)
                    refusal = failure
        except NotAsked as reason:
            raise ModelFailed(reason.detail, retry=False) from reason
        if refusal is not None:
            raise refusal


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


class GuardedSource:
    """A knowledge source called through its component. Itself a KnowledgeSource."""

    def __init__(self, source: KnowledgeSource, component: Component) -> None:
        self._source = source
        self._component = component

    async def search(
        self, query: str, *, limit: int, history: Sequence[str] = (), scope: Sequence[str] = ()
    ) -> Sequence[Passage]:
        try:
            async with self._component.call():
                return await self._source.search(query, limit=limit, history=history, scope=scope)
        except NotAsked as reason:
            raise LookupFailed(reason.detail) from reason
        except TimeoutError as error:
            raise LookupFailed(f"no answer within {self._component.limits.seconds:g} s") from error


def guarded(tool: Tool, registry: Registry, *, limits: Limits = Limits()) -> Tool:  # noqa: B008  it is frozen
    """The same tool, called through a component of its own, which keeps the tool's time limit."""
    component = registry.add(
        "tool",
        tool.name,
        interface={
            "description": tool.description,
            "effect": tool.effect,
            "parameters": dict(tool.parameters),
        },
        limits=replace(limits, seconds=tool.timeout),
        breaker=Breaker(),
    )
    return through(component, tool)


def through(component: Component, tool: Tool) -> Tool:
    """The same tool, called through a component, which counts it as failed when it takes too long; so whoever
    calls it has a little more patience, and for the line."""

    async def call(context: ToolContext, arguments: Arguments) -> str:
        try:
            async with component.call(patience=_TOOL_IN_LINE), asyncio.timeout(tool.timeout):
                try:
                    return await tool.call(context, arguments)
                except ToolFailed as failure:
                    if not failure.refused:
                        raise
                    refusal = failure
        except NotAsked as reason:
            raise ToolFailed(f"it cannot be used just now: {reason.detail}") from reason
        except TimeoutError as error:
            raise ToolFailed(f"no answer within {tool.timeout:g} s", uncertain=True) from error
        raise refusal

    return replace(tool, call=call, timeout=tool.timeout + _TOOL_IN_LINE + _SLACK)
