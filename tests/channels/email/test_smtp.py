"""Sending over real sockets: to a mail server that refuses at any step, and to ones that go silent or die."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import trustme
import uvloop
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from channels.base import NotDelivered
from channels.email.refusals import Server, Step, refusal
from channels.email.smtp import Sender
from tests.processes import free_port

CONTENT = b"From: <support@example.com>\r\nTo: <zoe@customer.example>\r\n\r\n.\r\n..\r\nHi\r\n"
SECRET = "pässword"


@dataclass(kw_only=True)
class Office:
    """A mail server that says what it is told to, and keeps the rest."""

    says: dict[str, str] = field(default_factory=dict)  # verb, or verb and address -> answer
    mails: list[Envelope] = field(default_factory=list)
    sessions: int = 0
    hellos: list[str] = field(default_factory=list)
    logins: int = 0
    port: int = 0
    tls: list[bool] = field(default_factory=list)
    resets: int = 0
    talks: list[SMTP] = field(default_factory=list)

    def hang_up(self) -> None:
        for each in self.talks:
            if each.transport is not None:
                each.transport.abort()

    async def handle_EHLO(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.hellos.append(hostname)
        return [self.says["EHLO"]] if "EHLO" in self.says else responses

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if "MAIL" not in self.says:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return self.says.get("MAIL", "250 OK")

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.says.get(f"RCPT {address}", self.says.get("RCPT", "250 OK"))
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_RSET(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.resets += 1
        return self.says.get("RSET", "250 OK")

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if "END" in self.says:
            return self.says["END"]
        self.mails.append(envelope)
        self.tls.append(server.transport.get_extra_info("sslcontext") is not None)
        return "250 kept"

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        self.logins += 1
        if "AUTH" in self.says:
            return AuthResult(success=False, handled=False, message=self.says["AUTH"])
        right = isinstance(data, LoginPassword) and data.password == SECRET.encode()
        return AuthResult(success=right, handled=False, message=None if right else "535 5.7.8 wrong")


class Talk(SMTP):
    """aiosmtpd, with answers at the verbs for which it has no hook."""

    def _office(self) -> Office:
        assert isinstance(self.event_handler, Office)
        return self.event_handler

    async def push(self, status: Any) -> None:
        greeting = self._office().says.get("CONNECT")
        await super().push(greeting if greeting and str(status).startswith("220 ") else status)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        if "DATA" in self._office().says:
            await self.push(self._office().says["DATA"])
        else:
            await super().smtp_DATA(arg)

    async def smtp_STARTTLS(self, arg: str) -> None:  # noqa: N802
        if "STARTTLS" in self._office().says:
            await self.push(self._office().says["STARTTLS"])
        else:
            await super().smtp_STARTTLS(arg)


@dataclass(frozen=True, kw_only=True)
class Authority:
    """Certificates made for this run."""

    server: ssl.SSLContext
    elsewhere: ssl.SSLContext
    trust: ssl.SSLContext


@pytest.fixture(scope="module")
def authority() -> Authority:
    ca = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("localhost", "127.0.0.1").configure_cert(server)
    elsewhere = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("elsewhere.example").configure_cert(elsewhere)
    trust = ssl.create_default_context()
    ca.configure_trust(trust)
    return Authority(server=server, elsewhere=elsewhere, trust=trust)


@asynccontextmanager
async def open_office(
    says: Mapping[str, str] | None = None, *, tls: ssl.SSLContext | None = None, **more: Any
) -> AsyncIterator[Office]:
    office = Office(says=dict(says or {}))
    loop = asyncio.get_running_loop()

    def talk() -> SMTP:
        office.sessions += 1
        office.talks.append(
            Talk(office, hostname="office", loop=loop, authenticator=office.authenticate, **more)
        )
        return office.talks[-1]

    server = await loop.create_server(talk, "127.0.0.1", 0, ssl=tls)
    office.port = server.sockets[0].getsockname()[1]
    try:
        yield office
    finally:
        server.close()
        office.hang_up()


@asynccontextmanager
async def sending(
    office: Office | int, *, trust: ssl.SSLContext | None = None, **more: Any
) -> AsyncIterator[Sender]:
    port = office if isinstance(office, int) else office.port
    how = {name: more.pop(name) for name in ("patience", "idle") if name in more}
    sender = Sender(
        Server(**({"host": "127.0.0.1", "port": port, "security": "none"} | more)),
        hello="example.com",
        trust=trust,
        **({"patience": 20.0} | how),
    )
    try:
        yield sender
    finally:
        await sender.close()


Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_server(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server of one's own making; the port it listens at."""
    talks: set[asyncio.Task[None]] = set()

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        try:
            await script(reader, writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(run, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for each in talks:
            each.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


async def hand_in(sender: Sender, *recipients: str, content: bytes = CONTENT) -> Mapping[str, NotDelivered]:
    to = recipients or ("zoe@customer.example",)
    return await sender.send(content, sender="support@example.com", recipients=to)


async def refused(sender: Sender, *recipients: str, content: bytes = CONTENT) -> NotDelivered:
    with pytest.raises(NotDelivered) as no:
        await hand_in(sender, *recipients, content=content)
    assert no.value.detail.isprintable()
    assert not (no.value.retry and no.value.uncertain)
    return no.value


async def until(state: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not state():  # noqa: ASYNC110  it is timed
            await asyncio.sleep(0.01)


async def test_a_mail_arrives_as_it_was_written() -> None:
    async with open_office() as office, sending(office) as sender:
        assert await hand_in(sender) == {}
    (mail,) = office.mails
    assert mail.content == CONTENT
    assert (mail.mail_from, mail.rcpt_tos) == ("support@example.com", ["zoe@customer.example"])
    assert office.hellos == ["example.com"]


async def test_bare_line_ends_cannot_end_a_mail_early() -> None:
    smuggled = b"Subject: x\n\nHi\n.\nMAIL FROM:<evil@example.com>\r.\r\n.\rend"
    async with open_office() as office, sending(office) as sender:
        await hand_in(sender, content=smuggled)
        await hand_in(sender)
    assert [each.content for each in office.mails] == [
        b"Subject: x\r\n\r\nHi\r\n.\r\nMAIL FROM:<evil@example.com>\r\n.\r\n.\r\nend\r\n",
        CONTENT,
    ]


ANSWERS = [
    ("CONNECT", "450 4.3.2 busy", True, "greeting"),
    ("CONNECT", "554 5.7.1 no service for you", False, "greeting"),
    ("EHLO", "421 4.3.2 closing", True, "EHLO"),
    ("EHLO", "501 5.5.4 bad name", False, "EHLO"),
    ("MAIL", "421 4.7.0 too many connections", True, "the sender"),
    ("MAIL", "452 4.3.1 out of space", True, "its storage is full"),
    ("MAIL", "550 5.7.60 not yours to send as", False, "policy"),
    ("MAIL", "552 5.3.4 too large", False, "too large"),
    ("MAIL", "530 5.7.0 authenticate first", True, "set SMTP_USER"),
    ("RCPT", "421 4.3.2 closing", True, "the recipient"),
    ("RCPT", "450 4.7.1 greylisted", True, "policy"),
    ("RCPT", "452 4.2.2 over quota", True, "full"),
    ("RCPT", "451 try again", True, "for now"),
    ("RCPT", "550 5.1.1 who?", False, "no such mailbox"),
    ("RCPT", "550 who?", False, "no such mailbox"),
    ("RCPT", "550 5.7.1 blocked", False, "policy"),
    ("RCPT", "552 5.2.2 over quota", False, "the mailbox is full"),
    ("RCPT", "553 5.1.3 what?", False, "not valid"),
    ("RCPT", "554 5.7.1 spam", False, "policy"),
    ("RCPT", "556 5.1.10 null MX", False, "takes no mail"),
    ("DATA", "451 4.3.0 later", True, "the message"),
    ("DATA", "554 5.5.1 no valid recipients", False, "policy"),
    ("END", "421 4.3.2 closing", True, "the message's end"),
    ("END", "451 4.3.0 later", True, "the message's end"),
    ("END", "552 5.3.4 too large", False, "the message is too large"),
    ("END", "554 5.7.1 spam", False, "policy"),
    ("END", "550-5.7.26 unauthenticated\r\n550 5.7.26 see https://x.example", False, "policy"),
    ("RCPT", "299 what is this", True, "strange"),
]


@pytest.mark.parametrize(("verb", "answer", "retry", "words"), ANSWERS)
async def test_a_refusal_is_for_now_or_for_good_as_the_server_says(
    verb: str, answer: str, retry: bool, words: str
) -> None:
    async with open_office({verb: answer}) as office, sending(office) as sender:
        no = await refused(sender)
        assert (no.retry, no.uncertain) == (retry, False), no.detail
        assert words in no.detail
        assert answer[:3] in no.detail
        assert office.mails == []
        office.says.clear()
        assert await hand_in(sender) == {}
    assert len(office.mails) == 1


async def test_what_a_server_says_is_shown_on_one_line_and_shortened() -> None:
    said = "550 5.1.1 \x1b[31m" + "é" * 300
    async with open_office({"RCPT": said}) as office, sending(office) as sender:
        no = await refused(sender)
    assert len(no.detail) < 350
    assert "\x1b" not in no.detail


async def test_each_recipient_has_its_own_result() -> None:
    says = {"RCPT b@x.example": "550 5.1.1 who?", "RCPT c@x.example": "451 4.3.0 later"}
    async with open_office(says) as office, sending(office) as sender:
        missed = await hand_in(sender, "a@x.example", "b@x.example", "c@x.example")
        assert {each: no.retry for each, no in missed.items()} == {"b@x.example": False, "c@x.example": True}
        assert [each.rcpt_tos for each in office.mails] == [["a@x.example"]]
        nobody = await refused(sender, "b@x.example", "c@x.example")
        assert nobody.retry
    assert len(office.mails) == 1


async def test_what_is_no_address_never_reaches_the_server() -> None:
    async with open_office() as office, sending(office) as sender:
        no = await refused(sender, "zoe@x.example>\r\nRCPT TO:<everybody@x.example")
    assert not no.retry
    assert office.sessions == 0


async def test_addresses_go_in_the_form_the_server_knows() -> None:
    async with open_office(enable_SMTPUTF8=True) as office, sending(office) as sender:
        assert await hand_in(sender, "zoë@münchen.example") == {}
    (mail,) = office.mails
    assert mail.rcpt_tos == ["zoë@xn--mnchen-3ya.example"]
    assert "SMTPUTF8" in mail.mail_options
    async with open_office() as office, sending(office) as sender:
        assert await hand_in(sender, "zoe@münchen.example") == {}
        no = await refused(sender, "zoë@münchen.example")
        assert (no.retry, no.uncertain) == (False, False)
        assert await hand_in(sender) == {}
    assert office.mails[0].rcpt_tos == ["zoe@xn--mnchen-3ya.example"]


async def test_a_mail_too_large_is_refused_before_it_is_sent() -> None:
    async with open_office(data_size_limit=10_000) as office, sending(office) as sender:
        no = await refused(sender, content=b"x" * 20_000)
    assert not no.retry
    assert "too large" in no.detail


async def test_one_connection_serves_many_mails() -> None:
    async with open_office() as office, sending(office) as sender:
        await asyncio.gather(*(hand_in(sender, f"{each}@x.example") for each in range(10)))
    assert len(office.mails) == 10
    assert office.sessions == 1
    assert office.resets == 9


async def test_an_idle_connection_is_ended_and_a_new_one_made_for_the_next() -> None:
    async with open_office() as office, sending(office, idle=0.05) as sender:
        await hand_in(sender)
        await until(lambda: sender._line is None)
        await hand_in(sender)
    assert office.sessions == 2


async def test_a_kept_connection_that_has_ended_is_made_anew() -> None:
    async with open_office() as office, sending(office) as sender:
        await hand_in(sender)
        office.hang_up()
        await until(lambda: sender._line is None or not sender._line.smtp.is_connected)
        await hand_in(sender)
        office.says["RSET"] = "421 4.3.2 closing"
        await hand_in(sender)
    assert (len(office.mails), office.sessions) == (3, 3)


@pytest.mark.parametrize("security", ["ssl", "starttls"])
async def test_mail_goes_over_tls(security: str, authority: Authority) -> None:
    more = {"tls": authority.server} if security == "ssl" else {"tls_context": authority.server}
    async with (
        open_office(**more) as office,
        sending(office, trust=authority.trust, security=security, user="u", password=SECRET) as sender,
    ):
        if security == "ssl":  # aiosmtpd knows no login over TLS that it did not start
            sender._server = replace(sender._server, user="")
        await sender.check()
        assert await hand_in(sender) == {}
    assert office.tls == [True]
    assert office.sessions == 1
    assert office.logins == (security == "starttls")


async def test_nothing_is_said_in_the_clear_where_tls_is_not_offered(authority: Authority) -> None:
    async with (
        open_office(auth_require_tls=False) as office,
        sending(office, trust=authority.trust, security="starttls", user="u", password=SECRET) as sender,
    ):
        no = await refused(sender)
    assert no.retry
    assert "offers no TLS" in no.detail
    assert (office.mails, office.logins) == ([], 0)


@pytest.mark.parametrize("answer", ["454 4.7.0 not now", "502 5.5.1 never"])
async def test_nothing_is_said_in_the_clear_where_tls_is_refused(answer: str, authority: Authority) -> None:
    async with (
        open_office({"STARTTLS": answer}, tls_context=authority.server, auth_require_tls=False) as office,
        sending(office, trust=authority.trust, security="starttls", user="u", password=SECRET) as sender,
    ):
        no = await refused(sender)
    assert no.retry
    assert "STARTTLS" in no.detail
    assert (office.mails, office.logins) == ([], 0)


@pytest.mark.parametrize("security", ["ssl", "starttls"])
@pytest.mark.parametrize("wrong", ["authority", "name"])
async def test_a_certificate_that_is_not_trusted_stops_everything(
    security: str, wrong: str, authority: Authority
) -> None:
    certificate = authority.elsewhere if wrong == "name" else authority.server
    more = {"tls": certificate} if security == "ssl" else {"tls_context": certificate}
    trust = authority.trust if wrong == "name" else None
    async with open_office(**more) as office, sending(office, trust=trust, security=security) as sender:
        no = await refused(sender)
    assert no.retry
    assert "certificate" in no.detail
    assert office.mails == []


async def test_tls_to_a_port_without_it_names_the_setting(authority: Authority) -> None:
    async with open_office() as office, sending(office, trust=authority.trust, security="ssl") as sender:
        no = await refused(sender)
    assert no.retry
    assert "SMTP_TLS" in no.detail


@pytest.mark.parametrize("methods", [("PLAIN",), ("LOGIN",)])
async def test_a_login_is_tried_once_by_a_method_the_server_knows(methods: tuple[str, ...]) -> None:
    others = [each for each in ("PLAIN", "LOGIN") if each not in methods]
    async with open_office(auth_require_tls=False, auth_exclude_mechanism=others) as office:
        async with sending(office, user="u", password=SECRET) as sender:
            await hand_in(sender)
        async with sending(office, user="u", password="wrong") as sender:
            no = await refused(sender)
    assert no.retry
    assert "refuses the user u with this password" in no.detail
    assert office.logins == 2
    assert len(office.mails) == 1


async def test_a_server_without_a_login_is_told_of() -> None:
    async with open_office() as office, sending(office, user="u", password=SECRET) as sender:
        no = await refused(sender)
    assert no.retry
    assert "offers no login" in no.detail


def by_token(right: bytes) -> Script:
    """Lets in who shows the right token (XOAUTH2), and says why it does not as Gmail does."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        while line := (await reader.readline()).split():
            if line[0] == b"EHLO":
                writer.write(b"250-fine\r\n250 AUTH XOAUTH2\r\n")
            elif line[0] != b"AUTH":
                writer.write(b"354 go on\r\n" if line[0] == b"DATA" else b"250 fine\r\n")
            elif base64.b64decode(line[2]) == b"user=u\x01auth=Bearer " + right + b"\x01\x01":
                writer.write(b"235 welcome\r\n")
            else:
                writer.write(b"334 eyJzdGF0dXMiOiI0MDEifQ==\r\n")
                assert await reader.readline() == b"\r\n"
                writer.write(b"535 5.7.8 expired\r\n")
            if line[0] == b"DATA":
                await reader.readuntil(b"\r\n.\r\n")
                writer.write(b"250 kept\r\n")

    return script


async def test_a_login_by_token_asks_for_a_fresh_one_each_time() -> None:
    tokens = iter(["old", "new"])

    async def token() -> str:
        if (given := next(tokens, None)) is None:
            raise OSError("the token command failed")
        return given

    async with raw_server(by_token(b"new")) as port, sending(port, user="u", token=token) as sender:
        no = await refused(sender)
        assert no.retry
        assert "OAuth token" in no.detail
        assert await hand_in(sender) == {}
        await sender.close()
        no = await refused(sender)
        assert no.retry
        assert "the token command failed" in no.detail


@pytest.mark.parametrize(
    ("host", "advice"), [("smtp.gmail.com", "app password"), ("smtp.office365.com", "SMTP")]
)
async def test_great_providers_users_are_told_what_to_set(host: str, advice: str) -> None:
    server = Server(host=host, port=465, user="u", password="p")
    no = refusal(535, "5.7.8 Username and Password not accepted", step=Step.AUTH, server=server)
    assert no.retry
    assert advice in no.detail

    async def token() -> str:
        return "expired"

    no = refusal(535, "5.7.3 no", step=Step.AUTH, server=replace(server, token=token))
    assert "token of the scope https://" in no.detail


async def test_a_server_that_is_not_there_is_tried_later() -> None:
    async with sending(free_port()) as sender:
        no = await refused(sender)
    assert no.retry
    assert "nothing listens" in no.detail
    async with sending(25, host="no.such.host.invalid") as sender:
        no = await refused(sender)
    assert no.retry
    assert "can't be found" in no.detail


VERBS = ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA")


def until_verb(last: str, then: Script) -> Script:
    """Says yes until `last` is said, and then does as it is told. CONNECT is before the greeting."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if last != "CONNECT":
            writer.write(b"220 ready\r\n")
            while line := await reader.readline():
                verb = line.decode().split()[0].upper()
                if verb == last:
                    break
                writer.write(b"354 go on\r\n" if verb == "DATA" else b"250 fine\r\n")
        await then(reader, writer)

    return script


async def fall_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    return


@pytest.mark.parametrize("verb", VERBS)
async def test_a_server_that_falls_silent_before_it_has_the_mail_is_tried_later(verb: str) -> None:
    async with raw_server(until_verb(verb, fall_silent)) as port, sending(port, patience=0.3) as sender:
        no = await refused(sender)
    assert (no.retry, no.uncertain) == (True, False)
    assert "did not come to an end" in no.detail


@pytest.mark.parametrize("verb", VERBS)
async def test_a_server_that_hangs_up_before_it_has_the_mail_is_tried_later(verb: str) -> None:
    async with raw_server(until_verb(verb, hang_up)) as port, sending(port) as sender:
        no = await refused(sender)
    assert (no.retry, no.uncertain) == (True, False)


def storing(kept: list[bytes], then: Script) -> Script:
    """Takes the whole mail, and then does as it is told."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"354 go on\r\n")
        kept.append(await reader.readuntil(b"\r\n.\r\n"))
        await then(reader, writer)

    return until_verb("DATA", take)


@pytest.mark.parametrize("end", [hang_up, fall_silent])
async def test_what_is_lost_after_the_last_dot_may_have_been_taken(end: Script) -> None:
    kept: list[bytes] = []
    async with raw_server(storing(kept, end)) as port, sending(port, patience=0.5) as sender:
        no = await refused(sender)
    assert (no.retry, no.uncertain) == (False, True)
    assert len(kept) == 1


@pytest.mark.parametrize("answer", [b"999 what\r\n", b"no number\r\n", b"354 more\r\n"])
async def test_nonsense_after_the_last_dot_is_no_yes_and_no_no(answer: bytes) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await reader.read()

    async with raw_server(storing([], babble)) as port, sending(port) as sender:
        no = await refused(sender)
    assert (no.retry, no.uncertain) == (False, True)


LARGE = b"x" * 70 + b"\r\n"


@pytest.mark.parametrize("end", [hang_up, fall_silent])
async def test_what_is_cut_in_the_middle_was_not_taken(end: Script) -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"354 go on\r\n")
        await reader.readexactly(100_000)
        await end(reader, writer)

    async with raw_server(until_verb("DATA", cut)) as port, sending(port, patience=1.0) as sender:
        no = await refused(sender, content=LARGE * 300_000)
    assert (no.retry, no.uncertain) == (True, False)


async def test_a_refusal_in_the_middle_is_heard() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"354 go on\r\n")
        await reader.readexactly(100_000)
        writer.write(b"552 5.3.4 enough\r\n")
        await reader.read()

    async with raw_server(until_verb("DATA", refuse)) as port, sending(port) as sender:
        no = await refused(sender, content=LARGE * 300_000)
        assert sender._line is None
    assert (no.retry, no.uncertain) == (False, False)
    assert "too large" in no.detail


async def test_who_waits_too_long_for_the_connection_was_not_sent() -> None:
    async with raw_server(until_verb("MAIL", fall_silent)) as port, sending(port, patience=0.3) as sender:
        first, second = await asyncio.gather(refused(sender), refused(sender))
    assert first.retry
    assert second.retry


async def test_a_send_that_is_called_off_leaves_no_half_mail_behind() -> None:
    async with open_office() as office, sending(office) as sender:
        await hand_in(sender)
        async with raw_server(until_verb("RCPT", fall_silent)) as port, sending(port) as other:
            running = asyncio.create_task(hand_in(other))
            await until(lambda: other._line is not None)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            assert other._line is None
        await hand_in(sender)
    assert len(office.mails) == 2


async def keep_and_fall_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"250 kept\r\n")
    await fall_silent(reader, writer)


async def test_a_silent_kept_connection_is_given_up_for_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("channels.email.smtp._STALE", 0.1)
    monkeypatch.setattr("channels.email.smtp._GOODBYE", 0.1)
    mails: list[bytes] = []
    async with raw_server(storing(mails, keep_and_fall_silent)) as port, sending(port) as sender:
        await hand_in(sender)
        await hand_in(sender)
    assert len(mails) == 2


async def test_a_send_called_off_while_the_connection_is_tried_leaves_none_behind() -> None:
    mails: list[bytes] = []
    async with raw_server(storing(mails, keep_and_fall_silent)) as port, sending(port) as sender:
        await hand_in(sender)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await hand_in(sender)
        assert sender._line is None
        await hand_in(sender)
    assert len(mails) == 2


def test_it_is_the_same_on_the_loop_switchboard_runs_on(authority: Authority) -> None:
    async def scenario() -> None:
        async with (
            open_office(tls_context=authority.server) as office,
            sending(office, trust=authority.trust, security="starttls", user="u", password=SECRET) as sender,
        ):
            await hand_in(sender)
            await hand_in(sender, content=LARGE * 100_000)
            assert [len(each.content or b"") for each in office.mails] == [len(CONTENT), len(LARGE) * 100_000]
            assert (office.sessions, office.tls) == (1, [True, True])
        async with raw_server(storing([], hang_up)) as port, sending(port) as sender:
            assert (await refused(sender)).uncertain
        async with (
            raw_server(storing([], hang_up), authority.server) as port,
            sending(port, trust=authority.trust, security="ssl") as sender,
        ):
            assert (await refused(sender)).uncertain

    uvloop.run(scenario())
