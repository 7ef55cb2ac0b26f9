"""The background: an arq worker that waits for a bell instead of polling, and the sweep behind it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, cast

import orjson
from arq.constants import in_progress_key_prefix
from arq.worker import Worker
from arq.worker import func as arq_function
from redis.exceptions import RedisError

from bot.analytics import Analytics
from bot.bell import BELL, QUEUE, RedisLink, connect
from bot.desk import Desk
from bot.ending import end
from bot.overdue import OverdueWatch
from bot.rota import Rota
from bot.store import StoreUnavailable
from bot.webhooks import Teller

if TYPE_CHECKING:
    from arq.connections import ArqRedis
    from arq.typing import WorkerCoroutine

log = logging.getLogger("switchboard.worker")

FUNCTIONS = ("answer", "deliver", "fetch", "act", "wake", "recap")  # of the desk, rung for by the bell
MAX_JOBS = 500  # turns wait on models, not on us: none of them may queue behind the others
JOB_TIMEOUT = 110  # seconds; beyond the turn's own deadline
_POLL = 1.0  # seconds between looks at the queue; the bell is what makes a turn start at once
_SWEEP = 1.0  # seconds between looks at the store
_TIDY = 60.0  # seconds between looks for what was left lying
_LATE = 0.002  # seconds by which the loop may be late when a job begins that gives way
_GIVES_WAY = 0.5  # seconds for which it does at most
_RING_AGAIN = 3.0  # seconds something may be due before it is rung for again
_GRACE = 20.0  # seconds that running turns get to finish when the process is told to stop
_HANDING_BACK = 5.0  # seconds that the others get to hand themselves back


class BellWorker(Worker):
    """arq's worker, started by a bell that carries the job's id.

    arq asks Redis about every job in flight at every poll; this one looks at a job when the bell names it,
    and at the queue once a second, passing over what it is already doing. Jobs are never deferred, so the
    clocks of other machines (arq's scores) are not asked.

    One that `gives_way` begins nothing more while its loop is late with what was begun.
    """

    gives_way = False

    async def main(self) -> None:
        bells = self.pool.pubsub()
        try:
            await bells.subscribe(BELL)
            await self._look_at_queue()
            looked = self.loop.time()
            while True:
                message = await bells.get_message(ignore_subscribe_messages=True, timeout=_POLL)
                if message is not None:
                    await self._start([message["data"]])
                if self.loop.time() - looked >= _POLL:
                    await self._look_at_queue()
                    looked = self.loop.time()
        finally:
            with contextlib.suppress(RedisError, OSError):
                await bells.aclose()  # type: ignore[no-untyped-call]

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        """Start those of the jobs that no worker has started; each is somebody's by one SET NX.

        arq asks three times, because its jobs may be queued again under one id. Ours never are.
        """
        for each in job_ids:
            if self.job_counter >= self.max_jobs:
                return
            if self.gives_way:
                await self._until_calm()
            job_id = each.decode()
            ours = in_progress_key_prefix + job_id
            if not await self.pool.set(ours, b"1", nx=True, px=int(self.in_progress_timeout_s * 1000)):
                continue
            self.job_counter += 1
            task = self.loop.create_task(self.run_job(job_id, 1))
            task.add_done_callback(self._one_less)
            self.tasks[job_id] = task

    async def _until_calm(self) -> None:
        """Return once the loop has time for what was begun, or when that was waited for long enough."""
        until = self.loop.time() + _GIVES_WAY
        pause = 0.0
        while (asked := self.loop.time()) < until:
            await asyncio.sleep(pause)
            if self.loop.time() - asked - pause < _LATE:
                return
            pause = _LATE

    def _one_less(self, _: asyncio.Task[Any]) -> None:
        self.job_counter -= 1

    async def _look_at_queue(self) -> None:
        waiting = await self.pool.zrange(self.queue_name, 0, self.queue_read_limit - 1)
        await self._start(waiting)
        for job_id, task in list(self.tasks.items()):
            if task.done():
                del self.tasks[job_id]
                task.result()  # an error of the queue, not of a turn, ends this worker; its successor goes on

    async def _start(self, job_ids: list[bytes]) -> None:
        if self.allow_pick_jobs and self.job_counter < self.max_jobs:
            await self.start_jobs([each for each in job_ids if each.decode() not in self.tasks])


class Background:
    """Does what one process is rung for until stopped, with Redis or without.

    With `analytics`, what happens is counted, with a `teller` others' programs are told of it, with a `rota`
    who waits is given to operators, and with `overdue` it is told who has waited too long.
    """

    def __init__(
        self,
        *,
        desk: Desk,
        link: RedisLink,
        analytics: Analytics | None = None,
        teller: Teller | None = None,
        rota: Rota | None = None,
        overdue: OverdueWatch | None = None,
    ) -> None:
        self._desk = desk
        self._link = link
        self._analytics = analytics
        self._teller = teller
        self._rota = rota
        self._overdue = overdue
        self._beside_web = False
        self._retiring: set[asyncio.Task[None]] = set()
        self._direct: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def run(self, *, beside_web: bool = False) -> None:
        """Work until cancelled; then let running turns finish or hand them back.

        `beside_web`: whoever posts to this process is answered first.
        """
        self._beside_web = beside_web
        tasks = [
            asyncio.create_task(self._take_jobs(), name="jobs"),
            asyncio.create_task(self._sweep(), name="sweep"),
            asyncio.create_task(self._desk.heed_people(), name="people"),
        ]
        if self._analytics is not None:
            tasks.append(asyncio.create_task(self._analytics.keep(), name="analytics"))
        if self._teller is not None:
            tasks.append(asyncio.create_task(self._teller.run(), name="teller"))
        if self._rota is not None:
            tasks.append(asyncio.create_task(self._rota.run(), name="rota"))
        if self._overdue is not None:
            tasks.append(asyncio.create_task(self._overdue.run(), name="overdue"))
        try:
            await asyncio.gather(*tasks)
        finally:
            await end(*tasks)
            await self._wind_down()
            if self._teller is not None:
                await self._teller.wind_down()

    async def _take_jobs(self) -> None:
        # Below errors it speaks of every job, and of those another worker finished first.
        logging.getLogger("arq").setLevel(logging.ERROR)
        while True:
            client = connect(self._link.url)
            worker = BellWorker(
                functions=[
                    arq_function(cast("WorkerCoroutine", self._job(each)), name=each, max_tries=1)
                    for each in FUNCTIONS
                ],
                redis_pool=client,
                queue_name=QUEUE,
                max_jobs=MAX_JOBS,
                job_timeout=JOB_TIMEOUT,
                keep_result=0,
                queue_read_limit=4 * MAX_JOBS,
                handle_signals=False,
                job_serializer=orjson.dumps,
                job_deserializer=orjson.loads,
            )
            worker.gives_way = self._beside_web
            try:
                await worker.main()
            except (RedisError, OSError, TimeoutError) as error:
                log.debug("queue cut: %s", error)
            except Exception:
                log.exception("the queue's reader failed; a new one begins")
            finally:
                retiring = asyncio.create_task(_see_out(worker, client))
                self._retiring.add(retiring)
                retiring.add_done_callback(self._retiring.discard)
            await asyncio.sleep(0.5)

    def _job(self, function: str) -> Callable[[dict[Any, Any], str], Coroutine[Any, Any, None]]:
        async def job(_: dict[Any, Any], subject: str) -> None:
            await self._desk.work(function, subject)

        return job

    async def _sweep(self) -> None:
        """Ring again for what the doorbell missed; do it here and now while Redis is away."""
        tidied = -_TIDY
        while True:
            await asyncio.sleep(_SWEEP if self._link.up else _SWEEP / 4)
            try:
                if time.monotonic() - tidied >= _TIDY:
                    await self._desk.tidy()
                    tidied = time.monotonic()
                waiting = _RING_AGAIN if self._link.up else 0.0
                for function, subject in await self._desk.due(waiting=waiting):
                    if not await self._desk.ring(function, subject):
                        self._do_here(function, subject)
            except StoreUnavailable as error:
                log.warning("the store does not answer: %s", error)
                await asyncio.sleep(_SWEEP)

    def _do_here(self, function: str, subject: str) -> None:
        key = (function, subject)
        if key in self._direct or len(self._direct) >= MAX_JOBS:
            return
        task = asyncio.create_task(self._desk.work(function, subject))
        self._direct[key] = task

        def done(ended: asyncio.Task[None]) -> None:
            del self._direct[key]
            if not ended.cancelled() and (error := ended.exception()):
                log.error("%s %s failed: %s", function, subject, error)

        task.add_done_callback(done)

    async def _wind_down(self) -> None:
        running = [*self._direct.values(), *self._retiring]
        if running:
            await asyncio.wait(running, timeout=_GRACE)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=_HANDING_BACK)


async def _see_out(worker: BellWorker, client: ArqRedis) -> None:
    """A worker whose Redis was cut, or that is told to stop, finishes what it has begun."""
    worker.allow_pick_jobs = False
    try:
        await asyncio.gather(*worker.tasks.values(), return_exceptions=True)
    finally:
        await client.aclose()
