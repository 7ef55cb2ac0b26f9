"""What a company says of tools that others describe: of an MCP server's, of an OpenAPI document's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from tools.base import Arguments, Effect, Tool, ToolContext
from tools.schema import checked_by
from tools.templates import names_contact, with_contact


class Adjustment(BaseModel):
    """What is said of one tool; everything left out is as its description has it.

    A write whose approval is not mentioned needs an operator's: others' descriptions grant no authority.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str | None = None
    effect: Effect | None = None
    approval: Literal["operator", "none"] | None = None
    idempotent: bool | None = None
    needs_verified: bool = False
    timeout: float = Field(default=10.0, gt=0, le=60)
    examples: tuple[str, ...] = ()
    answer: str = ""
    asks: dict[str, str | dict[str, str]] = Field(default_factory=dict)

    def applied(self, tool: Tool) -> Tool:
        effect = self.effect or tool.effect
        asks_first = self.approval == "operator" or (self.approval is None and effect == "write")
        return replace(
            tool,
            description=self.description or tool.description,
            effect=effect,
            approval="operator" if asks_first else None,
            idempotent=tool.idempotent if self.idempotent is None else self.idempotent,
            needs_verified=tool.needs_verified or self.needs_verified,
            timeout=self.timeout,
            examples=self.examples,
            answer=self.answer,
            asks=self.asks,
        )


def with_fixed(tool: Tool, fixed: Mapping[str, JsonValue]) -> Tool:
    """The tool with some of its parameters filled by the company or the session, out of any model's reach.
    Raises WrongSchema."""
    listed = tool.parameters.get("properties")
    properties = listed if isinstance(listed, dict) else {}
    ours = {name: value for name, value in fixed.items() if name in properties}
    if not ours:
        return tool
    required = tool.parameters.get("required")
    parameters: dict[str, JsonValue] = {
        **tool.parameters,
        "properties": {name: each for name, each in properties.items() if name not in ours},
        "required": [name for name in required if name not in ours] if isinstance(required, list) else [],
    }

    async def call(context: ToolContext, arguments: Arguments) -> str:
        filled = {name: with_contact(value, context.person) for name, value in ours.items()}
        return await tool.call(context, {**arguments, **filled})

    return replace(
        tool,
        parameters=parameters,
        check=checked_by(parameters),
        call=call,
        needs_verified=tool.needs_verified or names_contact(ours),
    )
