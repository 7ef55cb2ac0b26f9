"""Who has waited for a person's answer for longer than they should."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.store.database import Database, microseconds, moment
from bot.store.target import URGENT, Target

# Only who waits for a person, was taken or put off has a time since when.
_UNTOLD = """
    SELECT c.id, c.contact_id, c.waiting_since, c.priority,
        (SELECT p.name FROM contacts p WHERE p.id = c.contact_id) AS name,
        (SELECT o.name FROM operators o WHERE o.id = c.assignee_id) AS assignee
    FROM conversations c
    WHERE c.waiting_since > c.overdue_told AND c.waiting_since <= :pressing
        AND (c.waiting_since <= :since OR c.priority >= :urgent) AND c.status <> 'snoozed'
    ORDER BY c.waiting_since, c.id LIMIT :limit
"""
_TOLD = "UPDATE conversations SET overdue_told = :since WHERE id = :id AND waiting_since = :since"


@dataclass(frozen=True, kw_only=True)
class Late:
    """A conversation that is overdue; `key` is the same while its contact waits for the same answer."""

    conversation_id: str
    contact_id: str
    contact_name: str
    assignee: str
    waiting_since: datetime
    due_at: datetime

    @property
    def key(self) -> str:
        return f"overdue {self.conversation_id} {microseconds(self.waiting_since)}"


def times(target: Target, now: datetime) -> dict[str, int]:
    """Of queries for who is overdue now: since when they have been waiting, and since when if it is
    `urgent`, which is the later."""
    since, pressing = target.overdue(now), target.overdue(now, URGENT)
    return {
        "since": microseconds(since) if since else -1,
        "pressing": microseconds(pressing) if pressing else -1,
        "urgent": URGENT,
    }


class Overdue:
    """Reads what is overdue, and keeps what was told."""

    def __init__(self, database: Database, target: Target) -> None:
        self._database = database
        self._target = target

    async def untold(self, *, limit: int) -> Sequence[Late]:
        """What is overdue and was not told of; the longest waiting first."""
        now = datetime.now(UTC)
        async with self._database.read() as reader:
            rows = await reader.all(_UNTOLD, limit=limit, **times(self._target, now))
        return [
            Late(
                conversation_id=row["id"],
                contact_id=row["contact_id"],
                contact_name=row["name"],
                assignee=row["assignee"] or "",
                waiting_since=moment(row["waiting_since"]),
                due_at=self._target.due(moment(row["waiting_since"]), row["priority"]) or now,
            )
            for row in rows
        ]

    async def told(self, late: Late) -> None:
        """It was told of: nobody needs to look at it again while the contact waits for the same answer."""
        await self._database.change(_TOLD, id=late.conversation_id, since=microseconds(late.waiting_since))
