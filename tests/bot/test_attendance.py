"""Which visitors have the chat before them: the same in every process, told once, and to operators alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.attendance import Attendance, Seen
from bot.bell import RedisLink
from bot.live import INBOX, Live
from bot.store import Store
from tests.bot.test_live import nobody_knows
from tests.front import until
from tests.office import following, office
from tests.processes import Valkey


@dataclass(frozen=True, kw_only=True)
class Web:
    """What a web process has of it."""

    link: RedisLink
    live: Live
    attendance: Attendance


@asynccontextmanager
async def webs(url: str, *, fresh: float) -> AsyncIterator[tuple[Web, Web]]:
    """Two of them."""
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(2):
            link = RedisLink(url)
            stack.push_async_callback(link.close)
            live = Live(link)
            live.start(nobody_knows)
            stack.push_async_callback(live.stop)
            attendance = Attendance(link=link, live=live, fresh=fresh)
            stack.push_async_callback(attendance.close)
            made.append(Web(link=link, live=live, attendance=attendance))
        first, second = made
        yield first, second


async def state(attendance: Attendance, contact_id: str, wanted: str) -> Seen:
    """How it is said to be, once it is so."""
    async with asyncio.timeout(20):
        while (seen := await attendance.seen(contact_id)).state != wanted:  # noqa: ASYNC110  Redis rings no bell
            await asyncio.sleep(0.02)
    return seen


async def test_who_is_here_is_known_in_every_process_and_told_once(server: Valkey) -> None:
    async with webs(server.url, fresh=600) as (first, second), second.live.watch(INBOX) as feed:
        assert (await state(second.attendance, "ada", "away")).at is None
        for _ in range(3):
            first.attendance.here("ada")
        assert (await state(second.attendance, "ada", "online")).at is not None
        second.attendance.here("ada")  # another tab, at another process: no news
        first.attendance.here("bob")
        heard: list[str] = []
        async with asyncio.timeout(20):
            while len(heard) < 2:
                pieces, _ = await feed.next(20)
                heard += [each["data"]["contact_id"] for each in pieces if each["kind"] == "online"]
        assert sorted(heard) == ["ada", "bob"]
        assert (await second.attendance.seen("eve")).state == "away"


async def test_who_is_heard_of_no_more_is_gone_and_that_is_told(server: Valkey) -> None:
    async with webs(server.url, fresh=0.2) as (first, second), second.live.watch(INBOX) as feed:
        first.attendance.here("zoe")
        heard = 0
        async with asyncio.timeout(20):
            while heard < 2:
                pieces, _ = await feed.next(20)
                heard += sum(each.get("kind") == "online" for each in pieces)
        seen = await second.attendance.seen("zoe")
        assert seen.state == "away"
        assert seen.at is not None


async def test_without_redis_it_is_not_known(server: Valkey) -> None:
    link = RedisLink("")
    attendance = Attendance(link=link, live=Live(link))
    attendance.here("ada")
    assert await attendance.seen("ada") == Seen(state="unknown")
    await attendance.close()
    await link.close()


async def test_operators_see_who_is_here_and_no_visitor_does(
    server: Valkey, store: Store, tmp_path: Path
) -> None:
    async with office(store, tmp_path, redis_url=server.url) as place:
        ada, eve = await place.visitor("Hello"), await place.visitor("Hi")
        grace = await place.operator()
        at = f"conversations/{ada.conversation_id}"

        async def visitor() -> dict[str, Any]:
            found: dict[str, Any] = (await grace.get(f"/api/{at}")).json()["visitor"]
            return found

        assert await visitor() == {"state": "away", "seen_at": None}
        assert "Not seen for a day" in (await grace.get(f"/dashboard/{at}")).text
        async with eve.follow(), following(grace, f"?conversation={ada.conversation_id}") as stream:
            contact = (await grace.get(f"/api/{at}")).json()["contact"]["id"]
            async with ada.follow():
                await until(lambda: {"contact_id": contact} in stream.named("online"), what="the news")
                shown = await visitor()
                assert shown["state"] == "online"
                assert shown["seen_at"] is not None
                assert 'data-state="online">Online<' in (await grace.get(f"/dashboard/{at}")).text
                said = await ada.say("Are you there?")
                await ada.until(lambda: said in ada.messages, within=20)
                said = await eve.say("And I?")
                await eve.until(lambda: said in eve.messages, within=20)
        for each in (*ada.events, *eve.events):
            assert each.name in {"message", "status", "delivery"}


async def test_an_office_without_redis_says_that_it_is_not_known(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        ada, grace = await place.visitor("Hello"), await place.operator()
        at = f"conversations/{ada.conversation_id}"
        found = (await grace.get(f"/api/{at}")).json()
        assert found["visitor"] == {"state": "unknown", "seen_at": None}
        assert "Not known whether they are online" in (await grace.get(f"/dashboard/{at}")).text
