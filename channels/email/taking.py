"""Taking the mails out of a mailbox: each is handed on in order, and marked only once it is durable."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from channels.email.health import Wellbeing
from channels.email.imap import Connection, Listed
from channels.email.imap_account import Dropped, NotDone
from channels.email.imap_syntax import search_date
from channels.email.lead import Lead, LeadLost, words
from channels.email.mailboxes import Mailboxes, Position
from channels.email.pace import Pace

log = logging.getLogger(__name__)

_AT_ONCE = 100  # mails asked for in one command
_BYTES_AT_ONCE = 4 * 2**20
_LARGEST = 25 * 2**20  # bytes; of a larger mail only the beginning is fetched
_BEGINNING = 256 * 2**10
_WINDOW = 10_000  # UIDs looked through by one search
_SETTLE_EVERY = 2.0  # seconds
_DROPS = 10  # so often may the server hang up on one mail


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A mail as the server has it. (mailbox, `uidvalidity`, `uid`) is its key."""

    uid: int
    uidvalidity: int
    raw: bytes


class Taking:
    """Takes what is there beyond `position`, the place reached. It outlives connections."""

    def __init__(
        self,
        *,
        name: str,
        mailboxes: Mailboxes,
        accept: Callable[[Fetched], Awaitable[None]],
        since: Literal["today", "all"],
        processed: str,
        pace: Pace,
        lead: Lead,
        wellbeing: Wellbeing,
    ) -> None:
        self.position: Position | None = None
        self._name = name
        self._mailboxes = mailboxes
        self._accept = accept
        self._since = since
        self._processed = processed
        self._pace = pace
        self._lead = lead
        self._wellbeing = wellbeing
        self._unmarked: list[int] = []
        self._drops: Counter[int] = Counter()

    async def recall(self) -> None:
        """Find the place reached, by whoever read the mailbox before us."""
        self.position = await self._mailboxes.position(self._name)

    async def take(self, connection: Connection) -> None:
        """Take everything that is there."""
        if self.position is None or self.position.uidvalidity != connection.uidvalidity:
            self._unmarked.clear()
            self._drops.clear()
            await self._begin(connection)
        await self._catch_up(connection)
        await self._mark(connection)

    async def _begin(self, connection: Connection) -> None:
        """The first time, or after UIDVALIDITY changed: all UIDs are new, and most mails are not.

        Nothing is noted before all of it is durable: begun again, it chooses the same mails once more.
        """
        now, last = datetime.now(UTC), connection.next_uid - 1
        if self._since == "all":
            await self._advance(Position(uidvalidity=connection.uidvalidity, uid=0))
            return
        if self.position is not None and self.position.received_at is not None:
            # What came in while we were away may have been read by a person; a day, for all time zones.
            criteria = f"SINCE {search_date((self.position.received_at - timedelta(days=1)).date())}"
        else:
            # Mail of the evening is not lost to those who start at midnight.
            criteria = f"UNSEEN SINCE {search_date((now.astimezone() - timedelta(hours=1)).date())}"
        log.info("mailbox %s: begins with what is %s", self._name, criteria)
        async for uids in self._windows(connection, 0, criteria):
            await self._take_all(connection, uids, advancing=False)
        await self._advance(Position(uidvalidity=connection.uidvalidity, uid=last, received_at=now))

    async def _catch_up(self, connection: Connection) -> None:
        """Read everything beyond the position."""
        assert self.position is not None
        async for uids in self._windows(connection, self.position.uid):
            await self._take_all(connection, uids, advancing=True)
            if uids and self.position.uid < uids[-1]:  # the last ones are gone, or were set aside
                await self._advance_to(uids[-1], None)

    async def _windows(
        self, connection: Connection, after: int, criteria: str = ""
    ) -> AsyncIterator[Sequence[int]]:
        """The UIDs after `after`, rising, never too many in one answer; without criteria, also those that
        came since the mailbox was selected."""
        first, last, width = after + 1, connection.next_uid - 1, _WINDOW
        while first <= last:
            end = min(first + width - 1, last)
            found = await connection.search(f"UID {first}:{end} {criteria}".rstrip())
            yield [uid for uid in found if first <= uid <= end]
            # Some servers leave great gaps between UIDs.
            width = _WINDOW if len(found) > _WINDOW // 10 else width * 2
            first = end + 1
        if not criteria:
            # In `9:*` the star is the last mail there is, even when that is 8.
            yield [uid for uid in await connection.search(f"UID {first}:*") if uid >= first]

    async def _take_all(self, connection: Connection, uids: Sequence[int], *, advancing: bool) -> None:
        """Hand all of these on, in order, a few at a time. A mail that the server again and again hangs up
        on is set aside: it must not hold up all others."""
        for some in self._portions(uids):
            try:
                for batch in _batches(await self._list(connection, some)):
                    await self._take(connection, batch, advancing=advancing)
            except Dropped as trouble:
                self._drops.update(uid for uid in some if uid not in self._unmarked)
                if len(some) == 1 and self._drops[some[0]] >= _DROPS:
                    why = f"the server hung up {_DROPS} times instead of handing it over: {trouble.detail}"
                    await self._set_aside(connection, some[0], b"", why)
                raise
            for uid in some:
                self._drops.pop(uid, None)

    def _portions(self, uids: Sequence[int]) -> Iterator[Sequence[int]]:
        """So many as are asked for at once; alone what the server may hang up on."""
        portion: list[int] = []
        for uid in uids:
            if self._drops[uid] >= _DROPS:  # set aside
                continue
            alone = self._drops[uid] > 1
            if portion and (alone or len(portion) == _AT_ONCE):
                yield portion
                portion = []
            portion.append(uid)
            if alone:
                yield portion
                portion = []
        if portion:
            yield portion

    async def _list(self, connection: Connection, uids: Sequence[int]) -> Sequence[Listed]:
        """Sizes and dates. What the server can't even tell of is set aside."""
        try:
            return await connection.listing(uids)
        except NotDone as refusal:
            if len(uids) > 1:
                return [mail for uid in uids for mail in await self._list(connection, [uid])]
            await self._set_aside(connection, uids[0], b"", f"not handed over: {refusal.detail}")
            return []

    async def _take(self, connection: Connection, batch: Sequence[Listed], *, advancing: bool) -> None:
        """Fetch mails and hand them on, each before the next."""
        loop = asyncio.get_running_loop()
        bodies = await self._fetch(connection, batch)
        done: list[Listed] = []
        settled_at = loop.time()
        for mail in batch:
            raw = bodies.pop(mail.uid, None)
            if raw is None:  # gone meanwhile, or set aside
                continue
            if mail.size > _LARGEST:
                why = (
                    f"larger than {_LARGEST >> 20} MB ({mail.size >> 20} MB): only its beginning was fetched"
                )
                await self._set_aside(connection, mail.uid, raw, why)
            else:
                await self._hand_on(Fetched(uid=mail.uid, uidvalidity=connection.uidvalidity, raw=raw))
            done.append(mail)
            if loop.time() - settled_at > _SETTLE_EVERY:
                await self._settle(connection, done, advancing=advancing)
                done, settled_at = [], loop.time()
        if done:
            await self._settle(connection, done, advancing=advancing)

    async def _settle(self, connection: Connection, done: Sequence[Listed], *, advancing: bool) -> None:
        """Note that these are durable, then mark them: in this order."""
        if advancing:
            await self._advance_to(done[-1].uid, max(mail.internal_date for mail in done))
        self._unmarked += [mail.uid for mail in done]
        await self._mark(connection)
        self._wellbeing.well("read")

    async def _fetch(self, connection: Connection, batch: Sequence[Listed]) -> dict[int, bytes]:
        """The bytes of each, or of one too large its beginning. What can't be handed over is set aside."""
        uids = [mail.uid for mail in batch]
        first = _BEGINNING if batch[0].size > _LARGEST else None
        try:
            return await connection.bodies(uids, first=first)
        except NotDone as refusal:
            if len(batch) > 1:
                singly = [await self._fetch(connection, [mail]) for mail in batch]
                return {uid: raw for found in singly for uid, raw in found.items()}
            if await connection.listing(uids):  # and it is not merely gone
                await self._set_aside(connection, uids[0], b"", f"not handed over: {refusal.detail}")
            return {}

    async def _hand_on(self, mail: Fetched) -> None:
        """Return once it is durable. While the store refuses, it is tried again with growing pauses.

        When it still refuses a mail that it would let us set aside, the fault lies in the mail.
        """
        failures = 0
        while True:
            try:
                async with asyncio.timeout(self._pace.acceptance):
                    await self._accept(mail)
            except Exception as error:  # the store's, or what the mail does to its reader
                failures += 1
                first = failures == 1
                log.warning("mailbox %s: mail %s was not accepted", self._name, mail.uid, exc_info=first)
                why = f"mail {mail.uid} can't be stored: {words(error)}"
            else:
                return
            self._wellbeing.trouble(why)
            if failures >= self._pace.tries:
                with contextlib.suppress(Exception):
                    await self._mailboxes.set_aside(self._name, mail.uidvalidity, mail.uid, mail.raw, why)
                    return
            await asyncio.sleep(self._pace.pause(failures))

    async def _set_aside(self, connection: Connection, uid: int, raw: bytes, why: str) -> None:
        log.warning("mailbox %s: mail %s is set aside: %s", self._name, uid, why)
        await self._mailboxes.set_aside(self._name, connection.uidvalidity, uid, raw, why)

    async def _advance_to(self, uid: int, received_at: datetime | None) -> None:
        assert self.position is not None
        known = [at for at in (self.position.received_at, received_at) if at is not None]
        await self._advance(
            Position(
                uidvalidity=self.position.uidvalidity,
                uid=uid,
                received_at=min(max(known), datetime.now(UTC)) if known else None,
            )
        )

    async def _advance(self, position: Position) -> None:
        if not await self._mailboxes.advance(self._name, position, self._lead.holder):
            raise LeadLost
        self.position = position

    async def _mark(self, connection: Connection) -> None:
        """Mark what is durable. Refused, it does no harm; cut off, it is tried again."""
        if not self._unmarked:
            return
        try:
            if self._processed == "seen":
                await connection.mark_seen(self._unmarked)
            else:
                await connection.move(self._unmarked, self._processed)
        except NotDone as refusal:
            log.warning("mailbox %s: mails are read but not marked: %s", self._name, refusal.detail)
        self._unmarked.clear()


def _batches(listed: Sequence[Listed]) -> Iterator[Sequence[Listed]]:
    """What is fetched with one command, by bytes."""
    batch: list[Listed] = []
    size = 0
    for mail in listed:
        if batch and size + mail.size > _BYTES_AT_ONCE:
            yield batch
            batch, size = [], 0
        batch.append(mail)
        size += mail.size
    if batch:
        yield batch
