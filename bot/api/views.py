"""Saved views of the inbox."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.api.access import Gate
from bot.api.bodies import answer, not_found, object_of, path_id, query, refusal, text_in
from bot.api.finding import found_by
from bot.store import Store
from bot.store.database import Duplicate
from bot.store.records import Operator, SavedView

_LONGEST_NAME = 60
_LONGEST_QUERY = 1_000


class Views:
    """`/api/views`."""

    def __init__(self, *, store: Store, gate: Gate) -> None:
        self._store = store
        self._gate = gate

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/views", self._list),
            Route("/views", self._save, methods=["POST"]),
            Route("/views/{id}", self._change, methods=["POST"]),
            Route("/views/{id}", self._remove, methods=["DELETE"]),
        ]

    async def _list(self, request: Request) -> Response:
        who = await self._gate.admit(request)
        query(request, ())
        seen = await self._store.views.seen_by(who.operator.id)
        return answer({"views": [await self._shown(each, who.operator) for each in seen]})

    async def _save(self, request: Request) -> Response:
        who = await self._gate.admit(request)
        return await self._keep(None, await object_of(request), who.operator)

    async def _change(self, request: Request) -> Response:
        who = await self._gate.admit(request)
        view = await self._theirs(request, who.operator)
        given = {"name": view.name, "query": view.query, "shared": view.shared}
        return await self._keep(view, given | await object_of(request), who.operator)

    async def _remove(self, request: Request) -> Response:
        who = await self._gate.admit(request)
        await self._store.views.remove((await self._theirs(request, who.operator)).id)
        return Response(status_code=204)

    async def _theirs(self, request: Request, operator: Operator) -> SavedView:
        """The view in the address, which the operator may change."""
        view = await self._store.views.one(path_id(request, "view"))
        if view is None or not (view.shared or view.operator_id == operator.id):
            raise not_found("view")
        if view.operator_id != operator.id and operator.role != "admin":
            raise refusal(403, "not_yours", "whoever saved it may change it, and an admin")
        return view

    async def _keep(self, view: SavedView | None, body: dict[str, Any], operator: Operator) -> Response:
        name = text_in(body, "name", limit=_LONGEST_NAME).strip()
        wanted = text_in(body, "query", limit=_LONGEST_QUERY)
        shared = body.get("shared", False)
        if not isinstance(shared, bool):
            raise refusal(422, "invalid", "true or false", field="shared")
        try:
            kept = await self._store.views.keep(
                view.id if view else None,
                operator_id=view.operator_id if view else operator.id,
                name=name,
                query=found_by(wanted).query,
                shared=shared,
            )
        except Duplicate:
            raise refusal(409, "taken", "another view has this name", field="name") from None
        return answer({"view": await self._shown(kept, operator)}, status=200 if view else 201)

    async def _shown(self, view: SavedView, operator: Operator) -> dict[str, Any]:
        return {
            "id": view.id,
            "name": view.name,
            "query": view.query,
            "shared": view.shared,
            "mine": view.operator_id == operator.id,
            "count": await self._store.inbox.count_of(found_by(view.query).wanted(operator.id)),
        }
