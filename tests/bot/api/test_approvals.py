"""What waits for an operator, as the API shows it, and the operator's word about it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.orchestrator.agent import ToolCall
from bot.store import Store
from bot.testing import ScriptedModel
from tests.bot.api.test_docs import answer_schema, wrong
from tests.front import until
from tests.office import Office, following, office
from tests.visitor import Visitor
from tools.base import Arguments, Tool, ToolContext
from tools.schema import checked_by

WISH = "The boots of order 123456 broke. Please refund me 40 euros."
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "order": {"type": "string", "pattern": "^[0-9]{6}$"},
        "amount": {"type": "integer", "minimum": 1},
    },
    "required": ["order", "amount"],
}


@dataclass
class Till:
    """A tool that pays back, and what it has paid."""

    paid: list[Arguments] = field(default_factory=list)
    contexts: list[ToolContext] = field(default_factory=list)

    def tool(self) -> Tool:
        async def call(context: ToolContext, arguments: Arguments) -> str:
            self.contexts.append(context)
            self.paid.append(arguments)
            return '{"refund": "R-1"}'

        return Tool(
            name="refund",
            description="Pays money back.",
            parameters=SCHEMA,
            check=checked_by(SCHEMA),
            call=call,
            effect="write",
            approval="operator",
        )


@dataclass(kw_only=True)
class Scene:
    place: Office
    till: Till
    visitor: Visitor
    operator: httpx.AsyncClient
    approval: dict[str, Any]

    async def decide(self, **body: Any) -> httpx.Response:
        return await self.operator.post(f"/api/approvals/{self.approval['id']}", json=body)

    async def said(self) -> list[str]:
        found = await self.operator.get(f"/api/conversations/{self.visitor.conversation_id}")
        return [each["text"] for each in found.json()["messages"] if not each["private"]]


@asynccontextmanager
async def asked(store: Store, folder: Path, *more: str) -> AsyncIterator[Scene]:
    """Somebody wants their money back, and an operator is asked."""
    till = Till()
    call = ToolCall(id="1", name="refund", arguments='{"order": "123456", "amount": 40}')
    model = ScriptedModel([call], "I have asked a colleague to allow it.", *more)
    async with office(store, folder, models=[model], tools=[till.tool()]) as place:
        visitor = await place.visitor(WISH)
        await place.work()
        operator = await place.operator()
        (approval,) = (await operator.get("/api/approvals?status=pending")).json()["approvals"]
        yield Scene(place=place, till=till, visitor=visitor, operator=operator, approval=approval)


async def test_an_operator_sees_who_wants_what_and_how_risky_it_is(store: Store, tmp_path: Path) -> None:
    async with asked(store, tmp_path) as scene:
        shown = scene.approval
        assert list(wrong(shown, {"$ref": "#/components/schemas/Approval"})) == []
        assert shown["tool"] == "refund"
        assert shown["arguments"] == {"order": "123456", "amount": 40}
        assert shown["schema"] == SCHEMA
        assert shown["why"] == WISH
        assert shown["conversation_id"] == scene.visitor.conversation_id
        assert shown["contact"]["name"].startswith("Visitor")
        assert shown["age_seconds"] < 60
        assert shown["risk"]["level"] == "medium"
        assert shown["risk"]["reasons"] == ["unverified", "once"]
        assert shown["unsaid"] == []
        one = await scene.operator.get(f"/api/approvals/{shown['id']}")
        assert one.json()["id"] == shown["id"]
        listed = (await scene.operator.get("/api/approvals")).json()
        assert list(wrong(listed, answer_schema("get", "/api/approvals", 200))) == []
        assert scene.till.paid == []


async def test_approved_with_an_edit_it_is_done_so_and_the_customer_told(
    store: Store, tmp_path: Path
) -> None:
    async with asked(store, tmp_path) as scene:
        answer = await scene.decide(
            decision="approve", arguments={"order": "123456", "amount": 25}, note="25 is what it cost."
        )
        assert answer.status_code == 200
        assert list(wrong(answer.json(), answer_schema("post", "/api/approvals/{id}", 200))) == []
        assert (answer.json()["status"], answer.json()["decided_by"]["name"]) == ("approved", "Grace")
        await scene.place.work()
        assert scene.till.paid == [{"order": "123456", "amount": 25}]
        assert scene.till.contexts[0].conversation_id == scene.visitor.conversation_id
        said = await scene.said()
        assert "This has been done now: “refund 25, 123456”." in said[-1]
        assert "R-1" in said[-1]
        assert "25 is what it cost." in said[-1]
        done = (await scene.operator.get("/api/approvals?status=done")).json()["approvals"]
        assert [(each["result"], each["proposed"]["amount"]) for each in done] == [('{"refund": "R-1"}', 40)]
        assert (await scene.operator.get("/api/approvals")).json()["approvals"] == []


async def test_rejected_it_is_not_done_and_the_customer_hears_why(store: Store, tmp_path: Path) -> None:
    async with asked(store, tmp_path) as scene:
        answer = await scene.decide(decision="reject", note="These boots are five years old.")
        assert answer.json()["status"] == "rejected"
        await scene.place.work()
        assert scene.till.paid == []
        assert (await scene.said())[-1].endswith("These boots are five years old.")


async def test_whoever_comes_second_is_told_so(store: Store, tmp_path: Path) -> None:
    async with asked(store, tmp_path) as scene:
        assert (await scene.decide(decision="reject")).status_code == 200
        for again in ({"decision": "reject"}, {"decision": "approve"}):
            refused = await scene.decide(**again)
            assert refused.status_code == 409
            assert refused.json()["error"]["code"] == "decided"
            assert "Grace" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "decision"),
        ({"decision": "perhaps"}, "decision"),
        ({"decision": "approve", "arguments": ["123456"]}, "arguments"),
        ({"decision": "approve", "arguments": {"order": "123456"}}, "arguments.amount"),
        ({"decision": "approve", "arguments": {"order": "12", "amount": 1}}, "arguments.order"),
        ({"decision": "approve", "arguments": {"order": "123456", "amount": 0}}, "arguments.amount"),
        ({"decision": "approve", "arguments": {"order": "123456", "amount": 1, "x": 1}}, "arguments.x"),
        ({"decision": "reject", "arguments": {"order": "123456", "amount": 1}}, "arguments"),
        ({"decision": "reject", "note": 7}, "note"),
        ({"decision": "reject", "note": "x" * 2001}, "note"),
    ],
)
async def test_what_cannot_be_meant_is_refused_by_name(
    sqlite: Store, tmp_path: Path, body: dict[str, Any], field: str
) -> None:
    async with asked(sqlite, tmp_path) as scene:
        refused = await scene.decide(**body)
        assert refused.status_code == 422, refused.text
        assert refused.json()["error"]["field"] == field
        (still,) = (await scene.operator.get("/api/approvals")).json()["approvals"]
        assert still["status"] == "pending"


async def test_only_those_who_may_decide_do(sqlite: Store, tmp_path: Path) -> None:
    async with asked(sqlite, tmp_path) as scene:
        viewer = await scene.place.operator("Vera", "viewer")
        address = f"/api/approvals/{scene.approval['id']}"
        assert (await viewer.get("/api/approvals")).status_code == 200
        assert (await viewer.post(address, json={"decision": "approve"})).status_code == 403
        assert (await scene.place.browser().get("/api/approvals")).status_code == 401
        forged = await scene.operator.post(
            address, json={"decision": "approve"}, headers={"x-csrf-token": "x"}
        )
        assert forged.status_code == 403
        unknown = await scene.operator.post(f"{address}0", json={"decision": "approve"})
        assert unknown.status_code == 404
        assert (await scene.operator.get("/api/approvals?status=lost")).status_code == 422
        assert (
            scene.approval["id"] == (await scene.operator.get("/api/approvals")).json()["approvals"][0]["id"]
        )


async def test_operators_see_it_come_and_go_live(store: Store, tmp_path: Path) -> None:
    async with asked(store, tmp_path) as scene, following(scene.operator) as stream:
        await scene.decide(decision="approve")
        await scene.place.work()

        def states() -> Sequence[str]:
            return [each["status"] for each in stream.named("approval")]

        await until(lambda: states()[-1:] == ["done"], what="the end of the call")
        await until(lambda: stream.named("conversation"), what="the conversation with it")


async def test_whoever_has_the_conversation_is_told_instead_of_the_customer(
    store: Store, tmp_path: Path
) -> None:
    async with asked(store, tmp_path) as scene:
        at = f"/api/conversations/{scene.visitor.conversation_id}"
        await scene.operator.post(f"{at}/take")
        before = await scene.said()
        await scene.decide(decision="approve")
        await scene.place.work()
        assert scene.till.paid
        assert await scene.said() == before
        (note,) = [each for each in (await scene.operator.get(at)).json()["messages"] if each["private"]]
        assert note["text"] == ('Done, as Grace allowed: refund (amount 40, order 123456). {"refund": "R-1"}')


async def test_resolving_withdraws_the_question(store: Store, tmp_path: Path) -> None:
    async with asked(store, tmp_path) as scene:
        await scene.operator.post(f"/api/conversations/{scene.visitor.conversation_id}/resolve")
        late = await scene.decide(decision="approve")
        assert late.status_code == 409
        assert "expired" in late.json()["error"]["message"]
        await scene.place.work()
        assert scene.till.paid == []


async def test_a_tool_that_is_gone_can_only_be_rejected(sqlite: Store, tmp_path: Path) -> None:
    async with asked(sqlite, tmp_path) as scene:
        kept = scene.approval
    async with office(sqlite, tmp_path) as place:
        ada = await place.operator("Ada")
        (shown,) = (await ada.get("/api/approvals")).json()["approvals"]
        assert (shown["schema"], shown["risk"]["level"]) == (None, "high")
        refused = await ada.post(f"/api/approvals/{kept['id']}", json={"decision": "approve"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "no_tool")
        rejected = await ada.post(f"/api/approvals/{kept['id']}", json={"decision": "reject"})
        assert rejected.json()["status"] == "rejected"
