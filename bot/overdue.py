"""Whoever has waited too long for a person is told of, once: `[desk] answer_within` of bot.toml."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

from bot.alerts import Alerts
from bot.live import Live
from bot.store import Store, StoreUnavailable
from bot.store.overdue import Late

log = logging.getLogger("switchboard.overdue")

_LOOK = 2.0  # seconds between looks
_BATCH = 50
_CROWD = 5  # so many at once are one notice: a night's mails, or a target that is new


class OverdueWatch:
    """Has it told when a conversation becomes overdue, beside other processes that do so, too."""

    def __init__(self, *, store: Store, live: Live, alerts: Alerts) -> None:
        self._store = store
        self._live = live
        self._alerts = alerts

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            try:
                await self.look()
            except StoreUnavailable as error:
                log.debug("nobody looks for what is overdue: %s", error)
            except Exception:
                log.exception("what is overdue could not be told")
            await asyncio.sleep(_LOOK)

    async def look(self) -> int:
        """Have told what has become overdue; how many conversations this process has told of."""
        told = 0
        while late := await self._store.overdue.untold(limit=_BATCH):
            crowd = len(late) if len(late) >= _CROWD else 0
            minute = f"{datetime.now(UTC):%Y-%m-%d %H:%M}"  # one for all of them, however long it takes
            told += sum([await self._tell(each, crowd=crowd, minute=minute) for each in late])
        return told

    async def _tell(self, late: Late, *, crowd: int, minute: str) -> bool:
        """Whether this process is the one that tells; where this breaks off, nobody hears it twice."""
        who = late.contact_name or "A customer"
        whose = f"It is {late.assignee}'s." if late.assignee else "Nobody has taken it."
        title, text = (
            f"{who} is still waiting for an answer",
            f"A person was to answer until {late.due_at:%d %b %H:%M} UTC. {whose} "
            "Look under Conversations, Overdue.",
        )
        if crowd:
            title = f"{crowd} or more conversations are overdue"
            text = f"The first is {who}'s. Look under Conversations, Overdue."
        told = await self._alerts.tell(
            "conversation.overdue",
            once=late.key,
            title=title,
            text=text,
            data={"waiting_since": late.waiting_since.isoformat(), "due_at": late.due_at.isoformat()},
            conversation_id=late.conversation_id,
            seldom=f"overdue {minute}" if crowd else "",
        )
        await self._store.overdue.told(late)
        if told:
            await self._live.stir(late.contact_id, late.conversation_id)
        return told
