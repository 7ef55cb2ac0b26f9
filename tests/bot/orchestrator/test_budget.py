"""What a call may cost is set aside before it, what it did cost is settled after it, whatever happens."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.orchestrator import run
from bot.orchestrator.agent import (
    BudgetScope,
    Charge,
    Granted,
    ModelFailed,
    ModelMessage,
    ModelRequest,
    OfferedTool,
    Refused,
    ToolCall,
    Usage,
)
from bot.orchestrator.budget import BudgetReached, cheaper, cost, estimated, paid
from bot.orchestrator.outcome import HandOff, Reply
from bot.testing import PRICES, FullPurse, ScriptedModel
from bot.trace import Step, Trace
from knowledge.lookup import Found
from tests.doubles.orchestra import RETURNS, agent, turn

REQUEST = ModelRequest(
    messages=[ModelMessage(role="user", content="Wie geht's?")], first_token=30.0, total=60.0
)


FAR = replace(RETURNS, text="Something else.", quote="Something else.", score=0.1)


class ThinPurse(FullPurse):
    """A purse that holds no call of more than `most` micro-dollars, and is tight above `tight`."""

    def __init__(self, most: int, *, tight: int | None = None, scope: BudgetScope = "day") -> None:
        super().__init__()
        self._most, self._tight, self._scope = most, most if tight is None else tight, scope

    async def reserve(self, worst: Charge) -> Granted | Refused:
        granted = await super().reserve(worst)
        if worst.cost > self._most:
            return Refused(scope=self._scope)
        assert isinstance(granted, Granted)
        return replace(granted, tight=self._scope if worst.cost > self._tight else None)


def dear(*scripts: str | ModelFailed | list[str | ModelFailed], name: str = "large") -> ScriptedModel:
    """A model sixteen times as expensive as the other ones."""
    model = ScriptedModel(*scripts, name=name)
    model.prices = replace(PRICES, input=2_500_000, output=10_000_000)
    return model


def a_step() -> Step:
    return Step(kind="model", name="scripted")


@given(
    tokens_in=st.integers(0, 10**7),
    tokens_out=st.integers(0, 10**6),
    cached=st.integers(0, 10**7),
    price=st.integers(0, 10**9),
)
def test_a_cost_is_never_rounded_down(tokens_in: int, tokens_out: int, cached: int, price: int) -> None:
    prices = replace(PRICES, input=price, output=3 * price, cached_input=price // 2)
    usage = Usage(tokens_in=tokens_in, tokens_out=tokens_out, cached=min(cached, tokens_in))
    exact = (tokens_in - usage.cached) * price + usage.cached * (price // 2) + tokens_out * 3 * price
    assert 0 <= cost(prices, usage) * 1_000_000 - exact < 1_000_000


async def test_the_worst_case_is_set_aside_and_the_true_cost_settled() -> None:
    purse, step = FullPurse(), a_step()
    model = ScriptedModel(["Very ", "well."])
    said = [piece async for piece in paid(model, REQUEST, purse, step)]
    [worst], [settled] = purse.reserved, purse.settled
    usage = said[-1]
    assert isinstance(usage, Usage)
    assert (settled.model, settled.usage, settled.priced_at) == ("scripted", usage, PRICES.dated)
    assert settled.cost == cost(PRICES, usage) == step.cost == 2
    assert worst.cost > settled.cost
    assert worst.usage.tokens_out == model.max_tokens == model.requests[0].max_tokens
    assert (step.tokens_in, step.tokens_out) == (usage.tokens_in, usage.tokens_out)
    assert step.output == {"tokens_estimated": False}
    assert not purse.released


TEXTS = st.text(max_size=60)


@given(
    messages=st.lists(
        st.builds(
            ModelMessage,
            role=st.just("assistant"),
            content=TEXTS,
            calls=st.lists(st.builds(ToolCall, id=TEXTS, name=TEXTS, arguments=TEXTS), max_size=2),
            call_id=TEXTS,
        ),
        max_size=3,
    ),
    tools=st.lists(
        st.builds(
            OfferedTool, name=TEXTS, description=TEXTS, parameters=st.dictionaries(TEXTS, TEXTS, max_size=2)
        ),
        max_size=2,
    ),
)
async def test_no_tokenizer_makes_more_of_a_request_than_was_set_aside(
    messages: list[ModelMessage], tools: list[OfferedTool]
) -> None:
    purse = FullPurse()
    request = replace(REQUEST, messages=messages, tools=tools)
    _ = [piece async for piece in paid(ScriptedModel("Yes."), request, purse, a_step())]
    one_token_a_byte = sum(
        len(text.encode())
        for text in [
            *(each.content for each in messages),
            *(each.call_id for each in messages),
            *(
                word
                for each in messages
                for call in each.calls
                for word in (call.id, call.name, call.arguments)
            ),
            *(each.name + each.description for each in tools),
            *(word for each in tools for pair in each.parameters.items() for word in map(str, pair)),
        ]
    )
    assert purse.reserved[0].usage.tokens_in >= one_token_a_byte


async def test_an_answer_left_in_the_middle_is_paid_as_far_as_it_came() -> None:
    purse, step = FullPurse(), a_step()
    async with aclosing(paid(ScriptedModel(["Very ", "well."]), REQUEST, purse, step)) as pieces:
        async for _ in pieces:
            break
    [settled] = purse.settled
    assert settled.usage == estimated(REQUEST, len("Very "))
    assert settled.usage.estimated
    assert step.cost == settled.cost
    assert step.output == {"tokens_estimated": True}


async def test_what_a_failed_call_used_up_is_paid() -> None:
    used = Usage(tokens_in=100, tokens_out=50)
    purse = FullPurse()
    model = ScriptedModel(["Very ", ModelFailed("cut", retry=True, usage=used)])
    with pytest.raises(ModelFailed):
        _ = [piece async for piece in paid(model, REQUEST, purse, a_step())]
    assert [charge.usage for charge in purse.settled] == [used]


async def test_a_call_that_was_refused_costs_nothing() -> None:
    purse, step = FullPurse(), a_step()
    with pytest.raises(ModelFailed):
        _ = [
            piece async for piece in paid(ScriptedModel(ModelFailed("429", retry=True)), REQUEST, purse, step)
        ]
    assert [each.id for each in purse.released] == ["use_1"]
    assert not purse.settled
    assert (step.cost, step.tokens_in) == (0, 0)


async def test_no_model_is_asked_for_what_a_budget_does_not_hold() -> None:
    model = ScriptedModel("Very well.")
    with pytest.raises(BudgetReached) as reached:
        _ = [piece async for piece in paid(model, REQUEST, ThinPurse(0, scope="conversation"), a_step())]
    assert (reached.value.scope, reached.value.tight) == ("conversation", False)
    assert not model.requests


@pytest.mark.parametrize("spare", [True, False])
async def test_a_tight_budget_leaves_a_dear_model_alone_only_if_there_is_a_cheaper_one(spare: bool) -> None:
    model, purse = ScriptedModel("Very well."), ThinPurse(10**6, tight=0)
    if spare:
        with pytest.raises(BudgetReached) as reached:
            _ = [piece async for piece in paid(model, REQUEST, purse, a_step(), spare=True)]
        assert reached.value.tight
        assert (len(purse.released), len(model.requests)) == (1, 0)
    else:
        _ = [piece async for piece in paid(model, REQUEST, purse, a_step())]
        assert (len(purse.settled), len(model.requests)) == (1, 1)


def test_below_the_cheapest_tier_is_none() -> None:
    tiers = ["small", "middle", "large"]
    assert [cheaper(tiers, each) for each in tiers] == [None, "small", "middle"]


async def test_a_budget_that_holds_only_the_cheaper_model_has_it_answer() -> None:
    purse, trace = ThinPurse(5_000), Trace(turn_id="turn")
    small, large = ScriptedModel("Within 30 days. [1]", name="small"), dear()
    tiers = {"small": [small], "large": [large]}
    asked = replace(agent(large), models=tiers, tier="large")
    outcome = await run(turn("How long can I return it?", purse=purse), asked, trace)
    assert isinstance(outcome, Reply)
    assert (len(large.requests), len(small.requests)) == (0, 1)
    steps = [(each.kind, each.name, each.status) for each in trace.steps if each.kind != "knowledge"][1:]
    assert steps == [
        ("model", "large", "skipped"),
        ("guard", "budget", "ok"),
        ("model", "small", "ok"),
    ]
    guard = next(each for each in trace.steps if each.name == "budget")
    assert guard.output == {"scope": "day", "tight": False, "decision": "the small tier"}


async def test_a_fallback_too_dear_is_passed_over() -> None:
    down = ScriptedModel(ModelFailed("down", retry=False), name="small")
    large, local = dear(), ScriptedModel("Within 30 days. [1]", name="local")
    outcome = await run(
        turn("How long can I return it?", purse=ThinPurse(5_000)),
        agent(down, large, local),
        Trace(turn_id="turn"),
    )
    assert isinstance(outcome, Reply)
    assert (len(down.requests), len(large.requests), len(local.requests)) == (1, 0, 1)


async def test_a_fallback_too_dear_is_why_no_model_answers() -> None:
    down = ScriptedModel(ModelFailed("down", retry=False), name="small")
    outcome = await run(
        turn("Does the tent have a window?", purse=ThinPurse(5_000)),
        agent(down, dear(), knowledge=Found(passages=(FAR,))),
        Trace(turn_id="turn"),
    )
    assert isinstance(outcome, HandOff)
    assert outcome.reason == "budget"


async def test_when_no_budget_is_left_the_passages_answer() -> None:
    model = ScriptedModel("Within 30 days. [1]")
    outcome = await run(
        turn("How long can I return it?", purse=ThinPurse(0)), agent(model), Trace(turn_id="turn")
    )
    assert isinstance(outcome, Reply)
    assert "within 30 days of delivery" in outcome.text
    assert not model.requests


async def test_when_no_budget_is_left_and_no_passage_answers_a_person_does() -> None:
    model = ScriptedModel("Within 30 days. [1]")
    outcome = await run(
        turn("Does the tent have a window?", purse=ThinPurse(0)),
        agent(model, knowledge=Found(passages=(FAR,))),
        Trace(turn_id="turn"),
    )
    assert isinstance(outcome, HandOff)
    assert outcome.reason == "budget"
    assert not model.requests
