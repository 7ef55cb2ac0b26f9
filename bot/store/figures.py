"""What happened within some days, as it was counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from bot.store.cases import seconds_of
from bot.store.database import Database, microseconds, moment

_TOTALS = """
    SELECT channel, name, part, SUM(amount) AS amount FROM figures
    WHERE day >= :first AND day <= :last GROUP BY channel, name, part
"""
_DAILY = """
    SELECT day, channel, name, SUM(amount) AS amount FROM figures
    WHERE day >= :first AND day <= :last AND name {in names} AND (name <> 'degraded' OR part = '')
    GROUP BY day, channel, name
"""
_COUNTED = "SELECT mark FROM counting WHERE id = ''"
_GAPS = """
    SELECT LOWER(question) AS asked, COUNT(*) AS count, MAX(created_at) AS latest FROM knowledge_gaps
    WHERE created_at >= :since AND created_at < :until
    GROUP BY LOWER(question) ORDER BY COUNT(*) DESC, MAX(created_at) DESC LIMIT :limit
"""
_GAP_COUNT = """
    SELECT COUNT(*) AS count FROM knowledge_gaps WHERE created_at >= :since AND created_at < :until
"""
_GAP_AT = """
    SELECT question, conversation_id FROM knowledge_gaps
    WHERE created_at = :latest AND LOWER(question) = :asked LIMIT 1
"""


@dataclass(frozen=True, kw_only=True)
class Amounts:
    """How often what happened, by channel, figure and part."""

    of: Mapping[tuple[str, str, str], int]

    def count(self, name: str, channel: str | None = None, part: str | None = None) -> int:
        """How often, all together."""
        return sum(
            amount
            for (where, what, which), amount in self.of.items()
            if what == name and channel in {None, where} and part in {None, which}
        )

    def parts(self, name: str) -> Mapping[str, int]:
        """How often, by part, the most frequent first."""
        found: dict[str, int] = {}
        for (_, what, part), amount in self.of.items():
            if what == name and amount:
                found[part] = found.get(part, 0) + amount
        return dict(sorted(found.items(), key=lambda each: (-each[1], each[0])))

    def quantile(self, name: str, share: float) -> float | None:
        """The seconds within which that share of such durations lies; 2 % off at the most."""
        durations = sorted((int(part), amount) for part, amount in self.parts(name).items())
        rest = share * sum(amount for _, amount in durations)
        for part, amount in durations:
            rest -= amount
            if rest <= 0:
                return seconds_of(str(part))
        return None

    @cached_property
    def channels(self) -> Sequence[str]:
        """Where anything happened, the busiest first."""
        found = {channel for channel, _, _ in self.of if channel}
        return sorted(found, key=lambda each: (-self.count("received", each), each))


@dataclass(frozen=True, kw_only=True)
class GapGroup:
    """A question that knowledge could not ground, how often, and where it was asked last."""

    question: str
    count: int
    latest: datetime
    conversation_id: str


class Figures:
    """Reads the sums."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def counted_until(self) -> datetime | None:
        """Everything up to here is counted; None before anything is."""
        async with self._database.read() as reader:
            row = await reader.one(_COUNTED)
        return moment(row["mark"]) if row and row["mark"] else None

    async def totals(self, first: str, last: str) -> Amounts:
        """From the first day to the last."""
        async with self._database.read() as reader:
            rows = await reader.all(_TOTALS, first=first, last=last)
        return Amounts(of={(row["channel"], row["name"], row["part"]): int(row["amount"]) for row in rows})

    async def daily(self, first: str, last: str, names: Sequence[str]) -> Mapping[tuple[str, str, str], int]:
        """The amounts of figures by day, channel and name."""
        async with self._database.read() as reader:
            rows = await reader.all(_DAILY, first=first, last=last, names=list(names))
        return {(row["day"], row["channel"], row["name"]): int(row["amount"]) for row in rows}

    async def gaps(self, since: datetime, until: datetime, limit: int) -> tuple[int, Sequence[GapGroup]]:
        """How many questions could not be grounded, and the most frequent of them."""
        span = {"since": microseconds(since), "until": microseconds(until)}
        async with self._database.read(snapshot=True) as reader:
            counted = await reader.one(_GAP_COUNT, **span)
            rows = await reader.all(_GAPS, **span, limit=limit)
            at = [await reader.one(_GAP_AT, latest=row["latest"], asked=row["asked"]) for row in rows]
        assert counted is not None
        return int(counted["count"]), [
            GapGroup(
                question=found["question"],
                count=int(row["count"]),
                latest=moment(row["latest"]),
                conversation_id=found["conversation_id"],
            )
            for row, found in zip(rows, at, strict=True)
            if found is not None
        ]
