"""What models have cost, as figures for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bot.store import Store
from bot.store.budgets import Allowances
from bot.store.costs import BudgetState, Cost


class SpentFigures(Collector):
    """Counts that stand in the store, and so are the same in every process and go on over restarts."""

    def __init__(self, *, store: Store, allowances: Allowances) -> None:
        self._store = store
        self._allowances = allowances
        self._models: Sequence[tuple[str, Cost]] = ()
        self._budgets: Sequence[BudgetState] = ()

    async def refresh(self) -> None:
        """Read them anew. Raises StoreUnavailable."""
        self._models = await self._store.costs.models()
        today = self._allowances.day_of(datetime.now(UTC))
        self._budgets = await self._store.costs.budgets(self._allowances, today, limit=1)

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterable[Metric]:
        calls = CounterMetricFamily(
            "switchboard_model_calls", "Calls of models that were paid", labels=["model"]
        )
        cost = CounterMetricFamily("switchboard_cost_usd", "What models have cost in USD", labels=["model"])
        estimated = CounterMetricFamily(
            "switchboard_cost_estimated_usd", "The part of it that no provider told", labels=["model"]
        )
        tokens = CounterMetricFamily(
            "switchboard_tokens", "Tokens that models have read and written", labels=["model", "direction"]
        )
        for model, spent in self._models:
            calls.add_metric([model], spent.calls)
            cost.add_metric([model], spent.cost / 1e6)
            estimated.add_metric([model], spent.estimated / 1e6)
            tokens.add_metric([model, "in"], spent.tokens_in)
            tokens.add_metric([model, "out"], spent.tokens_out)
        used = GaugeMetricFamily(
            "switchboard_budget_used_ratio",
            "How much of a limit is used up, of the conversation, customer or turn that is nearest to it",
            labels=["scope"],
        )
        for each in self._budgets:
            used.add_metric([each.scope], each.used / each.limit)
        return [calls, cost, estimated, tokens, used]
