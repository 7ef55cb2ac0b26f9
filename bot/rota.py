"""Who waits for a person is given to somebody who is here, in turn: `[desk]` of bot.toml."""

from __future__ import annotations

import asyncio
import logging

from bot.live import Live
from bot.store import Store, StoreUnavailable
from bot.store.rota import Given

log = logging.getLogger("switchboard.rota")

_LOOK = 1.0  # seconds between looks


class Rota:
    """Shares out what waits, beside other processes that do so, too."""

    def __init__(self, *, store: Store, live: Live, most_open: int, away_after: float) -> None:
        """An operator is given no more than `most_open`, and counts as gone `away_after` seconds after their
        browser was last at the desk."""
        self._store = store
        self._live = live
        self._most = most_open
        self._away = away_after

    async def run(self) -> None:
        """Share out again and again, until cancelled."""
        while True:
            try:
                await self.share()
            except StoreUnavailable as error:
                log.debug("what waits is not shared out: %s", error)
            except Exception:
                log.exception("what waits could not be shared out")
            await asyncio.sleep(_LOOK)

    async def share(self) -> None:
        """Take back from who is gone, and give to who is here, as far as they can take it."""
        for freed in await self._store.rota.take_back(away=self._away):
            await self._tell(freed)
        while given := await self._store.rota.give(most=self._most, away=self._away):
            await self._tell(given)

    async def _tell(self, given: Given) -> None:
        log.info(
            "given to an operator" if given.operator_id else "taken back from an operator who is gone",
            extra={"conversation": given.conversation_id},
        )
        await self._live.stir(given.contact_id, given.conversation_id)
