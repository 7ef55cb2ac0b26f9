"""Arguments against a JSON Schema: what is plainly meant is taken, everything else is told by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from jsonschema import Draft202012Validator, SchemaError, ValidationError
from pydantic import JsonValue
from referencing import Registry

from tools.base import Arguments, WrongArguments

_LONGEST = 4_000  # characters of one argument; patterns are not tried on more
_LONGEST_PROBLEM = 200  # characters
_NUMBER = re.compile(r"[-+]?\d{1,15}(?:\.\d{1,15})?")
_LARGEST = 2**63  # of a whole number; larger ones can't be written as one
_TRUTH = {"true": True, "false": False}
_MOST_DEEP = 20  # levels of a schema or an argument


class WrongSchema(Exception):  # noqa: N818
    """A tool's parameters are no JSON Schema of an object; the message says where."""


def checked_by(parameters: Mapping[str, JsonValue]) -> Callable[[Arguments], Arguments]:
    """A tool's `check`: the arguments with defaults filled in and "5" as 5 where a number is wanted.

    What the schema does not name is refused unless it says `additionalProperties`. Nothing is fetched: a
    `$ref` leads inside the schema. Raises WrongSchema.
    """
    schema = {"additionalProperties": False, **parameters}
    if schema.get("type") != "object":
        raise WrongSchema("it must be of type object")
    for where, inner in _inside(schema):
        _sound(where, inner)
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise WrongSchema(f"{_place(error)}: {error.message[:_LONGEST_PROBLEM]}".lstrip(": ")) from None
    validator = Draft202012Validator(
        schema, registry=Registry(), format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    listed = schema.get("properties")
    properties = listed if isinstance(listed, dict) else {}
    required = schema.get("required")
    needed = {name for name in required if isinstance(name, str)} if isinstance(required, list) else set()

    def check(arguments: Arguments) -> Arguments:
        taken: dict[str, JsonValue] = {}
        for name, value in arguments.items():
            inner = properties.get(name)
            if not isinstance(inner, dict):
                taken[name] = value
            elif value is not None or name in needed or "null" in _types(inner):
                taken[name] = _meant(value, inner)
        for name, inner in properties.items():
            if isinstance(inner, dict) and "default" in inner:
                taken.setdefault(name, inner["default"])
        problems = {name: "is too long" for name, value in taken.items() if _size(value) > _LONGEST}
        if not problems:
            for error in validator.iter_errors(taken):
                for name, why in _told(error, needed, properties):
                    problems.setdefault(name, why)
        if problems:
            raise WrongArguments(problems)
        return taken

    return check


def _inside(schema: JsonValue, where: str = "", deep: int = 0) -> Iterator[tuple[str, dict[str, JsonValue]]]:
    """Every object in the schema, with where it stands."""
    if deep > 4 * _MOST_DEEP:  # a level of values is two or three of the schema
        raise WrongSchema(f"{where}: it is nested too deeply")
    if isinstance(schema, dict):
        yield where, schema
        for name, each in schema.items():
            yield from _inside(each, f"{where}.{name}".lstrip("."), deep + 1)
    elif isinstance(schema, list):
        for each in schema:
            yield from _inside(each, where, deep + 1)


def _sound(where: str, schema: dict[str, JsonValue]) -> None:
    reference = schema.get("$ref")
    if isinstance(reference, str) and not reference.startswith("#"):
        raise WrongSchema(f"{where}: {reference!r} is elsewhere")
    pattern = schema.get("pattern")
    if isinstance(pattern, str):
        try:
            re.compile(pattern)
        except re.error as error:
            raise WrongSchema(f"{where}.pattern: {pattern!r} is no pattern: {error}".lstrip(".")) from None


def _meant(value: JsonValue, schema: dict[str, JsonValue]) -> JsonValue:
    """The value as the schema wants it, where that is beyond doubt; unchanged otherwise."""
    types = _types(schema)
    match value:
        case str():
            return _read(value, types, exact=bool(schema.keys() & {"pattern", "enum", "format", "const"}))
        case float() if types == {"integer"} and value.is_integer() and abs(value) < _LARGEST:
            return int(value)
        case int() if types == {"string"} and not isinstance(value, bool):
            return str(value)
        case dict():
            listed = schema.get("properties")
            inner = listed if isinstance(listed, dict) else {}
            return {
                name: _meant(each, told) if isinstance(told := inner.get(name), dict) else each
                for name, each in value.items()
            }
        case list() if isinstance(items := schema.get("items"), dict):
            return [_meant(each, items) for each in value]
        case _:
            return value


def _read(value: str, types: set[str], *, exact: bool) -> JsonValue:
    """What a text says that stands where something else is wanted."""
    text = value.strip()
    if "string" in types or not types:
        return text if exact else value
    if "boolean" in types and text.casefold() in _TRUTH:
        return _TRUTH[text.casefold()]
    if types & {"integer", "number"} and _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    return value


def _types(schema: Mapping[str, JsonValue]) -> set[str]:
    told = schema.get("type")
    return (
        {told} if isinstance(told, str) else {str(each) for each in told} if isinstance(told, list) else set()
    )


def _told(
    error: ValidationError, needed: set[str], properties: Mapping[str, JsonValue]
) -> Iterator[tuple[str, str]]:
    """What is wrong, under the argument's name."""
    given = error.instance if isinstance(error.instance, dict) else {}
    if error.absolute_path:
        yield str(error.absolute_path[0]), error.message[:_LONGEST_PROBLEM]
    elif error.validator == "required":
        yield from ((name, "is missing") for name in sorted(needed - given.keys()))
    elif error.validator == "additionalProperties":
        yield from ((name, "is unknown") for name in given if name not in properties)
    else:
        yield "", error.message[:_LONGEST_PROBLEM]


def _place(error: SchemaError) -> str:
    return ".".join(map(str, error.absolute_path))


def _size(value: JsonValue, deep: int = 0) -> int:
    """Characters in it, more than any argument may have when it is nested without end."""
    if deep > _MOST_DEEP:
        return _LONGEST + 1
    if isinstance(value, dict):
        return sum(len(name) + _size(each, deep + 1) for name, each in value.items())
    if isinstance(value, list):
        return sum(_size(each, deep + 1) for each in value) + len(value)
    return len(value) if isinstance(value, str) else 1
