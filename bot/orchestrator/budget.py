"""What a model call may cost and did cost; no call is made that a budget does not hold.

Money is integer micro-dollars, rounded up for each call.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

import orjson

from bot.orchestrator.agent import (
    BudgetScope,
    Charge,
    Delta,
    Granted,
    LanguageModel,
    ModelFailed,
    ModelRequest,
    Prices,
    Purse,
    Refused,
    ToolCall,
    Usage,
)
from bot.trace import Step

_WRAPPING = 16  # tokens that a message, a tool or a call is wrapped in, at the most
_CHARACTERS_PER_TOKEN = 4  # a rule of thumb, for servers that don't say what they used


class BudgetReached(Exception):  # noqa: N818
    """A budget does not hold the call, or is `tight` and there is a cheaper model: nothing was asked."""

    def __init__(self, scope: BudgetScope, *, tight: bool = False) -> None:
        super().__init__(scope)
        self.scope: BudgetScope = scope
        self.tight = tight


async def paid(
    model: LanguageModel, request: ModelRequest, purse: Purse, step: Step, *, spare: bool = False
) -> AsyncGenerator[Delta | ToolCall | Usage]:
    """The model's stream, its worst case reserved before, its cost settled and told in `step` after.

    However it ends: cut, failed, or left by whoever reads it. `spare`: there is a cheaper model to go to.
    Raises BudgetReached before anything is asked, and ModelFailed as the model does.
    """
    most = min(request.max_tokens or model.max_tokens, model.max_tokens)
    request = replace(request, max_tokens=most)
    match await purse.reserve(_charge(model, _worst(request, most))):
        case Refused(scope=scope):
            raise BudgetReached(scope)
        case Granted(tight=scope) as granted:
            if spare and scope is not None:
                await purse.release(granted)
                raise BudgetReached(scope, tight=True)
    used: Usage | None = None
    characters = 0
    taken_on = True
    try:
        async with aclosing(model.stream(request)) as pieces:
            async for piece in pieces:
                match piece:
                    case Delta(text=text):
                        characters += len(text)
                    case ToolCall(name=name, arguments=arguments):
                        characters += len(name) + len(arguments)
                    case Usage():
                        used = piece
                yield piece
    except ModelFailed as failure:
        used = failure.usage
        taken_on = used is not None
        raise
    finally:
        if taken_on:
            charge = _charge(model, used or estimated(request, characters))
            step.tokens_in, step.tokens_out = charge.usage.tokens_in, charge.usage.tokens_out
            step.cost = charge.cost
            step.tell(tokens_estimated=charge.usage.estimated)
            await purse.settle(granted, charge)
        else:
            await purse.release(granted)


def cheaper(tiers: Sequence[str], than: str) -> str | None:
    """The next tier down, where the cheapest stands first; None below it."""
    place = tiers.index(than)
    return tiers[place - 1] if place else None


def cost(prices: Prices, usage: Usage) -> int:
    """Micro-dollars, rounded up."""
    cached_input = prices.input if prices.cached_input is None else prices.cached_input
    parts = (
        (usage.tokens_in - usage.cached) * prices.input,
        usage.cached * cached_input,
        usage.tokens_out * prices.output,
    )
    return -(-sum(parts) // 1_000_000)


def estimated(request: ModelRequest, characters: int) -> Usage:
    """What a call used up that wrote so many characters, when its server does not say."""
    asked = sum(map(len, _texts(request)))
    return Usage(
        tokens_in=-(-asked // _CHARACTERS_PER_TOKEN),
        tokens_out=-(-characters // _CHARACTERS_PER_TOKEN),
        estimated=True,
    )


def _worst(request: ModelRequest, most: int) -> Usage:
    """More than this no call uses up: no tokenizer makes more tokens of a text than it has bytes."""
    texts = _texts(request)
    asked = sum(len(text.encode()) for text in texts) + _WRAPPING * len(texts)
    return Usage(tokens_in=asked, tokens_out=most, estimated=True)


def _texts(request: ModelRequest) -> Sequence[str]:
    """Everything a request says, each message, call and tool by itself."""
    texts = [
        f"{tool.name}{tool.description}{orjson.dumps(tool.parameters).decode()}" for tool in request.tools
    ]
    for message in request.messages:
        texts.append(f"{message.content}{message.call_id}")
        texts += [f"{call.id}{call.name}{call.arguments}" for call in message.calls]
    return texts


def _charge(model: LanguageModel, usage: Usage) -> Charge:
    return Charge(model=model.name, usage=usage, cost=cost(model.prices, usage), priced_at=model.prices.dated)
