"""The API described: `/api/openapi.json` for programs, `/api/docs` for people."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from bot.api.bodies import answer
from bot.api.calls import CALLS, Call
from bot.api.schemas import SCHEMAS

_NONE = {"const": ""}  # a parameter without a value is as if it were not there
_ERROR = {
    "description": "An error",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}
_SECURITY: dict[str, list[dict[str, list[str]]]] = {
    "anyone": [],
    "visitor": [{"visitor": []}],
    "operator": [{"program": []}, {"session": []}],
}


def routes() -> Sequence[BaseRoute]:
    async def openapi(_: Request) -> Response:
        return answer(description())

    async def docs(_: Request) -> Response:
        return HTMLResponse(_page())

    return [Route("/openapi.json", openapi), Route("/docs", docs)]


@cache
def description() -> dict[str, Any]:
    """The whole API as OpenAPI 3.1."""
    paths: dict[str, dict[str, Any]] = {}
    for call in CALLS:
        paths.setdefault(call.path, {})[call.method] = _operation(call)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Switchboard",
            "version": "0.1.0",
            "description": "Visitors write, operators and programs answer. Every error is an `Error`.",
        },
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "visitor": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The `token` of /api/web/session.",
                },
                "program": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API token, made by `switchboard token create NAME`.",
                },
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "switchboard_session",
                    "description": "The cookie of /api/login; with https its name begins with `__Host-`. "
                    "Every POST then carries the `csrf_token` of /api/me as X-CSRF-Token.",
                },
            },
        },
    }


def _operation(call: Call) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{call.method} {call.path}").strip("_"),
        "summary": call.about,
        "tags": [call.group],
        "security": _SECURITY[call.who],
        "responses": {str(status): _response(call, *told) for status, told in call.answers.items()}
        | {"default": _ERROR},
    }
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", call.path)
    ] + [
        {"name": name, "in": "query", "schema": {"anyOf": [schema, _NONE]}}
        for name, schema in call.query.items()
    ]
    if parameters:
        operation["parameters"] = parameters
    if call.body is not None:
        operation["requestBody"] = {
            "required": bool(call.body.get("required")),  # without a body, nothing is given
            "content": {call.body_type: {"schema": call.body}},
        }
    return operation


def _response(call: Call, meaning: str, schema: object) -> dict[str, Any]:
    if schema is None:
        return {"description": meaning}
    return {"description": meaning, "content": {call.answer_type: {"schema": schema}}}


@cache
def _page() -> str:
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["json"] = _json
    groups: dict[str, list[Call]] = {}
    for call in CALLS:
        groups.setdefault(call.group, []).append(call)
    return templates.get_template("docs.html").render(groups=groups, schemas=SCHEMAS)


def _json(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
