"""The intents and agents of bot.toml in a wired house."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.app import House, open_house, prepare
from bot.settings import Settings, WrongSetting
from knowledge.learn import embed_pending, learn
from knowledge.lookup import Found

BOT = """
[bot]
instructions = "You answer for Northwind."
[models.small]
name = "a"
input = 1
output = 1
[models.large]
name = "b"
input = 2
output = 2
[intents.refund]
examples = ["I want my money back", "this arrived broken"]
model = "large"
agent = "billing"
[agents.billing]
name = "Bill"
instructions = "You look after refunds."
tools = ["refund"]
knowledge = ["returns"]
[agents.other]
[tools.refund]
url = "https://shop.example/refunds"
[tools.order_status]
url = "https://shop.example/orders"
"""
SAMPLE = Path(__file__).parents[2] / "knowledge" / "sample"


@asynccontextmanager
async def house_with(folder: Path, text: str) -> AsyncIterator[House]:
    path = folder / "bot.toml"
    path.write_text(text)
    settings = Settings(data_dir=folder / "data", bot_config=path, openai_api_key="none")
    await prepare(settings)
    async with open_house(settings, redis_url="") as house:
        yield house


async def test_an_intent_leads_to_its_agent_with_its_tools_its_pages_and_its_models(tmp_path: Path) -> None:
    async with house_with(tmp_path, BOT) as house:
        await house.router.learn()
        assert house.agent.router is house.router
        route = await house.router.route("I'd like my money back please", history=(), language="en")
        assert (route.agent, route.tier) == ("billing", "large")
        billing, other = house.agent.specialists["billing"], house.agent.specialists["other"]
        assert (billing.name, other.name) == ("Bill", "Ada")
        assert billing.instructions == "You answer for Northwind.\nYou look after refunds."
        names = {tool.name for tool in billing.tools}
        assert {"refund", "hand_off"} <= names
        assert "order_status" not in names
        assert "order_status" in {tool.name for tool in other.tools}
        await learn(house.index, [SAMPLE])
        await embed_pending(house.index)
        question = "How long does standard delivery take?"
        everywhere, within = await other.knowledge.find(question), await billing.knowledge.find(question)
        assert isinstance(everywhere, Found)
        assert everywhere.passages[0].document.startswith("delivery/")
        told = within.passages if isinstance(within, Found) else ()
        assert all(each.document.startswith("returns/") for each in told)


async def test_an_agent_with_a_tool_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(WrongSetting) as wrong:
        async with house_with(tmp_path, BOT.replace('tools = ["refund"]', 'tools = ["refnd"]')):
            pass
    assert str(wrong.value).endswith(
        "bot.toml: agents.billing.tools: there is no tool 'refnd'; did you mean 'refund'?"
    )
