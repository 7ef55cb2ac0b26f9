"""One connection to one mailbox: the few commands of IMAP (RFC 3501) that reading mail needs."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aioimaplib.aioimaplib import AUTH, AioImapException, Command, quoted

from channels.email.imap_account import (
    Account,
    Dropped,
    MailboxTrouble,
    NotDone,
    Silent,
    passes,
    plain_words,
    refusal,
)
from channels.email.imap_syntax import folder_name, moment, uid_set
from channels.email.imap_wire import Authenticate, Fetch, Idle, Protocol, fetched

_UID = re.compile(rb"\bUID (\d+)")
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d+)")
_DATE = re.compile(rb'\bINTERNALDATE "([^"]+)"')


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A mail as the server lists it. `size` in bytes, as it says."""

    uid: int
    size: int
    internal_date: datetime


class Connection:
    """A mailbox, logged in and selected. Any trouble but NotDone makes it useless: `connect` again.

    `uidvalidity` and `next_uid` are as of the last `select`.
    """

    def __init__(self, account: Account, protocol: Protocol, patience: float) -> None:
        self.uidvalidity = 0
        self.next_uid = 0
        self._account = account
        self._protocol = protocol
        self._patience = patience

    async def open(self) -> None:
        """From the server's greeting to the selected mailbox."""
        await self._answer(lambda: self._protocol.greeted)
        if self._protocol.farewell:
            raise Dropped(f"{self._account.host} turned us away: {self._protocol.farewell}")
        if self._account.security == "starttls":
            await self._encrypt()
        await self._log_in()
        await self.select()

    async def select(self) -> None:
        """Open the mailbox, or look at it anew."""
        name = folder_name(self._account.folder)
        response = await self._answer(lambda: self._protocol.select(name))
        if response.result != "OK":
            raise MailboxTrouble(
                f"no mailbox {self._account.folder!r} for {self._account.user} on {self._account.host}:"
                f" {_said(response)}",
                lasting=not passes(_said(response)),
            )
        text = b"\n".join(response.lines)
        validity, upcoming = re.search(rb"UIDVALIDITY (\d+)", text), re.search(rb"UIDNEXT (\d+)", text)
        if validity is None:
            raise MailboxTrouble(f"{self._account.host} tells no UIDVALIDITY, which RFC 3501 asks of it")
        self.uidvalidity = int(validity[1])
        self._protocol.news.clear()
        self.next_uid = int(upcoming[1]) if upcoming else max(await self.search("UID *"), default=0) + 1

    async def search(self, criteria: str) -> list[int]:
        """The UIDs of the mails that meet IMAP's search criteria, rising."""
        self._protocol.news.clear()
        response = await self._done(lambda: self._protocol.search(criteria, charset=None, by_uid=True))
        words = (word for line in response.lines[:-1] for word in line.split())
        return sorted({int(word) for word in words if word.isdigit()})

    async def listing(self, uids: Sequence[int]) -> list[Listed]:
        """Sizes and dates of these mails, rising by UID; those that are gone are left out."""
        response = await self._fetch(uids, "(UID RFC822.SIZE INTERNALDATE)")
        wanted, found = set(uids), {}
        for text, _ in fetched(response.lines[:-1]):
            uid, size, when = _UID.search(text), _SIZE.search(text), _DATE.search(text)
            if uid and size and int(uid[1]) in wanted:
                found[int(uid[1])] = Listed(
                    uid=int(uid[1]), size=int(size[1]), internal_date=moment(when[1] if when else b"")
                )
        return [found[uid] for uid in sorted(found)]

    async def bodies(self, uids: Sequence[int], *, first: int | None = None) -> dict[int, bytes]:
        """The raw mails by UID, or the `first` bytes of each; those that are gone are left out."""
        part = "" if first is None else f"<0.{first}>"
        response = await self._fetch(uids, f"(UID BODY.PEEK[]{part})")
        wanted, found = set(uids), {}
        for text, body in fetched(response.lines[:-1]):
            uid = _UID.search(text)
            if uid and body is not None and int(uid[1]) in wanted:
                found[int(uid[1])] = body
        return found

    async def mark_seen(self, uids: Sequence[int]) -> None:
        await self._store(uids, r"+FLAGS.SILENT (\Seen)")

    async def move(self, uids: Sequence[int], folder: str) -> None:
        """Move mails to another folder of the account, which is made when there is none."""
        try:
            await self._move(uids, folder_name(folder))
        except NotDone as refusal:
            if "TRYCREATE" not in refusal.detail:
                raise
            await self._done(lambda: self._protocol.simple_command("CREATE", folder_name(folder)))
            await self._move(uids, folder_name(folder))

    async def wait_for_news(self, seconds: float) -> bool:
        """Wait until the server tells of mail that the last `search` may not have seen: True; False when
        it has not within `seconds`, or 15 where it can't IDLE.

        Ends with a command that the server has answered, so a half-open connection is found out.
        """
        protocol = self._protocol
        if "IDLE" not in protocol.capabilities:
            told = await self._news_within(min(seconds, 15.0))
            await self._done(lambda: protocol.simple_command("NOOP"))
            return told
        idle = asyncio.create_task(protocol.execute(Idle("IDLE", protocol.new_tag())))
        idle.add_done_callback(lambda _: protocol.news.set())
        try:
            told = await self._news_within(seconds)
            if not idle.done():
                protocol.idle_done()
            await self._done(lambda: idle)
        except NotDone:  # promised, but refused
            protocol.capabilities.discard("IDLE")
        finally:
            idle.cancel()
        return told

    async def _news_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._protocol.news.wait()
        return self._protocol.news.is_set()

    async def _move(self, uids: Sequence[int], name: str) -> None:
        if "MOVE" in self._protocol.capabilities:
            await self._done(lambda: self._protocol.move(uid_set(uids), name, by_uid=True))
            return
        await self._done(lambda: self._protocol.copy(uid_set(uids), name, by_uid=True))
        await self._store(uids, r"+FLAGS.SILENT (\Deleted)")
        # Without UIDPLUS, EXPUNGE would also remove what others have marked: then ours stay marked too.
        if "UIDPLUS" in self._protocol.capabilities:
            await self._done(lambda: self._protocol.expunge(uid_set(uids), by_uid=True))

    async def _store(self, uids: Sequence[int], flags: str) -> None:
        await self._done(lambda: self._protocol.store(uid_set(uids), flags, by_uid=True))

    async def _fetch(self, uids: Sequence[int], items: str) -> Any:
        command = Fetch("FETCH", self._protocol.new_tag(), uid_set(uids), items, prefix="UID")
        return await self._done(lambda: self._protocol.execute(command))

    async def _done(self, command: Callable[[], Awaitable[Any]]) -> Any:
        """A command's response; NotDone when it was refused."""
        response = await self._answer(command)
        if response.result != "OK":
            raise NotDone(f"{self._account.host} refused: {_said(response)}")
        return response

    async def _answer(self, command: Callable[[], Awaitable[Any]]) -> Any:
        """A command's response, whatever it says. Silence may last `patience` seconds, not the whole."""
        where = f"{self._account.host}:{self._account.port}"
        try:
            async with asyncio.timeout(self._patience) as limit:
                self._protocol.expect(limit, self._patience)
                response = await command()
        except TimeoutError:
            raise Silent(f"{where} has not answered for {self._patience:g} s") from None
        except (AioImapException, ValueError, IndexError, OSError) as error:
            raise Dropped(f"{where} can't be understood: {error}") from error
        finally:
            self._protocol.expect(None, 0)
        if self._protocol.lost:
            why = f": {self._protocol.farewell}" if self._protocol.farewell else ""
            raise Dropped(f"{where} ended the connection{why}")
        return response

    async def _encrypt(self) -> None:
        """STARTTLS; what the server said before it counts for nothing."""
        protocol, host = self._protocol, self._account.host
        if protocol.state == AUTH or "STARTTLS" not in protocol.capabilities:
            raise MailboxTrouble(
                f"{host}:{self._account.port} offers no STARTTLS, and mail is not read in the clear"
                " unless IMAP_TLS=none; IMAP_TLS=ssl goes with port 993",
                lasting=True,
            )
        await self._done(lambda: protocol.execute(Command("STARTTLS", protocol.new_tag())))
        loop = asyncio.get_running_loop()
        protocol.transport = await loop.start_tls(
            protocol.transport,
            protocol,
            ssl.create_default_context(),
            server_hostname=host,
            ssl_handshake_timeout=self._patience,
        )
        await self._learn_capabilities()

    async def _learn_capabilities(self) -> None:
        self._protocol.capabilities = set()
        await self._answer(self._capability)

    async def _capability(self) -> Any:
        await self._protocol.capability()

    async def _log_in(self) -> None:
        account, protocol = self._account, self._protocol
        if protocol.state != AUTH:  # as a greeting with PREAUTH makes it
            response = await (self._log_in_by_token() if account.token else self._log_in_by_password())
            if response.result != "OK":
                raise refusal(account, _said(response))
            protocol.state = AUTH
        # Many a server tells only now that it can IDLE and MOVE.
        await self._learn_capabilities()

    async def _log_in_by_password(self) -> Any:
        account = self._account
        if "LOGINDISABLED" in self._protocol.capabilities:
            raise MailboxTrouble(
                f"{account.host} takes no password without TLS: set IMAP_TLS=ssl or starttls", lasting=True
            )
        return await self._answer(lambda: self._protocol.login(quoted(account.user), account.password))

    async def _log_in_by_token(self) -> Any:
        account, protocol = self._account, self._protocol
        assert account.token is not None
        try:
            token = await account.token()
        except Exception as error:
            raise MailboxTrouble(f"no OAuth token for {account.user}: {error}") from error
        if "AUTH=XOAUTH2" not in protocol.capabilities:
            raise MailboxTrouble(f"{account.host} offers no login by OAuth (XOAUTH2)", lasting=True)
        proof = base64.b64encode(f"user={account.user}\1auth=Bearer {token}\1\1".encode()).decode()
        at_once = "SASL-IR" in protocol.capabilities
        command = Authenticate(
            "AUTHENTICATE",
            protocol.new_tag(),
            "XOAUTH2",
            *([proof] if at_once else []),
            say=protocol.send,
            answers=[""] if at_once else [proof, ""],
        )
        return await self._answer(lambda: protocol.execute(command))


@contextlib.asynccontextmanager
async def connect(account: Account, *, patience: float = 30.0) -> AsyncIterator[Connection]:
    """A selected mailbox, or MailboxTrouble. `patience`: seconds of silence that are borne."""
    protocol = Protocol()
    loop = asyncio.get_running_loop()
    tls = ssl.create_default_context() if account.security == "ssl" else None
    try:
        with plain_words(account, patience):
            async with asyncio.timeout(patience):
                await loop.create_connection(lambda: protocol, account.host, account.port, ssl=tls)
            connection = Connection(account, protocol, patience)
            await connection.open()
        yield connection
    finally:
        if protocol.transport is not None:
            protocol.transport.abort()


def _said(response: Any) -> str:
    """The server's own words at the end of a response."""
    last = bytes(response.lines[-1]) if response.lines else b""
    return last.decode(errors="replace").strip()[:300] or "without a word"
