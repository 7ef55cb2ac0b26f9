"""The website's event streams, byte by byte."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from bot.store import Store
from bot.testing import InlineQueue, ScriptedModel
from tests.channels.given import Visitor, arrive, error, identity
from tests.front import Front, front, served, until


@pytest.fixture
async def house(file_store: Store, tmp_path: Path) -> AsyncIterator[Front]:
    model = ScriptedModel(["Within 30 days", 0.1, " of delivery.", 0.1, " [1]"])
    async with front(file_store, folder=tmp_path, bell=InlineQueue(), models=[model]) as opened:
        yield opened


@asynccontextmanager
async def stream(ada: Visitor, after: str, *, resumed: bool = False) -> AsyncIterator[AsyncIterator[str]]:
    """The stream's blocks, one after the other; `resumed` at the address it began with, as browsers do."""
    place = {"last-event-id": after} if resumed else {}
    async with ada.client.stream(
        "GET",
        "/api/web/events",
        params={"after": ada.session["cursor"] if resumed else after},
        headers=ada.headers | {"accept": "text/event-stream"} | place,
    ) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        yield _blocks(answer)


async def _blocks(answer: httpx.Response) -> AsyncIterator[str]:
    rest = ""
    async for text in answer.aiter_text():
        *blocks, rest = (rest + text).split("\n\n")
        for block in blocks:
            yield block


async def test_a_stream_says_hello_then_each_event_with_its_cursor(ada: Visitor) -> None:
    await ada.say("line one\nline two", "1")
    async with stream(ada, ada.session["cursor"]) as blocks:
        assert await anext(blocks) == ": hello"
        first, second, third = (await anext(blocks)).split("\n")
        assert first.startswith("id: ")
        assert second == "event: message"
        assert third.startswith('data: {"')
        await ada.say("two", "2")
        assert '"text":"two"' in await anext(blocks)
    async with stream(ada, first.removeprefix("id: "), resumed=True) as blocks:
        assert await anext(blocks) == ": hello"
        assert '"text":"two"' in await anext(blocks)


async def test_an_answer_is_seen_as_it_is_written_and_then_stands(ada: Visitor, house: Front) -> None:
    async with stream(ada, ada.session["cursor"]) as blocks:
        await anext(blocks)
        await ada.say("How long can I return things?")
        assert "event: message" in await anext(blocks)
        answering = asyncio.create_task(house.desk.answer(ada.session["conversation_id"]))
        seen: list[str] = []
        while not seen or "event: message" not in seen[-1]:
            seen.append(await anext(blocks))
        await answering
    deltas = seen[:-1]
    assert deltas
    assert all(block.startswith("event: delta\ndata: {") for block in deltas), "no delta has an id"
    assert '"offset":0' in deltas[0]
    assert "Within" in deltas[0]


async def test_two_tabs_and_a_reload_see_everything_once_and_in_order(ada: Visitor) -> None:
    async with (
        stream(ada, ada.session["cursor"]) as one,
        stream(ada, ada.session["cursor"]) as other,
    ):
        for number in range(10):
            await ada.say(f"message {number}", str(number))
        seen = [[await anext(tab) for _ in range(11)][1:] for tab in (one, other)]
    async with stream(ada, ada.session["cursor"]) as reloaded:
        seen.append([await anext(reloaded) for _ in range(11)][1:])
    assert seen[0] == seen[1] == seen[2]
    for number, block in enumerate(seen[0]):
        assert f'"text":"message {number}"' in block


async def test_typing_is_shown_and_not_kept(ada: Visitor) -> None:
    async with stream(ada, ada.session["cursor"]) as blocks:
        await anext(blocks)
        await ada.post("typing", {"active": True})
        told = await anext(blocks)
        assert told == 'event: typing\ndata: {"author":{"kind":"contact","name":""},"active":true}'


async def test_a_tab_goes_on_when_another_tab_signs_its_visitor_in(
    client: httpx.AsyncClient, ada: Visitor
) -> None:
    phone = await arrive(client, identity=identity())
    await ada.say("before signing in", "1")
    async with stream(ada, ada.session["cursor"]) as blocks:
        assert await anext(blocks) == ": hello"
        place = (await anext(blocks)).split("\n")[0].removeprefix("id: ")
        await arrive(client, token=ada.token, identity=identity())
        async with asyncio.timeout(5):
            assert [block async for block in blocks] == []
    await phone.say("from the phone", "2")
    async with stream(ada, place) as blocks:
        assert await anext(blocks) == ": hello"
        assert '"text":"from the phone"' in await anext(blocks)
        await ada.say("from the tab", "3")
        assert '"text":"from the tab"' in await anext(blocks)


async def test_a_browser_that_signs_in_as_another_user_hears_no_more_of_the_first(
    client: httpx.AsyncClient,
) -> None:
    phone = await arrive(client, identity=identity())
    browser = await arrive(client, identity=identity())
    async with stream(browser, browser.session["cursor"]) as blocks:
        await anext(blocks)
        await arrive(client, token=browser.token, identity=identity(sub="user-2"))
        await phone.say("of the first user alone")
        async with asyncio.timeout(5):
            assert [block async for block in blocks] == []
    assert error(await browser.poll(browser.session["cursor"])) == (400, "bad_cursor", "after")
    anew = await arrive(client, token=browser.token)
    assert anew.session["messages"] == []
    await browser.say("of the second")
    (event,) = (await browser.poll(anew.session["cursor"])).json()["events"]
    assert event["data"]["text"] == "of the second"


async def test_words_on_their_way_when_the_user_changes_are_not_shown(house: Front) -> None:
    page = await house.visitors.welcome(None, identity())
    visitor = house.visitors.visitor(page.token)
    batches = house.visitors.follow(visitor, page.cursor)
    assert (await anext(batches)).events == []
    (first,) = house.live._feeds
    await house.visitors.welcome(page.token, identity(sub="user-2"))
    await house.live.tell(first, {"kind": "delta", "data": {"text": "of the first user alone"}})
    assert [batch async for batch in batches] == []
    assert house.live.readers == 0


async def test_a_user_who_changes_while_the_stream_opens_sees_nothing_of_the_first(
    client: httpx.AsyncClient, house: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone = await arrive(client, identity=identity())
    page = await arrive(client, identity=identity())
    visitor = house.visitors.visitor(page.token)
    read = house.store.conversations.events_after

    async def overtaken(*place: str) -> object:
        await house.visitors.welcome(page.token, identity(sub="user-2"))
        await phone.say("of the first user alone")
        return await read(*place)

    monkeypatch.setattr(house.store.conversations, "events_after", overtaken)
    batches = [batch async for batch in house.visitors.follow(visitor, page.session["cursor"])]
    assert [(batch.events, batch.cursor) for batch in batches] == [((), page.session["cursor"])]


async def test_a_reader_who_leaves_leaves_nothing_behind(ada: Visitor, house: Front) -> None:
    before = len(asyncio.all_tasks())
    for _ in range(5):
        async with stream(ada, ada.session["cursor"]) as blocks:
            await anext(blocks)
            assert house.live.readers == 1
        await until(lambda: house.live.readers == 0, what="the stream has ended")
    await until(lambda: len(asyncio.all_tasks()) <= before, what="no task left")


async def test_a_reader_who_never_reads_is_let_go(
    ada: Visitor, house: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("channels.website._STUCK", 0.3)
    url = ada.client.base_url
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect((url.host, url.port))
        request = f"GET /api/web/events?after={ada.session['cursor']} HTTP/1.1\r\nhost: x\r\n"
        request += f"accept: text/event-stream\r\nauthorization: Bearer {ada.token}\r\n\r\n"
        deaf.sendall(request.encode())
        await until(lambda: house.live.readers == 1)
        async with asyncio.timeout(20):
            while house.live.readers:
                for feeds in house.live._feeds.values():
                    for feed in feeds:
                        feed.push({"kind": "delta", "data": {"text": "x" * 100_000}})
                await asyncio.sleep(0.01)


async def test_of_too_many_streams_the_oldest_ends_cleanly_and_its_reader_resumes(
    ada: Visitor, house: Front
) -> None:
    async with AsyncExitStack() as stack:
        tabs = []
        for _ in range(21):
            tabs.append(await stack.enter_async_context(stream(ada, ada.session["cursor"])))
            assert await anext(tabs[-1]) == ": hello"
        async with asyncio.timeout(5):
            assert [block async for block in tabs[0]] == []
        await until(lambda: house.live.readers == 20)
        await ada.say("to all tabs")
        for tab in tabs[1:]:
            assert '"text":"to all tabs"' in await anext(tab)
    await until(lambda: house.live.readers == 0)


async def test_stopping_ends_streams_so_that_readers_resume_elsewhere(ada: Visitor, house: Front) -> None:
    async with stream(ada, ada.session["cursor"]) as blocks:
        await anext(blocks)
        await house.live.stop()
        async with asyncio.timeout(5):
            rest = [block async for block in blocks]  # ends by itself, and cleanly
        assert all(block.startswith(":") for block in rest)


async def test_a_store_that_goes_away_ends_the_stream_and_not_the_server(
    postgres_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = await Store.open(postgres_url)
    async with front(store, folder=tmp_path, bell=InlineQueue()) as house, served(house) as client:
        ada = await arrive(client)
        async with stream(ada, ada.session["cursor"]) as blocks:
            await anext(blocks)
            await store.close()
            await house.live.tell(next(iter(house.live._feeds)))
            async with asyncio.timeout(10):
                assert [block async for block in blocks] == []
        refused = await ada.say()
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "unavailable")
        assert refused.headers["retry-after"] == "2"
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []
