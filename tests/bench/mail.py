"""From the mailbox to the store: how fast a full one is taken in, and how soon a new mail is a message."""

from __future__ import annotations

import time
from pathlib import Path

from tests.bench.driver import percentile
from tests.bench.report import Report
from tests.bench.subjects import OURS
from tests.channels.email.dovecot import PROGRAM
from tests.postoffice import SUPPORT, PostOffice, post_office
from tests.processes import Switchboard, running, until, valkey

_SINGLE = 40  # mails that come one after the other
_WORDS = "How long does delivery to Norway take? " * 20


def measure(report: Report, folder: Path, *, mails: int) -> None:
    """One mail process on SQLite that finds so many mails, and then hears of single ones."""
    if not Path(PROGRAM).exists():
        report.out.print("Dovecot is not installed: no mailbox was read")
        return
    at = folder / "mailbox"
    at.mkdir()
    with post_office() as office, valkey(at) as redis:
        house = Switchboard(at, webs=0, workers=0, mails=1, redis_url=redis.url, settings=office.settings())
        house.command("migrate")
        for number in range(mails):
            office.write(_WORDS, sender=f"customer{number}@customer.example")
        with running(house.mails):
            until(lambda: _stored(house), 60, "the first mail")
            began, before, memory = time.monotonic(), _stored(house), _memory(house)
            until(lambda: _stored(house) >= mails, 600, "all mails")
            rate = (mails - before) / (time.monotonic() - began)
            grown = _memory(house) - memory
            soon = [each * 1000 for each in _one_by_one(office, house, mails)]
    told = {
        "mails a second out of a full mailbox": rate,
        "MB grown by": grown,
        "ms from the server's word to the row, p50": percentile(soon, 50),
        "ms from the server's word to the row, p95": percentile(soon, 95),
    }
    report.section(
        f"From a mailbox of {mails:,} mails to the store",
        {what: {OURS: value} for what, value in told.items()},
        "as named",
    )
    report.verdict("mails stored a second", rate, at_least=50)
    report.verdict("MB grown while storing them", grown, at_most=50)
    report.verdict("IDLE to stored, p50 in ms", percentile(soon, 50), at_most=200)


def _one_by_one(office: PostOffice, house: Switchboard, before: int) -> list[float]:
    """Seconds from another program's hearing of each mail until it is stored: the server itself takes half
    a second to tell of it."""
    found = []
    with office.server.client(SUPPORT) as client:
        client.send(b"W IDLE\r\n")
        client.readline()
        for number in range(1, _SINGLE + 1):
            office.write(_WORDS, sender=f"single{number}@customer.example")
            while b"EXISTS" not in client.readline():
                pass
            heard = time.monotonic()
            until(lambda: _stored(house) >= before + number, 20, "the mail")  # noqa: B023
            found.append(time.monotonic() - heard)
        client.send(b"DONE\r\n")
        client.readline()
    return found


def _stored(house: Switchboard) -> int:
    return int(house.rows("SELECT COUNT(*) AS n FROM messages")[0]["n"])


def _memory(house: Switchboard) -> float:
    return float(house.mails[0].figures().memory_info().rss / 2**20)
