"""The description of the API says what is there, and all of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import BaseRoute, Mount, Route

from bot.api.calls import CALLS, HOUSE
from bot.api.docs import description
from bot.store import Store
from bot.testing import ScriptedModel
from tests.office import office


def calls_of(routes: Iterable[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Method and path of everything an app answers."""
    for route in routes:
        if isinstance(route, Mount):
            yield from calls_of(route.routes or (), prefix + route.path)
        elif isinstance(route, Route):
            path = re.sub(r"{(\w+):\w+}", r"{\1}", prefix + route.path)
            yield from ((method.lower(), path) for method in route.methods or () if method != "HEAD")


def wrong(value: Any, schema: Mapping[str, Any], at: str = "$") -> Iterator[str]:
    """Where a value is not as the schema says: the part of JSON Schema that the description uses."""
    if name := schema.get("$ref"):
        yield from wrong(value, description()["components"]["schemas"][name.rsplit("/", 1)[1]], at)
    for part in schema.get("allOf", ()):
        yield from wrong(value, part, at)
    if (choices := schema.get("anyOf")) and all(list(wrong(value, each, at)) for each in choices):
        yield f"{at}: none of the choices"
    kinds: Mapping[str, Any] = {
        "object": dict,
        "array": list,
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
        "null": type(None),
    }
    told = schema.get("type", ())
    allowed = [told] if isinstance(told, str) else list(told)
    if allowed and not any(isinstance(value, kinds[each]) for each in allowed):
        yield f"{at}: {value!r} is none of {allowed}"
        return
    if value is not None and "enum" in schema and value not in schema["enum"]:
        yield f"{at}: {value!r} is not in {schema['enum']}"
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        yield from (f"{at}.{name} is missing" for name in schema.get("required", ()) if name not in value)
        for name, part in properties.items():
            if name in value:
                yield from wrong(value[name], part, f"{at}.{name}")
    if isinstance(value, list) and "items" in schema:
        for index, each in enumerate(value):
            yield from wrong(each, schema["items"], f"{at}[{index}]")


def answer_schema(method: str, path: str, status: int) -> Mapping[str, Any]:
    responses = description()["paths"][path][method]["responses"]
    told = responses.get(str(status), responses["default"])
    schema: Mapping[str, Any] = told["content"]["application/json"]["schema"]
    return schema


async def test_every_call_is_described_and_nothing_else(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        there = {(method, path) for method, path in calls_of(place.app.routes) if path.startswith("/api")}
    described = {(call.method, call.path) for call in CALLS if call not in HOUSE}
    assert described == there


async def test_answers_are_as_described(sqlite: Store, tmp_path: Path) -> None:
    model = ScriptedModel("Within 30 days of delivery. [1]")
    async with office(sqlite, tmp_path, models=[model]) as place:
        visitor = await place.visitor("How long can I return things?")
        await place.work()
        operator = await place.operator()
        one = "/api/conversations/{id}"
        detail = (await operator.get(one.format(id=visitor.conversation_id))).json()
        ids = {"one": visitor.conversation_id, "turn": detail["turns"][0]["id"]}
        asked: list[tuple[str, str, str, Mapping[str, Any] | None]] = [
            ("get", "/api/me", "", None),
            ("get", "/api/conversations", "", None),
            ("get", "/api/conversations", "?limit=0", None),
            ("get", one, "", None),
            ("get", "/api/turns/{id}", "", None),
            ("post", f"{one}/messages", "", {"client_id": "1", "text": "Hi"}),
            ("post", f"{one}/messages", "", {"client_id": "1", "text": "Hi"}),
            ("post", f"{one}/messages", "", {"client_id": "2", "text": "Psst", "kind": "note"}),
            ("post", f"{one}/messages", "", {"text": "Hi"}),
            *(("post", f"{one}/{act}", "", None) for act in ("take", "release", "resolve", "reopen")),
            ("get", "/api/openapi.json", "", None),
        ]
        for method, path, query, body in asked:
            address = path.format(id=ids["turn" if "turns" in path else "one"]) + query
            answer = await operator.request(method.upper(), address, json=body)
            schema = answer_schema(method, path, answer.status_code)
            assert list(wrong(answer.json(), schema)) == [], address
        session = await visitor.request("POST", "/api/web/session", {"token": visitor.token})
        assert list(wrong(session.json, answer_schema("post", "/api/web/session", 200))) == []
        posted = await visitor.post("More")
        assert list(wrong(posted.json, answer_schema("post", "/api/web/messages", posted.status))) == []
        refused = await visitor.request("POST", "/api/web/read", {"seq": "x"})
        assert list(wrong(refused.json, answer_schema("post", "/api/web/read", refused.status))) == []


@pytest.mark.parametrize(
    ("value", "schema"),
    [
        ({"error": {"code": "x"}}, {"$ref": "#/components/schemas/Error"}),
        ("lost", {"type": "string", "enum": ["bot"]}),
        (7, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ([1, "2"], {"type": "array", "items": {"type": "integer"}}),
    ],
)
def test_what_is_not_as_described_is_found(value: Any, schema: Mapping[str, Any]) -> None:
    assert list(wrong(value, schema))


async def test_the_page_asks_nothing_of_others_and_needs_no_script(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        page = await place.browser().get("/api/docs")
        assert page.status_code == 200
        assert "<script" not in page.text
        assert not re.search(r'(?:src|href)="(?:https?:)?//', page.text)
        assert all(call.path in page.text for call in CALLS)
        for asset in re.findall(r'(?:src|href)="(/[^"#]+)"', page.text):
            assert (await place.browser().get(asset)).status_code in {200, 303}, asset
