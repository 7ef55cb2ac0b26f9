"""Tools for tests: what they are called with is kept, what comes of it is told beforehand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pydantic import JsonValue

from tools.base import Arguments, Tool, ToolContext, WrongArguments


def a_tool(
    name: str,
    properties: Mapping[str, JsonValue] | None = None,
    call: Callable[[ToolContext, Arguments], Awaitable[str]] | None = None,
    **more: Any,
) -> Tool:
    """A tool whose arguments are all required, and words unless their schema says otherwise."""
    properties = properties or {}

    def check(arguments: Arguments) -> Arguments:
        wrong = {name: "is missing" for name in properties if name not in arguments}
        wrong |= {name: "is unknown" for name in arguments if name not in properties}
        if wrong:
            raise WrongArguments(wrong)
        return arguments

    async def done(context: ToolContext, arguments: Arguments) -> str:
        return "done"

    return Tool(
        name=name,
        description=more.pop("description", f"Does {name}."),
        parameters={"type": "object", "properties": dict(properties), "required": list(properties)},
        check=check,
        call=call or done,
        **more,
    )
