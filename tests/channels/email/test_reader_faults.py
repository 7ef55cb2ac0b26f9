"""What networks, servers and processes do to a reader: nothing is skipped, nothing is twice, all in order."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from channels.email.imap_account import Account, Security
from channels.email.pace import Pace
from channels.email.reader import MailboxReader
from tests.channels.email.dovecot import Dovecot, dovecot
from tests.channels.email.imap_server import PASSWORD, USER
from tests.channels.email.postbox import Postbox, reading, until
from tests.channels.email.proxy import Proxy, proxy

PACE = Pace(patience=1, poll=1, lease=10, first_pause=0.02, longest_pause=0.1, lasting_pause=1)


@pytest.fixture(scope="module")
def _server() -> Iterator[Dovecot]:
    with dovecot() as server:
        yield server


@pytest.fixture
def server(_server: Dovecot) -> Dovecot:
    """Dovecot with an empty mailbox."""
    with contextlib.suppress(FileNotFoundError):
        _server.recreate()
    return _server


@pytest.fixture
async def between(server: Dovecot) -> AsyncIterator[Proxy]:
    async with proxy(server.port) as standing:
        yield standing


def mail(number: int, size: int = 500) -> bytes:
    body = b"* line {9}\r\n" * (size // 12)
    return b"Message-ID: <%d@example.org>\r\n\r\n" % number + body


def reader(postbox: Postbox, port: int, *, security: Security = "none", **changes: Any) -> MailboxReader:
    account = Account(host="127.0.0.1", port=port, user=USER, password=PASSWORD, security=security)
    given: dict[str, Any] = {"accept": postbox.accept, "since": "all", "pace": PACE}
    return MailboxReader(name="support", account=account, mailboxes=postbox, **given | changes)


async def test_a_reset_while_idling_is_noticed_at_once(server: Dovecot, between: Proxy) -> None:
    postbox = Postbox()
    pace = dataclasses.replace(PACE, poll=300, patience=60)
    async with reading(reader(postbox, between.port, pace=pace)) as support:
        await until(lambda: support.health.state == "up")
        between.reset()
        await until(lambda: between.connections == 2)
        await asyncio.to_thread(server.deliver, mail(1))
        await postbox.until(lambda: postbox.accepted)


async def test_a_half_open_connection_is_noticed(server: Dovecot, between: Proxy) -> None:
    postbox = Postbox()
    async with reading(reader(postbox, between.port)) as support:
        await until(lambda: support.health.state == "up")
        between.blackhole()
        await asyncio.to_thread(server.deliver, mail(1))
        await until(lambda: "has not answered for 1 s" in support.health.error)
        between.recover()
        await postbox.until(lambda: postbox.accepted)


async def test_a_mail_cut_off_in_the_middle_is_fetched_again(server: Dovecot, between: Proxy) -> None:
    await asyncio.to_thread(server.deliver, mail(1, 50_000), mail(2, 50_000))
    postbox = Postbox()
    between.cut_after(70_000)
    async with reading(reader(postbox, between.port)):
        await postbox.until(lambda: len(postbox.accepted) == 2)
        assert between.connections == 2
    assert [each.raw for each in postbox.accepted.values()] == [mail(1, 50_000), mail(2, 50_000)]


async def test_a_slow_server_is_not_taken_for_a_dead_one(server: Dovecot, between: Proxy) -> None:
    await asyncio.to_thread(server.deliver, mail(1, 150_000))
    between.speed = 50_000.0  # three times as long as silence is borne
    postbox = Postbox()
    async with reading(reader(postbox, between.port)):
        await postbox.until(lambda: postbox.accepted)
        assert between.connections == 1


async def test_connections_that_each_bring_a_mail_are_renewed_without_growing_pauses(
    server: Dovecot, between: Proxy
) -> None:
    mails = [mail(number, 60_000) for number in range(9)]
    await asyncio.to_thread(server.deliver, *mails)
    postbox = Postbox()
    between.each_at_most = 100_000
    pace = dataclasses.replace(PACE, first_pause=0.1, longest_pause=60)
    async with reading(reader(postbox, between.port, pace=pace)):
        await postbox.until(lambda: len(postbox.accepted) == 9, within=10)
    assert [each.raw for each in postbox.accepted.values()] == mails


async def test_a_server_that_is_away_is_found_again(tmp_path: Path) -> None:
    with dovecot() as server:
        postbox = Postbox()
        async with reading(reader(postbox, server.port)) as support:
            await until(lambda: support.health.state == "up")
            await asyncio.to_thread(server.end)
            await until(lambda: "nothing listens" in support.health.error)
            assert support.health.state == "degraded"
            await asyncio.to_thread(server.start)
            await asyncio.to_thread(server.deliver, mail(1))
            await postbox.until(lambda: postbox.accepted)


async def test_a_mail_that_makes_the_server_hang_up_does_not_hold_up_the_others(
    server: Dovecot, between: Proxy
) -> None:
    """The second is never handed over: the connection ends in the middle of it."""
    await asyncio.to_thread(server.deliver, mail(1), mail(2, 200_000), mail(3))
    postbox = Postbox()

    between.each_at_most = 100_000
    async with reading(reader(postbox, between.port)) as support:
        await until(lambda: support.health.last_uid == 3)
    assert postbox.uids == [1, 3]
    assert "hung up" in next(iter(postbox.aside.values())).why


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize(("seed", "security"), [(1, "none"), (2, "ssl")])
async def test_500_mails_arrive_once_and_in_order_through_a_hundred_faults(
    server: Dovecot, seed: int, security: Security, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
    chance = random.Random(seed)
    sizes = [chance.choice([200, 3_000, 40_000]) for _ in range(500)]
    mails = [mail(number, size) for number, size in enumerate(sizes)]
    postbox = Postbox()

    async def arrive() -> None:
        for start in range(0, 500, 5):
            await asyncio.to_thread(server.deliver, *mails[start : start + 5])
            await asyncio.sleep(chance.uniform(0, 0.6))

    async def disturb(between: Proxy) -> None:
        for _ in range(100):
            await asyncio.sleep(chance.uniform(0.05, 0.6))
            match chance.choice(["reset", "cut", "cut", "blackhole", "refuse", "slow"]):
                case "reset":
                    between.reset()
                case "cut":
                    between.cut_after(chance.randrange(60_000))
                case "blackhole":
                    between.blackhole()
                    await asyncio.sleep(chance.uniform(0.1, 1.5))
                    between.recover()
                case "refuse":
                    between.refusing = True
                    between.reset()
                    await asyncio.sleep(chance.uniform(0, 0.3))
                    between.refusing = False
                case "slow":
                    between.speed = 200_000.0
                    await asyncio.sleep(0.2)
                    between.speed = None

    async with (
        asyncio.timeout(180),
        proxy(server.tls_port if security == "ssl" else server.port) as between,
        reading(reader(postbox, between.port, security=security)) as support,
    ):
        async with asyncio.TaskGroup() as both:
            both.create_task(arrive())
            both.create_task(disturb(between))
        await postbox.until(lambda: len(postbox.accepted) == 500, within=30)
        await until(lambda: support.health.state == "up" and support.health.last_uid == 500)
    assert postbox.uids == list(range(1, 501))
    assert [each.raw for each in postbox.accepted.values()] == mails
    assert postbox.aside == {}
    print(f"\n{between.connections} connections, {postbox.offered - 500} mails offered again")


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", [1, 2])
async def test_a_reader_that_dies_anywhere_skips_nothing(server: Dovecot, seed: int) -> None:
    """Others see what it does only when it waits: so it is ended after any number of its waits.

    The postbox refuses every position ahead of what is durable.
    """
    chance = random.Random(seed)
    mails = [mail(number, chance.choice([200, 3_000, 40_000])) for number in range(1000)]
    await asyncio.to_thread(server.deliver, *mails)
    postbox = Postbox()
    deaths = 0
    async with asyncio.timeout(180):
        while len(postbox.accepted) < 1000:
            task = asyncio.create_task(reader(postbox, server.port).run())
            steps = postbox.steps + chance.choice([chance.randrange(1, 8), chance.randrange(1, 160)])
            await postbox.until(lambda steps=steps: postbox.steps >= steps or len(postbox.accepted) == 1000)
            for _ in range(chance.randrange(12)):
                await asyncio.sleep(0)
            await asyncio.sleep(chance.choice([0, 0, 0.001, 0.005]))
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            deaths += 1
            if deaths % 10 == 0:
                flags = await asyncio.to_thread(server.flags)
                assert {uid for uid in flags if r"\Seen" in flags[uid]} <= set(postbox.uids)
        async with reading(reader(postbox, server.port)) as support:
            await until(lambda: support.health.state == "up" and support.health.last_uid == 1000)
    assert postbox.uids == list(range(1, 1001))
    assert [each.raw for each in postbox.accepted.values()] == mails
    print(f"\n{deaths} deaths, {postbox.offered - 1000} mails offered again")
