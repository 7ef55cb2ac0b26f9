"""One act for many conversations at once, each with a result of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.api.access import Gate
from bot.api.acts import Act, Acts
from bot.api.bodies import answer, is_id, not_found, object_of, refusal
from bot.api.conversations import conversation_json
from bot.languages import _
from bot.operators import OperatorDesk
from bot.store import Store, StoreUnavailable

MOST = 100  # conversations in one call
_AT_ONCE = 8  # of them changed side by side


class Bulk:
    """`/api/conversations/bulk`."""

    def __init__(self, *, store: Store, desk: OperatorDesk, gate: Gate) -> None:
        self._acts = Acts(store=store, desk=desk)
        self._gate = gate

    def routes(self) -> Sequence[BaseRoute]:
        return [Route("/conversations/bulk", self._all, methods=["POST"])]

    async def _all(self, request: Request) -> Response:
        who = await self._gate.admit(request)
        body = await object_of(request)
        ids = body.get("ids")
        if not isinstance(ids, list) or not 1 <= len(ids) <= MOST or not all(map(_is_text, ids)):
            raise refusal(422, "invalid", "the ids of 1 to %(most)s conversations", most=MOST, field="ids")
        name = body.get("act")
        act = await self._acts.read(name if isinstance(name, str) else "", body, who.operator)
        turns = asyncio.Semaphore(_AT_ONCE)
        each_once = list(dict.fromkeys(ids))
        return answer({"results": await asyncio.gather(*(self._one(act, each, turns) for each in each_once))})

    async def _one(self, act: Act, conversation_id: str, turns: asyncio.Semaphore) -> dict[str, Any]:
        """What became of one of them: `conversation` as it is now, or the `error`."""
        result: dict[str, Any] = {"id": conversation_id, "conversation": None, "error": None}
        async with turns:
            try:
                if not is_id(conversation_id):
                    raise not_found("conversation")
                entry = await self._acts.perform(act, conversation_id)
            except HTTPException as refused:
                return result | {"error": refused.detail}
            except StoreUnavailable:
                away = {"code": "unavailable", "message": _("the store does not answer; try again")}
                return result | {"error": away}
        return result | {"conversation": conversation_json(entry)}


def _is_text(value: object) -> bool:
    return isinstance(value, str)
