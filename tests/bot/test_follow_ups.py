"""Customers who ask to be written to again are, once, wherever their conversation stands by then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.orchestrator.agent import ToolCall
from bot.store import Store
from bot.testing import InlineQueue, ScriptedModel
from tests.bot.store.given import count
from tests.front import Front, front, wrote
from tests.tools.given import context
from tools.follow_up import follow_up

WISH = "Please ask me again tomorrow whether the boots fit"
PROMISE = "I will write to you again tomorrow."
TOLD = f"You asked me to write to you again: “{WISH}”. Is there anything I can do for you?"


class Scene:
    def __init__(self, house: Front, bell: InlineQueue, store: Store, conversation_id: str) -> None:
        self.house = house
        self.bell = bell
        self.store = store
        self.id = conversation_id

    async def time_passes(self) -> None:
        """It is tomorrow, and the sweep finds what is due."""
        await self.store.database.change("UPDATE calls SET due_at = 1 WHERE state = 'planned'")
        for function, subject in await self.house.desk.due(waiting=0):
            await self.house.desk.work(function, subject)
        await self.bell.work(self.house.desk)

    async def said(self, *, private: bool = False) -> list[str]:
        thread = await self.store.inbox.thread(self.id)
        assert thread is not None
        return [each.text for each in thread.messages if each.private == private]

    async def status(self) -> str:
        entry = await self.store.inbox.entry(self.id)
        assert entry is not None
        return entry.status


@asynccontextmanager
async def promised(store: Store, folder: Path) -> AsyncIterator[Scene]:
    """Somebody was promised to be written to again tomorrow."""
    tool = follow_up(store.follow_ups, ZoneInfo("Europe/Berlin"))
    call = ToolCall(id="1", name="follow_up", arguments='{"when": "tomorrow"}')
    bell = InlineQueue()
    model = ScriptedModel([call], PROMISE)
    async with front(store, folder=folder, models=[model], tools=[tool], bell=bell) as house:
        recorded = await house.desk.take_in(wrote(WISH))
        await bell.work(house.desk)
        scene = Scene(house, bell, store, recorded.message.conversation_id)
        assert await scene.said() == [WISH, PROMISE]
        yield scene


async def test_who_asked_is_written_to_again_once(store: Store, tmp_path: Path) -> None:
    async with promised(store, tmp_path) as scene:
        assert await scene.house.desk.due(waiting=0) == []
        await scene.time_passes()
        assert await scene.said() == [WISH, PROMISE, TOLD]
        await scene.time_passes()
        assert len(await scene.said()) == 3
        assert await scene.status() == "bot"
        assert (await store.approvals.page("planned"))[0] == []
        assert (await store.approvals.page("done"))[0] == []  # no operator was asked


async def test_while_a_person_has_the_conversation_they_are_told(store: Store, tmp_path: Path) -> None:
    async with promised(store, tmp_path) as scene:
        operator = await store.operators.add("ada@example.com", "Ada", "hash")
        await store.people.take(scene.id, operator)
        await scene.time_passes()
        assert await scene.said() == [WISH, PROMISE]
        (note,) = await scene.said(private=True)
        assert note == f"They asked to be written to again, and it is time: “{WISH}”"
        assert await scene.status() == "human"


async def test_a_matter_that_is_resolved_by_then_is_open_again(store: Store, tmp_path: Path) -> None:
    async with promised(store, tmp_path) as scene:
        await store.people.set_status(scene.id, "resolved")
        await scene.time_passes()
        assert (await scene.said())[-1] == TOLD
        assert await scene.status() == "bot"


async def test_it_is_planned_once_for_a_key_and_three_times_in_a_conversation(
    store: Store, tmp_path: Path
) -> None:
    async with promised(store, tmp_path) as scene:
        made = await store.database.change("SELECT key FROM calls WHERE state = 'done'")
        assert made is not None

        async def plan(key: str) -> bool:
            told = context(conversation_id=scene.id, key=key)
            return await store.follow_ups.plan(told, 60)

        assert await plan(made["key"])
        assert await count(store, "calls") == 2
        await store.database.change("UPDATE calls SET key = 'again other' WHERE state = 'planned'")
        assert await plan(made["key"])
        await store.database.change(
            "UPDATE calls SET key = 'again third' WHERE state = 'planned' AND key <> 'again other'"
        )
        assert await plan(made["key"])
        assert await plan(made["key"])
        assert await count(store, "calls") == 4
        await store.database.change("UPDATE calls SET key = 'new' WHERE state = 'done'")
        assert not await plan("new")
        assert await count(store, "calls") == 4


async def test_a_call_that_is_in_no_journal_plans_nothing(store: Store) -> None:
    await store.follow_ups.plan(context(key="unknown"), 60)
    assert await count(store, "calls") == 0
