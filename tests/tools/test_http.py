"""HTTP tools as bot.toml has them: what is sent where, and what comes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from bot.endpoints import Endpoints
from tests.tools.given import TRACE, context
from tests.tools.shop import Shop, serving
from tools.base import Person, Tool, ToolFailed, WrongArguments
from tools.http import HttpTool

DIGITS = {"order_id": {"type": "string", "pattern": "^[0-9]{6}$"}}
WORDS = {"order_id": {"type": "string"}}


def read(endpoints: Endpoints, url: str, name: str = "order_status", **more: Any) -> Tool:
    return HttpTool(url=url, **more).as_tool(name, endpoints)


async def call(tool: Tool, **arguments: Any) -> str:
    return await tool.call(context(), tool.check(arguments))


async def failed(tool: Tool, **arguments: Any) -> ToolFailed:
    with pytest.raises(ToolFailed) as caught:
        await call(tool, **arguments)
    return caught.value


# what is sent ----------------------------------------------------------------------------------------


async def test_an_order_is_looked_up(shop: Shop, endpoints: Endpoints) -> None:
    tool = read(
        endpoints, f"{shop.url}/orders/{{order_id}}", parameters=DIGITS, description="Look up an order"
    )
    assert await call(tool, order_id=123456) == '{"id":"123456","status":"shipped"}'
    assert (shop.asked[0].method, shop.asked[0].raw_path) == ("GET", "/orders/123456")
    assert "Idempotency-Key" not in shop.asked[0].headers
    assert shop.asked[0].headers["traceparent"] == TRACE
    assert (tool.effect, tool.approval, tool.timeout, tool.idempotent) == ("read", None, 10.0, False)
    assert tool.description == "Look up an order"
    with pytest.raises(WrongArguments):
        tool.check({"order_id": "12"})


async def test_what_has_no_place_in_the_address_goes_into_the_query(shop: Shop, endpoints: Endpoints) -> None:
    tool = read(
        endpoints,
        f"{shop.url}/search?shop=nw&q={{q}}",
        parameters={
            "q": {"type": "string"},
            "sizes": {"type": "array", "items": {"type": "integer"}},
            "sale": {"type": "boolean", "default": False},
            "page": {"type": "integer", "required": False},
        },
        fixed={"lang": "en"},
    )
    await call(tool, q="red & blue/…", sizes=[1, 2])
    assert shop.asked[0].raw_path == (
        "/search?shop=nw&q=red%20%26%20blue%2F%E2%80%A6&sizes=1&sizes=2&sale=false&lang=en"
    )


async def test_a_write_sends_json_with_its_key(shop: Shop, endpoints: Endpoints) -> None:
    tool = read(
        endpoints,
        f"{shop.url}/refunds/{{order_id}}",
        name="refund",
        method="post",
        effect="write",
        approval="operator",
        parameters=DIGITS | {"amount": {"type": "number"}},
        headers={"Authorization": "Bearer secret"},
        fixed={"by": {"email": "{contact.email}", "phone": "{contact.phone}"}, "source": "chat"},
    )
    assert (tool.effect, tool.approval, tool.description) == ("write", "operator", "Refund.")
    await call(tool, order_id="123456", amount="12.50")
    sent = shop.asked[0]
    assert (sent.method, sent.raw_path) == ("POST", "/refunds/123456")
    assert sent.headers["Idempotency-Key"] == "key-1"
    assert sent.headers["Authorization"] == "Bearer secret"
    assert sent.body == {
        "amount": 12.5,
        "by": {"email": "jo@example.com", "phone": "+4915112345678"},
        "source": "chat",
    }


async def test_a_call_that_a_person_sees_takes_what_nobody_has_named(
    shop: Shop, endpoints: Endpoints
) -> None:
    asked: dict[str, Any] = {"method": "POST", "effect": "write", "approval": "operator"}
    tool = read(endpoints, f"{shop.url}/refunds", "refund", fixed={"shop": "nw"}, **asked)
    await call(tool, order_id="123456", amount=20, shop="other")
    assert shop.asked[0].body == {"order_id": "123456", "amount": 20, "shop": "nw"}
    for named in (
        read(endpoints, f"{shop.url}/refunds", "refund", parameters={}, **asked),
        read(endpoints, f"{shop.url}/refunds", "refund", method="POST", effect="write"),
        read(endpoints, f"{shop.url}/refunds", "refund"),
    ):
        with pytest.raises(WrongArguments):
            named.check({"order_id": "123456"})


async def test_who_it_is_comes_from_the_session_alone(shop: Shop, endpoints: Endpoints) -> None:
    tool = read(endpoints, f"{shop.url}/customers/{{contact.email}}")
    assert tool.needs_verified
    assert tool.parameters["properties"] == {}
    with pytest.raises(WrongArguments):
        tool.check({"contact.email": "eve@example.com"})
    await call(tool)
    assert shop.asked[0].raw_path == "/customers/jo%40example.com"
    nobody = context(person=Person(id="c", name="Eve", verified=True, addresses={"web-user": ("7",)}))
    with pytest.raises(ToolFailed, match="email is not known") as caught:
        await tool.call(nobody, {})
    assert caught.value.refused
    assert len(shop.asked) == 1


@pytest.mark.parametrize(
    "value", ["..", ".", "", "/", "a/", "../admin", "a/../../admin", "..\\admin", "x/..", "1\r\nHost: evil"]
)
async def test_a_value_does_not_change_the_path(value: str, shop: Shop, endpoints: Endpoints) -> None:
    tool = read(endpoints, f"{shop.url}/orders/{{order_id}}", parameters=WORDS)
    assert (await failed(tool, order_id=value)).refused
    assert shop.asked == []


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("a/b", "/orders/a%2Fb"),
        ("1?admin=1#x", "/orders/1%3Fadmin%3D1%23x"),
        ("%2e%2e", "/orders/%252e%252e"),
        ("@evil.example", "/orders/%40evil.example"),
        ("Größe 7", "/orders/Gr%C3%B6%C3%9Fe%207"),
    ],
)
async def test_a_value_stays_a_value(value: str, sent: str, shop: Shop, endpoints: Endpoints) -> None:
    await call(read(endpoints, f"{shop.url}/orders/{{order_id}}", parameters=WORDS), order_id=value)
    assert shop.asked[0].raw_path == sent
    assert shop.asked[0].headers["Host"] == f"127.0.0.1:{shop.port}"


async def test_two_values_make_no_dots_together(shop: Shop, endpoints: Endpoints) -> None:
    tool = read(
        endpoints,
        f"{shop.url}/a/{{x}}{{y}}/b",
        parameters={"x": {"type": "string"}, "y": {"type": "string"}},
    )
    await call(tool, x="a", y="b")
    with pytest.raises(ToolFailed):
        await call(tool, x=".", y=".")
    assert len(shop.asked) == 1


# what comes of it ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "refused", "uncertain"),
    [
        (404, True, False),
        (422, True, False),
        (401, False, False),
        (429, False, False),
        (500, False, True),
        (503, False, True),
        (304, False, True),
    ],
)
async def test_a_status_says_what_became_of_it(
    status: int, refused: bool, uncertain: bool, shop: Shop, endpoints: Endpoints
) -> None:
    url = f"{shop.url}/status/{status}"
    failure = await failed(read(endpoints, url, method="POST", effect="write"))
    assert (failure.refused, failure.uncertain) == (refused, uncertain)
    assert str(status) in failure.detail
    failure = await failed(read(endpoints, url))
    assert (failure.refused, failure.uncertain) == (refused, False)


async def test_a_refusal_can_be_an_answer(shop: Shop, endpoints: Endpoints) -> None:
    tool = read(
        endpoints,
        f"{shop.url}/status/{{code}}",
        parameters={"code": {"type": "integer"}},
        otherwise={"404": "There is no order {code}."},
    )
    assert await call(tool, code=404) == "There is no order 404."
    assert (await failed(tool, code=403)).refused


async def test_a_write_that_is_refused_is_not_done_and_says_why(shop: Shop, endpoints: Endpoints) -> None:
    tool = read(
        endpoints,
        f"{shop.url}/status/{{code}}",
        method="PUT",
        parameters={"code": {"type": "integer"}},
        otherwise={"409": "Too late for {code}."},
    )
    failure = await failed(tool, code=409)
    assert (failure.refused, failure.uncertain, failure.words) == (True, False, "Too late for 409.")
    assert (await failed(tool, code=404)).words == ""


async def test_nobody_there_means_not_done(endpoints: Endpoints) -> None:
    async with serving() as shop:
        pass
    failure = await failed(read(endpoints, f"{shop.url}/x", method="POST", effect="write"))
    assert not failure.uncertain
    assert "cannot be reached" in failure.detail


@pytest.mark.parametrize("path", ["away", "endless", "folded"])
async def test_an_answer_cut_off_leaves_a_write_in_doubt(path: str, shop: Shop, endpoints: Endpoints) -> None:
    url = f"{shop.url}/{path}"
    assert (await failed(read(endpoints, url, method="POST", effect="write"))).uncertain
    assert not (await failed(read(endpoints, url))).uncertain


async def test_a_redirect_stays_in_the_house(shop: Shop, endpoints: Endpoints) -> None:
    tool = read(endpoints, f"{shop.url}/to?where=/orders/1")
    assert "shipped" in await call(tool)
    async with serving() as other:
        for where in (f"{other.url}/orders/1", "//127.0.0.1:1/x", "file:///etc/passwd", "http://[::1/"):
            await failed(read(endpoints, f"{shop.url}/to", fixed={"where": where}))
        await failed(read(endpoints, f"{shop.url}/to?where=/to?where=/x", method="POST", effect="write"))
        assert other.asked == []
    circles = read(endpoints, f"{shop.url}/to", fixed={"where": "/to?where=%2Fto%3Fwhere%3D%252Fto"})
    await failed(circles)


async def test_cookies_of_one_call_go_with_no_other(shop: Shop, endpoints: Endpoints) -> None:
    for _ in range(2):
        await call(read(endpoints, f"{shop.url}/cookie"))
    assert "Cookie" not in shop.asked[1].headers


async def test_questions_share_a_connection_and_writes_do_not(shop: Shop, endpoints: Endpoints) -> None:
    for _ in range(3):
        await call(read(endpoints, f"{shop.url}/orders/1"))
    assert len(shop.connections) == 1
    for _ in range(3):
        await call(read(endpoints, f"{shop.url}/empty", method="POST", effect="write"))
    assert len(shop.connections) == 4


async def test_an_empty_answer_is_an_answer(shop: Shop, endpoints: Endpoints) -> None:
    assert await call(read(endpoints, f"{shop.url}/empty", method="DELETE")) == ""
    assert shop.asked[0].body is None


# what can be written in bot.toml ---------------------------------------------------------------------


def test_what_changes_something_is_a_write_unless_said_otherwise() -> None:
    told = {
        (method, effect): HttpTool(url="https://shop.example/x", method=method, effect=effect).changes
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
        for effect in (None, "read", "write")
    }
    assert [each for each, changes in told.items() if changes and each[1] is None] == [
        ("PUT", None),
        ("PATCH", None),
        ("DELETE", None),
    ]
    assert all(changes is (effect == "write") for (_, effect), changes in told.items() if effect)


@pytest.mark.parametrize(
    ("section", "why"),
    [
        ({"url": "shop.example/x"}, "is no address"),
        ({"url": "ftp://shop.example/x"}, "is no address"),
        ({"url": "https://{host}/x"}, "where it leads"),
        ({"url": "https://shop.{tld}/x"}, "where it leads"),
        ({"url": "https://ada:pw@shop.example/x"}, "password"),
        ({"url": "https://shop.example/x#y"}, "never reaches"),
        ({"url": "https://shop.example:99999/x"}, "is no address"),
        ({"url": "http://shop.example/x"}, "https"),
        ({"url": "https://shop.example/{x}"}, "{x} is no parameter"),
        ({"url": "https://shop.example/{contact.password}"}, "is no parameter"),
        (
            {"url": "https://shop.example/{x}", "parameters": {"x": {"type": "string", "required": False}}},
            "{x} is no parameter",
        ),
        ({"url": "https://shop.example/{x}", "parameters": {"x": {"type": "object"}}}, "{x} is no parameter"),
        ({"url": "https://shop.example/", "parameters": {"x": {"type": "text"}}}, "parameters"),
        ({"url": "https://shop.example/", "parameters": {"x": {"pattern": "("}}}, "no pattern"),
        ({"url": "https://shop.example/", "asks": {"x": "Which?"}}, "asks.x"),
        ({"url": "https://shop.example/", "fixed": {"x": "{name}"}}, "fixed"),
        ({"url": "https://shop.example/", "headers": {"A": "b\r\nC: d"}}, "header"),
        ({"url": "https://shop.example/", "method": "FETCH"}, "GET"),
        ({"url": "https://shop.example/", "timeout": 0}, "greater than 0"),
        ({"url": "https://shop.example/", "otherwise": {"500": "No."}}, "pattern"),
        ({"url": "https://shop.example/", "efect": "write"}, "efect"),
    ],
)
def test_what_cannot_be_a_tool_says_why(section: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError) as caught:
        HttpTool.model_validate(section)
    assert why in str(caught.value)


def test_secrets_do_not_show() -> None:
    tool = HttpTool(url="https://shop.example/", headers={"Authorization": "Bearer hush"})
    assert "hush" not in repr(tool)


def test_the_arguments_schema_is_json(endpoints: Endpoints) -> None:
    tool = HttpTool(
        url="https://shop.example/{a}",
        parameters={"a": {"type": "string"}, "b": {"type": "integer", "required": False}},
    ).as_tool("x", endpoints)
    assert json.loads(json.dumps(tool.parameters)) == {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "integer"}},
        "required": ["a"],
    }
