"""The components that turns lean on, and how each has been doing: read by /readyz and /metrics."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

from pydantic import JsonValue

Kind = Literal["model", "knowledge"]
State = Literal["up", "degraded", "down"]

_REMEMBERED = 256  # calls whose durations the percentiles are taken from


class Component:
    """One model or knowledge source, as seen by those who call it."""

    def __init__(self, kind: Kind, name: str) -> None:
        self.kind: Kind = kind
        self.name = name
        self.state: State = "up"
        self.since = datetime.now(UTC)
        self.calls = 0
        self.failures = 0
        self.last_error: str | None = None
        self._seconds: deque[float] = deque(maxlen=_REMEMBERED)

    def succeeded(self, seconds: float, *, degraded: bool = False) -> None:
        self.calls += 1
        self._seconds.append(seconds)
        self._turn("degraded" if degraded else "up")

    def failed(self, error: str, *, down: bool) -> None:
        """Count a failure; `down` when it is no longer asked."""
        self.calls += 1
        self.failures += 1
        self.last_error = error
        self._turn("down" if down else "degraded")

    def as_json(self) -> Mapping[str, JsonValue]:
        """How it is; `p50` and `p95` are seconds of its recent good calls, absent without any."""
        told: dict[str, JsonValue] = {
            "kind": self.kind,
            "state": self.state,
            "since": self.since.isoformat(),
            "calls": self.calls,
            "failures": self.failures,
        }
        if self.last_error:
            told["last_error"] = self.last_error
        if self._seconds:
            ranked = sorted(self._seconds)
            told["p50"] = round(ranked[len(ranked) // 2], 4)
            told["p95"] = round(ranked[len(ranked) * 95 // 100], 4)
        return told

    def _turn(self, state: State) -> None:
        if state != self.state:
            self.state = state
            self.since = datetime.now(UTC)


class Registry:
    """Every component of this process, in the order they were added."""

    def __init__(self) -> None:
        self._components: list[Component] = []

    def add(self, kind: Kind, name: str) -> Component:
        component = Component(kind, name)
        self._components.append(component)
        return component

    def components(self) -> Sequence[Component]:
        return tuple(self._components)
