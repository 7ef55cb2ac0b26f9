"""Components: what the house leans on, and how it is."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.api.access import Gate
from bot.api.bodies import answer
from bot.components import Components, described


def routes(components: Components, gate: Gate) -> Sequence[BaseRoute]:
    async def every(request: Request) -> Response:
        await gate.admit(request)
        await components.look()
        return answer({"components": [described(each) for each in await components.views()]})

    return [Route("/components", every)]
