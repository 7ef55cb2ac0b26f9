"""Events told to a program of others', which checks them as the guide says, over a real socket."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bot import webhooks
from bot.bell import RedisLink
from bot.ending import end
from bot.live import Live
from bot.store import Store
from bot.store.records import Backlog
from bot.webhooks import Teller, receivers_session, signature
from channels.base import DeliveryStatus
from tests.bot.store.given import queued, said, taken
from tests.doubles.receiver import SECRET, Receiver, receiver, verify
from tests.front import until
from tests.office import office


@pytest.fixture
async def announcing(database_url: str) -> AsyncIterator[Store]:
    """A store whose events are told."""
    opened = await Store.open(database_url, announces=True)
    yield opened
    await opened.close()


@pytest.fixture
async def there() -> AsyncIterator[Receiver]:
    async with receiver() as running:
        yield running


@asynccontextmanager
async def telling(store: Store, url: str, *, tellers: int = 1) -> AsyncIterator[Sequence[Teller]]:
    """Workers that tell, each as if it were alone; without Redis they look once a second."""
    async with AsyncExitStack() as stack:
        running = []
        for _ in range(tellers):
            link = RedisLink("")
            stack.push_async_callback(link.close)
            session = await stack.enter_async_context(receivers_session())
            teller = Teller(store=store, live=Live(link), session=session, url=url, secret=SECRET)
            running.append(teller)
            stack.push_async_callback(teller.wind_down)
            stack.push_async_callback(end, asyncio.create_task(teller.run()))
        yield running


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is tried again at once."""
    monkeypatch.setattr(webhooks, "_FIRST_PAUSE", 0.01)
    monkeypatch.setattr(webhooks, "_LONGEST_PAUSE", 0.05)
    monkeypatch.setattr(webhooks, "_LOOK", 0.05)


async def backlog(store: Store, state: Callable[[Backlog], object]) -> Backlog:
    """What there is to tell, once it is like this."""
    async with asyncio.timeout(15):
        while True:
            found = await store.webhooks.backlog()
            if state(found):
                return found
            await asyncio.sleep(0.01)


async def nothing_is_left(store: Store) -> None:
    await backlog(store, lambda found: not found.waiting)


def ids(events: Sequence[Mapping[str, Any]]) -> list[str]:
    return [each["id"] for each in events]


def test_the_signature_is_the_one_that_the_readme_checks() -> None:
    body = b'{"id":"evt_1"}'
    genuine = signature(SECRET, body, 1_000_000_000)
    assert not verify()(genuine, body, SECRET), "it is old: somebody may have kept and replayed it"
    fresh = signature(SECRET, body, int(time.time()))
    assert verify()(fresh, body, SECRET)
    assert not verify()(fresh, body + b" ", SECRET)
    assert not verify()(fresh, body, "another secret")
    assert not verify()(fresh.replace("v1=", "v1=0"), body, SECRET)
    seal = hashlib.sha256(b"").hexdigest()
    assert not verify()(f"t={int(time.time())},v1={seal}", body, SECRET)


async def test_a_conversation_is_told_in_order_signed_and_as_the_api_shows_it(
    announcing: Store, there: Receiver
) -> None:
    grace = await announcing.operators.add("grace@shop.example", "Grace", "hash")
    conversation_id = await queued(announcing)
    await announcing.deliveries.settle(
        await taken(announcing, conversation_id), status=DeliveryStatus.SENT, provider_id="SM1"
    )
    await announcing.people.take(conversation_id, grace)
    async with telling(announcing, there.url):
        await nothing_is_left(announcing)
    assert there.types() == [
        "conversation.created",
        "message.created",
        "message.created",
        "message.updated",
        "conversation.status_changed",
        "conversation.assigned",
    ]
    assert all(each.genuine for each in there.seen)
    assert len(set(ids(there.taken))) == len(there.taken)
    created, question, answer, sent, changed, assigned = there.taken
    assert {each["conversation_id"] for each in there.taken} == {conversation_id}
    assert created["data"]["conversation"]["id"] == conversation_id
    assert question["data"]["message"]["text"] == "message 1"
    assert question["data"]["message"]["author"]["kind"] == "contact"
    assert answer["data"]["message"]["id"] == sent["data"]["message"]["id"]
    assert sent["data"]["message"]["delivery"]["status"] == "sent"
    assert changed["data"]["status"] == "human"
    assert assigned["data"]["conversation"]["assignee"] == {"id": grace.id, "name": "Grace"}
    [first, *_] = there.seen
    assert first.headers["X-Switchboard-Id"] == first.event["id"]
    assert first.headers["X-Switchboard-Event"] == first.event["type"]
    assert first.headers["Content-Type"] == "application/json"


@pytest.mark.usefixtures("quick")
async def test_what_is_not_taken_is_told_again_and_what_follows_it_waits(
    announcing: Store, there: Receiver
) -> None:
    ada = (await said(announcing, sender="ada")).message.conversation_id
    bob = (await said(announcing, sender="bob")).message.conversation_id
    await announcing.webhooks.announce("component.down", {"name": "small"})
    healed = False
    there.refuses = lambda event: 503 if event["conversation_id"] == ada and not healed else None
    async with telling(announcing, there.url):
        await until(lambda: len(there.taken) == 3 and len(there.seen) >= 6, what="Ada's is tried again")
        assert there.types(bob) == ["conversation.created", "message.created"]
        assert there.types(ada) == []
        tried = [each.event for each in there.seen if each.answer == 503]
        assert {each["type"] for each in tried} == {"conversation.created"}, "the message waits behind it"
        assert len(set(ids(tried))) == 1, "one event, one id, however often it is told"
        found = await announcing.webhooks.backlog()
        assert (found.waiting, found.failing, found.failed) == (1, 1, 0)
        assert found.error == "it answered 503: not now"
        healed = True
        await nothing_is_left(announcing)
    assert there.types(ada) == ["conversation.created", "message.created"]


@pytest.mark.usefixtures("quick")
async def test_what_is_refused_too_long_is_given_up_shown_and_told_on_a_click(
    announcing: Store, there: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "STUBBORN", 0.3)
    said_so = (await said(announcing)).message.conversation_id
    there.refuses = lambda event: 422 if event["type"] == "conversation.created" else None
    async with telling(announcing, there.url), office(announcing, tmp_path) as place:
        await until(lambda: there.types() == ["message.created"], what="the rest goes on without it")
        operator = await place.operator()
        shown = (await operator.get("/api/webhooks")).json()
        [dead] = shown["webhooks"]
        assert shown["next"] is None
        assert (dead["type"], dead["conversation_id"]) == ("conversation.created", said_so)
        assert dead["error"] == "it answered 422: not now"
        assert dead["failed_at"] is not None
        assert dead["due_at"] is None
        assert (await announcing.webhooks.backlog()).failed == 1

        there.refuses = lambda _: None
        again = (await operator.post(f"/api/webhooks/{dead['id']}/retry")).json()["webhook"]
        assert (again["failed_at"], again["error"]) == (None, None)
        await until(lambda: len(there.taken) == 2, what="it is told after all")
        assert there.taken[-1]["id"] == dead["id"]
        await nothing_is_left(announcing)
        gone = await operator.post(f"/api/webhooks/{dead['id']}/retry")
        assert gone.status_code == 404
        assert (await operator.get("/api/webhooks?before=x")).status_code == 422
        viewer = await place.operator("Vera", "viewer")
        assert (await viewer.post(f"/api/webhooks/{dead['id']}/retry")).status_code == 403
        assert (await place.browser().get("/api/webhooks")).status_code == 401


async def test_a_receiver_that_is_out_of_order_is_given_days(
    announcing: Store, there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "STUBBORN", 0.0)
    await said(announcing)
    there.refuses = lambda _: 500
    async with telling(announcing, there.url):
        await until(lambda: there.seen, what="it is tried")
        await until(lambda: there.at_once == 0)
    assert (await announcing.webhooks.backlog()).failed == 0
    monkeypatch.setattr(webhooks, "HOPE", 0.0)
    monkeypatch.setattr(webhooks, "_FIRST_PAUSE", 0.01)
    async with telling(announcing, there.url):
        await backlog(announcing, lambda found: found.failed == 2)
    assert {each.event["type"] for each in there.seen} == {"conversation.created", "message.created"}


@pytest.mark.usefixtures("quick")
async def test_no_redirect_is_followed_and_no_answer_waited_for_for_ever(
    announcing: Store, there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receiver() as elsewhere:
        await announcing.webhooks.announce("component.down", {"name": "small"})
        there.script.append({"Location": elsewhere.url})
        async with telling(announcing, there.url):
            await nothing_is_left(announcing)
        assert elsewhere.seen == []
        assert [each.answer for each in there.seen] == [307, 200]
    monkeypatch.setattr(webhooks, "_PATIENCE", webhooks.aiohttp.ClientTimeout(total=0.2))
    await announcing.webhooks.announce("component.recovered", {"name": "small"})
    there.script.append(2.0)
    async with telling(announcing, there.url):
        await nothing_is_left(announcing)
    assert there.types()[-1] == "component.recovered"


@pytest.mark.usefixtures("quick")
async def test_nobody_listening_is_told_once_somebody_does(announcing: Store) -> None:
    async with receiver() as gone:
        pass
    await said(announcing)
    async with telling(announcing, gone.url):
        found = await backlog(announcing, lambda found: found.failing)
    assert "Cannot connect" in str(found.error)
    async with receiver() as there, telling(announcing, there.url):
        await nothing_is_left(announcing)
        assert there.types() == ["conversation.created", "message.created"]


@pytest.mark.usefixtures("quick")
async def test_two_workers_keep_every_conversation_in_order(announcing: Store, there: Receiver) -> None:
    """Many conversations, many events, a receiver that fails now and then: no event is told twice here."""
    there.script.extend([0.05, 503, 200, 0.02, 500] * 6)
    senders = [f"s{number}" for number in range(12)]

    async def talk(sender: str) -> None:
        for number in range(5):
            await said(announcing, str(number), sender=sender)

    async with telling(announcing, there.url, tellers=2):
        await asyncio.gather(*map(talk, senders))
        await nothing_is_left(announcing)
    assert len(there.taken) == len(set(ids(there.taken))) == 12 * 6
    told: dict[str, list[str]] = {}
    for event in there.taken:
        told.setdefault(event["conversation_id"], []).append(event["data"].get("message", {}).get("text", ""))
    assert len(told) == 12
    for texts in told.values():
        assert texts == ["", *(f"message {number}" for number in range(5))]
    assert there.most_at_once > 1, "conversations are told side by side"


async def test_what_was_erased_is_not_told(announcing: Store, there: Receiver) -> None:
    first = await said(announcing)
    await announcing.database.change(
        "UPDATE webhooks SET message_id = 'msg_gone' WHERE type = 'message.created'"
    )
    assert first.new
    async with telling(announcing, there.url):
        await nothing_is_left(announcing)
    assert there.types() == ["conversation.created"]


async def test_what_happens_is_told_at_once(announcing: Store, there: Receiver, tmp_path: Path) -> None:
    async with office(announcing, tmp_path) as place, receivers_session() as session:
        teller = Teller(
            store=announcing, live=place.front.live, session=session, url=there.url, secret=SECRET
        )
        task = asyncio.create_task(teller.run())
        visitor = await place.visitor()
        await asyncio.sleep(0)
        began = asyncio.get_running_loop().time()
        await visitor.say("How long can I return things?")
        await until(lambda: "message.created" in there.types(), what="it is told")
        assert asyncio.get_running_loop().time() - began < webhooks._LOOK
        await end(task)
        await teller.wind_down()


async def test_told_to_stop_it_lets_what_is_on_its_way_arrive_and_leaves_the_rest_to_others(
    announcing: Store, there: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "switchboard.webhooks")
    await said(announcing)
    there.script.append(0.3)
    async with telling(announcing, there.url):
        await until(lambda: there.at_once, what="it is on its way")
    assert there.types() == ["conversation.created"]
    assert await announcing.webhooks.waits(), "the next is anybody's at once"
    async with telling(announcing, there.url):
        await nothing_is_left(announcing)
    assert there.types() == ["conversation.created", "message.created"]
    told = [record for record in caplog.records if record.message.startswith("told of")]
    assert [record.__dict__["webhook"] for record in told] == ids(there.taken)


async def test_a_worker_that_slept_after_its_claim_tells_nothing(
    announcing: Store, there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "_FRESH", 0.0)
    await said(announcing)
    async with telling(announcing, there.url) as [teller]:
        async with asyncio.timeout(10):
            while True:  # until it has claimed
                if not await announcing.webhooks.waits():
                    break
                await asyncio.sleep(0.005)
        await until(lambda: not teller._telling, what="it has let go")
    assert there.seen == []
    assert (await announcing.webhooks.backlog()).waiting == 1, "it is anybody's once the lease ends"
