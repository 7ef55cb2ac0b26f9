"""MCP servers: their tools as ours, over HTTP and by standard input and output, and what becomes of them."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import uvicorn
from pydantic import ValidationError

from bot.endpoints import Endpoints
from bot.serve import _Server
from tests.bot.test_endpoints import Names
from tests.doubles.mcp_shop import McpShop
from tests.front import until
from tests.tools.given import JO, context
from tools.base import Person, Tool, ToolFailed, WrongArguments
from tools.mcp import McpServer
from tools.mcp_link import McpLink
from tools.web import Web

STDIO = (sys.executable, "-m", "tests.doubles.mcp_shop")


class Watched:
    """Keeps what it is told of a connection."""

    def __init__(self) -> None:
        self.good = 0
        self.errors: list[str] = []

    async def succeeded(self, seconds: float) -> None:
        self.good += 1

    async def failed(self, error: str) -> None:
        self.errors.append(error)


@asynccontextmanager
async def served(shop: McpShop, port: int = 0) -> AsyncIterator[str]:
    with socket.create_server(("127.0.0.1", port)) as listening:
        config = uvicorn.Config(
            shop.app(), log_config=None, lifespan="on", ws="none", timeout_graceful_shutdown=1
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
        finally:
            server.should_exit = True
            await serving


@asynccontextmanager
async def connected(
    server: McpServer, watcher: Watched | None = None, web: Web | None = None
) -> AsyncIterator[McpLink]:
    link = McpLink("shop", server, web or Endpoints(), watcher=watcher)
    running = asyncio.create_task(link.run())
    try:
        async with asyncio.timeout(30):
            await link.tried.wait()
        yield link
    finally:
        link.stop()
        async with asyncio.timeout(15):
            await running


def tools(link: McpLink) -> dict[str, Tool]:
    return {each.name: each for each in link.tools}


async def call(tool: Tool, **arguments: Any) -> str:
    return await tool.call(context(), tool.check(arguments))


@pytest.fixture
async def shop() -> McpShop:
    return McpShop()


@pytest.fixture
async def url(shop: McpShop) -> AsyncIterator[str]:
    async with served(shop) as it:
        yield it


# its tools as ours -----------------------------------------------------------------------------------


async def test_tools_are_listed_and_called_over_http(shop: McpShop, url: str) -> None:
    async with connected(McpServer(url=url)) as link:
        found = tools(link)
        assert set(found) == {
            "shop_order_status",
            "shop_points",
            "shop_refund",
            "shop_slow",
            "shop_crash",
            "shop_odd_name__",
        }
        status = found["shop_order_status"]
        assert status.description == "Where an order is."
        assert json.loads(await call(status, order_id=123456)) == {"order_id": "123456", "status": "shipped"}
        with pytest.raises(WrongArguments):
            status.check({"order_id": "12"})
        assert await call(found["shop_odd_name__"]) == '{"result":"odd"}'
    assert shop.calls == [("order_status", "123456")]


async def test_a_command_is_started_spoken_to_and_ended() -> None:
    async with connected(McpServer(command=STDIO)) as link:
        told = await call(tools(link)["shop_order_status"], order_id="123456")
        assert json.loads(told)["status"] == "shipped"


async def test_what_is_not_marked_as_reading_is_a_write_that_is_approved(url: str) -> None:
    async with connected(McpServer(url=url)) as link:
        found = tools(link)
    assert {each.effect for name, each in found.items() if name != "shop_refund"} == {"read"}
    assert (found["shop_refund"].effect, found["shop_refund"].approval) == ("write", "operator")
    trusted = McpServer.model_validate(
        {
            "url": url,
            "only": ["refund", "points", "slow"],
            "tools": {
                "refund": {"approval": "none", "idempotent": True, "examples": ["Money back"], "timeout": 3},
                "points": {"effect": "write", "needs_verified": True},
                "slow": {"approval": "operator"},
            },
        }
    )
    async with connected(trusted) as link:
        found = tools(link)
    assert set(found) == {"shop_refund", "shop_points", "shop_slow"}
    refund, points, slow = (found[f"shop_{name}"] for name in ("refund", "points", "slow"))
    assert (refund.effect, refund.approval, refund.idempotent) == ("write", None, True)
    assert (refund.examples, refund.timeout) == (("Money back",), 3)
    assert (points.effect, points.approval, points.needs_verified) == ("write", "operator", True)
    assert (slow.effect, slow.approval) == ("read", "operator")


async def test_who_the_customer_is_is_filled_in_out_of_a_models_reach(shop: McpShop, url: str) -> None:
    server = McpServer(url=url, fixed={"email": "{contact.email}"})
    async with connected(server) as link:
        points = tools(link)["shop_points"]
        assert points.parameters["properties"] == {}
        assert points.needs_verified
        assert not tools(link)["shop_order_status"].needs_verified
        with pytest.raises(WrongArguments):
            points.check({"email": "eve@example.com"})
        assert "jo@example.com" in await call(points)
        nobody = Person(id="c", verified=True)
        with pytest.raises(ToolFailed, match="not known for sure"):
            await points.call(context(person=nobody), {})
    assert shop.calls == [("points", JO.addresses["email"][0])]


# what goes wrong -------------------------------------------------------------------------------------


async def test_a_tool_that_fails_says_so_and_of_a_write_nobody_knows(shop: McpShop, url: str) -> None:
    async with connected(McpServer(url=url)) as link:
        with pytest.raises(ToolFailed, match="there is no such order") as failed:
            await call(tools(link)["shop_refund"], order_id="000000")
    assert (failed.value.uncertain, failed.value.refused) == (True, True)


async def test_a_server_that_goes_away_and_comes_back_is_connected_to_again(shop: McpShop) -> None:
    watched = Watched()
    async with served(shop) as url:
        port = int(url.rpartition(":")[2].partition("/")[0])
        link = McpLink("shop", McpServer(url=url), Endpoints(), watcher=watched)
        running = asyncio.create_task(link.run())
        await until(lambda: link.tools)
    status = tools(link)["shop_order_status"]
    with pytest.raises(ToolFailed):
        await call(status, order_id="123456")
    await until(lambda: watched.errors)
    with pytest.raises(ToolFailed, match="not connected") as failed:
        await call(status, order_id="123456")
    assert not failed.value.uncertain
    assert link.tools  # still known, so that whoever wants one is told
    good = watched.good
    async with served(McpShop(), port):
        await until(lambda: watched.good > good)
        assert "shipped" in await call(tools(link)["shop_order_status"], order_id="123456")
        link.stop()
        await running


async def test_a_started_server_that_dies_is_started_again() -> None:
    watched = Watched()
    async with connected(McpServer(command=STDIO), watched) as link:
        found = tools(link)
        with pytest.raises(ToolFailed):
            await call(found["shop_crash"])
        await until(lambda: watched.good > 1)
        assert "shipped" in await call(found["shop_order_status"], order_id="123456")


@pytest.mark.parametrize(
    "server",
    [
        McpServer(url="http://127.0.0.1:9/mcp"),
        McpServer(command=("/no/such/program",)),
        McpServer(command=(sys.executable, "-c", "print('hello')")),
        McpServer(command=(sys.executable, "-c", "raise SystemExit(1)")),
    ],
    ids=["nobody there", "no program", "no MCP", "gone at once"],
)
async def test_a_server_that_is_none_is_told_of_and_harms_nobody(server: McpServer) -> None:
    watched = Watched()
    async with connected(server, watched) as link:
        await until(lambda: watched.errors)
        assert link.tools == ()
        with pytest.raises(ToolFailed):
            await link.check()


# what can be written in bot.toml ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "why"),
    [
        ({}, "either url or command"),
        ({"url": "https://a.example/mcp", "command": ["x"]}, "either url or command"),
        ({"url": "a.example/mcp"}, "is no address"),
        ({"url": "http://a.example/mcp"}, "https"),
        ({"url": "https://a.example/{x}"}, "braces"),
        ({"url": "https://a.example/mcp", "fixed": {"a": "{b}"}}, "fixed"),
        ({"url": "https://a.example/mcp", "tools": {"x": {"effct": "read"}}}, "effct"),
    ],
)
def test_what_cannot_be_a_server_says_why(section: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError) as caught:
        McpServer.model_validate(section)
    assert why in str(caught.value)


def test_secrets_do_not_show() -> None:
    server = McpServer(command=("x",), headers={"A": "hush"}, env={"B": "hush"})
    assert "hush" not in repr(server)


async def test_a_public_name_that_leads_inside_is_not_connected_to(shop: McpShop) -> None:
    watched = Watched()
    async with served(shop) as url:
        there = url.replace("http://127.0.0.1", "https://shop.example")
        web = Endpoints(resolve=Names("8.8.8.8", "127.0.0.1"))
        async with connected(McpServer(url=there), watched, web) as link:
            assert list(link.tools) == []
    assert "shop.example is not a public address" in watched.errors[0]


async def test_a_host_of_our_own_may_be_inside_and_is_asked_by_its_name(shop: McpShop) -> None:
    async with served(shop) as url:
        there = url.replace("127.0.0.1", "shop.internal")
        web = Endpoints(resolve=Names("127.0.0.1"))
        async with connected(McpServer(url=there, own=True), web=web) as link:
            assert "shipped" in await call(tools(link)["shop_order_status"], order_id="123456")
    assert shop.hosts[0].startswith("shop.internal:")


async def test_a_call_tells_the_server_which_turn_it_belongs_to(shop: McpShop) -> None:
    turn = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with served(shop) as url, connected(McpServer(url=url)) as link:
        status = tools(link)["shop_order_status"]
        await status.call(replace(context(), traceparent=turn), {"order_id": "123456"})
    assert shop.metas[0]["traceparent"] == turn
