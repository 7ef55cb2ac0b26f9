"""Functions as tools: their schema, what they take, and what they give back."""

from __future__ import annotations

import json
from datetime import date
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from tests.tools.given import context
from tools.base import ToolContext, WrongArguments
from tools.function import tool


class Parcel(BaseModel):
    weight: float
    fragile: bool = False


@tool(effect="write", approval="operator", timeout=3, idempotent=True, examples=["Send it back"])
async def send_back(
    context: ToolContext,
    *,
    order_id: Annotated[str, Field(pattern=r"^\d{6}$")],
    pieces: Annotated[int, Field(ge=1, le=20)],
    reason: Literal["broken", "too small"] = "broken",
    collect_on: date | None = None,
    parcel: Parcel | None = None,
) -> object:
    """Announce a parcel
    that comes back.

    order_id: The order's six digits.
    """
    return {
        "order": order_id,
        "pieces": pieces,
        "reason": reason,
        "day": collect_on,
        "heavy": parcel is not None and parcel.weight > 30,
        "for": context.person.name,
    }


@tool()
async def shop_name(context: ToolContext) -> str:
    """The shop's name."""
    return "Northwind"


@tool()
async def nothing(context: ToolContext) -> None:
    """Does nothing."""


def test_the_schema_comes_from_annotations_and_docstring() -> None:
    assert (send_back.name, send_back.description) == ("send_back", "Announce a parcel that comes back.")
    assert send_back.parameters["required"] == ["order_id", "pieces"]
    properties = send_back.parameters["properties"]
    assert isinstance(properties, dict)
    assert properties["order_id"] == {
        "type": "string",
        "pattern": r"^\d{6}$",
        "description": "The order's six digits.",
    }
    assert properties["pieces"] == {"type": "integer", "minimum": 1, "maximum": 20}
    assert "context" not in properties
    assert (send_back.effect, send_back.approval, send_back.timeout) == ("write", "operator", 3)
    assert send_back.idempotent
    json.dumps(send_back.parameters)


async def test_arguments_are_taken_as_json_and_given_as_what_the_function_wants() -> None:
    checked = send_back.check(
        {"order_id": 123456, "pieces": "2", "collect_on": "2026-03-01", "parcel": {"weight": 31}}
    )
    assert checked == {
        "order_id": "123456",
        "pieces": 2,
        "reason": "broken",
        "collect_on": "2026-03-01",
        "parcel": {"weight": 31.0, "fragile": False},
    }
    assert json.loads(await send_back.call(context(), checked)) == {
        "order": "123456",
        "pieces": 2,
        "reason": "broken",
        "day": "2026-03-01",
        "heavy": True,
        "for": "Jo",
    }


def test_what_is_wrong_is_told_by_name() -> None:
    with pytest.raises(WrongArguments) as wrong:
        send_back.check({"order_id": "12", "reason": "boring", "colour": "red"})
    assert wrong.value.problems["pieces"] == "is missing"
    assert wrong.value.problems["colour"] == "is unknown"
    assert "pattern" in wrong.value.problems["order_id"]
    assert "'broken' or 'too small'" in wrong.value.problems["reason"]


def test_a_number_that_cannot_be_written_down_is_refused() -> None:
    @tool()
    async def pay(context: ToolContext, amount: int) -> None:
        """Pays."""

    assert pay.check({"amount": str(2**63)}) == {"amount": 2**63}
    with pytest.raises(WrongArguments) as wrong:
        pay.check({"amount": str(2**64)})
    assert wrong.value.problems.keys() == {"amount"}


async def test_words_go_as_they_are_and_nothing_as_nothing() -> None:
    assert await shop_name.call(context(), shop_name.check({})) == "Northwind"
    assert await nothing.call(context(), {}) == ""


def test_a_function_that_can_be_no_tool_says_why() -> None:
    async def no_context(order_id: str) -> str:
        """Looks up."""
        return order_id

    async def no_words(context: ToolContext) -> str:
        return ""

    async def no_type(context: ToolContext, order_id) -> str:  # type: ignore[no-untyped-def]
        """Looks up."""
        return str(order_id)

    for function, why in ((no_context, "ToolContext"), (no_words, "docstring"), (no_type, "order_id")):
        with pytest.raises(TypeError, match=why):
            tool()(function)
