"""Answers of the bot that operators marked as good or bad: what it is tested against later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import orjson

from bot.store import audit
from bot.store.database import Database, Row, Transaction, moment, new_id

Mark = Literal["good", "bad"]

_HISTORY = 12  # messages before the question that are kept with it
_MOST = 10_000  # that are counted
_END = 2**62  # later than every time

_ANSWER = """
    SELECT id, conversation_id, seq, channel, text, turn_id, citations FROM messages
    WHERE id = :id AND author_kind = 'bot' AND turn_id IS NOT NULL
"""
_BEFORE = """
    SELECT seq, author_kind, direction, text FROM messages
    WHERE conversation_id = :conversation_id AND seq < :seq AND NOT private AND author_kind <> 'system'
    ORDER BY seq DESC LIMIT :limit
"""
_STEPS = "SELECT kind, name, status, input, output FROM steps WHERE turn_id = :turn_id ORDER BY position"
_COST = "SELECT cost FROM turns WHERE id = :turn_id"
_MARK = """
    INSERT INTO evaluations (id, conversation_id, message_id, turn_id, channel, mark, question, history,
        answer, passages, intent, tools, model, cost, expected, reason, marked_by, created_at)
    VALUES (:id, :conversation_id, :message_id, :turn_id, :channel, :mark, :question, :history,
        :answer, :passages, :intent, :tools, :model, :cost, :expected, :reason, :marked_by, {now})
    ON CONFLICT (message_id) DO UPDATE SET mark = excluded.mark, expected = excluded.expected,
        reason = excluded.reason, marked_by = excluded.marked_by, created_at = excluded.created_at
    RETURNING id
"""
_COLUMNS = """e.id, e.conversation_id, e.message_id, e.turn_id, e.channel, e.mark, e.question, e.history,
    e.answer, e.passages, e.intent, e.tools, e.model, e.cost, e.expected, e.reason, e.marked_by, e.created_at,
    COALESCE(o.name, '') AS marked_by_name"""
_ONE = f"""
    SELECT {_COLUMNS} FROM evaluations e LEFT JOIN operators o ON o.id = e.marked_by WHERE e.id = :id
"""  # noqa: S608
_PAGE = f"""
    SELECT {_COLUMNS} FROM evaluations e LEFT JOIN operators o ON o.id = e.marked_by
    WHERE e.mark = :mark AND e.created_at <= :at AND (e.created_at < :at OR e.id < :last)
    ORDER BY e.created_at DESC, e.id DESC LIMIT :limit
"""  # noqa: S608
_ALL = f"""
    SELECT {_COLUMNS} FROM evaluations e LEFT JOIN operators o ON o.id = e.marked_by
    WHERE e.created_at <= :at AND (e.created_at < :at OR e.id < :last)
    ORDER BY e.created_at DESC, e.id DESC LIMIT :limit
"""  # noqa: S608
_REMOVE = "DELETE FROM evaluations WHERE id = :id RETURNING id"
_MARKS = "SELECT message_id, mark FROM evaluations WHERE conversation_id = :conversation_id"
_COUNT = """
    SELECT COUNT(*) AS count FROM (SELECT 1 FROM evaluations WHERE mark = :mark LIMIT :limit) AS counted
"""


@dataclass(frozen=True, kw_only=True)
class Said:
    """Something said before the question; `author` is who: contact, bot or operator."""

    author: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One marked answer with all that is needed to ask the same again.

    `passages` were found for it (title, document, url, score), `tools` called; `expected` is what would have
    been right, where somebody said so.
    """

    id: str
    conversation_id: str
    message_id: str
    turn_id: str
    channel: str
    mark: Mark
    question: str
    history: Sequence[Said]
    answer: str
    passages: Sequence[dict[str, Any]]
    intent: str
    tools: Sequence[str]
    model: str
    cost: int
    expected: str
    reason: str
    marked_by: str
    marked_by_name: str
    created_at: datetime


class EvaluationSet:
    """What is marked is copied, so that a question stays as it was asked; it goes with its conversation."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def mark(
        self, message_id: str, mark: Mark, *, expected: str, reason: str, by: str
    ) -> Evaluation | None:
        """Mark an answer of the bot, or mark it otherwise. None when it is none."""

        async def put(tx: Transaction) -> str | None:
            answer = await tx.one(_ANSWER, id=message_id)
            if answer is None:
                return None
            before = await tx.all(
                _BEFORE, conversation_id=answer["conversation_id"], seq=answer["seq"], limit=_HISTORY + 8
            )
            steps = await tx.all(_STEPS, turn_id=answer["turn_id"])
            cost = await tx.one(_COST, turn_id=answer["turn_id"])
            row = await tx.one(
                _MARK,
                id=new_id("eva"),
                message_id=message_id,
                mark=mark,
                expected=expected,
                reason=reason,
                marked_by=by,
                **{name: answer[name] for name in ("conversation_id", "turn_id", "channel")},
                answer=answer["text"],
                cost=cost["cost"] if cost else 0,
                **_asked(before),
                **_how(steps),
            )
            assert row is not None
            audit.note(tx, "answer.mark", answer["conversation_id"], {"mark": mark})
            return str(row["id"])

        marked = await self._database.write(put)
        return await self.one(marked) if marked else None

    async def one(self, evaluation_id: str) -> Evaluation | None:
        """One of them."""
        async with self._database.read() as reader:
            row = await reader.one(_ONE, id=evaluation_id)
        return _evaluation(row) if row else None

    async def page(
        self, *, mark: Mark | None = None, before: tuple[int, str] | None = None, limit: int = 50
    ) -> tuple[Sequence[Evaluation], tuple[int, str] | None]:
        """The latest first, and where the next page begins; None at the end."""
        at, last = before or (_END, "")
        async with self._database.read() as reader:
            span = {"at": at, "last": last, "limit": limit + 1}
            rows = await (reader.all(_PAGE, mark=mark, **span) if mark else reader.all(_ALL, **span))
        more = (rows[limit - 1]["created_at"], rows[limit - 1]["id"]) if len(rows) > limit else None
        return [_evaluation(row) for row in rows[:limit]], more

    async def remove(self, evaluation_id: str) -> bool:
        """Take the mark off. False when there is none such."""

        async def take(tx: Transaction) -> bool:
            if await tx.one(_REMOVE, id=evaluation_id) is None:
                return False
            audit.note(tx, "answer.unmark", evaluation_id)
            return True

        return await self._database.write(take)

    async def marks(self, conversation_id: str) -> dict[str, Mark]:
        """How the answers of a conversation are marked, by message."""
        async with self._database.read() as reader:
            rows = await reader.all(_MARKS, conversation_id=conversation_id)
        return {row["message_id"]: row["mark"] for row in rows}

    async def counts(self) -> dict[str, int]:
        """How many are marked as what, counted no further than to 10,000; nothing where none are."""
        counts = {}
        async with self._database.read() as reader:
            for mark in ("good", "bad"):
                row = await reader.one(_COUNT, mark=mark, limit=_MOST)
                if row is not None and row["count"]:
                    counts[mark] = int(row["count"])
        return counts


def _asked(before: Sequence[Row]) -> dict[str, str]:
    """What was to be answered, and what was said before it; `before` is the latest first."""
    said = list(before)
    while said and said[0]["direction"] != "in":  # what else the bot said at once
        said.pop(0)
    question = []
    while said and said[0]["direction"] == "in":
        question.append(said.pop(0)["text"])
    history = [{"author": each["author_kind"], "text": each["text"]} for each in reversed(said[:_HISTORY])]
    return {"question": "\n".join(reversed(question)), "history": orjson.dumps(history).decode()}


def _how(steps: Sequence[Row]) -> dict[str, str]:
    """The passages, the intent, the tools and the model that led to an answer."""
    passages: list[Any] = []
    tools: list[str] = []
    intent = model = ""
    for step in steps:
        output = orjson.loads(step["output"])
        match step["kind"]:
            case "knowledge":
                passages += [each for each in output.get("passages") or () if each not in passages]
            case "route" if output.get("intent"):
                intent = str(output["intent"])
            case "tool" if step["name"] not in tools:
                tools.append(step["name"])
            case "model" if step["status"] == "ok" and step["name"] != "passages":
                model = step["name"]
    return {
        "passages": orjson.dumps(passages).decode(),
        "intent": intent,
        "tools": orjson.dumps(tools).decode(),
        "model": model,
    }


def _evaluation(row: Row) -> Evaluation:
    return Evaluation(
        history=[Said(**each) for each in orjson.loads(row["history"])],
        passages=orjson.loads(row["passages"]),
        tools=orjson.loads(row["tools"]),
        created_at=moment(row["created_at"]),
        **{
            name: row[name]
            for name in (
                *("id", "conversation_id", "message_id", "turn_id", "channel", "mark", "question", "answer"),
                *("intent", "model", "cost", "expected", "reason", "marked_by", "marked_by_name"),
            )
        },
    )
