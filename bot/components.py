"""How every component is, as all processes together found it: the one place to ask."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

from pydantic import JsonValue

from bot.bell import RedisLink
from bot.fleet import RedisFleet
from bot.orchestrator.limits import Limits
from bot.orchestrator.registry import Component, Registry
from bot.orchestrator.report import Kind, Report, Reports, State, together

PATIENCE = 3.0  # seconds a component gets to say how it is


@dataclass(frozen=True, kw_only=True)
class Look:
    """What somebody who looked found: the state if it tells more of it than calls do, what is wrong unless it
    is up, and figures of its own."""

    state: State | None = None
    trouble: str | None = None
    facts: Mapping[str, JsonValue] = field(default_factory=dict)


Probe = Callable[[], Awaitable[Look | None]]


@dataclass(frozen=True, kw_only=True)
class View:
    """One component over all processes: `reports` are theirs, by process, `report` all of them together."""

    kind: Kind
    name: str
    interface: Mapping[str, JsonValue]
    limits: Limits
    facts: Mapping[str, JsonValue]
    reports: Mapping[str, Report]
    report: Report

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.name}"


class Components:
    """Asks the registry, those who look after what nobody calls, and the other processes."""

    def __init__(self, registry: Registry, fleet: RedisFleet) -> None:
        self.registry = registry
        self._fleet = fleet
        self._probes: list[tuple[Component, Probe]] = []
        self._facts: dict[str, Mapping[str, JsonValue]] = {}

    def watch(self, component: Component, probe: Probe) -> None:
        """Have a component looked after that calls alone tell too little of. A probe that can tell nothing
        just now returns None."""
        self._probes.append((component, probe))

    async def look(self) -> None:
        """Look after all of them, now."""
        await asyncio.gather(*(self._look(*each) for each in self._probes))

    async def views(self) -> Sequence[View]:
        """Every component, the registry's first, in its order."""
        own: Reports = {each.key: each.report() for each in self.registry.components()}
        heard = {self._fleet.name: own, **await self._fleet.others()}
        known = {each.key: each for each in self.registry.components()}
        keys = dict.fromkeys([*known, *(key for reports in heard.values() for key in reports)])
        return [self._view(key, known.get(key), _of(key, heard)) for key in keys]

    def _view(self, key: str, component: Component | None, reports: Mapping[str, Report]) -> View:
        kind, _, name = key.partition(":")
        return View(
            kind=cast("Kind", kind),
            name=name,
            interface=component.interface if component else {},
            limits=component.limits if component else Limits(),
            facts=self._facts.get(key, {}),
            reports=reports,
            report=together(list(reports.values())),
        )

    async def _look(self, component: Component, probe: Probe) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                found = await probe()
        except TimeoutError:
            found = Look(state="down", trouble="no answer in time")
        if found is not None:
            self._facts[component.key] = found.facts
            if found.state is not None:
                component.found(found.state, found.trouble)


def _of(key: str, heard: Mapping[str, Mapping[str, Report]]) -> Mapping[str, Report]:
    return {process: reports[key] for process, reports in heard.items() if key in reports}


async def as_heard(redis_url: str) -> Sequence[View]:
    """How the running processes find their components, for somebody who is none of them."""
    link = RedisLink(redis_url)
    try:
        fleet = RedisFleet(link)
        return await Components(Registry(fleet), fleet).views()
    finally:
        await link.close()


def view_json(view: View) -> dict[str, JsonValue]:
    """How a component is. `p50` and `p95` are seconds of its recent good calls."""
    report, now = view.report, datetime.now(UTC)
    recent = report.recent
    return {
        "kind": view.kind,
        "name": view.name,
        "state": report.state,
        "since": _ago(report.state_for, now),
        "last_error": report.error,
        "last_error_at": _ago(report.error_ago, now),
        "breaker": report.breaker,
        "calls": report.total.calls,
        "failures": report.total.failures,
        "error_rate": round(recent.failures / recent.calls, 3) if recent.calls else 0.0,
        "p50": _rounded(recent.percentile(0.5)),
        "p95": _rounded(recent.percentile(0.95)),
        "processes": len(view.reports),
        "facts": dict(view.facts),
    }


def described(view: View) -> dict[str, JsonValue]:
    """How a component is, what it takes and what it bears."""
    limits = view.limits
    return view_json(view) | {
        "interface": dict(view.interface),
        "limits": {
            "concurrency": limits.concurrency,
            "per_minute": limits.per_minute,
            "seconds": limits.seconds,
        },
    }


def _ago(seconds: float | None, now: datetime) -> str | None:
    return None if seconds is None else (now - timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 4)
