"""The ways by which a contact can be answered here, and what each of them can do now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from bot.store import Store
from bot.store.ways import Barred, Way
from channels.base import Channel, Template


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A way, and why nothing reaches them by it if nothing does.

    `templates` are those that may be chosen for it; where its window is over, only they reach them.
    """

    way: Way
    why_not: Barred | Literal["not_set_up", "window_over"] | None
    templates: Sequence[Template]

    @property
    def window_over(self) -> bool:
        """Whether free text is too late."""
        return self.way.window_until is not None and self.way.window_until <= datetime.now(UTC)


class Reach:
    """Puts together what the store knows of a contact's addresses and what the channels here can do."""

    def __init__(self, *, store: Store, channels: Mapping[str, Channel]) -> None:
        self._store = store
        self._channels = channels

    @property
    def reading(self) -> Sequence[str]:
        """The channels whose recipients read our store."""
        return [name for name, each in self._channels.items() if each.limits.reads_store]

    async def of(self, conversation_id: str) -> Sequence[Offer]:
        """The usual one first, then those by which something reaches them; channels that are not set up
        here are left out, unless they wrote by one."""
        ways = await self._store.ways.of(conversation_id, reading=self.reading)
        return [self._offer(each) for each in ways if each.usual or each.channel in self._channels]

    def _offer(self, way: Way) -> Offer:
        channel = self._channels.get(way.channel)
        offer = Offer(way=way, why_not=way.barred, templates=channel.templates if channel else ())
        if way.barred:
            return offer
        if channel is None:
            return Offer(way=way, why_not="not_set_up", templates=())
        if offer.window_over and not offer.templates:
            return Offer(way=way, why_not="window_over", templates=())
        return offer
