"""Arguments against a JSON Schema, as models and customers write them."""

from __future__ import annotations

import time

import orjson
import pytest
from pydantic import JsonValue

from tools.base import WrongArguments
from tools.schema import WrongSchema, checked_by

ORDER: dict[str, JsonValue] = {
    "type": "object",
    "properties": {
        "order_id": {"type": "string", "pattern": "^[0-9]{6}$"},
        "pieces": {"type": "integer", "minimum": 1},
        "weight": {"type": "number"},
        "gift": {"type": "boolean"},
        "size": {"type": "string", "enum": ["S", "M"], "default": "M"},
        "note": {"type": ["string", "null"]},
        "to": {"type": "object", "properties": {"floor": {"type": "integer"}}, "required": ["floor"]},
        "lines": {"type": "array", "items": {"type": "integer"}},
    },
    "required": ["order_id"],
}


def problems(arguments: dict[str, JsonValue], schema: dict[str, JsonValue] = ORDER) -> dict[str, str]:
    with pytest.raises(WrongArguments) as wrong:
        checked_by(schema)(arguments)
    return dict(wrong.value.problems)


def test_what_is_plainly_meant_is_taken() -> None:
    check = checked_by(ORDER)
    assert check(
        {
            "order_id": 123456,
            "pieces": "2",
            "weight": "1.5",
            "gift": "True",
            "note": None,
            "to": {"floor": "3"},
            "lines": ["1", 2.0],
        }
    ) == {
        "order_id": "123456",
        "pieces": 2,
        "weight": 1.5,
        "gift": True,
        "size": "M",
        "note": None,
        "to": {"floor": 3},
        "lines": [1, 2],
    }
    assert check({"order_id": " 123456\n", "pieces": None}) == {"order_id": "123456", "size": "M"}
    assert check({"order_id": "123456", "pieces": 3.0}) == {"order_id": "123456", "pieces": 3, "size": "M"}


def test_what_is_not_is_told_by_name() -> None:
    assert problems({"colour": "red"}) == {"order_id": "is missing", "colour": "is unknown"}
    told = problems({"order_id": "12", "pieces": "two", "to": {}, "size": "XL"})
    assert set(told) == {"order_id", "pieces", "to", "size"}
    assert "does not match" in told["order_id"]
    assert "'floor' is a required property" in told["to"]


@pytest.mark.parametrize("value", ["2.5", "1e3", "0x10", "½", "9" * 400, "NaN", True])
def test_what_only_looks_like_a_whole_number_is_none(value: JsonValue) -> None:
    assert "pieces" in problems({"order_id": "123456", "pieces": value})


@pytest.mark.parametrize("digits", ["9223372036854775807", "9223372036854775808", "9" * 30])
def test_whatever_number_is_taken_can_be_written_down(digits: str) -> None:
    taken = checked_by(ORDER)({"order_id": "123456", "pieces": orjson.loads(f"{digits}.0")})
    assert orjson.loads(orjson.dumps(taken)) == taken


def test_a_text_without_end_is_not_even_looked_at() -> None:
    schema: dict[str, JsonValue] = {
        "type": "object",
        "properties": {"text": {"type": "string", "pattern": "^(a+)+$"}},
    }
    began = time.process_time()
    assert problems({"text": "b" * 1_000_000}, schema) == {"text": "is too long"}
    assert time.process_time() - began < 1


def test_what_is_nested_without_end_is_refused() -> None:
    deep: JsonValue = 1
    for _ in range(900):
        deep = [deep]
    assert problems({"order_id": "123456", "lines": deep}) == {"lines": "is too long"}


def test_references_lead_inside_only() -> None:
    inside: dict[str, JsonValue] = {
        "type": "object",
        "properties": {"to": {"$ref": "#/$defs/place"}},
        "$defs": {"place": {"type": "string", "minLength": 2}},
    }
    assert checked_by(inside)({"to": "Rome"}) == {"to": "Rome"}
    assert "to" in problems({"to": "R"}, inside)
    with pytest.raises(WrongSchema, match="elsewhere"):
        checked_by({"type": "object", "properties": {"to": {"$ref": "http://169.254.169.254/"}}})


def test_formats_count() -> None:
    schema: dict[str, JsonValue] = {
        "type": "object",
        "properties": {"day": {"type": "string", "format": "date"}},
    }
    assert checked_by(schema)({"day": "2026-02-28"}) == {"day": "2026-02-28"}
    assert "day" in problems({"day": "2026-02-30"}, schema)


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"type": "string"}, "of type object"),
        ({}, "of type object"),
        ({"type": "object", "properties": {"a": {"type": "strnig"}}}, "properties.a.type"),
        ({"type": "object", "properties": {"a": {"pattern": "("}}}, r"properties\.a\.pattern"),
        ({"type": "object", "required": "a"}, "required"),
    ],
)
def test_a_wrong_schema_is_told_with_its_place(schema: dict[str, JsonValue], why: str) -> None:
    with pytest.raises(WrongSchema, match=why):
        checked_by(schema)
