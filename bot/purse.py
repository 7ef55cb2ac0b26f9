"""What a turn may spend, kept by the store."""

from __future__ import annotations

from bot.orchestrator.agent import Charge, Granted, Refused
from bot.store import Store
from bot.store.database import new_id


class DeskPurse:
    """The Purse of one claimed turn."""

    def __init__(self, *, store: Store, turn_id: str) -> None:
        self._store = store
        self._turn_id = turn_id

    async def reserve(self, worst: Charge) -> Granted | Refused:  # noqa: ARG002
        return Granted(id=new_id("use"))

    async def settle(self, granted: Granted, charge: Charge) -> None:
        await self._store.spending.settle(granted.id, self._turn_id, charge)

    async def release(self, granted: Granted) -> None:
        """Nothing was set aside."""
