"""How reading a mailbox goes, as other parts of the house and its people are told."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

log = logging.getLogger(__name__)

_PASSING = timedelta(minutes=2)  # trouble that is shorter


@dataclass(frozen=True, kw_only=True)
class Health:
    """How reading goes. "degraded": in trouble for less than two minutes; "down": longer, or until somebody
    changes a setting. `since` is when the state before or after the last trouble began, `error` plain words.

    `leading` is False while another process reads this mailbox.
    """

    state: Literal["up", "degraded", "down"]
    since: datetime
    error: str = ""
    last_uid: int | None = None
    leading: bool = False


class Wellbeing:
    """Remembers since when a mailbox is read well, or what is in the way."""

    def __init__(self, mailbox: str) -> None:
        self.lasting = False  # somebody must change a setting
        self._mailbox = mailbox
        self._error = "not read yet"
        self._changed_at = datetime.now(UTC)

    def trouble(self, error: str, *, lasting: bool = False) -> None:
        if not self._error:
            self._changed_at = datetime.now(UTC)
        if error != self._error:
            log.warning("mailbox %s: %s", self._mailbox, error)
        self._error, self.lasting = error, lasting

    def well(self, doing: str) -> None:
        """It goes well; `doing` says what."""
        if self._error:
            self._changed_at = datetime.now(UTC)
            log.info("mailbox %s: %s", self._mailbox, doing)
        self._error, self.lasting = "", False

    def health(self, *, last_uid: int | None, leading: bool) -> Health:
        state: Literal["up", "degraded", "down"] = "up"
        if self._error:
            long = datetime.now(UTC) - self._changed_at > _PASSING
            state = "down" if self.lasting or long else "degraded"
        return Health(
            state=state, since=self._changed_at, error=self._error, last_uid=last_uid, leading=leading
        )
