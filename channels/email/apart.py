"""Messages are understood in processes apart: a hostile one costs a process, never the mailbox."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Collection
from pathlib import Path
from typing import Self

from channels.base import Original
from channels.email.child import Task
from channels.email.mail import NotUnderstood
from channels.email.parse import SIZE
from channels.email.understand import Understood

CPU = 1.5  # seconds of a processor that one message may take; what it hangs in is work, never waiting
WALL = 10.0  # seconds until a process that does nothing is given up; a busy machine sets no good mail aside
MEMORY = 1_000_000_000  # bytes of address space
RENEWED = 500  # messages after which a process is replaced, whatever it holds on to

_ROOT = Path(__file__).parents[2]


class Apart:
    """A few processes that understand one message at a time each; each starts when it is needed."""

    def __init__(
        self,
        *,
        own: Collection[str] = (),
        processes: int = 2,
        cpu: float = CPU,
        wall: float = WALL,
        memory: int = MEMORY,
    ) -> None:
        self._arguments = (str(memory), str(cpu), *sorted(own))
        self._wall = wall
        self._idle: asyncio.LifoQueue[_Child] = asyncio.LifoQueue()
        self._children = [_Child(self._arguments) for _ in range(processes)]
        for each in self._children:
            self._idle.put_nowait(each)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Kill the processes and wait until they are gone."""
        for each in self._children:
            await each.end()

    async def understand(self, raw: bytes) -> Understood:
        """Understand a message, or raise NotUnderstood: malformed, too large, or too much work."""
        found = await self._do(Task.UNDERSTAND, raw)
        assert isinstance(found, Understood)
        return found

    async def show(self, raw: bytes, *, pictures: bool) -> Original:
        """The message as it came, safe to look at, or NotUnderstood."""
        found = await self._do(Task.SHOW_WITH_PICTURES if pictures else Task.SHOW, raw)
        assert isinstance(found, Original)
        return found

    async def _do(self, task: Task, raw: bytes) -> Understood | Original:
        if len(raw) > SIZE:
            raise NotUnderstood(f"the message is larger than {SIZE // 1_000_000} MB")
        child = await self._idle.get()
        try:
            for _ in range(2):  # a process may have died of something else
                try:
                    return await child.ask(task, raw, self._wall)
                except _Died as died:
                    if died.at_limit:
                        break
        except TimeoutError:
            pass
        finally:
            self._idle.put_nowait(child)
        raise NotUnderstood("understanding the message took too long or too much memory")


class _Died(Exception):  # noqa: N818
    """The process ended without an answer; `at_limit`: it had used up its time."""

    def __init__(self, *, at_limit: bool) -> None:
        super().__init__()
        self.at_limit = at_limit


class _Child:
    """One process, started when it is needed."""

    def __init__(self, arguments: tuple[str, ...]) -> None:
        self._arguments = arguments
        self._process: Process | None = None
        self._asked = 0

    async def ask(self, task: Task, raw: bytes, seconds: float) -> Understood | Original:
        if self._process is None or self._process.returncode is not None or self._asked >= RENEWED:
            await self.end()
            self._process = await self._start()
            self._asked = 0
        self._asked += 1
        process = self._process
        answer = None
        try:
            async with asyncio.timeout(seconds):
                answer = await _exchange(process, task, raw)
        except (asyncio.IncompleteReadError, ConnectionError):
            await process.wait()
            raise _Died(at_limit=process.returncode == -signal.SIGPROF) from None
        finally:
            if answer is None:
                await self.end()
        found = pickle.loads(answer)  # noqa: S301 - written by our own process
        if isinstance(found, Understood | Original):
            return found
        raise NotUnderstood(str(found))

    async def end(self) -> None:
        """Kill the process and wait until it is gone."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            # Not `process.kill`: it may reap what asyncio waits for, and the exit status is lost.
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        await process.wait()

    async def _start(self) -> Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-X", "utf8", "-m", "channels.email.child", *self._arguments),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            cwd=_ROOT,
            env={},  # what reads hostile mail needs none of the server's secrets
            limit=1_000_000,
        )


async def _exchange(process: Process, task: Task, raw: bytes) -> bytes:
    if process.stdin is None or process.stdout is None:
        raise ConnectionResetError
    process.stdin.write(task.value + len(raw).to_bytes(8, "big"))
    process.stdin.write(raw)
    await process.stdin.drain()
    head = await process.stdout.readexactly(8)
    return await process.stdout.readexactly(int.from_bytes(head, "big"))
