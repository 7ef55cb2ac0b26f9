"""How much of a component may be used at once, and what is raised where it may not be used now."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

MINUTE = 60.0  # seconds
ASK_AGAIN = 0.05  # seconds after which a place may be free that was not
_TICK = 0.001  # seconds; to wait for less is not to wait


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a component bears, all workers together; None is no limit.

    `concurrency` calls at once, `per_minute` calls begun in any minute, `seconds` for one call.
    """

    concurrency: int | None = None
    per_minute: int | None = None
    seconds: float | None = None

    @property
    def shared(self) -> bool:
        """Whether workers must agree before each call."""
        return self.concurrency is not None or self.per_minute is not None


class NotAsked(Exception):  # noqa: N818
    """A component was left alone: no call was made. `after`: seconds from now when one may be worth it."""

    def __init__(self, detail: str, *, after: float) -> None:
        super().__init__(detail)
        self.detail = detail
        self.after = after


class Resting(NotAsked):
    """It failed again and again, and its breaker is open."""


class Busy(NotAsked):
    """Its limits are reached."""


GiveBack = Callable[[], None]


class Fleet(Protocol):
    """What all processes agree on about a component, by its key. None of it raises or waits long."""

    async def take(self, key: str, limits: Limits) -> GiveBack | float:
        """A place for one call, as what gives it back; or the seconds after which to ask again."""
        ...

    async def failed(self, key: str, *, limit: int, rest: float) -> float:
        """A call failed; the seconds for which everybody rests, when `limit` have failed in a row."""
        ...

    async def succeeded(self, key: str) -> None:
        """A call went well, for the first time after some that did not."""
        ...

    async def probe(self, key: str, *, rest: float) -> float:
        """Ask to be the one that tries after a rest: 0.0, or the seconds for which to leave it alone."""
        ...


class Alone:
    """A fleet of one process. Where others stand beside it unheard, it keeps to its `share` of a limit.

    It also counts what `hold` is told of, so that a process whose fleet falls silent knows its own calls.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.share = 1.0
        self._clock = clock
        self._held: Counter[str] = Counter()
        self._begun: dict[str, deque[float]] = {}  # when the calls of the last minute began

    async def take(self, key: str, limits: Limits) -> GiveBack | float:
        if limits.concurrency is not None and self._held[key] >= _part(limits.concurrency, self.share):
            return ASK_AGAIN
        if limits.per_minute is not None and (wait := self._too_fast(key, limits.per_minute)) > 0:
            return wait
        return self.hold(key, limits)

    def hold(self, key: str, limits: Limits) -> GiveBack:
        """Count a call that may begin now."""
        self._held[key] += 1
        if limits.per_minute is not None:
            self._recent(key).append(self._clock())
        return lambda: self._give_back(key)

    async def failed(self, key: str, *, limit: int, rest: float) -> float:  # noqa: ARG002
        return 0.0

    async def succeeded(self, key: str) -> None:
        """Nobody else needs to know."""

    async def probe(self, key: str, *, rest: float) -> float:  # noqa: ARG002
        return 0.0

    def _give_back(self, key: str) -> None:
        self._held[key] -= 1

    def _too_fast(self, key: str, per_minute: int) -> float:
        """Seconds until another call may begin."""
        begun = self._recent(key)
        if len(begun) < _part(per_minute, self.share):
            return 0.0
        return max(begun[0] + MINUTE - self._clock(), _TICK)

    def _recent(self, key: str) -> deque[float]:
        now = self._clock()
        begun = self._begun.setdefault(key, deque())
        while begun and begun[0] <= now - MINUTE:
            begun.popleft()
        return begun


def _part(whole: int, share: float) -> int:
    return max(1, int(whole * share))
