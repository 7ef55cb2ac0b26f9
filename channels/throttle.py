"""How often somebody may do something, and how many at once; each process counts for itself."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_REMEMBERED = 20_000  # keys; the longest unseen are forgotten, their buckets being full again
_PAID = 20_000  # things paid for; the oldest are forgotten, and cost one again


class Throttle:
    """A token bucket for each key: `burst` at once, `per_second` on and on."""

    def __init__(
        self, *, burst: float, per_second: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst = burst
        self._per_second = per_second
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._paid: OrderedDict[tuple[str, str], None] = OrderedDict()

    def spend(self, key: str, thing: str = "") -> float:
        """Take one; 0.0 when allowed, else the seconds to wait until the next is.

        What was allowed for a `thing` is allowed for the same thing again without taking another.
        """
        if thing and (key, thing) in self._paid:
            return 0.0
        now = self._clock()
        left, seen = self._buckets.pop(key, (self._burst, now))
        left = min(self._burst, left + (now - seen) * self._per_second)
        wait = 0.0 if left >= 1 else (1 - left) / self._per_second
        self._buckets[key] = (left - 1 if wait == 0.0 else left, now)
        if len(self._buckets) > _REMEMBERED:
            self._buckets.popitem(last=False)
        if thing and wait == 0.0:
            self._paid[key, thing] = None
            if len(self._paid) > _PAID:
                self._paid.popitem(last=False)
        return wait

    def give_back(self, key: str) -> None:
        """What was taken last does not count after all."""
        if key in self._buckets:
            left, seen = self._buckets[key]
            self._buckets[key] = (min(self._burst, left + 1), seen)


class AtOnce:
    """At most so many at a time for each key: the oldest makes room for the newest."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._under_way: dict[str, list[asyncio.Future[None]]] = {}

    @contextmanager
    def counted(self, key: str) -> Iterator[asyncio.Future[None]]:
        """One of them, for as long as the block lasts; the future is done once it should end."""
        over = asyncio.get_running_loop().create_future()
        ours = self._under_way.setdefault(key, [])
        ours.append(over)
        if len(ours) > self._most:
            ours.pop(0).set_result(None)
        try:
            yield over
        finally:
            if not over.done():
                ours.remove(over)
                if not ours:
                    del self._under_way[key]
