"""What the orchestrator adds to a turn, and how long tools take that run side by side."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import orjson

from bot import markup
from bot.app import House, open_house, prepare
from bot.desk import LEASE
from bot.llm import OpenAIModel, openai_client
from bot.orchestrator import run
from bot.orchestrator.agent import Delta, ModelMessage, ModelRequest, Route, ToolCall
from bot.orchestrator.outcome import Reply
from bot.settings import Settings
from bot.testing import PRICES, ScriptedModel
from bot.trace import Trace
from channels.base import InboundMessage
from knowledge.lookup import NoMatch
from tests.bench.driver import percentile, questions
from tests.bench.report import Report, Rounds
from tests.doubles.orchestra import agent, turn
from tests.doubles.tools import a_tool
from tools.base import Arguments, Tool, ToolContext

BARE, WITH, PAID = "a bare call and the store", "the orchestrator", "the orchestrator, with budgets"
_TOOL = 0.3  # seconds one call takes
_BUDGETS = "[budget]\nturn = 1.0\nconversation = 1.0\ncontact_day = 5.0\nday = 1000.0\n"
_NUMBERS = itertools.count(1)


async def measure(
    report: Report, folder: Path, model_url: str, *, knowledge: Path, rounds: int, turns: int
) -> None:
    """The same turn with the orchestrator and without it, in one process and by the same model double; each
    answers what it was just asked by somebody new."""
    await _overhead(report, folder, model_url, knowledge=knowledge, rounds=rounds, turns=turns)
    await _side_by_side(report, rounds)


async def _overhead(
    report: Report, folder: Path, model_url: str, *, knowledge: Path, rounds: int, turns: int
) -> None:
    client = openai_client(api_key="none", base_url=model_url, read_timeout=30.0)
    model = OpenAIModel(client, "gpt-4o-mini", PRICES, max_tokens=2_000)
    found = Rounds()
    added: dict[str, list[float]] = {WITH: [], PAID: []}
    async with (
        open_house(await _settings(folder / "free", model_url, knowledge, ""), redis_url="") as free,
        open_house(await _settings(folder / "paid", model_url, knowledge, _BUDGETS), redis_url="") as paying,
    ):
        subjects: Mapping[str, tuple[House, Callable[[House, str, str], Awaitable[None]]]] = {
            BARE: (free, lambda house, conversation_id, asked: _bare(house, model, conversation_id, asked)),
            WITH: (free, _whole),
            PAID: (paying, _whole),
        }
        asked = itertools.cycle(questions())
        orders = itertools.cycle(itertools.permutations(subjects))  # whoever goes first warms up the machine
        for round_ in range(rounds + 1):
            took: dict[str, list[float]] = {name: [] for name in subjects}
            for _ in range(turns):
                for name in next(orders):
                    took[name].append(await _timed(*subjects[name], next(asked)))
            if not round_:  # what is loaded with the first turns is loaded
                continue
            p50 = {name: percentile(each, 50) * 1000 for name, each in took.items()}
            for name, each in took.items():
                found.add(name, {"p50": p50[name], "p95": percentile(each, 95) * 1000})
            for name, more in added.items():
                more.append(p50[name] - p50[BARE])
        for house in (free, paying):
            by_model = sum(spent.calls for _, spent in await house.store.costs.models())
            assert by_model == (rounds + 1) * turns, "an answer from elsewhere is another, cheaper path"
    await client.close()
    report.section("A turn without tools, stored message to stored answer", found.medians(), "ms")
    for name, more in added.items():
        report.verdict(f"what {name} adds to it, p50 in ms", statistics.median(more), at_most=15.0)


async def _settings(folder: Path, model_url: str, knowledge: Path, config: str) -> Settings:
    shutil.copytree(knowledge, folder / "data" / "knowledge")
    (folder / "bot.toml").write_text(config)
    settings = Settings(
        _env_file=None,
        data_dir=folder / "data",
        openai_base_url=model_url,
        bot_config=folder / "bot.toml",
    )
    await prepare(settings)
    return settings


async def _timed(house: House, answer: Callable[[House, str, str], Awaitable[None]], question: str) -> float:
    sender = f"customer-{next(_NUMBERS)}"
    message = InboundMessage(channel="terminal", external_id=f"{sender}:1", sender=sender, text=question)
    began = time.perf_counter()
    recorded = await house.desk.take_in(message)
    await answer(house, recorded.message.conversation_id, question)
    took = time.perf_counter() - began
    await house.desk.quiet()
    return took


async def _bare(house: House, model: OpenAIModel, conversation_id: str, question: str) -> None:
    """What is left of a turn without an orchestrator: take it, ask the model, write the answer down."""
    claim = await house.store.turns.claim(conversation_id, LEASE)
    assert claim is not None
    request = ModelRequest(
        messages=[ModelMessage(role="user", content=question)], first_token=30.0, total=60.0
    )
    pieces = [piece.text async for piece in model.stream(request) if isinstance(piece, Delta)]
    text = "".join(pieces)
    html = markup.from_markdown(text)
    await house.store.turns.conclude(
        claim, Reply(text=text), [], html=html, status="bot", parts=None, author_name="Ada"
    )


async def _whole(house: House, conversation_id: str, question: str) -> None:
    await house.desk.answer(conversation_id)


class _Several:
    """A Router that finds several wishes in everything."""

    async def route(self, text: str, *, history: Sequence[str], language: str) -> Route:
        return Route(several=True)

    async def tool_for(self, wish: str, tools: Sequence[Tool]) -> Tool | None:
        return None

    async def wants_person(self, text: str) -> bool:
        return False


async def _side_by_side(report: Report, rounds: int) -> None:
    """Tools of 300 ms each, by a model that takes no time: what is left is theirs and the orchestrator's."""
    found = Rounds()
    for _ in range(rounds):
        found.add("tools of 300 ms", {"two and one that needs a result of theirs": await _planned()})
        found.add("tools of 300 ms", {"twenty that ask": await _twenty()})
    medians = found.medians()
    report.section("A turn with tools, by a model that takes no time", medians, "ms")
    for (figure, row), most in zip(medians.items(), (700.0, 450.0), strict=True):
        report.verdict(f"tools of 300 ms, {figure}: the turn in ms", row["tools of 300 ms"], at_most=most)


async def _planned() -> float:
    plan = {
        "subtasks": [
            {"id": "a", "wish": "the order", "tool": "order", "arguments": {"number": "123456"}},
            {"id": "b", "wish": "the points", "tool": "points"},
            {
                "id": "c",
                "wish": "the parcel",
                "tool": "parcel",
                "arguments": {"track": {"from": "a", "field": "track"}},
            },
        ]
    }
    tools = [
        _slow("order", '{"track": "T1"}', number={"type": "string"}),
        _slow("points", "120 points"),
        _slow("parcel", "It is in Berlin.", track={"type": "string"}),
    ]
    model = ScriptedModel(orjson.dumps(plan).decode(), "It is in Berlin, and you have 120 points.")
    return await _turn(model, tools)


async def _twenty() -> float:
    calls = [
        ToolCall(id=f"call_{number}", name="order", arguments=f'{{"number": "{number:06}"}}')
        for number in range(20)
    ]
    return await _turn(
        ScriptedModel("", calls, "All are packed."), [_slow("order", "packed", number={"type": "string"})]
    )


async def _turn(model: ScriptedModel, tools: Sequence[Tool]) -> float:
    """Milliseconds from the message to its answer."""
    began = time.perf_counter()
    outcome = await run(
        turn("Where is order 123456, where its parcel, and how many points have I?"),
        agent(model, knowledge=NoMatch(), tools=tools, router=_Several()),
        Trace(turn_id="turn"),
    )
    took = (time.perf_counter() - began) * 1000
    assert isinstance(outcome, Reply), outcome
    return took


def _slow(name: str, answer: str, **arguments: Mapping[str, str]) -> Tool:
    async def call(context: ToolContext, given: Arguments) -> str:
        await asyncio.sleep(_TOOL)
        return answer

    return a_tool(name, dict(arguments), call)
