"""Canned answers: what operators say often, by a short name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.api.access import Gate
from bot.api.bodies import answer, not_found, object_of, path_id, query, refusal, text_in
from bot.api.conversations import TEXT_LIMIT
from bot.store import Store
from bot.store.database import Duplicate
from bot.store.records import CannedAnswer

_NAME = re.compile(r"[\w.-]{1,40}")


class Canned:
    """`/api/canned`."""

    def __init__(self, *, store: Store, gate: Gate) -> None:
        self._store = store
        self._gate = gate

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/canned", self._list),
            Route("/canned", self._keep, methods=["POST"]),
            Route("/canned/{id}", self._keep, methods=["POST"]),
            Route("/canned/{id}", self._remove, methods=["DELETE"]),
        ]

    async def _list(self, request: Request) -> Response:
        await self._gate.admit(request)
        query(request, ())
        return answer({"canned": [canned_json(each) for each in await self._store.canned.every()]})

    async def _keep(self, request: Request) -> Response:
        await self._gate.admit(request)
        answer_id = path_id(request, "canned answer") if "id" in request.path_params else None
        if answer_id is not None and await self._store.canned.one(answer_id) is None:
            raise not_found("canned answer")
        body = await object_of(request)
        name = text_in(body, "name", limit=40).strip().lower()
        if not _NAME.fullmatch(name):
            raise refusal(422, "invalid", "letters, digits, dots and hyphens", field="name")
        text = text_in(body, "text", limit=TEXT_LIMIT).strip()
        try:
            kept = await self._store.canned.keep(answer_id, name=name, text=text)
        except Duplicate:
            raise refusal(409, "taken", "another canned answer has this name", field="name") from None
        return answer({"canned": canned_json(kept)}, status=200 if answer_id else 201)

    async def _remove(self, request: Request) -> Response:
        await self._gate.admit(request)
        if not await self._store.canned.remove(path_id(request, "canned answer")):
            raise not_found("canned answer")
        return Response(status_code=204)


def canned_json(canned: CannedAnswer) -> dict[str, Any]:
    """A canned answer; its text has `{{contact}}`, `{{operator}}` and `{{subject}}` where those go."""
    return {
        "id": canned.id,
        "name": canned.name,
        "text": canned.text,
        "updated_at": canned.updated_at.isoformat(),
    }
