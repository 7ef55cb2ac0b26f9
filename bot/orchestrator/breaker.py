"""What leaves a failing component alone for a while."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Literal

Clock = Callable[[], float]  # seconds, never going back

_JITTER = 0.2  # of a rest, so that not everything that failed together is tried again together
LONGEST_REST = 600.0  # seconds


class Breaker:
    """Stops asking what keeps failing: after `limit` failures in a row nothing for `rest` seconds, then one
    caller tries. Each try that fails doubles the rest, up to LONGEST_REST."""

    def __init__(self, *, failures: int = 5, rest: float = 30.0, clock: Clock = time.monotonic) -> None:
        self.limit = failures
        self._rest = rest
        self._clock = clock
        self._failures = 0
        self._rests = 0
        self._until: float | None = None
        self._trying = False

    @property
    def state(self) -> Literal["closed", "open", "half-open"]:
        if self._until is None:
            return "closed"
        return "open" if self._clock() < self._until else "half-open"

    @property
    def clean(self) -> bool:
        """Whether the last call went well, as far as is known."""
        return self._failures == 0 and self._until is None

    def rest(self) -> float:
        """Seconds of a first rest, each time a little different."""
        return self._rest * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311  no secret

    def left(self) -> float:
        """Seconds for which it is to be left alone; 0.0 when it may be asked or tried."""
        return max(0.0, self._until - self._clock()) if self._until is not None else 0.0

    def try_once(self) -> None:
        """One caller tries now; another one may if that has not come back after a rest."""
        self.open(self.rest())
        self._trying = True

    def succeeded(self) -> None:
        self._failures = 0
        self._rests = 0
        self._until = None
        self._trying = False

    def failed(self) -> None:
        """Count a failure. One that was under way when the rest began does not make it longer."""
        self._failures += 1
        if self._trying or (self.state != "open" and self._failures >= self.limit):
            self.open(min(self.rest() * 2.0**self._rests, LONGEST_REST))
            self._rests += 1

    def open(self, seconds: float) -> None:
        """Leave it alone for so long."""
        self._until = self._clock() + seconds
        self._trying = False
