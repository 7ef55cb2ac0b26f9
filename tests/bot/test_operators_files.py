"""Files from the desk on WhatsApp and in mails, through a Twilio, an IMAP and an SMTP server."""

from __future__ import annotations

import asyncio
import email
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.doubles.twilio import Twilio
from tests.doubles.twilio_rules import settings_for
from tests.postoffice import ZOE, post_office
from tests.processes import Switchboard, free_port, switchboard, until

pytestmark = pytest.mark.slow  # a house of its own

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
NOTE = "Größe & Preis\n".encode()


def program(house: Switchboard) -> httpx.Client:
    """Somebody with an API token."""
    token = house.command("token", "create", "Grace").split()[-1]
    return httpx.Client(base_url=house.url, timeout=20, headers={"Authorization": f"Bearer {token}"})


def send(house: Switchboard, sender: str, text: str, *files: tuple[str, bytes, str]) -> None:
    """Answer whoever wrote from there, with files, twice as after a lost answer."""
    wanted = f"SELECT conversation_id AS id FROM messages WHERE address = '{sender}' AND direction = 'in'"
    until(lambda: house.rows(wanted), 30, "the message")
    at = f"/api/conversations/{house.rows(wanted)[0]['id']}"
    with program(house) as client:
        keys = []
        for each in files:
            kept = client.post(f"{at}/attachments", files={"file": each})
            assert kept.status_code == 201, kept.text
            keys.append(kept.json()["attachment"]["key"])
        body = {"client_id": "1", "text": text, "attachments": keys}
        assert [client.post(f"{at}/messages", json=body).status_code for _ in range(2)] == [201, 200]


def test_files_go_in_a_mail_once(tmp_path: Path) -> None:
    with post_office() as office, switchboard(tmp_path, settings=office.settings()) as house:
        office.write("Where is my label?", sender=ZOE)
        files = [('../la"bel.png', PNG, "image/png"), ("Größe.txt", NOTE, "text/plain")]
        send(house, ZOE, "Here are both.", *files)
        by_grace = "SELECT status FROM deliveries d JOIN messages m ON m.id = d.message_id"
        done = f"{by_grace} WHERE m.author_kind = 'operator' AND d.status = 'sent'"
        until(lambda: house.rows(done), 30, "the mail")
        mails = [email.message_from_bytes(each) for each in office.answers(1)]
        [mail] = [each for each in mails if "Here are both." in each.as_string()]
        assert mail["in-reply-to"]
        attached: list[Any] = [each for each in mail.walk() if each.get_content_disposition() == "attachment"]
        assert [each.get_content_type() for each in attached] == ["image/png", "text/plain"]
        assert [each.get_payload(decode=True) for each in attached] == [PNG, NOTE]
        names = [each.get_filename() for each in attached]
        assert "/" not in "".join(names)
        assert names[1] == "Größe.txt"


@pytest.fixture(scope="module")
def port() -> int:
    """Where the shop's Twilio is."""
    return free_port()


@pytest.fixture(scope="module")
def shop(port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Switchboard]:
    settings = settings_for(f"http://127.0.0.1:{port}")
    with switchboard(tmp_path_factory.mktemp("shop"), settings=settings) as running:
        yield running


@pytest.fixture
async def twilio(shop: Switchboard, port: int) -> AsyncIterator[Twilio]:
    provider = Twilio(webhooks=shop.urls)
    await provider.start(port)
    try:
        yield provider
    finally:
        await provider.stop()


async def test_files_go_by_whatsapp_once(shop: Switchboard, twilio: Twilio) -> None:
    address = "whatsapp:+4915112345678"
    customer = twilio.customer(address)
    await customer.write("Where is my label?")
    await asyncio.to_thread(send, shop, address, "Here it is.", ("label.png", PNG, "image/png"))
    await twilio.until(lambda: any(each.body == "Here it is." for each in twilio.sent), what="the reply")
    await twilio.until(lambda: twilio.sent[-1].status == "delivered", what="its delivery")
    [sent] = [each for each in twilio.sent if each.body == "Here it is."]
    assert [(each.type, each.data) for each in sent.media] == [("image/png", PNG)]
