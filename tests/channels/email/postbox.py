"""What reading a mailbox needs of the store, in memory; a repeat is known as the store knows it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from channels.email.mailboxes import Position
from channels.email.reader import MailboxReader
from channels.email.taking import Fetched


@dataclass(frozen=True, kw_only=True)
class Aside:
    uidvalidity: int
    uid: int
    raw: bytes
    why: str


class Postbox:
    """Implements `Mailboxes`, and `accept`. Refuses to note a position ahead of what is durable."""

    def __init__(self) -> None:
        self.accepted: dict[tuple[int, int], Fetched] = {}  # (uidvalidity, uid), in the order of arrival
        self.aside: dict[tuple[int, int], Aside] = {}
        self.offered = 0  # repeats too
        self.arrived_at: dict[tuple[int, int], float] = {}
        self.positions: list[Position] = []
        self.steps = 0  # everything that was asked of it
        self.down = False
        self.cursor_may_skip = False  # a first start leaves alone what was there before
        self.poison: Callable[[Fetched], bool] = lambda _: False
        self._holder: str | None = None
        self._until = 0.0
        self._changed = asyncio.Event()

    async def accept(self, mail: Fetched) -> None:
        await asyncio.sleep(0)
        self._check()
        if self.poison(mail):
            raise ValueError("a mail that breaks its reader")
        self.offered += 1
        key = (mail.uidvalidity, mail.uid)
        if key not in self.accepted:
            self.accepted[key] = mail
            self.arrived_at[key] = time.perf_counter()
        await asyncio.sleep(0)  # durable, and not yet returned
        self._tell()

    async def lead(self, mailbox: str, holder: str, seconds: float) -> bool:
        await asyncio.sleep(0)
        self._check()
        if self._holder not in {None, holder} and time.monotonic() < self._until:
            return False
        self._holder, self._until = holder, time.monotonic() + seconds
        self._tell()
        return True

    async def yield_lead(self, mailbox: str, holder: str) -> None:
        self._check()
        if holder == self._holder:
            self._holder = None

    def depose(self) -> None:
        """As if the lease had ended and another had taken it."""
        self._holder, self._until = "somebody else", time.monotonic() + 3600

    async def position(self, mailbox: str) -> Position | None:
        await asyncio.sleep(0)
        self._check()
        return self.positions[-1] if self.positions else None

    async def advance(self, mailbox: str, position: Position, holder: str) -> bool:
        await asyncio.sleep(0)
        self._check()
        if holder != self._holder:
            return False
        now = self.positions[-1] if self.positions else None
        if now is not None and now.uidvalidity == position.uidvalidity and position.uid <= now.uid:
            return True
        if not self.cursor_may_skip:
            begin = now.uid if now is not None and now.uidvalidity == position.uidvalidity else 0
            durable = self.accepted.keys() | self.aside.keys()
            missing = [
                uid
                for uid in range(begin + 1, position.uid + 1)
                if (position.uidvalidity, uid) not in durable
            ]
            assert not missing, f"the position {position} is ahead of {missing}"
        self.positions.append(position)
        await asyncio.sleep(0)
        self._tell()
        return True

    async def set_aside(self, mailbox: str, uidvalidity: int, uid: int, raw: bytes, why: str) -> None:
        self._check()
        self.aside.setdefault((uidvalidity, uid), Aside(uidvalidity=uidvalidity, uid=uid, raw=raw, why=why))
        self._tell()

    @property
    def uids(self) -> list[int]:
        """In the order in which they became durable."""
        return [uid for _, uid in self.accepted]

    async def until(self, state: Callable[[], object], within: float = 30.0) -> None:
        """Wait for a state of this postbox."""
        async with asyncio.timeout(within):
            while not state():
                self._changed.clear()
                await self._changed.wait()

    def _check(self) -> None:
        self.steps += 1
        self._tell()
        if self.down:
            raise ConnectionError("the store is down")

    def _tell(self) -> None:
        self._changed.set()


@contextlib.asynccontextmanager
async def reading(reader: MailboxReader) -> AsyncIterator[MailboxReader]:
    """A reader at work; a flaw that ends it is raised."""
    task = asyncio.create_task(reader.run())
    try:
        yield reader
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(state: Callable[[], object], within: float = 30.0) -> None:
    """Wait for a state that nobody tells of."""
    async with asyncio.timeout(within):
        while not state():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
