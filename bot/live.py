"""What happened, to whom it concerns: this process's event streams, fed through Redis pub/sub.

Nothing here is the truth. A wake-up says "look into the store"; a delta is a piece of an answer being
written and may be lost. Streams therefore also look for themselves from time to time, and while other
processes cannot be heard, the store is asked once a second for all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson
from redis.exceptions import RedisError

from bot.bell import RedisLink, connect
from bot.ending import end
from bot.store import StoreUnavailable

log = logging.getLogger("switchboard.live")

INBOX = "inbox"  # operators: which conversations have something new, as {"conversation_id"}, and who is where
PEOPLE = "people"  # workers: which conversations a person has laid hands on, as {"conversation_id"}
_BACKLOG = 256  # live pieces a slow reader may have waiting before the oldest are dropped
_PREFIX = "switchboard:live:"

# For each of the topics that are contacts' a number that rises whenever the store has something new for them.
Newest = Callable[[Sequence[str]], Awaitable[Mapping[str, int]]]


class Feed:
    """One reader's view of a topic: pieces that passed by, and whether to look into the store."""

    def __init__(self) -> None:
        self._pieces: deque[Mapping[str, Any]] = deque(maxlen=_BACKLOG)
        self._stirred = asyncio.Event()
        self._look = False
        self.closed = False

    def push(self, piece: Mapping[str, Any] | None) -> None:
        """Hand over a piece; None only says that the store has something new."""
        if piece is None:
            self._look = True
        else:
            self._pieces.append(piece)
        self._stirred.set()

    def close(self) -> None:
        self.closed = True
        self._stirred.set()

    async def next(self, patience: float) -> tuple[list[Mapping[str, Any]], bool]:
        """Wait for news, at most `patience` seconds: the pieces, and whether the store has something new."""
        if not self._stirred.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._stirred.wait()
        self._stirred.clear()
        pieces, self._pieces = list(self._pieces), deque(maxlen=_BACKLOG)
        look, self._look = self._look, False
        return pieces, look


class Live:
    """Topics of one process. Readers here are told directly, those of other processes through Redis."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._me = secrets.token_hex(8)
        self._feeds: dict[str, set[Feed]] = {}
        self._reader: asyncio.Task[None] | None = None
        self._wanted = asyncio.Event()
        self._confirmed: dict[str, asyncio.Event] = {}
        self.stopping = False
        self.readers = 0

    def start(self, newest: Newest) -> None:
        """Begin to hear other processes; while they cannot be heard, `newest` says who has something new."""
        self._reader = asyncio.create_task(self._hear(newest), name="live")

    async def stop(self) -> None:
        """End every stream; their readers resume elsewhere by their cursor."""
        self.stopping = True
        for feeds in self._feeds.values():
            for feed in feeds:
                feed.close()
        if self._reader:
            await end(self._reader)

    async def tell(self, topic: str, piece: Mapping[str, Any] | None = None) -> None:
        """Pass `{"kind", "data"}` on to all who watch `topic`; None: there is something new in the store."""
        for feed in self._feeds.get(topic, ()):
            feed.push(piece)
        await self._link.send(("PUBLISH", _PREFIX + topic, orjson.dumps([self._me, piece])))

    async def stir(self, contact_id: str, conversation_id: str) -> None:
        """The store has something new in a conversation, for its contact and for operators."""
        piece = {"conversation_id": conversation_id}
        for feed in self._feeds.get(contact_id, ()):
            feed.push(None)
        for feed in self._feeds.get(INBOX, ()):
            feed.push(piece)
        await self._link.send(
            ("PUBLISH", _PREFIX + contact_id, orjson.dumps([self._me, None])),
            ("PUBLISH", _PREFIX + INBOX, orjson.dumps([self._me, piece])),
        )

    @asynccontextmanager
    async def watch(self, *topics: str) -> AsyncIterator[Feed]:
        """Follow topics; whatever is told after this has entered reaches the feed."""
        feed = Feed()
        if self.stopping:
            feed.close()
        followed = [self._feeds.setdefault(topic, set()) for topic in topics]
        for feeds in followed:
            feeds.add(feed)
        self.readers += 1
        confirmed = [self._confirmed.setdefault(topic, asyncio.Event()) for topic in topics]
        self._wanted.set()
        try:
            if self._link.up:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(1):
                        for each in confirmed:
                            await each.wait()
            yield feed
        finally:
            self.readers -= 1
            for topic, feeds in zip(topics, followed, strict=True):
                feeds.discard(feed)
                if not feeds and self._feeds.get(topic) is feeds:
                    del self._feeds[topic]
                    self._wanted.set()

    async def _hear(self, newest: Newest) -> None:
        while True:
            try:
                await self._hear_until_cut()
            except (RedisError, OSError, TimeoutError) as error:
                log.debug("live connection cut: %s", error)
            except Exception:
                log.exception("the reader of live pieces failed; a new one begins")
                await asyncio.sleep(1)
            for event in self._confirmed.values():
                event.clear()
            known: Mapping[str, int] = {}
            while not await self._link.attempt(self._link.client.ping):
                known = await self._look_where_new(newest, known)
                await asyncio.sleep(1)
            self._look_everywhere()

    async def _hear_until_cut(self) -> None:
        client = connect(self._link.url)
        pubsub = client.pubsub()
        subscribed: set[str] = set()
        try:
            await pubsub.subscribe(_PREFIX)  # a subscription to stand on while nobody watches anything
            cut = asyncio.Event()
            turns = asyncio.create_task(self._follow_wishes(pubsub, subscribed, cut))
            try:
                while not turns.done():
                    message = await pubsub.get_message(timeout=1)
                    if message is not None:
                        self._take(message)
                    elif not await self._link.attempt(self._link.client.ping):
                        return  # a stopped Redis keeps its connections open and says nothing
                await turns
            finally:
                cut.set()  # and not cancelled, which redis-py may swallow
                self._wanted.set()
                await asyncio.wait({turns})
        finally:
            await pubsub.aclose()  # type: ignore[no-untyped-call]
            await client.aclose()

    async def _follow_wishes(self, pubsub: Any, subscribed: set[str], cut: asyncio.Event) -> None:
        """Subscribe to what is watched here and to nothing else, several topics in one command."""
        while not cut.is_set():
            self._wanted.clear()
            wanted = set(self._feeds)
            if fresh := wanted - subscribed:
                await pubsub.subscribe(*(_PREFIX + topic for topic in fresh))
            if stale := subscribed - wanted:
                for topic in stale:  # first: whoever comes back meanwhile must wait for a new confirmation
                    self._confirmed.pop(topic, None)
                await pubsub.unsubscribe(*(_PREFIX + topic for topic in stale))
            subscribed ^= fresh | stale
            await self._wanted.wait()

    def _take(self, message: Mapping[str, Any]) -> None:
        topic = message["channel"].decode().removeprefix(_PREFIX)
        if message["type"] == "subscribe":
            if confirmed := self._confirmed.get(topic):
                confirmed.set()
            for feed in self._feeds.get(topic, ()):
                feed.push(None)
        elif message["type"] == "message" and topic in self._feeds:
            sender, piece = orjson.loads(message["data"])
            if sender != self._me:
                for feed in self._feeds[topic]:
                    feed.push(piece)

    async def _look_where_new(self, newest: Newest, known: Mapping[str, int]) -> Mapping[str, int]:
        """Wake those who have something new since `known`, and those of whom nobody can say."""
        topics = list(self._feeds)
        try:
            now = await newest(topics)
        except StoreUnavailable:
            now = {}
        for topic in topics:
            if topic not in now or now[topic] != known.get(topic):
                for feed in self._feeds.get(topic, ()):
                    feed.push(None)
        return now

    def _look_everywhere(self) -> None:
        for feeds in self._feeds.values():
            for feed in feeds:
                feed.push(None)
