"""Which of the website's visitors have the chat before them now, and when the others last had.

It lives in Redis alone, with an end to it: nobody's comings and goings are written down. Without Redis it is
not known.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from bot.bell import RedisLink
from bot.live import INBOX, Live

FRESH = 35.0  # seconds after which somebody of whom nothing is heard counts as gone; streams stir every 15
_SAID_AGAIN = 10.0  # seconds within which nothing new is said of the same contact
_SURE = 0.5  # seconds beyond that after which it is looked whether somebody is gone
_KEPT = 24 * 3600  # seconds for which it is known when somebody was last here
_PREFIX = "switchboard:seen:"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Whether a visitor is here. `at`: when they last were; None is longer ago than a day, or not known."""

    state: Literal["online", "away", "unknown"]
    at: datetime | None = None


class Attendance:
    """Hears from the streams of one process that their visitors are here; knows of those of all processes."""

    def __init__(self, *, link: RedisLink, live: Live, fresh: float = FRESH) -> None:
        """`fresh`: seconds after which somebody counts as gone."""
        self._link = link
        self._live = live
        self._fresh = fresh
        self._said: dict[str, float] = {}  # by contact: when we last said that they are here
        self._leaving: dict[str, asyncio.TimerHandle] = {}
        self._errands: set[asyncio.Task[None]] = set()

    def here(self, contact_id: str) -> None:
        """The contact is before the chat, at this moment. Costs nothing when it was said a moment ago."""
        now = time.monotonic()
        if now - self._said.get(contact_id, -_SAID_AGAIN) < _SAID_AGAIN:
            return
        first = contact_id not in self._said
        self._said[contact_id] = now
        if leaving := self._leaving.pop(contact_id, None):
            leaving.cancel()
        self._errand(self._write_down(contact_id, first=first))

    async def seen(self, contact_id: str) -> Seen:
        """Whether a visitor is here, by what all processes say."""
        at: float | None = None

        async def ask() -> None:
            nonlocal at
            said = await self._link.client.get(_PREFIX + contact_id)
            at = float(said) if said is not None else None

        if not await self._link.attempt(ask):
            return Seen(state="unknown")
        if at is None:
            return Seen(state="away")
        state: Literal["online", "away"] = "online" if time.time() - at < self._fresh else "away"
        return Seen(state=state, at=datetime.fromtimestamp(at, UTC))

    async def close(self) -> None:
        for each in self._leaving.values():
            each.cancel()
        await asyncio.gather(*self._errands, return_exceptions=True)

    def _gone(self, contact_id: str) -> None:
        """Nothing was heard from them here for long; they may be elsewhere."""
        self._leaving.pop(contact_id, None)
        self._said.pop(contact_id, None)
        self._errand(self._look_after(contact_id))

    def _errand(self, work: Coroutine[Any, Any, None]) -> None:
        errand = asyncio.get_running_loop().create_task(work)
        self._errands.add(errand)
        errand.add_done_callback(self._errands.discard)

    async def _write_down(self, contact_id: str, *, first: bool) -> None:
        """That they are here; operators are told where that is news."""
        news = first and (await self.seen(contact_id)).state != "online"
        noted = await self._link.send(("SET", _PREFIX + contact_id, repr(time.time()), "EX", _KEPT))
        if leaving := self._leaving.pop(contact_id, None):
            leaving.cancel()
        loop = asyncio.get_running_loop()
        self._leaving[contact_id] = loop.call_later(self._fresh + _SURE, self._gone, contact_id)
        if news and noted:
            await self._tell(contact_id)

    async def _look_after(self, contact_id: str) -> None:
        if (await self.seen(contact_id)).state == "away":
            await self._tell(contact_id)

    async def _tell(self, contact_id: str) -> None:
        await self._live.tell(INBOX, {"kind": "online", "data": {"contact_id": contact_id}})
