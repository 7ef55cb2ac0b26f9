"""Events told to WEBHOOK_URL: signed, in order in each conversation, and again until they are taken.

Each arrives at least once; the same `id` again is the same event. The address is the company's own setting
and may lie inside its network: it is asked as it stands, and nothing it answers leads anywhere else.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
import orjson
from pydantic import JsonValue

from bot.api.conversations import conversation_json, message_json
from bot.ending import end
from bot.live import INBOX, Feed, Live
from bot.store import Store, StoreUnavailable
from bot.store.records import ClaimedWebhook, StoredMessage

log = logging.getLogger("switchboard.webhooks")

HOPE = 3 * 86_400.0  # seconds for which an event is tried
STUBBORN = 3600.0  # seconds for which one is that is itself refused: its conversation waits behind it
_REFUSED = {400, 410, 413, 415, 422}  # what is said of an event; whatever else is said of the receiver
_PATIENCE = aiohttp.ClientTimeout(total=10, sock_connect=5)
_LEASE = 20.0  # seconds; a worker that died is noticed after this long
_FRESH = 5.0  # seconds after a claim in which sending may begin, so that it ends before the lease does
_AT_ONCE = 16  # conversations told side by side by one process
_LOOK = 1.0  # seconds between looks at the store; what happens here and there is heard of at once
_GATHER = 0.02  # seconds in which more may happen that is then found in the same look
_FIRST_PAUSE = 1.0  # seconds before the second attempt; each pause is twice the one before
_LONGEST_PAUSE = 900.0
_GRACE = 12.0  # seconds in which what is on its way may arrive when the process is told to stop


@dataclass(frozen=True, kw_only=True)
class _Untold:
    """The receiver did not take an event; `stubborn`: it will not, as far as it says."""

    why: str
    stubborn: bool = False


def signature(secret: str, body: bytes, at: int) -> str:
    """The value of X-Switchboard-Signature: HMAC-SHA256 over "t.body", `at` in seconds since the epoch."""
    seal = hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256)
    return f"t={at},v1={seal.hexdigest()}"


def receivers_session() -> aiohttp.ClientSession:
    """Connections to the receiver, kept for the next event; no proxy of the environment's is asked."""
    connector = aiohttp.TCPConnector(limit=_AT_ONCE)
    return aiohttp.ClientSession(
        connector=connector, timeout=_PATIENCE, trust_env=False, auto_decompress=False
    )


class Teller:
    """Tells what the store has to tell. Any number may, in any number of processes."""

    def __init__(
        self, *, store: Store, live: Live, session: aiohttp.ClientSession, url: str, secret: str
    ) -> None:
        """`session` is from `receivers_session`."""
        self._store = store
        self._live = live
        self._session = session
        self._url = url
        self._secret = secret
        self._telling: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def run(self) -> None:
        """Tell until cancelled; `wind_down` sees to what is on its way then."""
        async with self._live.watch(INBOX) as feed:
            while True:
                try:
                    await self._begin(feed)
                except StoreUnavailable as error:
                    log.warning("the store does not answer: %s", error)
                await feed.next(_LOOK)
                await asyncio.sleep(_GATHER)

    async def wind_down(self) -> None:
        """Let what is on its way arrive, or be told again by another."""
        self._stopping = True
        if self._telling:
            await asyncio.wait(self._telling, timeout=_GRACE)
        await end(*self._telling)

    async def _begin(self, feed: Feed) -> None:
        """Begin with what is due, as much as can be told side by side."""
        while (room := _AT_ONCE - len(self._telling)) and await self._store.webhooks.waits():
            asked = time.monotonic()
            claims = await self._store.webhooks.claim(room, _LEASE)
            for claimed in claims:
                self._telling.add(task := asyncio.create_task(self._tell_on(claimed, asked)))

                def done(task: asyncio.Task[None]) -> None:
                    self._telling.discard(task)
                    feed.push(None)  # there is room for another
                    if not task.cancelled() and (error := task.exception()):
                        log.error("an event is told again once its lease ends: %s", error)

                task.add_done_callback(done)
            if len(claims) < room:
                return

    async def _tell_on(self, first: ClaimedWebhook, asked: float) -> None:
        """Tell an event and what follows it in its conversation, until one is not taken."""
        following: ClaimedWebhook | None = first
        while following is not None:
            claimed = following
            message = await self._store.webhooks.message(claimed.message_id) if claimed.message_id else None
            body = await self._body(claimed, message)
            if time.monotonic() - asked > _FRESH:
                return  # we were stopped; somebody else may be telling it by now
            untold = await self._tell(claimed, body) if body is not None else None
            told: dict[str, object] = {
                "webhook": claimed.id,
                "conversation": claimed.conversation_id,
                "attempt": claimed.attempt,
            }
            if message is not None:
                told |= {"message_id": message.in_reply_to or message.id}
            if message is not None and message.turn_id is not None:
                told |= {"turn": message.turn_id}
            asked = time.monotonic()
            lease = 0.0 if self._stopping else _LEASE  # whoever comes next may begin at once
            if untold is None:
                log.info("told of %s", claimed.type, extra=told)
                following = await self._store.webhooks.settle(claimed, lease)
            elif claimed.age > (STUBBORN if untold.stubborn else HOPE):
                log.error("never told of %s: %s", claimed.type, untold.why, extra=told)
                following = await self._store.webhooks.settle(claimed, lease, error=untold.why)
            else:
                log.warning("not told of %s: %s", claimed.type, untold.why, extra=told)
                pause = _pause(claimed.attempt)
                await self._store.webhooks.postpone(claimed, error=untold.why, seconds=pause)
                return
            if lease == 0.0:
                return

    async def _body(self, claimed: ClaimedWebhook, message: StoredMessage | None) -> bytes | None:
        """What is told; None when what it is about was erased meanwhile."""
        data: Mapping[str, JsonValue] = claimed.data
        if claimed.type.startswith("message."):
            if message is None:
                return None
            data = {"message": message_json(message)}
        elif claimed.type.startswith("conversation."):
            entry = await self._store.inbox.entry(claimed.conversation_id or "")
            if entry is None:
                return None
            data = {**claimed.data, "conversation": conversation_json(entry)}
        return orjson.dumps(
            {
                "id": claimed.id,
                "type": claimed.type,
                "created_at": claimed.created_at.isoformat(),
                "conversation_id": claimed.conversation_id,
                "data": data,
            }
        )

    async def _tell(self, claimed: ClaimedWebhook, body: bytes) -> _Untold | None:
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Switchboard",
            "X-Switchboard-Id": claimed.id,
            "X-Switchboard-Event": claimed.type,
            "X-Switchboard-Signature": signature(self._secret, body, int(time.time())),
        }
        try:
            async with self._session.post(
                self._url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                if 200 <= answer.status < 300:
                    return None
                if 300 <= answer.status < 400:
                    return _Untold(why=f"it answered {answer.status}: give the address it redirects to")
                said = " ".join((await answer.content.read(200)).decode(errors="replace").split())
                why = f"it answered {answer.status}: {said}".removesuffix(": ")
                return _Untold(why=why.replace("\x00", ""), stubborn=answer.status in _REFUSED)
        except TimeoutError:
            return _Untold(why="it did not answer in time")
        except (aiohttp.ClientError, OSError) as error:
            return _Untold(why=f"{type(error).__name__}: {error}"[:200])


def _pause(attempt: int) -> float:
    """Seconds until the next attempt, so that not all that failed together come back together."""
    pause: float = min(_FIRST_PAUSE * 2.0 ** min(attempt - 1, 20), _LONGEST_PAUSE)
    return pause * random.uniform(0.75, 1.25)  # noqa: S311  no secret
