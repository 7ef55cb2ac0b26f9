"""Whole mails in the dashboard: what is sent to the frame, and with which leash."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from bot.mailroom import Mailroom
from bot.store import Store
from channels.base import InboundMessage
from channels.email.channel import Mail, Mailbox
from channels.email.imap_account import Account
from channels.email.refusals import Server
from tests.office import Office, office

RAW = (
    "From: Zoë <zoe@customer.example>\r\nReply-To: <script>alert(1)</script> <x@y.example>\r\n"
    "Subject: Boots\r\nMIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    '<p onclick="x()">Where are they?</p><script>alert(1)</script><img src="http://tracker.example/o.gif">'
    "<form><input></form><blockquote>On their way.</blockquote>"
).encode()


def mail(store: Store, files: Path) -> Mail:
    """A channel that is never asked to connect."""
    mailbox = Mailbox(
        name="support",
        address="help@northwind.example",
        sender_name="",
        account=Account(host="127.0.0.1", port=1, user="", password=""),
        server=Server(host="127.0.0.1", port=1),
    )
    room = Mailroom(store=store, folder=files)
    return Mail(mailboxes=[mailbox], room=room, open_file=lambda _: None)


async def kept(store: Store, files: Path, raw: bytes = RAW, number: str = "1") -> str:
    """A mail that came in; where it is shown."""
    recorded = await store.conversations.record(
        InboundMessage(
            channel="email",
            external_id=number,
            sender="zoe@customer.example",
            text="Where are they?",
            joins="follows",
            original=await Mailroom(store=store, folder=files).keep_original(raw),
        ),
        html="",
    )
    return f"/dashboard/conversations/{recorded.message.conversation_id}/messages/{recorded.message.id}"


def policy(answer: httpx.Response) -> dict[str, str]:
    given = (part.strip().partition(" ") for part in answer.headers["content-security-policy"].split(";"))
    return {name: value for name, _, value in given}


async def test_a_whole_mail_is_shown_in_a_frame_that_nothing_gets_out_of(
    sqlite: Store, tmp_path: Path
) -> None:
    files = tmp_path / "files"
    channel = mail(sqlite, files)
    at = await kept(sqlite, files)
    async with office(sqlite, tmp_path, more={"email": channel}) as place:
        grace = await place.operator()
        assert at in (await grace.get(at.rpartition("/messages/")[0])).text
        head = await grace.get(at)
        assert "zoe@customer.example" in head.text
        assert "<script>" not in head.text
        assert "1 picture from elsewhere is not loaded" in head.text
        assert f'src="{at}/page"' in head.text
        assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in head.text
        page = await grace.get(f"{at}/page")
        assert "<p>Where are they?</p>" in page.text
        assert "<blockquote>On their way.</blockquote>" in page.text
        for hostile in ("alert", "onclick", "<form", "<input", "tracker.example"):
            assert hostile not in page.text
        told = policy(page)
        assert told["default-src"] == told["form-action"] == told["base-uri"] == "'none'"
        assert (told["img-src"], told["frame-ancestors"]) == ("data:", "'self'")
        assert told["sandbox"] == "allow-popups allow-popups-to-escape-sandbox"
        assert "script-src" not in told
        assert page.headers["referrer-policy"] == "no-referrer"
        asked = await grace.get(at, params={"pictures": "1"})
        assert "not loaded" not in asked.text
        assert f'src="{at}/page?pictures=1"' in asked.text
        pictures = await grace.get(f"{at}/page", params={"pictures": "1"})
        assert "https://tracker.example/o.gif" in pictures.text
        assert policy(pictures)["img-src"] == "data: https:"
    await channel.close()


async def test_only_who_is_signed_in_sees_it_and_only_where_it_belongs(sqlite: Store, tmp_path: Path) -> None:
    files = tmp_path / "files"
    channel = mail(sqlite, files)
    at, other = await kept(sqlite, files), await kept(sqlite, files, number="2")
    moved = at.rpartition("/")[0] + "/" + other.rpartition("/")[2]
    async with office(sqlite, tmp_path, more={"email": channel}) as place:
        stranger, grace = place.browser(), await place.operator()
        for address in (at, f"{at}/page"):
            assert (await stranger.get(address)).status_code == 303
        for address in (moved, f"{moved}/page", f"{at}x"):
            answer = await grace.get(address)
            assert answer.status_code == 404
            assert "Where are they?" not in answer.text
    await channel.close()


@pytest.mark.parametrize("why", ["the channel is off", "it cannot be read", "its file is gone"])
async def test_what_cannot_be_shown_can_be_downloaded(why: str, sqlite: Store, tmp_path: Path) -> None:
    files = tmp_path / "files"
    channel = mail(sqlite, files)
    at = await kept(sqlite, files, b"\r\n" * 30 if why != "it cannot be read" else b"x" * 26_000_000)
    if why == "its file is gone":
        for each in files.iterdir():
            each.unlink()
    more = {} if why == "the channel is off" else {"email": channel}
    async with office(sqlite, tmp_path, more=more) as place:
        answer = await unshown(place, at)
    assert "can’t be shown here" in answer.text
    assert "/original" in answer.text
    assert "<iframe" not in answer.text
    await channel.close()


async def unshown(place: Office, at: str) -> httpx.Response:
    grace = await place.operator()
    assert (await grace.get(f"{at}/page")).status_code == 404
    answer = await grace.get(at)
    assert answer.status_code == 200
    return answer
