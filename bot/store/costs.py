"""What models have cost, by day, model, channel and conversation, and how far budgets are used up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.orchestrator.agent import BudgetScope
from bot.store.alarms import Alarms
from bot.store.budgets import Allowances
from bot.store.database import Database, Row

_SPAN = """
    SELECT day, model, channel, calls, tokens_in, tokens_out, cost, estimated FROM costs
    WHERE day >= :first AND day <= :last ORDER BY day
"""
_TOP = """
    SELECT t.conversation_id, t.cost, t.calls, c.contact_id, p.name, c.subject
    FROM (SELECT conversation_id, SUM(cost) AS cost, COUNT(*) AS calls FROM usage
        WHERE day >= :first AND day <= :last GROUP BY conversation_id
        ORDER BY SUM(cost) DESC, conversation_id LIMIT :limit) AS t
    JOIN conversations c ON c.id = t.conversation_id JOIN contacts p ON p.id = c.contact_id
    ORDER BY t.cost DESC, t.conversation_id
"""
_MODELS = """
    SELECT model, SUM(calls) AS calls, SUM(tokens_in) AS tokens_in, SUM(tokens_out) AS tokens_out,
        SUM(cost) AS cost, SUM(estimated) AS estimated
    FROM costs GROUP BY model ORDER BY model
"""
_USED = """
    SELECT subject, used FROM budgets WHERE scope = :scope AND day = :day
    ORDER BY used DESC, subject LIMIT :limit
"""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What calls have cost, in micro-dollars; `estimated` is the part of it that no provider told."""

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: int = 0
    estimated: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            calls=self.calls + other.calls,
            tokens_in=self.tokens_in + other.tokens_in,
            tokens_out=self.tokens_out + other.tokens_out,
            cost=self.cost + other.cost,
            estimated=self.estimated + other.estimated,
        )


@dataclass(frozen=True, kw_only=True)
class DailyCost:
    """What a model's calls for a channel have cost on a day of the company's."""

    day: str
    model: str
    channel: str
    spent: Cost


@dataclass(frozen=True, kw_only=True)
class ConversationCost:
    """What a conversation has cost within some days."""

    conversation_id: str
    contact_id: str
    contact_name: str
    subject: str
    calls: int
    cost: int


@dataclass(frozen=True, kw_only=True)
class BudgetState:
    """How far a limit is used up, in micro-dollars; `nearest` are whose come next to it, the nearest first.

    `downgraded_at` and `reached_at` are when today's was first found so far used up, if it was.
    """

    scope: BudgetScope
    limit: int
    nearest: Sequence[tuple[str, int]]
    downgraded_at: datetime | None = None
    reached_at: datetime | None = None

    @property
    def used(self) -> int:
        """Of the one that is nearest to its limit."""
        return self.nearest[0][1] if self.nearest else 0


class Costs:
    """The ledger's sums."""

    def __init__(self, database: Database, alarms: Alarms) -> None:
        self._database = database
        self._alarms = alarms

    async def span(self, first: str, last: str) -> Sequence[DailyCost]:
        """What was spent from the first day to the last."""
        async with self._database.read() as reader:
            rows = await reader.all(_SPAN, first=first, last=last)
        return [
            DailyCost(day=row["day"], model=row["model"], channel=row["channel"], spent=_cost(row))
            for row in rows
        ]

    async def dearest(self, first: str, last: str, limit: int) -> Sequence[ConversationCost]:
        """The conversations that cost most within these days."""
        async with self._database.read() as reader:
            rows = await reader.all(_TOP, first=first, last=last, limit=limit)
        return [
            ConversationCost(
                conversation_id=row["conversation_id"],
                contact_id=row["contact_id"],
                contact_name=row["name"],
                subject=row["subject"],
                calls=row["calls"],
                cost=int(row["cost"]),
            )
            for row in rows
        ]

    async def models(self) -> Sequence[tuple[str, Cost]]:
        """What each model has cost since ever."""
        async with self._database.read() as reader:
            rows = await reader.all(_MODELS)
        return [(row["model"], _cost(row)) for row in rows]

    async def budgets(self, allowances: Allowances, today: str, *, limit: int = 5) -> Sequence[BudgetState]:
        """How far the limits there are are used up; those of conversations and turns of the last days."""
        states: list[BudgetState] = []
        for scope, allowed in allowances.limits:
            day = today if scope in {"contact_day", "day"} else ""
            async with self._database.read() as reader:
                rows = await reader.all(_USED, scope=scope, day=day, limit=limit)
            marks = await self._alarms.standing(f"budget day {today} ") if scope == "day" else {}
            states.append(
                BudgetState(
                    scope=scope,
                    limit=allowed,
                    nearest=[(row["subject"], row["used"]) for row in rows],
                    downgraded_at=marks.get(f"budget day {today} downgrade"),
                    reached_at=marks.get(f"budget day {today} limit"),
                )
            )
        return states


def _cost(row: Row) -> Cost:
    return Cost(
        calls=int(row["calls"]),
        tokens_in=int(row["tokens_in"]),
        tokens_out=int(row["tokens_out"]),
        cost=int(row["cost"]),
        estimated=int(row["estimated"]),
    )
