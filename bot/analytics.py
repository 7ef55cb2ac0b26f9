"""What the desk's figures say of some days, beside as many days before them."""

from __future__ import annotations

import asyncio
import logging
import statistics
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from datetime import time as clock
from typing import Literal

from bot.store import Store, StoreUnavailable
from bot.store.budgets import Allowances
from bot.store.copilot import Asked
from bot.store.costs import BudgetState, ConversationCost, Cost, DailyCost
from bot.store.figures import Amounts, GapGroup

log = logging.getLogger("switchboard.analytics")

DAILY = (
    "cases",
    "attended",
    "settled",
    "cleaned_up",
    "handed_off",
    "received",
    "by_bot",
    "by_people",
    "degraded",
    "in_time",
    "late",
)
_EVERY = 60.0  # seconds between looks for what is not counted yet
_GAPS = 12


@dataclass(frozen=True, kw_only=True)
class Span:
    """Days of the company's, the first and the last among them."""

    first: date
    last: date

    @property
    def length(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def days(self) -> Sequence[date]:
        return [self.first + timedelta(days=number) for number in range(self.length)]

    @property
    def before(self) -> Span:
        """As many days, right before these."""
        return Span(first=self.first - timedelta(days=self.length), last=self.first - timedelta(days=1))

    def moments(self, zone: tzinfo) -> tuple[datetime, datetime]:
        """When the first day begins there, and when the last one has ended."""
        return (
            datetime.combine(self.first, clock(), zone),
            datetime.combine(self.last + timedelta(days=1), clock(), zone),
        )


@dataclass(frozen=True, kw_only=True)
class Duration:
    """How long something took, in seconds: half of the times no longer than `median`, 90 % than `p90`."""

    count: int
    median: float | None
    p90: float | None


@dataclass(frozen=True, kw_only=True)
class Suggested:
    """What became of answers that operators asked for: how many they took, put away, and sent, how many of
    those as they were; `median_changed` is the share of the sent ones that people changed."""

    asked: int = 0
    taken: int = 0
    dismissed: int = 0
    sent: int = 0
    unchanged: int = 0
    median_changed: float | None = None

    @classmethod
    def of(cls, suggestions: Sequence[Asked]) -> Suggested:
        changes = [each.changed for each in suggestions if each.changed is not None]
        return cls(
            asked=len(suggestions),
            taken=sum(each.taken for each in suggestions),
            dismissed=sum(each.dismissed and not each.taken for each in suggestions),
            sent=len(changes),
            unchanged=sum(not each for each in changes),
            median_changed=statistics.median(changes) if changes else None,
        )

    @property
    def taken_share(self) -> float | None:
        return _share(self.taken, self.asked)


@dataclass(frozen=True, kw_only=True)
class Totals:
    """What happened within some days, all together. `spent` is what models have cost."""

    amounts: Amounts
    spent: Cost
    gaps: int
    suggested: Suggested

    def count(self, name: str, channel: str | None = None) -> int:
        return self.amounts.count(name, channel)

    def duration(self, name: str) -> Duration:
        return Duration(
            count=self.amounts.count(name),
            median=self.amounts.quantile(name, 0.5),
            p90=self.amounts.quantile(name, 0.9),
        )

    @property
    def settled_share(self) -> float | None:
        """Of the cases anybody attended to, those the bot settled without a person."""
        return _share(self.count("settled"), self.count("attended"))

    @property
    def cleaned_up_share(self) -> float | None:
        """Of the cases the bot answered first, those a person had to write in afterwards."""
        return _share(self.count("cleaned_up"), self.count("begun_by_bot"))

    @property
    def in_time_share(self) -> float | None:
        """Of those who waited for a person and were to be answered by a time, those who were."""
        return _share(self.count("in_time"), self.count("in_time") + self.count("late"))

    @property
    def rating(self) -> float | None:
        """The mean of the scores."""
        scores = self.amounts.parts("rated")
        return _share(sum(int(score) * count for score, count in scores.items()), sum(scores.values()))

    @property
    def cost_per_settled(self) -> float | None:
        """Micro-dollars that models have cost for each case the bot settled."""
        return _share(self.spent.cost, self.count("settled"))

    @property
    def degraded_minutes(self) -> int:
        """Minutes in which something failed, or stood in for something."""
        return self.amounts.count("degraded", part="")


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that is told of a span; `daily` by day, channel and figure."""

    span: Span
    timezone: str
    counted_until: datetime | None
    totals: Totals
    before: Totals
    daily: Mapping[tuple[str, str, str], int]
    spending: Sequence[DailyCost]
    gaps: Sequence[GapGroup]
    suggested: Mapping[str, Suggested]

    def on(self, day: date, name: str, channel: str | None = None) -> int:
        """How often on a day."""
        channels = [*self.totals.amounts.channels, ""] if channel is None else [channel]
        return sum(self.daily.get((day.isoformat(), each, name), 0) for each in channels)

    def spent(self, by: Literal["day", "model", "channel"]) -> Mapping[str, Cost]:
        """What models have cost, the dearest first; nothing where nothing was spent."""
        sums: dict[str, Cost] = defaultdict(Cost)
        for each in self.spending:
            sums[getattr(each, by)] += each.spent
        return defaultdict(Cost, sorted(sums.items(), key=lambda each: (-each[1].cost, each[0])))


class Analytics:
    """Keeps the figures, and reads them. Days are those that `allowances` knows.

    Who asks for a report counts what is new first, for up to `patience` seconds.
    """

    def __init__(self, *, store: Store, allowances: Allowances, patience: float = 0.3) -> None:
        self._store = store
        self._allowances = allowances
        self._patience = patience

    def today(self) -> date:
        return date.fromisoformat(self._allowances.day_of(datetime.now(UTC)))

    async def keep(self) -> None:
        """Count what happens, until cancelled; what others count at the same time is counted once."""
        while True:
            try:
                began = time.monotonic()
                while await self._store.counting.step(self._allowances.zone):
                    await asyncio.sleep(time.monotonic() - began)  # half of the time is others'
                    began = time.monotonic()
            except StoreUnavailable as error:
                log.warning("the store does not answer: %s", error)
            except Exception:
                log.exception("counting failed; it is tried again")
            await asyncio.sleep(_EVERY)

    async def report(self, span: Span) -> Report:
        """These days, today among them up to now or, where much is new, up to when it is counted."""
        zone = self._allowances.zone
        until = time.monotonic() + self._patience
        while await self._store.counting.step(zone) and time.monotonic() < until:
            pass
        spending = await self._store.costs.span(span.before.first.isoformat(), span.last.isoformat())
        now = [each for each in spending if each.day >= span.first.isoformat()]
        gap_count, gaps = await self._store.figures.gaps(*span.moments(zone), _GAPS)
        gaps_before, _ = await self._store.figures.gaps(*span.before.moments(zone), 0)
        days = (span.first.isoformat(), span.last.isoformat())
        suggested = await self._store.copilot.asked(*span.moments(zone))
        suggested_before = await self._store.copilot.asked(*span.before.moments(zone))
        return Report(
            span=span,
            timezone=str(zone),
            counted_until=await self._store.figures.counted_until(),
            totals=Totals(
                amounts=await self._store.figures.totals(*days),
                spent=sum((each.spent for each in now), Cost()),
                gaps=gap_count,
                suggested=Suggested.of(suggested),
            ),
            before=Totals(
                amounts=await self._store.figures.totals(
                    span.before.first.isoformat(), span.before.last.isoformat()
                ),
                spent=sum((each.spent for each in spending if each.day < days[0]), Cost()),
                gaps=gaps_before,
                suggested=Suggested.of(suggested_before),
            ),
            daily=await self._store.figures.daily(*days, DAILY),
            spending=now,
            gaps=gaps,
            suggested=_by_day(suggested, zone),
        )

    async def dearest(self, span: Span, limit: int) -> Sequence[ConversationCost]:
        """The conversations whose models cost most within these days."""
        return await self._store.costs.dearest(span.first.isoformat(), span.last.isoformat(), limit)

    async def budgets(self) -> Sequence[BudgetState]:
        """How far the limits there are are used up now."""
        return await self._store.costs.budgets(self._allowances, self.today().isoformat(), limit=1)


def _by_day(suggestions: Sequence[Asked], zone: tzinfo) -> Mapping[str, Suggested]:
    """What became of suggestions by the day they were asked for; of days without any, nothing."""
    days: dict[str, list[Asked]] = defaultdict(list)
    for each in suggestions:
        days[each.at.astimezone(zone).date().isoformat()].append(each)
    return defaultdict(Suggested, {day: Suggested.of(those) for day, those in days.items()})


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
