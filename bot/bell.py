"""The doorbell: tells a worker at once that something is due. The row in the store is the truth."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable

import orjson
from arq.connections import ArqRedis
from arq.constants import job_key_prefix
from arq.jobs import serialize_job
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

log = logging.getLogger("switchboard.bell")

Command = tuple[str | bytes | int, ...]

QUEUE = "switchboard:jobs"
BELL = "switchboard:bell"
JOB_EXPIRES = 600_000  # ms; a job nobody took in that time is rung for again by the sweep anyway
_REDIS_PATIENCE = 1.0  # seconds a visitor's request may ever wait for Redis
_DOWN_PAUSE = 1.0  # seconds before a Redis that failed is asked again


def connect(url: str) -> ArqRedis:
    """A client with JSON jobs and short patience: a stopped Redis must not stop us."""
    pool: ConnectionPool = ConnectionPool.from_url(
        url, socket_timeout=_REDIS_PATIENCE, socket_connect_timeout=_REDIS_PATIENCE
    )
    return ArqRedis(
        pool_or_conn=pool,
        job_serializer=orjson.dumps,
        job_deserializer=orjson.loads,
        default_queue_name=QUEUE,
        expires_extra_ms=JOB_EXPIRES,
    )


class RedisLink:
    """One process's way to Redis: never raises, never waits long, knows whether Redis answers.

    Without a `url` there is no Redis, which is all that is different.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = connect(url or "redis://127.0.0.1:1")
        self._asked_again_at = 0.0 if url else float("inf")
        self.last_error: str | None = None if url else "there is no Redis"
        self._line = asyncio.Lock()
        self._batch: list[Command] | None = None
        self._batch_sent: asyncio.Task[bool] | None = None

    @property
    def up(self) -> bool:
        """Whether the last try went through."""
        return self.last_error is None

    async def attempt(self, call: Callable[[], Awaitable[object]]) -> bool:
        """Run one Redis call; False when Redis did not take it (or was not asked, being down just now)."""
        if not self.up and time.monotonic() < self._asked_again_at:
            return False
        try:
            async with asyncio.timeout(_REDIS_PATIENCE):
                await call()
        except (RedisError, OSError, TimeoutError) as error:
            if self.up:
                log.warning("Redis does not answer (%s); work goes on without it", error)
            self.last_error = f"{type(error).__name__}: {error}"
            self._asked_again_at = time.monotonic() + _DOWN_PAUSE
            return False
        if not self.up:
            log.info("Redis answers again")
        self.last_error = None
        return True

    async def send(self, *commands: Command) -> bool:
        """Send commands whose answers nobody needs; False when Redis did not take them.

        What is sent while another batch is on its way goes together in the next: under load that is most
        of what a turn says to Redis, at a fraction of the CPU.
        """
        if self._batch is None:
            self._batch = []
            self._batch_sent = asyncio.create_task(self._send(self._batch))
        self._batch += commands
        assert self._batch_sent is not None
        return await asyncio.shield(self._batch_sent)

    async def _send(self, batch: list[Command]) -> bool:
        async with self._line:
            self._batch = None
            pipe = self.client.pipeline(transaction=False)
            for command in batch:
                pipe.execute_command(*command)
            return await self.attempt(pipe.execute)

    async def close(self) -> None:
        await self.client.aclose()


class Bell:
    """Rings for conversations to answer, messages to send, files to fetch and calls to make."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link

    async def ring(self, function: str, subject: str) -> bool:
        """Queue `function(subject)` as an arq job and wake a worker.

        A fresh job id needs none of `enqueue_job`'s look-ups: it can neither be queued nor kept yet. All
        jobs have one score, so that no machine's clock can hold a job back; ids sort by time, roughly.
        """
        now = int(time.time() * 1000)
        job_id = f"{now:x}-{uuid.uuid4().hex}"

        job = serialize_job(function, (subject,), {}, None, now, serializer=orjson.dumps)
        return await self._link.send(
            ("PSETEX", job_key_prefix + job_id, JOB_EXPIRES, job),
            ("ZADD", QUEUE, 1, job_id),
            ("PUBLISH", BELL, job_id),
        )
