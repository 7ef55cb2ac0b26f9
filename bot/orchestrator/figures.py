"""How calls went, in numbers that can be added up over processes."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

# Upper bounds of durations in seconds: from a millisecond to over two minutes, two to each doubling.
BOUNDS: Sequence[float] = tuple(0.001 * 2 ** (step / 2) for step in range(35))
_PERIOD = 60.0  # seconds; what is recent is this period and the one before
_STALE = 300.0  # seconds after which the last calls say nothing about errors any more


@dataclass(kw_only=True)
class Figures:
    """Calls, those that failed among them, and how many of the good ones took how long.

    `buckets[i]` counts those that took at most `BOUNDS[i]`, the last one the longer ones; `seconds` is their
    sum.
    """

    calls: int = 0
    failures: int = 0
    seconds: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))

    def good(self, seconds: float) -> None:
        self.calls += 1
        self.seconds += seconds
        self.buckets[bisect_left(BOUNDS, seconds)] += 1

    def bad(self) -> None:
        self.calls += 1
        self.failures += 1

    def __iadd__(self, other: Figures) -> Figures:
        self.calls += other.calls
        self.failures += other.failures
        self.seconds += other.seconds
        self.buckets = [mine + theirs for mine, theirs in zip(self.buckets, other.buckets, strict=True)]
        return self

    def percentile(self, share: float) -> float | None:
        """Seconds within which this share of the good calls came back, to a fifth; None without any."""
        wanted = share * sum(self.buckets)
        if not wanted:
            return None
        passed = 0
        for place, count in enumerate(self.buckets):
            if count and passed + count >= wanted:
                low = BOUNDS[place - 1] if place else 0.0
                high = BOUNDS[min(place, len(BOUNDS) - 1)]
                return low + (high - low) * (wanted - passed) / count
            passed += count
        return BOUNDS[-1]


class Recent:
    """The calls of the last minute or two, or the last ones there were."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._now = Figures()
        self._before = Figures()

    def current(self) -> Figures:
        """Where a call of this moment is counted."""
        now = self._clock()
        if not self._now.calls:
            self._began = now
        elif now - self._began > _PERIOD:
            self._before = self._now if now - self._began < 2 * _PERIOD else Figures()
            self._now = Figures()
            self._began = now
        return self._now

    def figures(self) -> Figures:
        """Both periods together; failures are forgotten once nothing has been asked for a while."""
        both = Figures()
        both += self._before
        both += self._now
        if self._clock() - self._began > _STALE:
            both.calls -= both.failures
            both.failures = 0
        return both
