"""How operators arrange conversations: whose they are, when they come back, what stands on them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast, get_args

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.api.access import Gate
from bot.api.bodies import answer, not_found, object_of, path_id, query, refusal
from bot.api.conversations import PRIORITIES, TEXT_LIMIT, conversation_json
from bot.operators import Doing, OperatorDesk
from bot.store import NoSuchConversation, Store

_LABEL = re.compile(r"[^\x00-\x1f\x7f,]{1,40}")
_MOST_LABELS = 20  # on one conversation
_LONGEST_NAP = 366 * 86_400.0  # seconds


class Arranging:
    """What is arranged under `/api/conversations/ID`; `/api/labels`."""

    def __init__(self, *, store: Store, desk: OperatorDesk, gate: Gate) -> None:
        self._store = store
        self._desk = desk
        self._gate = gate

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/conversations/{id}/assign", self._assign, methods=["POST"]),
            Route("/conversations/{id}/snooze", self._snooze, methods=["POST"]),
            Route("/conversations/{id}/labels", self._label, methods=["POST"]),
            Route("/conversations/{id}/priority", self._prioritise, methods=["POST"]),
            Route("/conversations/{id}/draft", self._draft),
            Route("/conversations/{id}/draft", self._keep_draft, methods=["POST"]),
            Route("/conversations/{id}/presence", self._be, methods=["POST"]),
            Route("/labels", self._labels),
        ]

    async def _assign(self, request: Request) -> Response:
        who = await self._gate.admit(request)
        body = await object_of(request)
        wanted = body.get("assignee", who.operator.id)
        if wanted is None:
            return await self._acted(request, self._desk.assign(path_id(request, "conversation"), None))
        if wanted in ("me", who.operator.id):
            operator = who.operator
        else:
            known = isinstance(wanted, str) and "\x00" not in wanted
            found = await self._store.operators.get(wanted) if known else None
            if found is None or found.role == "viewer":
                raise refusal(422, "invalid", "an operator's id, me, or null for nobody", field="assignee")
            operator = found
        return await self._acted(request, self._desk.assign(path_id(request, "conversation"), operator))

    async def _snooze(self, request: Request) -> Response:
        await self._gate.admit(request)
        seconds = _nap(await object_of(request))
        return await self._acted(request, self._desk.snooze(path_id(request, "conversation"), seconds))

    async def _label(self, request: Request) -> Response:
        await self._gate.admit(request)
        conversation_id = path_id(request, "conversation")
        body = await object_of(request)
        entry = await self._store.inbox.entry(conversation_id)
        if entry is None:
            raise not_found("conversation")
        if "labels" in body:  # these and no others
            add = _labels(body, "labels")
            remove: Sequence[str] = [each for each in entry.labels if each not in add]
        else:
            add, remove = _labels(body, "add"), _labels(body, "remove")
        if len({*entry.labels, *add} - set(remove)) > _MOST_LABELS:
            raise refusal(422, "too_many", f"at most {_MOST_LABELS} on one conversation", field="labels")
        return await self._acted(request, self._desk.label(conversation_id, add=add, remove=remove))

    async def _prioritise(self, request: Request) -> Response:
        await self._gate.admit(request)
        given = (await object_of(request)).get("priority")
        if not isinstance(given, str) or given not in PRIORITIES:
            raise refusal(422, "invalid", f"one of {', '.join(PRIORITIES)}", field="priority")
        priority = PRIORITIES[given]
        return await self._acted(request, self._desk.prioritise(path_id(request, "conversation"), priority))

    async def _acted(self, request: Request, act: Any) -> Response:
        """Do it, and show the conversation as it is then; doing it again changes nothing."""
        try:
            await act
        except NoSuchConversation:
            raise not_found("conversation") from None
        entry = await self._store.inbox.entry(path_id(request, "conversation"))
        if entry is None:
            raise not_found("conversation")
        return answer(conversation_json(entry))

    async def _draft(self, request: Request) -> Response:
        who = await self._gate.admit(request)
        draft = await self._store.arranging.draft(path_id(request, "conversation"), who.operator.id)
        if draft is None:
            return answer({"text": "", "kind": "reply", "updated_at": None})
        return answer(
            {
                "text": draft.text,
                "kind": "note" if draft.private else "reply",
                "updated_at": draft.updated_at.isoformat(),
            }
        )

    async def _keep_draft(self, request: Request) -> Response:
        who = await self._gate.admit(request)
        body = await object_of(request)
        text, kind = body.get("text"), body.get("kind", "reply")
        if not isinstance(text, str) or len(text) > TEXT_LIMIT:
            raise refusal(422, "invalid", f"at most {TEXT_LIMIT} characters", field="text")
        if kind not in {"reply", "note"}:
            raise refusal(422, "invalid", "reply or note", field="kind")
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
        who = await self._gate.admit(request)
        doing = (await object_of(request)).get("doing")
        if doing not in get_args(Doing):
            raise refusal(422, "invalid", f"one of {', '.join(get_args(Doing))}", field="doing")
        doing = cast("Doing", doing)
        conversation_id = path_id(request, "conversation")
        if await self._store.inbox.entry(conversation_id) is None:
            raise not_found("conversation")
        await self._desk.be(conversation_id, who.operator, doing)
        return Response(status_code=204)

    async def _labels(self, request: Request) -> Response:
        await self._gate.admit(request)
        query(request, ())
        used = await self._store.arranging.labels()
        return answer({"labels": [{"label": label, "conversations": count} for label, count in used]})


def _labels(body: Mapping[str, Any], field: str) -> Sequence[str]:
    given = body.get(field, [])
    if not isinstance(given, list) or len(given) > _MOST_LABELS:
        raise refusal(422, "invalid", f"a list of at most {_MOST_LABELS} labels", field=field)
    names = [each.strip() if isinstance(each, str) else "" for each in given]
    if not all(_LABEL.fullmatch(name) for name in names):
        raise refusal(422, "invalid", "each of 1 to 40 characters, without commas", field=field)
    return list(dict.fromkeys(names))


def _nap(body: Mapping[str, Any]) -> float:
    """How long to snooze, in seconds, from `until` (a time) or `seconds`."""
    seconds: object = body.get("seconds")
    if "until" in body:
        try:
            until = datetime.fromisoformat(body["until"])
        except (TypeError, ValueError):
            raise refusal(422, "invalid", "a time, as 2026-05-01T09:00:00+02:00", field="until") from None
        if until.tzinfo is None:
            raise refusal(422, "invalid", "a time with its zone, as 2026-05-01T09:00:00Z", field="until")
        seconds = (until - datetime.now(UTC)).total_seconds()
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= _LONGEST_NAP:
        field = "until" if "until" in body else "seconds"
        raise refusal(422, "invalid", "in the future, at most a year away", field=field)
    return float(seconds)
