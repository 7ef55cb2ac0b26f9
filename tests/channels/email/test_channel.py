"""The mail channel as a whole: what comes in is told to the inbox, what goes out is on the wire."""

from __future__ import annotations

import asyncio
import contextlib
import email
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email.message import Message
from pathlib import Path
from typing import Any, Literal

import pytest

from channels.base import Attachment, DeliveryStatus, InboundMessage, NotDelivered, OutboundMessage, Quoted
from channels.email.channel import Mail, Mailbox, Style
from channels.email.imap_account import Account
from channels.email.mailboxes import Position
from channels.email.refusals import Server
from tests.channels.email.imap_server import PASSWORD
from tests.channels.email.postbox import Postbox
from tests.channels.test_every_channel import Ears
from tests.postoffice import SUPPORT, ZOE, PostOffice, bounce, complaint, post_office

SALES = "sales@northwind.example"
MESSAGE = "msg_0190f3c2a1b5e7d94c60a8f13b2d5e7"
LETTER = OutboundMessage(
    id=MESSAGE,
    channel="email",
    recipient=ZOE,
    recipient_name="Zoë",
    text="**Yes.**",
    html="<p><strong>Yes.</strong></p>",
    subject="AW: Boots",
    author_name="Ada",
    reference="2@customer.example",
    thread=("1@customer.example", "2@customer.example"),
    quoted=Quoted(who="Zoë", when=datetime(2026, 3, 5, 10, 0, tzinfo=UTC), text="Do they fit?"),
)


class Room(Postbox):
    """A place for several mailboxes, for files, and for what it is told of how reading goes."""

    def __init__(self) -> None:
        super().__init__()
        self.places: dict[str, Position] = {}
        self.files: dict[str, bytes] = {}
        self.told: list[tuple[str, str]] = []

    async def lead(self, mailbox: str, holder: str, seconds: float) -> bool:
        return True

    async def position(self, mailbox: str) -> Position | None:
        return self.places.get(mailbox)

    async def advance(self, mailbox: str, position: Position, holder: str) -> bool:
        self.places[mailbox] = position
        return True

    async def keep_original(self, raw: bytes) -> str:
        key = f"mail{len(self.files)}"
        self.files[key] = raw
        self._tell()
        return key

    async def keep_file(
        self, content: bytes, *, original: str, number: int, name: str, media_type: str
    ) -> Attachment:
        self.files[f"{original}{number}"] = content
        return Attachment(key=f"{original}{number}", name=name, media_type=media_type, size=len(content))

    async def note(
        self, mailbox: str, *, state: Literal["up", "degraded", "down"], error: str, since: datetime
    ) -> None:
        self.told.append((mailbox, state))
        self._tell()


class Inbox(Ears):
    async def accept(self, message: InboundMessage) -> None:
        if message.external_id not in {each.external_id for each in self.messages}:
            await super().accept(message)


@pytest.fixture(scope="module")
def office() -> Any:
    with post_office(users=(SUPPORT, SALES)) as opened:
        yield opened


@pytest.fixture(autouse=True)
def fresh(office: PostOffice) -> None:
    office.sent.clear()
    for user in (SUPPORT, SALES):
        with contextlib.suppress(FileNotFoundError):
            office.server.recreate(user)


def mailbox(office: PostOffice, name: str = "support", address: str = SUPPORT, **more: Any) -> Mailbox:
    return Mailbox(
        name=name,
        address=address,
        sender_name="Northwind",
        account=Account(
            host="127.0.0.1", port=office.server.port, user=address, password=PASSWORD, security="none"
        ),
        server=Server(host="127.0.0.1", port=office.smtp_port, security="none"),
        authserv_id="mx.northwind.example",
        **more,
    )


def channel(office: PostOffice, room: Room | None = None, **more: Any) -> Mail:
    told: dict[str, Any] = {
        "mailboxes": [mailbox(office), mailbox(office, "sales", SALES)],
        "room": room or Room(),
        "open_file": lambda _: None,
    }
    return Mail(**told | more)


@asynccontextmanager
async def listening(office: PostOffice, **more: Any) -> AsyncIterator[tuple[Inbox, Room]]:
    inbox, room = Inbox(), Room()
    mail = channel(office, room, **more)
    task = asyncio.create_task(mail.listen(inbox))
    try:
        yield inbox, room
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await mail.close()


async def heard(inbox: Inbox, count: int) -> list[InboundMessage]:
    async with asyncio.timeout(40):
        while len(inbox.messages) < count:  # noqa: ASYNC110  it tells nobody
            await asyncio.sleep(0.01)
    return inbox.messages


async def sent(office: PostOffice, message: OutboundMessage, **more: Any) -> Message:
    mail = channel(office, **more)
    provider_id = await mail.send(message)
    await mail.close()
    written = email.message_from_bytes(office.sent[-1][2])
    assert written["message-id"] == f"<{provider_id}>"
    return written


def text_of(written: Message) -> str:
    plain = next(each for each in written.walk() if each.get_content_type() == "text/plain")
    content = plain.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode()


async def test_every_mailbox_is_read_and_says_how_it_goes(office: PostOffice) -> None:
    async with listening(office) as (inbox, room):
        await asyncio.to_thread(office.write, "To support", message_id="<1@customer.example>")
        await asyncio.to_thread(office.write, "To sales", to=SALES, message_id="<2@customer.example>")
        messages = {each.via: each for each in await heard(inbox, 2)}
        await room.until(lambda: {("support", "up"), ("sales", "up")} <= set(room.told))
    support = messages["support"]
    assert (support.channel, support.sender, support.sender_name) == ("email", ZOE, "Zoë Müller")
    assert (support.text.strip(), support.subject, support.joins) == ("To support", "A question", "follows")
    assert (support.reference, support.thread) == ("1@customer.example", ("1@customer.example",))
    assert support.external_id.startswith("<1@customer.example>:")
    assert b"To support" in room.files[support.original]
    assert (support.wants, support.note) == ("answer", "")
    assert messages["sales"].text.strip() == "To sales"


@pytest.mark.parametrize(
    ("results", "verified"),
    [
        ("mx.northwind.example; dmarc=pass header.from=customer.example", True),
        ("mx.northwind.example; dmarc=fail header.from=customer.example", False),
        ("mx.evil.example; dmarc=pass header.from=customer.example", False),
    ],
)
async def test_only_our_own_server_vouches_for_a_sender(
    office: PostOffice, results: str, verified: bool
) -> None:
    await asyncio.to_thread(office.write, "It is me", Authentication_Results=results)
    async with listening(office) as (inbox, _):
        [message] = await heard(inbox, 1)
    assert message.verified is verified


async def test_what_it_follows_is_told_nearest_first_with_ours_by_their_own_id(office: PostOffice) -> None:
    ours = f"<{MESSAGE}.1@northwind.example>"
    await asyncio.to_thread(
        office.write,
        "On it goes",
        in_reply_to=ours,
        References=f"<1@customer.example> {ours.upper()} <other@elsewhere.example>",
    )
    async with listening(office) as (inbox, _):
        [message] = await heard(inbox, 1)
    assert message.follows == (MESSAGE, "other@elsewhere.example", "1@customer.example")


async def test_the_same_mail_in_two_mailboxes_is_one_message(office: PostOffice) -> None:
    told: Mapping[str, str] = {
        "message_id": "<same@customer.example>",
        "Date": "Thu, 5 Mar 2026 10:00:00 +0000",
    }
    await asyncio.to_thread(lambda: office.write("Hello", **told))
    await asyncio.to_thread(lambda: office.write("Hello", to=SALES, **told))
    await asyncio.to_thread(lambda: office.write("Other words", **told))
    async with listening(office) as (inbox, room):
        await room.until(lambda: len(room.files) == 3)
        messages = await heard(inbox, 2)
    assert sorted(each.text.strip() for each in messages) == ["Hello", "Other words"]


async def test_files_come_with_their_message(office: PostOffice) -> None:
    raw = (
        f"From: {ZOE}\r\nTo: {SUPPORT}\r\nMessage-ID: <f@customer.example>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nHere\r\n'
        '--b\r\nContent-Type: image/png; name="../boots.png"\r\nContent-Transfer-Encoding: base64\r\n'
        "Content-Disposition: attachment\r\n\r\niVBORw0KGgo=\r\n--b--\r\n"
    )
    await asyncio.to_thread(office.server.deliver, raw.encode(), user=SUPPORT)
    async with listening(office) as (inbox, room):
        [message] = await heard(inbox, 1)
    [file] = message.files
    assert ("/" not in file.name, file.media_type, file.size) == (True, "image/png", 8)
    assert room.files[file.key] == b"\x89PNG\r\n\x1a\n"


async def test_what_came_back_fails_its_delivery_and_is_no_message(office: PostOffice) -> None:
    await asyncio.to_thread(
        office.server.deliver, bounce(ZOE, f"<{MESSAGE}.2@northwind.example>"), user=SUPPORT
    )
    await asyncio.to_thread(office.server.deliver, bounce(ZOE, "<no@of.ours>"), user=SUPPORT)
    async with listening(office) as (inbox, _):
        [message] = await heard(inbox, 1)
    assert inbox.receipts == [("email", f"{MESSAGE}.2@northwind.example", DeliveryStatus.FAILED)]
    assert message.wants == "nothing"
    assert "did not arrive" in message.note


async def test_what_a_person_passes_on_of_a_return_fails_its_delivery_and_calls_a_person(
    office: PostOffice,
) -> None:
    raw = bounce(ZOE, f"<{MESSAGE}.2@northwind.example>").partition(b"\r\n--b\r\n")[2]
    head = (
        f"From: {ZOE}\r\nTo: {SUPPORT}\r\nSubject: Fwd: Undelivered Mail\r\nMessage-ID: <8@customer.example>"
    )
    kind = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b"
    words = "--b\r\n\r\nWhy do you not write to me any more?\r\n--b\r\n"
    raw = f"{head}\r\n{kind}\r\n\r\n{words}".encode() + raw
    await asyncio.to_thread(office.server.deliver, raw, user=SUPPORT)
    async with listening(office) as (inbox, _):
        [message] = await heard(inbox, 1)
    assert inbox.receipts == [("email", f"{MESSAGE}.2@northwind.example", DeliveryStatus.FAILED)]
    assert (message.sender, message.wants) == (ZOE, "person")
    assert "Why do you not write" in message.text
    assert message.note.endswith("Whoever passed it on may wait for an answer.")


async def test_what_a_form_sends_is_its_writers_claim_and_waits_for_a_person(office: PostOffice) -> None:
    told = {
        "sender": "Contact form <noreply@forms.example>",
        "Reply_To": f"Zoë <{ZOE}>",
        "Authentication_Results": "mx.northwind.example; dmarc=pass header.from=forms.example",
    }
    await asyncio.to_thread(lambda: office.write("Name: Zoë\r\nDo they fit?", **told))
    async with listening(office) as (inbox, _):
        [message] = await heard(inbox, 1)
    assert (message.sender, message.sender_name, message.verified) == (ZOE, "Zoë", False)
    assert message.wants == "person"
    assert "noreply@forms.example" in message.note


async def test_reply_to_moves_nobodys_conversation_to_another_address(office: PostOffice) -> None:
    await asyncio.to_thread(lambda: office.write("Where is it?", Reply_To="eve@elsewhere.example"))
    async with listening(office) as (inbox, _):
        [message] = await heard(inbox, 1)
    assert (message.sender, message.wants) == (ZOE, "answer")


async def test_a_complaint_calls_a_person(office: PostOffice) -> None:
    raw = complaint(ZOE, f"<{MESSAGE}.1.auto@northwind.example>")
    await asyncio.to_thread(office.server.deliver, raw, user=SUPPORT)
    async with listening(office) as (inbox, _):
        [message] = await heard(inbox, 1)
    assert (message.wants, message.follows, inbox.receipts) == ("person", (MESSAGE,), [])
    assert ZOE in message.note


async def test_a_return_that_names_no_mail_calls_a_person(office: PostOffice) -> None:
    raw = bounce(ZOE, "").replace(b"Message-ID: \r\n", b"")
    await asyncio.to_thread(office.server.deliver, raw, user=SUPPORT)
    async with listening(office) as (inbox, _):
        [message] = await heard(inbox, 1)
    assert (message.wants, inbox.receipts) == ("person", [])
    assert message.note.startswith(f"This tells of a mail to {ZOE} that did not arrive: 550 5.1.1")


async def test_an_answer_of_the_bots_is_marked_and_stands_in_its_thread(office: PostOffice) -> None:
    style = Style(greeting="Hello {name},", signature="{name}\nNorthwind")
    written = await sent(office, LETTER, style=style)
    assert SUPPORT in str(written["from"])
    assert ZOE in str(written["to"])
    assert written["subject"] == "Re: Boots"
    assert written["in-reply-to"] == "<2@customer.example>"
    assert str(written["references"]).split() == ["<1@customer.example>", "<2@customer.example>"]
    assert (written["auto-submitted"], written["x-auto-response-suppress"]) == ("auto-replied", "All")
    assert written["x-switchboard"] == "automatic"
    assert written["reply-to"] is None
    lines = text_of(written).split("\r\n")
    assert lines[0] == "Hello Zoë,"
    assert "*Yes.*" in lines
    assert lines[lines.index("-- ") + 1] == "Ada"
    assert [each for each in lines if each][-1] == "> Do they fit?"


async def test_what_answers_nothing_says_so_in_its_subject(office: PostOffice) -> None:
    code = replace(LETTER, subject="Your code: 123456", reference="", thread=(), quoted=None)
    written = await sent(office, code)
    assert (written["subject"], written["in-reply-to"]) == ("Your code: 123456", None)
    unnamed = await sent(office, replace(code, subject="", author_name="Northwind"))
    assert unnamed["subject"] == "Northwind", "without a subject, who writes"


async def test_nobody_is_greeted_by_their_address(office: PostOffice) -> None:
    written = await sent(office, replace(LETTER, recipient_name=ZOE), style=Style(greeting="Hello {name},"))
    assert text_of(written).startswith("Hello,")
    assert written["to"] == f"<{ZOE}>"


async def test_an_operators_answer_is_a_persons(office: PostOffice) -> None:
    written = await sent(
        office,
        replace(LETTER, author_kind="operator", author_name="Grace", via="sales"),
        style=Style(greeting="Hello {name},", signature="{name}"),
        plus_key=b"a key",
    )
    assert SALES in str(written["from"])
    assert str(written["reply-to"]).partition("<")[2].startswith("sales+")
    assert (written["auto-submitted"], written["x-switchboard"]) == (None, None)
    assert not text_of(written).startswith("Hello")
    assert "Grace" in text_of(written)


async def test_an_answer_to_the_plus_address_finds_its_message(office: PostOffice) -> None:
    written = await sent(office, LETTER, plus_key=b"a key")
    address = str(written["reply-to"]).rpartition("<")[2].strip("<>")
    raw = f"From: {ZOE}\r\nTo: {address}\r\nSubject: no references\r\n\r\nHello\r\n"
    await asyncio.to_thread(office.server.deliver, raw.encode(), user=SUPPORT)
    async with listening(office, plus_key=b"a key") as (inbox, _):
        [message] = await heard(inbox, 1)
    assert message.follows == (MESSAGE,)


async def test_files_leave_with_the_last_part_and_wait_when_they_are_missing(
    office: PostOffice, tmp_path: Path
) -> None:
    (tmp_path / "k").write_bytes(b"\x89PNG")
    file = Attachment(key="k", name="boots.png", media_type="image/png", size=4)
    written = await sent(office, replace(LETTER, attachments=(file,)), open_file=lambda key: tmp_path / key)
    assert [each.get_filename() for each in written.walk() if each.get_filename()] == ["boots.png"]
    with pytest.raises(NotDelivered) as refusal:
        await sent(office, replace(LETTER, attachments=(file,)))
    assert refusal.value.retry


async def test_what_may_have_been_sent_is_sent_once_more_under_the_same_id(office: PostOffice) -> None:
    mail = channel(office)
    first = await mail.send(LETTER)
    assert await mail.find(LETTER, since=datetime.now(UTC), known=()) is None
    assert await mail.send(replace(LETTER, attempt=2)) == first
    with pytest.raises(NotDelivered, match="twice"):
        await mail.find(replace(LETTER, attempt=3, doubts=1), since=datetime.now(UTC), known=())
    await mail.close()
    ids = {email.message_from_bytes(content)["message-id"] for _, _, content in office.sent}
    assert (len(office.sent), ids) == (2, {f"<{first}>"})
