"""Whether the house stands: liveness, readiness, and figures for Prometheus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import orjson
from prometheus_client import CollectorRegistry, Gauge, ProcessCollector, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.components import Components, View, view_json
from bot.live import Live
from bot.metrics import ComponentFigures
from bot.spent import SpentFigures
from bot.store import Store, StoreUnavailable
from bot.store.budgets import Allowances
from bot.store.records import ConversationStatus
from knowledge.base import LookupFailed
from knowledge.local import LocalIndex


class Health:
    """Says how the house is. Turns' health is read from the database, never from the queue."""

    def __init__(
        self,
        *,
        store: Store,
        live: Live,
        index: LocalIndex,
        components: Components,
        allowances: Allowances,
        announces: bool = False,
    ) -> None:
        """`announces`: others' programs are told what happens."""
        self._store = store
        self._live = live
        self._index = index
        self._components = components
        self._announces = announces
        self._figures = CollectorRegistry()
        self._spent = SpentFigures(store=store, allowances=allowances)
        self._figures.register(self._spent)
        ProcessCollector(namespace="switchboard", registry=self._figures)
        self._of_components = ComponentFigures()
        self._figures.register(self._of_components)
        self._streams = self._gauge("switchboard_event_streams", "Event streams open in this process")
        self._oldest = self._gauge("switchboard_oldest_due_seconds", "How long the oldest due turn waits")
        self._chunks = self._gauge("switchboard_knowledge_chunks", "Chunks in the knowledge index")
        self._conversations = Gauge(
            "switchboard_conversations", "Conversations by status", ["status"], registry=self._figures
        )
        self._untold = Gauge(
            "switchboard_webhooks",
            "Events not told yet (of each conversation the first) and given up, up to 10,000",
            ["state"],
            registry=self._figures,
        )
        self._oldest_untold = self._gauge(
            "switchboard_oldest_webhook_seconds", "Age of the oldest event that is not told yet"
        )
        self._waiting = self._gauge(
            "switchboard_approvals_waiting", "Calls that wait for an operator's word, up to 100"
        )
        self._set_aside = self._gauge("switchboard_mails_set_aside", "Mails nobody could read, up to 100")

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/healthz", self._alive),
            Route("/readyz", self._ready),
            Route("/metrics", self._metrics),
        ]

    async def _alive(self, _: Request) -> Response:
        return Response("ok\n", media_type="text/plain")

    async def _ready(self, _: Request) -> Response:
        """Without the database nothing can be kept; everything else is missed, but not needed."""
        await self._components.look()
        views = await self._components.views()
        ready = all(each.report.state != "down" for each in views if each.key == "store:database")
        body = {"ready": ready, "components": {_name(each, views): view_json(each) for each in views}}
        return Response(orjson.dumps(body), 200 if ready else 503, media_type="application/json")

    async def _metrics(self, _: Request) -> Response:
        return Response(await self.metrics(), media_type="text/plain; version=0.0.4")

    async def metrics(self) -> bytes:
        """Every figure, in Prometheus' words."""
        await self._components.look()
        self._of_components.views = await self._components.views()
        self._streams.set(self._live.readers)
        try:
            counts = await self._store.counts()
            self._oldest.set(counts.oldest_due)
            for status in get_args(ConversationStatus):
                self._conversations.labels(status=status).set(counts.conversations.get(status, 0))
            self._waiting.set(await self._store.approvals.waiting())
            self._set_aside.set(len(await self._store.mailboxes.cards()))
            if self._announces:
                backlog = await self._store.webhooks.backlog()
                self._untold.labels(state="waiting").set(backlog.waiting)
                self._untold.labels(state="failed").set(backlog.failed)
                self._oldest_untold.set(backlog.oldest)
            await self._spent.refresh()
            self._chunks.set((await self._index.statistics()).chunks)
        except (StoreUnavailable, LookupFailed):
            pass  # the last figures stand; readyz says what is wrong
        return generate_latest(self._figures)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, registry=self._figures)


def _name(view: View, views: Sequence[View]) -> str:
    """What a component is called: by its name, unless others are called so as well."""
    return view.name if sum(each.name == view.name for each in views) == 1 else view.key
