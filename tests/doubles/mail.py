"""A mail provider on this machine, with customers who write; by hand: `python -m tests.doubles.mail`.

The support mailbox lies in a real IMAP server, answers are handed in to a real SMTP server. A page shows each
customer's mail program: write, answer, send a mail back, be away, complain.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime, formatdate, make_msgid
from pathlib import Path

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session
from jinja2 import Environment, FileSystemLoader

from channels.email.ids import reply_subject
from channels.email.mail import Mail
from channels.email.parse import parse
from channels.email.trim import Trimmed, trim
from tests.channels.email.pymap import pymap
from tests.postoffice import SUPPORT, PostOffice, bounce, complaint, serving

_PAGE = Path(__file__).parent / "mail_page"
_ASSETS = {"mail.css": "text/css", "mail.js": "text/javascript"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_MAIL_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_LARGEST = 20 * 2**20  # bytes of a form
_PASSWORD = "only-for-trying"
PEOPLE = {
    "zoe": ("Zoë Müller", "zoe@customer.example"),
    "jonas": ("Jonas Berg", "jonas@berg.example"),
    "layla": ("ليلى حداد", "layla@haddad.example"),
}


@dataclass(frozen=True, kw_only=True)
class Letter:
    """A mail in a customer's program."""

    raw: bytes
    received: bool
    at: float = field(default_factory=time.time)

    @property
    def mail(self) -> Mail:
        return parse(self.raw)

    @property
    def words(self) -> Trimmed:
        return trim(self.mail.text)

    @property
    def head(self) -> Sequence[tuple[str, str]]:
        return [(name.title(), value) for name, value in self.mail.headers if name != "received"]


@dataclass(kw_only=True)
class Provider(PostOffice):
    """Brings mail both ways and keeps what each customer wrote and got."""

    boxes: dict[str, list[Letter]] = field(default_factory=dict)

    def box(self, address: str) -> list[Letter]:
        return self.boxes.setdefault(address, [])

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        for recipient in envelope.rcpt_tos:
            self.box(recipient.lower()).append(Letter(raw=envelope.original_content or b"", received=True))
        return await super().handle_DATA(server, session, envelope)

    def send(self, raw: bytes, *, sender: str) -> None:
        """A customer's mail comes into the support mailbox."""
        self.server.deliver(raw, user=SUPPORT)
        self.box(sender).append(Letter(raw=raw, received=False))


class Page:
    """The customers' mail programs, in a browser."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._template = Environment(loader=FileSystemLoader(_PAGE), autoescape=True).get_template(
            "mail.html"
        )
        self.app = web.Application(client_max_size=_LARGEST)
        self.app.add_routes(
            [
                web.get("/", self._first),
                web.get("/page/{name}", self._asset),
                web.get("/{who}", self._show),
                web.get("/{who}/count", self._count),
                web.get("/{who}/{number}/html", self._html),
                web.post("/{who}/write", self._write),
                web.post("/{who}/{number}/{act}", self._act),
            ]
        )

    async def _first(self, request: web.Request) -> web.Response:
        raise web.HTTPFound(f"/{next(iter(PEOPLE))}")

    async def _asset(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in _ASSETS:
            raise web.HTTPNotFound
        return web.Response(text=(_PAGE / name).read_text(), content_type=_ASSETS[name])

    async def _show(self, request: web.Request) -> web.Response:
        name, address = self._person(request)
        text = self._template.render(
            people={who: (named, len(self._provider.box(at))) for who, (named, at) in PEOPLE.items()},
            who=request.match_info["who"],
            name=name,
            address=address,
            support=SUPPORT,
            letters=list(self._provider.box(address)),
        )
        return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": _POLICY})

    async def _count(self, request: web.Request) -> web.Response:
        return web.json_response(len(self._provider.box(self._person(request)[1])))

    async def _html(self, request: web.Request) -> web.Response:
        html = self._letter(request).mail.html
        return web.Response(
            text=html, content_type="text/html", headers={"Content-Security-Policy": _MAIL_POLICY}
        )

    async def _write(self, request: web.Request) -> web.Response:
        name, address = self._person(request)
        form = await request.post()
        mail = _letter(name, address, str(form["subject"]))
        mail.set_content(str(form["text"]))
        file = form.get("file")
        if isinstance(file, web.FileField) and file.filename:
            main, _, sub = (file.content_type or "application/octet-stream").partition("/")
            mail.add_attachment(file.file.read(), maintype=main, subtype=sub, filename=file.filename)
        return await self._sent(request, mail.as_bytes())

    async def _act(self, request: web.Request) -> web.Response:
        name, address = self._person(request)
        answered = self._letter(request)
        form = await request.post()
        match request.match_info["act"]:
            case "reply":
                raw = _answer(name, address, answered, str(form["text"]))
            case "away":
                raw = _absence(name, address, answered)
            case "back":
                raw = bounce(address, f"<{answered.mail.message_id}>")
            case "unwanted":
                raw = complaint(address, f"<{answered.mail.message_id}>")
            case _:
                raise web.HTTPNotFound
        return await self._sent(request, raw)

    async def _sent(self, request: web.Request, raw: bytes) -> web.Response:
        await asyncio.to_thread(self._provider.send, raw, sender=self._person(request)[1])
        raise web.HTTPSeeOther(f"/{request.match_info['who']}#last")

    def _person(self, request: web.Request) -> tuple[str, str]:
        if (found := PEOPLE.get(request.match_info["who"])) is None:
            raise web.HTTPNotFound
        return found

    def _letter(self, request: web.Request) -> Letter:
        box, number = self._provider.box(self._person(request)[1]), request.match_info["number"]
        if not number.isdecimal() or int(number) >= len(box):
            raise web.HTTPNotFound
        return box[int(number)]


def _letter(name: str, address: str, subject: str) -> EmailMessage:
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"] = f'"{name}" <{address}>'
    mail["To"] = SUPPORT
    mail["Subject"] = " ".join(subject.split()) or "(no subject)"
    mail["Date"] = formatdate(localtime=True)
    mail["Message-ID"] = make_msgid(domain=address.partition("@")[2])
    return mail


def _answer(name: str, address: str, answered: Letter, text: str) -> bytes:
    """Above the quote, as most programs do it."""
    ours = answered.mail
    mail = _letter(name, address, reply_subject(ours.subject))
    mail["In-Reply-To"] = f"<{ours.message_id}>"
    mail["References"] = " ".join(f"<{each}>" for each in (*ours.references, ours.message_id))
    if ours.reply_to:
        mail.replace_header("To", ours.reply_to[0].address)
    quoted = "\n".join(f"> {line}".rstrip() for line in ours.text.strip().split("\n"))
    when = format_datetime(ours.date)[:22] if ours.date else "that day"
    who = ours.sender.name or ours.sender.address if ours.sender else "you"
    mail.set_content(f"{text}\n\nOn {when}, {who} wrote:\n{quoted}\n")
    return mail.as_bytes()


def _absence(name: str, address: str, answered: Letter) -> bytes:
    mail = _letter(name, address, f"Automatic reply: {answered.mail.subject}")
    mail["In-Reply-To"] = f"<{answered.mail.message_id}>"
    mail["Auto-Submitted"] = "auto-replied"
    mail.set_content("I am out of the office until Monday.\n")
    return mail.as_bytes()


async def _serve(*, port: int, imap_port: int, smtp_port: int) -> None:
    with (
        pymap(SUPPORT, port=imap_port, password=_PASSWORD) as server,
        serving(Provider(server=server, smtp_port=smtp_port)) as provider,
    ):
        runner = web.AppRunner(Page(provider).app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        print(f"Write as a customer:  http://127.0.0.1:{port}/\n\nStart Switchboard with:\n", flush=True)
        given = [f"{name}={shlex.quote(value)}" for name, value in provider.settings().items()]
        print(" \\\n".join([*given, "make run"]), flush=True)
        try:
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.doubles.mail", description=__doc__)
    parser.add_argument("--port", type=int, default=8091, help="where the page is")
    parser.add_argument("--imap-port", type=int, default=8092)
    parser.add_argument("--smtp-port", type=int, default=8093)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
