"""Arguments without a model: found in what the customer wrote, or asked for one at a time.

What a tool's schema says of a value is all that is used: its pattern, its choices, its format. What is only
"words" is the whole of an answer to the question for it, and never guessed from anything else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from bot.orchestrator.deed_phrases import deed_phrase, in_every_language
from bot.orchestrator.language import Language
from tools.base import Tool

_LONGEST = 2_000  # characters of one message looked at
_FORMATS: Mapping[str, str] = {
    "email": r"[^\s@<>(),;:]{1,64}@[^\s@<>(),;:]{1,190}\.[a-zA-Z]{2,24}",
    "date": r"\d{4}-\d{2}-\d{2}",
    "uuid": r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
}
_NUMBER = r"[-+]?\d+(?:[.,]\d+)?"


@dataclass(frozen=True, kw_only=True)
class Form:
    """What is known of a tool's arguments; `missing` is the first required one that is not."""

    arguments: Mapping[str, JsonValue]
    missing: str | None


def fill(tool: Tool, said: Sequence[str], *, answered: str | None = None) -> Form:
    """The arguments in the customer's words, the newest first; `answered` names the argument that the newest
    words are an answer to."""
    schemas = tool.parameters.get("properties")
    required = tool.parameters.get("required")
    known: dict[str, JsonValue] = {}
    for name, schema in schemas.items() if isinstance(schemas, dict) else ():
        if not isinstance(schema, dict):
            continue
        value = next((found for text in said if (found := _found(schema, text[:_LONGEST])) is not None), None)
        if value is None and name == answered and said and _is_words(schema):
            value = said[0].strip()[:_LONGEST]
        if value is not None:
            known[name] = value
    needed = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
    return Form(arguments=known, missing=next((name for name in needed if name not in known), None))


def question(tool: Tool, name: str, language: Language) -> str:
    """What the customer is asked for an argument: in its owner's words, else by what its schema calls it."""
    asks = tool.asks.get(name)
    if isinstance(asks, Mapping):
        asks = asks.get(language) or next(iter(asks.values()), None)
    return asks or deed_phrase(language, "ask", what=_called(tool, name))


def asked_for(tools: Sequence[Tool], text: str) -> Sequence[tuple[Tool, str]]:
    """The argument that the bot's last words asked for, with every tool that asks for it like this."""
    text = text.strip()
    found: list[tuple[Tool, str]] = []
    for tool in tools:
        schemas = tool.parameters.get("properties")
        for name in schemas if isinstance(schemas, dict) else ():
            asks = tool.asks.get(name)
            ways = (
                [asks]
                if isinstance(asks, str)
                else list(asks.values())
                if asks
                else in_every_language("ask", what=_called(tool, name))
            )
            if any(text.endswith(way) for way in ways):
                found.append((tool, name))
    return found


def _called(tool: Tool, name: str) -> str:
    schemas = tool.parameters.get("properties")
    schema = schemas.get(name) if isinstance(schemas, dict) else None
    told = (schema.get("description") or schema.get("title")) if isinstance(schema, dict) else None
    return str(told).strip().rstrip(".") if told else name.replace("_", " ")


def _is_words(schema: Mapping[str, JsonValue]) -> bool:
    return schema.get("type") == "string" and not any(
        each in schema for each in ("pattern", "enum", "format")
    )


def _found(schema: Mapping[str, JsonValue], text: str) -> JsonValue:
    """The value in a text that fits the schema; None when there is none or anything would fit."""
    if isinstance(listed := schema.get("enum"), list):
        lowered = text.casefold()
        named = (each for each in listed if isinstance(each, str) and each)
        return next(
            (each for each in named if re.search(rf"(?<!\w){re.escape(each.casefold())}(?!\w)", lowered)),
            None,
        )
    if isinstance(pattern := schema.get("pattern"), str):
        return _matching(pattern.removeprefix("^").removesuffix("$"), text)
    if (named_format := schema.get("format")) in _FORMATS:
        return _matching(_FORMATS[str(named_format)], text)
    if schema.get("type") in {"integer", "number"} and (number := _matching(_NUMBER, text)):
        value = float(number.replace(",", "."))
        return int(value) if value.is_integer() else value if schema.get("type") == "number" else None
    return None


def _matching(pattern: str, text: str) -> str | None:
    try:
        found = re.search(rf"(?<![\w@.])(?:{pattern})(?![\w@])", text)
    except re.error:
        return None
    return found.group() if found else None
