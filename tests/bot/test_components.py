"""How every component is, as all processes together found it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from signal import SIGKILL

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.bell import RedisLink
from bot.components import Components, Look, View
from bot.fleet import RedisFleet
from bot.health import Health
from bot.live import Live
from bot.orchestrator.breaker import Breaker
from bot.orchestrator.limits import Limits
from bot.orchestrator.registry import Registry
from bot.probes import watch_index, watch_mailboxes, watch_stores, watch_work
from bot.store import Store
from bot.store.budgets import Allowances
from knowledge.learn import learn
from knowledge.local import INDEX, LocalIndex
from tests.bot.api.test_docs import wrong
from tests.bot.store.given import said
from tests.office import office
from tests.processes import Valkey


@pytest.fixture(autouse=True)
def forgotten(server: Valkey) -> None:
    """Nobody of an earlier test is heard."""
    with server.client() as client:
        client.flushall()


@asynccontextmanager
async def process(server: Valkey | None) -> AsyncIterator[Components]:
    link = RedisLink(server.url if server else "")
    fleet = RedisFleet(link)
    yield Components(Registry(fleet), fleet)
    await link.close()


async def named(components: Components) -> Mapping[str, View]:
    return {each.key: each for each in await components.views()}


async def fail(components: Components, error: str) -> None:
    component = components.registry.get("model", "small")
    assert component is not None
    with pytest.raises(OSError, match=error):
        async with component.call():
            raise OSError(error)


async def test_whoever_is_asked_tells_what_all_processes_found(server: Valkey) -> None:
    async with process(server) as web, process(server) as worker, process(server) as idle:
        for each in (web, worker, idle):
            each.registry.add(
                "model",
                "small",
                interface={"name": "gpt"},
                limits=Limits(concurrency=9),
                breaker=Breaker(failures=2),
            )
        assert (await named(web))["model:small"].report.state == "up"
        component = worker.registry.get("model", "small")
        assert component is not None
        async with component.call():
            pass
        await fail(worker, "429")
        for each in (worker, idle):
            await each._fleet.sign(each.registry)
        seen = (await named(web))["model:small"]
        assert (seen.report.state, seen.report.error, len(seen.reports)) == ("degraded", "429", 3)
        assert (seen.report.total.calls, seen.report.total.failures) == (2, 1)
        assert (seen.interface, seen.limits.concurrency) == ({"name": "gpt"}, 9)
        await fail(worker, "500")
        await worker._fleet.sign(worker.registry)
        assert (await named(web))["model:small"].report.state == "down"


async def test_one_who_heard_nothing_does_not_say_that_all_is_well(server: Valkey) -> None:
    async with process(server) as web, process(server) as worker:
        for each in (web, worker):
            each.registry.add("channel", "whatsapp", bears=1)
        component = worker.registry.get("channel", "whatsapp")
        assert component is not None
        await component.failed("401")
        await worker._fleet.sign(worker.registry)
        assert (await named(web))["channel:whatsapp"].report.state == "down"


async def test_stores_are_looked_after(database_url: str, server: Valkey) -> None:
    store = await Store.open(database_url)
    async with process(server) as components:
        watch_stores(components, components.registry, store, components._fleet._link)
        await components.look()
        assert [each.report.state for each in await components.views()] == ["up", "up"]
        server.end(SIGKILL)
        await components.look()
        views = await named(components)
        server.start()
        assert views["store:redis"].report.state == "down"
        assert "turns run without it" in (views["store:redis"].report.error or "")
        await store.close()
        await components.look()
        assert (await named(components))["store:database"].report.state == "down"


async def test_work_that_nobody_does_is_down_and_an_unread_mailbox_too(sqlite: Store) -> None:
    async with process(None) as components:
        watch_work(components, components.registry, sqlite, announces=True)
        watch_mailboxes(components, components.registry, sqlite, ["support"])
        await said(sqlite)
        await sqlite.database.change("UPDATE conversations SET due_at = due_at - 60000000")
        await components.look()
        views = await named(components)
        assert {key: each.report.state for key, each in views.items()} == {
            "work:turns": "down",
            "work:webhooks": "up",
            "channel:support": "down",
        }
        assert "is a worker up?" in (views["work:turns"].report.error or "")
        await sqlite.mailboxes.lead("support", "me", 30)
        await sqlite.database.change("UPDATE mailboxes SET state = 'up'")
        await sqlite.database.change("UPDATE conversations SET due_at = NULL")
        await components.look()
        assert {each.report.state for each in await components.views()} == {"up"}


async def test_an_index_that_cannot_be_read_is_down_before_a_customer_finds_out(tmp_path: Path) -> None:
    index = LocalIndex(tmp_path)
    async with process(None) as components:
        watch_index(components, components.registry.add("knowledge", "index", breaker=Breaker()), index)
        await components.look()
        view = (await named(components))["knowledge:index"]
        assert (view.report.state, view.facts) == ("up", {"documents": 0, "chunks": 0, "embedded": 0})
        await index.close()
        (tmp_path / INDEX).write_bytes(b"garbage" * 1000)
        for leftover in (f"{INDEX}-wal", f"{INDEX}-shm"):
            (tmp_path / leftover).unlink(missing_ok=True)
        damaged = LocalIndex(tmp_path)
        other = Components(Registry(), components._fleet)
        watch_index(other, other.registry.add("knowledge", "index", breaker=Breaker()), damaged)
        await other.look()
        assert (await named(other))["knowledge:index"].report.state == "down"
        await learn(damaged, [tmp_path / "nothing.md"])
        await other.look()
        assert (await named(other))["knowledge:index"].report.state == "up"
        await damaged.close()


async def test_who_does_not_answer_in_time_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.components.PATIENCE", 0.05)

    async def hang() -> Look:
        await asyncio.Event().wait()
        return Look(state="up")

    async with process(None) as components:
        components.watch(components.registry.add("store", "database"), hang)
        await components.look()
        assert (await named(components))["store:database"].report.error == "no answer in time"


async def test_operators_see_every_component_as_described(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        place.front.registry.add(
            "tool", "refund", interface={"parameters": {"type": "object"}}, limits=Limits(seconds=10)
        )
        grace = await place.operator()
        told = (await grace.get("/api/components")).json()
        database, refund = told["components"]
        assert (database["kind"], database["name"], database["state"]) == ("store", "database", "up")
        assert database["p50"] > 0
        assert (refund["limits"], refund["calls"], refund["p50"]) == (
            {"concurrency": None, "per_minute": None, "seconds": 10},
            0,
            None,
        )
        for each in told["components"]:
            assert not list(wrong(each, {"$ref": "#/components/schemas/Component"}))
        assert (await place.browser().get("/api/components")).status_code == 401


async def test_prometheus_reads_states_and_each_processs_calls(
    sqlite: Store, tmp_path: Path, server: Valkey
) -> None:
    index = LocalIndex(tmp_path)
    async with process(server) as web, process(server) as worker:
        for each in (web, worker):
            each.registry.add("model", "small", breaker=Breaker(failures=2))
        await fail(worker, "500")
        component = worker.registry.get("model", "small")
        assert component is not None
        async with component.call():
            pass
        await worker._fleet.sign(worker.registry)
        health = Health(
            store=sqlite,
            live=Live(RedisLink("")),
            index=index,
            components=web,
            allowances=Allowances(),
        )
        text = (await health.metrics()).decode()
        samples = {
            (sample.name, sample.labels.get("component"), sample.labels.get("state", "")): sample
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.labels.get("component")
        }
        assert samples["switchboard_component_up", "small", ""].value == 1
        assert samples["switchboard_component_state", "small", "up"].value == 1
        assert samples["switchboard_component_state", "small", "down"].value == 0
        calls = samples["switchboard_component_calls_total", "small", ""]
        assert (calls.value, calls.labels["kind"], calls.labels["process"]) == (
            2,
            "model",
            worker._fleet.name,
        )
        assert samples["switchboard_component_failures_total", "small", ""].value == 1
        assert samples["switchboard_component_seconds_count", "small", ""].value == 1
        assert all(line.startswith(("switchboard_", "#")) for line in text.splitlines())
    await index.close()
