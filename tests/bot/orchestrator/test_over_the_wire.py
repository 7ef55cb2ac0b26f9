"""Every fault of models and their calls, from a real server's socket to what the customer hears."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from pathlib import Path

import openai
import pytest

from bot.llm import OpenAIModel, openai_client
from bot.orchestrator import run
from bot.orchestrator.agent import LanguageModel, Route
from bot.orchestrator.breaker import Breaker
from bot.orchestrator.hands import MOST_CALLS
from bot.orchestrator.outcome import HandOff, Outcome, Reply
from bot.orchestrator.registry import Registry
from bot.orchestrator.resilience import GuardedModel, guarded
from bot.testing import PRICES
from bot.trace import Trace
from knowledge.lookup import NoMatch
from tests.bot.orchestrator.test_routing import UNSURE, Tells
from tests.bot.orchestrator.test_tools_in_turns import SHIPPED, Shop
from tests.doubles.model import Call, ModelServer, Script, frames_for
from tests.doubles.orchestra import Voice, agent, turn
from tests.doubles.tools import a_tool
from tools.base import Arguments, ToolContext, ToolFailed
from tools.schema import checked_by

QUESTION = "Where is order 123456?"
LOOK = Call("order_status", {"order_id": "123456"})
Models = Callable[[ModelServer], LanguageModel]


@pytest.fixture
async def servers() -> AsyncIterator[tuple[ModelServer, ModelServer]]:
    """Two providers."""
    async with ModelServer() as first, ModelServer() as second:
        yield first, second


@pytest.fixture
async def model() -> AsyncIterator[Models]:
    """A provider's model as the house wires it."""
    clients: list[openai.AsyncOpenAI] = []

    def make(server: ModelServer) -> LanguageModel:
        clients.append(client := openai_client(api_key="sk-test", base_url=server.url, read_timeout=1.0))
        component = Registry().add("model", "small", breaker=Breaker())
        return GuardedModel(OpenAIModel(client, "small", PRICES, max_tokens=2_000), component)

    yield make
    for each in clients:
        await each.close()


class Talk:
    """One turn with a shop's tools, and no passages to fall back on."""

    def __init__(self, shop: Shop | None = None) -> None:
        self.shop = shop or Shop(order_status=SHIPPED)
        self.voice = Voice()
        self.trace = Trace(turn_id="turn")

    async def take(self, *models: LanguageModel, seconds: float = 90.0) -> Outcome:
        tool = self.shop.tool("order_status", description="Where an order is")
        tools = [replace(tool, check=checked_by(tool.parameters))]
        asked = turn(QUESTION, voice=self.voice, seconds=seconds)
        outcome = await run(asked, agent(*models, knowledge=NoMatch(), tools=tools), self.trace)
        assert isinstance(outcome, Reply | HandOff)
        assert self.voice.heard == outcome.text, "what was heard is what stands"
        lowered = outcome.text.lower()
        assert not any(word in lowered for word in ("error", "exception", "traceback", "json", "500", "429"))
        return outcome

    def steps(self, kind: str) -> list[tuple[str, str]]:
        return [(step.name, step.status) for step in self.trace.steps if step.kind == kind]


Servers = tuple[ModelServer, ModelServer]


async def test_a_call_goes_out_and_what_it_returned_is_told(servers: Servers, model: Models) -> None:
    first, _ = servers
    first.script([Script(calls=[LOOK])])
    talk = Talk()
    outcome = await talk.take(model(first))
    assert isinstance(outcome, Reply)
    assert "shipped" in outcome.text
    assert talk.shop.calls == [("order_status", {"order_id": "123456"})]
    assert first.requests[1].messages[-1] == {
        "role": "tool",
        "tool_call_id": first.requests[1].messages[-2]["tool_calls"][0]["id"],
        "content": SHIPPED,
    }


@pytest.mark.parametrize("reset", [False, True])
async def test_a_call_that_was_cut_at_any_chunk_is_not_made(
    servers: Servers, model: Models, reset: bool
) -> None:
    first, _ = servers
    frames = frames_for("", Script(), [LOOK])
    for number in range(1, len(frames) - 2):
        cut = sum(map(len, frames[:number]))
        first.script([Script(calls=[LOOK], cut=cut, reset=reset), Script(text="Which order do you mean?")])
        talk = Talk()
        outcome = await talk.take(model(first))
        assert outcome.text == "Which order do you mean?"
        assert talk.shop.calls == []
        assert talk.steps("model") == [("small", "failed"), ("small", "ok")]


@pytest.mark.parametrize(
    "script",
    [
        Script(status=401),
        Script(status=500),
        Script(status=429, headers={"retry-after": "600"}),
        Script(hang=True),
        Script(frames=[b"data: garbage\n\n"]),
        Script(cut=200),
        Script(cut=200, reset=True),
    ],
    ids=["401", "500", "429", "hang", "garbage", "cut", "reset"],
)
async def test_another_provider_goes_on_with_what_was_looked_up(
    servers: Servers, model: Models, script: Script
) -> None:
    first, second = servers
    first.usually = script
    first.script([Script(calls=[LOOK])])
    talk = Talk()
    outcome = await talk.take(model(first), model(second), seconds=15.0)
    assert isinstance(outcome, Reply)
    assert "shipped" in outcome.text
    assert talk.shop.calls == [("order_status", {"order_id": "123456"})], "asked once, whoever tells it"
    assert talk.steps("model")[-1] == ("small", "ok")
    assert talk.steps("fallback") == [("small", "ok")]


async def test_when_no_provider_answers_the_tool_itself_does_or_a_person(
    servers: Servers, model: Models
) -> None:
    first, second = servers
    first.usually = second.usually = Script(status=503)
    outcome = await Talk().take(model(first), model(second), seconds=9.0)
    assert isinstance(outcome, HandOff)
    assert outcome.reason == "degraded"


GARBAGE: Mapping[str, str] = {
    "nothing": "",
    "half": '{"order_id": "123',
    "list": '["123456"]',
    "words": "order 123456, please",
    "wrong type": '{"order_id": [123456]}',
    "wrong pattern": '{"order_id": "12"}',
    "missing": "{}",
    "more": '{"order_id": "123456", "admin": true}',
    "nested": json.dumps({"order_id": {"$ne": ""}}),
    "twice": '{"order_id": "123456"}{"order_id": "654321"}',
}


async def test_garbage_for_arguments_reaches_no_tool_and_is_mended_once(
    servers: Servers, model: Models
) -> None:
    await no_tool_is_reached_by(GARBAGE, servers, model)


@pytest.mark.slow
async def test_no_broken_json_there_is_reaches_a_tool(servers: Servers, model: Models) -> None:
    folder = Path(os.environ.get("CORPORA", "../shared/data")) / "json-garbage" / "test_parsing"
    files = sorted(folder.glob("*.json"))
    if not files:
        assert os.environ.get("REQUIRE_ALL") != "1", f"{folder} is missing"
        pytest.skip(f"no corpus at {folder}")
    given = {each.stem: each.read_bytes().decode("latin-1") for each in files}
    await no_tool_is_reached_by(given, servers, model)


async def no_tool_is_reached_by(given: Mapping[str, str], servers: Servers, model: Models) -> None:
    """Each of these for arguments is told back once; after the second time no tools are offered any more."""
    first, _ = servers
    for name, written in given.items():
        first.requests.clear()
        first.script([Script(calls=[Call("order_status", written)]), Script(calls=[LOOK])])
        talk = Talk()
        outcome = await talk.take(model(first))
        assert "shipped" in outcome.text, name
        assert talk.shop.calls == [("order_status", {"order_id": "123456"})], name
        told = first.requests[1].messages[-1]["content"]
        assert told.startswith("NOT DONE"), name
        first.requests.clear()
        first.script([Script(calls=[Call("order_status", written)])] * 2)
        talk = Talk()
        await talk.take(model(first))
        assert talk.shop.calls == [], name
        assert not first.requests[-1].tools, f"{name}: no more tools after the second time"


async def test_a_tool_that_is_none_is_not_called(servers: Servers, model: Models) -> None:
    first, _ = servers
    first.script([Script(calls=[Call("delete_everything", {"sure": True}), LOOK])])
    talk = Talk()
    outcome = await talk.take(model(first))
    assert "shipped" in outcome.text
    assert [step.name for step in talk.trace.steps if step.kind == "tool"] == ["order_status"]


@pytest.mark.parametrize(
    "calls",
    [
        [LOOK],
        [LOOK] * 50,
        [Call("order_status", {"order_id": f"{number:06}"}) for number in range(100)],
        [Call("no_tool", {})],
    ],
    ids=["the same", "the same fifty times at once", "a hundred at once", "none that is there"],
)
async def test_calls_without_end_come_to_an_end(servers: Servers, model: Models, calls: list[Call]) -> None:
    first, _ = servers
    first.usually = Script(calls=calls)
    talk = Talk()
    outcome = await talk.take(model(first))
    assert isinstance(outcome, Reply | HandOff)
    assert len(talk.shop.calls) <= MOST_CALLS
    assert len(first.requests) <= 10


async def test_ever_new_calls_come_to_an_end_too(servers: Servers, model: Models) -> None:
    first, _ = servers
    first.usually = Script(calls=lambda messages: [Call("order_status", {"order_id": f"{len(messages):06}"})])
    talk = Talk()
    outcome = await talk.take(model(first))
    assert isinstance(outcome, HandOff | Reply)
    assert len(talk.shop.calls) <= MOST_CALLS


async def test_a_tool_that_fails_is_told_to_the_model_and_not_to_the_customer(
    servers: Servers, model: Models
) -> None:
    first, _ = servers
    first.script(
        [Script(calls=[LOOK]), Script(text="I cannot see your order just now. Shall I ask a colleague?")]
    )
    talk = Talk(Shop(order_status=ToolFailed("it answered 500: Traceback (most recent call last)")))
    outcome = await talk.take(model(first))
    assert isinstance(outcome, Reply)
    assert "Traceback" in first.requests[1].messages[-1]["content"]


async def test_a_tool_that_hangs_is_left_in_time_and_then_alone(servers: Servers, model: Models) -> None:
    first, _ = servers
    first.usually = Script(calls=lambda messages: [LOOK] if messages[-1]["role"] == "user" else [])
    asked = 0

    async def hang(context: ToolContext, arguments: Arguments) -> str:
        nonlocal asked
        asked += 1
        await asyncio.Event().wait()
        return ""

    tool = guarded(a_tool("order_status", {"order_id": {"type": "string"}}, hang, timeout=0.1), Registry())
    known = agent(model(first), knowledge=NoMatch(), tools=[tool])
    for _ in range(7):
        trace = Trace(turn_id="turn")
        began = time.monotonic()
        outcome = await run(turn(QUESTION), known, trace)
        assert time.monotonic() - began < 5
        assert isinstance(outcome, Reply | HandOff)
        (step,) = [each for each in trace.steps if each.kind == "tool"]
        assert step.status == "failed"
    assert asked == 5, "after five it rests"
    assert "resting" in str(step.error)


# routing --------------------------------------------------------------------------------------------


async def routed(
    servers: Servers, make: Models, route: Route, *opinions: Script
) -> tuple[Outcome, Mapping[str, object]]:
    """A turn whose router tells `route`: the small model is the first server's, the large the second's."""
    first, second = servers
    first.script(opinions)
    usual = replace(
        agent(router=Tells(route)), models={"small": [make(first)], "large": [make(second)]}, tier="small"
    )
    specialists = {name: replace(usual, instructions=f"You are {name}.") for name in ("billing", "orders")}
    trace = Trace(turn_id="turn")
    outcome = await run(turn("What about it?"), replace(usual, specialists=specialists), trace)
    return outcome, next(step.output for step in trace.steps if step.name == "intent")


async def test_the_tier_of_an_intent_is_the_server_that_is_asked(servers: Servers, model: Models) -> None:
    first, second = servers
    outcome, _ = await routed(servers, model, Route(agent="billing", tier="large"))
    assert isinstance(outcome, Reply)
    assert not first.requests
    assert "You are billing." in second.requests[0].messages[0]["content"]


@pytest.mark.parametrize(
    ("opinion", "intent", "instructed"),
    [
        (Script(text="2"), "order_status", "You are orders."),
        (Script(text="0"), None, "service@northwind.example"),
        (Script(status=500), None, "service@northwind.example"),
        (Script(frames=[b"data: {\n\n", b"data: garbage\n\n"]), None, "service@northwind.example"),
    ],
)
async def test_a_small_models_opinion_on_an_unsure_route_is_kept_or_done_without(
    servers: Servers, model: Models, opinion: Script, intent: str | None, instructed: str
) -> None:
    first, _ = servers
    outcome, step = await routed(servers, model, UNSURE, opinion)
    assert isinstance(outcome, Reply)
    assert step["intent"] == intent
    if isinstance(opinion.text, str):
        assert step["opinion"] == opinion.text
    else:
        assert str(step["opinion"]).startswith("none: ModelFailed")
    assert "refund: I want my money back" in first.requests[0].messages[0]["content"]
    assert instructed in first.requests[-1].messages[0]["content"]
