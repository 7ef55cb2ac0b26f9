"""Every tool there is, by name, each called through its component."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Iterator, Sequence
from typing import Protocol, overload

from bot.ending import end
from bot.orchestrator.breaker import Breaker
from bot.orchestrator.limits import Limits
from bot.orchestrator.registry import Component, Registry
from bot.orchestrator.resilience import guarded, through
from bot.settings import BotConfig, Settings, WrongSetting
from tools.base import Tool
from tools.built_in import built_in
from tools.follow_up import Later
from tools.http import HttpTool
from tools.identity import Codes
from tools.loading import FunctionTool, NotLoaded
from tools.mcp import McpServer
from tools.mcp_link import McpLink
from tools.openapi import OpenApiLink, OpenApiService
from tools.web import Web

_PATIENCE = 5.0  # seconds; who answers later is there later


class Link(Protocol):
    """A connection to tools that others describe."""

    title: str
    tools: Sequence[Tool]
    tried: asyncio.Event  # set once they were asked for their tools

    async def run(self) -> None:
        """Keep it until `stop`."""
        ...

    def stop(self) -> None: ...

    async def check(self) -> Sequence[Tool]:
        """Ask for the tools now. Raises ToolFailed."""
        ...


class Toolbox(Sequence[Tool]):
    """The tools at this moment. Those that others describe are there once `connect` was called and they
    answered, and change when they do. Where two have the same name, the one that is written down is meant."""

    def __init__(self, tools: Sequence[Tool], linked: Sequence[tuple[Component, Link]] = ()) -> None:
        self._tools = tools
        self._linked = linked
        self._connections: list[asyncio.Task[None]] = []

    @property
    def links(self) -> Sequence[Link]:
        return [link for _, link in self._linked]

    async def connect(self) -> None:
        """Connect to MCP servers and read OpenAPI documents, until `close`. Returns when each has answered or
        failed, or after a while."""
        self._connections = [asyncio.create_task(link.run(), name=link.title) for link in self.links]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await asyncio.gather(*(link.tried.wait() for link in self.links))

    async def close(self) -> None:
        for link in self.links:
            link.stop()
        if self._connections:  # a server that was started here is given the time to leave
            await asyncio.wait(self._connections, timeout=_PATIENCE)
        await end(*self._connections)

    def only(self, names: Collection[str]) -> Sequence[Tool]:
        """Those of the names, at whatever moment they are asked for."""
        return _Some(self, names)

    def __len__(self) -> int:
        return len(self._now())

    def __iter__(self) -> Iterator[Tool]:
        return iter(self._now())

    @overload
    def __getitem__(self, index: int) -> Tool: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Tool]: ...

    def __getitem__(self, index: int | slice) -> Tool | Sequence[Tool]:
        return self._now()[index]

    def _now(self) -> Sequence[Tool]:
        found = {tool.name: tool for tool in self._tools}
        for component, link in self._linked:
            for tool in link.tools:
                found.setdefault(tool.name, through(component, tool))
        return list(found.values())


class _Some(Sequence[Tool]):
    """Some of the tools at this moment."""

    def __init__(self, tools: Sequence[Tool], names: Collection[str]) -> None:
        self._tools = tools
        self._names = frozenset(names)

    def __len__(self) -> int:
        return len(self._now())

    def __iter__(self) -> Iterator[Tool]:
        return iter(self._now())

    @overload
    def __getitem__(self, index: int) -> Tool: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Tool]: ...

    def __getitem__(self, index: int | slice) -> Tool | Sequence[Tool]:
        return self._now()[index]

    def _now(self) -> Sequence[Tool]:
        return [tool for tool in self._tools if tool.name in self._names]


def toolbox(
    settings: Settings, config: BotConfig, *, web: Web, later: Later, codes: Codes | None, registry: Registry
) -> Toolbox:
    """The built-in tools, those of bot.toml, which ask through `web`, and those that it names others for.

    Raises WrongSetting.
    """
    tools = [guarded(each, registry) for each in built_in(hours=config.hours, later=later, codes=codes)]
    for name, each in config.tools.items():
        made = _loaded(settings, name, each) if isinstance(each, FunctionTool) else each.as_tool(name, web)
        tools.append(guarded(made, registry, limits=_limits(each)))

    def component(name: str, where: str, limits: Limits) -> Component:
        return registry.add("tool", name, interface={"at": where}, limits=limits, breaker=Breaker())

    linked: list[tuple[Component, Link]] = []
    for name, server in config.mcp.items():
        known = component(f"mcp:{name}", server.url or " ".join(server.command), _limits(server))
        linked.append((known, McpLink(name, server, web, watcher=known)))
    for name, service in config.openapi.items():
        known = component(f"openapi:{name}", service.url or str(service.file), _limits(service))
        linked.append((known, OpenApiLink(name, service, web, watcher=known)))
    return Toolbox(tools, linked)


def _loaded(settings: Settings, name: str, told: FunctionTool) -> Tool:
    try:
        return told.as_tool(name, settings.bot_config.parent)
    except NotLoaded as error:
        raise WrongSetting(f"{settings.bot_config}: tools.{name}.function: {error}") from None


def _limits(told: HttpTool | FunctionTool | McpServer | OpenApiService) -> Limits:
    return Limits(concurrency=told.concurrency, per_minute=told.per_minute)
