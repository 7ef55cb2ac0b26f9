"""What customers asked to be written to again for: planned calls in the journal, which become news when they
are due."""

from __future__ import annotations

from bot.store.database import Database, Transaction, new_id
from tools.base import ToolContext

_MOST = 3  # planned in one conversation at once

_PLANNED = """
    SELECT COUNT(*) AS count FROM calls
    WHERE conversation_id = :conversation_id AND state = 'planned' AND key <> :key
"""
# No turn's epoch is -1: nothing of this is an earlier attempt's.
_PLAN = """
    INSERT INTO calls (id, conversation_id, turn_id, message_id, epoch, tool, arguments, proposed, key, state,
        why, due_at, created_at)
    SELECT :id, k.conversation_id, k.turn_id, k.message_id, -1, k.tool, k.arguments, k.arguments, :key,
        'planned', SUBSTR(m.text, 1, 300), {now} + :after, {now}
    FROM calls k JOIN messages m ON m.id = k.message_id WHERE k.key = :made_by
    ON CONFLICT (key) DO NOTHING
"""


class FollowUps:
    """Plans them; `Acts.claim` brings them about."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def plan(self, context: ToolContext, seconds: float) -> bool:
        """The customer of this call, which is in the journal, is written to after so long: once, however
        often it is called. False when that is planned often enough already."""
        key = f"again {context.key}"

        async def plan(tx: Transaction) -> bool:
            planned = await tx.one(_PLANNED, conversation_id=context.conversation_id, key=key)
            if planned is not None and planned["count"] >= _MOST:
                return False
            tx.later(
                _PLAN,
                id=new_id("call"),
                key=key,
                made_by=context.key,
                after=round(seconds * 1_000_000),
            )
            return True

        return await self._database.write(plan)
