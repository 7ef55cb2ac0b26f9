"""Until tomorrow morning: the morning of the zone that the operator has chosen, whatever their clocks do."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Chat
from tests.e2e.desk import act, entry
from tests.processes import Switchboard

pytestmark = pytest.mark.slow  # every zone in a browser

ZONES = (
    *("Europe/Berlin", "America/New_York", "America/Los_Angeles", "Pacific/Auckland", "Pacific/Kiritimati"),
    *("Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Chatham", "Africa/Casablanca", "Pacific/Pago_Pago"),
    *("America/St_Johns", "UTC"),
)
_MORNINGS = """
    async ([zones, moments]) => {
        const { ends } = await import('/dashboard/static/side.js');
        return zones.map(zone => moments.map(each =>
            ['tomorrow', 'week'].map(choice => ends(choice, each, zone).getTime())));
    }
"""


def nine(now: datetime, days: int, zone: ZoneInfo) -> int:
    """Nine in the morning, so many days on, in ms."""
    day = now.astimezone(zone).date() + timedelta(days=days)
    return int(datetime.combine(day, time(9), zone).timestamp() * 1000)


def test_mornings_are_those_of_every_zone_over_a_year(desk: Page) -> None:
    begin = datetime(2024, 1, 1, tzinfo=UTC)
    moments = [begin + timedelta(hours=7 * each, minutes=31) for each in range(1254)]  # a year
    told = desk.evaluate(_MORNINGS, [ZONES, [int(each.timestamp() * 1000) for each in moments]])
    for name, mornings in zip(ZONES, told, strict=True):
        zone = ZoneInfo(name)
        for now, (tomorrow, week) in zip(moments, mornings, strict=True):
            assert tomorrow == nine(now, 1, zone), (name, now)
            weekday = now.astimezone(zone).weekday()
            assert week == nine(now, 7 - weekday, zone), (name, now)


def test_a_chosen_zone_goes_before_the_browsers(desk: Page, house: Switchboard, chat: Chat) -> None:
    zone = ZoneInfo("Pacific/Kiritimati")  # fourteen hours before UTC, no browser of the tests is there
    chat.ask("Do you repair boots, too?")
    desk.goto(f"{house.url}/dashboard/settings/you")
    desk.get_by_label("Time zone").select_option("Pacific/Kiritimati")
    act(desk, "Save")
    expect(desk.locator("html[data-zone]")).to_have_count(1)
    desk.goto(f"{house.url}/dashboard/conversations?tab=all")
    entry(desk, house, "Do you repair boots, too?").click()
    earliest = datetime.now(UTC)
    desk.locator("#side").get_by_label("Snooze").select_option(label="Until tomorrow morning")
    expect(desk.locator("#head")).to_contain_text("Snoozed")
    (row,) = house.rows(
        "SELECT DISTINCT c.snoozed_until FROM conversations c JOIN messages m ON m.conversation_id = c.id"
        " WHERE m.text = 'Do you repair boots, too?'"
    )
    told = row["snoozed_until"] / 1000
    assert any(abs(told - nine(each, 1, zone)) < 60_000 for each in (earliest, datetime.now(UTC)))
