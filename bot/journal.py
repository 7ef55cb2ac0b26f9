"""The journal as one turn sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal, TypeVar

from bot.orchestrator.agent import Doubtful, Ended, Go
from bot.store import Store, StoreUnavailable, calls
from bot.store.records import Claim
from tools.base import Arguments

T = TypeVar("T")

_PATIENCE = (0.1, 0.5, 2.0, 5.0)  # seconds between tries to write down how a call ended


class TurnJournal:
    """The orchestrator's Journal for one claimed turn.

    A call that two parts of the turn ask for at once is made by one, and the other waits for its end.
    """

    def __init__(self, claim: Claim, store: Store) -> None:
        self._store = store
        self._running: dict[str, asyncio.Event] = {}
        self.follow(claim)

    def follow(self, claim: Claim) -> None:
        """Go on with the same turn and what was added to it."""
        self._claim = claim
        self.earlier = claim.earlier
        self.news = claim.news
        self.waiting = claim.waiting
        self.past = claim.past

    async def begin(self, tool: str, arguments: Arguments, *, idempotent: bool) -> Go | Ended | Doubtful:
        claim = self._claim
        key = calls.key(claim.conversation_id, claim.epoch, tool, calls.canonical(arguments))
        while (running := self._running.get(key)) is not None:
            await running.wait()
        self._running[key] = asyncio.Event()
        try:
            begun = await self._store.journal.begin(claim, tool, arguments, idempotent=idempotent)
        except BaseException:
            self._over(key)
            raise
        if not isinstance(begun, Go):
            self._over(key)
        return begun

    async def end(self, key: str, state: Literal["done", "failed", "doubtful"], result: str) -> None:
        try:
            await insist(lambda: self._store.journal.end(key, state, result))
        finally:
            self._over(key)

    def _over(self, key: str) -> None:
        if (running := self._running.pop(key, None)) is not None:
            running.set()


async def insist(write: Callable[[], Awaitable[T]]) -> T:
    """Write down what has happened, through a short absence of the database. Raises StoreUnavailable."""
    for pause in _PATIENCE:
        try:
            return await write()
        except StoreUnavailable:
            await asyncio.sleep(pause)
    return await write()
