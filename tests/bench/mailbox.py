"""Reading mail: how fast a full mailbox is read, at what cost, and how soon a mail is there that is told of.

`python -m tests.bench.mailbox` runs it alone. What is done with a mail once it is handed on is not in it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import psutil
from rich.console import Console

from channels.email.imap_account import Account
from channels.email.reader import MailboxReader
from channels.email.taking import Fetched
from tests.bench.driver import percentile
from tests.bench.report import Report
from tests.channels.email.dovecot import Dovecot, dovecot
from tests.channels.email.imap_server import PASSWORD, USER
from tests.channels.email.postbox import Postbox, until
from tests.channels.email.proxy import proxy

OURS = "Switchboard"


class _Forgetful(Postbox):
    """Counts mails and keeps none, so that memory shows what reading itself holds."""

    def __init__(self) -> None:
        super().__init__()
        self.cursor_may_skip = True
        self.count = 0
        self.arrivals: list[float] = []
        self.memory: list[float] = []  # MiB, after every hundredth mail
        self._process = psutil.Process()

    async def accept(self, mail: Fetched) -> None:
        self.count += 1
        self.arrivals.append(time.perf_counter())
        if self.count % 100 == 0:
            self.memory.append(self._process.memory_info().rss / 2**20)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A full mailbox, read."""

    mails_a_second: float
    megabytes_a_second: float
    cpu_ms_each: float
    grown: float  # MiB, from the first tenth on
    waits: Sequence[float] = field(repr=False)  # ms from the server's word of a mail to its being handed on


async def read(server: Dovecot, *, count: int, told: int) -> Reading:
    """Read `count` mails that are there, then `told` ones that come one by one."""
    chance = random.Random(5)
    sizes = [min(int(chance.lognormvariate(8.5, 1.0)), 400_000) for _ in range(count)]
    line = b"A line of a mail as a customer writes it, with nothing special in it.\r\n"
    for start in range(0, count, 100):
        mails = [
            b"From: customer@example.org\r\nSubject: %d\r\n\r\n" % number + line * (size // len(line) + 1)
            for number, size in enumerate(sizes[start : start + 100])
        ]
        await asyncio.to_thread(server.deliver, *mails)
    del mails
    account = Account(host="127.0.0.1", port=server.port, user=USER, password=PASSWORD, security="none")
    store = _Forgetful()
    process = psutil.Process()
    before, began = process.cpu_times(), time.perf_counter()
    async with _reading(store, account) as support:
        await until(lambda: support.health.last_uid == count, within=300)
        seconds, after = time.perf_counter() - began, process.cpu_times()
    waits = await _told(server, store, told)
    used = after.user + after.system - before.user - before.system
    return Reading(
        mails_a_second=count / seconds,
        megabytes_a_second=sum(sizes) / 2**20 / seconds,
        cpu_ms_each=used * 1000 / count,
        grown=max(store.memory) - max(store.memory[: max(1, len(store.memory) // 10)]),
        waits=waits,
    )


async def _told(server: Dovecot, store: _Forgetful, count: int) -> list[float]:
    """Milliseconds from the server's EXISTS to the mail's being handed on."""
    waits = []
    async with proxy(server.port) as between:
        account = Account(host="127.0.0.1", port=between.port, user=USER, password=PASSWORD, security="none")
        async with _reading(store, account):
            for _ in range(count):
                await until(lambda: between.idling)
                before = store.count
                await asyncio.to_thread(server.deliver, b"Subject: now\r\n\r\nHello?\r\n")
                await until(lambda before=before: store.count > before)
                waits.append((store.arrivals[-1] - between.told_at) * 1000)
    return waits


@contextlib.asynccontextmanager
async def _reading(store: Postbox, account: Account) -> AsyncIterator[MailboxReader]:
    reader = MailboxReader(name="bench", account=account, mailboxes=store, accept=store.accept, since="all")
    task = asyncio.create_task(reader.run())
    try:
        yield reader
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def measure(report: Report, *, count: int = 5000, told: int = 30) -> None:
    """A mailbox of `count` mails, from Dovecot."""
    with dovecot() as server:
        found = await read(server, count=count, told=told)
    figures = {
        "mails a second": found.mails_a_second,
        "MB a second": found.megabytes_a_second,
        "CPU of a mail, ms": found.cpu_ms_each,
        "memory grown, MiB": found.grown,
        "told to handed on, p50, ms": percentile(found.waits, 50),
        "told to handed on, p95, ms": percentile(found.waits, 95),
    }
    report.section(
        f"Reading a mailbox of {count:,} mails",
        {key: {OURS: value} for key, value in figures.items()},
        "as named",
    )
    report.verdict("mails read a second", found.mails_a_second, at_least=50)
    report.verdict("memory grown while reading, MiB", found.grown, at_most=16)
    report.verdict(
        "from IDLE's word to handed on, p50 in ms", figures["told to handed on, p50, ms"], at_most=200
    )


if __name__ == "__main__":
    asyncio.run(measure(Report(Console()), count=int(sys.argv[1]) if len(sys.argv) > 1 else 5000))
