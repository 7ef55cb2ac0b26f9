"""How patient reading a mailbox is."""

from __future__ import annotations

from dataclasses import dataclass

from channels.email.lead import jitter


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How patient reading is, in seconds."""

    patience: float = 30.0  # silence that is borne before a connection counts as broken
    poll: float = 60.0  # the mailbox is looked at so often even if the server tells of nothing
    lease: float = 30.0  # a dead reader's mailbox is taken over after this
    first_pause: float = 1.0  # after a failure; doubles with each further one …
    longest_pause: float = 60.0  # … up to this
    lasting_pause: float = 300.0  # when somebody must change a setting; a provider may count wrong passwords
    acceptance: float = 120.0  # for one mail
    tries: int = 8  # for one mail to be accepted before it may be set aside

    def pause(self, failures: int) -> float:
        """Seconds until the next attempt, after so many in a row."""
        doubled: float = self.first_pause * 2 ** min(failures - 1, 20)
        return min(doubled, self.longest_pause) * jitter()
