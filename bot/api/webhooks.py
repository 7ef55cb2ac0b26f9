"""Events that others' programs did not take: shown, and told after all."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.api.access import Gate
from bot.api.bodies import answer, not_found, path_id, place, place_in, query, whole_number
from bot.store import Store
from bot.store.records import WebhookRecord


class Webhooks:
    """`/api/webhooks`."""

    def __init__(self, *, store: Store, gate: Gate) -> None:
        self._store = store
        self._gate = gate

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/webhooks", self._list),
            Route("/webhooks/{id}/retry", self._retry, methods=["POST"]),
        ]

    async def _list(self, request: Request) -> Response:
        await self._gate.admit(request)
        given = query(request, ("before", "limit"))
        found, more = await self._store.webhooks.failed(
            before=place_in(given, "before"),
            limit=whole_number(given, "limit", default=50, least=1, most=200),
        )
        return answer({"webhooks": [webhook_json(each) for each in found], "next": place(more)})

    async def _retry(self, request: Request) -> Response:
        await self._gate.admit(request)
        webhook = await self._store.webhooks.again(path_id(request, "event"))
        if webhook is None:
            raise not_found("event")
        return answer({"webhook": webhook_json(webhook)})


def webhook_json(webhook: WebhookRecord) -> dict[str, JsonValue]:
    return {
        "id": webhook.id,
        "type": webhook.type,
        "conversation_id": webhook.conversation_id,
        "attempts": webhook.attempts,
        "error": webhook.error,
        "created_at": webhook.created_at.isoformat(),
        "due_at": webhook.due_at.isoformat() if webhook.due_at else None,
        "failed_at": webhook.failed_at.isoformat() if webhook.failed_at else None,
    }
