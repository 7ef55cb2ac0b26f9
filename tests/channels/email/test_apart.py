"""A hostile message costs a process, never the mailbox."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import time
from collections.abc import AsyncIterator

import psutil
import pytest

from channels.email import apart as room
from channels.email.apart import Apart
from channels.email.kinds import Ordinary, Ours
from channels.email.mail import NotUnderstood
from channels.email.parse import SIZE
from tests.channels.email.mails import payload

HEAD = b"From: anna@home.example\r\n"
GOOD = HEAD + b"\r\nWhere are my boots?"
# Seconds of work for an ordinary parser.
HOG = (
    HEAD
    + b"Content-Type: text/html\r\n\r\n"
    + b"<p><b>x</b> <a href='http://a.example/'>y</a></p>\r\n" * 400_000
)


@pytest.fixture
async def apart() -> AsyncIterator[Apart]:
    async with Apart(own={"help@northwind.example"}, processes=2, cpu=0.5) as started:
        yield started


def children() -> list[psutil.Process]:
    found = psutil.Process().children()
    return [each for each in found if "channels.email.child" in " ".join(each.cmdline())]


async def test_a_message_is_understood_wholly(apart: Apart) -> None:
    found = await apart.understand(payload("gmail-reply"))
    assert found.kind == Ordinary()
    assert found.trimmed.text.startswith("Thank you, that was quick!")
    assert found.mail.attachments[0].name == "Sohle überall.jpg"


async def test_our_own_addresses_are_known_apart(apart: Apart) -> None:
    assert (await apart.understand(b"From: help@northwind.example\r\n\r\nHi")).kind == Ours()


async def test_what_takes_too_long_is_set_aside_and_the_next_is_understood(apart: Apart) -> None:
    started = time.monotonic()
    with pytest.raises(NotUnderstood, match="too long"):
        await apart.understand(HOG)
    assert time.monotonic() - started < room.WALL
    assert (await apart.understand(GOOD)).mail.text == "Where are my boots?"


async def test_others_are_understood_beside_a_hostile_one(apart: Apart) -> None:
    hostile = asyncio.create_task(apart.understand(HOG))
    for _ in range(5):
        await apart.understand(GOOD)
    assert not hostile.done()
    with pytest.raises(NotUnderstood):
        await hostile


async def test_what_takes_too_much_memory_is_set_aside() -> None:
    async with Apart(processes=1, memory=150_000_000) as apart:
        with pytest.raises(NotUnderstood, match="memory"):
            await apart.understand(HEAD + b"\r\n" + b"boots\n" * 4_000_000)
        assert (await apart.understand(GOOD)).kind == Ordinary()


async def test_a_process_that_dies_of_something_else_costs_no_message(apart: Apart) -> None:
    await apart.understand(GOOD)
    for each in children():
        each.kill()
        each.wait(10)
    assert (await apart.understand(GOOD)).kind == Ordinary()


async def test_a_process_that_stops_is_given_up() -> None:
    async with Apart(processes=1, wall=2.0) as apart:
        await apart.understand(GOOD)
        (child,) = children()
        child.send_signal(signal.SIGSTOP)
        with pytest.raises(NotUnderstood):
            await apart.understand(GOOD)
        assert not child.is_running()


async def test_a_caller_who_gives_up_leaves_the_processes_usable(apart: Apart) -> None:
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await apart.understand(HOG)
    assert (await apart.understand(GOOD)).kind == Ordinary()


async def test_the_largest_message_is_understood_and_a_larger_one_is_not(apart: Apart) -> None:
    head = (
        HEAD + b"Content-Type: application/pdf; name=boots.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    )
    file = os.urandom(18_000_000)
    found = await apart.understand(head + base64.encodebytes(file))
    assert found.mail.attachments[0].data == file
    with pytest.raises(NotUnderstood, match="larger"):
        await apart.understand(b"x" * (SIZE + 1))


async def test_secrets_of_the_server_are_not_handed_on(apart: Apart, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAP_PASSWORD", "a secret")
    await apart.understand(GOOD)
    assert all("IMAP_PASSWORD" not in each.environ() for each in children())


async def test_no_process_outlives_the_room() -> None:
    async with Apart(processes=2) as apart:
        await asyncio.gather(apart.understand(GOOD), apart.understand(GOOD))
        started = children()
        assert len(started) == 2
    assert not any(each.is_running() for each in started)
