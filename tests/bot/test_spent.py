"""Prometheus reads from any process what all of them have spent."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, generate_latest

from bot.spent import SpentFigures
from bot.store import Store
from bot.store.budgets import Allowances
from tests.bot.store.given import claimed, said
from tests.bot.store.test_spending import charge, reserved


def lines(registry: CollectorRegistry) -> dict[str, float]:
    """The samples by name and labels."""
    told = [each for each in generate_latest(registry).decode().splitlines() if each[0] != "#"]
    return {name: float(value) for name, _, value in (each.rpartition(" ") for each in told)}


async def test_what_was_spent_is_told_by_model_and_how_far_budgets_are_used_up(store: Store) -> None:
    allowances = Allowances(conversation=1_000, day=10_000)
    registry, figures = CollectorRegistry(), SpentFigures(store=store, allowances=allowances)
    registry.register(figures)
    assert lines(registry) == {}
    for sender, cost in (("ada", 500), ("eve", 200)):
        claim = await claimed(store, (await said(store, sender=sender)).message.conversation_id)
        granted = await reserved(store, claim, 600, allowances)
        await store.spending.settle(granted.id, claim, charge(cost, estimated=sender == "eve"), allowances)
    await figures.refresh()
    assert lines(registry) == {
        'switchboard_model_calls_total{model="small"}': 2,
        'switchboard_cost_usd_total{model="small"}': 0.0007,
        'switchboard_cost_estimated_usd_total{model="small"}': 0.0002,
        'switchboard_tokens_total{direction="in",model="small"}': 14,
        'switchboard_tokens_total{direction="out",model="small"}': 6,
        'switchboard_budget_used_ratio{scope="conversation"}': 0.5,
        'switchboard_budget_used_ratio{scope="day"}': 0.07,
    }
