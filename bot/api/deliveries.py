"""Deliveries: what did not arrive, and sending it again."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.api.access import Gate
from bot.api.bodies import answer, not_found, path_id, place, place_in, query, refusal, whole_number
from bot.operators import OperatorDesk
from bot.store import Store
from bot.store.records import DeliveryRecord
from channels.base import DeliveryStatus


class Deliveries:
    """`/api/deliveries`."""

    def __init__(self, *, store: Store, desk: OperatorDesk, gate: Gate) -> None:
        self._store = store
        self._desk = desk
        self._gate = gate

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/deliveries", self._list),
            Route("/deliveries/{id}/retry", self._retry, methods=["POST"]),
            Route("/deliveries/{id}/dismiss", self._dismiss, methods=["POST"]),
        ]

    async def _list(self, request: Request) -> Response:
        await self._gate.admit(request)
        given = query(request, ("status", "channel", "open", "before", "limit"))
        limit = whole_number(given, "limit", default=50, least=1, most=200)
        if given.get("open", "") not in {"", "0", "1"}:
            raise refusal(422, "invalid", "1 for what nobody has seen to, 0 for all", field="open")
        found, more = await self._store.undelivered.page(
            _status(given.get("status", "failed")),
            channel=given.get("channel", "").replace("\x00", ""),
            open_only=given.get("open") == "1",
            before=place_in(given, "before"),
            limit=limit,
        )
        return answer({"deliveries": [delivery_json(each) for each in found], "next": place(more)})

    async def _retry(self, request: Request) -> Response:
        await self._gate.admit(request)
        delivery = await self._desk.send_again(path_id(request, "delivery"))
        if delivery is None:
            raise not_found("delivery")
        return answer({"delivery": delivery_json(delivery)})

    async def _dismiss(self, request: Request) -> Response:
        await self._gate.admit(request)
        delivery = await self._desk.dismiss(path_id(request, "delivery"))
        if delivery is None:
            raise not_found("delivery")
        return answer({"delivery": delivery_json(delivery)})


def delivery_json(delivery: DeliveryRecord) -> dict[str, JsonValue]:
    return {
        "id": delivery.id,
        "message_id": delivery.message_id,
        "conversation_id": delivery.conversation_id,
        "contact": {"id": delivery.contact_id, "name": delivery.contact_name},
        "channel": delivery.channel,
        "recipient": delivery.recipient,
        "status": delivery.status,
        "error": delivery.error,
        "text": delivery.text,
        "attempts": delivery.attempts,
        "dismissed": delivery.dismissed,
        "updated_at": delivery.updated_at.isoformat(),
    }


def _status(given: str) -> DeliveryStatus:
    try:
        return DeliveryStatus(given)
    except ValueError:
        names = ", ".join(each.value for each in DeliveryStatus)
        raise refusal(422, "invalid", "one of %(choices)s", choices=names, field="status") from None
