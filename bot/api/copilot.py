"""What the bot offers operators: a suggested answer, and a conversation in short."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot import markup
from bot.api.access import Gate
from bot.api.bodies import answer, not_found, object_of, path_id, query, refusal
from bot.copilot import Copilot, WithTheBot
from bot.store import NoSuchConversation, Store
from bot.store.records import Suggestion, Summary


class CopilotCalls:
    """`/api/conversations/ID/suggestion`, `/api/conversations/ID/summary`, `/api/suggestions`."""

    def __init__(self, *, store: Store, copilot: Copilot, gate: Gate) -> None:
        self._store = store
        self._copilot = copilot
        self._gate = gate

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/conversations/{id}/suggestion", self._suggest, methods=["POST"]),
            Route("/conversations/{id}/summary", self._summary, methods=["GET"]),
            Route("/conversations/{id}/summary", self._summarise, methods=["POST"]),
            Route("/suggestions/{id}", self._settle, methods=["POST"]),
        ]

    async def _suggest(self, request: Request) -> Response:
        who = await self._gate.admit(request)
        try:
            suggestion = await self._copilot.suggest(path_id(request, "conversation"), who.operator)
        except NoSuchConversation:
            raise not_found("conversation") from None
        except WithTheBot:
            raise refusal(409, "with_the_bot", "the bot answers here; take over first") from None
        return answer({"suggestion": suggestion_json(suggestion) if suggestion else None})

    async def _settle(self, request: Request) -> Response:
        await self._gate.admit(request)
        suggestion_id = path_id(request, "suggestion")
        outcome = (await object_of(request)).get("outcome")
        if outcome not in ("taken", "dismissed"):
            raise refusal(422, "invalid", "taken or dismissed", field="outcome")
        if not await self._store.copilot.settle(suggestion_id, outcome):
            raise not_found("suggestion")
        return Response(status_code=204)

    async def _summary(self, request: Request) -> Response:
        await self._gate.admit(request)
        query(request, ())
        conversation_id = path_id(request, "conversation")
        if await self._store.inbox.entry(conversation_id) is None:
            raise not_found("conversation")
        summary = await self._store.copilot.summary(conversation_id)
        return answer({"summary": summary_json(summary) if summary else None})

    async def _summarise(self, request: Request) -> Response:
        await self._gate.admit(request)
        try:
            summary = await self._copilot.summarise(path_id(request, "conversation"))
        except NoSuchConversation:
            raise not_found("conversation") from None
        return answer({"summary": summary_json(summary) if summary else None})


def suggestion_json(suggestion: Suggestion) -> dict[str, JsonValue]:
    """`text` is what an operator would send, `html` shows it."""
    return {
        "id": suggestion.id,
        "conversation_id": suggestion.conversation_id,
        "text": suggestion.text,
        "html": markup.from_markdown(suggestion.text),
        "citations": [
            {"title": each.title, "url": each.url, "quote": each.quote} for each in suggestion.citations
        ],
        "created_at": suggestion.created_at.isoformat(),
    }


def summary_json(summary: Summary) -> dict[str, JsonValue]:
    return {
        "text": summary.text,
        "model": summary.model,
        "up_to_seq": summary.up_to_seq,
        "created_at": summary.created_at.isoformat(),
    }
