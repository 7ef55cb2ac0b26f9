"""Answers marked as good or bad, over HTTP and on the pages: kept with what led to them, masked outside."""

from __future__ import annotations

from pathlib import Path

import httpx
import orjson
import pytest

from bot.store import Store
from bot.testing import ScriptedModel
from tests.bot.api.test_docs import answer_schema, wrong
from tests.office import Office, office
from tests.visitor import Visitor

QUESTION = "How long can I return things? Write to ada@customer.example"
ANSWER = "Within 30 days of delivery. [1]"
HOSTILE = "<script>alert(1)</script>"


async def answered(place: Office, *words: str) -> tuple[Visitor, httpx.AsyncClient, str]:
    """A visitor, an operator, and the id of the bot's latest answer."""
    visitor = await place.visitor()
    for each in words:
        await visitor.say(each)
        await place.work()
    operator = await place.operator()
    detail = (await operator.get(f"/api/conversations/{visitor.conversation_id}")).json()
    return visitor, operator, detail["messages"][-1]["id"]


async def test_a_marked_answer_is_kept_with_what_led_to_it_and_leaves_masked(
    store: Store, tmp_path: Path
) -> None:
    async with office(store, tmp_path, models=[ScriptedModel(ANSWER, ANSWER)]) as place:
        visitor, operator, message = await answered(place, "Hello", QUESTION)
        body = {
            "message_id": message,
            "mark": "bad",
            "expected": "45 days; call +49 30 1234567",
            "reason": "The pages are old",
        }
        answer = await operator.post("/api/evaluation", json=body)
        assert answer.status_code == 200, answer.text
        assert not list(wrong(answer.json(), answer_schema("post", "/api/evaluation", 200)))
        kept = answer.json()["evaluation"]
        assert (kept["mark"], kept["question"], kept["answer"]) == ("bad", QUESTION, ANSWER)
        assert (kept["expected"], kept["reason"]) == (body["expected"], body["reason"])
        assert [each["author"] for each in kept["history"]] == ["contact", "bot"]
        assert kept["passages"][0]["title"] == "Returns › Sending something back"
        assert (kept["model"], kept["marked_by"]["name"]) == ("scripted", "Grace")
        assert kept["cost_usd"] > 0
        download = await operator.get("/api/evaluation.jsonl")
        (line,) = download.text.splitlines()
        told = orjson.loads(line)
        assert told["question"] == "How long can I return things? Write to [email]"
        assert told["expected"] == "45 days; call [phone]"
        assert {name: told[name] for name in ("id", "turn_id", "marked_at")} == {
            name: kept[name] for name in ("id", "turn_id", "marked_at")
        }
        good = await operator.post("/api/evaluation", json={"message_id": message, "mark": "good"})
        assert (good.json()["evaluation"]["id"], good.json()["evaluation"]["expected"]) == (kept["id"], "")
        page = (await operator.get(f"/dashboard/conversations/{visitor.conversation_id}")).text
        assert 'data-mark="good" data-message="' + message + '" aria-pressed="true"' in page
        why = (await operator.get(f"/dashboard/turns/{kept['turn_id']}")).text
        assert "Was this a good answer?" in why
        assert (await operator.delete(f"/api/evaluation/{kept['id']}")).status_code == 204
        assert (await operator.delete(f"/api/evaluation/{kept['id']}")).status_code == 404
        assert (await operator.get("/api/evaluation")).json() == {"evaluations": [], "next": None}


async def test_the_set_is_listed_by_page_and_mark(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path, models=[ScriptedModel(*[ANSWER] * 3)]) as place:
        words = ("How long can I return boots?", "And what about a tent?", HOSTILE + " is that a question?")
        visitor, operator, _latest = await answered(place, *words)
        detail = (await operator.get(f"/api/conversations/{visitor.conversation_id}")).json()
        bots = [each["id"] for each in detail["messages"] if each["author"]["kind"] == "bot"]
        for number, each in enumerate(bots):
            body = {"message_id": each, "mark": "good" if number else "bad", "expected": HOSTILE}
            assert (await operator.post("/api/evaluation", json=body)).status_code == 200
        first = (await operator.get("/api/evaluation?limit=2")).json()
        rest = (await operator.get(f"/api/evaluation?limit=2&before={first['next']}")).json()
        assert [each["message_id"] for each in first["evaluations"] + rest["evaluations"]] == bots[::-1]
        assert rest["next"] is None
        bad = (await operator.get("/api/evaluation?mark=bad")).json()["evaluations"]
        assert [each["message_id"] for each in bad] == bots[:1]
        viewer = await place.operator("Vera", "viewer")
        for client, address in (
            (operator, "/dashboard/knowledge/evaluation"),
            (viewer, "/dashboard/knowledge/evaluation?mark=good"),
            (viewer, "/dashboard/knowledge/evaluation?before=x"),
        ):
            page = await client.get(address)
            assert page.status_code == 200
            assert "&lt;script&gt;alert(1)" in page.text
            assert "<script>alert" not in page.text
            assert ("data-unmark" in page.text) is (client is operator)
        assert "Good answers: 2" in (await viewer.get("/dashboard/knowledge")).text
        refused = await viewer.post("/api/evaluation", json={"message_id": bots[0], "mark": "good"})
        assert refused.status_code == 403


async def test_only_answers_of_the_bot_are_marked(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path, models=[ScriptedModel(ANSWER)]) as place:
        visitor, operator, message = await answered(place, QUESTION)
        detail = (await operator.get(f"/api/conversations/{visitor.conversation_id}")).json()
        theirs = detail["messages"][0]["id"]
        for wanted, status in ((theirs, 404), (f"msg_{0:031x}", 404), ("msg_none", 422), (7, 422)):
            body = {"message_id": wanted, "mark": "good"}
            assert (await operator.post("/api/evaluation", json=body)).status_code == status
        for body in (
            {"mark": "so-so"},
            {},
            {"mark": "bad", "expected": 7},
            {"mark": "bad", "reason": "x" * 1001},
        ):
            answer = await operator.post("/api/evaluation", json={"message_id": message} | body)
            assert answer.status_code == 422
        assert (await operator.get("/api/evaluation?mark=so-so")).status_code == 422


@pytest.mark.parametrize("address", ["/api/evaluation", "/api/evaluation.jsonl"])
async def test_strangers_read_nothing(sqlite: Store, tmp_path: Path, address: str) -> None:
    async with office(sqlite, tmp_path) as place:
        assert (await place.browser().get(address)).status_code == 401
