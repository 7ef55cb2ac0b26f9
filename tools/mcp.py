"""Tools of MCP servers: what bot.toml says of a server, and its tools as ours."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import orjson
from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from tools.adjusted import Adjustment, with_fixed
from tools.base import Arguments, Tool, ToolContext, ToolFailed
from tools.schema import WrongSchema, checked_by
from tools.templates import fault, fixed_fault, leads_here, places

if TYPE_CHECKING:
    import mcp_types

log = logging.getLogger("switchboard.tools")

# (the tool's own name, arguments, whether it changes something, whose call it is)
Call = Callable[[str, Arguments, bool, ToolContext], Awaitable[str]]

_USUAL = Adjustment()
_LONGEST_DESCRIPTION = 1_000  # characters
_LONGEST_NAME = 64


class McpServer(BaseModel):
    """[mcp.NAME]: a server by `url` (streamable HTTP), or a `command` that is started and spoken to by its
    standard input and output.

    Its tools are called NAME_TOOL. What a server marks as read-only is a read; everything else is a write
    that an operator approves, unless `tools.TOOL` says otherwise. `only` names the tools to take. Parameters
    called as a value of `fixed` are filled with it and out of a model's reach.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = ""
    command: tuple[str, ...] = ()
    headers: dict[str, str] = Field(default_factory=dict, repr=False)
    env: dict[str, str] = Field(default_factory=dict, repr=False)
    own: bool = False
    only: tuple[str, ...] = ()
    fixed: dict[str, JsonValue] = Field(default_factory=dict)
    tools: dict[str, Adjustment] = Field(default_factory=dict)
    concurrency: int | None = Field(default=None, ge=1)
    per_minute: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Self:
        if bool(self.url) == bool(self.command):
            raise ValueError("either url or command says where the server is")
        if self.url and (wrong := fault(self.url)):
            raise ValueError(f"url: {wrong}")
        if places(self.url):
            raise ValueError("url: there are no values to fill braces with")
        if urlsplit(self.url).scheme == "http" and not (self.own or leads_here(self.url)):
            raise ValueError("it is asked over https; own = true allows http, for a host of your own network")
        if wrong := fixed_fault(self.fixed):
            raise ValueError(wrong)
        return self

    def as_tools(self, prefix: str, listed: Sequence[mcp_types.Tool], call: Call) -> Sequence[Tool]:
        """The tools it offers, as far as they can be used."""
        tools: dict[str, Tool] = {}
        for each in listed:
            if self.only and each.name not in self.only:
                continue
            try:
                tool = self._as_tool(prefix, each, call)
            except WrongSchema as wrong:
                log.warning("MCP server %s: %s cannot be used: %s", prefix, each.name, wrong)
                continue
            tools.setdefault(tool.name, tool)
        return list(tools.values())

    def _as_tool(self, prefix: str, told: mcp_types.Tool, call: Call) -> Tool:
        hints = told.annotations
        adjusted = self.tools.get(told.name, _USUAL)
        reads = adjusted.effect == "read" or (
            adjusted.effect is None and hints is not None and hints.read_only_hint is True
        )

        async def called(context: ToolContext, arguments: Arguments) -> str:
            return await call(told.name, arguments, not reads, context)

        parameters: dict[str, Any] = told.input_schema
        described = " ".join((told.description or told.title or told.name).split())
        tool = Tool(
            name=re.sub(r"[^A-Za-z0-9_-]", "_", f"{prefix}_{told.name}")[:_LONGEST_NAME],
            description=described[:_LONGEST_DESCRIPTION],
            parameters=parameters,
            check=checked_by(parameters),
            call=called,
            effect="read" if reads else "write",
            idempotent=bool(hints and hints.idempotent_hint),
        )
        return with_fixed(adjusted.applied(tool), self.fixed)


def flattened(result: mcp_types.CallToolResult, *, changes: bool) -> str:
    """The result in words or as JSON text. Raises ToolFailed when the tool says that it failed: what a write
    had done until then, nobody knows."""
    pieces: list[str] = []
    for block in result.content:
        match block.type:
            case "text":
                pieces.append(block.text)
            case "resource_link":
                pieces.append(f"{block.title or block.name}: {block.uri}")
            case "resource":
                pieces.append(getattr(block.resource, "text", "") or str(block.resource.uri))
            case "image" | "audio":
                pieces.append(f"({block.type})")
    text = "\n\n".join(filter(None, (each.strip() for each in pieces)))
    if result.is_error:
        raise ToolFailed(text or "the tool failed", uncertain=changes, refused=True)
    if result.structured_content is not None:
        return orjson.dumps(result.structured_content).decode()
    return text
