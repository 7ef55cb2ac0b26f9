"""Plans: read from what a model wrote, carried out side by side and in order."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from bot.orchestrator.agent import LeaseLost
from bot.orchestrator.plan import Finding, NoPlan, Plan, Subtask, Taken, carry_out, checked, read
from tests.channels.email.mails import corpus

TOOLS = {"order_status", "change_address", "note"}


def plan(*subtasks: Mapping[str, object]) -> Plan:
    return read(json.dumps({"subtasks": subtasks}), TOOLS)


class Floor:
    """Performs subtasks when told to; says which are at work."""

    def __init__(self, **results: str) -> None:
        self.results = results
        self.began: list[str] = []
        self.given: dict[str, Mapping[str, JsonValue]] = {}
        self.left: dict[str, float] = {}  # seconds until a subtask's deadline, when it began
        self.gates: dict[str, asyncio.Event] = {}
        self.changed = asyncio.Condition()

    async def __call__(
        self, subtask: Subtask, arguments: Mapping[str, JsonValue], deadline: float
    ) -> Finding:
        self.given[subtask.id] = arguments
        self.left[subtask.id] = deadline - time.monotonic()
        async with self.changed:
            self.began.append(subtask.id)
            self.changed.notify_all()
        if gate := self.gates.get(subtask.id):
            await gate.wait()
        result = self.results.get(subtask.id)
        if result is None:
            return Finding(subtask=subtask, state="failed", result="the shop did not answer")
        return Finding(subtask=subtask, state="done", result=result, arguments=arguments)

    async def until(self, *names: str) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: set(names) <= set(self.began))


async def test_what_is_independent_runs_side_by_side_and_what_depends_after_it() -> None:
    floor = Floor(order='{"customer": {"id": 7}}', returns="30 days", address="changed")
    floor.gates = {"order": asyncio.Event(), "returns": asyncio.Event()}
    asked = plan(
        {
            "id": "address",
            "wish": "change my address",
            "tool": "change_address",
            "arguments": {"customer": {"from": "order", "field": "customer.id"}, "street": "Elm 1"},
        },
        {"id": "order", "wish": "where is it", "tool": "order_status", "arguments": {"order_id": "123456"}},
        {"id": "returns", "wish": "can shoes be returned"},
    )
    task = asyncio.create_task(carry_out(asked, floor, until=math.inf))
    await floor.until("order", "returns")
    assert "address" not in floor.began
    floor.gates["order"].set()
    await floor.until("address")
    assert not floor.gates["returns"].is_set()
    floor.gates["returns"].set()
    found = await task
    assert [(each.subtask.id, each.state) for each in found] == [
        ("address", "done"),
        ("order", "done"),
        ("returns", "done"),
    ]
    assert floor.given["address"] == {"customer": 7, "street": "Elm 1"}


async def test_a_subtask_that_fails_takes_along_only_those_that_need_it() -> None:
    floor = Floor(returns="30 days")
    found = await carry_out(
        plan(
            {"id": "order", "wish": "where is it", "tool": "order_status"},
            {"id": "address", "wish": "change it", "tool": "change_address", "after": ["order"]},
            {"id": "note", "wish": "tell them", "tool": "note", "after": ["address"]},
            {"id": "returns", "wish": "returns"},
        ),
        floor,
        until=math.inf,
    )
    assert [each.state for each in found] == ["failed", "skipped", "skipped", "done"]
    assert found[1].result == "it needs 'order', which has not been done"
    assert floor.began == ["order", "returns"]


async def test_each_has_its_share_of_the_time_and_leaves_the_rest_to_those_that_wait_for_it() -> None:
    floor = Floor(order="{}", address="changed", note="sent", returns="30 days")
    began = time.monotonic()
    await carry_out(
        plan(
            {"id": "order", "wish": "where is it", "tool": "order_status"},
            {"id": "address", "wish": "change it", "tool": "change_address", "after": ["order"]},
            {"id": "note", "wish": "tell them", "tool": "note", "after": ["address", "order"]},
            {"id": "returns", "wish": "returns"},
        ),
        floor,
        until=began + 3_000,
    )
    shares = {name: round(left, -2) for name, left in floor.left.items()}
    assert shares == {"order": 1_000, "returns": 3_000, "address": 1_500, "note": 3_000}


async def test_a_lookup_past_its_deadline_is_ended_and_the_rest_goes_on() -> None:
    floor = Floor(order="{}", returns="30 days")
    floor.gates = {"returns": asyncio.Event()}  # never opened
    found = await carry_out(
        plan(
            {"id": "returns", "wish": "returns"},
            {"id": "address", "wish": "change it", "tool": "change_address", "after": ["returns"]},
            {"id": "order", "wish": "where is it", "tool": "order_status"},
        ),
        floor,
        until=time.monotonic() + 0.9,
    )
    assert [each.state for each in found] == ["failed", "skipped", "done"]
    assert found[0].result.startswith("it took longer than 0.")


@pytest.mark.parametrize("result", ["no JSON", "{}", "[1]", '{"customer": null}', '{"customer": []}', '"x"'])
async def test_what_a_result_lacks_is_not_made_up(result: str) -> None:
    floor = Floor(order=result, address="changed")
    taken = {"customer": {"from": "order", "field": "customer.id"}}
    found = await carry_out(
        plan(
            {"id": "order", "wish": "", "tool": "order_status"},
            {"id": "address", "wish": "", "tool": "change_address", "arguments": taken},
        ),
        floor,
        until=math.inf,
    )
    assert (found[1].state, found[1].result) == (
        "skipped",
        "'order' has no 'customer.id' in its result",
    )


async def test_whoever_lost_the_turn_stops_everything() -> None:
    stopped = asyncio.Event()

    async def perform(subtask: Subtask, _: Mapping[str, JsonValue], __: float) -> Finding:
        if subtask.id == "a":
            raise LeaseLost
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        raise AssertionError

    with pytest.raises(LeaseLost):
        await carry_out(plan({"id": "a", "wish": ""}, {"id": "b", "wish": ""}), perform, until=math.inf)
    assert stopped.is_set()


@pytest.mark.parametrize(
    "written",
    [
        "",
        "I would look up the order first.",
        "{}",
        '{"subtasks": []}',
        '{"subtasks": {}}',
        '{"subtasks": [1]}',
        '{"subtasks": [{"wish": "no id"}]}',
        '{"subtasks": [{"id": "a", "arguments": [1]}]}',
        '{"subtasks": [{"id": "a", "tool": 1}]}',
        '{"subtasks": [{"id": "a", "tool": "wipe_everything"}]}',
        '{"subtasks": [{"id": "a", "after": "b"}]}',
        '{"subtasks": [{"id": "a"}, {"id": "a"}]}',
        '{"subtasks": [{"id": "a", "after": ["a"]}]}',
        '{"subtasks": [{"id": "a", "after": ["b"]}, {"id": "b", "after": ["a"]}]}',
        '{"subtasks": [{"id": "a", "after": ["elsewhere"]}]}',
        json.dumps({"subtasks": [{"id": str(n)} for n in range(9)]}),
    ],
)
def test_what_is_no_plan_is_none(written: str) -> None:
    with pytest.raises(NoPlan):
        read(written, TOOLS)


def test_a_plan_in_a_fence_is_a_plan() -> None:
    written = 'Here it is:\n```json\n{"subtasks": [{"id": "a", "wish": "returns"}]}\n```'
    assert read(written, TOOLS) == Plan(subtasks=(Subtask(id="a", wish="returns", after=[]),))


def test_garbage_is_read_or_refused_but_never_worse() -> None:
    for path in sorted(corpus("json-garbage").rglob("*.json")):
        text = path.read_bytes().decode(errors="replace")
        for written in (
            text,
            f'{{"subtasks": {text}}}',
            f'{{"subtasks": [{{"id": "a", "arguments": {text}}}]}}',
        ):
            try:
                read(written, TOOLS)
            except NoPlan:
                continue


@settings(deadline=None)  # a busy machine is no fault of a plan
@given(st.lists(st.lists(st.integers(0, 7), max_size=3), min_size=1, max_size=8))
async def test_every_plan_ends_with_each_after_what_it_needs(needs: list[list[int]]) -> None:
    subtasks = [
        Subtask(id=str(n), wish="", arguments={f"from {each}": Taken(subtask=str(each)) for each in needed})
        for n, needed in enumerate(needs)
    ]
    try:
        asked = checked(subtasks)
    except NoPlan:
        return
    floor = Floor(**{str(n): "done" for n in range(len(needs))})
    found = await carry_out(asked, floor, until=math.inf)
    assert all(each.state == "done" for each in found)
    for subtask in subtasks:
        assert all(floor.began.index(name) < floor.began.index(subtask.id) for name in subtask.needs)
