"""Times as the reader's clock says them, before any script does."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from starlette.requests import Request

from bot.dashboard import zones
from bot.store import Store
from tests.office import office

NOON = datetime(2026, 3, 5, 23, 30, tzinfo=UTC)


def reading(cookies: str = "", language: str = "en-GB") -> None:
    headers = [(b"cookie", cookies.encode()), (b"accept-language", language.encode())]
    zones.read_by(Request({"type": "http", "headers": headers}))


@pytest.mark.parametrize(
    ("cookies", "language", "said"),
    [
        ("", "en-GB", "5 Mar, 23:30"),
        ("switchboard_browser_zone=Asia/Tokyo", "en-US,en;q=0.8", "Mar 6, 8:30 AM"),
        ("switchboard_browser_zone=Asia/Tokyo", "de-DE", "6. März, 08:30"),
        ("switchboard_browser_zone=Asia/Tokyo; switchboard_zone=Europe/Berlin", "de", "6. März, 00:30"),
        ("switchboard_browser_zone=../../etc/passwd", "en-GB", "5 Mar, 23:30"),
        ("switchboard_browser_zone=UTC; switchboard_zone=<b>", "xx-XX", "Mar 5, 11:30 PM"),
    ],
)
def test_a_time_is_said_in_the_readers_zone(cookies: str, language: str, said: str) -> None:
    reading(cookies, language)
    assert zones.clock(NOON) == said
    assert said.startswith(zones.short(NOON))


def test_of_today_the_clock_is_enough() -> None:
    reading("switchboard_zone=Pacific/Kiritimati", "de-DE")
    now = datetime.now(UTC)
    assert zones.clock(now) == now.astimezone(ZoneInfo("Pacific/Kiritimati")).strftime("%H:%M")
    assert "," in zones.clock(now - timedelta(days=2))


async def test_a_zone_is_chosen_and_given_back(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        grace = await place.operator()
        csrf = grace.headers["x-csrf-token"]
        for zone, written in (("Asia/Tokyo", ' data-zone="Asia/Tokyo"'), ("Nowhere/At_all", ""), ("", "")):
            await grace.post("/dashboard/settings/you", data={"zone": zone, "csrf": csrf})
            page = (await grace.get("/dashboard/settings/you")).text
            [root] = re.findall(r"<html[^>]*>", page)
            assert root == f'<html lang="en"{written}>'
            assert (f"<option selected>{zone}</option>" in page) is bool(written)
