"""Allowed calls are carried out once, whatever breaks off, and nobody is left without a word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.orchestrator.agent import ToolCall
from bot.store import Store
from bot.store.calls import Deadlines
from bot.store.records import ClaimedCall, Operator
from bot.testing import InlineQueue, ScriptedModel
from tests.bot.store.given import row
from tests.doubles.tools import a_tool
from tests.front import Front, front, until, wrote
from tools.base import Arguments, ToolContext, ToolFailed


@dataclass(kw_only=True)
class Scene:
    house: Front
    bell: InlineQueue
    store: Store
    call_id: str
    conversation_id: str

    async def approve(self) -> None:
        operator = await self.store.operators.add("grace@example.com", "Grace", "hash")
        found = await self.store.approvals.get(self.call_id)
        assert found is not None
        decided = await self.store.approvals.approve(self.call_id, operator, arguments=found.arguments)
        assert decided is not None
        assert decided.new

    async def take(self) -> Operator:
        operator = await self.store.operators.add("ada@example.com", "Ada", "hash")
        await self.store.people.take(self.conversation_id, operator)
        return operator

    async def act(self) -> None:
        """What is due about the call, and all that is rung for because of it."""
        await self.house.desk.act(self.call_id)
        await self.bell.work(self.house.desk)

    async def state(self) -> str:
        found = await self.store.approvals.get(self.call_id)
        assert found is not None
        return found.state

    async def due(self) -> None:
        """Whoever had it is gone, or its time is over."""
        await self.store.database.change("UPDATE calls SET due_at = 1 WHERE id = :id", id=self.call_id)

    async def said(self, *, private: bool = False) -> list[str]:
        thread = await self.store.inbox.thread(self.conversation_id)
        assert thread is not None
        return [each.text for each in thread.messages if each.private == private]

    async def status(self) -> str:
        entry = await self.store.inbox.entry(self.conversation_id)
        assert entry is not None
        return entry.status


@asynccontextmanager
async def asked(
    store: Store,
    folder: Path,
    call: Callable[[ToolContext, Arguments], Awaitable[str]],
    *,
    deadlines: Deadlines = Deadlines(),  # noqa: B008  it is frozen
    **more: Any,
) -> AsyncIterator[Scene]:
    """An operator is asked about a call."""
    tool = a_tool("refund", {"order": {}}, call, effect="write", approval="operator", **more)
    wish = ToolCall(id="1", name="refund", arguments='{"order": "123456"}')
    model = ScriptedModel([wish], "I have asked a colleague.")
    bell = InlineQueue()
    async with front(
        store, folder=folder, models=[model], tools=[tool], bell=bell, deadlines=deadlines
    ) as house:
        recorded = await house.desk.take_in(wrote("Please refund order 123456"))
        await bell.work(house.desk)
        (call_id,) = [each.id for each in (await store.approvals.page("pending"))[0]]
        yield Scene(
            house=house,
            bell=bell,
            store=store,
            call_id=call_id,
            conversation_id=recorded.message.conversation_id,
        )


class Provider:
    """A tool's other side: what it was asked for, and what it does about each."""

    def __init__(self, *answers: str | Exception) -> None:
        self.keys: list[str] = []
        self.answers = list(answers)
        self.hold = asyncio.Event()
        self.hold.set()

    async def __call__(self, context: ToolContext, arguments: Arguments) -> str:
        self.keys.append(context.key)
        await self.hold.wait()
        match self.answers.pop(0) if self.answers else "done":
            case Exception() as error:
                raise error
            case answer:
                return answer


async def test_what_was_allowed_is_done_and_told(store: Store, tmp_path: Path) -> None:
    provider = Provider("R-1")
    async with asked(store, tmp_path, provider) as scene:
        await scene.act()
        assert provider.keys == [], "nobody has allowed it"
        await scene.approve()
        assert ("act", scene.call_id) in await scene.house.desk.due(waiting=0)
        await scene.act()
        await scene.act()
        assert len(provider.keys) == 1
        assert provider.keys[0]
        assert (await scene.said())[-1].endswith("R-1")
        assert await scene.status() == "bot"
        assert await scene.house.desk.due(waiting=0) == []


async def test_a_call_that_failed_is_a_persons_and_the_customer_is_told(store: Store, tmp_path: Path) -> None:
    async with asked(store, tmp_path, Provider(ToolFailed("the till is closed"))) as scene:
        await scene.approve()
        await scene.act()
        assert await scene.state() == "failed"
        assert await scene.status() == "waiting"
        assert "person from our team" in (await scene.said())[-1]


async def test_a_call_that_the_service_refuses_is_told_as_that(store: Store, tmp_path: Path) -> None:
    refusal = ToolFailed("HTTP 409: sent back too late", refused=True, words="It came back after 30 days.")
    async with asked(store, tmp_path, Provider(refusal)) as scene:
        await scene.approve()
        await scene.act()
        told = (await scene.said())[-1]
        assert told == "This was not possible: “Please refund order 123456”.\n\nIt came back after 30 days."
        assert await scene.status() == "bot", "nothing is left to do"
        found = await store.approvals.get(scene.call_id)
        assert found is not None
        assert (found.state, found.result) == ("failed", "HTTP 409: sent back too late")


async def test_why_a_service_refuses_is_told_to_operators_where_customers_may_not_hear(
    store: Store, tmp_path: Path
) -> None:
    async with asked(store, tmp_path, Provider(ToolFailed("fraud suspected", refused=True))) as scene:
        await scene.approve()
        await scene.act()
        told = (await scene.said())[-1]
        assert told.startswith("This was not possible: “Please refund order 123456”.")
        assert "fraud" not in told
        assert "went wrong" not in told
        assert await scene.status() == "waiting"
        summary = await store.copilot.summary(scene.conversation_id)
        assert summary is not None
        assert "refund was allowed and refused: fraud suspected" in summary.text


async def test_a_call_whose_end_nobody_saw_is_not_made_again(store: Store, tmp_path: Path) -> None:
    provider = Provider()
    async with asked(store, tmp_path, provider) as scene:
        await scene.approve()
        assert await store.acts.claim(scene.call_id, 30)  # by a worker that dies now
        await scene.act()
        assert await scene.state() == "running", "the lease still runs"
        await scene.due()
        await scene.act()
        assert provider.keys == []
        assert await scene.state() == "doubtful"
        assert await scene.status() == "waiting"


async def test_one_whose_provider_keeps_keys_is_made_again_under_the_same(
    store: Store, tmp_path: Path
) -> None:
    provider = Provider(ToolFailed("cut off", uncertain=True), "R-1")
    async with asked(store, tmp_path, provider, idempotent=True) as scene:
        await scene.approve()
        await scene.act()
        assert await scene.state() == "running"
        await scene.due()
        await scene.act()
        assert await scene.state() == "done"
        first, second = provider.keys
        assert first == second
        key = await row(store, "SELECT key FROM calls")
        assert key == {"key": first}


async def test_a_second_try_that_fails_says_nothing_of_the_first(store: Store, tmp_path: Path) -> None:
    provider = Provider(ToolFailed("cut off", uncertain=True), *[ToolFailed("it is resting")] * 2)
    async with asked(store, tmp_path, provider, idempotent=True) as scene:
        await scene.approve()
        for _ in range(3):
            await scene.due()
            await scene.act()
        assert len(provider.keys) == 3
        assert await scene.state() == "doubtful", "it may well have been done"
        assert await scene.status() == "waiting"


async def test_in_the_end_nobody_knows(store: Store, tmp_path: Path) -> None:
    provider = Provider(*(ToolFailed("cut off", uncertain=True) for _ in range(5)))
    async with asked(store, tmp_path, provider, idempotent=True) as scene:
        await scene.approve()
        for _ in range(3):
            await scene.due()
            await scene.act()
        assert len(provider.keys) == 3
        assert await scene.state() == "doubtful"
        assert await scene.status() == "waiting"


async def test_a_call_that_ends_its_worker_every_time_is_a_persons_in_the_end(
    sqlite: Store, tmp_path: Path
) -> None:
    provider = Provider()
    async with asked(sqlite, tmp_path, provider, idempotent=True) as scene:
        await scene.approve()
        for _ in range(3):
            assert isinstance(await sqlite.acts.claim(scene.call_id, 30), ClaimedCall)
            await scene.due()
        await scene.act()
        assert provider.keys == []
        assert await scene.state() == "doubtful"
        assert await scene.status() == "waiting"


async def test_what_is_done_after_the_matter_was_settled_is_told_all_the_same(
    store: Store, tmp_path: Path
) -> None:
    async with asked(store, tmp_path, Provider("R-1")) as scene:
        await scene.approve()
        await store.people.set_status(scene.conversation_id, "resolved")
        await scene.act()
        assert (await scene.said())[-1].endswith("R-1")
        assert await scene.status() == "bot"


async def test_a_call_that_takes_long_is_kept_from_others(sqlite: Store, tmp_path: Path) -> None:
    provider = Provider("R-1")
    provider.hold.clear()
    async with asked(sqlite, tmp_path, provider) as scene:
        await scene.approve()
        scene.house.desk._actor._lease = 0.3
        acting = asyncio.create_task(scene.house.desk.act(scene.call_id))
        await until(lambda: provider.keys, what="the call")
        renewed: set[int] = set()
        while len(renewed) < 3:
            renewed.add((await row(sqlite, "SELECT due_at FROM calls"))["due_at"])
            assert await sqlite.acts.due() == []
            await asyncio.sleep(0.01)
        provider.hold.set()
        await acting
        assert await scene.state() == "done"


async def test_a_worker_told_to_stop_sees_a_call_through(sqlite: Store, tmp_path: Path) -> None:
    provider = Provider("R-1")
    provider.hold.clear()
    async with asked(sqlite, tmp_path, provider) as scene:
        await scene.approve()
        acting = asyncio.create_task(scene.house.desk.act(scene.call_id))
        await until(lambda: provider.keys, what="the call")
        acting.cancel()
        provider.hold.set()
        with pytest.raises(asyncio.CancelledError):
            await acting
        assert await scene.state() == "done"


async def test_operators_are_reminded_once_and_what_expires_is_a_persons(
    store: Store, tmp_path: Path
) -> None:
    deadlines = Deadlines(remind_after=0, expires_after=3600)
    async with asked(store, tmp_path, Provider(), deadlines=deadlines) as scene:
        await scene.act()
        await scene.act()
        reminded = await row(store, "SELECT COUNT(*) AS n FROM alarms WHERE key LIKE 'approval%'")
        assert reminded == {"n": 1}
        assert await scene.state() == "pending"
        await store.database.change("UPDATE calls SET due_at = 1, expires_at = 1")
        await scene.act()
        assert await scene.state() == "expired"
        assert await scene.status() == "waiting"
        assert "person from our team" in (await scene.said())[-1]


async def test_what_expires_while_a_person_has_it_is_told_to_them(sqlite: Store, tmp_path: Path) -> None:
    async with asked(sqlite, tmp_path, Provider()) as scene:
        await scene.take()
        before = await scene.said()
        await sqlite.database.change("UPDATE calls SET due_at = 1, expires_at = 1")
        await scene.act()
        assert await scene.said() == before
        (note,) = await scene.said(private=True)
        assert note.startswith("Nobody decided about this in time, and it was not done: refund")


async def test_a_tool_that_is_gone_is_told_to_a_person(sqlite: Store, tmp_path: Path) -> None:
    async with asked(sqlite, tmp_path, Provider()) as scene:
        await scene.approve()
    bell = InlineQueue()
    async with front(sqlite, folder=tmp_path, bell=bell) as house:
        await house.desk.act(scene.call_id)
        await bell.work(house.desk)
        assert await scene.state() == "failed"
        assert await scene.status() == "waiting"
