"""Processes that die: each ends, as by kill -9, right before or right after the first commit of its kind.

`python -m tests.doubles.mortal workers|web PLAN LOG`: the plan is a JSON list of [kind, "before" | "after"],
where a kind is the method of the store that commits, as in "Turns.claim"; the log gets a line for every
death. One process has everything imported and forks each other, so that a life costs a moment; once the plan
is used up, they stay alive. There are four workers, or one web server at a time on one socket.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import socket
import sys
from collections import deque
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson

import bot.llm
import bot.store.postgres
import bot.store.sqlite  # noqa: F401  once for all lives
from bot.app import open_house
from bot.serve import listen, serve
from bot.settings import read_settings

WORKERS = 4

Point = tuple[str, str]


def kind() -> str:
    """The method of the store that writes: whoever called `Database.write` two frames up."""
    frame = sys._getframe(2)
    if frame.f_code.co_name == "change":
        assert frame.f_back is not None
        frame = frame.f_back
    return frame.f_code.co_qualname


def mortal(write: Callable[[Any], Awaitable[Any]], point: Point, log: int) -> Callable[[Any], Awaitable[Any]]:
    """The same as `write`, to the death."""

    def die() -> None:
        os.write(log, f"{point[0]} {point[1]}\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)

    async def dying(body: Any) -> Any:
        here = kind() == point[0]

        async def to_the_end(tx: Any) -> Any:
            result = await body(tx)
            if here and point[1] == "before":
                die()
            return result

        result = await write(to_the_end)
        if here and point[1] == "after":
            die()
        return result

    return dying


async def live(point: Point | None, log: int, web: socket.socket | None) -> None:
    """A web server, or a worker that does one thing after the other, so that only one is cut off when it
    dies."""
    settings = read_settings()
    async with open_house(settings, redis_url=settings.redis_url) as house:
        work, one = house.desk.work, asyncio.Semaphore(1)

        async def in_turn(function: str, subject: str) -> None:
            async with one:
                await work(function, subject)

        setattr(house.desk, "work", in_turn)  # noqa: B010
        if point is not None:
            database = house.store.database
            setattr(database, "write", mortal(database.write, point, log))  # noqa: B010
        await serve(house, web=web, work=web is None)


def main() -> None:
    role, planned, deaths = sys.argv[1:]
    plan: deque[Point] = deque(map(tuple, orjson.loads(Path(planned).read_bytes())))
    log = os.open(deaths, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    web = listen(read_settings()) if role == "web" else None  # whoever comes between two lives waits in it
    lives: set[int] = set()
    print("mortal: waiting for work", flush=True)
    while True:
        while len(lives) < (WORKERS if web is None else 1):
            point = plan.popleft() if plan else None
            if not (child := os.fork()):
                ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG, prctl(2)
                asyncio.run(live(point, log, web))
                os._exit(0)
            lives.add(child)
        child, status = os.wait()
        lives.discard(child)
        if not os.WIFSIGNALED(status):
            raise SystemExit(f"one ended by itself: {status}")


if __name__ == "__main__":
    main()
