"""Every tool there is, by name, each called through its component."""

from __future__ import annotations

from collections.abc import Mapping

from bot.orchestrator.limits import Limits
from bot.orchestrator.registry import Registry
from bot.orchestrator.resilience import guarded
from tools.base import Tool
from tools.built_in import built_in
from tools.hours import OfficeHours
from tools.http import HttpTool
from tools.web import Web


def toolbox(
    written: Mapping[str, HttpTool], *, hours: OfficeHours | None, web: Web, registry: Registry
) -> Mapping[str, Tool]:
    """The built-in tools and those of bot.toml, which ask through `web`."""
    tools = {each.name: guarded(each, registry) for each in built_in(hours=hours)}
    for name, each in written.items():
        limits = Limits(concurrency=each.concurrency, per_minute=each.per_minute)
        tools[name] = guarded(each.as_tool(name, web), registry, limits=limits)
    return tools
