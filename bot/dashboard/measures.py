"""Numbers, shares, money, durations and days, written as the reader's language writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from babel import Locale
from babel.dates import format_interval, format_skeleton
from babel.numbers import format_currency, format_decimal, format_percent
from babel.units import format_unit

NOTHING = "–"


@dataclass(frozen=True, kw_only=True)
class Measures:
    """Writes in one language; what is not known is a dash."""

    language: str

    def number(self, amount: float | None) -> str:
        if amount is None:
            return NOTHING
        return format_decimal(amount, "#,##0.#" if abs(amount) < 100 else "#,##0", locale=self.language)

    def share(self, part: float | None) -> str:
        """Of a whole, 1.0 being all of it."""
        if part is None:
            return NOTHING
        return format_percent(part, self._percent(exact=0 < part < 0.1), locale=self.language)

    def change(self, part: float) -> str:
        """How much more, or less, with its sign."""
        return format_percent(part, f"+{self._percent()};−{self._percent()}", locale=self.language)

    def money(self, micro: float | None) -> str:
        """Micro-dollars: cents matter below a thousand dollars, and their parts below ten of them."""
        if micro is None:
            return NOTHING
        dollars = micro / 1e6
        digits = 0 if dollars >= 1_000 else 4 if 0 < dollars < 0.1 else 2
        standard = Locale(self.language).currency_formats["standard"].pattern
        pattern = standard.replace("0.00", "0." + "0" * digits if digits else "0")
        return format_currency(dollars, "USD", pattern, locale=self.language, currency_digits=False)

    def seconds(self, duration: float | None) -> str:
        """As long as people say it: 1.2 seconds, 12 minutes, 3.5 hours."""
        if duration is None:
            return NOTHING
        units = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
        unit, size = next((each for each in units if duration >= 1.5 * each[1]), units[-1])
        amount = duration / size
        shown = round(amount, 1) if amount < 10 else round(amount)
        return format_unit(shown, unit, length="short", locale=self.language)

    def day(self, day: date) -> str:
        return format_skeleton("yMMMd", day, locale=self.language)

    def short_day(self, day: date) -> str:
        return format_skeleton("MMMd", day, locale=self.language)

    def month(self, day: date) -> str:
        return format_skeleton("yMMM", day, locale=self.language)

    def short_month(self, day: date) -> str:
        return format_skeleton("MMM", day, locale=self.language)

    def days(self, first: date, last: date) -> str:
        """A span of days, the last among them."""
        if first == last:
            return self.day(first)
        return format_interval(first, last, "yMMMd", locale=self.language)

    def hour(self, hour: int) -> str:
        return f"{hour:02}:00"

    def _percent(self, *, exact: bool = False) -> str:
        space = "" if self.language == "en" else "\N{NO-BREAK SPACE}"
        return f"#,##0{'.#' if exact else ''}{space}%"


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """Days that a chart shows together, with a short name and a whole one."""

    short: str
    name: str
    days: Sequence[date]


def buckets(first: date, last: date, show: Measures) -> Sequence[Bucket]:
    """Some days by day, week or month, so that there are never more than a chart can show."""
    length = (last - first).days + 1
    days = [first + timedelta(days=number) for number in range(length)]
    groups: dict[date, list[date]] = {}
    for day in days:
        if length <= 31:
            start = day
        elif length <= 120:
            start = day - timedelta(days=day.weekday())
        else:
            start = day.replace(day=1)
        groups.setdefault(start, []).append(day)
    if length > 120:
        return [
            Bucket(short=show.short_month(start), name=show.month(start), days=group)
            for start, group in groups.items()
        ]
    return [
        Bucket(short=show.short_day(group[0]), name=show.days(group[0], group[-1]), days=group)
        for group in groups.values()
    ]
