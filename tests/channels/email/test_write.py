"""A letter as bytes: what recipients' programs read in it, and what nobody can smuggle into it."""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.utils import getaddresses, parseaddr, parsedate_to_datetime
from html.parser import HTMLParser
from typing import Any

import aiosmtplib
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from aiosmtplib.email import parse_address
from hypothesis import given
from hypothesis import strategies as st

from bot.markup import from_markdown
from channels.base import NotDelivered, Quoted, Source
from channels.email.address import on_the_wire
from channels.email.ids import one_line
from channels.email.parse import parse
from channels.email.plain import readable
from channels.email.write import File, Letter, write

MESSAGE_ID = "msg_0190f3c2a1b5e7d94c60a8f13b2d5e7.1@example.com"
WHEN = datetime(2026, 3, 5, 10, 0, tzinfo=UTC)
LETTER = Letter(
    message_id=MESSAGE_ID,
    date=WHEN,
    sender="support@example.com",
    sender_name="Ada",
    recipient="zoe@customer.example",
    recipient_name="Zoë Müller",
    subject="Re: Größe 42",
    text="You have **30 days** [1].",
    html="<p>You have <strong>30 days</strong> [1].</p>",
)
# What has ended headers, started new ones, or broken parsers.
HOSTILE = (
    "Ada\r\nBcc: everybody@example.com",
    "Ada\nBcc: everybody@example.com",
    "Ada\r Bcc: everybody@example.com",
    "Ada\0<evil@example.com>",
    'Ada" <evil@example.com>, "x',
    "Ada <evil@example.com>",
    "=?utf-8?q?Ada=0D=0ABcc=3A_everybody=40example=2Ecom?=",
    "Ada\u2028Bcc: x\x85Bcc: y\x0bBcc: z\x0cBcc: a\x1cBcc: b",
    "\\",
    '"',
    "",
    " ",
    "a" * 3_000,
    "é" * 3_000,
    "日本語 " * 500,
    "👩\u200d👩\u200d👧\u200d👦" * 100,
    "\ud800 half a character",
    "\u202egnp.exe",
    "(comment) @ , ; : <>",
)


def read(letter: Letter) -> EmailMessage:
    """The letter as the standard library reads it; every line of it is as long as RFC 5322 allows."""
    raw = write(letter)
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert [each.defects for each in message.walk() if each.defects] == []
    return message


def names(message: Message) -> list[str]:
    return [name.lower() for name, _ in message.items()]


def body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def words(value: str) -> str:
    """A header's encoded words, read."""
    return str(make_header(decode_header(value)))


class Elements(HTMLParser):
    """Every element of a page with its attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for each, attributes in self.found if each == tag]


def test_a_letter_carries_what_its_recipient_needs() -> None:
    message = read(replace(LETTER, in_reply_to="b@x", references=["a@x", "b@x"], reply_to="s+t@example.com"))
    assert message["From"] == "Ada <support@example.com>"
    assert message["To"] == "Zoë Müller <zoe@customer.example>"
    assert message["Reply-To"] == "Ada <s+t@example.com>"
    assert message["Subject"] == "Re: Größe 42"
    assert message["Message-ID"] == f"<{MESSAGE_ID}>"
    assert message["In-Reply-To"] == "<b@x>"
    assert message["References"] == "<a@x> <b@x>"
    assert message["MIME-Version"] == "1.0"
    assert parsedate_to_datetime(message["Date"]) == WHEN
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert body(message, "plain") == "You have *30 days* [1].\n"
    assert Elements(body(message, "html")).text.strip().endswith("You have 30 days [1].")
    assert len(names(message)) == len(set(names(message)))


def test_only_the_bot_says_that_nobody_read_it_before() -> None:
    automatic = read(replace(LETTER, automatic=True))
    assert automatic["Auto-Submitted"] == "auto-replied"
    assert automatic["X-Auto-Response-Suppress"] == "All"
    assert not {"auto-submitted", "x-auto-response-suppress", "precedence"} & set(names(read(LETTER)))


def test_a_first_letter_answers_nothing() -> None:
    assert not {"in-reply-to", "references", "reply-to"} & set(names(read(LETTER)))


def test_a_long_thread_is_folded_between_its_ids_and_no_id_is_changed() -> None:
    ids = [f"{'x' * length}@mail.example" for length in range(1, 480, 24)]
    raw = write(replace(LETTER, references=ids, in_reply_to=ids[-1]))
    message = email.message_from_bytes(raw)
    assert message["References"].split() == [f"<{each}>" for each in ids]
    assert message["In-Reply-To"].strip() == f"<{ids[-1]}>"


def test_an_id_that_would_spoil_the_thread_is_left_out() -> None:
    message = read(replace(LETTER, references=["a@x", "b@x>\r\nBcc: c@x"], in_reply_to="b@x\nBcc: c@x"))
    assert message["References"] == "<a@x>"
    assert not {"bcc", "in-reply-to"} & set(names(message))


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_name_or_subject_becomes_a_header_or_an_address(hostile: str) -> None:
    expected = names(read(LETTER))
    message = email.message_from_bytes(
        write(replace(LETTER, sender_name=hostile, recipient_name=hostile, subject=hostile))
    )
    assert names(message) == expected
    parsed = read(replace(LETTER, sender_name=hostile, recipient_name=hostile, subject=hostile))
    assert [each.addr_spec for each in parsed["From"].addresses] == ["support@example.com"]
    assert [each.addr_spec for each in parsed["To"].addresses] == ["zoe@customer.example"]
    shown = one_line(hostile)
    name, address = parseaddr(str(message["To"]))
    assert (words(name), address) == (shown, "zoe@customer.example")
    assert parsed["Subject"] == shown
    understood = parse(write(replace(LETTER, sender_name=hostile)))
    assert understood.sender is not None
    assert understood.sender.address == "support@example.com"


@given(st.text(), st.text(), st.text(), st.text())
def test_any_names_subjects_and_texts_are_read_back(name: str, subject: str, text: str, said: str) -> None:
    letter = replace(
        LETTER,
        sender_name=name,
        recipient_name=name,
        subject=subject,
        text=text,
        html=from_markdown(text),
        greeting=name,
        signature=text,
        quoted=Quoted(who=name, when=WHEN, text=said),
        citations=[Source(title=name, url=f"https://example.com/{subject}"), Source(title="", url=said)],
        attachments=[File(name=name, media_type=subject, content=text.encode("utf-8", "replace"))],
    )
    message = read(letter)
    assert names(message) == [*names(read(LETTER))]
    assert [each.addr_spec for each in message["From"].addresses] == ["support@example.com"]
    assert [each.addr_spec for each in message["To"].addresses] == ["zoe@customer.example"]
    assert message["Subject"] == one_line(subject)
    assert [each.get_content_type() for each in message.walk()][:4] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]
    (file,) = message.iter_attachments()
    assert file.get_payload(decode=True) == text.encode("utf-8", "replace")
    assert file.get_content_disposition() == "attachment"
    assert {tag for tag, _ in Elements(body(message, "html")).found} <= SAFE


SAFE = {
    *("html", "head", "meta", "style", "body", "div", "p", "br", "hr", "strong", "em", "del", "code", "pre"),
    *("blockquote", "ul", "ol", "li", "h1", "h2", "h3", "h4", "a"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nobody",
        "@example.com",
        "a@",
        "a@b@c",
        "a b@example.com",
        "a@exa mple.com",
        "a@example.com\r\nRCPT TO:<b@example.com>",
        "a\r\n@example.com",
        "a\0@example.com",
        "a@example.com>",
        "<a@example.com>",
        "a@example.com, b@example.com",
        "a@example.com,b",
        "a(b)@example.com",
        '"a b"@example.com',
        "a@-example.com",
        "a@example..com",
        "a@[127.0.0.1]",
        "a\u2028@example.com",
        "a\u00a0@example.com",
        "\ud800@example.com",
        "a@\u2028.example",
        f"{'a' * 65}@example.com",
        f"a@{'a.' * 130}com",
    ],
)
def test_what_is_no_address_is_refused_for_good(address: str) -> None:
    with pytest.raises(NotDelivered) as refused:
        write(replace(LETTER, recipient=address))
    assert not refused.value.retry
    assert refused.value.detail.isprintable()
    for changed in ({"sender": address}, {"reply_to": address} if address else {"sender": address}):
        with pytest.raises(NotDelivered):
            write(replace(LETTER, **changed))


@pytest.mark.parametrize(
    ("address", "wire"),
    [
        ("Zoe.M+x@Example.COM", "Zoe.M+x@example.com"),
        ("zoe@münchen.example", "zoe@xn--mnchen-3ya.example"),
        ("zoe@straße.example", "zoe@xn--strae-oqa.example"),
        ("zoe@例え.テスト", "zoe@xn--r8jz45g.xn--zckzah"),
        ("a..b.@docomo.example", "a..b.@docomo.example"),
        ("o'hara/x=y@example.com", "o'hara/x=y@example.com"),
        ("zoë@example.com", "zoë@example.com"),
        ("root@localhost", "root@localhost"),
    ],
)
def test_a_domain_goes_in_ascii_and_the_rest_as_it_is(address: str, wire: str) -> None:
    assert on_the_wire(address) == wire
    assert parse_address(wire) == wire
    raw = write(replace(LETTER, recipient=address))
    assert f"<{wire}>".encode() in raw
    assert raw.isascii() == wire.isascii()


@given(st.text(alphabet=st.characters(), max_size=20), st.text(alphabet="ab.-_é例\r\n \0<>@", max_size=20))
def test_whatever_is_an_address_stays_one_on_its_way(local: str, domain: str) -> None:
    try:
        wire = on_the_wire(f"{local}@{domain}")
    except NotDelivered:
        return
    assert parseaddr(wire)[1] == parse_address(wire) == wire
    assert getaddresses([f"Somebody <{wire}>"]) == [("Somebody", wire)]


def test_links_lists_and_tables_are_read_without_their_marks() -> None:
    text = (
        "See [our page](https://x.example/a), <https://y.example>\nor write to <me@x.example>.\n\n"
        "1. one\n   - a\n   - `b`\n2. two\n\n| Size | Price |\n|---|--:|\n| S | 10 € |\n| 日本 | 1 |\n\n"
        "> quoted\n\n```\ncode\n  more\n```\n\n## Last\n\n---\nEnd."
    )
    assert readable(text) == (
        "See our page <https://x.example/a>, https://y.example\nor write to me@x.example.\n\n"
        "1. one\n   - a\n   - b\n2. two\n\nSize | Price\n-----+------\nS    | 10 €\n日本 | 1\n\n"
        "> quoted\n\n    code\n      more\n\nLast\n\n* * *\n\nEnd."
    )


def test_a_wide_table_is_told_row_by_row() -> None:
    wide = f"| {'Long ' * 8}| {'name ' * 8}|\n|---|---|\n| a | b |\n| c | d |"
    long, name = "Long " * 7 + "Long", "name " * 7 + "name"
    assert readable(wide) == f"{long}: a\n{name}: b\n\n{long}: c\n{name}: d"


@given(st.text())
def test_no_text_of_ours_starts_a_signature(text: str) -> None:
    assert "-- " not in readable(text + "\n-- \nx").split("\n")


def test_everything_stands_in_its_place() -> None:
    letter = replace(
        LETTER,
        greeting="Hello Zoë,",
        signature="Ada\nNorthwind & Sons",
        citations=[
            Source(title="Returns & refunds", url="https://x.example/returns?a=1&b=2"),
            Source(title="Ours alone", url=""),
            Source(title="", url="https://x.example/shipping"),
        ],
        quoted=Quoted(who="Zoë Müller", when=WHEN, text="Hi,\n\n> before\n-- \nZoë <b>M</b>"),
    )
    message = read(letter)
    assert body(message, "plain") == (
        "Hello Zoë,\n\nYou have *30 days* [1].\n\n"
        "[1] Returns & refunds <https://x.example/returns?a=1&b=2>\n[3] https://x.example/shipping\n\n"
        "-- \nAda\nNorthwind & Sons\n\n"
        "On Thu, 05 Mar 2026 at 10:00 UTC, Zoë Müller wrote:\n> Hi,\n>\n>> before\n> --\n> Zoë <b>M</b>\n"
    )
    page = Elements(body(message, "html"))
    assert [each["href"] for each in page.all("a")] == [
        "https://x.example/returns?a=1&b=2",
        "https://x.example/shipping",
    ]
    assert [each["type"] for each in page.all("blockquote")] == ["cite"]
    assert "Zoë <b>M</b>" in page.text
    assert not page.all("b")
    assert page.text.index("Hello") < page.text.index("30 days") < page.text.index("Sons")
    assert page.text.index("Sons") < page.text.index("Hi,")


def test_a_very_long_quote_is_cut_where_everybody_sees_it() -> None:
    quoted = Quoted(who="Zoë", when=WHEN, text="word " * 100_000)
    raw = write(replace(LETTER, quoted=quoted))
    assert len(raw) < 60_000
    assert body(read(replace(LETTER, quoted=quoted)), "plain").rstrip().endswith("> […]")


def test_nothing_runs_loads_or_tracks_in_a_page() -> None:
    hostile = (
        '<script>x()</script><img src="https://t.example/p.png"><p onclick="x()" style="position:fixed">a</p>'
        '<a href="javascript:x()">b</a><iframe src="//x"></iframe><style>p{}</style><form><input></form>'
        '<a href="https://x.example" title="<p> onclick=x() y=">c</a>'
    )
    letter = replace(
        LETTER,
        html=hostile,
        greeting="<script>",
        signature="</div><script>",
        citations=[Source(title="<img src=x>", url="javascript:x()"), Source(title="d", url='https://x"y')],
        quoted=Quoted(who="<script>", when=WHEN, text="</blockquote><script>x()</script>"),
    )
    page = Elements(body(read(letter), "html"))
    assert {tag for tag, _ in page.found} <= SAFE
    allowed = {"style", "dir", "href", "title", "class", "type", "name", "content", "charset"}
    assert {name for _, attributes in page.found for name in attributes} <= allowed
    assert [each.get("href") for each in page.all("a")] == [None, "https://x.example"]
    assert all("fixed" not in (each.get("style") or "") for _, each in page.found)


@pytest.mark.parametrize(
    ("name", "read_back"),
    [
        ("invoice.pdf", "invoice.pdf"),
        ("Rückgabe «x».pdf", "Rückgabe «x».pdf"),
        ('a"b\\c/../d.pdf', 'a"b_c_.._d.pdf'),
        ("a\r\nBcc: x@y.pdf", "a Bcc: x@y.pdf"),
        ("a\0b.pdf", "a b.pdf"),
        ("日" * 500 + ".pdf", "日" * 71 + ".pdf"),
        ("\ud800.pdf", ".pdf"),
        ("", "file"),
    ],
)
def test_a_file_keeps_its_name_and_nothing_else_gets_in_with_it(name: str, read_back: str) -> None:
    content = bytes(range(256)) * 300
    message = read(
        replace(LETTER, attachments=[File(name=name, media_type="application/pdf", content=content)])
    )
    assert message.get_content_type() == "multipart/mixed"
    (file,) = message.iter_attachments()
    assert file.get_filename() == read_back
    assert file.get_content_type() == "application/pdf"
    assert file.get_content() == content
    assert "bcc" not in names(message) + names(file)


@pytest.mark.parametrize(
    ("media_type", "sent"),
    [
        ("image/png", "image/png"),
        ("Text/CSV; charset=utf-8", "text/csv"),
        ("message/rfc822", "application/octet-stream"),
        ("multipart/mixed", "application/octet-stream"),
        ("x\r\nBcc: y/z", "application/octet-stream"),
        ("", "application/octet-stream"),
        (f"a/{'b' * 2_000}", "application/octet-stream"),
    ],
)
def test_a_file_has_a_media_type_that_may_be_sent(media_type: str, sent: str) -> None:
    message = read(replace(LETTER, attachments=[File(name="a", media_type=media_type, content=b"x")]))
    (file,) = message.iter_attachments()
    assert file.get_content_type() == sent


def test_our_own_reading_understands_our_own_writing() -> None:
    letter = replace(LETTER, references=["a@x", "b@x"], in_reply_to="b@x", automatic=True)
    mail = parse(write(letter))
    assert (mail.message_id, mail.in_reply_to, list(mail.references)) == (MESSAGE_ID, "b@x", ["a@x", "b@x"])
    assert mail.subject == "Re: Größe 42"
    assert mail.text.strip() == "You have *30 days* [1]."
    assert mail.first("auto-submitted") == "auto-replied"


class Kept:
    """Keeps what a real server was given."""

    def __init__(self) -> None:
        self.content: list[bytes] = []

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.content.append(envelope.content)
        return "250 kept"


async def deliver(letters: Sequence[Letter], *, utf8: bool = False) -> list[bytes]:
    kept = Kept()
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(kept, enable_SMTPUTF8=utf8, hostname="test"), "127.0.0.1", 0
    )
    async with server:
        client = aiosmtplib.SMTP(
            hostname="127.0.0.1", port=server.sockets[0].getsockname()[1], start_tls=False, timeout=10
        )
        async with client:
            for each in letters:
                options = ["SMTPUTF8", "BODY=8BITMIME"] if utf8 else []
                to = on_the_wire(each.recipient)
                await client.sendmail("support@example.com", [to], write(each), mail_options=options)
    return kept.content


async def test_every_letter_is_taken_by_a_mail_server_as_it_was_written() -> None:
    letters = [
        replace(LETTER, sender_name=hostile, subject=hostile, text=f".\n..\n{hostile}\n.", html=hostile)
        for hostile in HOSTILE
    ]
    taken = [email.message_from_bytes(each, policy=email.policy.default) for each in await deliver(letters)]
    assert len(taken) == len(letters)
    for letter, message in zip(letters, taken, strict=True):
        assert isinstance(message, EmailMessage)
        assert message["Subject"] == one_line(letter.subject)
        assert body(message, "plain") == body(read(letter), "plain")
        assert body(message, "plain").startswith(".\n..\n")


async def test_an_address_beyond_ascii_goes_over_a_server_that_knows_them() -> None:
    letter = replace(LETTER, recipient="zoë@münchen.example")
    (content,) = await deliver([letter], utf8=True)
    assert "<zoë@xn--mnchen-3ya.example>".encode() in content
