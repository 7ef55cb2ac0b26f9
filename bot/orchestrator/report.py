"""What processes know of a component, put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from bot.orchestrator.figures import Figures

Kind = Literal["model", "tool", "knowledge", "channel", "store", "work"]
State = Literal["up", "degraded", "down"]


@dataclass(frozen=True, kw_only=True)
class Report:
    """What one process knows of a component; times are seconds ago, None for never.

    `resting`: its breaker is not closed. `total` is since the process began, `recent` of the last minutes.
    """

    state: State
    state_for: float
    total: Figures
    recent: Figures
    breaker: Literal["closed", "open", "half-open"] | None = None
    error: str | None = None
    error_ago: float | None = None
    good_ago: float | None = None

    @property
    def resting(self) -> bool:
        return self.breaker not in {None, "closed"}

    @property
    def heard_ago(self) -> float:
        """When the component last let hear of itself."""
        return min(each for each in (self.good_ago, self.error_ago, _NEVER) if each is not None)


_NEVER = float("inf")


def together(reports: Sequence[Report]) -> Report:
    """What several processes know of one component: as the last one found it, unless another leaves it alone.

    There is at least one.
    """
    last = min(reports, key=lambda each: (not each.resting, each.heard_ago))
    total, recent = Figures(), Figures()
    for each in reports:
        total += each.total
        recent += each.recent
    errors = [each for each in reports if each.error_ago is not None]
    newest = min(errors, key=lambda each: each.error_ago or 0.0) if errors else last
    goods = [each.good_ago for each in reports if each.good_ago is not None]
    return Report(
        state=last.state,
        state_for=max(each.state_for for each in reports if each.state == last.state),
        total=total,
        recent=recent,
        breaker=last.breaker,
        error=newest.error,
        error_ago=newest.error_ago,
        good_ago=min(goods) if goods else None,
    )


Reports = Mapping[str, Report]  # by the component's key
