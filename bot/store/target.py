"""By when a person is to answer who waits for one: `answer_within` and `answer_urgent_within` of [desk]."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tools.hours import OfficeHours

URGENT = 2  # the priority from which on it is


@dataclass(frozen=True, kw_only=True)
class Target:
    """`within` so many seconds in which people are there, of all seconds without `hours`. None: no target.
    What is urgent has `urgent_within`, which is no longer; None: as long as everybody else.

    Nothing of it is stored with conversations: another target, or other hours, count for all of them at once.
    """

    within: float | None = None
    urgent_within: float | None = None
    hours: OfficeHours | None = None

    def due(self, since: datetime, priority: int = 0) -> datetime | None:
        """By when somebody is to be answered who has been waiting since then; None: at no time."""
        within = self._within(priority)
        if within is None:
            return None
        if self.hours is None:
            return since + timedelta(seconds=within)
        return self.hours.after(since, within)

    def overdue(self, now: datetime, priority: int = 0) -> datetime | None:
        """Whoever has been waiting since then, or longer, is overdue; None: nobody is."""
        within = self._within(priority)
        if within is None:
            return None
        if self.hours is None:
            return now - timedelta(seconds=within)
        return self.hours.before(now, within)

    def _within(self, priority: int) -> float | None:
        return self.urgent_within if priority >= URGENT and self.urgent_within is not None else self.within


NO_TARGET = Target()
