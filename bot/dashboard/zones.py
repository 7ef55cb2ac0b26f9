"""The reader's time zone, so that a page says the times as its scripts will: nothing moves when they do."""

from __future__ import annotations

import re
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale, UnknownLocaleError
from babel.dates import format_skeleton, format_time
from starlette.requests import Request

from bot.languages import chosen

COOKIE = "switchboard_zone"  # what the reader chose
BROWSERS = "switchboard_browser_zone"  # what their browser says, as a script of ours has told

_REGION = re.compile(r"[a-z]{2,3}-[A-Z]{2}")


@dataclass(frozen=True, kw_only=True)
class _Reader:
    zone: tzinfo
    locale: Locale


_reading: ContextVar[_Reader] = ContextVar("reading")
_NOBODY = _Reader(zone=UTC, locale=Locale("en"))


@cache
def zones() -> tuple[str, ...]:
    """Every place's zone, by its name."""
    return tuple(sorted(each for each in available_timezones() if "/" in each and each[:4] != "Etc/"))


def given(request: Request) -> str:
    """The zone that the reader chose; "" when it is their browser's."""
    wanted = request.cookies.get(COOKIE, "")
    return wanted if wanted in zones() else ""


def read_by(request: Request) -> None:
    """From here on, and in this request alone, times are said as this reader's clock says them."""
    browsers = request.cookies.get(BROWSERS, "")
    name = given(request) or (browsers if browsers in available_timezones() else "")
    zone = ZoneInfo(name) if name else UTC
    _reading.set(_Reader(zone=zone, locale=_locale(request)))


def clock(moment: datetime) -> str:
    """A time: of today by the clock alone."""
    reader = _reading.get(_NOBODY)
    at = moment.astimezone(reader.zone)
    return _time(at, reader) if _today(at, reader) else f"{_day(at, reader)}, {_time(at, reader)}"


def short(moment: datetime) -> str:
    """A time as short as it can be: of today the clock, else the day."""
    reader = _reading.get(_NOBODY)
    at = moment.astimezone(reader.zone)
    return _time(at, reader) if _today(at, reader) else _day(at, reader)


def _today(at: datetime, reader: _Reader) -> bool:
    return at.date() == datetime.now(reader.zone).date()


def _time(at: datetime, reader: _Reader) -> str:
    """As browsers write it: with a plain space."""
    return format_time(at, "short", locale=reader.locale).replace("\u202f", " ")


def _day(at: datetime, reader: _Reader) -> str:
    return format_skeleton("MMMd", at, locale=reader.locale)


def _locale(request: Request) -> Locale:
    """The reader's language as it is written where they are, if their browser says where."""
    code = chosen(request)
    named = _REGION.findall(request.headers.get("accept-language", "")[:1_000])
    region = next((each for each in named if each.startswith(f"{code}-")), code)
    try:
        return Locale.parse(region, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale(code)
