"""The tools of bot.toml in a wired house: called through their components, told apart by name."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx
import pytest

from bot.app import open_house, prepare
from bot.orchestrator.registry import Registry
from bot.settings import BotConfig, Settings, WrongSetting
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

    async def address(self, url: str, *, own: bool) -> str:
        raise NotAnswered("the service cannot be reached", sent=False)


async def test_a_service_that_is_down_is_left_alone_and_one_that_says_no_is_not() -> None:
    web, registry = Down(), Registry()
    written = {
        "order_status": HttpTool(url="https://shop.example/1"),
        "invoice": HttpTool(url="https://shop.example/404"),
    }
    every = toolbox(
        Settings(), BotConfig(tools=written), web=web, later=Diary(), codes=None, registry=registry
    )
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


SHOP = '''
from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tools.base import ToolContext
from tools.function import tool

called = []


@tool(effect="write", approval="operator", timeout=3, examples=["Give me points"])
async def give_points(context: ToolContext, points: Annotated[int, Field(ge=1, le=100)]) -> str:
    """Give a customer points."""
    called.append(points)
    return f"{sum(called)} points for {context.person.name}"


@tool()
async def total(context: ToolContext) -> int:
    """All points given."""
    return sum(called)


async def no_tool(context: ToolContext) -> str:
    return ""
'''


async def test_a_function_beside_bot_toml_is_a_tool(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    path = tmp_path / "bot.toml"
    path.write_text(
        "[tools.bonus]\nfunction = 'shop.py:give_points'\napproval = 'none'\nneeds_verified = true\n"
        "answer = 'Done: {result}'\n[tools.total]\nfunction = 'shop.py:total'\n"
    )
    settings = Settings(data_dir=tmp_path / "data", bot_config=path)
    await prepare(settings)
    async with open_house(settings, redis_url="") as house:
        bonus, total = (house.agent.toolbox[name] for name in ("bonus", "total"))
        assert (bonus.effect, bonus.approval, bonus.needs_verified) == ("write", None, True)
        assert (bonus.examples, bonus.answer) == (["Give me points"], "Done: {result}")
        assert bonus.description == "Give a customer points."
        assert await bonus.call(context(), bonus.check({"points": "7"})) == "7 points for Jo"
        assert await total.call(context(), {}) == "7"  # of the same module


@pytest.mark.parametrize(
    ("function", "why"),
    [
        ("shop.py:missing", "shop.py has no tool 'missing'"),
        ("shop.py:no_tool", "shop.py has no tool 'no_tool'"),
        ("none.py:tool", "none.py cannot be loaded: FileNotFoundError"),
        ("broken.py:tool", "broken.py cannot be loaded: ZeroDivisionError"),
        ("no.such.module:tool", "no.such.module cannot be loaded: ModuleNotFoundError"),
    ],
)
async def test_a_function_that_is_not_there_is_told_in_one_line(
    tmp_path: Path, function: str, why: str
) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "broken.py").write_text("1 / 0")
    path = tmp_path / "bot.toml"
    path.write_text(f"[tools.bonus]\nfunction = '{function}'\n")
    settings = Settings(data_dir=tmp_path / "data", bot_config=path)
    await prepare(settings)
    with pytest.raises(WrongSetting) as wrong:
        async with open_house(settings, redis_url=""):
            pass
    assert str(wrong.value).startswith(f"{path}: tools.bonus.function: {why}")
    assert "\n" not in str(wrong.value)
