"""Services with an OpenAPI document: their operations as tools, and documents that are none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from aiohttp import web
from pydantic import ValidationError

from bot.api.docs import description
from bot.endpoints import Endpoints
from tests.front import until
from tests.tools.given import TRACE, context
from tests.tools.shop import Shop
from tools.base import Tool, ToolFailed, WrongArguments
from tools.document import WrongDocument, read
from tools.openapi import OpenApiLink, OpenApiService
from tools.schema import checked_by

SHOP: dict[str, Any] = {
    "openapi": "3.0.3",
    "info": {"title": "Shop", "version": "1"},
    "servers": [{"url": "/v1"}],
    "paths": {
        "/orders/{id}": {
            "parameters": [{"$ref": "#/components/parameters/id"}],
            "get": {
                "operationId": "getOrder",
                "summary": "Where an order is.",
                "parameters": [
                    {
                        "name": "expand",
                        "in": "query",
                        "schema": {"type": "array", "items": {"type": "string"}},
                    },
                    {"name": "X-Trace", "in": "header", "schema": {"type": "string"}},
                    {"name": "session", "in": "cookie", "schema": {"type": "string"}},
                ],
            },
            "patch": {
                "summary": "Change an order.",
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Change"}}},
                },
            },
        },
        "/refunds": {
            "post": {
                "operationId": "refund/create",
                "description": "Give money\nback.",
                "requestBody": {"$ref": "#/components/requestBodies/refund"},
            }
        },
        "/lines": {
            "put": {
                "operationId": "putLines",
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": {"type": "array", "items": {"$ref": "#/components/schemas/Line"}}
                        }
                    }
                },
            }
        },
    },
    "components": {
        "parameters": {
            "id": {
                "name": "id",
                "in": "path",
                "required": True,
                "schema": {"type": "string", "pattern": "^[0-9]{6}$"},
                "description": "The order's number.",
            }
        },
        "requestBodies": {
            "refund": {
                "required": True,
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Refund"}}},
            }
        },
        "schemas": {
            "Change": {
                "allOf": [
                    {"$ref": "#/components/schemas/Line"},
                    {"type": "object", "properties": {"note": {"type": "string", "nullable": True}}},
                ]
            },
            "Line": {
                "type": "object",
                "required": ["sku", "number"],
                "properties": {
                    "number": {"type": "integer", "readOnly": True},
                    "sku": {"type": "string"},
                    "count": {"type": "integer", "minimum": 0, "exclusiveMinimum": True},
                    "parent": {"$ref": "#/components/schemas/Line"},
                },
            },
            "Refund": {
                "type": "object",
                "required": ["order", "email"],
                "properties": {
                    "order": {"type": "string"},
                    "email": {"type": "string"},
                    "amount": {"type": "number"},
                },
            },
        },
    },
}


async def linked(service: OpenApiService, endpoints: Endpoints) -> dict[str, Tool]:
    return {each.name: each for each in await OpenApiLink("shop", service, endpoints).check()}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "shop.yaml"
    path.write_text(yaml.safe_dump(SHOP))
    return path


def told(file: Path, shop: Shop, **more: Any) -> OpenApiService:
    more.setdefault("operations", ("getOrder", "PATCH /orders/{id}", "refund/create", "putLines"))
    return OpenApiService(file=file, base_url=f"{shop.url}/v1", **more)


async def test_operations_become_tools(file: Path, shop: Shop, endpoints: Endpoints) -> None:
    tools = await linked(told(file, shop), endpoints)
    assert {name: (each.effect, each.approval) for name, each in tools.items()} == {
        "shop_getOrder": ("read", None),
        "shop_PATCH_orders_id": ("write", "operator"),
        "shop_refund_create": ("write", "operator"),
        "shop_putLines": ("write", "operator"),
    }
    assert tools["shop_getOrder"].description == "Where an order is."
    assert tools["shop_refund_create"].description == "Give money back."
    assert tools["shop_getOrder"].parameters == {
        "type": "object",
        "properties": {
            "id": {"type": "string", "pattern": "^[0-9]{6}$", "description": "The order's number."},
            "expand": {"type": "array", "items": {"type": "string"}},
            "X-Trace": {"type": "string"},
        },
        "required": ["id"],
    }
    change = tools["shop_PATCH_orders_id"].parameters
    assert change["required"] == ["id", "sku"]
    properties = change["properties"]
    assert isinstance(properties, dict)
    assert properties["note"] == {"type": ["string", "null"]}
    assert properties["count"] == {"type": "integer", "minimum": 0}
    assert "number" not in properties


async def test_arguments_go_where_the_document_wants_them(
    file: Path, shop: Shop, endpoints: Endpoints
) -> None:
    service = told(file, shop, headers={"Authorization": "Bearer secret"}, fixed={"email": "{contact.email}"})
    tools = await linked(service, endpoints)

    async def call(tool: Tool, **arguments: Any) -> str:
        return await tool.call(context(), tool.check(arguments))

    await call(tools["shop_getOrder"], **{"id": 123456, "expand": ["lines", "a b"], "X-Trace": "t1"})
    asked = shop.asked[0]
    assert (asked.method, asked.raw_path) == ("GET", "/v1/orders/123456?expand=lines&expand=a+b")
    assert (asked.headers["X-Trace"], asked.headers["Authorization"]) == ("t1", "Bearer secret")
    assert asked.body is None
    refund = tools["shop_refund_create"]
    assert refund.needs_verified
    with pytest.raises(WrongArguments):
        refund.check({"order": "1", "email": "eve@example.com"})
    await call(refund, order="1", amount="2.5")
    asked = shop.asked[1]
    assert (asked.method, asked.raw_path) == ("POST", "/v1/refunds")
    assert asked.body == {"order": "1", "amount": 2.5, "email": "jo@example.com"}
    assert asked.headers["Idempotency-Key"] == "key-1"
    assert asked.headers["traceparent"] == TRACE
    await call(tools["shop_putLines"], body=[{"sku": "a", "parent": {"sku": "b"}}])
    assert shop.asked[2].body == [{"sku": "a", "parent": {"sku": "b"}}]
    with pytest.raises(WrongArguments):
        tools["shop_putLines"].check({"body": [{"count": 1}]})


async def test_what_the_company_says_goes_before_the_document(
    file: Path, shop: Shop, endpoints: Endpoints
) -> None:
    service = OpenApiService.model_validate(
        {
            "file": file,
            "base_url": shop.url,
            "operations": ["getOrder", "refund/create"],
            "tools": {"refund/create": {"approval": "none", "idempotent": True, "answer": "Done."}},
        }
    )
    refund = (await linked(service, endpoints))["shop_refund_create"]
    assert (refund.effect, refund.approval, refund.idempotent, refund.answer) == (
        "write",
        None,
        True,
        "Done.",
    )


class Documents:
    """A server with a document that can be exchanged, below the service it describes."""

    def __init__(self) -> None:
        self.text = json.dumps(SHOP)
        self.asked: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        if request.path == "/openapi.json":
            return web.Response(text=self.text)
        return web.json_response({"status": "shipped"})


@pytest.fixture
async def documents() -> AsyncIterator[tuple[Documents, str]]:
    held = Documents()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", held.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield held, f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_a_document_is_read_from_the_service_itself(
    documents: tuple[Documents, str], endpoints: Endpoints
) -> None:
    held, url = documents
    service = OpenApiService(url=f"{url}/openapi.json", operations=("getOrder",))
    link = OpenApiLink("shop", service, endpoints)
    running = asyncio.create_task(link.run())
    await until(link.tried.is_set)
    (tool,) = link.tools
    assert await tool.call(context(), tool.check({"id": "123456"})) == '{"status":"shipped"}'
    assert held.asked == ["/openapi.json", "/v1/orders/123456"]
    link.stop()
    await running
    held.text = "not a document"
    with pytest.raises(ToolFailed):
        await link.check()
    assert link.tools == [tool]  # as it was known last


async def test_a_document_does_not_send_the_companys_token_elsewhere(
    documents: tuple[Documents, str], endpoints: Endpoints
) -> None:
    held, url = documents
    held.text = json.dumps(SHOP | {"servers": [{"url": "https://elsewhere.example/v1"}]})
    service = OpenApiService(url=f"{url}/openapi.json", operations=("getOrder",))
    with pytest.raises(ToolFailed, match=r"elsewhere\.example: set base_url"):
        await linked(service, endpoints)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"openapi": "2.0"}, "no OpenAPI 3"),
        ({"paths": {}}, "there is no operation 'getOrder'"),
        ({"servers": []}, "base_url must say"),
        ({"paths": {"/x/{y}": {"get": {"operationId": "getOrder"}}}}, "nothing fills {y}"),
        (
            {"paths": {"/x": {"get": {"operationId": "getOrder", "parameters": [{"$ref": "http://x/"}]}}}},
            "leads outside",
        ),
        (
            {
                "paths": {
                    "/x": {"get": {"operationId": "getOrder", "parameters": [{"name": "a", "in": ["x"]}]}}
                }
            },
            "unhashable",
        ),
        ({"servers": [{"url": "https://["}]}, "Invalid"),
    ],
)
async def test_a_document_that_does_not_do_says_why(
    change: dict[str, Any], why: str, tmp_path: Path, endpoints: Endpoints
) -> None:
    path = tmp_path / "shop.json"
    path.write_text(json.dumps(SHOP | {"servers": [{"url": "https://shop.example"}]} | change))
    with pytest.raises(ToolFailed) as failed:
        await linked(OpenApiService(file=path, operations=("getOrder",)), endpoints)
    assert why in failed.value.detail


async def test_a_file_that_is_not_there_says_so(tmp_path: Path, endpoints: Endpoints) -> None:
    with pytest.raises(ToolFailed, match="No such file"):
        await linked(OpenApiService(file=tmp_path / "none", operations=("x",)), endpoints)


@pytest.mark.parametrize("text", ["", "[]", "5", "a: [", "{", "\x00"])
def test_rubbish_is_no_document(text: str) -> None:
    with pytest.raises(WrongDocument) as wrong:
        read(text)
    assert "\n" not in str(wrong.value)


def test_a_schema_that_contains_itself_many_times_has_an_end() -> None:
    loop = {
        "type": "object",
        "properties": {f"p{n}": {"$ref": "#/components/schemas/Loop"} for n in range(9)},
    }
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Loop"}}}}
    found = read(
        json.dumps(
            {
                "openapi": "3.1.0",
                "paths": {"/x": {"post": {"operationId": "x", "requestBody": body}}},
                "components": {"schemas": {"Loop": loop}},
            }
        )
    )
    assert len(orjson.dumps(found.operations["x"].parameters)) < 3_000_000


def test_our_own_document_is_understood() -> None:
    found = read(json.dumps(description()))
    assert len(found.operations) > 30
    for operation in found.operations.values():
        checked_by(operation.parameters)


@pytest.mark.parametrize(
    ("section", "why"),
    [
        ({"operations": ["x"]}, "either url or file"),
        ({"url": "https://a.example/d", "file": "d", "operations": ["x"]}, "either url or file"),
        ({"url": "https://a.example/d", "operations": []}, "at least 1"),
        ({"url": "http://a.example/d", "operations": ["x"]}, "url: it is asked over https"),
        ({"file": "d", "base_url": "a", "operations": ["x"]}, "base_url"),
        ({"file": "d", "operations": ["x"], "tools": {"y": {}}}, "tools.y"),
        ({"file": "d", "operations": ["x"], "fixed": {"a": "{b}"}}, "fixed"),
    ],
)
def test_what_cannot_be_a_service_says_why(section: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError) as caught:
        OpenApiService.model_validate(section)
    assert why in str(caught.value)
