"""A suggested answer and a conversation in short, over HTTP: asked for, taken, changed, and never sent."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Annotated

import httpx
import pytest

from bot.copilot import bare, share_changed
from bot.store import Store
from bot.store.budgets import Allowances
from bot.testing import ScriptedModel
from knowledge.lookup import NoMatch
from tests.bot.api.test_analytics import analytics
from tests.front import Pages
from tests.office import Office, office
from tests.visitor import Visitor
from tools.base import ToolContext
from tools.function import tool

QUESTION = "How long can I return things?"
ANSWER = "Within 30 days of delivery. [1]"


@tool(effect="write")
async def refund(context: ToolContext, order: Annotated[str, "The order"]) -> str:
    """Pay an order back."""
    raise AssertionError("a suggestion changes nothing")


def at(visitor: Visitor, act: str) -> str:
    return f"/api/conversations/{visitor.conversation_id}/{act}"


async def asked(place: Office, *words: str) -> tuple[Visitor, httpx.AsyncClient]:
    """A visitor whose conversation an operator has taken over, and the operator."""
    visitor = await place.visitor(*words)
    operator = await place.operator()
    assert (await operator.post(at(visitor, "take"))).status_code == 200
    return visitor, operator


async def said(store: Store, visitor: Visitor) -> list[str]:
    thread = await store.inbox.thread(visitor.conversation_id)
    assert thread is not None
    return [each.text for each in thread.messages]


async def test_an_answer_is_suggested_with_its_sources_and_nothing_is_sent(
    store: Store, tmp_path: Path
) -> None:
    model = ScriptedModel(ANSWER)
    async with office(store, tmp_path, models=[model], tools=[refund]) as place:
        visitor, operator = await asked(place, QUESTION)
        answer = await operator.post(at(visitor, "suggestion"))
        assert answer.status_code == 200, answer.text
        suggestion = answer.json()["suggestion"]
        assert suggestion["text"] == "Within 30 days of delivery."
        assert [each["title"] for each in suggestion["citations"]] == ["Returns › Sending something back"]
        assert model.requests[0].tools == ()  # none that changes anything is offered
        assert await said(store, visitor) == [QUESTION]
        turn = (await operator.get(f"/api/turns/{suggestion['id']}")).json()
        assert (turn["status"], turn["outcome"]) == ("aside", "suggestion")
        assert turn["cost_usd"] > 0
        assert {"knowledge", "model"} <= {step["kind"] for step in turn["steps"]}
        assert (await operator.get(f"/api/conversations/{visitor.conversation_id}")).json()["cost_usd"] > 0
        page = await operator.get(f"/dashboard/turns/{suggestion['id']}")
        assert "suggested an answer to an operator" in page.text


async def test_without_a_model_the_pages_own_words_are_suggested(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path) as place:
        visitor, operator = await asked(place, QUESTION, "I want to speak to a person", "Thanks!")
        suggestion = (await operator.post(at(visitor, "suggestion"))).json()["suggestion"]
        assert "30 days" in suggestion["text"]
        assert "[1]" not in suggestion["text"]
        assert suggestion["citations"]


async def test_a_model_that_invents_a_number_suggests_nothing_of_its_own(
    sqlite: Store, tmp_path: Path
) -> None:
    model = ScriptedModel("Within 365 days, and we pay $900. [1]")
    async with office(sqlite, tmp_path, models=[model]) as place:
        visitor, operator = await asked(place, QUESTION)
        suggestion = (await operator.post(at(visitor, "suggestion"))).json()["suggestion"]
        assert "900" not in suggestion["text"]
        assert "30 days" in suggestion["text"]


async def test_a_budget_that_is_used_up_holds_for_suggestions_too(store: Store, tmp_path: Path) -> None:
    model = ScriptedModel(ANSWER)
    async with office(store, tmp_path, models=[model], allowances=Allowances(day=1)) as place:
        visitor, operator = await asked(place, QUESTION)
        suggestion = (await operator.post(at(visitor, "suggestion"))).json()["suggestion"]
        assert model.requests == []
        assert "30 days" in suggestion["text"]


async def test_what_nothing_answers_is_not_answered(sqlite: Store, tmp_path: Path) -> None:

    async with office(sqlite, tmp_path, pages=Pages(NoMatch())) as place:
        visitor, operator = await asked(place, "What is the meaning of life?")
        answer = await operator.post(at(visitor, "suggestion"))
        assert answer.json() == {"suggestion": None}


async def test_where_the_bot_answers_nothing_is_suggested(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        visitor = await place.visitor(QUESTION)
        operator, viewer = await place.operator(), await place.operator("Vera", "viewer")
        refused = await operator.post(at(visitor, "suggestion"))
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "with_the_bot")
        assert (await viewer.post(at(visitor, "suggestion"))).status_code == 403
        assert (await operator.post("/api/conversations/cnv_none/suggestion")).status_code == 404


async def test_how_much_of_a_suggestion_was_changed_is_written_down(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path, models=[ScriptedModel(ANSWER, ANSWER, ANSWER)]) as place:
        visitor, operator = await asked(place, QUESTION)
        first, second, third = [
            (await operator.post(at(visitor, "suggestion"))).json()["suggestion"]["id"] for _ in range(3)
        ]
        await operator.post(f"/api/suggestions/{first}", json={"outcome": "dismissed"})
        await operator.post(f"/api/suggestions/{second}", json={"outcome": "taken"})
        reply = {"client_id": "1", "text": "Within 90 days of delivery.", "suggestion": second}
        assert (await operator.post(at(visitor, "messages"), json=reply)).status_code == 201
        assert (await operator.post(at(visitor, "messages"), json=reply)).status_code == 200
        sent = await store.copilot.suggestion(second)
        assert sent is not None
        assert (sent.sent_text, sent.taken, sent.changed) == (reply["text"], True, pytest.approx(1 / 27))
        ignored = await store.copilot.suggestion(third)
        assert ignored is not None
        assert (ignored.taken, ignored.dismissed, ignored.changed) == (False, False, None)
        assert (
            await operator.post("/api/suggestions/trn_none", json={"outcome": "taken"})
        ).status_code == 404
        for wrong in ("trn_none", 7, "\x00"):
            body = {"client_id": "2", "text": "x", "suggestion": wrong}
            assert (await operator.post(at(visitor, "messages"), json=body)).status_code == 422


async def test_a_conversation_is_told_in_short_by_a_model(store: Store, tmp_path: Path) -> None:
    model = ScriptedModel("They ask how long returns take. Nothing is open.")
    async with office(store, tmp_path, models=[model]) as place:
        visitor, operator = await asked(place, QUESTION)
        assert (await operator.get(at(visitor, "summary"))).json() == {"summary": None}
        told = (await operator.post(at(visitor, "summary"))).json()["summary"]
        assert (told["text"], told["model"]) == (
            "They ask how long returns take. Nothing is open.",
            "scripted",
        )
        assert (await operator.get(at(visitor, "summary"))).json()["summary"] == told
        page = await operator.get(f"/dashboard/conversations/{visitor.conversation_id}")
        assert "They ask how long returns take." in page.text


async def test_a_hand_over_brings_its_summary_and_numbers_nobody_said_are_no_summary(
    store: Store, tmp_path: Path
) -> None:
    async with office(store, tmp_path, models=[ScriptedModel("They want 500 boots.")]) as place:
        visitor = await place.visitor("I want to speak to a person about my boots")
        await place.work()
        operator = await place.operator()
        handed = (await operator.get(at(visitor, "summary"))).json()["summary"]
        assert handed["text"].startswith("The customer asked for a person.")
        told = (await operator.post(at(visitor, "summary"))).json()["summary"]
        assert (told["text"], told["model"]) == ("I want to speak to a person about my boots", "")


def test_the_share_changed_is_that_of_an_edit_distance() -> None:
    assert share_changed("Within 30 days.", "Within  30 days.\n") == 0
    assert share_changed("", "") == 0
    assert share_changed("abcd", "wxyz") == 1
    assert share_changed("abcd", "abcx") == 0.25
    assert bare("Within 30 days. [1] See [our page](https://x.example). [2][3]") == (
        "Within 30 days. See [our page](https://x.example)."
    )


async def test_figures_tell_what_became_of_suggestions_by_day(store: Store, tmp_path: Path) -> None:
    async with office(store, tmp_path, models=[ScriptedModel(*[ANSWER] * 4)]) as place:
        visitor, operator = await asked(place, QUESTION)
        first, second, third, _ignored = [
            (await operator.post(at(visitor, "suggestion"))).json()["suggestion"] for _ in range(4)
        ]
        await operator.post(f"/api/suggestions/{third['id']}", json={"outcome": "dismissed"})
        for number, each in enumerate((first, second)):
            text = each["text"] + " Best wishes from Grace" * number
            body = {"client_id": str(number), "text": text, "suggestion": each["id"]}
            assert (await operator.post(at(visitor, "messages"), json=body)).status_code == 201
        told = await analytics(operator)
        suggested = told["total"]["suggestions"]
        changed = suggested.pop("median_changed")
        assert changed == pytest.approx((0 + 23 / 50) / 2)
        assert suggested == {"asked": 4, "taken": 2, "dismissed": 1, "sent": 2, "sent_unchanged": 1}
        assert told["days"][-1]["suggestions"]["asked"] == 4
        assert told["days"][0]["suggestions"]["median_changed"] is None
        rows = list(csv.DictReader(io.StringIO((await operator.get("/api/analytics.csv")).text)))
        assert [(row["channel"], row["suggestions_asked"], row["suggestions_sent"]) for row in rows] == [
            ("", "4", "2"),
            ("web", "", ""),
        ]
        page = (await operator.get("/dashboard/analytics")).text
        assert "1 of 2 sent as they were; half of them changed by 23% or less" in page
        assert 'aria-label="Suggested answers: 4 altogether' in page
