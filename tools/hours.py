"""When people are there: `[hours]` of bot.toml, and the tool that tells customers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from pydantic import BaseModel, ConfigDict, model_validator

from tools.base import Tool, ToolContext
from tools.function import tool
from tools.moments import how_it_is, in_words, the_week

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*[-–]\s*(\d{1,2}):(\d{2})")
_DAY = 24 * 60  # minutes
_FARTHEST = 800  # days looked ahead: longer than any list of holidays in a row
_NEAR = 14  # days looked back at first
_ALWAYS = timedelta(days=14)  # who is there for so long without a break does not go home

Span = tuple[int, int]  # minutes from a day's midnight; the end may lie in the next day


class OfficeHours(BaseModel):
    """[hours]: `timezone`, and for days ("mon", "mon-fri", "sat,sun") "09:00-18:00", several of these in a
    list, or "closed". A day named by itself goes before a range; without any, only the zone is known.
    `closed` lists dates without anybody, "2026-12-25" or "2026-12-24 - 2027-01-01"."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    zone: ZoneInfo
    week: tuple[tuple[Span, ...], ...]
    closed: frozenset[date]

    @model_validator(mode="before")
    @classmethod
    def _read(cls, section: Any) -> Any:
        if not isinstance(section, Mapping):
            raise ValueError('it is written like mon-fri = "09:00-18:00"')  # noqa: TRY004  pydantic's to tell
        told = dict(section)
        zone = _zone(told.pop("timezone", "UTC"))
        closed = frozenset(day for each in _list(told.pop("closed", [])) for day in _dates(each))
        if len(closed) > _FARTHEST // 2:
            raise ValueError("closed: these are too many days")
        week: list[tuple[Span, ...]] = [()] * 7
        for days, value in sorted(
            ((_days(key), value) for key, value in told.items()), key=lambda each: -len(each[0])
        ):
            for day in days:
                week[day] = _spans(_DAYS[day], value)
        if told and not any(week):
            raise ValueError('on no day anybody is there; it is written like mon-fri = "09:00-18:00"')
        return {"zone": zone, "week": tuple(week), "closed": closed}

    @property
    def known(self) -> bool:
        """Whether it says when people are there, and not only in which zone they live."""
        return any(self.week)

    def next_opening(self, moment: datetime) -> datetime | None:
        """When people are there again; None while they are."""
        if self.closing(moment) is not None:
            return None
        return self._opening(moment)

    def closing(self, moment: datetime) -> datetime | None:
        """Until when people are there; None while they are not."""
        end = None
        for begins, ends in self._spans(moment):
            if begins > (end or moment):
                break
            if (end or moment) < ends:
                end = ends
        return end

    def after(self, moment: datetime, seconds: float) -> datetime | None:
        """When people have been there for so long since a moment; None when that never comes."""
        left = timedelta(seconds=seconds)
        for begins, ends in self._open(moment, _FARTHEST):
            if ends - begins >= left:
                return begins + left
            left -= ends - begins
        return None

    def before(self, moment: datetime, seconds: float) -> datetime | None:
        """Since when at the latest people must have been there for so long up to a moment; None when they
        never were. Whatever began until then is `after` it no later than the moment."""
        for days in (_NEAR, _FARTHEST):
            left = timedelta(seconds=seconds)
            for begins, ends in reversed(list(self._open(moment - timedelta(days=days), days, moment))):
                if ends - begins >= left:
                    return ends - left
                left -= ends - begins
        return None

    def said(self, moment: datetime, language: str, *, now: datetime | None = None) -> str:
        """A moment in words: "on Monday at 09:00"."""
        return in_words(
            moment.astimezone(self.zone), language, now=(now or datetime.now(UTC)).astimezone(self.zone)
        )

    def how_it_is(self, language: str, *, now: datetime) -> str:
        """Whether somebody is there, in a sentence or two."""
        closes = self.closing(now)
        always = closes is not None and closes - now > _ALWAYS
        opens = None if always else self._opening(closes or now)
        return how_it_is(
            closes=closes.astimezone(self.zone) if closes else None,
            opens=opens.astimezone(self.zone) if opens else None,
            language=language,
            now=now.astimezone(self.zone),
        )

    def written(self) -> Mapping[str, Sequence[str]]:
        """The week as it was set: "09:00-18:00" by day."""
        return {
            name: [f"{_clock(begins)}-{_clock(ends)}" for begins, ends in spans]
            for name, spans in zip(_DAYS, self.week, strict=True)
        }

    def _opening(self, moment: datetime) -> datetime | None:
        """When people come for the first time from a moment on at which nobody is there."""
        return next((begins for begins, _ in self._spans(moment) if begins >= moment), None)

    def _open(
        self, since: datetime, days: int, until: datetime | None = None
    ) -> Iterator[tuple[datetime, datetime]]:
        """When people are there from a moment on, in order, no time twice and none of it empty."""
        at = since.astimezone(UTC)
        for begins, ends in self._spans(since, days + 2):
            stops = ends if until is None else min(ends, until.astimezone(UTC))
            if max(begins, at) < stops:
                yield max(begins, at), stops
                at = stops

    def _spans(self, moment: datetime, days: int = _FARTHEST) -> Iterator[tuple[datetime, datetime]]:
        """When people are there, from the day before on, in order."""
        first = moment.astimezone(self.zone).date() - timedelta(days=1)
        for day in (first + timedelta(days=number) for number in range(days)):
            if day not in self.closed:  # the hour that a clock leaves out may come after the next one
                yield from sorted(
                    (self._at(day, begins), self._at(day, ends)) for begins, ends in self.week[day.weekday()]
                )

    def _at(self, day: date, minutes: int) -> datetime:
        day += timedelta(days=minutes // _DAY)
        at = time(minutes % _DAY // 60, minutes % 60)
        return datetime.combine(day, at, self.zone).astimezone(UTC)


def business_hours(hours: OfficeHours) -> Tool:
    """The tool that tells when people are there."""

    @tool(
        answer="{said}\n\n{hours}",
        examples=(
            "When are you open?",
            "Is anybody there right now?",
            "When can I talk to somebody from your team?",
            "What are your business hours?",
            "Wann ist jemand da?",
            "Quels sont vos horaires ?",
        ),
    )
    async def business_hours(context: ToolContext) -> str:
        """When people from the team are there to answer, and whether they are right now."""
        now = datetime.now(UTC)
        return orjson.dumps(
            {
                "said": hours.how_it_is(context.language, now=now),
                "hours": f"{the_week(list(hours.written().values()), context.language)} ({hours.zone.key})",
                "now": now.astimezone(hours.zone).strftime("%A %Y-%m-%d %H:%M"),
            }
        ).decode()

    return business_hours


def _zone(name: object) -> ZoneInfo:
    try:
        return ZoneInfo(str(name))
    except (OSError, ValueError, KeyError):
        raise ValueError(f"timezone: {name!r} is not known; it is written Europe/Berlin") from None


def _days(key: str) -> list[int]:
    """The days that a key names, "mon-fri" or "sat,sun"."""
    found: list[int] = []
    for part in key.casefold().split(","):
        first, _, last = (each.strip()[:3] for each in part.partition("-"))
        if first not in _DAYS or (last and last not in _DAYS):
            raise ValueError(f"{key}: there is no such setting, and days are written mon, mon-fri or sat,sun")
        begin = _DAYS.index(first)
        count = (_DAYS.index(last) - begin) % 7 + 1 if last else 1
        found += [(begin + number) % 7 for number in range(count)]
    return found


def _spans(day: str, value: object) -> tuple[Span, ...]:
    spans: list[Span] = []
    for each in _list(value):
        if each == "closed":
            continue
        written = _SPAN.fullmatch(each.strip()) if isinstance(each, str) else None
        if written is None:
            raise ValueError(f'{day}: {each!r} is not written "09:00-18:00"')
        hour, minute, last_hour, last_minute = map(int, written.groups())
        begins, ends = hour * 60 + minute, last_hour * 60 + last_minute
        if minute > 59 or last_minute > 59 or begins >= _DAY or ends > _DAY or begins == ends:
            raise ValueError(f"{day}: {each!r} are no times of a day")
        spans.append((begins, ends if ends > begins else ends + _DAY))
    return tuple(sorted(spans))


def _dates(value: object) -> Iterator[date]:
    if isinstance(value, date):
        yield value
        return
    try:
        first, *last = (date.fromisoformat(each.strip()) for each in str(value).split(" - "))
    except ValueError:
        raise ValueError(
            f'closed: {value!r} is not written "2026-12-25" or "2026-12-24 - 2027-01-01"'
        ) from None
    days = (last[0] - first).days if last else 0
    if not 0 <= days <= 366 or len(last) > 1:
        raise ValueError(f"closed: {value!r} does not end within a year after it begins")
    yield from (first + timedelta(days=number) for number in range(days + 1))


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _clock(minutes: int) -> str:
    return f"{minutes % _DAY // 60:02}:{minutes % 60:02}" if minutes != _DAY else "24:00"
