"""What operators do in a conversation, over HTTP, and what the visitor sees of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.store import Store
from bot.testing import ScriptedModel
from channels.base import RemoteFile
from tests.front import Pages, until, wrote
from tests.office import Office, office
from tests.visitor import Visitor

ANSWER = "Within 30 days of delivery. [1]"


def at(visitor: Visitor, act: str = "") -> str:
    return f"/api/conversations/{visitor.conversation_id}{'/' if act else ''}{act}"


async def write(
    client: httpx.AsyncClient, visitor: Visitor, text: str, client_id: str = "1", kind: str = "reply"
) -> httpx.Response:
    body = {"client_id": client_id, "text": text, "kind": kind}
    return await client.post(at(visitor, "messages"), json=body)


async def seen_by(place: Office, visitor: Visitor) -> list[str]:
    """What the visitor is shown on arriving again."""
    again = await Visitor.arrive(place.url, token=visitor.token)
    return [message["text"] for message in again.greeting]


async def shown(client: httpx.AsyncClient, visitor: Visitor) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get(at(visitor))).json()
    return found


# lists -------------------------------------------------------------------------------------------------


async def test_every_conversation_is_on_one_page_the_newest_first(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        visitors = [await place.visitor(f"number {each}") for each in range(7)]
        await place.visitor()  # who never wrote is in no list
        await visitors[2].say("once more")
        operator = await place.operator()
        found: list[dict[str, Any]] = []
        query = "?limit=3"
        while True:
            page = (await operator.get(f"/api/conversations{query}")).json()
            found += page["conversations"]
            assert len(page["conversations"]) <= 3
            if page["next"] is None:
                break
            query = f"?limit=3&before={page['next']}"
        order = [2, 6, 5, 4, 3, 1, 0]
        assert [each["id"] for each in found] == [visitors[each].conversation_id for each in order]
        assert found[0]["preview"] == "once more"
        assert [each["unread"] for each in found] == [2, 1, 1, 1, 1, 1, 1]
        assert found[0]["contact"]["name"].startswith("Visitor ")


async def test_who_waits_longest_comes_first(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        visitors = [await place.visitor("Hello?") for _ in range(4)]
        for each in (2, 0, 3):
            await visitors[each].request("POST", "/api/web/handoff", {})
        await visitors[2].say("still there")
        operator = await place.operator()
        first = (await operator.get("/api/conversations?status=waiting&limit=2")).json()
        rest = (await operator.get(f"/api/conversations?status=waiting&before={first['next']}")).json()
        found = [each["id"] for page in (first, rest) for each in page["conversations"]]
        assert found == [visitors[each].conversation_id for each in (2, 0, 3)]
        assert all(each["waiting_since"] for each in first["conversations"])
        assert rest["next"] is None


async def test_what_was_read_is_unread_for_nobody(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        visitor = await place.visitor("one", "two")
        operator = await place.operator()
        assert (await operator.post(at(visitor, "read"), json={"seq": 1})).status_code == 204
        assert (await shown(operator, visitor))["unread"] == 1
        await operator.post(at(visitor, "read"), json={"seq": 99})
        await visitor.say("three")
        assert (await shown(operator, visitor))["unread"] == 1


async def test_a_long_conversation_comes_in_pieces(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        visitor = await place.visitor(*(f"number {each}" for each in range(7)))
        operator = await place.operator()
        newest = (await operator.get(at(visitor) + "?limit=4")).json()
        older = (await operator.get(at(visitor) + f"?limit=4&before={newest['earlier']}")).json()
        assert [each["seq"] for each in older["messages"] + newest["messages"]] == [1, 2, 3, 4, 5, 6, 7]
        assert older["earlier"] is None


# acts --------------------------------------------------------------------------------------------------


async def test_a_reply_reaches_the_visitor_once_however_often_it_is_sent(
    store: Store, tmp_path: Path
) -> None:
    async with office(store, tmp_path) as place:
        visitor = await place.visitor("Is anybody there?")
        operator = await place.operator("Grace")
        async with visitor.follow():
            answers = await asyncio.gather(*(write(operator, visitor, "**I** am.") for _ in range(4)))
            assert sorted(each.status_code for each in answers) == [200, 200, 200, 201]
            assert len({each.json()["message"]["id"] for each in answers}) == 1
            await write(operator, visitor, "Anything else?", client_id="2")
            await visitor.until(lambda: len(visitor.messages) >= 3, within=10)
        said = [each for each in visitor.messages if each["author"]["kind"] == "operator"]
        assert [each["text"] for each in said] == ["**I** am.", "Anything else?"]
        assert said[0]["author"]["name"] == "Grace"
        assert said[0]["html"] == "<p><strong>I</strong> am.</p>"
        assert said[0]["delivery"]["status"] == "sent"
        assert "human" in [each.json["status"] for each in visitor.events if each.name == "status"]
        assert (await shown(operator, visitor))["assignee"]["name"] == "Grace"


async def test_a_note_is_for_operators_alone(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        visitor = await place.visitor("Hello?")
        operator = await place.operator()
        async with visitor.follow():
            note = await write(operator, visitor, "A difficult customer.", kind="note")
            assert note.json()["message"]["private"]
            await write(operator, visitor, "Yes?", client_id="2")
            await visitor.until(lambda: len(visitor.messages) >= 2, within=10)
        assert not any("difficult" in event.data.decode() for event in visitor.events)
        assert await seen_by(place, visitor) == ["Hello?", "Yes?"]
        thread = await shown(operator, visitor)
        assert [each["private"] for each in thread["messages"]] == [False, True, False]


async def test_a_note_leaves_the_conversation_with_the_bot(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path, models=[ScriptedModel(ANSWER)]) as place:
        visitor = await place.visitor("How long can I return things?")
        operator = await place.operator()
        await write(operator, visitor, "Watching this one.", kind="note")
        await place.work()
        thread = await shown(operator, visitor)
        assert thread["status"] == "bot"
        assert [each["author"]["kind"] for each in thread["messages"]] == ["contact", "operator", "bot"]


def _taken_back(delta: Mapping[str, object]) -> bool:
    """Whether it tells the page to show nothing of the answer any more."""
    return delta["offset"] == 0 and delta["text"] == ""


@pytest.mark.parametrize("act", ["take", "reply", "resolve", "handoff"])
async def test_a_running_turn_falls_silent_the_moment_a_person_acts(
    act: str, store: Store, tmp_path: Path
) -> None:
    model = ScriptedModel(["Within 30 days", *(f" and {each}" for each in range(200)), 30.0, ANSWER])
    async with office(store, tmp_path, models=[model]) as place:
        visitor = await place.visitor("How long can I return things?")
        operator = await place.operator("Grace")
        async with visitor.follow():
            working = asyncio.create_task(place.work())
            await visitor.until(lambda: bool(visitor.deltas), within=10)
            if act == "reply":
                await write(operator, visitor, "Let me answer this.")
            elif act == "handoff":
                await visitor.request("POST", "/api/web/handoff", {})
            else:
                await operator.post(at(visitor, act))
            async with asyncio.timeout(5):  # far less than the lease, and than the model would go on
                await working
            await visitor.until(lambda: _taken_back(visitor.deltas[-1].json), within=5)
            await visitor.say("Thanks")
            await visitor.until(lambda: visitor.messages[-1]["text"] == "Thanks", within=10)
            assert not visitor.replies
        thread = await shown(operator, visitor)
        (turn,) = thread["turns"]
        assert turn["status"] == "abandoned"
        assert turn["draft"].startswith("Within 30 days")
        assert (await operator.get(f"/api/turns/{turn['id']}")).json()["steps"]
        assert await seen_by(place, visitor) != []
        assert "Within 30 days" not in " ".join(await seen_by(place, visitor))


async def test_what_comes_in_after_a_take_over_is_for_the_person(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path, models=[ScriptedModel(otherwise=ANSWER)]) as place:
        visitor = await place.visitor("Hello?")
        operator = await place.operator()
        assert (await operator.post(at(visitor, "take"))).json()["status"] == "human"
        assert (await operator.post(at(visitor, "take"))).json()["status"] == "human"
        await visitor.say("How long can I return things?")
        await place.work()
        assert await seen_by(place, visitor) == ["Hello?", "How long can I return things?"]


async def test_handed_back_the_bot_answers_what_nobody_has_answered(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path, models=[ScriptedModel(otherwise=ANSWER)]) as place:
        visitor = await place.visitor("Hello?")
        operator = await place.operator()
        await write(operator, visitor, "Hello!")
        released = (await operator.post(at(visitor, "release"))).json()
        assert (released["status"], released["assignee"]) == ("bot", None)
        await place.work()
        assert await seen_by(place, visitor) == ["Hello?", "Hello!"]  # a person had answered
        await operator.post(at(visitor, "take"))
        await visitor.say("How long can I return things?")
        await operator.post(at(visitor, "release"))
        await place.work()
        assert (await seen_by(place, visitor))[-1].startswith("Within 30 days")


async def test_what_follows_a_resolved_conversation_is_a_new_one(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        visitor = await place.visitor("My parcel is lost.")
        operator = await place.operator()
        assert (await operator.post(at(visitor, "resolve"))).json()["status"] == "resolved"
        message = await visitor.say("Another matter")
        assert message["conversation_id"] != visitor.conversation_id
        reopened = (await operator.post(at(visitor, "reopen"))).json()
        assert (reopened["status"], reopened["assignee"]["name"]) == ("human", "Grace")
        # Reopening what is open changes nothing.
        await operator.post(at(visitor, "release"))
        assert (await operator.post(at(visitor, "reopen"))).json()["status"] == "bot"


async def test_who_asked_for_a_person_without_a_word_can_be_answered(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        visitor = await place.visitor()
        operator = await place.operator()
        async with visitor.follow():
            await visitor.request("POST", "/api/web/handoff", {})
            (entry,) = (await operator.get("/api/conversations?status=waiting")).json()["conversations"]
            assert entry["id"] == visitor.conversation_id
            assert (await write(operator, visitor, "How can I help?")).status_code == 201
            await visitor.until(lambda: visitor.messages[-1:] != [], within=10)
            await visitor.until(lambda: visitor.messages[-1]["text"] == "How can I help?", within=10)


async def test_where_nothing_was_said_there_is_nobody_to_answer(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        visitor = await place.visitor()
        answer = await write(await place.operator(), visitor, "Hello?")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "nobody_to_answer")


async def test_why_an_answer_was_given_can_be_asked(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path, models=[ScriptedModel(ANSWER)]) as place:
        visitor = await place.visitor("How long can I return things?")
        await place.work()
        operator = await place.operator()
        answer = (await shown(operator, visitor))["messages"][-1]
        turn = (await operator.get(f"/api/turns/{answer['turn_id']}")).json()
        assert turn["outcome"] == "reply"
        assert {"knowledge", "model"} <= {step["kind"] for step in turn["steps"]}
        page = await operator.get(f"/dashboard/turns/{answer['turn_id']}")
        assert "Knowledge" in page.text


async def test_why_an_answer_was_given_names_nobody_and_gives_no_secret_away(
    sqlite: Store, tmp_path: Path
) -> None:
    async with office(sqlite, tmp_path, models=[ScriptedModel(ANSWER)]) as place:
        wrote_so = "I am jane@example.com, +49 151 23456789, card 4111 1111 1111 1111. May I return shoes?"
        visitor = await place.visitor(wrote_so)
        await place.work()
        operator = await place.operator()
        thread = await shown(operator, visitor)
        assert thread["messages"][0]["text"] == wrote_so, "operators read what was written"
        turn = await operator.get(f"/api/turns/{thread['messages'][-1]['turn_id']}")
        page = await operator.get(f"/dashboard/turns/{thread['messages'][-1]['turn_id']}")
        for told in (turn.text, page.text):
            assert "May I return shoes?" in told
            assert not [each for each in ("jane@", "23456789", "4111") if each in told]


# refusals ----------------------------------------------------------------------------------------------


async def test_ids_that_are_nobodys_are_not_found(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        visitor = await place.visitor("Hello?")
        operator = await place.operator()
        body = {"client_id": "1", "text": "Hi", "seq": 1}
        for wrong in (
            "cnv_00000000000000000000000000",
            "1",
            "%00",
            "..%2f..",
            "cnv_'or'1",
            visitor.token[:30],
        ):
            for act in ("messages", "take", "release", "resolve", "reopen", "read"):
                answer = await operator.post(f"/api/conversations/{wrong}/{act}", json=body)
                assert answer.status_code == 404, (wrong, act)
            assert (await operator.get(f"/api/conversations/{wrong}")).status_code == 404
            assert (await operator.get(f"/api/turns/{wrong}")).status_code == 404
            assert (await operator.get(f"/dashboard/conversations/{wrong}")).status_code == 404
            assert (await operator.get(f"/api/events?conversation={wrong}")).status_code == 404
        assert await seen_by(place, visitor) == ["Hello?"]


async def test_nobody_sees_anything_without_signing_in(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        visitor = await place.visitor("Hello?")
        stranger = place.browser()
        for path in (
            "conversations",
            f"conversations/{visitor.conversation_id}",
            "turns/trn_1",
            "me",
            "events",
        ):
            assert (await stranger.get(f"/api/{path}")).status_code == 401
        for act in ("messages", "take", "release", "resolve", "reopen", "read"):
            assert (await stranger.post(at(visitor, act), json={})).status_code == 401


async def test_what_cannot_be_understood_is_refused_in_words_and_changes_nothing(
    sqlite: Store, tmp_path: Path
) -> None:
    async with office(sqlite, tmp_path) as place:
        visitor = await place.visitor("Hello?")
        operator = await place.operator()
        good = {"client_id": "1", "text": "Hi"}
        for body, field in (
            ({}, "client_id"),
            ({**good, "client_id": "a b"}, "client_id"),
            ({**good, "text": "  \n "}, "text"),
            ({**good, "text": "\x00"}, "text"),
            ({**good, "text": 7}, "text"),
            ({**good, "text": "x" * 10_001}, "text"),
            ({**good, "kind": "shout"}, "kind"),
        ):
            answer = await operator.post(at(visitor, "messages"), json=body)
            assert (answer.status_code, answer.json()["error"]["field"]) == (422, field), body
        for query, field in (
            ("status=lost", "status"),
            ("limit=0", "limit"),
            ("limit=x", "limit"),
            ("before=x", "before"),
            ("colour=red", "colour"),
        ):
            answer = await operator.get(f"/api/conversations?{query}")
            assert (answer.status_code, answer.json()["error"]["field"]) == (422, field)
        nothing_asked = "status=&assignee=&channel=&label=&q=&before=&limit="
        listed = await operator.get(f"/api/conversations?{nothing_asked}")
        assert listed.json() == (await operator.get("/api/conversations")).json()
        for seq in (-1, "1", None, True, 2**60):
            assert (await operator.post(at(visitor, "read"), json={"seq": seq})).status_code == 422
        thread = await shown(operator, visitor)
        assert (thread["status"], len(thread["messages"])) == ("bot", 1)


async def test_a_client_id_belongs_to_one_conversation(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        one, other = await place.visitor("one"), await place.visitor("other")
        operator, colleague = await place.operator("Grace"), await place.operator("Linus")
        assert (await write(operator, one, "Hi")).status_code == 201
        assert (await write(operator, other, "Hi")).json()["error"]["code"] == "used"
        assert (await write(colleague, other, "Hi")).status_code == 201


async def test_a_file_is_shown_in_its_own_conversation_and_in_a_sandbox(
    sqlite: Store, tmp_path: Path
) -> None:
    async with office(sqlite, tmp_path) as place:
        visitor, other = await place.visitor(), await place.visitor("other")
        client = place.browser(authorization=f"Bearer {visitor.token}")
        upload = {"file": ("<b>.txt", b"my receipt", "text/plain")}
        key = (await client.post("/api/web/attachments", files=upload)).json()["attachment"]["key"]
        body = {"client_id": "1", "text": "here", "attachments": [key]}
        assert (await client.post("/api/web/messages", json=body)).status_code == 202
        operator = await place.operator()
        (message,) = (await shown(operator, visitor))["messages"]
        file = await operator.get(message["attachments"][0]["url"])
        assert file.content == b"my receipt"
        assert file.headers["content-disposition"].startswith("attachment")
        assert file.headers["content-security-policy"].startswith("sandbox")
        assert (await operator.get(at(other, f"attachments/{key}"))).status_code == 404
        assert (await place.browser().get(message["attachments"][0]["url"])).status_code == 401


async def test_a_file_that_is_not_here_yet_is_not_found(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        remote = RemoteFile(url="https://provider.example/1", media_type="audio/ogg", name="")
        sent = replace(wrote("", channel="memory"), remote=(remote,))
        recorded = await place.front.desk.take_in(sent)
        operator = await place.operator()
        address = f"/api/conversations/{recorded.message.conversation_id}"
        (message,) = (await operator.get(address)).json()["messages"]
        (file,) = message["attachments"]
        assert file["state"] == "waiting"
        assert (await operator.get(file["url"])).status_code == 404


async def test_a_take_over_before_the_bot_begins_is_heard_too(sqlite: Store, tmp_path: Path) -> None:
    pages = Pages(held=True)
    async with office(sqlite, tmp_path, pages=pages, models=[ScriptedModel(ANSWER)]) as place:
        visitor = await place.visitor("How long can I return things?")
        operator = await place.operator()
        working = asyncio.create_task(place.work())
        await until(lambda: pages.asked, what="the look-up")
        await operator.post(at(visitor, "take"))
        async with asyncio.timeout(5):
            await working
        assert await seen_by(place, visitor) == ["How long can I return things?"]
