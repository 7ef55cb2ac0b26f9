"""A router that goes by examples: of the intents in bot.toml, and of what tools are for."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue

from bot.orchestrator.agent import Choice, Route
from bot.orchestrator.likeness import Guess, Likeness, Numbers
from bot.orchestrator.person_examples import OTHER, PERSON
from bot.orchestrator.several import asks, wishes
from bot.orchestrator.wishes import declines_person
from knowledge import question
from knowledge.embed import Scale
from tools.base import Tool

_SHORT = 2  # words that carry a subject: "123456", "the blue one"
_NEAR_THE_LINE = 0.8  # steps: it may as well stand on the line's other side
_NEAR_EACH_OTHER = 0.5  # steps: the second intent may as well be the first
_PLAINLY = 0.7  # steps above the line from which on a wish is plainly for a tool
_FOR_A_PERSON = 0.6  # steps nearer to wanting a person than to what only sounds like it
_LONGEST_CALL = 300  # characters; whoever writes more has more to say than that they want a person
_LONG = 80  # words of a message that is no simple one
# How something is done in general is asked of the pages: who asks how refunds work wants none yet.
_INQUIRES = re.compile(
    r"(?:how|what|when|where|why|which|who|do you|does|is there|are there|wie|was|wann|wo|warum"
    r"|welche[rsnm]?|gibt es|comment|que|quoi|quand|où|pourquoi|combien|quel(?:le)?s?|cómo|qué|cuándo|dónde"
    r"|cuánto|por qué|come|cosa|quando|dove|quanto|perché|hoe|wat|wanneer|waar|waarom|como|onde|por que|jak"
    r"|co|kiedy|gdzie|ile|dlaczego|hur|vad|när|var|varför|hvordan|hvad|hvornår|hvor|hvorfor|nasıl"
    r"|ne zaman|nerede|neden|كيف|متى|أين|كم|لماذا|هل)\b",
    re.IGNORECASE,
)
_FINDABLE = frozenset({"pattern", "enum", "format"})  # in a schema: such a value stands out among words
_SHOWN = 3  # examples of an intent that a model sees
# A customer's own number (an order's, a parcel's) says nothing of what is wanted.
_OWN_NUMBER = re.compile(r"\s*#?\d{4,}")


class Meaning(Protocol):
    """Vectors of length 1 for texts, and how to read their cosines; None when there are none to be had now.

    `knowledge.meanings.Meanings` is one.
    """

    async def of(self, texts: Sequence[str]) -> Numbers | None: ...

    async def of_examples(self, texts: Sequence[str]) -> tuple[Numbers, Scale] | None: ...


@dataclass(frozen=True, kw_only=True)
class Intent:
    """What customers say who want this, one at least, and the `agent` and `tier` for them, if not the usual
    ones."""

    examples: Sequence[str]
    agent: str | None = None
    tier: str | None = None


class ByExamples:
    """A Router; `tiers` are the models' names, the cheapest first. Until `learn` has ended it goes by words
    alone."""

    def __init__(
        self,
        intents: Mapping[str, Intent],
        meaning: Meaning,
        *,
        tools: Sequence[Tool] = (),
        tiers: Sequence[str] = (),
    ) -> None:
        self._intents = intents
        self._meaning = meaning
        self._tools = tools
        self._tiers = tiers
        self._about = _likeness({name: each.examples for name, each in intents.items()})
        self._calls_for = Likeness({"person": PERSON, "other": OTHER})
        self._for_tools: dict[tuple[tuple[str, ...], ...], Likeness | None] = {}
        self._begun = False

    async def learn(self) -> bool:
        """What the examples mean: seconds of another thread at first, milliseconds once they are known. False
        when that cannot be told now."""
        self._begun = True
        await self._likeness_to(self._tools)
        told = [await self._teach(each) for each in (self._about, self._calls_for, *self._for_tools.values())]
        return all(told)

    async def route(self, text: str, *, history: Sequence[str], language: str) -> Route:
        parts = wishes(text)
        guesses = await self._guess(parts, self._about)
        if len(guesses) == 1 and guesses[0].above <= 0 and history and _goes_on(text):
            (joined,) = await self._guess([" ".join([*question.remembered(history)[-1:], text])], self._about)
            if joined.above > 0 and joined.margin >= _NEAR_EACH_OTHER:
                guesses = [joined]
        wanted = [guess.name for guess in guesses if guess.above > 0]
        besides = any(
            guess.above <= 0 and asks(part) and len(question.content(part)) > 1
            for guess, part in zip(guesses, parts, strict=False)  # without intents nothing is guessed
        )
        several = (len(parts) > 1 and sum(map(asks, parts)) > 1) or len(dict.fromkeys(wanted)) > 1
        long = len(text.split()) > _LONG
        agents = {self._intents[name].agent for name in wanted}
        agent = agents.pop() if len(agents) == 1 and not besides else None
        tier = self._tier([self._intents[name].tier for name in wanted], demanding=several or long)
        told: dict[str, JsonValue] = {
            "language": language,
            "intent": wanted[0] if len(dict.fromkeys(wanted)) == 1 else None,
            "complexity": "several wishes" if several else "long" if long else "simple",
        }
        told |= {} if agent is None else {"agent": agent}
        told |= {} if tier is None else {"tier": tier}
        told |= _why(guesses, parts)
        unsure = self._choices(guesses[0]) if len(guesses) == 1 else ()
        told |= {"unsure": [each.name for each in unsure]} if unsure else {}
        return Route(agent=agent, tier=tier, several=several, unsure=unsure, told=told)

    async def tool_for(self, wish: str, tools: Sequence[Tool]) -> Tool | None:
        for guess in await self._guess([wish], await self._likeness_to(tools)):
            if guess.above >= _PLAINLY and guess.margin >= _NEAR_EACH_OTHER:
                tool = next(tool for tool in tools if tool.name == guess.name)
                asks_how = _INQUIRES.match(wish) is not None and _OWN_NUMBER.search(wish) is None
                return None if tool.effect == "write" and asks_how else tool
        return None

    async def wants_person(self, text: str) -> bool:
        """By meaning alone: what only shares words with a call for a person is answered."""
        if not text or len(text) > _LONGEST_CALL or declines_person(text):
            return False
        for guess in await self._guess([text], self._calls_for):
            plainly = guess.above > 0 and guess.margin >= _FOR_A_PERSON
            return guess.by_meaning and guess.name == "person" and plainly
        return False

    async def _guess(self, texts: Sequence[str], likeness: Likeness | None) -> Sequence[Guess]:
        """What each text is most like; nothing when there is nothing to be like."""
        if likeness is None:
            return []
        texts = [_OWN_NUMBER.sub("", text) for text in texts]
        vectors = await self._meaning.of(texts) if likeness.by_meaning else None
        rows: Sequence[Numbers | None] = [None] * len(texts) if vectors is None else list(vectors)
        return [likeness.guess(text, row) for text, row in zip(texts, rows, strict=True)]

    async def _likeness_to(self, tools: Sequence[Tool]) -> Likeness | None:
        """To what each of the tools is for; None when that is told of none of them."""
        groups = {tool.name: own for tool in tools if (own := self._examples(tool))}
        key = tuple((name, *own) for name, own in groups.items())
        if key not in self._for_tools:
            self._for_tools[key] = found = _likeness(groups)
            if self._begun:
                await self._teach(found)
        return self._for_tools[key]

    def _examples(self, tool: Tool) -> Sequence[str]:
        """What customers say who want it, as its owner told of it or of the intent with its name; else its
        description, of one that is called with nothing but what can be found in a customer's words."""
        if own := tool.examples or (tool.name in self._intents and self._intents[tool.name].examples):
            return own
        schemas = tool.parameters.get("properties")
        named = (
            [each for each in schemas.values() if isinstance(each, dict)] if isinstance(schemas, dict) else []
        )
        told = named and all(not _FINDABLE.isdisjoint(each) for each in named)
        return [tool.description] if told and tool.description else []

    async def _teach(self, likeness: Likeness | None) -> bool:
        if likeness is None or likeness.by_meaning:
            return True
        learned = await self._meaning.of_examples(likeness.examples)
        if learned is not None:
            await asyncio.to_thread(likeness.learn, *learned)  # hundreds of milliseconds of 150 intents
        return learned is not None

    def _tier(self, named: Sequence[str | None], *, demanding: bool) -> str | None:
        """The one that the only intent names; of several things the dearest, and no simple message is for the
        cheapest."""
        places = [self._tiers.index(name) for name in named if name in self._tiers]
        if demanding and len(self._tiers) > 1 and not (len(named) == 1 and places):
            places.append(1)
        return self._tiers[max(places)] if places else None

    def _choices(self, guess: Guess) -> Sequence[Choice]:
        """What a message may be about as well as what it seems to be, if that makes a difference."""
        near = [
            name
            for name, above in guess.ranked
            if above > -_NEAR_THE_LINE and guess.above - above < _NEAR_EACH_OTHER
        ]
        found = [
            Choice(name=name, examples=each.examples[:_SHOWN], agent=each.agent, tier=each.tier)
            for name in near
            for each in (self._intents[name],)
        ]
        ways = {(each.agent, each.tier) for each in found}
        if abs(guess.above) < _NEAR_THE_LINE:
            ways.add((None, None))
        return found if len(ways) > 1 else ()


def _goes_on(text: str) -> bool:
    """Whether a message means something only after what was said before: "and for kids?", "the blue one"."""
    short = len(question.content(text)) <= _SHORT
    return short and (question.points_back(text) or not (asks(text) or "?" in text))


def _likeness(groups: Mapping[str, Sequence[str]]) -> Likeness | None:
    if not groups:
        return None
    return Likeness({name: [_OWN_NUMBER.sub("", each) for each in own] for name, own in groups.items()})


def _why(guesses: Sequence[Guess], parts: Sequence[str]) -> dict[str, JsonValue]:
    """What the trace shows of how an intent was found or not found."""
    if not guesses:
        return {"why": "there are no intents to tell apart"}
    if len(guesses) > 1:
        wanted: list[JsonValue] = [
            {"wish": part, "intent": guess.name if guess.above > 0 else None, "score": round(guess.above, 2)}
            for part, guess in zip(parts, guesses, strict=True)
        ]
        return {"wishes": wanted, "by": _by(guesses[0])}
    (guess,) = guesses
    found: dict[str, JsonValue] = {"score": round(guess.above, 2), "nearest": guess.name, "by": _by(guess)}
    if len(guess.ranked) > 1:
        found |= {"runner_up": guess.ranked[1][0], "margin": round(guess.margin, 2)}
    like = "like its examples" if guess.above > 0 else "out of scope: like no intent's examples"
    return {"why": like} | found


def _by(guess: Guess) -> str:
    return "meaning and words" if guess.by_meaning else "words alone"
