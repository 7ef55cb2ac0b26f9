"""What an answer stands on in a turn, and what is left of it without what stands on nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from bot.orchestrator.draft import Asked
from bot.orchestrator.grounds import Grounds, Source, of_passage, of_result, of_words, statements
from bot.orchestrator.hands import Hands
from bot.orchestrator.prompt import told
from knowledge.base import Passage
from tools.base import Arguments

_MARK = re.compile(r"\[(\d{1,3})\](?!\()")
_LEFT_OVER = re.compile(r"^[ \t]*(?:[-*•+]|\d{1,2}[.)])?[ \t]*(?:\[\d{1,3}\][ \t]*)*$\n?", re.MULTILINE)


def grounds(asked: Asked, passages: Sequence[Passage], hands: Hands) -> Grounds:
    """All that a model was given to answer with."""
    turn, agent = asked.turn, asked.agent
    return Grounds(
        [*map(of_passage, passages), *_made(asked, hands), *_said(asked)],
        heard=[
            text
            for each in turn.said
            if each.speaker == "contact"
            for text in (each.text, each.quotes)
            if text
        ]
        + [turn.summary],  # the customer's claims stand in it too
        names=[agent.name, agent.company, turn.person.name],
        alike=agent.alike,
    )


def without(answer: str, sentences: Sequence[str]) -> str | None:
    """An answer without some of its sentences; None when nothing of worth is left."""
    for sentence in sentences:
        if sentence not in answer:
            return None
        answer = answer.replace(sentence, "", 1)
    left = re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]{2,}", " ", _LEFT_OVER.sub("\n", answer))).strip()
    return left if any(statements(left)) else None


def cited_in(answer: str, cited: Sequence[Passage]) -> tuple[str, Sequence[Passage]]:
    """An answer with its sources numbered anew, and those that it still names."""
    kept = list(
        dict.fromkeys(int(number) for number in _MARK.findall(answer) if 0 < int(number) <= len(cited))
    )
    numbered = {number: place for place, number in enumerate(kept, 1)}

    def renumbered(found: re.Match[str]) -> str:
        number = numbered.get(int(found.group(1)))
        return found.group() if number is None else f"[{number}]"

    return _MARK.sub(renumbered, answer), [cited[number - 1] for number in kept]


def _made(asked: Asked, hands: Hands) -> Iterator[Source]:
    """What tools told, and what is known of changes: done, waiting, decided against."""
    tools = asked.agent.toolbox
    for made in hands.made:
        about = _about(made.tool.name, made.tool.description, made.told.arguments or {})
        yield of_result(made.told.said, about)
        if made.told.said != made.told.result:  # what stands before it would hide what its fields say
            yield of_result(made.told.result, about)
    journal = asked.turn.journal
    for call in (*journal.past, *journal.earlier, *journal.news, *journal.waiting):
        about = _about(call.tool, tools[call.tool].description if call.tool in tools else "", call.arguments)
        yield of_result(told(call), about)
        yield of_result(call.result, about)


def _about(tool: str, description: str, arguments: Arguments) -> str:
    """What a call was made for."""
    return f"{tool} {description} {' '.join(f'{name} {value}' for name, value in arguments.items())}"


def _said(asked: Asked) -> Iterator[Source]:
    """What was said on our side: by whoever runs the bot, by colleagues, and by the bot, once it stood."""
    yield of_words(asked.agent.instructions)
    if asked.turn.guidance:
        yield of_words(asked.turn.guidance)
    yield from (of_words(each.text) for each in asked.turn.said if each.speaker != "contact")
