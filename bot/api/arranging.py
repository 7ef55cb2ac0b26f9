"""How operators arrange conversations: whose they are, when they come back, what stands on them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import cast, get_args

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.api.access import Gate
from bot.api.acts import Acts
from bot.api.bodies import answer, choice_in, not_found, object_of, path_id, query, refusal
from bot.api.conversations import TEXT_LIMIT, conversation_json, file_json
from bot.operators import OperatorDesk
from bot.store import NoSuchConversation, Store
from bot.store.records import Doing


class Arranging:
    """What is arranged under `/api/conversations/ID`; `/api/labels`."""

    def __init__(self, *, store: Store, desk: OperatorDesk, gate: Gate) -> None:
        self._store = store
        self._desk = desk
        self._acts = Acts(store=store, desk=desk)
        self._gate = gate

    def routes(self) -> Sequence[BaseRoute]:
        return [
            *(
                Route(f"/conversations/{{id}}/{name}", self._acting(name), methods=["POST"])
                for name in ("assign", "snooze", "labels", "priority")
            ),
            Route("/conversations/{id}/draft", self._draft),
            Route("/conversations/{id}/draft", self._keep_draft, methods=["POST"]),
            Route("/conversations/{id}/presence", self._be, methods=["POST"]),
            Route("/labels", self._labels),
        ]

    def _acting(self, name: str) -> Callable[[Request], Awaitable[Response]]:
        """Does the act of this name, and shows the conversation as it is then."""

        async def act(request: Request) -> Response:
            who = await self._gate.admit(request)
            conversation_id = path_id(request, "conversation")
            wanted = await self._acts.read(name, await object_of(request), who.operator)
            return answer(conversation_json(await self._acts.perform(wanted, conversation_id)))

        return act

    async def _draft(self, request: Request) -> Response:
        who = await self._gate.admit(request)
        conversation_id = path_id(request, "conversation")
        draft = await self._store.arranging.draft(conversation_id, who.operator.id)
        files = await self._store.trays.files(conversation_id, who.operator.id)
        return answer(
            {
                "text": draft.text if draft else "",
                "kind": "note" if draft and draft.private else "reply",
                "attachments": [file_json(each, conversation_id) for each in files],
                "updated_at": draft.updated_at.isoformat() if draft else None,
            }
        )

    async def _keep_draft(self, request: Request) -> Response:
        who = await self._gate.admit(request)
        body = await object_of(request)
        text, kind = body.get("text"), choice_in(body, "kind", ("reply", "note"), usually="reply")
        if not isinstance(text, str) or len(text) > TEXT_LIMIT:
            raise refusal(422, "invalid", "at most %(most)s characters", most=TEXT_LIMIT, field="text")
        try:
            await self._store.arranging.keep_draft(
                path_id(request, "conversation"),
                who.operator.id,
                text.replace("\x00", ""),
                private=kind == "note",
            )
        except NoSuchConversation:
            raise not_found("conversation") from None
        return Response(status_code=204)

    async def _be(self, request: Request) -> Response:
        who = await self._gate.admit(request, looking=True)
        doing = (await object_of(request)).get("doing")
        if doing not in get_args(Doing):
            raise refusal(
                422, "invalid", "one of %(choices)s", choices=", ".join(get_args(Doing)), field="doing"
            )
        doing = cast("Doing", doing)
        if doing == "writing" and not who.may_write:
            raise refusal(403, "read_only", "viewers may look, not write")
        try:
            await self._desk.be(path_id(request, "conversation"), who.operator, doing)
        except NoSuchConversation:
            raise not_found("conversation") from None
        return Response(status_code=204)

    async def _labels(self, request: Request) -> Response:
        await self._gate.admit(request)
        query(request, ())
        used = await self._store.arranging.labels()
        return answer({"labels": [{"label": label, "conversations": count} for label, count in used]})
