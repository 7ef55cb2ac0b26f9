"""Handing back with a note: the bot goes by it, operators read it, customers don't, and it ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from bot.store import Store, StoreUnavailable, events
from bot.testing import ScriptedModel
from knowledge.lookup import NoMatch
from tests.front import Pages
from tests.office import Office, office
from tests.visitor import Visitor

NOTE = "I have promised a refund of 80 euros until Friday; the customer prefers German."


def at(visitor: Visitor, act: str) -> str:
    return f"/api/conversations/{visitor.conversation_id}/{act}"


async def handed_back(place: Office, note: str = NOTE) -> tuple[Visitor, httpx.AsyncClient]:
    """A visitor whose conversation was a person's and is the bot's again."""
    visitor = await place.visitor("My boots arrived broken")
    operator = await place.operator()
    await operator.post(at(visitor, "take"))
    await operator.post(at(visitor, "messages"), json={"client_id": "1", "text": "I am looking into it."})
    answer = await operator.post(at(visitor, "release"), json={"note": note})
    assert (answer.status_code, answer.json()["status"]) == (200, "bot"), answer.text
    return visitor, operator


async def guidance(store: Store, visitor: Visitor) -> str:
    async with store.database.read() as reader:
        row = await reader.one(
            "SELECT guidance FROM conversations WHERE id = :id", id=visitor.conversation_id
        )
    assert row is not None
    return str(row["guidance"])


async def test_the_bot_goes_by_the_note_and_the_customer_never_sees_it(store: Store, tmp_path: Path) -> None:
    said = "Bis Freitag erhalten Sie Ihre 80 Euro zurück."
    model = ScriptedModel(f"{said} [1]")
    async with office(store, tmp_path, models=[model], pages=Pages(NoMatch())) as place:
        visitor, operator = await handed_back(place)
        await visitor.say("When do I get my money back?")
        await place.work()
        system = [each.content for each in model.requests[0].messages if each.role == "system"]
        assert any(NOTE in each and "whose number is [1]" in each for each in system)
        detail = (await operator.get(f"/api/conversations/{visitor.conversation_id}")).json()
        assert detail["messages"][-1]["text"] == said
        noted = [each for each in detail["messages"] if each["for_bot"]]
        assert [(each["text"], each["private"], each["author"]["name"]) for each in noted] == [
            (NOTE, True, "Grace")
        ]
        session = await visitor.request("POST", "/api/web/session", {"token": visitor.token})
        assert NOTE not in str(session.json)
        page = await operator.get(f"/dashboard/conversations/{visitor.conversation_id}")
        assert "Note to the bot" in page.text
        turn = detail["turns"][-1]["id"]
        assert "promised a refund" in (await operator.get(f"/api/turns/{turn}")).text


async def test_a_number_that_neither_note_nor_page_gives_is_still_withheld(
    sqlite: Store, tmp_path: Path
) -> None:
    model = ScriptedModel("I have promised a refund of 90 euros until Friday.")
    async with office(sqlite, tmp_path, models=[model], pages=Pages(NoMatch())) as place:
        visitor, operator = await handed_back(place)
        await visitor.say("When do I get my money back?")
        await place.work()
        detail = (await operator.get(f"/api/conversations/{visitor.conversation_id}")).json()
        assert all("90 euros" not in each["text"] for each in detail["messages"])


async def test_without_a_model_whoever_is_handed_it_reads_the_note(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        visitor, operator = await handed_back(place)
        await visitor.say("I want to speak to a person")
        await place.work()
        summary = (await operator.get(at(visitor, "summary"))).json()["summary"]
        assert NOTE in summary["text"]
        assert await guidance(store, visitor) == NOTE  # it waits; nobody has taken over


async def test_the_note_ends_with_a_person_or_the_matter(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        visitor, operator = await handed_back(place)
        assert await guidance(store, visitor) == NOTE
        await operator.post(at(visitor, "take"))
        assert await guidance(store, visitor) == ""
        await operator.post(at(visitor, "release"), json={"note": "Once more"})
        again = await operator.post(at(visitor, "release"), json={"note": "Twice"})
        assert again.json()["status"] == "bot"
        assert await guidance(store, visitor) == "Once more"  # it was the bot's already
        await operator.post(at(visitor, "messages"), json={"client_id": "2", "text": "Me again."})
        assert await guidance(store, visitor) == ""
        await operator.post(at(visitor, "release"), json={"note": "A third time"})
        await operator.post(at(visitor, "resolve"))
        assert await guidance(store, visitor) == ""
        await operator.post(at(visitor, "reopen"))
        assert (await operator.post(at(visitor, "release"))).json()["status"] == "bot"
        assert await guidance(store, visitor) == ""


async def test_a_note_that_is_none_is_refused(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        visitor = await place.visitor("Hello")
        operator = await place.operator()
        await operator.post(at(visitor, "take"))
        for note in (7, "x" * 2001):
            answer = await operator.post(at(visitor, "release"), json={"note": note})
            assert (answer.status_code, answer.json()["error"]["field"]) == (422, "note")


async def test_the_note_and_the_handing_back_are_both_so_or_neither(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with office(store, tmp_path) as place:
        visitor = await place.visitor("My boots arrived broken")
        operator = await place.operator()
        await operator.post(at(visitor, "take"))
        until_then = (await operator.get(f"/api/conversations/{visitor.conversation_id}")).json()
        append = events.append_status

        def fail(*_: object, **__: object) -> None:
            raise StoreUnavailable

        monkeypatch.setattr(events, "append_status", fail)
        answer = await operator.post(at(visitor, "release"), json={"note": NOTE})
        assert answer.status_code == 503, answer.text
        after = (await operator.get(f"/api/conversations/{visitor.conversation_id}")).json()
        assert after["messages"] == until_then["messages"]
        assert after["status"] == "human"
        monkeypatch.setattr(events, "append_status", append)
        assert (await operator.post(at(visitor, "release"), json={"note": NOTE})).json()["status"] == "bot"
        after = (await operator.get(f"/api/conversations/{visitor.conversation_id}")).json()
        assert [each["text"] for each in after["messages"]] == ["My boots arrived broken", NOTE]


async def test_two_hand_it_back_at_once_and_one_note_stands(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        visitor = await place.visitor("My boots arrived broken")
        operator, other = await place.operator(), await place.operator("Linus")
        await operator.post(at(visitor, "take"))
        answers = await asyncio.gather(
            *(each.post(at(visitor, "release"), json={"note": NOTE}) for each in (operator, other))
        )
        assert [each.json()["status"] for each in answers] == ["bot", "bot"]
        detail = (await operator.get(f"/api/conversations/{visitor.conversation_id}")).json()
        assert len([each for each in detail["messages"] if each["for_bot"]]) == 1


async def test_a_note_for_a_thread_without_words_guides_the_bot(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        visitor = await place.visitor()
        await visitor.request("POST", "/api/web/handoff", {})
        operator = await place.operator()
        (entry,) = (await operator.get("/api/conversations")).json()["conversations"]
        await store.database.change("DELETE FROM messages")
        answer = await operator.post(f"/api/conversations/{entry['id']}/release", json={"note": NOTE})
        assert (answer.status_code, answer.json()["status"]) == (200, "bot"), answer.text
        async with store.database.read() as reader:
            row = await reader.one("SELECT guidance FROM conversations WHERE id = :id", id=entry["id"])
        assert row is not None
        assert row["guidance"] == NOTE
