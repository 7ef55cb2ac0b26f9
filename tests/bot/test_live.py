"""Event streams of several processes on one Valkey: nothing told is missed, whatever becomes of Valkey."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP
from typing import Any

from bot.bell import RedisLink
from bot.live import INBOX, Feed, Live, Newest
from bot.store import Store, StoreUnavailable
from tests.front import front, until
from tests.processes import Valkey

Piece = Mapping[str, Any]


async def nobody_knows(topics: Sequence[str]) -> Mapping[str, int]:
    return {}


@asynccontextmanager
async def processes(url: str, count: int = 2, *, newest: Newest = nobody_knows) -> AsyncIterator[list[Live]]:
    """As many processes' ends of the line, and no task of theirs left over."""
    before = asyncio.all_tasks()
    async with AsyncExitStack() as stack:
        lives = []
        for _ in range(count):
            link = RedisLink(url)
            stack.push_async_callback(link.close)
            live = Live(link)
            live.start(newest)
            stack.push_async_callback(live.stop)
            lives.append(live)
        yield lives
    await until(lambda: asyncio.all_tasks() <= before, what="no task left")


def delta(text: str) -> Piece:
    return {"kind": "delta", "data": {"text": text}}


async def hear(feed: Feed, count: int) -> list[str]:
    """The texts of the next pieces."""
    heard: list[str] = []
    async with asyncio.timeout(10):
        while len(heard) < count:
            pieces, _ = await feed.next(10)
            heard += [piece["data"]["text"] for piece in pieces]
    return heard


async def looks(feed: Feed) -> None:
    """Return once the feed says that the store has something new."""
    async with asyncio.timeout(15):
        while not (await feed.next(15))[1]:
            pass


def topics(server: Valkey) -> set[str]:
    """What anybody is subscribed to."""
    with server.client() as client:
        return {name.decode() for name in client.pubsub_channels("switchboard:live:?*")}


async def test_pieces_told_here_and_elsewhere_reach_a_reader_once_and_in_order(server: Valkey) -> None:
    async with processes(server.url) as (here, there), here.watch("ada") as feed:
        for number in range(0, 20, 2):
            await there.tell("ada", delta(str(number)))
            assert await hear(feed, 1) == [str(number)]
            await here.tell("ada", delta(str(number + 1)))
            assert await hear(feed, 1) == [str(number + 1)]
        await there.tell("bob", delta("not for ada"))
        await there.tell("ada", delta("for ada"))
        assert await hear(feed, 1) == ["for ada"]


async def test_whatever_is_told_once_a_reader_has_entered_is_heard(server: Valkey) -> None:
    async with processes(server.url) as (here, there):
        for number in range(30):
            async with here.watch(f"topic {number}") as feed:
                await there.tell(f"topic {number}", delta("first"))
                assert await hear(feed, 1) == ["first"]


async def test_a_reader_who_comes_back_at_once_misses_nothing(server: Valkey) -> None:
    async with processes(server.url) as (here, there):
        for number in range(50):
            async with here.watch("ada") as feed:
                await there.tell("ada", delta(str(number)))
                assert (await hear(feed, 1))[-1] == str(number)


async def test_several_readers_of_several_topics_each_hear_theirs(server: Valkey) -> None:
    async with (
        processes(server.url) as (here, there),
        here.watch("ada", "people") as both,
        here.watch("ada") as ada,
    ):
        assert here.readers == 2
        await there.tell("people", delta("a person"))
        await there.tell("ada", delta("a word"))
        assert await hear(both, 2) == ["a person", "a word"]
        assert await hear(ada, 1) == ["a word"]


async def test_news_of_a_conversation_reach_its_contact_and_the_operators(server: Valkey) -> None:
    async with (
        processes(server.url) as (here, there),
        here.watch("ada") as contact,
        here.watch(INBOX) as operators,
        there.watch(INBOX) as own,
    ):
        await contact.next(0)
        await there.stir("ada", "conversation 1")
        await looks(contact)
        for feed in (operators, own):
            pieces: list[Piece] = []
            async with asyncio.timeout(5):
                while not pieces:
                    pieces = (await feed.next(5))[0]
            assert pieces == [{"conversation_id": "conversation 1"}]


async def test_nothing_is_subscribed_to_that_nobody_watches(server: Valkey) -> None:
    async with processes(server.url) as (here, _):
        async with here.watch("ada"), here.watch("bob"):
            await until(lambda: topics(server) == {"switchboard:live:ada", "switchboard:live:bob"})
        await until(lambda: topics(server) == set())
        assert (here.readers, here._feeds, here._confirmed) == (0, {}, {})


async def test_a_reader_who_leaves_while_entering_leaves_nothing_behind(server: Valkey) -> None:
    server.send(SIGSTOP)
    try:
        async with processes(server.url, 1) as (here,):

            async def enter() -> None:
                async with here.watch("ada"):
                    pass

            entering = asyncio.create_task(enter())
            await until(lambda: here.readers)
            entering.cancel()
            await asyncio.gather(entering, return_exceptions=True)
            assert (here.readers, here._feeds) == (0, {})
    finally:
        server.send(SIGCONT)


async def test_a_slow_reader_keeps_the_newest_pieces_and_no_more(server: Valkey) -> None:
    async with processes(server.url, 1) as (here,), here.watch("ada") as feed:
        for number in range(1000):
            feed.push(delta(str(number)))
        pieces, _ = await feed.next(1)
        assert len(pieces) == 256
        assert pieces[-1]["data"]["text"] == "999"


async def test_stopping_ends_every_stream_and_lets_no_new_one_wait(server: Valkey) -> None:
    async with processes(server.url, 1) as (here,), here.watch("ada") as feed:
        waiting = asyncio.create_task(feed.next(60))
        await asyncio.sleep(0)
        await here.stop()
        await asyncio.wait_for(waiting, 2)
        assert feed.closed
        async with here.watch("bob") as late:
            assert late.closed


async def test_what_is_said_at_one_moment_travels_together(server: Valkey) -> None:
    async with processes(server.url) as (here, there), here.watch("ada") as feed:
        with server.client() as client:
            before = client.info("commandstats")["cmdstat_publish"]["calls"]
            await asyncio.gather(*(there.tell("ada", delta(str(number))) for number in range(100)))
            assert client.info("commandstats")["cmdstat_publish"]["calls"] - before == 100
        assert await hear(feed, 100) == [str(number) for number in range(100)]


async def test_after_valkey_was_killed_readers_look_for_themselves_and_hear_again(server: Valkey) -> None:
    async with processes(server.url) as (here, there), here.watch("ada") as feed:
        await feed.next(0)
        server.end(SIGKILL)
        await looks(feed)  # told by nobody: the line is cut
        await here.tell("ada", delta("within one process it goes on"))
        assert await hear(feed, 1) == ["within one process it goes on"]
        server.start()
        heard: list[str] = []
        async with asyncio.timeout(20):
            while not heard:  # until both ends have found it again
                await there.tell("ada", delta("back"))
                heard = [piece["data"]["text"] for piece in (await feed.next(0.1))[0]]
        assert set(heard) == {"back"}


async def test_without_valkey_the_store_is_asked_once_for_all_who_watch(
    server: Valkey, unused_tcp_port: int
) -> None:
    places = {f"contact {number}": 1 for number in range(200)}
    asked: list[int] = []

    async def newest(topics: Sequence[str]) -> Mapping[str, int]:
        asked.append(len(topics))
        if len(asked) == 5:
            raise StoreUnavailable("the database is away")
        return {topic: places[topic] for topic in topics if topic in places}

    def stirred(feeds: Mapping[str, Feed]) -> set[str]:
        return {topic for topic, feed in feeds.items() if feed._stirred.is_set()}

    url = f"redis://127.0.0.1:{unused_tcp_port}"
    async with processes(url, 1, newest=newest) as (here,), AsyncExitStack() as stack:
        feeds = {each: await stack.enter_async_context(here.watch(each)) for each in (*places, INBOX)}
        await until(lambda: len(asked) >= 2)
        assert stirred(feeds) == set(feeds), "what happened before is not known"
        for feed in feeds.values():
            await feed.next(0)
        await until(lambda: len(asked) >= 3)
        places["contact 7"] += 1
        await until(lambda: len(asked) >= 4)
        assert stirred(feeds) == {"contact 7", INBOX}
        await until(lambda: len(asked) >= 6)
        assert stirred(feeds) == set(feeds), "each finds out for itself whether the store is there"
        assert set(asked[2:]) == {201}


async def test_without_valkey_a_reader_of_another_process_hears_within_seconds(
    store: Store, tmp_path: Path, unused_tcp_port: int
) -> None:
    url = f"redis://127.0.0.1:{unused_tcp_port}"
    async with (
        front(store, folder=tmp_path / "one", redis_url=url) as here,
        front(store, folder=tmp_path / "two", redis_url=url) as there,
    ):
        page = await here.visitors.welcome(None, None)
        visitor = here.visitors.visitor(page.token)
        batches = here.visitors.follow(visitor, page.cursor)
        assert (await anext(batches)).events == []
        await there.visitors.post(visitor, "1", "said elsewhere", [])
        async with asyncio.timeout(5):
            (event,) = (await anext(batches)).events
        assert event.data["text"] == "said elsewhere"
        await batches.aclose()


async def test_a_stopped_valkey_holds_nobody_up_for_long(server: Valkey) -> None:
    loop = asyncio.get_running_loop()
    async with processes(server.url) as (here, there), here.watch("ada") as feed:
        server.send(SIGSTOP)
        try:
            began = loop.time()
            await here.tell("ada", delta("one"))
            assert loop.time() - began < 2
            began = loop.time()
            await here.tell("ada", delta("two"))
            assert loop.time() - began < 1, "who waits for Valkey waits a second"
            began = loop.time()
            async with here.watch("bob"):
                assert loop.time() - began < 1
            assert await hear(feed, 2) == ["one", "two"]
        finally:
            server.send(SIGCONT)
        heard: list[str] = []
        async with asyncio.timeout(20):
            while "three" not in heard:
                await there.tell("ada", delta("three"))
                heard += [piece["data"]["text"] for piece in (await feed.next(0.1))[0]]


async def test_strangers_on_the_line_do_not_silence_it(server: Valkey) -> None:
    async with processes(server.url) as (here, there), here.watch("ada") as feed:
        with server.client() as client:
            client.publish("switchboard:live:ada", b"\xff not ours")
        heard: list[str] = []
        async with asyncio.timeout(20):
            while not heard:
                await there.tell("ada", delta("ours"))
                heard = [piece["data"]["text"] for piece in (await feed.next(0.1))[0]]
