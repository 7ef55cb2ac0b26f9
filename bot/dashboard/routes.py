"""The dashboard's pages. They act through the JSON API, and show what it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.staticfiles import StaticFiles

from bot.analytics import Analytics
from bot.api.access import Gate
from bot.approvals import ApprovalDesk
from bot.attendance import Attendance
from bot.components import Components
from bot.dashboard.analytics import AnalyticsView
from bot.dashboard.approvals import Approvals
from bot.dashboard.catalogue import for_scripts
from bot.dashboard.channels import ChannelSetup
from bot.dashboard.contacts import Contacts
from bot.dashboard.conversations import Conversations
from bot.dashboard.entrance import Entrance
from bot.dashboard.knowledge import Knowledge
from bot.dashboard.originals import Originals
from bot.dashboard.pages import HOME, Pages
from bot.dashboard.settings import Settings
from bot.languages import chosen
from bot.orchestrator.agent import Agent
from bot.settings import BotConfig
from bot.store import Store
from bot.store.budgets import Allowances
from channels.base import Channel
from knowledge.local import LocalIndex

_STATIC = Path(__file__).parent / "static"


class Dashboard:
    """Everything under `/dashboard`, one file for each view."""

    def __init__(
        self,
        *,
        store: Store,
        gate: Gate,
        originals: Originals,
        approvals: ApprovalDesk,
        attendance: Attendance,
        index: LocalIndex,
        analytics: Analytics,
        components: Components,
        allowances: Allowances,
        agent: Agent,
        config: BotConfig,
        channels: Mapping[str, Channel],
        setups: Sequence[ChannelSetup],
    ) -> None:
        pages = Pages(gate, store)
        asked = Approvals(pages, store=store, desk=approvals)
        self._views = (
            Entrance(pages),
            Conversations(
                pages,
                store=store,
                originals=originals,
                approvals=asked,
                attendance=attendance,
                channels=channels,
            ),
            asked,
            Contacts(pages, store=store),
            Knowledge(pages, store=store, index=index),
            AnalyticsView(pages, analytics=analytics),
            Settings(
                pages,
                store=store,
                components=components,
                allowances=allowances,
                agent=agent,
                config=config,
                channels=channels,
                setups=setups,
            ),
        )

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/dashboard", _home),
            Mount(
                "/dashboard",
                routes=[
                    Route("/", _home),
                    *(route for view in self._views for route in view.routes()),
                    # Pages are sent as they are: how well guesses compress tells secrets in them (BREACH).
                    Mount("/static", GZipMiddleware(_files)),
                ],
            ),
        ]


async def _home(_: Request) -> Response:
    return RedirectResponse(HOME, 303)


async def _catalogue(request: Request) -> Response:
    """What scripts say, in the reader's language."""
    return Response(
        for_scripts(chosen(request)),
        media_type="text/javascript",
        headers={"Cache-Control": "no-cache", "Vary": "Accept-Language, Cookie"},
    )


class _Static(StaticFiles):
    """Files the browser keeps and asks about: an update is seen at once."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers.setdefault("cache-control", "no-cache")
        return response

    async def get_response(self, path: str, scope: Any) -> Response:
        if path.startswith("."):
            raise HTTPException(404)
        return await super().get_response(path, scope)


_files = Router([Route("/catalogue.js", _catalogue), Mount("/", _Static(directory=_STATIC))])
