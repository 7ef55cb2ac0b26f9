"""Knowledge that is down, in every way: something stands in, or it is admitted; nothing is ever made up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot import orchestrator
from bot.orchestrator.breaker import Breaker
from bot.orchestrator.limits import Limits
from bot.orchestrator.outcome import HandOff, Outcome, Reply
from bot.orchestrator.registry import Registry
from bot.orchestrator.resilience import GuardedSource
from bot.testing import ScriptedModel
from bot.trace import Trace
from knowledge.base import LookupFailed, Passage
from knowledge.lookup import Lookup
from knowledge.remembered import Remembered
from tests.doubles.orchestra import RETURNS, Voice, agent, turn

QUESTION = "How long can I send something back?"
INVENTED = "You have 90 days and it costs nothing."


class Source:
    """A knowledge source that does as told."""

    def __init__(self, does: Any) -> None:
        self.does = does
        self.asked = 0

    async def search(
        self, query: str, *, limit: int, history: Sequence[str] = (), scope: Sequence[str] = ()
    ) -> Sequence[Passage]:
        self.asked += 1
        match self.does:
            case Exception():
                raise self.does
            case "hangs":
                await asyncio.Event().wait()
        found: Sequence[Passage] = self.does
        return found


FAULTS = {
    "refuses": ConnectionRefusedError("refused"),
    "hangs": "hangs",
    "answers 500": LookupFailed("it answered 500"),
    "garbage": [{"title": "Returns"}],
    "no list": 7,
    "broken text": ValueError("not JSON"),
}


def lookup(primary: Source, snapshot: Source, remembered: Remembered | None = None) -> Lookup:
    registry = Registry()

    def guarded(name: str, source: Source) -> GuardedSource:
        component = registry.add("knowledge", name, limits=Limits(seconds=0.05), breaker=Breaker(failures=3))
        return GuardedSource(source, component)

    return Lookup(guarded("index", primary), guarded("snapshot", snapshot), remembered)


async def asked(found_by: Lookup, *models: ScriptedModel) -> tuple[Outcome, Voice, Trace]:
    voice, trace = Voice(), Trace(turn_id="trn_1")
    outcome = await orchestrator.run(
        turn(QUESTION, voice=voice), replace(agent(*models), knowledge=found_by), trace
    )
    return outcome, voice, trace


def instead(trace: Trace) -> list[str]:
    return [step.name for step in trace.steps if step.kind == "fallback"]


@pytest.fixture(params=FAULTS)
def fault(request: pytest.FixtureRequest) -> Any:
    return FAULTS[request.param]


Models = Callable[[], Sequence[ScriptedModel]]


@pytest.mark.parametrize("models", [lambda: (), lambda: [ScriptedModel(otherwise=INVENTED)]])
async def test_with_nothing_left_it_is_admitted_and_a_person_comes(fault: Any, models: Models) -> None:
    outcome, voice, trace = await asked(lookup(Source(fault), Source(fault)), *models())
    assert isinstance(outcome, HandOff)
    assert outcome.reason == "degraded"
    assert "can't look this up" in outcome.text
    assert outcome.text == voice.heard
    assert "90" not in voice.heard
    (step,) = [each for each in trace.steps if each.kind == "knowledge"]
    assert (step.status, step.output) == ("failed", {"found": "down"})


async def test_the_snapshot_stands_in(fault: Any) -> None:
    outcome, _, trace = await asked(lookup(Source(fault), Source([RETURNS])))
    assert isinstance(outcome, Reply)
    assert "30 days" in outcome.text
    assert instead(trace) == ["snapshot"]


async def test_then_what_was_found_before_stands_in(fault: Any, tmp_path: Path) -> None:
    remembered = Remembered(tmp_path)
    primary, snapshot = Source([RETURNS]), Source(fault)
    ladder = lookup(primary, snapshot, remembered)
    outcome, _, trace = await asked(ladder)
    assert isinstance(outcome, Reply)
    assert instead(trace) == []
    primary.does = fault
    again, _, trace = await asked(ladder, ScriptedModel(otherwise="You have 30 days. [1]"))
    assert isinstance(again, Reply)
    assert [each.title for each in again.citations] == [RETURNS.title]
    assert instead(trace) == ["cached answers"]
    await remembered.close()


async def test_a_source_that_finds_nothing_is_not_down_and_nothing_is_made_up() -> None:
    outcome, voice, trace = await asked(
        lookup(Source([]), Source([RETURNS])), ScriptedModel(otherwise=INVENTED)
    )
    assert isinstance(outcome, Reply)
    assert not outcome.answered
    assert "90" not in voice.heard
    assert instead(trace) == []


async def test_a_source_that_keeps_failing_is_not_waited_for() -> None:
    hangs = Source("hangs")
    ladder = lookup(hangs, Source([RETURNS]))
    for _ in range(3):
        await asked(ladder)
    assert hangs.asked == 3
    outcome, _, trace = await asked(ladder)
    assert isinstance(outcome, Reply)
    assert instead(trace) == ["snapshot"]
    assert hangs.asked == 3, "it is left alone"
