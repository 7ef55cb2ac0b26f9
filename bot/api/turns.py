"""Turns: what the bot did, step by step."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.api.access import Gate
from bot.api.bodies import answer, not_found, path_id
from bot.store import Store
from bot.store.records import TurnRecord
from bot.trace import Step


def routes(store: Store, gate: Gate) -> Sequence[BaseRoute]:
    async def one(request: Request) -> Response:
        await gate.admit(request)
        turn = await store.turns.get(path_id(request, "turn"))
        if turn is None:
            raise not_found("turn")
        return answer(turn_json(turn))

    return [Route("/turns/{id}", one)]


def turn_json(turn: TurnRecord) -> dict[str, JsonValue]:
    return {
        "id": turn.id,
        "conversation_id": turn.conversation_id,
        "status": turn.status,
        "outcome": turn.outcome,
        "reason": turn.reason,
        "attempt": turn.attempt,
        "started_at": turn.started_at.isoformat(),
        "ended_at": turn.ended_at.isoformat() if turn.ended_at else None,
        "cost_usd": turn.cost / 1e6,
        "draft": turn.draft,
        "steps": [step_json(step) for step in turn.steps],
    }


def step_json(step: Step) -> dict[str, JsonValue]:
    return {
        "kind": step.kind,
        "name": step.name,
        "status": step.status,
        "started_at": step.started_at.isoformat(),
        "seconds": step.seconds,
        "input": dict(step.input),
        "output": dict(step.output),
        "error": step.error,
        "tokens_in": step.tokens_in,
        "tokens_out": step.tokens_out,
        "cost_usd": step.cost / 1e6,
        "needs": list(step.needs),
    }
