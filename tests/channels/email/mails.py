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
