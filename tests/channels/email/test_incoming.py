"""From a mail to a message: whatever comes, it can be stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.base import InboundMessage
from channels.email import incoming
from channels.email.ids import PlusAddresses
from channels.email.mail import NotUnderstood
from channels.email.understand import Understood, understand
from tests.channels.email.mails import PAYLOADS

OWN = "help@northwind.example"
PLUS = PlusAddresses(OWN, key=b"a key of this test's own")
SPOILT = [b"\0", b"\xff", b"\xed\xa0\x80", b"\r\n", b"=?utf-8?q?=00?=", b"=?utf-7?q?+2AA-?=", b"<", b"?="]


def message(understood: Understood) -> InboundMessage:
    return incoming.message(
        understood,
        channel="email",
        mailbox="support",
        domains={"northwind.example"},
        plus=PLUS,
        verified=False,
        original="mail1",
        files=(),
    )


def texts(thing: object) -> Iterator[str]:
    """Every text in it, however deep."""
    if isinstance(thing, str):
        yield thing
    elif is_dataclass(thing):
        for each in fields(thing):
            yield from texts(getattr(thing, each.name))
    elif isinstance(thing, list | tuple):
        for each in thing:
            yield from texts(each)


def unfit(raw: bytes) -> list[str]:
    """What no database would take: lone halves of characters, and NUL."""
    try:
        understood = understand(raw, {OWN})
        told = [*texts(message(understood)), *texts(understood.kind)]
    except NotUnderstood:
        return []
    told += [text for each in understood.mail.attachments for text in (each.name, each.media_type)]
    return [each for each in told if "\0" in each or each.encode("utf-8", "replace").decode() != each]


@pytest.mark.parametrize(
    "head",
    [
        b"Message-ID: <\xff\xfe@x>\r\nReferences: <\0a@b> <\xe9@x>\r\nIn-Reply-To: <\xff@y>",
        b"Content-Type: imag\xff/p\0ng; name=a.png\r\nContent-ID: <\xff\0>",
        b"List-Id: <\xff\0>",
        b"Subject: =?utf-8?q?a=0D=0ABcc:_x=00?= =?utf-16?b?2AA=?=",
        b"Reply-To: \xff\0 <b\xff@home.example>\r\nX-Autoreply: \xff\0",
    ],
)
def test_bytes_that_do_not_belong_into_a_header_do_no_harm(head: bytes) -> None:
    assert unfit(b"From: Anna \xff\0 <anna@home.example>\r\n" + head + b"\r\n\r\nHello") == []


@given(
    name=st.sampled_from(sorted(PAYLOADS.rglob("*.eml"))),
    spoilt=st.lists(st.tuples(st.integers(0, 3_000), st.sampled_from(SPOILT)), max_size=12),
)
def test_no_damage_makes_a_mail_that_cannot_be_stored(name: object, spoilt: list[tuple[int, bytes]]) -> None:
    raw = PAYLOADS.joinpath(str(name)).read_bytes()
    for at, what in spoilt:
        raw = raw[:at] + what + raw[at:]
    assert unfit(raw) == []


@pytest.mark.parametrize(
    ("head", "wants"),
    [
        ("Subject: Automatic reply says my order is lost", "person"),
        ("Subject: Read: the manual, it is broken still", "person"),
        ("Subject: Automatic reply: Boots\r\nIn-Reply-To: <msg_1.1@northwind.example>", "nothing"),
        ("Subject: Automatic reply: Boots\r\nAuto-Submitted: auto-replied", "nothing"),
        ("Subject: Automatic reply: Boots\r\nReturn-Path: <>", "nothing"),
        ("Subject: Automatic reply: I am out of office", "nothing"),
        ("Subject: Auto: Out of office", "nothing"),
    ],
)
def test_what_nothing_but_its_subject_makes_a_machines_is_looked_at_by_a_person(
    head: str, wants: str
) -> None:
    raw = f"From: anna@home.example\r\n{head}\r\nMessage-ID: <1@home.example>\r\n\r\nHello"
    assert message(understand(raw.encode(), {OWN})).wants == wants


def test_an_address_that_only_looks_like_anothers_in_small_letters_is_another() -> None:
    raw = "From: MAR\u212a@home.example\r\nMessage-ID: <1@home.example>\r\n\r\nHello".encode()
    assert incoming.writer(understand(raw, {OWN})).address == "mar\u212a@home.example"


def test_a_text_too_long_for_a_conversation_says_so() -> None:
    raw = b"From: anna@home.example\r\n\r\n" + b"word " * 10_000
    text = message(understand(raw, {OWN})).text
    assert len(text) < 20_010
    assert text.endswith("\n[\u2026]")
