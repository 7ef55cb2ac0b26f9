"""A one-time code shows whose an address is; claiming one, guessing or asking too often shows nothing."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.bell import RedisLink
from bot.codes import SentCodes
from bot.live import Live
from bot.orchestrator.agent import ToolCall
from bot.store import Store
from bot.testing import InlineQueue, MemoryChannel, ScriptedModel
from channels.base import NotDelivered, OutboundMessage
from channels.terminal import Terminal
from tests.bot.store.given import count, said
from tests.doubles.tools import a_tool
from tests.front import Front, front
from tests.tools.given import context
from tools.base import Arguments, Person, ToolContext, ToolFailed
from tools.identity import identity

ADDRESS = "jo@example.com"


class Account:
    """What only its owner may see; keeps for whom it was asked."""

    def __init__(self) -> None:
        self.people: list[Person] = []

    async def __call__(self, context: ToolContext, arguments: Arguments) -> str:
        self.people.append(context.person)
        return "You have 120 points."


class Scene:
    def __init__(self, house: Front, bell: InlineQueue, model: ScriptedModel, account: Account) -> None:
        self.house = house
        self.bell = bell
        self.model = model
        self.account = account
        self.visitor = ""
        self.posted = 0

    async def arrives(self) -> None:
        session = await self.house.visitors.welcome(None, None)
        self.visitor = self.house.visitors.visitor(session.token)

    async def says(self, text: str, *answers: object) -> str:
        """The bot's answer, by a model that does this."""
        self.model._scripts.extend(answers)  # type: ignore[arg-type]
        self.posted += 1
        await self.house.visitors.post(self.visitor, f"c{self.posted}", text, ())
        await self.bell.work(self.house.desk)
        here = await self.house.store.contacts.find("web", self.visitor)
        assert here is not None
        session = await self.house.store.conversations.session(here.contact_id)
        return session.messages[-1].text

    async def asks_for_code(self, address: str = ADDRESS, words: str = "My address is") -> str:
        call = ToolCall(id="1", name="send_code", arguments=f'{{"address": "{address}"}}')
        return await self.says(f"{words}: {address}", [call], "What is the code in the email?")

    async def answers_with(self, code: str) -> str:
        call = ToolCall(id="2", name="verify_code", arguments=f'{{"code": "{code}"}}')
        return await self.says(f"It says {code}", [call], "What can I do for you?")

    async def asks_for_points(self) -> str:
        call = ToolCall(id="3", name="points", arguments="{}")
        return await self.says("How many points do I have?", [call], "Who are you?")

    @property
    def sent(self) -> list[OutboundMessage]:
        return self.house.memory.sent

    def code(self) -> str:
        found = re.search(r"\b\d{6}\b", self.sent[-1].text)
        assert found is not None
        return found.group()


@asynccontextmanager
async def scene(store: Store, folder: Path) -> AsyncIterator[Scene]:
    memory, bell, model, account = MemoryChannel(), InlineQueue(), ScriptedModel(), Account()
    codes = SentCodes(
        store=store,
        live=Live(RedisLink("")),
        channels={"memory": memory, "web": Terminal()},
        by="memory",
        author="Ada",
    )
    tools = [*identity(codes), a_tool("points", {}, account, needs_verified=True)]
    async with front(store, folder=folder, models=[model], tools=tools, bell=bell, memory=memory) as house:
        it = Scene(house, bell, model, account)
        await it.arrives()
        yield it


async def test_whoever_knows_the_code_is_who_they_say(store: Store, tmp_path: Path) -> None:
    async with scene(store, tmp_path) as it:
        await it.asks_for_points()
        assert it.account.people == []
        await it.asks_for_code()
        (letter,) = it.sent
        assert (letter.recipient, letter.author_kind) == (ADDRESS, "system")
        assert it.code() in letter.subject
        await it.asks_for_points()
        assert it.account.people == [], "the code has not been told"
        await it.answers_with(it.code())
        await it.asks_for_points()
        (person,) = it.account.people
        assert person.verified
        assert person.addresses["memory"] == [ADDRESS]


async def test_a_wrong_code_shows_nothing_and_can_not_be_guessed(store: Store, tmp_path: Path) -> None:
    async with scene(store, tmp_path) as it:
        await it.asks_for_code()
        wrong = [f"{(int(it.code()) + step) % 1_000_000:06}" for step in range(1, 6)]
        for code in wrong:
            await it.answers_with(code)
        await it.answers_with(it.code())  # too late: it was guessed at too often
        await it.asks_for_points()
        assert it.account.people == []
        found = await store.contacts.find("memory", ADDRESS)
        assert found is None


async def test_a_code_is_for_whom_it_was_sent_for_and_for_ten_minutes(store: Store, tmp_path: Path) -> None:
    async with scene(store, tmp_path) as it:
        await it.asks_for_code()
        owner = it.visitor
        await it.arrives()
        await it.answers_with(it.code())
        await it.asks_for_points()
        assert it.account.people == []
        it.visitor = owner
        await store.database.change("UPDATE codes SET expires_at = 1")
        await it.answers_with(it.code())
        await it.asks_for_points()
        assert it.account.people == []


async def test_the_visitor_becomes_the_contact_whose_address_it_is(store: Store, tmp_path: Path) -> None:
    known = await said(store, "mail", sender=ADDRESS, channel="memory")
    async with scene(store, tmp_path) as it:
        await it.asks_for_code()
        await it.answers_with(it.code())
        here = await store.contacts.find("web", it.visitor)
        address = await store.contacts.find("memory", ADDRESS)
        assert here is not None
        assert address is not None
        assert here.contact_id == address.contact_id == known.contact_id
        assert here.verified
        assert address.verified
        assert await count(store, "merges") == 1
        answer = await it.asks_for_points()
        assert answer == "Who are you?"  # in the conversation that went along
        assert it.account.people[0].id == known.contact_id


async def test_codes_are_not_sent_without_end(store: Store, tmp_path: Path) -> None:
    async with scene(store, tmp_path) as it:
        for words in ("Here it is", "Nothing has come, once more", "Still nothing", "And now"):
            await it.asks_for_code(words=words)
        assert len(it.sent) == 3
        await it.arrives()
        await it.asks_for_code()
        assert len(it.sent) == 3, "nor to an address by somebody else"
        await it.asks_for_code("other@example.com")
        assert len(it.sent) == 4


async def test_what_cannot_be_sent_says_so(store: Store) -> None:
    recorded = await said(store)
    told = context(person=Person(id=recorded.contact_id), channel="web")
    live = Live(RedisLink(""))
    broken = MemoryChannel(NotDelivered("the mailbox is full", retry=False))
    codes = SentCodes(store=store, live=live, channels={"memory": broken}, by="memory", author="Ada")
    with pytest.raises(ToolFailed, match="mailbox is full"):
        await codes.send(told, ADDRESS)
    with pytest.raises(ToolFailed, match="write here"):
        await codes.send(context(channel="memory"), ADDRESS)
