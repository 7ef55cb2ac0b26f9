"""The approvals' page and the cards in conversations, over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from bot.orchestrator.agent import ToolCall
from bot.store import Store
from bot.testing import ScriptedModel
from tests.bot.dashboard.test_pages import HOSTILE, Tags
from tests.doubles.tools import a_tool
from tests.office import office
from tools.base import Arguments, ToolContext, ToolFailed


def wanting(**arguments: Any) -> ScriptedModel:
    call = ToolCall(id="1", name="refund", arguments=orjson.dumps(arguments).decode())
    return ScriptedModel([call], "I have asked a colleague.")


REFUND = a_tool("refund", {"order": {}, "items": {}}, effect="write", approval="operator")


async def test_what_waits_stands_in_the_queue_in_its_conversation_and_in_the_navigation(
    sqlite: Store, tmp_path: Path
) -> None:
    model = wanting(order="123456", items=["boots", "laces"])
    async with office(sqlite, tmp_path, models=[model], tools=[REFUND]) as place:
        visitor = await place.visitor("Refund the boots and laces of 123456")
        await place.work()
        grace = await place.operator()
        queue = (await grace.get("/dashboard/approvals")).text
        at = f"/dashboard/conversations/{visitor.conversation_id}"
        thread = (await grace.get(at)).text
        for page in (queue, thread):
            assert "boots, laces" in page
            assert 'value="approve"' in page
            assert 'aria-label="1 waiting"' in page
            assert 'aria-label="Approvals" aria-describedby="waiting-approvals"' in page
        assert f'href="{at}"' in queue
        assert "Refund the boots and laces of 123456" in queue
        assert thread.count("Refund the boots and laces of 123456") == 1, "it stands above as a message"
        viewer = await place.operator("Vera", "viewer")
        assert 'value="approve"' not in (await viewer.get("/dashboard/approvals")).text
        assert (await place.browser().get("/dashboard/approvals")).status_code == 303

        (approval,) = (await grace.get("/api/approvals")).json()["approvals"]
        await grace.post(f"/api/approvals/{approval['id']}", json={"decision": "reject", "note": "No."})
        queue = (await grace.get("/dashboard/approvals")).text
        assert "Nothing waits for a decision." in queue
        assert "rejected" in queue
        assert "waiting</span>" not in queue


async def test_one_whose_message_is_far_up_is_shown_all_the_same(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path, models=[wanting(order="123456", items=[])], tools=[REFUND]) as place:
        visitor = await place.visitor("Refund 123456")
        await place.work()
        grace = await place.operator()
        await grace.post(f"/api/conversations/{visitor.conversation_id}/take")
        for number in range(45):
            await visitor.say(f"Hello? {number}")
        page = (await grace.get(f"/dashboard/conversations/{visitor.conversation_id}")).text
        assert "I have asked a colleague." not in page
        assert page.count('data-approval="') == 1


@pytest.mark.parametrize("words", HOSTILE)
async def test_nothing_that_a_model_or_a_customer_wrote_runs(
    sqlite: Store, tmp_path: Path, words: str
) -> None:
    tool = a_tool(
        "refund",
        {"order": {"enum": [words, "y"]}, words: {"title": words, "description": words}},
        effect="write",
        approval="operator",
    )
    model = wanting(**{"order": words, words: words})
    async with office(sqlite, tmp_path, models=[model], tools=[tool]) as place:
        visitor = await place.visitor(words)
        await place.work()
        grace = await place.operator()
        for at in ("/dashboard/approvals", f"/dashboard/conversations/{visitor.conversation_id}"):
            tags = Tags()
            tags.feed((await grace.get(at)).text)
            assert tags.bad == []
            assert tags.tags.count("script") == 4  # ours


@pytest.mark.parametrize(("no", "label"), [(False, "To the customer"), (True, "Meant for the customer")])
async def test_a_word_for_the_customer_is_shown_as_sent_only_if_it_was(
    sqlite: Store, tmp_path: Path, no: bool, label: str
) -> None:
    async def call(context: ToolContext, arguments: Arguments) -> str:
        if no:
            raise ToolFailed("409", refused=True, words="It was refunded before.")
        return "done"

    tool = a_tool("refund", {"order": {}}, call, effect="write", approval="operator")
    async with office(sqlite, tmp_path, models=[wanting(order="123456")], tools=[tool]) as place:
        visitor = await place.visitor("Refund 123456")
        await place.work()
        grace = await place.operator()
        (approval,) = (await grace.get("/api/approvals")).json()["approvals"]
        decision = {"decision": "approve", "note": "Enjoy the money."}
        await grace.post(f"/api/approvals/{approval['id']}", json=decision)
        await place.work()
        thread = (await grace.get(f"/api/conversations/{visitor.conversation_id}")).json()["messages"]
        assert ("Enjoy the money." in thread[-1]["text"]) is not no
        assert ("It was refunded before." in thread[-1]["text"]) is no
        queue = (await grace.get("/dashboard/approvals")).text
        assert f"<dt>{label}" in queue
