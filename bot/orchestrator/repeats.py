"""Whether a customer asks the same over and over: then the answers do not help, and more of them will not."""

from __future__ import annotations

from collections.abc import Sequence

from bot.orchestrator.agent import Utterance
from bot.orchestrator.grounding import content

_TIMES = 2  # answers to the same question, after which a person should look at it
_ALIKE = 0.8  # of both questions' words
_LONGEST = 2_000  # characters looked at


def answered(said: Sequence[Utterance]) -> Sequence[str]:
    """What the customer wrote each time before the bot answered, oldest first, since a person last spoke."""
    found: list[str] = []
    waiting: list[str] = []
    for each in said:
        match each.speaker:
            case "contact":
                waiting.append(each.text)
            case "bot" if waiting:
                found.append("\n".join(waiting))
                waiting = []
            case "operator":
                found, waiting = [], []
            case "bot":
                pass
    return found


def goes_round(question: str, before: Sequence[str]) -> bool:
    """Whether the question is what the customer wrote the last times too, and was answered each time."""
    last = before[-_TIMES:]
    return len(last) == _TIMES and all(_same(question, each) for each in last)


def _same(one: str, other: str) -> bool:
    one, other = one[:_LONGEST], other[:_LONGEST]
    if (words := content(one)) and (others := content(other)):
        return len(words & others) >= _ALIKE * len(words | others)
    return one.casefold().split() == other.casefold().split()
