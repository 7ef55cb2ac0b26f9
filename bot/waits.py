"""How long customers are lately waited on by people, so that whoever is passed on can be told."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta, tzinfo

from bot.store import Store, StoreUnavailable

_DAYS = 14
_FEWEST = 5  # waits, to call any of them usual
_AGAIN = 300.0  # seconds between looks


class Waits:
    """The median of how long customers of the last two weeks waited for a person's first words. Days are
    those of `zone`."""

    def __init__(self, store: Store, zone: tzinfo) -> None:
        self._store = store
        self._zone = zone
        self._usual: float | None = None

    def usual(self) -> float | None:
        """Seconds that half of the customers waited at the most; None while too few did."""
        return self._usual

    async def look(self) -> None:
        """Read it anew. Raises StoreUnavailable."""
        today = datetime.now(UTC).astimezone(self._zone).date()
        first = today - timedelta(days=_DAYS - 1)
        waited = await self._store.figures.totals(first.isoformat(), today.isoformat())
        enough = waited.count("first_waited") >= _FEWEST
        self._usual = waited.quantile("first_waited", 0.5) if enough else None

    async def run(self) -> None:
        """Read it anew from time to time, until cancelled."""
        while True:
            with contextlib.suppress(StoreUnavailable):
                await self.look()
            await asyncio.sleep(_AGAIN)
