"""Writing to the customer again later, when they ask for that."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

import orjson

from tools.base import Tool, ToolContext, ToolFailed
from tools.function import tool
from tools.moments import again

NAME = "follow_up"

When = Literal["in an hour", "in three hours", "tomorrow", "in three days", "in a week", "in two weeks"]
_AFTER: Mapping[When, timedelta] = {
    "in an hour": timedelta(hours=1),
    "in three hours": timedelta(hours=3),
    "tomorrow": timedelta(days=1),
    "in three days": timedelta(days=3),
    "in a week": timedelta(days=7),
    "in two weeks": timedelta(days=14),
}


class Later(Protocol):
    """Keeps what is to be done later, through any restart."""

    async def plan(self, context: ToolContext, seconds: float) -> bool:
        """The customer is written to after so long, once for each key. False when that is planned often
        enough in this conversation."""
        ...


def follow_up(later: Later, zone: ZoneInfo) -> Tool:
    """The tool; moments are told as clocks in `zone` show them."""

    @tool(
        effect="write",
        idempotent=True,
        answer="{said}",
        examples=(
            "Remind me tomorrow",
            "Write to me again in a week",
            "Ask me again in three days",
            "Can you get back to me in an hour?",
            "Melden Sie sich morgen noch einmal",
            "Rappelez-moi cela demain",
        ),
    )
    async def follow_up(context: ToolContext, when: When) -> str:
        """Write to the customer again later, in this conversation. Only when they ask for that.

        when: "in an hour", "in three hours", "tomorrow", "in three days", "in a week" or "in two weeks"
        """
        after = _AFTER[when]
        now = datetime.now(UTC)
        if not await later.plan(context, after.total_seconds()):
            raise ToolFailed("this customer is to be written to several times already", refused=True)
        moment = now + after
        said = again(moment.astimezone(zone), context.language, now=now.astimezone(zone))
        return orjson.dumps({"said": said, "at": moment.isoformat(timespec="minutes")}).decode()

    return follow_up
