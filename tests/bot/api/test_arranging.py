"""How operators arrange conversations, over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.store import Store
from tests.office import office


def at(conversation_id: str, act: str) -> str:
    return f"/api/conversations/{conversation_id}/{act}"


async def listed(client: httpx.AsyncClient, **query: str) -> list[str]:
    answer = await client.get("/api/conversations", params=query)
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json()["conversations"]]


async def test_conversations_are_given_to_operators_and_taken_from_them(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        visitor = await place.visitor("Hello")
        grace, linus = await place.operator("Grace"), await place.operator("Linus")
        everybody = {each["name"]: each for each in (await grace.get("/api/operators")).json()["operators"]}
        assert everybody["Linus"]["role"] == "operator"
        assert await listed(grace, assignee="none") == [visitor.conversation_id]
        given = await grace.post(
            at(visitor.conversation_id, "assign"), json={"assignee": everybody["Linus"]["id"]}
        )
        assert given.json()["assignee"]["name"] == "Linus"
        assert given.json()["status"] == "human"
        assert await listed(linus, assignee="me") == [visitor.conversation_id]
        assert await listed(grace, assignee="me") == await listed(grace, assignee="none") == []
        assert await listed(grace, assignee=everybody["Linus"]["id"]) == [visitor.conversation_id]
        mine = await grace.post(at(visitor.conversation_id, "assign"), json={"assignee": "me"})
        assert mine.json()["assignee"]["name"] == "Grace"
        nobodys = await grace.post(at(visitor.conversation_id, "assign"), json={"assignee": None})
        assert (nobodys.json()["assignee"], nobodys.json()["status"]) == (None, "waiting")


@pytest.mark.parametrize("assignee", ["op_nobody", 7, {}, "\x00"])
async def test_nobody_can_be_given_a_conversation_who_is_not_there(
    assignee: Any, store: Store, tmp_path: Path
) -> None:
    async with office(store, tmp_path) as place:
        visitor = await place.visitor("Hello")
        grace = await place.operator()
        answer = await grace.post(at(visitor.conversation_id, "assign"), json={"assignee": assignee})
        assert answer.status_code == 422
        assert answer.json()["error"]["field"] == "assignee"


async def test_a_viewer_is_given_nothing(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        visitor = await place.visitor("Hello")
        grace, viewer = await place.operator(), await place.operator("Vera", "viewer")
        vera = (await viewer.get("/api/me")).json()["id"]
        answer = await grace.post(at(visitor.conversation_id, "assign"), json={"assignee": vera})
        assert answer.status_code == 422
        assert (await viewer.post(at(visitor.conversation_id, "assign"), json={})).status_code == 403


async def test_labels_and_priority_are_shown_and_searched_by(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        visitor = await place.visitor("Where are my boots?")
        await place.visitor("Something else")
        grace = await place.operator()
        here = visitor.conversation_id
        put = await grace.post(at(here, "labels"), json={"labels": ["vip", " billing ", "vip"]})
        assert put.json()["labels"] == ["billing", "vip"]
        off = await grace.post(at(here, "labels"), json={"add": ["new"], "remove": ["vip"]})
        assert off.json()["labels"] == ["billing", "new"]
        assert (await grace.get("/api/labels")).json()["labels"] == [
            {"label": "billing", "conversations": 1},
            {"label": "new", "conversations": 1},
        ]
        urgent = await grace.post(at(here, "priority"), json={"priority": "urgent"})
        assert urgent.json()["priority"] == "urgent"
        assert await listed(grace, label="new") == [here]
        assert await listed(grace, q="boot", channel="web", status="bot") == [here]
        assert await listed(grace, q="boots else") == []
        assert await listed(grace, q="'; DROP \" NEAR( * \\") == []
        assert (await grace.get(f"/api/conversations/{here}")).json()["channels"] == ["web"]


@pytest.mark.parametrize(
    ("act", "body", "field"),
    [
        ("labels", {"labels": "vip"}, "labels"),
        ("labels", {"add": [""]}, "add"),
        ("labels", {"add": ["a,b"]}, "add"),
        ("labels", {"add": ["x" * 41]}, "add"),
        ("labels", {"add": [f"label {n}" for n in range(21)]}, "add"),
        ("labels", {"remove": [1]}, "remove"),
        ("priority", {"priority": "high!"}, "priority"),
        ("priority", {"priority": ["high"]}, "priority"),
        ("priority", {}, "priority"),
        ("snooze", {}, "seconds"),
        ("snooze", {"seconds": True}, "seconds"),
        ("snooze", {"seconds": -1}, "seconds"),
        ("snooze", {"seconds": 1e12}, "seconds"),
        ("snooze", {"until": "tomorrow"}, "until"),
        ("snooze", {"until": 12}, "until"),
        ("snooze", {"until": "2026-01-01T09:00:00"}, "until"),
        ("snooze", {"until": "2020-01-01T09:00:00Z"}, "until"),
        ("draft", {"text": 1}, "text"),
        ("draft", {"text": "x", "kind": "mail"}, "kind"),
    ],
)
async def test_what_cannot_be_is_refused_by_name(
    act: str, body: Any, field: str, sqlite: Store, tmp_path: Path
) -> None:
    async with office(sqlite, tmp_path) as place:
        visitor = await place.visitor("Hello")
        grace = await place.operator()
        answer = await grace.post(at(visitor.conversation_id, act), json=body)
        assert answer.status_code == 422, answer.text
        assert answer.json()["error"]["field"] == field


@pytest.mark.parametrize("act", ["assign", "snooze", "labels", "priority", "draft"])
async def test_a_conversation_that_is_not_there_is_not_found(act: str, sqlite: Store, tmp_path: Path) -> None:
    body = {"seconds": 60, "priority": "low", "labels": [], "text": "x"}
    async with office(sqlite, tmp_path) as place:
        grace = await place.operator()
        assert (await grace.post(at("cnv_000000000000", act), json=body)).status_code == 404


async def test_a_snoozed_conversation_says_until_when(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        visitor = await place.visitor("Hello")
        grace = await place.operator()
        until = datetime.now(UTC) + timedelta(hours=3)
        answer = await grace.post(at(visitor.conversation_id, "snooze"), json={"until": until.isoformat()})
        assert answer.json()["status"] == "snoozed"
        said = datetime.fromisoformat(answer.json()["snoozed_until"])
        assert abs((said - until).total_seconds()) < 5
        assert await listed(grace, status="snoozed") == [visitor.conversation_id]
        await visitor.say("I am back")
        assert await listed(grace, status="bot") == [visitor.conversation_id]


async def test_a_draft_is_kept_for_its_operator_alone(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        visitor = await place.visitor("Hello")
        grace, linus = await place.operator("Grace"), await place.operator("Linus")
        draft = at(visitor.conversation_id, "draft")
        assert (await grace.get(draft)).json() == {
            "text": "",
            "kind": "reply",
            "attachments": [],
            "updated_at": None,
        }
        assert (await grace.post(draft, json={"text": "Dear", "kind": "note"})).status_code == 204
        kept = (await grace.get(draft)).json()
        assert (kept["text"], kept["kind"]) == ("Dear", "note")
        assert (await linus.get(draft)).json()["text"] == ""
        assert (await grace.post(draft, json={"text": ""})).status_code == 204
        assert (await grace.get(draft)).json()["text"] == ""
