"""A tool's arguments as the fields of a form, drawn from its JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import orjson
from pydantic import JsonValue

from tools.base import Arguments, Tool

# What the page makes of a field: "json" are the lists and objects, which are written as such.
FieldKind = Literal["text", "long", "number", "whole", "choice", "truth", "json"]
_LONG = 60  # characters; longer texts get more than a line


@dataclass(frozen=True, kw_only=True)
class Field:
    """One argument. `value` is as it is written in the field, `shown` as it is read; `limits` are the input's
    own attributes."""

    name: str
    label: str
    kind: FieldKind
    value: str
    shown: str
    required: bool
    hint: str
    choices: Sequence[str]
    limits: Mapping[str, str]
    unsaid: bool


def fields(tool: Tool | None, arguments: Arguments, unsaid: Sequence[str]) -> Sequence[Field]:
    """Every argument that the tool takes, in its order; then those it does not know."""
    listed = tool.parameters.get("properties") if tool else None
    properties = listed if isinstance(listed, dict) else {}
    required = tool.parameters.get("required") if tool else None
    needed = required if isinstance(required, list) else []
    return [
        _field(
            name,
            schema if isinstance(schema := properties.get(name), dict) else {},
            arguments.get(name),
            required=name in needed,
            unsaid=name in unsaid,
        )
        for name in [*properties, *(each for each in arguments if each not in properties)]
    ]


def label(name: str) -> str:
    """A name out of code as people read it."""
    spaced = name.replace("_", " ").replace("-", " ").strip()
    return spaced[:1].upper() + spaced[1:]


def _field(
    name: str, schema: Mapping[str, JsonValue], value: JsonValue, *, required: bool, unsaid: bool
) -> Field:
    kind = _kind(schema, value)
    listed = schema.get("enum")
    title = schema.get("title")
    hint = schema.get("description")
    return Field(
        name=name,
        label=title if isinstance(title, str) and title else label(name),
        kind=kind,
        value=_written(value, kind),
        shown=_shown(value, kind),
        required=required,
        hint=hint if isinstance(hint, str) else "",
        choices=[str(each) for each in listed] if kind == "choice" and isinstance(listed, list) else (),
        limits=_limits(schema, kind),
        unsaid=unsaid,
    )


def _kind(schema: Mapping[str, JsonValue], value: JsonValue) -> FieldKind:
    listed = schema.get("enum")
    if isinstance(listed, list) and all(isinstance(each, str) for each in listed):
        return "choice"
    match schema.get("type"):
        case "integer":
            return "whole"
        case "number":
            return "number"
        case "boolean":
            return "truth"
        case "string":
            return "long" if isinstance(value, str) and (len(value) > _LONG or "\n" in value) else "text"
        case _:
            return "text" if isinstance(value, str) and not schema else "json"


def _written(value: JsonValue, kind: FieldKind) -> str:
    if value is None:
        return ""
    if kind == "json" or not isinstance(value, str):
        return orjson.dumps(value, option=orjson.OPT_INDENT_2 if kind == "json" else None).decode()
    return value


def _shown(value: JsonValue, kind: FieldKind) -> str:
    if isinstance(value, list) and all(isinstance(each, str | int | float) for each in value):
        return ", ".join(str(each) for each in value)
    return _written(value, kind)


def _limits(schema: Mapping[str, JsonValue], kind: FieldKind) -> Mapping[str, str]:
    """What the browser can tell at once; the server holds everything against the whole schema."""
    names = {
        "number": {"minimum": "min", "maximum": "max"},
        "whole": {"minimum": "min", "maximum": "max"},
        "text": {"maxLength": "maxlength"},
        "long": {"maxLength": "maxlength"},
    }.get(kind, {})
    return {
        attribute: str(schema[name])
        for name, attribute in names.items()
        if isinstance(schema.get(name), int | float)
    }
