"""Arguments as a form: every kind of value has its field, in the schema's order."""

from __future__ import annotations

from typing import Any

import pytest

from bot.dashboard.fields import Field, fields, label
from tests.doubles.tools import a_tool


def form(properties: dict[str, Any], arguments: dict[str, Any], *unsaid: str) -> dict[str, Field]:
    return {each.name: each for each in fields(a_tool("refund", properties), arguments, unsaid)}


@pytest.mark.parametrize(
    ("schema", "value", "kind", "written", "shown"),
    [
        ({"type": "string"}, "123456", "text", "123456", "123456"),
        ({"type": "string"}, "two\nlines", "long", "two\nlines", "two\nlines"),
        ({"type": "integer"}, 40, "whole", "40", "40"),
        ({"type": "number"}, 12.5, "number", "12.5", "12.5"),
        ({"type": "boolean"}, True, "truth", "true", "true"),
        ({"enum": ["late", "lost"]}, "lost", "choice", "lost", "lost"),
        ({"enum": [1, 2]}, 1, "json", "1", "1"),
        ({"type": "array"}, ["a", "b"], "json", '[\n  "a",\n  "b"\n]', "a, b"),
        ({"type": "object"}, {"a": 1}, "json", '{\n  "a": 1\n}', '{\n  "a": 1\n}'),
        ({"type": "string"}, None, "text", "", ""),
        ({"type": ["string", "null"]}, "x", "json", '"x"', '"x"'),
    ],
)
def test_a_value_has_the_field_that_fits_it(
    schema: dict[str, Any], value: Any, kind: str, written: str, shown: str
) -> None:
    found = form({"it": schema}, {"it": value})["it"]
    assert (found.kind, found.value, found.shown) == (kind, written, shown)


def test_fields_stand_in_the_schemas_order_and_what_it_does_not_know_after_them() -> None:
    found = form(
        {
            "order_id": {"description": "six digits"},
            "amount": {"type": "integer", "minimum": 1, "maximum": 9},
        },
        {"extra": "x", "amount": 5, "order_id": "123456"},
        "amount",
    )
    assert list(found) == ["order_id", "amount", "extra"]
    assert (found["order_id"].label, found["order_id"].hint) == ("Order id", "six digits")
    assert found["amount"].limits == {"min": "1", "max": "9"}
    assert [each.unsaid for each in found.values()] == [False, True, False]


def test_a_tool_that_is_gone_shows_what_was_to_be_done() -> None:
    (field,) = fields(None, {"order_id": "123456"}, ())
    assert (field.label, field.shown, field.required) == ("Order id", "123456", False)


def test_names_out_of_code_are_readable() -> None:
    assert [label(each) for each in ("refund_order", "sku-number", "x", "")] == [
        "Refund order", "Sku number", "X", ""
    ]  # fmt: skip
