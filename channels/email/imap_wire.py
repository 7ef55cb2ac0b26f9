"""aioimaplib, mended: what in it would hang or break a mailbox, by the methods it lets one override.

docs/decisions/0005-reading-mail.md says what and why. Only here, in imap.py and in imap_syntax.py is it
imported.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from aioimaplib.aioimaplib import Abort, AioImapException, Command, IMAP4ClientProtocol

# At DEBUG it writes down every mail it sees, and tokens.
logging.getLogger("aioimaplib").setLevel(logging.WARNING)

_FETCH_LINE = re.compile(rb"\d+ FETCH \(")
_BODY_FOLLOWS = re.compile(rb"\bBODY\[\](?:<\d+>)? \{\d+\}$")
_BODY_QUOTED = re.compile(rb'\bBODY\[\](?:<\d+>)? "((?:[^"\\]|\\.)*)"')
_LINES_AT_ONCE = 200
_STEP = 1000  # bytes: at most 500 lines


class Protocol(IMAP4ClientProtocol):  # type: ignore[misc]
    """aioimaplib's reader and writer of lines, made to end what it has begun."""

    pending_sync_command: Command | None

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(loop)
        self.lost = False
        self.farewell = ""  # what the server said with BYE
        self.news = asyncio.Event()  # more mail was told of, or the connection has ended
        self.greeted: asyncio.Future[None] = loop.create_future()
        self._limit: asyncio.Timeout | None = None
        self._patience = 0.0

    def expect(self, limit: asyncio.Timeout | None, patience: float) -> None:
        """Whatever arrives from now on moves the limit `patience` seconds away."""
        self._limit, self._patience = limit, patience

    async def execute(self, command: Command, scrub: str | None = None) -> Any:
        if self.lost:
            raise Abort("the connection was lost")
        return await super().execute(command, scrub=scrub)

    def data_received(self, d: bytes) -> None:
        if self._limit is not None and not self._limit.expired():
            self._limit.reschedule(self.loop.time() + self._patience)
        # It calls itself once for every line: too many at once would be a RecursionError.
        if d.count(b"\r\n") <= _LINES_AT_ONCE:
            super().data_received(d)
            return
        for start in range(0, len(d), _STEP):
            super().data_received(d[start : start + _STEP])

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends every command in flight, which would otherwise wait for ever."""
        super().connection_lost(exc)
        self.lost = True
        self.news.set()
        if not self.greeted.done():
            self.greeted.set_result(None)
        pending: list[Command | None] = [self.pending_sync_command, *self.pending_async_commands.values()]
        self.pending_sync_command = None
        self.pending_async_commands.clear()
        for command in pending:
            if command is not None:
                command.close(b"the connection was lost", "LOST")

    async def welcome(self, command: bytes) -> None:
        try:
            await super().welcome(command)
        except AioImapException as error:
            if not command.upper().startswith((b"* OK", b"* PREAUTH")):
                self.farewell = command.removeprefix(b"* ").decode(errors="replace")
            elif not self.greeted.done():
                self.greeted.set_exception(error)
        if not self.greeted.done():
            self.greeted.set_result(None)

    def _untagged_response(self, line: bytes) -> Any:
        if line[:6].upper() == b"* BYE ":
            self.farewell = line[6:].decode(errors="replace")
        elif line.endswith(b" EXISTS"):
            self.news.set()
        return super()._untagged_response(line)


class Fetch(Command):  # type: ignore[misc]
    """Knows in constant time whether its line goes on; aioimaplib's own looks at all lines for each."""

    def wait_data(self) -> bool:
        lines = self.response.lines
        return bool(self.wait_literal_data() or (lines and isinstance(lines[-1], bytearray)))


class Idle(Command):  # type: ignore[misc]
    """Keeps nothing of what is told while it lasts, however much that is."""

    def append_to_resp(self, line: bytes, result: str = "Pending") -> None:
        if result != "Pending":
            super().append_to_resp(line, result)


class Authenticate(Command):  # type: ignore[misc]
    """Answers the server's challenges: with the token, and a refusal with an empty line, as it waits for."""

    def __init__(self, *arguments: Any, say: Callable[[str], None], answers: list[str]) -> None:
        super().__init__(*arguments)
        self._say = say
        self._answers = answers

    def append_to_resp(self, line: bytes, result: str = "Pending") -> None:
        super().append_to_resp(line, result)
        if result == "Pending" and line.startswith(b"+") and self._answers:
            self._say(self._answers.pop(0))


def fetched(lines: Sequence[bytes]) -> Iterator[tuple[bytes, bytes | None]]:
    """Each mail of a FETCH: its attributes as text, and its body."""
    text, body, follows = b"", None, False
    for line in lines:
        if isinstance(line, bytearray):
            if follows:
                body = bytes(line)
            continue
        if _FETCH_LINE.match(line):
            if text:
                yield text, body
            text, body = b"", None
        if (short := _BODY_QUOTED.search(line)) is not None:
            body = re.sub(rb"\\(.)", rb"\1", short[1])
            line = _BODY_QUOTED.sub(b"", line)  # noqa: PLW2901
        text += line
        follows = _BODY_FOLLOWS.search(line) is not None
    if text:
        yield text, body
