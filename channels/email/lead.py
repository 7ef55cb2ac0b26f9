"""Which of several processes reads a mailbox: one leads, the next takes over when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import secrets
import socket
from collections.abc import Callable

from channels.email.mailboxes import Mailboxes


class LeadLost(Exception):  # noqa: N818
    """Another process reads this mailbox now, or may do so."""


class Lead:
    """One process's claim to read one mailbox, a lease of `seconds` that is renewed while it reads."""

    def __init__(self, mailboxes: Mailboxes, mailbox: str, *, seconds: float) -> None:
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self.ours = False
        self._mailboxes = mailboxes
        self._mailbox = mailbox
        self._seconds = seconds
        self._asked_at = 0.0

    async def gain(self, waits: Callable[[str], None]) -> None:
        """Return once it is ours. `waits` is told why it is not: "" while another leads."""
        loop = asyncio.get_running_loop()
        self.ours = False
        while not self.ours:
            asked_at, error = loop.time(), ""
            try:
                async with asyncio.timeout(self._seconds):
                    self.ours = await self._ask()
            except Exception as trouble:  # noqa: BLE001 - whatever ails the store, it is asked again
                error = f"the store can't say who reads this mailbox: {words(trouble)}"
            self._asked_at = asked_at
            if not self.ours:
                waits(error)
                await asyncio.sleep(self._seconds / 6 * jitter())

    async def keep(self) -> None:
        """Renew it until it is lost, then raise LeadLost. While the store can't be asked it stays ours until
        it would have ended."""
        loop = asyncio.get_running_loop()
        third = self._seconds / 3
        while (left := self._asked_at + self._seconds - loop.time()) > 0:
            await asyncio.sleep(min(third, left))
            asked_at = loop.time()
            with contextlib.suppress(Exception):
                async with asyncio.timeout(min(third, self._asked_at + self._seconds - asked_at)):
                    if not await self._ask():
                        break
                self._asked_at = asked_at
        self.ours = False
        raise LeadLost

    async def give_up(self) -> None:
        """Let the next one lead at once."""
        self.ours = False
        with contextlib.suppress(Exception):
            async with asyncio.timeout(2):
                await self._mailboxes.yield_lead(self._mailbox, self.holder)

    async def _ask(self) -> bool:
        return await self._mailboxes.lead(self._mailbox, self.holder, self._seconds)


def jitter() -> float:
    """Between a half and 1: what failed together is not tried again together."""
    return random.uniform(0.5, 1.0)  # noqa: S311


def words(error: Exception) -> str:
    """What an exception says, or at least what it is."""
    return str(error) or type(error).__name__
