"""What a tool returned, told to a customer where no model can."""

from __future__ import annotations

import re
from collections.abc import Mapping

import orjson
from pydantic import JsonValue

from bot.orchestrator.extractive import escaped
from tools.base import Arguments, Tool

_NAME = re.compile(r"\{([A-Za-z_][\w.]*)\}")
_LINK = re.compile(r"(?:https?://|www\.)[^\s<>\"'`]+", re.IGNORECASE)  # in a sentence nobody vouches for one
_FIELDS = 12  # of a result without words of its own
_LONGEST = 1_500  # characters of a result that is told as it is


def plainly(tool: Tool, arguments: Arguments, result: str) -> str:
    """The result in the words its owner gave for it, else its own sentence, else its fields in a list."""
    data = _data(result)
    if tool.answer and isinstance(data, dict | None):
        values = {**arguments, **(data or {}), "result": result}
        told, missing = _filled(tool.answer, values)
        if not missing:
            return told
    if isinstance(data, dict):
        return "\n".join(
            f"- {escaped(name.replace('_', ' '))}: {escaped(_shown(value))}"
            for name, value in list(data.items())[:_FIELDS]
            if not isinstance(value, dict | list) and value is not None
        )
    return escaped(_LINK.sub("", result[:_LONGEST]).strip())


def _filled(template: str, values: Mapping[str, JsonValue]) -> tuple[str, bool]:
    missing = False

    def value(found: re.Match[str]) -> str:
        nonlocal missing
        inside: JsonValue | Mapping[str, JsonValue] = values
        for part in found.group(1).split("."):
            inside = inside.get(part) if isinstance(inside, Mapping) else None
        missing |= inside is None or isinstance(inside, Mapping | list)
        return escaped(_shown(inside)) if not isinstance(inside, Mapping) else ""

    return _NAME.sub(value, template), missing


def _shown(value: JsonValue) -> str:
    return str(value) if not isinstance(value, bool) else "✓" if value else "✗"


def _data(result: str) -> JsonValue:
    try:
        data: JsonValue = orjson.loads(result)
    except orjson.JSONDecodeError:
        return None
    return data if isinstance(data, dict | list) else None
