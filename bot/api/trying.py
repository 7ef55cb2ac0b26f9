"""Trying out how a message would be routed."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.api.access import Gate
from bot.api.bodies import answer, object_of, text_in
from bot.orchestrator.agent import Agent
from bot.orchestrator.language import guess

_LONGEST = 2_000


def routes(agent: Agent, gate: Gate) -> Sequence[BaseRoute]:
    async def tried(request: Request) -> Response:
        await gate.admit(request)
        text = text_in(await object_of(request), "text", limit=_LONGEST)
        language = guess(text)
        if agent.router is None:
            return answer({"language": language, "agent": None, "tier": None, "several": False, "told": {}})
        route = await agent.router.route(text, history=(), language=language)
        return answer(
            {
                "language": language,
                "agent": route.agent,
                "tier": route.tier or agent.tier or None,
                "several": route.several,
                "told": dict(route.told),
            }
        )

    return [Route("/route", tried, methods=["POST"])]
