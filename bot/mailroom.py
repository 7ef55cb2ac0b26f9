"""What mail needs of the house: its mailboxes as they are set up, and a place for what they hold."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import shlex
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

from bot.settings import BotConfig, MailboxSection, Settings, WrongSetting
from bot.store import Store
from channels.base import Attachment
from channels.email.channel import Mailbox
from channels.email.imap_account import Account
from channels.email.mailboxes import Position
from channels.email.refusals import Server

_TOKEN_WITHIN = 20.0  # seconds


class Mailroom:
    """Keeps positions and cards in the store, bytes in `folder`."""

    def __init__(self, *, store: Store, folder: Path) -> None:
        self._mailboxes = store.mailboxes
        self._folder = folder

    async def lead(self, mailbox: str, holder: str, seconds: float) -> bool:
        return await self._mailboxes.lead(mailbox, holder, seconds)

    async def yield_lead(self, mailbox: str, holder: str) -> None:
        await self._mailboxes.yield_lead(mailbox, holder)

    async def position(self, mailbox: str) -> Position | None:
        return await self._mailboxes.position(mailbox)

    async def advance(self, mailbox: str, position: Position, holder: str) -> bool:
        return await self._mailboxes.advance(mailbox, position, holder)

    async def note(
        self, mailbox: str, *, state: Literal["up", "degraded", "down"], error: str, since: datetime
    ) -> None:
        await self._mailboxes.note(mailbox, state=state, error=error, since=since)

    async def set_aside(self, mailbox: str, uidvalidity: int, uid: int, raw: bytes, why: str) -> None:
        await self._mailboxes.set_aside(
            mailbox,
            uidvalidity=uidvalidity,
            uid=uid,
            original=await self.keep_original(raw),
            size=len(raw),
            why=why,
        )

    async def keep_original(self, raw: bytes) -> str:
        """A mail fetched again is the same file."""
        key = f"mail{hashlib.sha256(raw).hexdigest()[:40]}"
        await asyncio.to_thread(_keep, self._folder, key, raw)
        return key

    async def keep_file(
        self, content: bytes, *, original: str, number: int, name: str, media_type: str
    ) -> Attachment:
        key = hashlib.sha256(f"{original}:{number}".encode()).hexdigest()[:40]
        await asyncio.to_thread(_keep, self._folder, key, content)
        return Attachment(key=key, name=name, media_type=media_type, size=len(content))


def _keep(folder: Path, key: str, content: bytes) -> None:
    """Durable once it returns; whole or not there at all."""
    path = folder / key
    if path.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{key}.{secrets.token_hex(4)}.part"
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)
    directory = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def mailboxes(settings: Settings, config: BotConfig) -> Sequence[Mailbox]:
    """Every mailbox that is set up: the environment's first, then those of bot.toml. Raises WrongSetting."""
    if not settings.email_address:
        if config.email.mailboxes:
            raise WrongSetting("EMAIL_ADDRESS is missing: [email.mailboxes] come beside the main mailbox")
        return ()
    main = MailboxSection(address=settings.email_address)
    more = config.email.mailboxes.items()
    found = [_mailbox(settings.email_address.lower(), main, settings, config)]
    found += [_mailbox(name, each, settings, config) for name, each in more]
    if len({each.address.lower() for each in found}) < len(found):
        raise WrongSetting(f"{settings.bot_config}: email.mailboxes: two mailboxes have the same address")
    return found


def _mailbox(name: str, own: MailboxSection, settings: Settings, config: BotConfig) -> Mailbox:
    """What a mailbox does not say for itself is as the environment says it."""
    email = config.email
    main = own.address == settings.email_address
    command = own.token_command or email.token_command
    token = _token(command) if command else None
    imap_user = own.imap_user or (settings.imap_user if main else own.address)
    imap_password = own.imap_password or (settings.imap_password if main else "")
    if not (imap_password or token):
        where = "IMAP_PASSWORD" if main else f"{settings.bot_config}: email.mailboxes.{name}.imap_password"
        raise WrongSetting(f"{where} is missing: reading {own.address} needs it, or email.token_command")
    inherits = main or not own.smtp_host
    smtp_user = own.smtp_user or (settings.smtp_user if inherits else "")
    smtp_password = own.smtp_password or (settings.smtp_password if inherits else "")
    return Mailbox(
        name=name,
        address=own.address,
        sender_name=own.name or email.name or config.bot.company,
        account=Account(
            host=own.imap_host or settings.imap_host,
            port=own.imap_port or settings.imap_port,
            user=imap_user,
            password=imap_password,
            token=token,
            security=own.imap_tls or settings.imap_tls,
            folder=own.imap_mailbox or settings.imap_mailbox,
        ),
        server=Server(
            host=own.smtp_host or settings.smtp_host,
            port=own.smtp_port or settings.smtp_port,
            user=smtp_user or (imap_user if token and not smtp_password else ""),
            password=smtp_password,
            token=token if not smtp_password else None,
            security=own.smtp_tls or settings.smtp_tls,
        ),
        authserv_id=email.authserv_id,
        since=email.since,
        processed=email.processed,
    )


def _token(command: str) -> Callable[[], Awaitable[str]]:
    """What prints an OAuth token, asked at every login."""

    async def ask() -> str:
        async with asyncio.timeout(_TOKEN_WITHIN):
            process = await asyncio.create_subprocess_exec(*shlex.split(command), stdout=PIPE, stderr=PIPE)
            try:
                printed, complaint = await process.communicate()
            finally:
                if process.returncode is None:
                    process.kill()
        if process.returncode or not printed.strip():
            said = complaint.decode(errors="replace").strip()[-200:]
            raise OSError(f"email.token_command failed: {said or f'status {process.returncode}'}")
        return printed.decode(errors="replace").strip()

    return ask
