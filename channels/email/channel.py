"""Mail: support mailboxes, read over IMAP and answered over SMTP."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

from channels.base import (
    Channel,
    ChannelLimits,
    DeliveryStatus,
    Inbox,
    NotDelivered,
    Original,
    OutboundMessage,
)
from channels.email import incoming
from channels.email.address import on_the_wire
from channels.email.apart import Apart
from channels.email.bounces import Bounce
from channels.email.ids import OurPart, PlusAddresses, message_id, one_line, ours, reply_subject
from channels.email.imap import connect
from channels.email.imap_account import Account
from channels.email.kinds import Ours
from channels.email.mail import NotUnderstood
from channels.email.mailboxes import Mailroom
from channels.email.reader import MailboxReader
from channels.email.refusals import Server
from channels.email.smtp import Sender
from channels.email.taking import Fetched
from channels.email.understand import Understood
from channels.email.vouched import authenticated
from channels.email.write import File, Letter, write

log = logging.getLogger("switchboard.mail")

ANSWERS = 5  # that no person wrote, to one address within an hour: where a loop ends that nothing else ended
_PROCESSES = 2  # that understand mails
_TOLD_EVERY = 1.0  # seconds between looks at how reading goes
_CHECKED_WITHIN = 15.0  # seconds


@dataclass(frozen=True, kw_only=True)
class Mailbox:
    """One mailbox: `name` is its key in the store, `address` where customers write and we write from.

    `authserv_id` is by which name its own server signs its Authentication-Results; empty, nobody is vouched
    for. `since` and `processed` are the reader's.
    """

    name: str
    address: str
    sender_name: str
    account: Account
    server: Server
    authserv_id: str = ""
    since: Literal["today", "all"] = "today"
    processed: str = "seen"


@dataclass(frozen=True, kw_only=True)
class Style:
    """What stands around an answer. `{name}` is the recipient's in the greeting and the author's in the
    signature; the greeting stands before what no person wrote."""

    greeting: str = ""
    signature: str = ""


class Mail(Channel):
    name = "email"
    limits = ChannelLimits(per_hour=ANSWERS, patience=60.0)

    def __init__(
        self,
        *,
        mailboxes: Sequence[Mailbox],
        room: Mailroom,
        open_file: Callable[[str], Path | None],
        style: Style = Style(),
        plus_key: bytes | None = None,
    ) -> None:
        """With `plus_key` answers ask to be answered at an address that names them."""
        self._mailboxes = {each.name: each for each in mailboxes}
        self._room = room
        self._open_file = open_file
        self._style = style
        self._addresses = {name: on_the_wire(each.address) for name, each in self._mailboxes.items()}
        self._domains = {_domain(each) for each in self._addresses.values()}
        self._plus: Mapping[str, PlusAddresses] = (
            {name: PlusAddresses(each, key=plus_key) for name, each in self._addresses.items()}
            if plus_key is not None
            else {}
        )
        self._senders = {
            name: Sender(each.server, hello=_domain(self._addresses[name]))
            for name, each in self._mailboxes.items()
        }
        self._showing = Apart(processes=1)  # which starts when somebody wants to see a mail

    @property
    def mailboxes(self) -> Sequence[Mailbox]:
        return tuple(self._mailboxes.values())

    async def close(self) -> None:
        """End the connections to the mail servers."""
        for each in self._senders.values():
            await each.close()
        await self._showing.close()

    async def check_reading(self, mailbox: Mailbox) -> None:
        """Log in and open the mailbox, or raise MailboxTrouble saying what is wrong."""
        async with connect(mailbox.account, patience=_CHECKED_WITHIN):
            pass

    async def check_sending(self, mailbox: Mailbox) -> None:
        """Log in where mail is handed in, or raise NotDelivered saying what is wrong."""
        await self._senders[mailbox.name].check()

    # in -------------------------------------------------------------------------------------------------

    async def listen(self, inbox: Inbox) -> None:
        own = {each.lower() for each in self._addresses.values()}
        async with Apart(own=own, processes=_PROCESSES) as apart, asyncio.TaskGroup() as group:
            for each in self._mailboxes.values():
                reader = MailboxReader(
                    name=each.name,
                    account=each.account,
                    mailboxes=self._room,
                    accept=partial(self._accept, inbox, apart, each),
                    since=each.since,
                    processed=each.processed,
                )
                group.create_task(reader.run())
                group.create_task(self._tell_health(reader, each.name))

    async def _accept(self, inbox: Inbox, apart: Apart, mailbox: Mailbox, fetched: Fetched) -> None:
        """Return once a mail is durable: as a message, as a receipt, or set aside."""
        keeping = asyncio.create_task(self._room.keep_original(fetched.raw))
        try:
            understood = await apart.understand(fetched.raw)
            await self._take_in(inbox, mailbox, understood, await keeping)
        except NotUnderstood as error:
            log.warning("mailbox %s: mail %s is set aside: %s", mailbox.name, fetched.uid, error.detail)
            await self._room.set_aside(
                mailbox.name, fetched.uidvalidity, fetched.uid, fetched.raw, error.detail
            )
        finally:
            keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeping

    async def _take_in(self, inbox: Inbox, mailbox: Mailbox, understood: Understood, original: str) -> None:
        mail, kind = understood.mail, understood.kind
        match kind:
            case Bounce(permanent=True) if failed := self._provider_id(kind.original_message_id):
                words = one_line(f"returned: {kind.told}")[:500]
                await inbox.receipt(self.name, failed, DeliveryStatus.FAILED, words)
                if not kind.by_hand:
                    return
            case Ours() if self._provider_id(mail.message_id):
                return  # a mail of ours that came back is here already
            case _:
                pass
        incoming.writer(understood)  # before files are kept for nobody
        files = [
            await self._room.keep_file(
                each.data, original=original, number=number, name=each.name, media_type=each.media_type
            )
            for number, each in enumerate(mail.attachments)
        ]
        await inbox.accept(
            incoming.message(
                understood,
                channel=self.name,
                mailbox=mailbox.name,
                domains=self._domains,
                plus=self._plus.get(mailbox.name),
                verified=bool(mailbox.authserv_id) and authenticated(mail, mailbox.authserv_id),
                original=original,
                files=files,
            )
        )

    def _provider_id(self, reference: str) -> str:
        """The id under which a mail of ours left, or nothing when it is none of ours."""
        part = ours(reference, self._domains)
        return message_id(part, reference.strip(" <>").rpartition("@")[2]) if part else ""

    async def _tell_health(self, reader: MailboxReader, name: str) -> None:
        """While it leads, keep the store told of how reading goes."""
        told: tuple[str, str] | None = None
        while True:
            health = reader.health
            now = (health.state, health.error)
            if not health.leading:
                told = None
            elif now != told:
                with contextlib.suppress(Exception):  # told again in a moment
                    await self._room.note(name, state=health.state, error=health.error, since=health.since)
                    told = now
            await asyncio.sleep(_TOLD_EVERY)

    async def original(self, raw: bytes, *, pictures: bool) -> Original | None:
        try:
            return await self._showing.show(raw, pictures=pictures)
        except NotUnderstood as error:
            log.info("a mail can't be shown: %s", error.detail)
            return None

    # out ------------------------------------------------------------------------------------------------

    async def send(self, message: OutboundMessage) -> str | None:
        name = message.via if message.via in self._mailboxes else next(iter(self._mailboxes))
        mailbox, address = self._mailboxes[name], self._addresses[name]
        recipient = on_the_wire(message.recipient)
        automatic = message.author_kind != "operator"
        part = OurPart(message=message.id, part=message.part, automatic=automatic)
        sent_as = message_id(part, _domain(address))
        files = await asyncio.to_thread(self._files, message)
        # Who gave no name goes by their address, which greets nobody.
        named = "" if message.recipient_name.lower() == recipient else message.recipient_name
        letter = Letter(
            message_id=sent_as,
            date=datetime.now(UTC),
            sender=address,
            sender_name=mailbox.sender_name or message.author_name,
            recipient=recipient,
            recipient_name=named,
            reply_to=self._plus[name].sign(message.id) if name in self._plus else "",
            subject=self._subject(message, name),
            text=message.text,
            html=message.html,
            greeting=_filled(self._style.greeting, named) if automatic else "",
            signature=_filled(self._style.signature, message.author_name),
            citations=message.citations,
            quoted=message.quoted,
            in_reply_to=message.reference,
            references=message.thread,
            attachments=files,
            automatic=automatic,
        )
        refused = await self._senders[name].send(write(letter), sender=address, recipients=[recipient])
        for refusal in refused.values():
            raise refusal
        return sent_as

    async def find(
        self,
        message: OutboundMessage,
        *,
        since: datetime,  # noqa: ARG002
        known: Collection[str],  # noqa: ARG002
    ) -> str | None:
        """Sent once more under the same Message-ID it is the same mail: no need to know. But once only:
        not every mail program shows the same mail once."""
        if message.doubts:
            raise NotDelivered("the mail server was lost twice, each time with the whole message")
        return None

    def _subject(self, message: OutboundMessage, mailbox: str) -> str:
        """Of a first mail about what was said elsewhere without a subject, who writes."""
        if message.reference:
            return reply_subject(message.subject)
        return one_line(message.subject) or self._mailboxes[mailbox].sender_name or message.author_name

    def _files(self, message: OutboundMessage) -> Sequence[File]:
        found = []
        for each in message.attachments if message.last else ():
            path = self._open_file(each.key)
            if path is None:
                raise NotDelivered(f"the file {each.name} is not there", retry=True)
            found.append(File(name=each.name, media_type=each.media_type, content=path.read_bytes()))
        return found


def _domain(address: str) -> str:
    return address.rpartition("@")[2]


def _filled(text: str, name: str) -> str:
    """A greeting or a signature with its name, or without the place for it when there is none."""
    named = one_line(name)
    return text.replace("{name}", named) if named else text.replace(" {name}", "").replace("{name}", "")
