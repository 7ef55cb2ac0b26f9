"""The voice of a turn: what watchers see of an answer while it is written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.live import Feed
from bot.orchestrator.agent import LeaseLost, Overtaken
from bot.speech import Voice
from bot.store import Store
from bot.store.records import Claim
from bot.testing import InlineQueue
from tests.bot.store.given import expire
from tests.front import Front, front, wrote


@pytest.fixture
async def file_store(sqlite_url: str) -> AsyncIterator[Store]:
    opened = await Store.open(sqlite_url)
    yield opened
    await opened.close()


@asynccontextmanager
async def speaking(store: Store, folder: Path) -> AsyncIterator[tuple[Voice, Feed, Claim, Front]]:
    """A claimed turn's voice, and somebody who watches."""
    async with front(store, folder=folder, bell=InlineQueue()) as house:
        recorded = await house.desk.take_in(wrote("How long?"))
        await house.desk.quiet()
        claim = await store.turns.claim(recorded.message.conversation_id, 30)
        assert claim is not None
        async with house.live.watch(claim.contact_id) as feed:
            yield Voice(claim=claim, store=store, live=house.live, lease=30), feed, claim, house


async def told(feed: Feed) -> list[dict[str, Any]]:
    pieces, _ = await feed.next(5)
    return [piece["data"] for piece in pieces]


async def test_the_first_piece_is_shown_at_once_and_the_others_gathered(
    file_store: Store, tmp_path: Path
) -> None:
    async with speaking(file_store, tmp_path) as (voice, feed, claim, _), voice:
        await voice.say("Grüße 👩‍👧 ")
        assert await told(feed) == [{"turn_id": claim.turn_id, "text": "Grüße 👩‍👧 ", "offset": 0}]
        for number in range(200):
            await voice.say(f"{number} ")
        rest = await told(feed)
        assert len(rest) <= 2
        assert "".join(piece["text"] for piece in rest) == "".join(f"{number} " for number in range(200))
        assert rest[0]["offset"] == len("Grüße 👩‍👧 "), "offsets count code points"


async def test_what_is_said_while_a_piece_is_on_its_way_is_not_forgotten(
    file_store: Store, tmp_path: Path
) -> None:
    async with speaking(file_store, tmp_path) as (voice, feed, _, house), voice:
        gate = asyncio.Event()

        async def slow(*_: object) -> bool:
            await gate.wait()
            return True

        await voice.say("one ")
        house.link.send = slow  # type: ignore[method-assign]  # a Redis that takes its time
        await voice.say("two ")
        heard = ""
        while "two" not in heard:
            heard += "".join(piece["text"] for piece in await told(feed))
        await voice.say("three")
        gate.set()
        while "three" not in heard:
            heard += "".join(piece["text"] for piece in await told(feed))
        assert heard == "one two three"


async def test_beginning_anew_takes_back_what_was_shown(file_store: Store, tmp_path: Path) -> None:
    async with speaking(file_store, tmp_path) as (voice, feed, _, _), voice:
        await voice.say("half an ans")
        await voice.say("wer")
        await voice.restart()
        await voice.say("A whole one")
        pieces = await told(feed)
        assert [(piece["text"], piece["offset"]) for piece in pieces] == [
            ("half an ans", 0),
            ("", 0),
            ("A whole one", 0),
        ]


async def test_nothing_is_shown_after_the_end(file_store: Store, tmp_path: Path) -> None:
    async with speaking(file_store, tmp_path) as (voice, feed, _, _):
        before = asyncio.all_tasks()
        async with voice:
            await voice.say("first")
            await voice.say(" and last")
        assert asyncio.all_tasks() == before, "no task of it is left"
        assert [piece["text"] for piece in await told(feed)] == ["first"]


async def test_the_word_is_refused_to_a_turn_that_was_overtaken_or_lost(
    file_store: Store, tmp_path: Path
) -> None:
    async with speaking(file_store, tmp_path) as (voice, _, claim, house), voice:
        await voice.begin()
        await house.desk.take_in(wrote("And the cost?", 2))
        with pytest.raises(Overtaken):
            await voice.begin()
        voice.follow(claim, patient=False)
        await voice.begin()
        await expire(file_store, claim.conversation_id)
        assert await file_store.turns.claim(claim.conversation_id, 30) is not None
        with pytest.raises(LeaseLost):
            await voice.begin()
