"""Whose turn it is: conversations that wait are given to operators who are here, in turn and up to a cap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.store import events, telling
from bot.store.database import Database, Row, Transaction
from bot.store.outgoing import number

_SEEN = """
    UPDATE operators SET seen_at = {now} WHERE id = :id AND (seen_at IS NULL OR seen_at < {now} - :again)
    RETURNING id
"""
# Held to the commit: processes that share out at once do so one after the other.
_TURN = "UPDATE rota SET turn = turn + 1 WHERE id = 'desk' RETURNING turn"
_WAITING = """
    SELECT id FROM conversations WHERE status = 'waiting' AND assignee_id IS NULL
    ORDER BY waiting_since, id LIMIT 1
"""
_NEXT = """
    SELECT o.id, o.name FROM operators o
    WHERE o.seen_at > {now} - :away AND o.role <> 'viewer' AND o.deactivated_at IS NULL AND (
        SELECT COUNT(*) FROM conversations c
        WHERE c.assignee_id = o.id AND c.status IN ('human', 'waiting')) < :most
    ORDER BY o.given_turn, o.id LIMIT 1
"""
_GIVE = """
    UPDATE conversations SET assignee_id = :operator_id, last_event = :event
    WHERE id = :id AND status = 'waiting' AND assignee_id IS NULL RETURNING contact_id, {now} AS now
"""
_GIVEN = "UPDATE operators SET given_turn = :turn WHERE id = :id"
# Whoever was given it has not opened it, and is gone.
_LEFT = """
    SELECT c.id FROM conversations c JOIN operators o ON o.id = c.assignee_id
    WHERE c.status = 'waiting' AND c.operators_read_seq < c.last_seq
        AND COALESCE(o.seen_at, 0) <= {now} - :away
    ORDER BY c.waiting_since LIMIT :limit
"""
_TAKE_BACK = """
    UPDATE conversations SET assignee_id = NULL, last_event = :event
    WHERE id = :id AND status = 'waiting' AND operators_read_seq < last_seq AND EXISTS (
        SELECT 1 FROM operators o WHERE o.id = assignee_id AND COALESCE(o.seen_at, 0) <= {now} - :away)
    RETURNING contact_id, {now} AS now
"""
_SEEN_AGAIN = 20_000_000  # microseconds after which it is written again that somebody is here
_BATCH = 50


@dataclass(frozen=True, kw_only=True)
class Given:
    """A conversation that has another operator now, or none."""

    conversation_id: str
    contact_id: str
    operator_id: str | None


class _Overtaken(Exception):  # noqa: N818
    """Somebody else was quicker: nothing of this transaction may stay."""


class Rota:
    """Shares out what waits. A conversation given to somebody goes on waiting until they take it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def seen(self, operator_id: str) -> None:
        """The operator sits at the desk right now."""
        await self._database.change(_SEEN, id=operator_id, again=_SEEN_AGAIN)

    async def give(self, *, most: int, away: float) -> Given | None:
        """Give who waits longest to whoever has waited longest for one, of those who were here in the last
        `away` seconds and have fewer than `most`. None: nobody waits, or nobody can take it."""
        while True:
            async with self._database.read() as reader:  # most of the time there is nothing to do
                if await reader.one(_WAITING) is None or await reader.one(_NEXT, **_who(most, away)) is None:
                    return None
            try:
                return await self._database.write(lambda tx: _give(tx, most=most, away=away))
            except _Overtaken:
                continue

    async def take_back(self, *, away: float) -> Sequence[Given]:
        """Let go of what was given to operators who left before they opened it."""
        gone = {"away": round(away * 1_000_000)}
        async with self._database.read() as reader:
            left = [row["id"] for row in await reader.all(_LEFT, limit=_BATCH, **gone)]

        async def let_go(tx: Transaction, conversation_id: str) -> Given:
            numbered = await number(tx, conversation_id, 1)
            row = await tx.one(_TAKE_BACK, id=conversation_id, event=numbered["last_event"], **gone)
            if row is None:
                raise _Overtaken
            return _told(tx, conversation_id, numbered, row, None)

        freed: list[Given] = []
        for each in left:
            try:
                freed.append(await self._database.write(lambda tx, each=each: let_go(tx, each)))  # type: ignore[misc]
            except _Overtaken:
                continue
        return freed


async def _give(tx: Transaction, *, most: int, away: float) -> Given | None:
    turn = await tx.one(_TURN)
    conversation = await tx.one(_WAITING)
    operator = await tx.one(_NEXT, **_who(most, away))
    if turn is None or conversation is None or operator is None:
        return None
    numbered = await number(tx, conversation["id"], 1)
    row = await tx.one(_GIVE, id=conversation["id"], operator_id=operator["id"], event=numbered["last_event"])
    if row is None:
        raise _Overtaken
    tx.later(_GIVEN, id=operator["id"], turn=turn["turn"])
    return _told(tx, conversation["id"], numbered, row, operator)


def _told(tx: Transaction, conversation_id: str, numbered: Row, row: Row, operator: Row | None) -> Given:
    events.append_status(
        tx,
        contact_id=numbered["id"],
        seq=numbered["last_event"],
        conversation_id=conversation_id,
        status="waiting",
        created_at=row["now"],
        tells=telling.ASSIGNED,
        assignee={"id": operator["id"], "name": operator["name"]} if operator else None,
    )
    return Given(
        conversation_id=conversation_id,
        contact_id=row["contact_id"],
        operator_id=operator["id"] if operator else None,
    )


def _who(most: int, away: float) -> dict[str, int]:
    return {"most": most, "away": round(away * 1_000_000)}
