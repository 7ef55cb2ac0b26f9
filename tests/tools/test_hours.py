"""Office hours: when people are there again, in every zone, over holidays and clock changes, and in words."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.orchestrator.agent import Hours
from bot.orchestrator.language import LANGUAGES
from tests.tools.given import context
from tools.hours import OfficeHours, business_hours
from tools.moments import how_it_is, in_words, the_week

BERLIN = {"timezone": "Europe/Berlin", "mon-fri": "09:00-18:00"}


def hours(**section: Any) -> OfficeHours:
    return OfficeHours.model_validate(section or BERLIN)


def at(written: str, zone: str = "Europe/Berlin") -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=ZoneInfo(zone))


def back(office: OfficeHours, moment: datetime) -> str | None:
    found = office.next_opening(moment)
    return found.astimezone(office.zone).strftime("%a %d %H:%M") if found else None


def test_it_is_what_a_turn_wants_to_know() -> None:
    office: Hours = hours()
    assert office.next_opening(at("2026-03-06T17:59")) is None


@pytest.mark.parametrize(
    ("moment", "opens"),
    [
        ("2026-03-02T08:59", "Mon 02 09:00"),
        ("2026-03-02T09:00", None),
        ("2026-03-02T18:00", "Tue 03 09:00"),
        ("2026-03-06T18:00", "Mon 09 09:00"),  # a Friday
        ("2026-03-28T12:00", "Mon 30 09:00"),  # the clock goes forward on Sunday
        ("2026-10-24T12:00", "Mon 26 09:00"),  # and back
    ],
)
def test_the_next_opening(moment: str, opens: str | None) -> None:
    assert back(hours(), at(moment)) == opens


def test_a_day_can_have_a_break_and_a_rule_of_its_own() -> None:
    office = hours(
        **{
            "timezone": "Europe/Rome",
            "mon-sat": ["08:30-12:00", "14:00-19:00"],
            "sat": "closed",
            "wed": "10:00-11:00",
        }
    )
    assert back(office, at("2026-03-02T12:30", "Europe/Rome")) == "Mon 02 14:00"
    assert back(office, at("2026-03-04T11:00", "Europe/Rome")) == "Thu 05 08:30"
    assert back(office, at("2026-03-06T20:00", "Europe/Rome")) == "Mon 09 08:30"
    assert office.written()["sat"] == []
    assert office.written()["mon"] == ["08:30-12:00", "14:00-19:00"]


def test_a_night_reaches_into_the_next_day() -> None:
    office = hours(**{"fri-sat": "22:00-04:00"})
    assert back(office, datetime(2026, 3, 7, 3, 59, tzinfo=UTC)) is None
    assert back(office, datetime(2026, 3, 7, 4, 0, tzinfo=UTC)) == "Sat 07 22:00"
    assert back(office, datetime(2026, 3, 8, 4, 0, tzinfo=UTC)) == "Fri 13 22:00"


def test_somebody_is_always_there() -> None:
    office = hours(**{"mon-sun": "00:00-24:00"})
    now = datetime(2026, 3, 7, 3, tzinfo=UTC)
    assert office.next_opening(now) is None
    assert office.how_it_is("en", now=now) == "Our team is here right now."


def test_nobody_is_there_on_holidays() -> None:
    office = hours(**BERLIN, closed=["2026-12-24 - 2027-01-03", "2026-12-22"])
    assert back(office, at("2026-12-21T19:00")) == "Wed 23 09:00"
    assert back(office, at("2026-12-23T19:00")) == "Mon 04 09:00"
    assert office.said(at("2027-01-04T09:00"), "de", now=at("2026-12-23T19:00")) == (
        "am Montag, dem 4. Januar, um 09:00 Uhr"
    )


@given(
    hour=st.integers(0, 3 * 365 * 24),
    zone=st.sampled_from(["Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia"]),
    spans=st.sampled_from(["09:00-18:00", "22:00-06:00", ["00:00-08:00", "12:00-24:00"], "02:15-02:45"]),
)
def test_whoever_is_told_when_finds_somebody_then(hour: int, zone: str, spans: Any) -> None:
    office = hours(**{"timezone": zone, "mon": spans, "wed-thu": spans})
    now = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=hour)
    opens = office.next_opening(now)
    if opens is None:
        closes = office.closing(now)
        assert closes is not None
        assert closes > now
    else:
        assert now < opens < now + timedelta(days=8)
        # a span inside the hour that a clock change skips has no moment at all
        assert office.next_opening(opens) is None or spans == "02:15-02:45"


def due(office: OfficeHours, moment: str, seconds: float) -> str | None:
    found = office.after(at(moment), seconds)
    return found.astimezone(office.zone).strftime("%a %d %H:%M") if found else None


@pytest.mark.parametrize(
    ("moment", "hours_open", "then"),
    [
        ("2026-03-02T09:00", 1, "Mon 02 10:00"),
        ("2026-03-02T08:00", 1, "Mon 02 10:00"),
        ("2026-03-02T17:30", 1, "Tue 03 09:30"),
        ("2026-03-02T17:00", 1, "Mon 02 18:00"),  # and not the next morning
        ("2026-03-06T17:59", 18, "Tue 10 17:59"),  # over a weekend
        ("2026-12-23T17:00", 2, "Mon 04 10:00"),  # over holidays
    ],
)
def test_only_the_time_in_which_people_are_there_is_counted(
    moment: str, hours_open: float, then: str
) -> None:
    office = hours(**BERLIN, closed=["2026-12-24 - 2027-01-03"])
    assert due(office, moment, hours_open * 3600) == then


def test_the_hour_that_a_clock_leaves_out_is_not_counted_and_the_one_it_repeats_is_twice() -> None:
    always = hours(timezone="Europe/Berlin", **{"mon-sun": "00:00-24:00"})
    assert due(always, "2026-03-28T23:00", 5 * 3600) == "Sun 29 05:00"
    assert due(always, "2026-10-24T23:00", 5 * 3600) == "Sun 25 03:00"


def test_time_in_which_two_spans_overlap_is_counted_once() -> None:
    office = hours(timezone="Europe/Berlin", mon="22:00-06:00", tue=["05:00-07:00", "05:30-06:30"])
    assert due(office, "2026-03-02T22:00", 9 * 3600) == "Tue 03 07:00"
    assert office.before(at("2026-03-03T12:00"), 9 * 3600) == at("2026-03-02T22:00")


def test_what_never_comes_has_no_time() -> None:
    office = hours(timezone="Europe/Berlin", mon="09:00-09:01")
    assert office.after(at("2026-03-02T09:00"), 86_400) is None
    assert office.before(at("2026-03-02T09:00"), 86_400) is None
    assert office.before(at("2026-03-02T09:00"), 60 * 100) == at("2024-04-01T09:00")


ZONES = ["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "America/Santiago", "UTC"]
SPANS = [
    "09:00-18:00",
    "22:00-06:00",
    ["00:00-08:00", "12:00-24:00"],
    ["02:15-02:45", "02:30-04:00"],
    ["01:00-03:00", "23:00-01:30"],
]
CHANGES = [  # days on which a clock goes forward or back somewhere
    *(datetime(2026, month, day, tzinfo=UTC) for month, day in ((3, 8), (3, 28), (4, 4), (9, 5), (10, 3))),
    *(datetime(2026, month, day, tzinfo=UTC) for month, day in ((10, 24), (10, 31), (7, 1))),
]


@given(
    day=st.sampled_from(CHANGES),
    minute=st.integers(-2 * 1440, 2 * 1440),
    zone=st.sampled_from(ZONES),
    spans=st.sampled_from(SPANS),
    length=st.integers(1, 700),
)
@settings(deadline=None, max_examples=50)
def test_as_many_minutes_are_open_before_a_time_as_were_asked_for(
    *, day: datetime, minute: int, zone: str, spans: Any, length: int
) -> None:
    office = hours(**{"timezone": zone, "sat-mon": spans, "wed": spans})
    since = day + timedelta(minutes=minute)
    then = office.after(since, length * 60)
    assert then is not None
    counted, at_minute = 0, since
    while counted < length:
        assert at_minute < then
        counted += office.closing(at_minute) is not None
        at_minute += timedelta(minutes=1)
    assert at_minute == then


@given(
    day=st.sampled_from(CHANGES),
    seconds=st.integers(-7 * 86_400, 7 * 86_400),
    since=st.integers(-9 * 86_400, 7 * 86_400),
    zone=st.sampled_from(ZONES),
    spans=st.sampled_from(SPANS),
    length=st.integers(1, 2 * 86_400),
)
@settings(deadline=None)
def test_looking_back_and_looking_ahead_agree_on_what_is_late(
    *, day: datetime, seconds: int, since: int, zone: str, spans: Any, length: int
) -> None:
    office = hours(**{"timezone": zone, "sat-mon": spans, "wed": spans})
    now, began = day + timedelta(seconds=seconds), day + timedelta(seconds=since)
    then, latest = office.after(began, length), office.before(now, length)
    assert then is not None
    assert latest is not None
    assert (then <= now) == (began <= latest)
    edge = office.after(latest, length)
    assert edge is not None
    assert edge <= now


@pytest.mark.parametrize(
    ("section", "why"),
    [
        ({"mon": "closed", "closed": ["2026-12-24"]}, "on no day"),
        ({"timezone": "Mars/Olympus", "mon": "09:00-18:00"}, "timezone: 'Mars/Olympus' is not known"),
        ({"timezone": "../../etc/passwd", "mon": "09:00-18:00"}, "is not known"),
        ({"mom": "09:00-18:00"}, "mom: there is no such setting"),
        ({"mon": "9-18"}, "mon: '9-18' is not written"),
        ({"mon": "09:00-25:00"}, "no times of a day"),
        ({"mon": "09:60-18:00"}, "no times of a day"),
        ({"mon": "09:00-09:00"}, "no times of a day"),
        ({"mon": 9}, "is not written"),
        ({"mon": "09:00-18:00", "closed": "Christmas"}, "closed: 'Christmas' is not written"),
        ({"mon": "09:00-18:00", "closed": "2026-12-24 - 2026-12-20"}, "closed"),
        (5, "mon-fri"),
    ],
)
def test_a_mistake_is_told(section: Any, why: str) -> None:
    with pytest.raises(ValidationError) as caught:
        OfficeHours.model_validate(section)
    assert why in str(caught.value)


@pytest.mark.parametrize("language", [*LANGUAGES, "xx"])
def test_every_language_says_when(language: str) -> None:
    now = at("2026-03-04T20:00")
    told = {days: in_words(now + timedelta(days=days, hours=13), language, now=now) for days in range(9)}
    assert len(set(told.values())) == 9
    assert all("09:00" in each and "{" not in each for each in told.values())
    for closes in (None, now):
        sentence = how_it_is(closes=closes, opens=now + timedelta(days=1), language=language, now=now)
        assert "{" not in sentence
        assert sentence.endswith(".")


def test_days_are_named_as_people_name_them() -> None:
    now = at("2026-03-04T20:00")  # a Wednesday
    said = [hours().said(at(day), "en", now=now) for day in ("2026-03-04T21:00", "2026-03-05T09:00")]
    said += [hours().said(at(day), "en", now=now) for day in ("2026-03-06T09:00", "2026-03-11T09:00")]
    assert said == [
        "today at 21:00",
        "tomorrow at 09:00",
        "on Friday at 09:00",
        "on Wednesday, 11 March, at 09:00",
    ]


def test_a_zone_alone_says_nothing_of_hours() -> None:
    office = hours(timezone="Europe/Berlin")
    assert (office.zone.key, office.known, hours().known) == ("Europe/Berlin", False, True)


async def test_customers_are_told() -> None:
    tool = business_hours(hours(**{"timezone": "Europe/Berlin", "mon-sun": "00:00-24:00"}))
    told = json.loads(await tool.call(context(language="de"), tool.check({})))
    assert told["said"] == "Unser Team ist gerade da."
    assert told["hours"] == "Mo–So 00:00-24:00 (Europe/Berlin)"


def test_the_week_is_told_with_days_alike_put_together() -> None:
    office = hours(**{"mon-fri": ["09:00-12:00", "13:00-18:00"], "wed": "closed", "sun": "10:00-11:00"})
    week = list(office.written().values())
    assert the_week(week, "en") == (
        "Mon–Tue 09:00-12:00 + 13:00-18:00, Thu–Fri 09:00-12:00 + 13:00-18:00, Sun 10:00-11:00"
    )
    assert the_week(week, "pl").startswith("pon.–wt. ")
    assert all(len(set(the_week(week, language).split(", "))) == 3 for language in LANGUAGES)
