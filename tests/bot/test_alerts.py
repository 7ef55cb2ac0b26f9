"""The owner is told once when trouble begins and once when it is over, by whoever sees it first."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bot.alerts import Alerts
from bot.settings import WrongSetting
from bot.store import Store
from tests.bot.store.given import claimed, row, said


class Receiver:
    """A real HTTP server that takes what Apprise posts; `status` is what it answers, None never."""

    def __init__(self) -> None:
        self.heard: list[dict[str, str]] = []
        self.status: int | None = 200
        self._changed = threading.Condition()
        self._let_go = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with receiver._changed:
                    receiver.heard.append(body)
                    receiver._changed.notify_all()
                if receiver.status is None:
                    receiver._let_go.wait()
                    return
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """The test says what is worth saying."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"json://127.0.0.1:{self._server.server_address[1]}/alerts"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    async def until(self, number: int) -> list[dict[str, str]]:
        """What was heard, once it is so many."""

        def wait() -> None:
            with self._changed:
                assert self._changed.wait_for(lambda: len(self.heard) >= number, 20), self.heard

        await asyncio.to_thread(wait)
        return self.heard

    def stop(self) -> None:
        self._let_go.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    yield running
    running.stop()


@pytest.fixture
async def announcing(database_url: str) -> AsyncIterator[Store]:
    opened = await Store.open(database_url, announces=True)
    yield opened
    await opened.close()


@contextlib.asynccontextmanager
async def sending(*alerts: Alerts) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(each.run()) for each in alerts]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def goes_down(alerts: Alerts) -> bool:
    return await alerts.tell(
        "component.down",
        once="component:model:small",
        title="Down: model small",
        text="It refuses.",
        data={"component": "model:small"},
        kind="failure",
    )


async def recovers(alerts: Alerts) -> bool:
    return await alerts.over(
        "component.recovered",
        once="component:model:small",
        title="Recovered: model small",
        text="It answers.",
        data={"component": "model:small"},
    )


async def met(store: Store, condition: str) -> None:
    """Return once the notices are like that."""
    async with asyncio.timeout(20):
        while not (await row(store, f"SELECT {condition} AS met FROM notices"))["met"]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_what_many_see_is_told_once_and_its_end_once(
    announcing: Store, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    several = [Alerts(store=announcing, urls=[receiver.url]) for _ in range(4)]
    with caplog.at_level(logging.WARNING, "switchboard.alerts"):
        async with sending(*several):
            assert sorted(await asyncio.gather(*map(goes_down, several))) == [False, False, False, True]
            assert list(await announcing.alarms.standing("component:")) == ["component:model:small"]
            await receiver.until(1)
            assert sorted(await asyncio.gather(*map(recovers, several))) == [False, False, False, True]
            down, up = await receiver.until(2)
    assert (down["title"], down["message"], down["type"]) == ("Down: model small", "It refuses.", "failure")
    assert (up["title"], up["type"]) == ("Recovered: model small", "success")
    assert [each.getMessage() for each in caplog.records] == [
        "Down: model small: It refuses.",
        "Recovered: model small: It answers.",
    ]
    told = await announcing.webhooks.claim(10, 30)
    assert [(each.type, each.data) for each in told] == [
        ("component.down", {"component": "model:small"}),
        ("component.recovered", {"component": "model:small"}),
    ]
    assert not await announcing.alarms.standing("component:")


async def test_trouble_that_comes_back_is_told_again(store: Store) -> None:
    alerts = Alerts(store=store)
    assert not await recovers(alerts)
    for _ in range(2):
        assert await goes_down(alerts)
        assert await recovers(alerts)


async def test_what_concerns_a_conversation_is_told_in_its_order_even_once_it_is_gone(
    announcing: Store,
) -> None:
    conversation_id = (await said(announcing)).message.conversation_id
    alerts = Alerts(store=announcing)
    for place in (conversation_id, "cnv_gone"):
        assert await alerts.tell(
            "budget.reached",
            once=f"budget:{place}",
            title="Budget reached",
            text="No model is asked.",
            data={},
            conversation_id=place,
        )
    found = await row(announcing, "SELECT COUNT(*) AS n FROM webhooks WHERE type = 'budget.reached'")
    assert found["n"] == 2


async def test_an_address_that_fails_is_tried_again_and_the_other_is_told_once(
    sqlite_url: str, receiver: Receiver
) -> None:
    failing = Receiver()
    failing.status = 500
    store = await Store.open(sqlite_url)
    alerts = Alerts(store=store, urls=[failing.url, receiver.url])
    try:
        async with sending(alerts):
            await goes_down(alerts)
            await receiver.until(1)
            await failing.until(1)
            await met(store, "COUNT(*) = 1 AND MIN(due_at - created_at) < 20000000")
            failing.status = 200
            await store.database.change("UPDATE notices SET due_at = 1")
            alerts._woken.set()
            await failing.until(2)
            await met(store, "COUNT(*) = 0")
        assert len(receiver.heard) == 1
    finally:
        failing.stop()
        await store.close()


async def test_a_notice_whose_sender_died_is_sent_by_another(sqlite_url: str, receiver: Receiver) -> None:
    store = await Store.open(sqlite_url)
    alerts = Alerts(store=store, urls=[receiver.url])
    await goes_down(alerts)
    (lost,) = await store.alarms.claim(10, 60)
    await store.database.change("UPDATE notices SET due_at = 1")
    async with sending(alerts):
        await receiver.until(1)
        await met(store, "COUNT(*) = 0")
    await store.alarms.postpone(lost, 0)
    assert len(receiver.heard) == 1
    await store.close()


async def test_an_address_that_hangs_holds_up_nobody(
    sqlite_url: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.alerts._PATIENCE", 0.2)
    receiver.status = None
    store = await Store.open(sqlite_url)
    alerts = Alerts(store=store, urls=[receiver.url])
    async with asyncio.timeout(5), sending(alerts):
        await goes_down(alerts)
        await receiver.until(1)
        claim = await claimed(store, (await said(store)).message.conversation_id)
        assert claim.turn_id
    await store.close()


async def test_what_cannot_be_written_down_is_told_all_the_same(sqlite_url: str, receiver: Receiver) -> None:
    store = await Store.open(sqlite_url)
    alerts = Alerts(store=store, urls=[receiver.url])
    await alerts.tell_now(title="Down: database", text="It is away.", kind="failure")
    assert (await receiver.until(1))[0]["title"] == "Down: database"
    await store.close()


async def test_an_address_that_is_none_stops_the_start_and_gives_no_secret_away(
    sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = await Store.open(sqlite_url)
    with pytest.raises(WrongSetting, match=r"^ALERT_URLS: slakk://… is no address") as wrong:
        Alerts(store=store, urls=["json://127.0.0.1/", "slakk://secret-token/more"])
    assert "secret" not in str(wrong.value)
    assert not caplog.records
    await store.close()
