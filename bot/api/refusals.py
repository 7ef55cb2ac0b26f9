"""Which refused sign-ins the audit log tells: enough to see an attack, too few for one to fill the log."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping

from pydantic import JsonValue

from channels.throttle import Throttle


class Refusals:
    """Counted by this process. Every account has its own share, and all that we don't know have one
    together, so that noise about these hides nothing about those."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._told = Throttle(burst=20, per_second=1 / 300, clock=clock)
        self._untold: Counter[str] = Counter()

    def worth_telling(self, share: str) -> Mapping[str, JsonValue] | None:
        """What an entry says about this one and those before it that got none; None: it gets none either.

        `share` is an operator's id, or another of few names.
        """
        if self._told.spend(share):
            self._untold[share] += 1
            return None
        untold = self._untold.pop(share, 0)
        return {"untold": untold} if untold else {}
