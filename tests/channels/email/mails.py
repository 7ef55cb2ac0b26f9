"""Mails to test with: as programs write them, as a test writes them, and the real collections."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from channels.email.mail import Mail
from channels.email.parse import parse
from tests.bench.retrieval import corpora

PAYLOADS = Path(__file__).parents[2] / "payloads" / "mail"


def payload(name: str) -> bytes:
    """A mail as the program of that name writes it."""
    return (PAYLOADS / f"{name}.eml").read_bytes()


def mail(body: str = "Where are my boots?", **headers: str) -> Mail:
    """A mail of a customer's, parsed; `reply_to="…"` becomes a Reply-To header."""
    given = {"from": "Anna Bell <anna@home.example>", "to": "help@northwind.example"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    lines = [f"{name}: {value}" for name, value in given.items()]
    return parse("\r\n".join([*lines, "", body]).encode())


def corpus(name: str) -> Path:
    """A folder of real material, or a skip that names it."""
    folder = corpora() / name
    if not folder.is_dir():
        if os.environ.get("REQUIRE_ALL") == "1":
            pytest.fail(f"the corpus {name} is absent")
        pytest.skip(f"the corpus {name} is absent (CORPORA)")
    return folder


def files(folder: Path) -> Iterator[Path]:
    """Every file below a folder, in order."""
    return (each for each in sorted(folder.rglob("*")) if each.is_file())


def hostile() -> list[bytes]:
    """Mails that nobody means well with, a few of each kind; none is large."""
    return [
        each
        for minute in range(5)
        for each in _hostile(b"Date: Thu, 5 Mar 2026 10:%02d:00 +0000\r\n" % minute)
    ]


def _hostile(date: bytes) -> list[bytes]:
    head = (
        date
        + b"From: Mallory <mallory@elsewhere.example>\r\nTo: help@northwind.example\r\nMIME-Version: 1.0\r\n"
    )
    nested = b"".join(
        b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (each, each) for each in range(60)
    )
    many = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 2_000
    return [
        date,
        b"\r\n\r\n" + date,
        date + bytes(range(256)) * 40,
        date + b"Subject: nobody\r\n\r\nHello",
        date + b"From: <>\r\n\r\nHello",
        head.replace(b"\r\n", b"\r") + b"\rHello",
        head + b"Message-ID: <\xff\0@x>\r\nReferences: <\xff>\r\n\r\nHello",
        head + b"Subject: =?utf-8?q?a=0D=0ABcc:_all@home.example?=\r\n\r\nHello",
        head + b"Subject: " + b"=?utf-8?q?x?= " * 20_000 + b"\r\n\r\nHello",
        head + b"".join(b"X-%d: y\r\n" % each for each in range(5_000)) + b"\r\nHello!",
        head + b'Content-Type: text/plain; a="' + b";" * 100_000 + b"\r\n\r\nHello?",
        head + b"Content-Type: text/plain; charset=\xff\0\r\n\r\n\xff\xfe\0",
        head + b"Content-Type: text/plain; charset=utf-16\r\n\r\n\xd8\0\xd8",
        head + b'Content-Type: image/\xff; name="../\xe2\x80\x8b.htaccess"\r\n\r\nx',
        head + b"Content-Transfer-Encoding: base64\r\n\r\n" + b"!=?" * 10_000,
        head + b"\r\n" + b"a" * 2_000_000,
        head + b"\r\n" + b">" * 500_000,
        head + b"Content-Type: text/html\r\n\r\n" + b"<div>" * 200_000,
        head + nested + b"x",
        head + many,
    ]
