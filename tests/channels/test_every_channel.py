"""What every channel promises, whoever wrote it: a newcomer adds theirs to EVERY and to nothing else."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import BaseRoute

import channels
from bot.outside import Outside
from bot.testing import MemoryChannel
from channels.base import (
    Channel,
    ChannelLimits,
    DeliveryStatus,
    InboundMessage,
    NotDelivered,
    OutboundMessage,
    Trouble,
)
from channels.email.channel import Mail, Mailbox
from channels.email.imap_account import Account as MailAccount
from channels.email.refusals import Server
from channels.terminal import Terminal
from channels.twilio_account import Account
from channels.website import Website
from channels.whatsapp import Sms, WhatsApp


class Ears:
    """An Inbox that keeps what it is told."""

    def __init__(self) -> None:
        self.messages: list[InboundMessage] = []
        self.receipts: list[tuple[str, str, DeliveryStatus]] = []

    async def accept(self, message: InboundMessage) -> None:
        self.messages.append(message)

    async def receipt(
        self,
        channel: str,
        external_id: str,
        status: DeliveryStatus,
        detail: str | None,
        trouble: Trouble | None = None,
    ) -> None:
        self.receipts.append((channel, external_id, status))


class Nobody:
    """Visitors of a website nobody visits."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"nobody visits, and yet it asks for {name}")


def twilio() -> Account:
    """An account at a Twilio that is not there."""
    return Account(sid="AC1", token="t", address="https://x.example", key="k", api_url="http://127.0.0.1:1")


def mailbox() -> Mailbox:
    """A mailbox on servers that are not there."""
    return Mailbox(
        name="support",
        address="support@shop.example",
        sender_name="Shop",
        account=MailAccount(host="127.0.0.1", port=1, user="support", password="p"),
        server=Server(host="127.0.0.1", port=1),
    )


EVERY: Sequence[Callable[[], Channel]] = (
    Terminal,
    MemoryChannel,
    lambda: Website(visitors=Nobody(), origins=["*"]),
    lambda: WhatsApp(
        account=twilio(), sender="whatsapp:+1", fetch=Outside(), open_file=lambda _: None, per_second=80
    ),
    lambda: Sms(account=twilio(), sender="+1", fetch=Outside(), per_second=1),
    lambda: Mail(mailboxes=[mailbox()], room=Nobody(), open_file=lambda _: None),
)


@pytest.fixture(params=EVERY, ids=lambda make: make().name)
def channel(request: pytest.FixtureRequest) -> Channel:
    made: Channel = request.param()
    return made


def outbound(**more: Any) -> OutboundMessage:
    told = {
        "id": "msg_1",
        "channel": "any",
        "recipient": "ada",
        "text": "Hello **you**",
        "html": "<p>Hello</p>",
    }
    return OutboundMessage(**told | more)


def test_it_has_a_short_name_of_its_own(channel: Channel) -> None:
    assert channel.name.isidentifier()
    assert channel.name == channel.name.lower()
    assert [make().name for make in EVERY].count(channel.name) == 1


def test_its_limits_make_sense(channel: Channel) -> None:
    limits = channel.limits
    assert isinstance(limits, ChannelLimits)
    assert limits.length is None or limits.length >= 100
    assert limits.window is None or limits.window > 0
    assert limits.markup in {"markdown", "whatsapp", "plain"}
    assert all("/" in media for media in limits.media)


def test_its_routes_are_its_own_and_taking_them_does_nothing_yet(channel: Channel) -> None:
    ears = Ears()
    routes = channel.routes(ears)
    assert all(isinstance(route, BaseRoute) for route in routes)
    paths = [getattr(route, "path", "") for route in routes]
    assert len(paths) == len(set(paths))
    assert (ears.messages, ears.receipts) == ([], [])


async def test_what_it_sends_has_an_id_or_was_not_delivered(channel: Channel) -> None:
    for message in (outbound(), outbound(text="", html=""), outbound(text="ä" * 10_000), outbound(attempt=2)):
        try:
            told = await channel.send(message)
        except NotDelivered as error:
            assert error.detail  # noqa: PT017
        else:
            assert told is None or (isinstance(told, str) and told)


def test_an_answer_is_cut_into_parts_within_its_limits(channel: Channel) -> None:
    texts = channel.parts("A **bold** sentence of some length. " * 200, ())
    assert texts
    assert all(channel.limits.length is None or 0 < len(each) <= channel.limits.length for each in texts)
    assert channel.parts("", ())


async def test_typing_never_raises(channel: Channel) -> None:
    await channel.typing("no such message")


async def test_listening_without_a_source_comes_to_an_end(channel: Channel) -> None:
    if type(channel).listen is Channel.listen:
        await channel.listen(Ears())


@pytest.mark.parametrize(
    "path", sorted(Path(channels.__file__).parent.rglob("*.py")), ids=lambda path: path.stem
)
def test_no_channel_knows_the_house(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = [each.name for node in ast.walk(tree) if isinstance(node, ast.Import) for each in node.names]
    names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert not {name.partition(".")[0] for name in names} & {"bot", "tools", "knowledge"}


def test_only_send_must_be_written() -> None:
    assert Channel.__abstractmethods__ == {"send"}
    assert inspect.iscoroutinefunction(Channel.listen)
