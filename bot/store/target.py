"""By when a person is to answer who waits for one: `[desk] answer_within`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from tools.hours import OfficeHours


@dataclass(frozen=True, kw_only=True)
class Target:
    """`within` so many seconds in which people are there, of all seconds without `hours`. None: no target.

    Nothing of it is stored with conversations: another target, or other hours, count for all of them at once.
    """

    within: float | None = None
    hours: OfficeHours | None = None

    def due(self, since: datetime) -> datetime | None:
        """By when somebody is to be answered who has been waiting since then; None: at no time."""
        if self.within is None:
            return None
        if self.hours is None:
            return since + timedelta(seconds=self.within)
        return self.hours.after(since, self.within)

    def overdue(self, now: datetime) -> datetime | None:
        """Whoever has been waiting since then, or longer, is overdue; None: nobody is."""
        if self.within is None:
            return None
        if self.hours is None:
            return now - timedelta(seconds=self.within)
        return self.hours.before(now, self.within)


NO_TARGET = Target()
