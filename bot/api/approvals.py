"""Approvals: the calls that wait for an operator, and the word about each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast, get_args

from pydantic import JsonValue
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.api.access import Gate
from bot.api.bodies import (
    answer,
    not_found,
    object_of,
    path_id,
    place,
    place_in,
    query,
    refusal,
    whole_number,
)
from bot.api.conversations import display_name
from bot.approvals import AlreadyDecided, ApprovalDesk, NoSuchApproval, NoSuchTool
from bot.languages import N_
from bot.orchestrator.agent import CallState
from bot.store import Store
from bot.store.records import Approval
from tools.base import Arguments, WrongArguments

# What is commonest of what tools find wrong with their arguments, for the catalogues.
_WRONG = (N_("is missing"), N_("is unknown"), N_("is too long"))

NOTE_LIMIT = 2_000  # characters of a word to the customer


class Approvals:
    """`/api/approvals`."""

    def __init__(self, *, store: Store, desk: ApprovalDesk, gate: Gate) -> None:
        self._store = store
        self._desk = desk
        self._gate = gate

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/approvals", self._list, methods=["GET"]),
            Route("/approvals/{id}", self._one, methods=["GET"]),
            Route("/approvals/{id}", self._decide, methods=["POST"]),
        ]

    async def _list(self, request: Request) -> Response:
        await self._gate.admit(request)
        given = query(request, ("status", "before", "limit"))
        limit = whole_number(given, "limit", default=50, least=1, most=200)
        found, more = await self._store.approvals.page(
            _state(given.get("status", "pending")), before=place_in(given, "before"), limit=limit
        )
        return answer(
            {
                "approvals": [approval_json(each, self._desk) for each in found],
                "next": place(more),
            }
        )

    async def _one(self, request: Request) -> Response:
        await self._gate.admit(request)
        approval = await self._store.approvals.get(path_id(request, "approval"))
        if approval is None:
            raise not_found("approval")
        return answer(approval_json(approval, self._desk))

    async def _decide(self, request: Request) -> Response:
        who = await self._gate.admit(request)
        approval_id = path_id(request, "approval")
        body = await object_of(request)
        decision, arguments, note = _decision(body), _arguments(body), _note(body)
        try:
            if decision == "approve":
                decided = await self._desk.approve(approval_id, who.operator, arguments=arguments, note=note)
            elif arguments is None:
                decided = await self._desk.reject(approval_id, who.operator, note=note)
            else:
                raise refusal(422, "invalid", "what is rejected needs no arguments", field="arguments")
        except NoSuchApproval:
            raise not_found("approval") from None
        except AlreadyDecided as error:
            raise _decided(error.approval) from None
        except NoSuchTool as error:
            raise refusal(
                409,
                "no_tool",
                "the tool %(name)s is not set up any more; it can only be rejected",
                name=error,
            ) from None
        except WrongArguments as wrong:
            name, why = next(iter(wrong.problems.items()))
            field = f"arguments.{name}" if name else "arguments"
            if why not in _WRONG:
                raise refusal(422, "invalid", "it does not fit: %(why)s", why=why, field=field) from None
            raise refusal(422, "invalid", why, field=field) from None
        return answer(approval_json(decided, self._desk))


def approval_json(approval: Approval, desk: ApprovalDesk) -> dict[str, JsonValue]:
    """A call that needs, or had, an operator's word, as the contract shows it."""
    tool, risk = desk.tool(approval), desk.risk(approval)
    by = approval.decided_by
    return {
        "id": approval.id,
        "status": approval.state,
        "tool": approval.tool,
        "description": tool.description if tool else "",
        "arguments": dict(approval.arguments),
        "proposed": dict(approval.proposed),
        "schema": dict(tool.parameters) if tool else None,
        "risk": {"level": risk.level, "reasons": list(risk.reasons)},
        "unsaid": list(approval.unsaid),
        "why": approval.why,
        "conversation_id": approval.conversation_id,
        "contact": {
            "id": approval.contact_id,
            "name": display_name(approval.contact_id, approval.contact_name),
        },
        "channel": approval.channel,
        "turn_id": approval.turn_id or None,
        "age_seconds": round(approval.age, 1),
        "created_at": approval.created_at.isoformat(),
        "expires_at": approval.expires_at.isoformat(),
        "reminded_at": approval.reminded_at.isoformat() if approval.reminded_at else None,
        "decided_by": {"id": by.id, "name": by.name} if by else None,
        "decided_at": approval.decided_at.isoformat() if approval.decided_at else None,
        "note": approval.note,
        "result": approval.result,
        "ended_at": approval.ended_at.isoformat() if approval.ended_at else None,
    }


def _decision(body: Mapping[str, Any]) -> str:
    decision = body.get("decision")
    if not isinstance(decision, str) or decision not in ("approve", "reject"):
        code = "missing" if decision is None else "invalid"
        raise refusal(422, code, "approve or reject", field="decision")
    return decision


def _arguments(body: Mapping[str, Any]) -> Arguments | None:
    arguments = body.get("arguments")
    if arguments is not None and not isinstance(arguments, dict):
        raise refusal(422, "invalid", "an object with the tool's arguments", field="arguments")
    return arguments


def _note(body: Mapping[str, Any]) -> str:
    note = body.get("note")
    if note is None:
        return ""
    if not isinstance(note, str):
        raise refusal(422, "invalid", "a text", field="note")
    if len(note) > NOTE_LIMIT:
        raise refusal(422, "too_long", "at most %(most)s characters", most=NOTE_LIMIT, field="note")
    return note.replace("\x00", "").strip()


def _decided(approval: Approval) -> HTTPException:
    if approval.decided_by is None:
        return refusal(409, "decided", "it has expired")
    name = approval.decided_by.name
    if approval.state == "rejected":
        return refusal(409, "decided", "%(name)s has rejected it already", name=name)
    return refusal(409, "decided", "%(name)s has approved it already", name=name)


def _state(given: str) -> CallState:
    if given not in get_args(CallState):
        raise refusal(
            422, "invalid", "one of %(choices)s", choices=", ".join(get_args(CallState)), field="status"
        )
    return cast("CallState", given)
