"""Looking things up, come what may: primary, then the last good snapshot, then an honest "down"."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from knowledge.base import KnowledgeSource, LookupFailed, Passage

CONFIDENT = 0.5  # where answering and not answering are equally likely


@dataclass(frozen=True, kw_only=True)
class Found:
    """Passages that may answer, best first. `degraded`: they come from the snapshot."""

    passages: tuple[Passage, ...]
    degraded: bool = False


@dataclass(frozen=True, kw_only=True)
class NoMatch:
    """The knowledge was asked and holds no answer. `nearest` is what came closest."""

    nearest: tuple[Passage, ...] = ()
    degraded: bool = False


@dataclass(frozen=True, kw_only=True)
class Down:
    """Nothing could be asked; this says nothing about whether an answer exists."""

    reason: str


class Breaker:
    """Stops asking a source that keeps failing; lets one question try again after `rest` seconds."""

    def __init__(
        self, *, failures: int = 3, rest: float = 15.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = failures
        self._rest = rest
        self._clock = clock
        self._failed = 0
        self._retry_at = 0.0

    @property
    def open(self) -> bool:
        return self._failed >= self._limit

    def allows(self) -> bool:
        """Whether the source may be asked now; while open, one caller per rest may."""
        if not self.open:
            return True
        if self._clock() < self._retry_at:
            return False
        self._retry_at = self._clock() + self._rest
        return True

    def succeeded(self) -> None:
        self._failed = 0

    def failed(self) -> None:
        self._failed += 1
        if self.open:
            self._retry_at = self._clock() + self._rest


class Lookup:
    """Asks the primary source and, when that is down, the snapshot; each within `timeout` seconds."""

    def __init__(
        self,
        primary: KnowledgeSource,
        snapshot: KnowledgeSource | None = None,
        *,
        timeout: float = 10.0,  # its line included, when many ask at once
        breaker: Breaker | None = None,
    ) -> None:
        self._primary = primary
        self._snapshot = snapshot
        self._timeout = timeout
        self.breaker = breaker or Breaker()

    async def find(
        self, question: str, *, limit: int = 6, history: Sequence[str] = ()
    ) -> Found | NoMatch | Down:
        """Passages for the question, or that none answers it, or that nothing could be asked."""
        reason = "it failed repeatedly and is being left alone for a moment"
        if self.breaker.allows():
            try:
                passages = await self._ask(self._primary, question, limit, history)
            except LookupFailed as failure:
                self.breaker.failed()
                reason = str(failure)
            else:
                self.breaker.succeeded()
                return _judged(passages, degraded=False)
        if self._snapshot is not None:
            try:
                return _judged(await self._ask(self._snapshot, question, limit, history), degraded=True)
            except LookupFailed as failure:
                reason = f"{reason}; the snapshot: {failure}"
        return Down(reason=reason)

    async def _ask(
        self, source: KnowledgeSource, question: str, limit: int, history: Sequence[str]
    ) -> Sequence[Passage]:
        try:
            async with asyncio.timeout(self._timeout):
                return await source.search(question, limit=limit, history=history)
        except TimeoutError as error:
            raise LookupFailed(f"no answer within {self._timeout:g} s") from error
        except (OSError, ValueError, LookupError, RuntimeError) as error:
            raise LookupFailed(str(error) or type(error).__name__) from error


def _judged(passages: Sequence[Passage], *, degraded: bool) -> Found | NoMatch:
    if any(passage.score >= CONFIDENT for passage in passages):
        return Found(passages=tuple(passages), degraded=degraded)
    return NoMatch(nearest=tuple(passages), degraded=degraded)
