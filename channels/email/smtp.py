"""Sending: one connection to the mail server, kept while there is something to send."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import aiosmtplib
from aiosmtplib import SMTPDataError, SMTPException, SMTPRecipientRefused, SMTPResponseException

from channels.base import NotDelivered
from channels.email.address import on_the_wire
from channels.email.refusals import Server, Step, failure, refusal

_STALE = 5.0  # seconds a kept connection has to show that it lives
_GOODBYE = 2.0  # seconds for a QUIT
_CHUNK = 65_536  # octets

_LINE_ENDS = re.compile(rb"\r\n|\r|\n")
_DOTS = re.compile(rb"(?m)^\.")


@dataclass(kw_only=True)
class _Way:
    """How far one mail has come."""

    step: Step = Step.CONNECT


@dataclass(frozen=True, kw_only=True)
class _Line:
    """An open connection, past its login. The writer would close the transport if it were let go."""

    smtp: aiosmtplib.SMTP
    writer: asyncio.StreamWriter

    def drop(self) -> None:
        """End it without a word: what the server still says would be taken for another answer."""
        self.writer.transport.abort()
        self.smtp.close()


class Sender:
    """Hands mail to a server. One after another: a worker's mails share one connection.

    TLS is never left out: with "ssl" and "starttls" nothing is said in the clear but EHLO and STARTTLS, and
    the certificate must be one of `trust` (the machine's own authorities by default).
    """

    def __init__(
        self,
        server: Server,
        *,
        hello: str,
        trust: ssl.SSLContext | None = None,
        patience: float = 50.0,
        idle: float = 60.0,
    ) -> None:
        """`hello` is the domain we say we are. `patience` seconds are for a whole mail, waiting for others
        included; after `idle` seconds without one the connection is ended."""
        self._server = server
        self._hello = hello
        self._trust = trust
        self._patience = patience
        self._idle = idle
        self._line: _Line | None = None
        self._lock = asyncio.Lock()
        self._resting: asyncio.Task[None] | None = None

    async def send(
        self, content: bytes, *, sender: str, recipients: Sequence[str]
    ) -> Mapping[str, NotDelivered]:
        """Hand in one mail; returned is whom it does not reach, and why.

        NotDelivered: it reaches nobody, or nobody knows. What is lost once the whole mail has been sent is
        uncertain: sent again with the same Message-ID it is the same mail.
        """
        addresses = {each: on_the_wire(each) for each in recipients}
        origin = on_the_wire(sender)
        way = _Way()
        try:
            async with asyncio.timeout(self._patience), self._lock:
                line = await self._ready(way)
                try:
                    refused = await self._hand_in(line, way, content, origin, addresses)
                except SMTPResponseException as answer:
                    if answer.code < 500 or way.step is Step.CONTENT:
                        self._drop()
                    raise
                except NotDelivered:
                    raise
                except BaseException:
                    self._drop()
                    raise
                finally:
                    self._rest()
                return refused
        except (SMTPException, OSError) as problem:
            raise failure(problem, step=way.step, server=self._server, patience=self._patience) from problem

    async def check(self) -> None:
        """Connect and log in, or raise NotDelivered saying what is wrong."""
        way = _Way()
        try:
            async with asyncio.timeout(self._patience), self._lock:
                await self._ready(way)
                self._rest()
        except (SMTPException, OSError) as problem:
            raise failure(problem, step=way.step, server=self._server, patience=self._patience) from problem

    async def close(self) -> None:
        """End the connection, after the mail that is being sent."""
        async with self._lock:
            self._wake()
            await self._hang_up()

    async def _ready(self, way: _Way) -> _Line:
        """The kept connection if it still lives, else a new one."""
        self._wake()
        if self._line is not None and not await self._lives(self._line):
            self._drop()
        if self._line is None:
            self._line = await self._connect(way)
        return self._line

    async def _lives(self, line: _Line) -> bool:
        """Whether the server still answers; RSET besides forgets a mail that was not ended."""
        try:
            async with asyncio.timeout(_STALE):
                await line.smtp.rset()
        except (SMTPException, OSError):
            return False
        except BaseException:
            self._drop()
            raise
        return True

    async def _connect(self, way: _Way) -> _Line:
        server = self._server
        smtp = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            local_hostname=self._hello,
            timeout=None,  # the whole mail has a limit
            use_tls=server.security == "ssl",
            start_tls=False,  # done below: by itself it would go on in the clear
            tls_context=None if server.security == "none" else self._trust or ssl.create_default_context(),
        )
        try:
            await self._open(smtp, way)
            assert smtp.protocol is not None
            transport = cast(asyncio.WriteTransport, smtp.transport)  # uvloop's is no subclass of it
            loop = asyncio.get_running_loop()
            return _Line(smtp=smtp, writer=asyncio.StreamWriter(transport, smtp.protocol, None, loop))
        except BaseException:
            smtp.close()
            raise

    async def _open(self, smtp: aiosmtplib.SMTP, way: _Way) -> None:
        way.step = Step.CONNECT
        await smtp.connect()
        way.step = Step.EHLO
        await smtp.ehlo()
        if self._server.security == "starttls":
            await self._start_tls(smtp, way)
        if self._server.security != "none" and smtp.get_transport_info("sslcontext") is None:
            raise NotDelivered(f"no TLS with {self._server.host}, so nothing was sent", retry=True)
        if self._server.user:
            way.step = Step.AUTH
            await self._log_in(smtp)

    async def _start_tls(self, smtp: aiosmtplib.SMTP, way: _Way) -> None:
        way.step = Step.STARTTLS
        if not smtp.supports_extension("starttls"):
            raise NotDelivered(
                f"{self._server.host}:{self._server.port} offers no TLS, so nothing was sent;"
                " SMTP_TLS=ssl goes with port 465, starttls with 587",
                retry=True,
            )
        await smtp.starttls()
        way.step = Step.EHLO
        await smtp.ehlo()

    async def _log_in(self, smtp: aiosmtplib.SMTP) -> None:
        """Once and by one method: every wrong password counts towards being locked out."""
        server = self._server
        if server.token is not None:
            try:
                token = await server.token()
            except Exception as error:
                raise NotDelivered(f"no OAuth token for {server.user}: {error}", retry=True) from error
            await smtp.auth_xoauth2(server.user, token)
            return
        methods = {"plain": smtp.auth_plain, "login": smtp.auth_login, "cram-md5": smtp.auth_crammd5}
        offered = [each for each in methods if each in smtp.server_auth_methods]
        if not offered:
            raise NotDelivered(
                f"{server.host}:{server.port} offers no login by password; with SMTP_TLS=none many servers"
                " don't",
                retry=True,
            )
        # In the clear, the one that does not show the password.
        await methods[offered[-1 if server.security == "none" else 0]](server.user, server.password)

    async def _hand_in(
        self, line: _Line, way: _Way, content: bytes, sender: str, recipients: Mapping[str, str]
    ) -> Mapping[str, NotDelivered]:
        smtp = line.smtp
        content = _DOTS.sub(b"..", _LINE_ENDS.sub(b"\r\n", content).removesuffix(b"\r\n") + b"\r\n")
        options = [f"SIZE={len(content)}"] if smtp.supports_extension("size") else []
        encoding = "ascii"
        way.step = Step.MAIL
        if not all(each.isascii() for each in (sender, *recipients.values())):
            if not smtp.supports_extension("smtputf8"):
                raise NotDelivered(f"{self._server.host} takes no addresses beyond ASCII")
            options += ["SMTPUTF8", "BODY=8BITMIME"]
            encoding = "utf-8"
        await smtp.mail(sender, options=options, encoding=encoding)
        way.step = Step.RCPT
        refused = {}
        for each, address in recipients.items():
            try:
                await smtp.rcpt(address, encoding=encoding)
            except SMTPRecipientRefused as no:
                if no.code == 421:  # the server is closing: nobody else gets it either
                    raise
                refused[each] = refusal(
                    no.code, no.message, step=way.step, server=self._server, recipient=each
                )
        if len(refused) == len(recipients):
            raise max(refused.values(), key=lambda no: no.retry)
        way.step = Step.DATA
        ready = await smtp.execute_command(b"DATA")
        if ready.code != 354:
            raise SMTPDataError(ready.code, ready.message)
        await self._pour(line, way, content)
        return refused

    async def _pour(self, line: _Line, way: _Way, content: bytes) -> None:
        """The content and the dot that ends it. An answer may come before all is sent: a refusal."""
        way.step = Step.CONTENT
        assert line.smtp.protocol is not None
        reading = asyncio.create_task(line.smtp.protocol.read_response())
        writing = asyncio.create_task(_write(line.writer, way, content))
        try:
            await asyncio.wait({reading, writing}, return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                await writing
            answer = await reading
        finally:
            reading.cancel()
            writing.cancel()
            await asyncio.gather(reading, writing, return_exceptions=True)
        if answer.code // 100 != 2 or way.step is not Step.END:
            raise SMTPDataError(answer.code, answer.message)

    def _drop(self) -> None:
        if self._line is not None:
            self._line.drop()
            self._line = None

    def _rest(self) -> None:
        if self._line is not None:
            self._resting = asyncio.create_task(self._leave())

    def _wake(self) -> None:
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None

    async def _leave(self) -> None:
        await asyncio.sleep(self._idle)
        async with self._lock:
            await self._hang_up()

    async def _hang_up(self) -> None:
        if self._line is not None:
            with contextlib.suppress(SMTPException, OSError):
                async with asyncio.timeout(_GOODBYE):
                    await self._line.smtp.quit()
            self._drop()


async def _write(writer: asyncio.StreamWriter, way: _Way, content: bytes) -> None:
    for start in range(0, len(content), _CHUNK):
        writer.write(content[start : start + _CHUNK])
        await writer.drain()
    way.step = Step.END
    writer.write(b".\r\n")
