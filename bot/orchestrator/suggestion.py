"""An answer for an operator to send or not: from the same knowledge, models and guards as the bot's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.orchestrator import extractive
from bot.orchestrator.agent import Agent, Turn, Utterance
from bot.orchestrator.answer import NoModelAnswered, OutOfMoney, by_models
from bot.orchestrator.draft import Asked, Draft
from bot.orchestrator.hands import Hands
from bot.orchestrator.outcome import Reply
from bot.orchestrator.route import routed
from bot.orchestrator.rules import by_rules
from bot.orchestrator.turn import kind_of, language_of, look_up
from bot.trace import StepKind, Trace
from knowledge.base import Passage
from knowledge.lookup import Found
from tools.handoff import hand_off

_HISTORY = 6  # utterances before the question that help to understand it


class Unheard:
    """A Speech that nobody listens to: what is suggested is shown when it is whole."""

    async def begin(self) -> None:
        pass

    async def say(self, text: str) -> None:
        pass

    async def restart(self) -> None:
        pass


async def suggest(turn: Turn, agent: Agent, trace: Trace) -> Reply | None:
    """What could be answered to what the customer last asked; None when nothing that is known answers it.

    Nothing is changed anywhere: only tools that read are called.
    """
    turn = _asking(turn, agent.name)
    pending = turn.said[len(turn.said) - turn.pending :]
    asked = Asked(
        turn=turn,
        agent=_reading(agent),
        trace=trace,
        draft=Draft(turn.speech),
        question="\n".join(each.text for each in pending).strip(),
        language=language_of(turn),
        tier=agent.tier,
    )
    if not asked.question:
        return None
    asked, _several = await routed(asked)
    before = [each.text for each in turn.said[: len(turn.said) - turn.pending]][-_HISTORY:]
    found = await look_up(asked, before)
    passages = found.passages if isinstance(found, Found) else ()
    hands = Hands(asked, asked.agent.tools)
    failed = False
    if asked.agent.models and (hands.tools or passages):
        match await by_models(asked, passages, hands):
            case Reply() as reply:
                return reply
            case NoModelAnswered() | OutOfMoney():
                failed = True
            case _:
                return None
    deeds = await by_rules(asked, hands, lambda wish: look_up(asked, before, wish=wish))
    if deeds is not None:
        whole = deeds.text and not deeds.failed and hands.stuck is None
        return Reply(text=deeds.text, citations=deeds.citations) if whole else None
    return _quoted(asked, passages, failed=failed)


def _quoted(asked: Asked, passages: Sequence[Passage], *, failed: bool) -> Reply | None:
    kind: StepKind = "fallback" if failed else "model"
    with asked.trace.step(kind, "passages", needs=("lookup",)) as step:
        quoted = extractive.compose(asked.question, passages, language=asked.language)
        step.output = {"confident": quoted is not None}
    return quoted


def _asking(turn: Turn, name: str) -> Turn:
    """The turn with the last of the customer's words that ask something as what is to be answered: a thank
    you after it, or the wish for a person, wants no answer from pages."""
    pending = turn.said[len(turn.said) - turn.pending :]
    if any(_asks(each, name) for each in pending):
        return turn
    rest = list(turn.said)
    for place in range(len(rest) - 1, -1, -1):
        if _asks(rest[place], name):
            question = rest.pop(place)
            return replace(turn, said=[*rest, question], pending=1)
    return turn


def _asks(said: Utterance, name: str) -> bool:
    return said.speaker == "contact" and kind_of(said.text, [said.text], name, ()) in {"question", "anger"}


def _reading(agent: Agent) -> Agent:
    """The same agent with nothing in its hands that changes anything, or that a person must allow."""
    tools = [
        each
        for each in agent.tools
        if each.effect == "read" and each.approval is None and each.name != hand_off.name
    ]
    specialists = {name: _reading(each) for name, each in agent.specialists.items()}
    return replace(agent, tools=tools, specialists=specialists)
