"""Every tool there is, by name, each called through its component."""

from __future__ import annotations

from collections.abc import Mapping

from bot.orchestrator.limits import Limits
from bot.orchestrator.registry import Registry
from bot.orchestrator.resilience import guarded
from tools.base import Tool
from tools.http import HttpTool
from tools.web import Web


def toolbox(written: Mapping[str, HttpTool], *, web: Web, registry: Registry) -> Mapping[str, Tool]:
    """The tools of bot.toml, asking through `web`."""
    return {
        name: guarded(
            each.as_tool(name, web),
            registry,
            limits=Limits(concurrency=each.concurrency, per_minute=each.per_minute),
        )
        for name, each in written.items()
    }
