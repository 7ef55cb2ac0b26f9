"""`@tool`: a function as a tool, its schema told by its annotations and its docstring."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, get_type_hints

import orjson
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, create_model
from pydantic_core import to_json

from tools.base import Arguments, Effect, Tool, ToolContext, WrongArguments

Function = Callable[..., Awaitable[object]]

_TAKEN = ConfigDict(extra="forbid", coerce_numbers_to_str=True)


def tool(
    *,
    effect: Effect = "read",
    approval: Literal["operator"] | None = None,
    timeout: float = 10.0,
    idempotent: bool = False,
    needs_verified: bool = False,
    examples: Sequence[str] = (),
    answer: str = "",
    asks: Mapping[str, str | Mapping[str, str]] | None = None,
) -> Callable[[Function], Tool]:
    """Make a tool of an async function whose first parameter is `context: ToolContext`.

    The others are what it takes, with types that pydantic knows; `Annotated[str, Field(pattern=…)]` says
    more. The docstring's first paragraph is what the model reads, a line "order_id: …" in it describes that
    parameter. It may return words, or anything that can be written as JSON.
    """

    def made(function: Function) -> Tool:
        words = inspect.getdoc(function) or ""
        described, _, _ = words.partition("\n\n")
        if not described:
            raise TypeError(f"{function.__name__}: its docstring tells the model what it does")
        takes = _takes(function, words)
        schema = takes.model_json_schema()
        parameters: dict[str, JsonValue] = {
            "type": "object",
            "properties": {name: _without_title(each) for name, each in schema.get("properties", {}).items()},
            "required": schema.get("required", []),
        }
        if "$defs" in schema:
            parameters["$defs"] = schema["$defs"]

        def check(arguments: Arguments) -> Arguments:
            return _writable(_validated(takes, arguments).model_dump(mode="json"))

        async def call(context: ToolContext, arguments: Arguments) -> str:
            given = _validated(takes, arguments)
            returned = await function(context, **{name: getattr(given, name) for name in takes.model_fields})
            if returned is None:
                return ""
            return returned if isinstance(returned, str) else to_json(returned).decode()

        return Tool(
            name=function.__name__,
            description=" ".join(described.split()),
            parameters=parameters,
            check=check,
            call=call,
            effect=effect,
            approval=approval,
            timeout=timeout,
            idempotent=idempotent,
            needs_verified=needs_verified,
            examples=examples,
            answer=answer,
            asks=asks or {},
        )

    return made


def _takes(function: Function, words: str) -> type[BaseModel]:
    """The function's parameters after the context, as a model."""
    hints = get_type_hints(function, include_extras=True)
    first, *others = inspect.signature(function).parameters.values()
    if hints.get(first.name) is not ToolContext or not inspect.iscoroutinefunction(function):
        raise TypeError(f"{function.__name__}: a tool is async, and its first parameter is a ToolContext")
    fields: dict[str, Any] = {}
    for each in others:
        if each.name not in hints or each.kind not in {each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY}:
            raise TypeError(f"{function.__name__}: {each.name} needs a name and a type")
        told = re.search(rf"^\s*{each.name}:\s*(.+)$", words, re.MULTILINE)
        kind = Annotated[hints[each.name], Field(description=told.group(1))] if told else hints[each.name]
        fields[each.name] = (kind, ... if each.default is each.empty else each.default)
    return create_model(function.__name__, __config__=_TAKEN, **fields)


def _validated(takes: type[BaseModel], arguments: Arguments) -> BaseModel:
    try:
        return takes.model_validate(arguments)
    except ValidationError as error:
        problems: dict[str, str] = {}
        for each in error.errors(include_url=False, include_context=False):
            name = str(each["loc"][0]) if each["loc"] else ""
            why = {"missing": "is missing", "extra_forbidden": "is unknown"}.get(each["type"], each["msg"])
            problems.setdefault(name, why)
        raise WrongArguments(problems) from None


def _writable(arguments: dict[str, JsonValue]) -> Arguments:
    """Arguments that can be written down: pydantic takes whole numbers of any size."""
    problems: dict[str, str] = {}
    for name, value in arguments.items():
        try:
            orjson.dumps(value)
        except TypeError as error:
            problems[name] = str(error)
    if problems:
        raise WrongArguments(problems)
    return arguments


def _without_title(schema: JsonValue) -> JsonValue:
    """pydantic's titles only repeat the names."""
    return (
        {name: each for name, each in schema.items() if name != "title"}
        if isinstance(schema, dict)
        else schema
    )
