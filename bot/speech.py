"""The voice of a running turn: keeps its lease, shows what is being written, falls silent when it must."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from bot.live import Live
from bot.orchestrator.agent import LeaseLost, Overtaken
from bot.store import Store, StoreUnavailable
from bot.store.records import Claim

_GATHER = 0.04  # seconds; publishing every token by itself cost 39 % of the throughput


class Voice:
    """A Speech for one claimed turn. Inside `async with`, the lease is renewed; losing it ends the block.

    What it says are `delta`s, `{"turn_id", "text", "offset"}`: offset counts the code points said before, so
    that whoever missed a piece, or sees offset 0 again, knows.
    """

    def __init__(self, *, claim: Claim, store: Store, live: Live, lease: float) -> None:
        self._claim = claim
        self._store = store
        self._live = live
        self._lease = lease
        self._patient = True
        self._offset = 0
        self._unsaid: list[str] = []
        self._said: list[str] = []
        self._flushing: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._turn: asyncio.Task[Any] | None = None
        self._lost = False

    async def __aenter__(self) -> Self:
        self._turn = asyncio.current_task()
        self._keeper = asyncio.create_task(self._keep_lease())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._turn = None
        beside = [each for each in (self._keeper, self._flushing) if each is not None]
        for each in beside:
            each.cancel()
        await asyncio.wait(beside)
        if self._lost and kind is asyncio.CancelledError:
            task = asyncio.current_task()
            assert task is not None
            if not task.uncancel():  # else somebody stops us besides
                raise LeaseLost from None

    async def heed(self) -> None:
        """Fall silent at once if the turn is no longer ours: somebody may have taken it over."""
        lost = await self._store.turns.renew(self._claim, self._lease) is None
        if lost and self._turn is not None and not self._lost:
            self._lost = True
            self._turn.cancel()

    async def begin(self) -> None:
        """Raises Overtaken when the contact wrote again, LeaseLost when the turn is no longer ours."""
        newest = await self._store.turns.renew(self._claim, self._lease)
        if newest is None:
            raise LeaseLost
        if newest > self._claim.up_to_seq and self._patient:
            raise Overtaken

    async def say(self, text: str) -> None:
        """The first piece is shown at once, what follows within a moment, gathered."""
        self._unsaid.append(text)
        self._said.append(text)
        if self._offset == 0:
            await self._flush()
        elif self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush_soon())

    @property
    def said(self) -> str:
        """What it has said since it last began."""
        return "".join(self._said)

    async def restart(self) -> None:
        self._unsaid.clear()
        self._said.clear()
        self._offset = 0
        await self._live.tell(self._claim.contact_id, self.taken_back())

    def follow(self, claim: Claim, *, patient: bool) -> None:
        """Go on with the same turn and what the contact added; not `patient`: then speak, come what may."""
        self._claim = claim
        self._patient = patient

    def taken_back(self) -> Mapping[str, Any]:
        """The piece that says: forget what was shown of this turn."""
        return self._delta("", 0)

    async def _flush_soon(self) -> None:
        while self._unsaid:  # more may be said while a piece is on its way
            await asyncio.sleep(_GATHER)
            await self._flush()

    async def _flush(self) -> None:
        text, self._unsaid = "".join(self._unsaid), []
        if text:
            offset, self._offset = self._offset, self._offset + len(text)
            await self._live.tell(self._claim.contact_id, self._delta(text, offset))

    def _delta(self, text: str, offset: int) -> Mapping[str, Any]:
        data = {"turn_id": self._claim.turn_id, "text": text, "offset": offset}
        return {"kind": "delta", "data": data}

    async def _keep_lease(self) -> None:
        while not self._lost:
            await asyncio.sleep(self._lease / 3)
            with contextlib.suppress(StoreUnavailable):  # nobody can take it from us then either
                await self.heed()
