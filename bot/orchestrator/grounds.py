"""What an answer may stand on, and which of its sentences don't: docs/decisions/0016-grounding.md."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import orjson
from pydantic import JsonValue

from bot.orchestrator.agent import Alike
from bot.orchestrator.grounding import unsupported
from bot.orchestrator.language import guess
from bot.orchestrator.meant import covered, says_as_much
from bot.orchestrator.quantities import UNITS, agreeing, hours, misapplied
from bot.orchestrator.wording import Wording, is_talk, spelled_numbers, talks, wording
from knowledge.base import Passage
from knowledge.chunk import sentences

_LINES = 3  # neighbouring sentences at most that one statement is drawn from
_SAME_MEANING = -3.8  # steps from where a passage is as likely to answer a question as not
_IN_OTHER_WORDS = 0.5  # of the same language, where an invention is worded like the line it departs from
_NEAREST = 4  # lines of the same language whose meaning is looked at
_SAYING = 3  # words that a line says something with; fewer are a heading
_MOST = 60  # sentences whose meaning is looked at
_HEARD = 0.5  # of a word that the customer used
_EXACT = frozenset({"onli", "alway", "free"})  # what these say of a thing is all that may be wrong with it
_LINE = re.compile(r"[^\S\n]*\n\s*")
_ITEM = re.compile(r"^\s*(?:[-*•+]|\d{1,2}[.)])\s+")
_MARKS = re.compile(r"\s*(?:\[\d{1,3}\]\s*)+")
_LONG = re.compile(r".{1,600}(?=\s|$)|.{600}", re.DOTALL)  # nobody writes such sentences, and they cost time
_DAY = re.compile(r"\b(?:am|vom|zum|bis|den|der|dem|ab|på) \d{1,2}\.$", re.IGNORECASE)
_SPLIT = re.compile(
    r";\s+|,?\s+(?:and|but|und|aber|sondern|et|mais|y|pero|e|ma|en|maar)\s+|,?\s+[–—]\s+|:\s+"
)
# "You wrote that …" says nothing but what they wrote.
_YOU_SAID = re.compile(
    r"\b(?:you|sie|du|vous|tu|usted)\b.{0,20}\b(?:said|wrote|write|mention|ask|told|say|geschrieben|schreiben|gesagt"
    r"|erwähn|gefragt|écri|dit|demand|escrib|dij|pregunt)",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class Source:
    """Something given to a model: `about` says what its `lines` are about; the `passage`, if it is one."""

    about: str
    lines: tuple[str, ...]
    passage: Passage | None = None


def of_passage(passage: Passage) -> Source:
    return Source(about=passage.title.replace("›", " "), lines=lines_of(passage.text), passage=passage)


def of_result(result: str, about: str) -> Source:
    """What a tool returned; `about` says what was asked of it."""
    try:
        data: JsonValue = orjson.loads(result)
    except orjson.JSONDecodeError:
        data = result
    lines = tuple(_told(data, "")) if isinstance(data, dict | list) else lines_of(str(data))
    return Source(about=_words(about), lines=lines)


def of_words(text: str) -> Source:
    """What was said by us: the instructions, an earlier answer, a colleague's words."""
    return Source(about="", lines=lines_of(text))


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A sentence of an answer, as it stands there, and the sources that say so, if any does."""

    sentence: str
    sources: Sequence[Source]


class Grounds:
    """All that was given to a model in a turn.

    `heard` is what the customer said: it proves nothing, but may be repeated. `names` are those of whoever
    speaks here. `alike` is asked where an answer is in another language than what it was given.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        heard: Sequence[str],
        names: Sequence[str] = (),
        alike: Alike | None = None,
    ) -> None:
        self._sources = sources
        self._heard = wording("\n".join(heard))
        self._named = wording("\n".join(names))
        self._windows = [
            (source, window) for source in sources for window in _windows(source.about, source.lines)
        ]
        self._numbers = re.findall(
            r"\d{4,}", " ".join([*heard, *names])
        )  # a customer's own: of orders, of parcels
        self._alike = alike

    async def standings(self, answer: str) -> Sequence[Standing]:
        """Each sentence of an answer that says something of the company, with what it stands on."""
        return [
            Standing(sentence=each, sources=self._carried(each) or await self._meant(each))
            for each in statements(answer)
        ]

    def _carried(self, sentence: str) -> Sequence[Source]:
        """The sources that say it, as a whole or clause by clause."""
        if sources := self._saying(sentence):
            return sources
        clauses = [clause for clause in _SPLIT.split(sentence) if clause.strip() and not is_talk(clause)]
        if len(clauses) < 2:
            return ()
        found = [self._saying(clause) for clause in clauses]
        return [source for each in found for source in each[:1]] if all(found) else ()

    def _saying(self, sentence: str) -> Sequence[Source]:
        told = wording(sentence)
        chats = not any(map(str.isdigit, told.text)) and all(
            map(talks, told.claims.keys() - self._named.claims.keys())
        )
        if chats or (_YOU_SAID.search(sentence) and self._repeats(told)):
            return [of_words(sentence)]
        fits = [(source, window) for source, window in self._windows if self._fits(window, told)]
        fits = [each for each in fits if not misapplied(told.text, each[0].lines)]
        if not fits:
            return ()
        fits.sort(key=lambda each: (self._missing(each[1], told), len(each[1].lines)))
        if _contradicts(told, fits[0][1].lines):
            return ()
        single = [window.lines[0] for _, window in self._windows if len(window.lines) == 1]
        shared = [len(told.claims.keys() & line.claims.keys()) for line in single]
        most = max(shared)
        if all(
            _contradicts(told, [line]) for line, count in zip(single, shared, strict=True) if count == most
        ):
            return ()
        return [source for source, _ in fits]

    async def _meant(self, sentence: str) -> Sequence[Source]:
        """The source that means what a sentence says, in other words or another language."""
        told = wording(sentence)
        single = [
            (source, window.lines[0])
            for source, window in self._windows
            if len(window.lines) == 1
            and len(window.lines[0].claims) >= _SAYING
            and self._knows(window, told)
            and not misapplied(told.text, source.lines)
        ]
        foreign = [each for each in single if _foreign(told, each[1], each[0])][:_MOST]
        near = sorted(
            (each for each in single if not _foreign(told, each[1], each[0])),
            key=lambda each: -covered(told, each[1]),
        )[:_NEAREST]
        if not foreign and not near:
            return ()
        lines = [*foreign, *near]
        found = await self._alike(sentence, [line.text for _, line in lines]) if self._alike else None
        if found is None:  # then names, numbers and denial are all that can be told
            return [source for source, line in foreign if told.denies == line.denies][:1]
        steps, place = max((steps, place) for place, steps in enumerate(found))
        source, line = lines[place]
        if place >= len(foreign):
            means = steps >= _IN_OTHER_WORDS and not _contradicts(told, [line])
        else:
            means = steps >= _SAME_MEANING
        return [source] if means and says_as_much(told, line) else ()

    def _repeats(self, told: Wording) -> bool:
        """Whether the customer said it all."""
        words = told.claims.keys() - self._heard.claims.keys() - self._named.claims.keys()
        return all(map(talks, words)) and unsupported(told.text, [], [self._heard.text], lone=True) is None

    def _fits(self, window: _Window, told: Wording) -> bool:
        if not all(_exactly(stem, told, window) for stem in _EXACT & told.claims.keys()):
            return False
        return self._missing(window, told) <= _allowed(len(told.claims)) and self._knows(window, told)

    def _missing(self, window: _Window, told: Wording) -> float:
        """How many of a statement's words a window doesn't have; the customer's own count half. Units don't:
        they go with their amounts."""
        return sum(
            _HEARD if stem in self._heard.claims else 1.0
            for stem in told.claims.keys()
            - self._named.claims.keys()
            - (UNITS if told.amounts else frozenset())
            if stem not in window.wording.claims
        )

    def _knows(self, window: _Window, told: Wording) -> bool:
        """Whether the names and numbers of a statement are the window's, or the customer's own."""
        strange = told.names - window.wording.names - self._heard.names - self._named.names
        if not all(name in window.folded for name in strange):
            return False
        agreed = agreeing(told.text, window.plain)
        given = [window.text, *self._numbers, *(agreed or ())]
        return agreed is not None and unsupported(spelled_numbers(told.text), [], given, lone=True) is None


def statements(answer: str) -> Iterator[str]:
    """The sentences of an answer that say something of the company, as they stand in it."""
    for line in answer.splitlines():
        for sentence in _whole(sentences(_ITEM.sub("", line))):
            for part in _LONG.findall(sentence):
                if not is_talk(part):
                    yield part.strip()


def lines_of(text: str) -> tuple[str, ...]:
    """The sentences of a text, headings and the items of lists being some too."""
    return tuple(
        sentence
        for line in _LINE.split(text)
        for sentence in sentences(_ITEM.sub("", line))
        if sentence.strip()
    )


@dataclass(frozen=True, kw_only=True)
class _Window:
    """Neighbouring lines of a source, under what the source is about."""

    plain: str
    text: str  # with its numbers in other ways
    folded: str
    wording: Wording
    lines: Sequence[Wording]


@lru_cache(maxsize=500)
def _windows(about: str, lines: tuple[str, ...]) -> Sequence[_Window]:
    found = []
    for start in range(len(lines)):
        for end in range(start + 1, min(start + _LINES, len(lines)) + 1):
            plain = "\n".join([about, *lines[start:end]])
            text = f"{spelled_numbers(plain)} {hours(plain)}"
            found.append(
                _Window(
                    text=text,
                    plain=plain,
                    folded=text.casefold(),
                    wording=wording(text),
                    lines=[wording(line) for line in lines[start:end]],
                )
            )
    return found


def _foreign(told: Wording, line: Wording, source: Source) -> bool:
    """Whether a source's line is in another language than a statement. Where no word of the statement tells,
    it hardly shares any with the line."""
    language = line.language or guess("\n".join(source.lines))
    if told.language is None:
        return len(told.claims.keys() & line.claims.keys()) * 3 <= len(told.claims) and not told.english
    return told.language != language


def _exactly(stem: str, told: Wording, window: _Window) -> bool:
    """Whether a line says this very thing of most of what a statement says it of."""
    others = told.claims.keys() - {stem}
    return any(
        stem in line.claims and 2 * len(others & line.claims.keys()) >= len(others) for line in window.lines
    )


def _allowed(words: int) -> float:
    """How many words of a statement may be a model's own."""
    return 0.0 if words <= 2 else 0.5 if words <= 5 else 0.15 * words


def _contradicts(told: Wording, lines: Sequence[Wording]) -> bool:
    """Whether lines deny what a statement says of the same things, or the other way round."""
    given: dict[str, frozenset[bool]] = {}
    for line in lines:
        for stem, how in line.claims.items():
            given[stem] = given.get(stem, frozenset()) | how
    denied = {stem for stem, how in given.items() if how == {True}}
    if told.denies and denied & told.claims.keys():  # both deny, if not by the same words
        return False
    return any(not given[stem] & how for stem, how in told.claims.items() if stem in given)


def _whole(found: Sequence[str]) -> Iterator[str]:
    """Sentences with the marks of their sources, and not cut at the day of a date: "am 1. Dezember"."""
    held = ""
    for sentence in found:
        marks = _MARKS.match(sentence) if held else None
        said = sentence
        if marks:
            held = f"{held} {marks.group().strip()}"
            said = sentence[marks.end() :]
        if held and said and not _DAY.search(held):
            yield held
            held = ""
        held = f"{held} {said}".strip()
    if held:
        yield held


def _told(data: JsonValue, name: str) -> Iterator[str]:
    """A result's values with their names as lines, those of one object together."""
    if isinstance(data, Mapping):
        plain = [
            f"{'not ' if value is False else ''}{_words(field)}{_value(value)}"
            for field, value in data.items()
            if value is not None and not _holds_more(value)
        ]
        yield f"{name}: {', '.join(plain)}"
        for field, value in data.items():
            if _holds_more(value):
                yield from _told(value, _words(field))
    elif isinstance(data, list):
        for each in data:
            yield from _told(each, name)
    else:
        yield f"{name} {data}"


def _holds_more(value: JsonValue) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(each, dict | list) for each in value)
    )


def _value(value: JsonValue) -> str:
    if isinstance(value, bool):
        return ""
    return f" {' '.join(map(str, value))}" if isinstance(value, list) else f" {value}"


def _words(name: str) -> str:
    """The words of a name like `change_address` or `openNow`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).replace("_", " ")
