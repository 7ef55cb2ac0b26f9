"""The tools of bot.toml in a wired house: called through their components, told apart by name."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx
import pytest

from bot.app import open_house, prepare
from bot.orchestrator.registry import Registry
from bot.settings import BotConfig, Settings
from bot.toolbox import toolbox
from tests.front import until
from tests.tools.given import context
from tests.tools.shop import serving
from tests.tools.test_every_built_in_tool import Diary
from tools.base import ToolFailed
from tools.http import HttpTool
from tools.web import Answer, NotAnswered, Request


async def test_a_tool_of_bot_toml_is_at_hand_in_the_house(tmp_path: Path) -> None:
    async with serving() as shop:
        path = tmp_path / "bot.toml"
        path.write_text(
            "[tools.order_status]\ndescription = 'Look up an order'\n"
            f"url = '{shop.url}/orders/{{order_id}}'\n"
            "parameters = { order_id = { type = 'string', pattern = '^[0-9]{6}$' } }\n"
        )
        settings = Settings(data_dir=tmp_path / "data", bot_config=path)
        await prepare(settings)
        async with open_house(settings, redis_url="") as house:
            tool = next(each for each in house.agent.tools if each.name == "order_status")
            told = await tool.call(context(), tool.check({"order_id": "123456"}))
    assert told == '{"id":"123456","status":"shipped"}'


class Down:
    """A service that is down; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def ask(self, request: Request) -> Answer:
        self.asked += 1
        if request.url.endswith("/404"):
            return Answer(status=404, text="no such order")
        raise NotAnswered("the service cannot be reached", sent=False)


async def test_a_service_that_is_down_is_left_alone_and_one_that_says_no_is_not() -> None:
    web, registry = Down(), Registry()
    written = {
        "order_status": HttpTool(url="https://shop.example/1"),
        "invoice": HttpTool(url="https://shop.example/404"),
    }
    every = toolbox(BotConfig(tools=written), web=web, later=Diary(), codes=None, registry=registry)
    tools = {each.name: each for each in every if each.name in {"order_status", "invoice"}}
    for _ in range(8):
        for tool in tools.values():
            with pytest.raises(ToolFailed):
                await tool.call(context(), {})
    components = {each.name: each for each in registry.components()}
    assert (components["order_status"].state, components["invoice"].state) == ("down", "up")
    assert web.asked == 5 + 8
    assert components["order_status"].kind == "tool"


async def test_tools_of_an_mcp_server_come_once_it_answers_and_are_one_component(tmp_path: Path) -> None:
    path = tmp_path / "bot.toml"
    path.write_text(
        f"[mcp.shop]\ncommand = [{sys.executable!r}, '-m', 'tests.doubles.mcp_shop']\n"
        "[mcp.gone]\nurl = 'http://127.0.0.1:9/mcp'\n"
        "[tools.shop_points]\nurl = 'https://shop.example/points'\n"
    )
    settings = Settings(data_dir=tmp_path / "data", bot_config=path)
    await prepare(settings)
    async with open_house(settings, redis_url="") as house:
        assert "shop_order_status" not in house.agent.toolbox
        await house.toolbox.connect()
        await until(lambda: "shop_order_status" in house.agent.toolbox)
        tool = house.agent.toolbox["shop_order_status"]
        assert "shipped" in await tool.call(context(), tool.check({"order_id": "123456"}))
        assert house.agent.toolbox["shop_points"].parameters["properties"] == {}  # the one of bot.toml
        await until(house.toolbox.links[1].tried.is_set)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(house.web), base_url="http://here"
        ) as client:
            components = (await client.get("/readyz")).json()["components"]
    assert (components["mcp:shop"]["state"], components["mcp:gone"]["state"]) == ("up", "degraded")
