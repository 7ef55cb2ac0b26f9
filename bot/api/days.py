"""Spans of days, as calls ask for them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from bot.analytics import Span
from bot.api.bodies import refusal

_USUALLY = 30  # days when nobody says which
_LONGEST = 400  # days in one answer


def span_of(given: Mapping[str, str], today: date) -> Span:
    """The days asked for by `from` and `to`. Refuses with 422."""
    last = day_in(given, "to") if "to" in given else today
    first = day_in(given, "from") if "from" in given else last - timedelta(days=_USUALLY - 1)
    span = Span(first=first, last=last)
    if not 1 <= span.length <= _LONGEST:
        raise refusal(422, "invalid", "1 to %(most)s days before `to`", most=_LONGEST, field="from")
    return span


def day_in(given: Mapping[str, str], name: str) -> date:
    """The day that is given by this name. Refuses with 422."""
    value = given[name]
    try:
        day = date.fromisoformat(value)
    except ValueError:
        day = date.min
    if day.isoformat() != value or not 2000 <= day.year < 9999:
        raise refusal(422, "invalid", "a day, as 2026-07-01", field=name)
    return day
