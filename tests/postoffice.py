"""The mail of a small world: an IMAP server with mailboxes, and a mail server that brings mail to them."""

from __future__ import annotations

import contextlib
import email
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email import policy
from email.message import Message
from email.utils import formatdate, parseaddr
from pathlib import Path
from typing import TypeVar

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.channels.email.dovecot import dovecot
from tests.channels.email.imap_server import ImapServer
from tests.processes import free_port, until

SUPPORT = "support@northwind.example"
ZOE = "zoe@customer.example"
REPLIES = Path(__file__).parent / "payloads" / "mail" / "replies"
# What those replies name: the letter they answer, and the mail of theirs that it had answered.
_LETTER = "msg_0190f3c2a1b5e7d94c60a8f13b2d5e7.1@northwind.example"
_FIRST = "CAJ8kXw=first2Qm4v@mail.gmail.com"
_NUMBERS = itertools.count(1)
Office = TypeVar("Office", bound="PostOffice")


@dataclass(kw_only=True)
class PostOffice:
    """`sent` is what was handed in, in order; `refuses` answers RCPT for an address. Headers in `strips`
    do not get through, as some relays have it."""

    server: ImapServer
    smtp_port: int = 0
    sent: list[tuple[str, str, bytes]] = field(default_factory=list)
    refuses: dict[str, str] = field(default_factory=dict)
    strips: Sequence[str] = ()

    def settings(self, address: str = SUPPORT) -> Mapping[str, str]:
        """What makes a Switchboard answer at this address."""
        return {
            "EMAIL_ADDRESS": address,
            "IMAP_HOST": "127.0.0.1",
            "IMAP_PORT": str(self.server.port),
            "IMAP_USER": address,
            "IMAP_PASSWORD": self.server.password,
            "IMAP_TLS": "none",
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(self.smtp_port),
            "SMTP_TLS": "none",
        }

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.original_content or b""
        for recipient in envelope.rcpt_tos:
            self.sent.append((str(envelope.mail_from), recipient, content))
            if recipient in self.server.users:
                trace = f"Return-Path: <{envelope.mail_from}>\r\n".encode()
                self.server.deliver(trace + self._relayed(content), user=recipient)
        return "250 kept"

    def write(
        self,
        body: str,
        *,
        sender: str = f"Zoë Müller <{ZOE}>",
        to: str = SUPPORT,
        subject: str = "A question",
        **headers: str,
    ) -> str:
        """Somebody writes; the Message-ID. `in_reply_to="…"` becomes that header."""
        message_id = headers.pop("message_id", f"<mail-{next(_NUMBERS)}@customer.example>")
        given = {
            "From": sender,
            "To": to,
            "Subject": subject,
            "Date": formatdate(),
            "Message-ID": message_id,
            "MIME-Version": "1.0",
            "Content-Type": "text/plain; charset=utf-8",
            "Content-Transfer-Encoding": "8bit",
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"{name}: {value}" for name, value in given.items()]
        self.server.deliver("\r\n".join([*lines, "", body, ""]).encode(), user=to)
        return message_id

    def reply_as(self, program: str, *, to: bytes) -> None:
        """Whoever a mail of ours went to answers it with this program, as it writes."""
        answered = email.message_from_bytes(to)
        raw = (REPLIES / f"{program}.eml").read_bytes()
        raw = raw.replace(_LETTER.encode(), str(answered["message-id"]).strip("<>").encode())
        raw = raw.replace(_FIRST.encode(), str(answered["references"]).split()[0].strip("<>").encode())
        recipient = parseaddr(str(answered["to"]))[1]
        self.server.deliver(raw.replace(ZOE.encode(), recipient.encode()), user=SUPPORT)

    def _relayed(self, content: bytes) -> bytes:
        passed = email.message_from_bytes(content)
        for each in self.strips:
            del passed[each]
        return passed.as_bytes(policy=policy.SMTP) if self.strips else content

    def make_anew(self, user: str) -> None:
        """The mailbox is another one by the same name, empty: UIDVALIDITY, made of seconds, has changed."""
        before = self._uidvalidity(user)
        until(lambda: self.server.recreate(user) or self._uidvalidity(user) != before, 10, "another one")

    def _uidvalidity(self, user: str) -> bytes:
        with self.server.client(user) as client:
            return bytes(client.untagged_responses["UIDVALIDITY"][0] or b"")

    def answers(self, count: int, *, to: str = ZOE, within: float = 40.0) -> list[bytes]:
        """The mails handed in for somebody, once there are that many."""
        until(lambda: len(self._to(to)) >= count, within, f"{count} mails to {to}")
        return self._to(to)

    def _to(self, recipient: str) -> list[bytes]:
        return [content for _, each, content in list(self.sent) if each == recipient]


def parts(raw: bytes) -> tuple[Message, str, str]:
    """A mail of ours: its headers, its text and its HTML."""
    mail = email.message_from_bytes(raw)
    found = {each.get_content_type(): each.get_payload(decode=True) for each in mail.walk()}
    plain, page = found["text/plain"], found["text/html"]
    assert isinstance(plain, bytes)
    assert isinstance(page, bytes)
    return mail, plain.decode(), page.decode()


def bounce(recipient: str, message_id: str) -> bytes:
    """A delivery report as Postfix writes it."""
    return f"""Return-Path: <>\r
From: Mail Delivery System <MAILER-DAEMON@mx.customer.example>\r
To: {SUPPORT}\r
Subject: Undelivered Mail Returned to Sender\r
Message-ID: <20260305.bounce@mx.customer.example>\r
Auto-Submitted: auto-replied\r
MIME-Version: 1.0\r
Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r
\r
--b\r
Content-Type: text/plain\r
\r
I'm sorry to have to inform you that your message could not be delivered.\r
--b\r
Content-Type: message/delivery-status\r
\r
Reporting-MTA: dns; mx.customer.example\r
\r
Final-Recipient: rfc822; {recipient}\r
Action: failed\r
Status: 5.1.1\r
Diagnostic-Code: smtp; 550 5.1.1 <{recipient}>: no such user\r
--b\r
Content-Type: text/rfc822-headers\r
\r
Message-ID: {message_id}\r
To: {recipient}\r
--b--\r
""".encode()


def complaint(recipient: str, message_id: str) -> bytes:
    """A feedback report (RFC 5965) as providers write it."""
    return f"""Return-Path: <feedback@mx.customer.example>\r
From: <feedback@mx.customer.example>\r
To: {SUPPORT}\r
Subject: FW: Re: A question\r
Message-ID: <20260305.arf@mx.customer.example>\r
MIME-Version: 1.0\r
Content-Type: multipart/report; report-type=feedback-report; boundary="b"\r
\r
--b\r
Content-Type: text/plain; charset="US-ASCII"\r
\r
This is an email abuse report for an email message received from IP 192.0.2.1.\r
--b\r
Content-Type: message/feedback-report\r
\r
Feedback-Type: abuse\r
User-Agent: SomeGenerator/1.0\r
Version: 1\r
Original-Rcpt-To: <{recipient}>\r
--b\r
Content-Type: message/rfc822\r
\r
From: <{SUPPORT}>\r
To: <{recipient}>\r
Message-ID: {message_id}\r
Subject: Re: A question\r
\r
Five working days.\r
--b--\r
""".encode()


@contextlib.contextmanager
def post_office(users: Sequence[str] = (SUPPORT,)) -> Iterator[PostOffice]:
    """Everybody in `users` has a mailbox in a Dovecot; what is sent to others is kept and goes no further."""
    with dovecot(users=users) as server, serving(PostOffice(server=server, smtp_port=free_port())) as office:
        yield office


@contextlib.contextmanager
def serving(office: Office) -> Iterator[Office]:
    """Mail is taken in at its `smtp_port`."""
    controller = Controller(office, hostname="127.0.0.1", port=office.smtp_port)
    controller.start()
    try:
        yield office
    finally:
        controller.stop()
