"""Budgets: what model calls may cost at the most, and how much of that is used up.

A budget that there is a limit for has a row, the sum of its calls in the ledger. Whoever asks for money
locks the rows it depends on, always in one order, so that calls at once, in whatever process, see each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Literal

from pydantic import JsonValue

from bot.orchestrator.agent import BudgetScope
from bot.store.database import Transaction

_LOCK = """
    UPDATE budgets SET touched_at = {now} WHERE scope = :scope AND subject = :subject AND day = :day
    RETURNING used
"""


def _opening(calls: str) -> str:
    return f"""
    INSERT INTO budgets (scope, subject, day, used, touched_at)
    SELECT :scope, :subject, :day,
        COALESCE(SUM(CASE WHEN settled_at IS NULL THEN reserved ELSE cost END), 0), {{now}}
    FROM usage WHERE {calls}
    ON CONFLICT (scope, subject, day) DO UPDATE SET touched_at = {{now}}
    RETURNING used
"""  # noqa: S608


_OPEN_TURN = _opening("conversation_id = :conversation_id AND epoch = :epoch")
_OPEN_CONVERSATION = _opening("conversation_id = :conversation_id")
_OPEN_CONTACT = _opening("contact_id = :contact_id AND day = :day")
_OPEN_DAY = _opening("day = :day")
_USE = """
    UPDATE budgets SET used = used + :cost WHERE scope = :scope AND subject = :subject AND day = :day
"""
FORGET = """
    DELETE FROM budgets WHERE touched_at <= {now} - :age AND (scope, subject, day) IN (
        SELECT scope, subject, day FROM budgets WHERE touched_at <= {now} - :age
        ORDER BY touched_at LIMIT :limit)
"""
_MOVED = "DELETE FROM budgets WHERE scope = 'contact_day' AND subject {in contact_ids}"

_OPENERS: Mapping[BudgetScope, str] = {
    "turn": _OPEN_TURN,
    "conversation": _OPEN_CONVERSATION,
    "contact_day": _OPEN_CONTACT,
    "day": _OPEN_DAY,
}
KEPT = 3 * 24 * 3600 * 1_000_000  # microseconds after its last call; the ledger can tell again


@dataclass(frozen=True, kw_only=True)
class Allowances:
    """What model calls may cost at the most, in micro-dollars; 0: no limit.

    Of a limit that `downgrade_at` is used up of, cheaper models are due. Days are those of `zone`.
    """

    turn: int = 0
    conversation: int = 0
    contact_day: int = 0
    day: int = 0
    downgrade_at: float = 0.8
    zone: tzinfo = UTC

    @property
    def limits(self) -> Sequence[tuple[BudgetScope, int]]:
        """Those there are, in the order their rows are locked in: what most calls share comes last."""
        scopes: Sequence[BudgetScope] = ("turn", "conversation", "contact_day", "day")
        return [(scope, limit) for scope in scopes if (limit := getattr(self, scope))]

    def day_of(self, moment: datetime) -> str:
        """The day a moment belongs to, as 2026-07-01."""
        return moment.astimezone(self.zone).date().isoformat()


@dataclass(frozen=True, kw_only=True)
class Spender:
    """Who asks for money: an attempt at the turn that began in the conversation's `epoch`, on a `day`."""

    conversation_id: str
    contact_id: str
    epoch: int
    day: str

    def key(self, scope: BudgetScope) -> Mapping[str, str]:
        """Of the budget of that scope, its row's."""
        match scope:
            case "turn":
                subject, day = f"{self.conversation_id} {self.epoch}", ""
            case "conversation":
                subject, day = self.conversation_id, ""
            case "contact_day":
                subject, day = self.contact_id, self.day
            case "day":
                subject, day = "", self.day
        return {"scope": scope, "subject": subject, "day": day}


@dataclass(frozen=True, kw_only=True)
class BudgetMark:
    """A budget was found used up, or so far that cheaper models are due.

    Money is micro-dollars; `used` includes what is set aside for calls that are being made.
    """

    scope: BudgetScope
    point: Literal["downgrade", "limit"]
    limit: int
    used: int
    spender: Spender

    @property
    def key(self) -> str:
        """The same for every mark of this budget at this point."""
        row = self.spender.key(self.scope)
        return " ".join(["budget", self.scope, *filter(None, (row["subject"], row["day"])), self.point])

    def as_json(self) -> dict[str, JsonValue]:
        """As it is told outside."""
        told: dict[str, JsonValue] = {
            "scope": self.scope,
            "point": self.point,
            "limit_usd": self.limit / 1e6,
            "used_usd": self.used / 1e6,
        }
        if self.scope in {"contact_day", "day"}:
            told["day"] = self.spender.day
        if self.scope in {"turn", "conversation"}:
            told["conversation_id"] = self.spender.conversation_id
        if self.scope == "contact_day":
            told["contact_id"] = self.spender.contact_id
        return told


async def lock(tx: Transaction, scope: BudgetScope, spender: Spender) -> int:
    """How much of the budget is used, its row ours until the commit; a new one begins with what the ledger
    knows."""
    key = spender.key(scope)
    row = await tx.one(_LOCK, **key)
    if row is None:
        about = {
            "conversation_id": spender.conversation_id,
            "contact_id": spender.contact_id,
            "epoch": spender.epoch,
        }
        row = await tx.one(_OPENERS[scope], **key, **about)
    assert row is not None
    return int(row["used"])


def use(tx: Transaction, allowances: Allowances, spender: Spender, cost: int) -> None:
    """So much more of every budget is used up, or less."""
    for scope, _ in allowances.limits if cost else ():
        tx.later(_USE, **spender.key(scope), cost=cost)


def moved(tx: Transaction, contact_ids: Sequence[str]) -> None:
    """What belongs to these contacts has changed: the ledger is asked anew."""
    tx.later(_MOVED, contact_ids=list(contact_ids))
