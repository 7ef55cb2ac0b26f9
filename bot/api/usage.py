"""Usage: what models have cost, and how far the budgets are used up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.api.access import Gate
from bot.api.bodies import answer, query
from bot.api.conversations import display_name
from bot.api.days import span_of
from bot.store import Store
from bot.store.budgets import Allowances
from bot.store.costs import BudgetState, Cost, DailyCost

_TOP = 20


def routes(store: Store, gate: Gate, allowances: Allowances) -> Sequence[BaseRoute]:
    async def usage(request: Request) -> Response:
        await gate.admit(request)
        today = allowances.day_of(datetime.now(UTC))
        asked = span_of(query(request, ("from", "to")), date.fromisoformat(today))
        span = (asked.first.isoformat(), asked.last.isoformat())
        rows = await store.costs.span(*span)
        days = [day.isoformat() for day in asked.days]
        return answer(
            {
                "from": span[0],
                "to": span[1],
                "timezone": str(allowances.zone),
                "total": cost_json(sum((each.spent for each in rows), Cost())),
                "days": _by("day", rows, lambda each: each.day, of=days),
                "models": _by("model", rows, lambda each: each.model),
                "channels": _by("channel", rows, lambda each: each.channel),
                "conversations": [
                    {
                        "id": each.conversation_id,
                        "contact": {
                            "id": each.contact_id,
                            "name": display_name(each.contact_id, each.contact_name),
                        },
                        "subject": each.subject,
                        "calls": each.calls,
                        "cost_usd": each.cost / 1e6,
                    }
                    for each in await store.costs.dearest(*span, _TOP)
                ],
                "budgets": [
                    budget_json(each, allowances) for each in await store.costs.budgets(allowances, today)
                ],
            }
        )

    return [Route("/usage", usage)]


def cost_json(spent: Cost) -> dict[str, JsonValue]:
    return {
        "calls": spent.calls,
        "tokens_in": spent.tokens_in,
        "tokens_out": spent.tokens_out,
        "cost_usd": spent.cost / 1e6,
        "estimated_usd": spent.estimated / 1e6,
    }


def budget_json(state: BudgetState, allowances: Allowances) -> dict[str, JsonValue]:
    return {
        "scope": state.scope,
        "limit_usd": state.limit / 1e6,
        "downgrade_usd": state.limit * allowances.downgrade_at / 1e6,
        "used_usd": state.used / 1e6,
        "share": state.used / state.limit,
        "downgraded_at": state.downgraded_at.isoformat() if state.downgraded_at else None,
        "reached_at": state.reached_at.isoformat() if state.reached_at else None,
        "nearest": [
            {"id": subject.partition(" ")[0], "used_usd": used / 1e6}
            for subject, used in state.nearest
            if subject
        ],
    }


def _by(
    name: str, rows: Sequence[DailyCost], key: Callable[[DailyCost], str], *, of: Sequence[str] = ()
) -> list[JsonValue]:
    """The rows' sums by what `key` says of them: for each of `of`, else the dearest first."""
    sums: dict[str, Cost] = defaultdict(Cost)
    for each in rows:
        sums[key(each)] += each.spent
    names = of or sorted(sums, key=lambda each: -sums[each].cost)
    return [{name: each, **cost_json(sums[each])} for each in names]
