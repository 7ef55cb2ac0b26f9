"""A TCP proxy that does to a connection what networks do."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from collections.abc import AsyncIterator


class Proxy:
    """Stands at `port` before a server; connects anew for whoever comes, unless `refusing`."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self.refusing = False
        self.speed: float | None = None  # bytes a second, from the server
        self.each_at_most: int | None = None  # bytes from the server, then a connection is reset
        self.connections = 0  # so far
        self.idling = False
        self.told_at = 0.0  # by time.perf_counter(), when the server last told of mail to one who idles
        self._target = target
        self._swallowing = False
        self._cut_after: int | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()

    def reset(self) -> None:
        """End every open connection with RST."""
        for pair in self._pairs:
            for writer in pair:
                _reset(writer)

    def blackhole(self) -> None:
        """Say nothing any more on connections open or new, and keep them."""
        self._swallowing = True

    def recover(self) -> None:
        """Let through what comes from now on; what was swallowed stays lost, so those connections end."""
        if self._swallowing:
            self._swallowing = False
            self.reset()

    def cut_after(self, size: int) -> None:
        """Let the server send so many bytes more, then reset."""
        self._cut_after = size

    async def serve(self) -> asyncio.Server:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def end(self) -> None:
        """Leave no connection and no task behind."""
        self.reset()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._connected(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.refusing:
            _reset(writer)
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            _reset(writer)
            return
        pair = (writer, far_writer)
        self._pairs.add(pair)
        try:
            await asyncio.gather(
                self._carry(reader, far_writer, from_server=False),
                self._carry(far_reader, writer, from_server=True),
            )
        finally:
            self._pairs.discard(pair)
            for each in pair:
                each.close()

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, from_server: bool
    ) -> None:
        left = self.each_at_most
        with contextlib.suppress(OSError):
            while data := await reader.read(4096):
                if self._swallowing:
                    continue
                if from_server and data.startswith(b"+ idling"):
                    self.idling = True
                elif from_server and self.idling and b" EXISTS\r\n" in data:
                    self.idling, self.told_at = False, time.perf_counter()
                if from_server and self._cut_after is not None:
                    data, self._cut_after = data[: self._cut_after], self._cut_after - len(data)
                if from_server and self.speed is not None:
                    await asyncio.sleep(len(data) / self.speed)
                writer.write(data)
                await writer.drain()
                if from_server and left is not None and (left := left - len(data)) <= 0:
                    _reset(writer)
                if from_server and self._cut_after is not None and self._cut_after <= 0:
                    self._cut_after = None
                    self.reset()
        writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is None:  # closed already
        return
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextlib.asynccontextmanager
async def proxy(target: int) -> AsyncIterator[Proxy]:
    between = Proxy(target)
    server = await between.serve()
    try:
        yield between
    finally:
        server.close()
        await between.end()
