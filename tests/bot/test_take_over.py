"""A person takes over at every token of an answer and just before every send: nothing of the bot leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from bot.orchestrator.agent import Delta, ModelRequest, ToolCall, Usage
from bot.outside import Outside
from bot.store import Store
from bot.store.sendings import WITHDRAWN
from bot.testing import PRICES, ScriptedModel
from channels.base import InboundMessage, OutboundMessage
from channels.email.channel import Mail, Mailbox
from channels.email.imap_account import Account as ImapAccount
from channels.email.refusals import Server
from channels.twilio_account import Account
from channels.whatsapp import WhatsApp
from tests.channels.email.test_channel import Room
from tests.doubles.twilio import Twilio
from tests.doubles.twilio_rules import ACCOUNT_SID, AUTH_TOKEN, PUBLIC_URL, TOO_MANY, WHATSAPP_FROM
from tests.front import wrote
from tests.office import Office, office
from tests.processes import free_port
from tests.visitor import Visitor

TOKENS = ("You", " can send", " any", "thing", " back", " within", " 30 days", " of", " deliv", "ery", ".")
QUESTION = "How long can I return things?"
LONG = "You can send anything back within 30 days of delivery. " * 73


class HeldModel:
    """Says so many tokens of its answer, then nothing more until it is `let_go`."""

    prices = PRICES
    max_tokens = 2_000
    name = "held"

    def __init__(self) -> None:
        self.hold(0)

    def hold(self, tokens: int) -> None:
        self.tokens = tokens
        self.reached = asyncio.Event()
        self.let_go = asyncio.Event()

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Delta | ToolCall | Usage]:
        for each in TOKENS[: self.tokens]:
            yield Delta(text=each)
        self.reached.set()
        await self.let_go.wait()
        for each in TOKENS[self.tokens :]:
            yield Delta(text=each)
        yield Usage(tokens_in=10, tokens_out=len(TOKENS))


async def thread_of(operator: Any, conversation_id: str) -> Mapping[str, Any]:
    told: Mapping[str, Any] = (await operator.get(f"/api/conversations/{conversation_id}")).json()
    return told


def _taken_back(visitor: Visitor) -> bool:
    return not visitor.deltas or visitor.deltas[-1].json["text"] == ""


async def test_at_every_token_the_bot_falls_silent_and_what_it_said_is_kept(
    store: Store, tmp_path: Path
) -> None:
    model = HeldModel()
    async with office(store, tmp_path, models=[model]) as place:
        operator = await place.operator("Grace")
        for said in range(len(TOKENS) + 1):
            model.hold(said)
            visitor = await place.visitor(QUESTION)
            async with visitor.follow():
                working = asyncio.create_task(place.work())
                async with asyncio.timeout(10):
                    await model.reached.wait()
                took = await operator.post(f"/api/conversations/{visitor.conversation_id}/take")
                assert took.json()["status"] == "human"
                async with asyncio.timeout(5):  # the model says nothing: the turn is ended by the take-over
                    await working
                model.let_go.set()
                await place.work()
                await visitor.say("Thanks")
                await visitor.until(lambda: visitor.messages[-1]["text"] == "Thanks", within=10)  # noqa: B023
                assert visitor.replies == [], said
                assert visitor.replies == [], said
                # What is being written and what was said come by ways of their own.
                await visitor.until(lambda: _taken_back(visitor), within=10)  # noqa: B023
            thread = await thread_of(operator, visitor.conversation_id)
            (turn,) = thread["turns"]
            assert turn["status"] == "abandoned", said
            draft, whole = turn["draft"] or "", "".join(TOKENS[:said])
            assert whole.startswith(draft), said
            assert len(whole.split()) - len(draft.split()) <= 1, "only a word not yet whole is not kept"
            assert {each["author"]["kind"] for each in thread["messages"]} == {"contact"}, said


async def test_a_take_over_while_the_model_goes_on_lets_all_through_or_nothing(
    store: Store, tmp_path: Path
) -> None:
    """Whichever comes first holds; what is written afterwards is the person's."""
    model = HeldModel()
    async with office(store, tmp_path, models=[model]) as place:
        operator = await place.operator("Grace")
        for said in range(len(TOKENS) + 1):
            model.hold(said)
            visitor = await place.visitor(QUESTION)
            at = f"/api/conversations/{visitor.conversation_id}"
            working = asyncio.create_task(place.work())
            async with asyncio.timeout(10):
                await model.reached.wait()
            taking = asyncio.create_task(operator.post(f"{at}/take"))
            model.let_go.set()
            assert (await taking).json()["status"] == "human"
            then = (await thread_of(operator, visitor.conversation_id))["messages"]
            async with asyncio.timeout(5):
                await working
            thread = await thread_of(operator, visitor.conversation_id)
            assert thread["messages"] == then, "nothing of the bot came after the take-over"
            (turn,) = thread["turns"]
            spoke = [each for each in thread["messages"] if each["author"]["kind"] == "bot"]
            assert turn["status"] == ("concluded" if spoke else "abandoned")
            assert all(each["text"].startswith("".join(TOKENS)) for each in spoke)


# Just before each send -----------------------------------------------------------------------------------


class Hold:
    """Stops a channel after so many sends, when the provider has the message and its answer is on the way
    to us."""

    def __init__(self) -> None:
        self.stops_after = 0
        self.sends = 0
        self.stopped = asyncio.Event()
        self.goes_on = asyncio.Event()

    async def after(self, told: str | None) -> str | None:
        self.sends += 1
        if self.sends == self.stops_after:
            self.stopped.set()
            await self.goes_on.wait()
        return told


class HeldWhatsApp(WhatsApp):
    def __init__(self, hold: Hold, **given: Any) -> None:
        super().__init__(**given)
        self._hold = hold

    async def send(self, message: OutboundMessage) -> str | None:
        return await self._hold.after(await super().send(message))


class HeldMail(Mail):
    def __init__(self, hold: Hold, **given: Any) -> None:
        super().__init__(**given)
        self._hold = hold

    async def send(self, message: OutboundMessage) -> str | None:
        return await self._hold.after(await super().send(message))


class Letterbox:
    """A mail server that keeps what is handed in, and first refuses as often as told."""

    def __init__(self) -> None:
        self.mails: list[Envelope] = []
        self.refusals = 0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.refusals:
            self.refusals -= 1
            return "451 come back later"
        self.mails.append(envelope)
        return "250 kept"


@dataclass(kw_only=True)
class Shop:
    """An office that is written to from outside; `gone` counts what the provider has taken."""

    place: Office
    hold: Hold
    said: Callable[[str], InboundMessage]
    gone: Callable[[], int]
    refuse_once: Callable[[], None]

    async def answered(self, sender: str) -> str:
        """A conversation in which the bot's answer is about to leave."""
        recorded = await self.place.front.desk.take_in(self.said(sender))
        conversation: str = recorded.message.conversation_id
        await self.place.front.desk.answer(conversation)
        return conversation


@asynccontextmanager
async def whatsapp_shop(store: Store, folder: Path) -> AsyncIterator[Shop]:
    async with Twilio() as twilio:
        account = Account(
            sid=ACCOUNT_SID, token=AUTH_TOKEN, address=PUBLIC_URL, key="secret", api_url=twilio.url
        )
        hold = Hold()
        channel = HeldWhatsApp(
            hold,
            account=account,
            sender=WHATSAPP_FROM,
            fetch=Outside(trusted=twilio.url),
            open_file=lambda _: None,
            per_second=80,
        )
        model = ScriptedModel(otherwise=LONG)
        async with office(store, folder, models=[model], more={"whatsapp": channel}) as place:
            yield Shop(
                place=place,
                hold=hold,
                said=lambda sender: wrote(QUESTION, sender=f"whatsapp:+4915112{sender}", channel="whatsapp"),
                gone=lambda: len(twilio.messages),
                refuse_once=lambda: twilio.script([TOO_MANY]),
            )
        await account.close()


@asynccontextmanager
async def mail_shop(store: Store, folder: Path) -> AsyncIterator[Shop]:
    letters = Letterbox()
    controller = Controller(letters, hostname="127.0.0.1", port=free_port())
    controller.start()
    box = Mailbox(
        name="support",
        address="support@northwind.example",
        sender_name="Northwind",
        account=ImapAccount(host="127.0.0.1", port=1, user="nobody", password="", security="none"),
        server=Server(host="127.0.0.1", port=controller.port, security="none"),
    )
    hold = Hold()
    channel = HeldMail(hold, mailboxes=[box], room=Room(), open_file=lambda _: None)

    def refuse_once() -> None:
        letters.refusals = 1

    try:
        model = ScriptedModel(otherwise=LONG)
        async with office(store, folder, models=[model], more={"email": channel}) as place:
            yield Shop(
                place=place,
                hold=hold,
                said=lambda sender: replace(
                    wrote(QUESTION, sender=f"{sender}@customer.example", channel="email"), via="support"
                ),
                gone=lambda: len(letters.mails),
                refuse_once=refuse_once,
            )
        await channel.close()
    finally:
        controller.stop()


SHOPS = {"whatsapp": whatsapp_shop, "email": mail_shop}


@pytest.mark.parametrize(("kind", "parts"), [("whatsapp", 3), ("email", 1)])
async def test_before_every_send_the_rest_stays_here_and_is_kept(
    kind: str, parts: int, store: Store, tmp_path: Path
) -> None:
    async with SHOPS[kind](store, tmp_path) as shop:
        operator = await shop.place.operator("Grace")
        for number in range(parts):
            conversation = await shop.answered(f"{number + 100_000}")
            before, shop.hold.sends = shop.gone(), 0
            shop.hold.stops_after = number
            shop.hold.stopped.clear()
            shop.hold.goes_on.clear()
            sending = asyncio.create_task(shop.place.front.desk.deliver(conversation)) if number else None
            if sending:
                async with asyncio.timeout(10):
                    await shop.hold.stopped.wait()
            assert (await operator.post(f"/api/conversations/{conversation}/take")).json()[
                "status"
            ] == "human"
            shop.hold.goes_on.set()
            if sending:
                await sending
            await shop.place.work()
            await shop.place.front.desk.deliver(conversation)
            assert shop.gone() - before == number
            thread = await thread_of(operator, conversation)
            [kept] = [each for each in thread["messages"] if each["author"]["kind"] == "bot"]
            assert kept["text"].startswith(LONG.strip())
            assert kept["delivery"]["error"] == WITHDRAWN
            reply = {"client_id": f"{number}", "text": "Let me answer this."}
            told = await operator.post(f"/api/conversations/{conversation}/messages", json=reply)
            assert told.status_code == 201, told.text
            await shop.place.work()
            assert shop.gone() - before == number + 1, "the person's own word leaves"


@pytest.mark.parametrize("kind", SHOPS)
async def test_what_waits_to_be_sent_again_stays_here(kind: str, store: Store, tmp_path: Path) -> None:
    async with SHOPS[kind](store, tmp_path) as shop:
        operator = await shop.place.operator("Grace")
        conversation = await shop.answered("100000")
        shop.refuse_once()
        await shop.place.front.desk.deliver(conversation)
        before = shop.gone()
        assert (await operator.post(f"/api/conversations/{conversation}/take")).json()["status"] == "human"
        await store.database.change("UPDATE sendings SET due_at = 0 WHERE due_at IS NOT NULL")
        await shop.place.front.desk.deliver(conversation)
        await shop.place.work()
        assert shop.gone() == before
