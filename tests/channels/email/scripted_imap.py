"""An IMAP server that says what a test wants, for what Dovecot never does."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field

GREETING = b"* OK [CAPABILITY IMAP4rev1] ready\r\n"
Answer = str | bytes | list[str | bytes] | Callable[[str], str]
CAPABILITIES = "IMAP4rev1 IDLE UIDPLUS MOVE SASL-IR AUTH=XOAUTH2"


@dataclass
class ScriptedImap:
    """Answers each command by its name. An answer is followed by the tagged OK, unless it is itself the
    words of a tagged line ("NO …", "BAD …"); a list is said one after another, the last one again and again;
    a function is given the command."""

    answers: Mapping[str, Answer]
    greeting: bytes = GREETING
    capabilities: str = CAPABILITIES
    heard: list[str] = field(default_factory=list)
    port: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._converse(reader, writer))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self.greeting)
        with contextlib.suppress(OSError):
            while line := (await reader.readline()).decode().rstrip("\r\n"):
                self.heard.append(line.partition(" ")[2])
                tag, name, *_ = [*line.split(" "), ""]
                if name.upper() == "UID":
                    name = "UID " + line.split(" ")[2]
                writer.write(self._answer(tag, name.upper(), self.heard[-1]))
                await writer.drain()
                if name.upper() == "IDLE":
                    await reader.readline()  # DONE
                    writer.write(f"{tag} OK idled\r\n".encode())
                if name.upper() == "AUTHENTICATE" and "AUTHENTICATE" in self.answers:
                    self.heard.append((await reader.readline()).decode())
                    writer.write(f"{tag} NO [AUTHENTICATIONFAILED] expired\r\n".encode())
        writer.close()

    def _answer(self, tag: str, name: str, command: str) -> bytes:
        said = self.answers.get(name, self._default(name))
        if callable(said):
            said = said(command)
        if isinstance(said, list):
            said = said.pop(0) if len(said) > 1 else said[0]
        raw = said if isinstance(said, bytes) else said.encode()
        if name in {"IDLE", "AUTHENTICATE"}:
            return raw
        if raw.startswith((b"NO", b"BAD", b"OK")):
            return tag.encode() + b" " + raw + b"\r\n"
        return raw + f"{tag} OK done\r\n".encode()

    def _default(self, name: str) -> str:
        return {
            "CAPABILITY": f"* CAPABILITY {self.capabilities}\r\n",
            "SELECT": "* 0 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 1] ok\r\n",
            "UID SEARCH": "* SEARCH\r\n",
            "IDLE": "+ idling\r\n",
        }.get(name, "")


@contextlib.asynccontextmanager
async def scripted_imap(
    answers: Mapping[str, Answer],
    *,
    greeting: bytes = GREETING,
    capabilities: str = CAPABILITIES,
) -> AsyncIterator[ScriptedImap]:
    script = ScriptedImap(answers=answers, greeting=greeting, capabilities=capabilities)
    server = await asyncio.start_server(script.accept, "127.0.0.1", 0)
    script.port = server.sockets[0].getsockname()[1]
    try:
        yield script
    finally:
        server.close()
        for task in script.tasks:
            task.cancel()
        await asyncio.gather(*script.tasks, return_exceptions=True)
