"""The demo shop: its service, and its tools without a model."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import httpx
import pytest

from bot.app import open_house, prepare
from bot.demo_shop import demo_tools
from bot.endpoints import Endpoints
from bot.orchestrator import run
from bot.orchestrator.agent import Route, Utterance
from bot.orchestrator.intents import ByExamples
from bot.orchestrator.outcome import NeedsApproval, Reply
from bot.serve import demo_shop
from bot.settings import Settings
from bot.trace import Trace
from tests.doubles.orchestra import agent, bot, turn
from tests.tools.given import context
from tools.base import Tool, ToolFailed


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    async with demo_shop(Settings(data_dir=tmp_path)) as it:
        yield it


@pytest.fixture
async def tools(url: str) -> AsyncIterator[Mapping[str, Tool]]:
    endpoints = Endpoints()
    yield {name: each.as_tool(name, endpoints) for name, each in demo_tools(url).items()}
    await endpoints.close()


async def call(tool: Tool, key: str = "k1", **arguments: str) -> dict[str, str]:
    told: dict[str, str] = json.loads(await tool.call(context(key=key), tool.check(arguments)))
    return told


async def test_orders_are_where_they_are(tools: Mapping[str, Tool]) -> None:
    told = {
        number: await call(tools["order_status"], order_id=number)
        for number in ("123456", "481920", "481977")
    }
    assert [each["status"] for each in told.values()] == ["Delivered", "Sent", "Received"]
    assert "should arrive on" in told["481920"]["told"]
    unknown = await tools["order_status"].call(context(), {"order_id": "999999"})
    assert unknown == "I can't find an order 999999. The demo shop knows 123456, 481920 and 481977."


async def test_a_refund_is_made_once(tools: Mapping[str, Tool], url: str) -> None:
    refund = tools["refund"]
    assert (refund.effect, refund.approval, refund.idempotent) == ("write", "operator", True)
    made = await call(refund, order_id="123456", reason="damaged")
    assert made == {"order_id": "123456", "amount": "148.80", "reason": "damaged"}
    assert await call(refund, order_id="123456", reason="damaged") == made
    for key, number in (("k2", "123456"), ("k3", "481920"), ("k4", "999999")):
        with pytest.raises(ToolFailed) as failed:
            await call(refund, key, order_id=number, reason="damaged")
        assert failed.value.refused
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{url}/refunds")).json() == {"refunds": {"123456": made}}


async def test_an_address_is_changed_until_the_order_is_packed(tools: Mapping[str, Tool]) -> None:
    change = tools["change_address"]
    assert (change.effect, change.approval) == ("write", None)
    await call(change, order_id="481977", address="Segelmacherkai 14, 20457 Hamburg")
    told = await call(tools["order_status"], order_id="481977")
    assert told["address"] == "Segelmacherkai 14, 20457 Hamburg"
    with pytest.raises(ToolFailed, match="only the carrier"):
        await call(change, order_id="481920", address="Segelmacherkai 14, 20457 Hamburg")


async def test_what_was_written_is_there_after_a_restart(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    endpoints = Endpoints()
    for _ in range(2):
        async with demo_shop(settings) as url:
            refund = demo_tools(url)["refund"].as_tool("refund", endpoints)
            assert (await call(refund, order_id="123456", reason="other"))["amount"] == "148.80"
    await endpoints.close()


@pytest.mark.parametrize("toml", [False, True])
async def test_its_tools_are_the_demos_alone(
    tmp_path: Path, toml: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings(data_dir=tmp_path / "data")
    if toml:
        settings.bot_config.write_text("[bot]\nname = 'Eve'\n")
    await prepare(settings)
    async with open_house(settings, redis_url="", demo_shop="http://127.0.0.1:9") as house:
        assert ("refund" in house.agent.toolbox) is not toml


class ByWord:
    """Stands for what recognises wishes by their meaning."""

    async def route(self, text: str, *, history: Sequence[str], language: str) -> Route:
        return Route()

    async def tool_for(self, wish: str, tools: Sequence[Tool]) -> Tool | None:
        words = {"where is": "order_status", "money back": "refund", "address": "change_address"}
        name = next((name for word, name in words.items() if word in wish.lower()), None)
        return next((each for each in tools if each.name == name), None)

    async def wants_person(self, text: str) -> bool:
        return False


async def test_two_wishes_in_one_message_without_a_model(tools: Mapping[str, Tool]) -> None:
    outcome = await run(
        turn("Where is order 123456, and can I still return the shoes?"),
        agent(tools=list(tools.values()), router=ByWord()),
        Trace(turn_id="turn"),
    )
    assert isinstance(outcome, Reply)
    assert (
        "Order 123456 (Fjell hiking shoes, size 42; Merino socks, two pairs): DHL delivered it"
        in outcome.text
    )
    assert "within 30 days" in outcome.text
    assert outcome.citations


async def test_what_is_missing_is_asked_for_one_after_another(tools: Mapping[str, Tool]) -> None:
    said: list[str | Utterance] = ["I want my money back"]
    ada = agent(tools=list(tools.values()), router=ByWord())

    async def answer() -> Reply | NeedsApproval:
        outcome = await run(turn(*said), ada, Trace(turn_id="turn"))
        assert isinstance(outcome, Reply | NeedsApproval)
        said.append(bot(outcome.text))
        return outcome

    assert (await answer()).text.startswith("What is your order number?")
    said.append("123456")
    assert (await answer()).text.startswith("What is it for:")
    said.append("they arrived damaged")
    outcome = await answer()
    assert isinstance(outcome, NeedsApproval)
    assert [(each.tool, each.arguments) for each in outcome.calls] == [
        ("refund", {"order_id": "123456", "reason": "damaged"})
    ]
    assert outcome.calls[0].why == "I want my money back"
    assert "“I want my money back”" in outcome.text


async def test_an_address_is_asked_for_and_taken_as_it_is_written(tools: Mapping[str, Tool]) -> None:
    ada = agent(tools=list(tools.values()), router=ByWord())
    ask = "What is the whole new address, with postcode, town and country?"
    outcome = await run(
        turn("Send 481977 to my new address", bot(ask), "Segelmacherkai 14, 20457 Hamburg"),
        ada,
        Trace(turn_id="turn"),
    )
    assert isinstance(outcome, Reply)
    assert "Order 481977 goes to: Segelmacherkai 14, 20457 Hamburg." in outcome.text


async def test_why_an_address_is_not_changed_any_more_is_told(tools: Mapping[str, Tool]) -> None:
    ask = "What is the whole new address, with postcode, town and country?"
    outcome = await run(
        turn("Send 481920 to my new address", bot(ask), "Segelmacherkai 14, 20457 Hamburg"),
        agent(tools=list(tools.values()), router=ByWord()),
        Trace(turn_id="turn"),
    )
    assert isinstance(outcome, Reply)
    assert outcome.text.startswith(
        "Order 481920 has left our warehouse: now only the carrier can redirect it"
    )


class NoMeaning:
    """No embedder: by words alone."""

    async def of(self, texts: Sequence[str]) -> None:
        return None

    async def of_examples(self, texts: Sequence[str]) -> None:
        return None


@pytest.mark.parametrize(
    ("wish", "name"),
    [
        ("Where is order 123456?", "order_status"),
        ("track my parcel 481920", "order_status"),
        ("I want a refund for order 123456", "refund"),
        ("Please change the delivery address of order 481977", "change_address"),
        ("How long does a refund take?", None),
        ("Which size fits me?", None),
        ("Do you deliver to Norway?", None),
    ],
)
async def test_its_examples_tell_what_is_wanted(
    wish: str, name: str | None, tools: Mapping[str, Tool]
) -> None:
    router = ByExamples({}, NoMeaning())
    found = await router.tool_for(wish, list(tools.values()))
    assert (found.name if found else None) == name
