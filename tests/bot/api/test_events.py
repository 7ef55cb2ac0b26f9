"""The operators' event stream: what is new is told at once, and what was missed is told again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bot.store import Store
from bot.testing import ScriptedModel
from tests.front import until
from tests.office import Office, following, office

ANSWER = "Within 30 days of delivery. [1]"


async def test_the_list_hears_of_everything_new(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path, models=[ScriptedModel(ANSWER)]) as place:
        operator = await place.operator()
        async with following(operator) as stream:
            visitor = await place.visitor("How long can I return things?")
            await until(lambda: stream.named("conversation"), what="the question")
            entry = stream.named("conversation")[0]
            assert (entry["id"], entry["unread"]) == (visitor.conversation_id, 1)
            await place.work()
            await until(lambda: "Within" in stream.named("conversation")[-1]["preview"], what="the answer")
            await visitor.request("POST", "/api/web/handoff", {})
            await until(lambda: stream.named("conversation")[-1]["status"] == "waiting", what="the wish")
            assert not stream.named("message")
            assert not stream.named("delta")


async def test_a_conversation_is_followed_word_by_word_and_resumed_after_a_gap(
    store: Store, tmp_path: Path
) -> None:
    async with office(store, tmp_path, models=[ScriptedModel(ANSWER)]) as place:
        visitor = await place.visitor("one", "two")
        other = await place.visitor("somebody else")
        operator = await place.operator()
        at = f"?conversation={visitor.conversation_id}"
        async with following(operator, f"{at}&after=1") as stream:
            await until(lambda: stream.named("message"), what="what was missed")
            await place.front.desk.answer(visitor.conversation_id)
            await until(lambda: len(stream.named("message")) == 2, what="the answer")
            await other.say("more")
            await visitor.request("POST", "/api/web/typing", {"active": True})
            await until(lambda: stream.named("typing"), what="typing")
        assert [data["seq"] for data in stream.named("message")] == [2, 3]
        assert [place_ for name, place_, _ in stream.events if name == "message"] == ["2", "3"]
        assert "".join(data["text"] for data in stream.named("delta")).startswith("Within 30 days")
        await visitor.say("three")
        async with following(operator, f"{at}&after=3") as stream:
            await until(lambda: stream.named("message"), what="what was missed")
            await visitor.say("four")
            await until(lambda: len(stream.named("message")) == 2, what="what is new")
        assert [data["text"] for data in stream.named("message")] == ["three", "four"]


async def test_without_a_place_to_resume_from_only_what_is_new_is_told(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        visitor = await place.visitor("one")
        operator = await place.operator()
        async with following(operator, f"?conversation={visitor.conversation_id}") as stream:
            await visitor.say("two")
            await until(lambda: stream.named("message"), what="what is new")
        assert [data["text"] for data in stream.named("message")] == ["two"]


async def test_a_visitors_read_mark_reaches_the_operator(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        visitor = await place.visitor("Hello?")
        operator = await place.operator()
        at = f"/api/conversations/{visitor.conversation_id}"
        await operator.post(f"{at}/messages", json={"client_id": "1", "text": "Hi"})
        async with following(operator, f"?conversation={visitor.conversation_id}") as stream:
            before = len(stream.named("conversation"))
            await visitor.request("POST", "/api/web/read", {"seq": 2})
            await until(lambda: len(stream.named("conversation")) > before, what="news")
        (*_, reply) = (await operator.get(at)).json()["messages"]
        assert reply["delivery"]["status"] == "read"


@pytest.mark.parametrize("one", [False, True], ids=["the list", "a conversation"])
async def test_who_signed_out_reads_no_further_however_much_is_new(
    sqlite: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one: bool
) -> None:
    monkeypatch.setattr("bot.api.events._ASKED", 0.2)
    async with office(sqlite, tmp_path) as place:
        visitor = await place.visitor("Hello?")
        operator, other = await place.operator(), await place.operator("Joan")
        query = f"?conversation={visitor.conversation_id}" if one else ""
        async with following(operator, query) as stream, following(other, query) as staying:
            news = asyncio.create_task(_news_without_end(place, visitor.conversation_id))
            try:
                await until(lambda: stream.named("conversation"), what="news")
                assert (await operator.post("/api/logout")).status_code == 204
                await until(lambda: stream.ended, what="its end")
                heard = len(staying.named("conversation"))
                await until(lambda: len(staying.named("conversation")) > heard, what="news for the other")
            finally:
                news.cancel()
                await asyncio.gather(news, return_exceptions=True)


async def _news_without_end(place: Office, conversation_id: str) -> None:
    """Something new far more often than the gate is asked."""
    entry = await place.store.inbox.entry(conversation_id)
    assert entry is not None
    while True:
        await place.front.live.stir(entry.contact_id, conversation_id)
        await asyncio.sleep(0.02)


async def test_streams_end_when_the_server_stops(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        visitor = await place.visitor("Hello?")
        operator = await place.operator()
        async with (
            following(operator) as every,
            following(operator, f"?conversation={visitor.conversation_id}") as one,
        ):
            await place.front.live.stop()
            await until(lambda: every.ended and one.ended, what="their end")
