"""A component that goes down is told once, and once that it is well again, with whom it touched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from bot.alerts import Alerts
from bot.bell import RedisLink
from bot.components import Components
from bot.fleet import RedisFleet
from bot.orchestrator.breaker import Breaker
from bot.orchestrator.registry import Component, Registry
from bot.probes import watch_mailboxes, watch_stores, watch_work
from bot.store import Store
from bot.store.records import ClaimedWebhook
from bot.trace import Step
from bot.watch import Watch
from channels.base import DeliveryStatus
from tests.bot.store.given import claimed, concluded, due_now, queued, said, taken
from tests.bot.test_alerts import Receiver, sending
from tests.conftest import Postgres
from tests.front import until
from tests.processes import Valkey


@pytest.fixture(autouse=True)
def at_once(server: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is seen is told at once, and nobody of an earlier test is heard."""
    monkeypatch.setattr("bot.watch._STEADY", 0.0)
    monkeypatch.setattr("bot.watch._RESTARTING", 0.0)
    with server.client() as client:
        client.flushall()


@dataclass(kw_only=True)
class Process:
    components: Components
    fleet: RedisFleet
    watch: Watch

    async def look(self) -> None:
        await self.fleet.sign(self.components.registry)
        await self.watch.look()

    def model(self) -> Component:
        """A model that is down after its first failure and rests for a moment."""
        return self.components.registry.add(
            "model", "small", interface={"name": "gpt"}, breaker=Breaker(failures=1, rest=0.1)
        )


@asynccontextmanager
async def process(server: Valkey | None, store: Store, *urls: str) -> AsyncIterator[Process]:
    link = RedisLink(server.url if server else "")
    fleet = RedisFleet(link)
    components = Components(Registry(fleet), fleet)
    alerts = Alerts(store=store, urls=urls)
    async with sending(alerts):
        yield Process(
            components=components,
            fleet=fleet,
            watch=Watch(components=components, fleet=fleet, store=store, alerts=alerts),
        )
    await link.close()


@pytest.fixture
async def announcing(database_url: str) -> AsyncIterator[Store]:
    opened = await Store.open(database_url, announces=True)
    yield opened
    await opened.close()


async def told(store: Store) -> list[dict[str, Any]]:
    """What webhooks would tell of components, in order."""
    found: list[dict[str, Any]] = []
    for each in await store.webhooks.claim(100, 30):
        following: ClaimedWebhook | None = each
        while following is not None:
            if following.type.startswith("component."):
                found.append({"event": following.type, **following.data})
            following = await store.webhooks.settle(following, 30)
    return found


async def well_again(component: Component) -> None:
    await until(lambda: component.breaker is not None and component.breaker.left() == 0)
    async with component.call():
        pass


async def turn_with(store: Store, sender: str, *steps: Step) -> None:
    """A turn of somebody's that went like this."""
    recorded = await said(store, sender=sender)
    done = await concluded(store, await claimed(store, recorded.message.conversation_id), steps=list(steps))
    assert done is not None


async def test_a_model_is_told_down_once_and_recovered_once_however_many_watch(
    announcing: Store, server: Valkey
) -> None:
    receiver = Receiver()
    async with (
        process(server, announcing, receiver.url) as web,
        process(server, announcing, receiver.url) as worker,
        process(server, announcing, receiver.url) as another,
    ):
        everybody = (web, worker, another)
        model, *_ = [each.model() for each in (worker, another, web)]
        await asyncio.gather(*(each.look() for each in everybody))
        assert await told(announcing) == []
        for sender in ("ada", "bob"):
            await turn_with(announcing, sender, Step(kind="model", name="gpt", status="failed", error="500"))
        await turn_with(announcing, "zoe", Step(kind="model", name="gpt", status="ok"))
        await model.failed("500")
        for _ in range(2):
            await asyncio.gather(*(each.look() for each in everybody))
        await turn_with(announcing, "eve", Step(kind="model", name="gpt", status="failed", error="resting"))
        (down,) = await receiver.until(1)
        assert (down["title"], down["type"]) == ("Down: model small", "failure")
        assert down["message"] == (
            "500. Meanwhile the next model answers, then the help pages in their own words, then a person. "
            "Customers touched so far: 2."
        )
        await well_again(model)
        for _ in range(2):
            await asyncio.gather(*(each.look() for each in everybody))
        (_, up) = await receiver.until(2)
        assert up["title"] == "Recovered: model small"
        assert up["message"].startswith("It was down for ")
        assert up["message"].endswith("Customers touched: 3.")
        seen = await told(announcing)
        assert [(each["event"], each["state"], each["customers"]) for each in seen] == [
            ("component.down", "down", 2),
            ("component.recovered", "up", 3),
        ]
        assert (seen[0]["kind"], seen[0]["name"], seen[0]["error"]) == ("model", "small", "500")
    receiver.stop()


async def test_who_never_asked_does_not_say_that_it_is_well(announcing: Store) -> None:
    async with process(None, announcing) as worker, process(None, announcing) as web:
        model, _ = worker.model(), web.model()
        await model.failed("500")
        await worker.look()
        await web.look()
        assert [each["event"] for each in await told(announcing)] == ["component.down"]
        await well_again(model)
        await web.look()
        assert await told(announcing) == []
        await worker.look()
        assert [each["event"] for each in await told(announcing)] == ["component.recovered"]


async def test_a_trouble_outlives_the_process_that_told_it(announcing: Store) -> None:
    async with process(None, announcing) as first:
        await first.model().failed("500")
        await first.look()
    async with process(None, announcing) as second:
        model = second.model()
        await second.look()
        await well_again(model)
        await second.look()
    assert [each["event"] for each in await told(announcing)] == ["component.down", "component.recovered"]


async def test_what_is_not_set_up_any_more_is_not_down_for_ever(announcing: Store) -> None:
    async with process(None, announcing) as before:
        await before.model().failed("500")
        await before.look()
    async with process(None, announcing) as after:
        await after.look()
        await after.look()
    assert [each["state"] for each in await told(announcing)] == ["down", "gone"]


async def test_knowledge_counts_those_who_were_served_by_what_stood_in(announcing: Store) -> None:
    async with process(None, announcing) as worker:
        index = worker.components.registry.add("knowledge", "index", breaker=Breaker(failures=1))
        await turn_with(announcing, "ada", Step(kind="fallback", name="snapshot", status="ok"))
        await turn_with(announcing, "bob", Step(kind="fallback", name="cached answers", status="ok"))
        await turn_with(announcing, "eve", Step(kind="knowledge", name="lookup", status="failed"))
        await turn_with(announcing, "zoe", Step(kind="knowledge", name="lookup", status="ok"))
        await index.failed("malformed")
        await worker.look()
        assert [each["customers"] for each in await told(announcing)] == [3]


async def test_a_channel_counts_those_whose_messages_wait(announcing: Store) -> None:
    async with process(None, announcing) as worker:
        channel = worker.components.registry.add("channel", "whatsapp")
        conversation_id = await queued(announcing)
        claim = await taken(announcing, conversation_id)
        await announcing.deliveries.settle(claim, status=DeliveryStatus.QUEUED, error="503", again_in=60.0)
        await channel.failed("503")
        await worker.look()
        await due_now(announcing)
        await announcing.deliveries.settle(
            await taken(announcing, conversation_id),
            status=DeliveryStatus.SENT,
            provider_id="SM1",
        )
        await channel.succeeded(0.1)
        await worker.look()
        assert [each["customers"] for each in await told(announcing)] == [1, 1]


async def test_turns_that_nobody_takes_are_told_by_whoever_is_there(announcing: Store) -> None:
    async with process(None, announcing) as web:
        watch_work(web.components, web.components.registry, announcing, announces=False)
        await said(announcing)
        await announcing.database.change("UPDATE conversations SET due_at = due_at - 60000000")
        await web.look()
        (down,) = await told(announcing)
        assert (down["name"], down["customers"]) == ("turns", 1)
        assert "is a worker up?" in down["error"]


async def test_a_process_that_is_only_restarted_is_not_told(
    announcing: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.watch._RESTARTING", 30.0)
    async with process(None, announcing) as web:
        watch_mailboxes(web.components, web.components.registry, announcing, ["support"])
        await web.look()
        (view,) = await web.components.views()
        assert view.report.state == "down"
        assert await told(announcing) == []
        monkeypatch.setattr("bot.watch._RESTARTING", 0.0)
        await web.look()
        assert [each["name"] for each in await told(announcing)] == ["support"]


async def test_a_database_that_is_away_is_told_by_one_process_and_so_is_its_return(
    postgres: Postgres, postgres_url: str, server: Valkey
) -> None:
    store = await Store.open(postgres_url, announces=True)
    receiver = Receiver()
    async with process(server, store, receiver.url) as first, process(server, store, receiver.url) as second:
        for each in (first, second):
            watch_stores(each.components, each.components.registry, store, RedisLink(""))
            await each.look()
        await asyncio.to_thread(postgres.server.stop)
        try:
            for _ in range(2):
                for each in (first, second):
                    await each.look()
        finally:
            await asyncio.to_thread(postgres.server.ensure_postgres_running)
        for each in (first, second):
            await each.look()
        heard = await receiver.until(2)
        assert [each["title"] for each in heard] == ["Down: store database", "Recovered: store database"]
        assert [each["event"] for each in await told(store)] == ["component.recovered"]
    receiver.stop()
    await store.close()
