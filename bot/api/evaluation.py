"""The evaluation set: answers that operators marked as good or bad, listed and downloaded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import cast

import orjson
from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.api.access import Gate
from bot.api.bodies import (
    answer,
    choice_in,
    download,
    is_id,
    not_found,
    object_of,
    path_id,
    place,
    place_in,
    query,
    refusal,
    text_in,
    whole_number,
)
from bot.masking import Masking
from bot.store import Store
from bot.store.evaluation import Evaluation, Mark

EXPECTED_LIMIT = 10_000  # characters
REASON_LIMIT = 1_000
# What somebody wrote; the rest are names and numbers of ours.
_WRITTEN = ("question", "history", "answer", "expected", "reason")
_AT_ONCE = 200  # lines read at once of a download


class EvaluationCalls:
    """`/api/evaluation`."""

    def __init__(self, *, store: Store, gate: Gate, masking: Masking) -> None:
        self._store = store
        self._gate = gate
        self._masking = masking

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/evaluation", self._list, methods=["GET"]),
            Route("/evaluation", self._mark, methods=["POST"]),
            Route("/evaluation.jsonl", self._download),
            Route("/evaluation/{id}", self._remove, methods=["DELETE"]),
        ]

    async def _list(self, request: Request) -> Response:
        await self._gate.admit(request)
        given = query(request, ("mark", "before", "limit"))
        found, more = await self._store.evaluation.page(
            mark=mark_in(given.get("mark", "")),
            before=place_in(given, "before"),
            limit=whole_number(given, "limit", default=50, least=1, most=200),
        )
        return answer({"evaluations": [evaluation_json(each) for each in found], "next": place(more)})

    async def _mark(self, request: Request) -> Response:
        who = await self._gate.admit(request)
        body = await object_of(request)
        message_id = body.get("message_id")
        if not isinstance(message_id, str) or not is_id(message_id):
            raise refusal(422, "invalid", "the id of an answer of the bot", field="message_id")
        mark = cast("Mark", choice_in(body, "mark", ("good", "bad"), usually=""))
        marked = await self._store.evaluation.mark(
            message_id,
            mark,
            expected=text_in(body, "expected", limit=EXPECTED_LIMIT, required=False).strip(),
            reason=text_in(body, "reason", limit=REASON_LIMIT, required=False).strip(),
            by=who.operator.id,
        )
        if marked is None:
            raise not_found("answer of the bot")
        return answer({"evaluation": evaluation_json(marked)})

    async def _remove(self, request: Request) -> Response:
        await self._gate.admit(request)
        if not await self._store.evaluation.remove(path_id(request, "evaluation")):
            raise not_found("evaluation")
        return Response(status_code=204)

    async def _download(self, request: Request) -> Response:
        await self._gate.admit(request)
        mark = mark_in(query(request, ("mark",)).get("mark", ""))
        await self._store.audit.note("evaluation.download", changes={"mark": mark or "all"})
        return download(self._lines(mark), name="evaluation.jsonl", media_type="application/jsonl")

    async def _lines(self, mark: Mark | None) -> AsyncIterator[bytes]:
        """Each on a line of its own, without what is personal (docs/decisions/0015)."""
        before = None
        while True:
            found, before = await self._store.evaluation.page(mark=mark, before=before, limit=_AT_ONCE)
            for each in found:
                told = evaluation_json(each)
                masked = {name: self._masking.value(told[name]) for name in _WRITTEN}
                yield orjson.dumps(told | masked) + b"\n"
            if before is None:
                return


def mark_in(given: str) -> Mark | None:
    """The mark wanted; None for both."""
    if given not in {"", "good", "bad"}:
        raise refusal(422, "invalid", "good or bad", field="mark")
    return cast("Mark", given) if given else None


def evaluation_json(each: Evaluation) -> dict[str, JsonValue]:
    """A marked answer, with what is needed to ask the same again and to compare what comes of it."""
    return {
        "id": each.id,
        "mark": each.mark,
        "question": each.question,
        "history": [{"author": said.author, "text": said.text} for said in each.history],
        "channel": each.channel,
        "answer": each.answer,
        "expected": each.expected,
        "reason": each.reason,
        "intent": each.intent,
        "tools": list(each.tools),
        "passages": list(each.passages),
        "model": each.model,
        "cost_usd": each.cost / 1e6,
        "conversation_id": each.conversation_id,
        "message_id": each.message_id,
        "turn_id": each.turn_id,
        "marked_by": {"id": each.marked_by, "name": each.marked_by_name},
        "marked_at": each.created_at.isoformat(),
    }
