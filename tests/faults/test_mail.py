"""Mail through everything at once: a hundred faults of the network, twenty kills, 500 mails that arrive."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sqlite3
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.channels.email.proxy import Proxy, proxy
from tests.postoffice import PostOffice, post_office
from tests.processes import ROOT, Process, Switchboard, switchboard, until, valkey

SENDERS, EACH = 100, 5  # of as many answers each an hour allows
MAILS = SENDERS * EACH
FAULTS, KILLS = 100, 20


def taken_in(house: Switchboard) -> int:
    return int(house.rows("SELECT COUNT(*) AS n FROM messages WHERE direction = 'in'")[0]["n"])


def reader(house: Switchboard) -> Process | None:
    """The process that reads the mailbox, if one does."""
    by_pid = {str(each.pid): each for each in house.mails if each.running}
    return next(
        (
            by_pid[pid]
            for row in house.rows("SELECT holder FROM mailboxes")
            if (pid := row["holder"].split(":")[1]) in by_pid
        ),
        None,
    )


def kill_the_reader(house: Switchboard) -> None:
    """`kill -9`, its time is over, the standby takes over and the dead one comes back as the next standby."""
    until(lambda: reader(house), 60, "somebody reads the mailbox")
    dead = reader(house)
    assert dead is not None
    dead.end(signal.SIGKILL)
    path = house.database_url.removeprefix("sqlite:///")
    with contextlib.closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as store:
        store.execute("UPDATE mailboxes SET lease_until = 0 WHERE holder LIKE ?", [f"%:{dead.pid}:%"])
    dead.launch()


def kill(house: Switchboard, chance: random.Random) -> None:
    """Each time when some mails more are in, until all are."""
    for number in range(KILLS):
        wanted = MAILS * (number + chance.random()) / KILLS
        until(lambda: taken_in(house) >= wanted, 240, f"{wanted:.0f} mails are in")  # noqa: B023
        kill_the_reader(house)


def write(office: PostOffice, house: Switchboard, chance: random.Random) -> None:
    """Nobody writes far ahead of what is read: then there would be nothing left to kill for."""
    for number in range(MAILS):
        sender = f"customer{number % SENDERS}@customer.example"
        words = f"How long does delivery to Norway take? {number}\r\n" + "And more.\r\n" * chance.choice(
            [1, 1, 1, 4000]
        )
        office.write(words, sender=sender)
        until(lambda: taken_in(house) > number - MAILS // KILLS, 240, "they are read")  # noqa: B023


async def disturb(between: Proxy, chance: random.Random) -> None:
    for _ in range(FAULTS):
        await asyncio.sleep(chance.uniform(0.2, 1.2))
        match chance.choice(["reset", "cut", "cut", "blackhole", "refuse"]):
            case "reset":
                between.reset()
            case "cut":
                between.cut_after(chance.randrange(100_000))
            case "blackhole":
                between.blackhole()
                await asyncio.sleep(chance.uniform(0.1, 1.0))
                between.recover()
            case "refuse":
                between.refusing = True
                between.reset()
                await asyncio.sleep(chance.uniform(0, 0.3))
                between.refusing = False


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_every_mail_is_one_message_in_order_and_answered_once(tmp_path: Path) -> None:
    chance = random.Random(4)
    with post_office() as office, valkey(tmp_path) as redis:
        async with proxy(office.server.port) as between:
            settings = dict(office.settings()) | {"IMAP_PORT": str(between.port)}
            given = {
                "mails": 2,
                "redis_url": redis.url,
                "settings": settings,
                "learn": ROOT / "knowledge/sample",
            }
            opening = switchboard(tmp_path, webs=0, **given)
            house = await asyncio.to_thread(opening.__enter__)
            try:
                began = time.monotonic()
                async with asyncio.TaskGroup() as everything:
                    everything.create_task(asyncio.to_thread(write, office, house, chance))
                    everything.create_task(asyncio.to_thread(kill, house, random.Random(5)))
                    everything.create_task(disturb(between, random.Random(6)))
                await asyncio.to_thread(until, lambda: taken_in(house) >= MAILS, 120, "every mail is in")
                await asyncio.to_thread(
                    until, lambda: len(office.sent) >= MAILS, 120, "every mail is answered"
                )
                print(f"\n{time.monotonic() - began:.0f} s, {between.connections} connections")
            finally:
                await asyncio.to_thread(opening.__exit__, None, None, None)
    rows = house.rows(
        "SELECT m.address, m.text FROM events e JOIN messages m ON m.id = e.message_id"
        " WHERE m.direction = 'in' ORDER BY e.contact_id, e.seq"
    )
    told = {f"customer{sender}@customer.example": list[int]() for sender in range(SENDERS)}
    for row in rows:
        told[row["address"]].append(int(row["text"].split("?")[1].split()[0]))
    assert told == {
        f"customer{sender}@customer.example": list(range(sender, MAILS, SENDERS)) for sender in range(SENDERS)
    }
    assert Counter(recipient for _, recipient, _ in office.sent) == dict.fromkeys(told, EACH)
    assert house.rows("SELECT id FROM set_aside") == []
