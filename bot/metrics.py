"""The components' figures as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import get_args

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from bot.components import View
from bot.orchestrator.figures import BOUNDS, Figures
from bot.orchestrator.report import State

_LABELS = ("component", "kind")


class ComponentFigures(Collector):
    """States are those of all processes together; calls are counted for each process, whoever is asked."""

    def __init__(self) -> None:
        self.views: Sequence[View] = ()

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("switchboard_component_up", "Whether a component is not down", labels=_LABELS)
        state = GaugeMetricFamily(
            "switchboard_component_state", "1 for the state a component is in", labels=(*_LABELS, "state")
        )
        ofs = (*_LABELS, "process")
        calls = CounterMetricFamily(
            "switchboard_component_calls",
            "Calls of a component, by each process that made them; told alike by every process",
            labels=ofs,
        )
        failures = CounterMetricFamily(
            "switchboard_component_failures",
            "Calls that failed, by each process; told alike by every process",
            labels=ofs,
        )
        seconds = HistogramMetricFamily(
            "switchboard_component_seconds",
            "How long the good calls took, by each process; told alike by every process",
            labels=ofs,
        )
        for view in self.views:
            of = [view.name, view.kind]
            up.add_metric(of, view.report.state != "down")
            for each in get_args(State):
                state.add_metric([*of, each], view.report.state == each)
            for process, report in view.reports.items():
                if report.total.calls:
                    calls.add_metric([*of, process], report.total.calls)
                    failures.add_metric([*of, process], report.total.failures)
                    seconds.add_metric([*of, process], _buckets(report.total), report.total.seconds)
        yield from (up, state, calls, failures, seconds)


def _buckets(figures: Figures) -> list[tuple[str, float]]:
    bounds = [*(f"{each:.4g}" for each in BOUNDS), "+Inf"]
    return list(zip(bounds, accumulate(figures.buckets), strict=True))
