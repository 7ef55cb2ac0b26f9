"""Whether the house stands: liveness, readiness, and figures for Prometheus."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, get_args

import orjson
from prometheus_client import CollectorRegistry, Gauge, ProcessCollector, generate_latest
from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.bell import RedisLink
from bot.live import Live
from bot.orchestrator.registry import Registry
from bot.spent import SpentFigures
from bot.store import Store, StoreUnavailable
from bot.store.budgets import Allowances
from bot.store.records import ConversationStatus
from knowledge.base import LookupFailed
from knowledge.local import LocalIndex

_OVERDUE = 30.0  # seconds a conversation may wait before no worker seems to be at work
_PATIENCE = 3.0  # seconds one component gets to say how it is


class Health:
    """Asks every component how it is. Turns' health is read from the database, never from the queue."""

    def __init__(
        self,
        *,
        store: Store,
        link: RedisLink,
        live: Live,
        index: LocalIndex,
        registry: Registry,
        allowances: Allowances,
        mailboxes: Sequence[str] = (),
        announces: bool = False,
    ) -> None:
        """`announces`: others' programs are told what happens."""
        self._store = store
        self._link = link
        self._live = live
        self._index = index
        self._registry = registry
        self._mailboxes = mailboxes
        self._announces = announces
        self._figures = CollectorRegistry()
        self._spent = SpentFigures(store=store, allowances=allowances)
        self._figures.register(self._spent)
        ProcessCollector(namespace="switchboard", registry=self._figures)
        self._streams = self._gauge("switchboard_event_streams", "Event streams open in this process")
        self._oldest = self._gauge("switchboard_oldest_due_seconds", "How long the oldest due turn waits")
        self._redis = self._gauge("switchboard_redis_up", "Whether Redis answers this process")
        self._chunks = self._gauge("switchboard_knowledge_chunks", "Chunks in the knowledge index")
        self._conversations = Gauge(
            "switchboard_conversations", "Conversations by status", ["status"], registry=self._figures
        )
        self._mailbox_up = Gauge(
            "switchboard_mailbox_up", "Whether a mailbox is being read", ["mailbox"], registry=self._figures
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
        self._set_aside = self._gauge("switchboard_mails_set_aside", "Mails nobody could read, up to 100")

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/healthz", self._alive),
            Route("/readyz", self._ready),
            Route("/metrics", self._metrics),
        ]

    async def components(self) -> Mapping[str, Mapping[str, JsonValue]]:
        """Each component's state: `up`, `degraded` or `down`, with what there is to say."""
        names = ("store", "redis", "turns", "knowledge")
        states = await asyncio.gather(
            _bounded(self._ask_store()),
            _bounded(self._ask_redis()),
            _bounded(self._ask_turns()),
            _bounded(self._ask_knowledge()),
        )
        told = dict(zip(names, states, strict=True)) | {
            component.name: component.as_json() for component in self._registry.components()
        }
        if self._announces:
            told["webhooks"] = await _bounded(self._ask_webhooks())
        return told | ({"mail": await _bounded(self._ask_mail())} if self._mailboxes else {})

    async def _ask_store(self) -> Mapping[str, JsonValue]:
        await self._store.ping()
        return {"state": "up"}

    async def _ask_redis(self) -> Mapping[str, JsonValue]:
        if await self._link.attempt(self._link.client.ping):
            return {"state": "up"}
        return {"state": "degraded", "detail": f"{self._link.last_error}; turns run without it, slower"}

    async def _ask_turns(self) -> Mapping[str, JsonValue]:
        oldest = await self._store.turns.oldest_due()
        if oldest > _OVERDUE:
            return {
                "state": "down",
                "detail": f"a conversation has been due for {oldest:.0f} s; is a worker up?",
            }
        return {"state": "up", "oldest_due_seconds": round(oldest, 1)}

    async def _ask_knowledge(self) -> Mapping[str, JsonValue]:
        found = await self._index.statistics()
        detail: dict[str, JsonValue] = {
            "documents": found.documents,
            "chunks": found.chunks,
            "embedded": found.embedded,
        }
        return {"state": "up" if found.embedded == found.chunks else "degraded"} | detail

    async def _ask_webhooks(self) -> Mapping[str, JsonValue]:
        backlog = await self._store.webhooks.backlog()
        counts: dict[str, JsonValue] = {
            "waiting": backlog.waiting,
            "failed": backlog.failed,
            "oldest_seconds": round(backlog.oldest, 1),
        }
        if backlog.failing:
            return {"state": "degraded", "detail": f"the receiver: {backlog.error}"} | counts
        if backlog.oldest > _OVERDUE:
            return {"state": "degraded", "detail": "nobody tells them; is a worker up?"} | counts
        return {"state": "up"} | counts

    async def _ask_mail(self) -> Mapping[str, JsonValue]:
        states = await self._mailbox_states()
        worst = max((each for each, _ in states.values()), key=("up", "degraded", "down").index)
        details = [f"{name}: {detail}" for name, (_, detail) in states.items() if detail]
        return {"state": worst} | ({"detail": "; ".join(details)} if details else {})

    async def _mailbox_states(self) -> Mapping[str, tuple[str, str]]:
        """State and trouble of each mailbox that is set up; its reader may be another process."""
        known = {each.name: each for each in await self._store.mailboxes.states()}
        states: dict[str, tuple[str, str]] = {}
        for name in self._mailboxes:
            found = known.get(name)
            if found is None or not found.read:
                states[name] = "down", "nobody reads it; is `switchboard mail` running?"
            else:
                states[name] = found.state, found.error
        return states

    async def _alive(self, _: Request) -> Response:
        return Response("ok\n", media_type="text/plain")

    async def _ready(self, _: Request) -> Response:
        components = await self.components()
        ready = components["store"]["state"] != "down"
        body = {"ready": ready, "components": components}
        return Response(orjson.dumps(body), 200 if ready else 503, media_type="application/json")

    async def _metrics(self, _: Request) -> Response:
        self._streams.set(self._live.readers)
        self._redis.set(1 if self._link.up else 0)
        try:
            counts = await self._store.counts()
            self._oldest.set(counts.oldest_due)
            for status in get_args(ConversationStatus):
                self._conversations.labels(status=status).set(counts.conversations.get(status, 0))
            states = await self._mailbox_states() if self._mailboxes else {}
            for name, told in states.items():
                self._mailbox_up.labels(mailbox=name).set(1 if told[0] == "up" else 0)
            if self._mailboxes:
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
        return Response(generate_latest(self._figures), media_type="text/plain; version=0.0.4")

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, registry=self._figures)


async def _bounded(asked: Awaitable[Mapping[str, JsonValue]]) -> Mapping[str, Any]:
    try:
        async with asyncio.timeout(_PATIENCE):
            return await asked
    except (StoreUnavailable, LookupFailed, TimeoutError) as error:
        return {"state": "down", "detail": str(error) or "no answer in time"}
