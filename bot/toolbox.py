"""Every tool there is, by name, each called through its component."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import overload

from bot.ending import end
from bot.orchestrator.breaker import Breaker
from bot.orchestrator.limits import Limits
from bot.orchestrator.registry import Component, Registry
from bot.orchestrator.resilience import guarded, through
from tools.base import Tool
from tools.built_in import built_in
from tools.hours import OfficeHours
from tools.http import HttpTool
from tools.mcp import McpServer
from tools.mcp_link import McpLink
from tools.web import Web

_PATIENCE = 5.0  # seconds; who answers later is there later


class Toolbox(Sequence[Tool]):
    """The tools at this moment. Those of MCP servers are there once `connect` was called and they answered,
    and change when their servers do. Where two have the same name, the one that is no server's is meant."""

    def __init__(self, tools: Sequence[Tool], servers: Sequence[tuple[Component, McpLink]] = ()) -> None:
        self._tools = tools
        self._servers = servers
        self._connections: list[asyncio.Task[None]] = []

    @property
    def links(self) -> Sequence[McpLink]:
        return [link for _, link in self._servers]

    async def connect(self) -> None:
        """Connect to MCP servers until `close`; return when each has answered or failed, or after a while."""
        self._connections = [asyncio.create_task(link.run(), name=link.name) for link in self.links]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await asyncio.gather(*(link.tried.wait() for link in self.links))

    async def close(self) -> None:
        for link in self.links:
            link.stop()
        if self._connections:  # a server that was started here is given the time to leave
            await asyncio.wait(self._connections, timeout=_PATIENCE)
        await end(*self._connections)

    def __len__(self) -> int:
        return len(self._now())

    @overload
    def __getitem__(self, index: int) -> Tool: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Tool]: ...

    def __getitem__(self, index: int | slice) -> Tool | Sequence[Tool]:
        return self._now()[index]

    def _now(self) -> Sequence[Tool]:
        found = {tool.name: tool for tool in self._tools}
        for component, link in self._servers:
            for tool in link.tools:
                found.setdefault(tool.name, through(component, tool))
        return list(found.values())


def toolbox(
    written: Mapping[str, HttpTool],
    servers: Mapping[str, McpServer],
    *,
    hours: OfficeHours | None,
    web: Web,
    registry: Registry,
) -> Toolbox:
    """The built-in tools, those of bot.toml, which ask through `web`, and those of MCP servers."""
    tools = [guarded(each, registry) for each in built_in(hours=hours)]
    for name, each in written.items():
        limits = Limits(concurrency=each.concurrency, per_minute=each.per_minute)
        tools.append(guarded(each.as_tool(name, web), registry, limits=limits))
    linked: list[tuple[Component, McpLink]] = []
    for name, server in servers.items():
        component = registry.add(
            "tool",
            f"mcp:{name}",
            interface={"server": server.url or " ".join(server.command)},
            limits=Limits(concurrency=server.concurrency, per_minute=server.per_minute),
            breaker=Breaker(),
        )
        linked.append((component, McpLink(name, server, watcher=component)))
    return Toolbox(tools, linked)
