"""The sentence or two of a passage that answer a question best: word for word, and as one reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from knowledge import words
from knowledge.chunk import sentences

LONGEST = 320  # characters: what one takes in at a glance
_SENTENCES = 3
_COST = 0.12  # of all a question's words: what another sentence must add to be worth reading

_RULE = re.compile(r"[\s|:-]+")  # the line under a table's head
_ITEM = re.compile(r"\s*(?:[-*•+]|\d{1,2}[.)])\s+")
_MARKS = (  # of Markdown, and what is left of each
    (re.compile(r"^#{1,6}\s+"), ""),
    (re.compile(r"!\[[^\[\]]*\]\([^()]*\)"), ""),
    (re.compile(r"\[([^\[\]]+)\]\([^()]*\)"), r"\1"),
    (re.compile(r"(\*\*|__|`)(?=\S)(.+?)(?<=\S)\1"), r"\2"),
    (re.compile(r"(?<!\w)([*_])(?=\S)([^*_]+)(?<=\S)\1(?!\w)"), r"\2"),
    (re.compile(r"\\([!-/:-@\[-`{-~])"), r"\1"),
)


def best(text: str, rarities: Mapping[str, float]) -> str:
    """One to three neighbouring sentences of `text` that hold most of the question's stems, rare ones first.

    Without any of them (a question in another language), the passage's beginning.
    """
    read = _read(text)
    if not read:
        return ""
    spans = [span for span, _ in read]
    held = [stems & rarities.keys() for _, stems in read]
    whole = sum(rarities.values()) or 1.0
    found, most = _within(spans, 0, _SENTENCES), 0.0
    for first in range(len(spans)):
        covered: frozenset[str] = frozenset()
        for last in range(first, min(first + _SENTENCES, len(spans))):
            if last > first and spans[last][1] - spans[first][0] > LONGEST:
                break
            covered |= held[last]
            worth = sum(rarities[stem] for stem in covered) / whole - _COST * (last - first)
            if worth > most:
                found, most = (spans[first][0], spans[last][1]), worth
    return text[found[0] : found[1]]


def readable(quote: str, text: str) -> str:
    """A quote of `text` without Markdown's marks, for whoever is shown words alone.

    A table's row says what its cells are. A head by itself stands for the rows below it, and a colon at the
    end for the list or the table it announces; both no further than one takes in at a glance.
    """
    start = text.find(quote)
    if start < 0:
        return _unmarked(quote)
    end, at = start + len(quote), 0
    told: list[str] = []
    head: list[str] | None = None
    going_on = False
    for line in text.split("\n"):
        begin, at = at, at + len(line) + 1
        if not line.strip():
            continue
        inside = begin < end and start < begin + len(line)
        if line.lstrip().startswith("|"):
            if head is None or _RULE.fullmatch(line):
                head = head or _cells(line)
                going_on = going_on or inside
                continue
            piece = _row(head, _cells(line)) if inside or going_on else ""
            going_on = going_on and not inside
        else:
            head = None
            piece = line[max(start - begin, 0) : end - begin] if inside else line if going_on else ""
            if going_on and not inside and not _ITEM.match(line):
                break
            going_on = piece.rstrip().endswith(":") or (going_on and not inside)
        if told and not inside and sum(map(len, told)) + len(piece) > LONGEST:
            break
        if piece.strip():
            told.append(_unmarked(piece.strip()))
    return "\n".join(told)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _row(head: Sequence[str], cells: Sequence[str]) -> str:
    """A table's row: "Country: France · Fee: EUR 8.90"."""
    named = [f"{name}: {cell}" if name else cell for name, cell in zip(head, cells, strict=False) if cell]
    return " · ".join(named)


def _unmarked(text: str) -> str:
    for mark, left in _MARKS:
        text = mark.sub(left, text)
    return text


@lru_cache(maxsize=4096)  # the same few chunks answer most questions
def _read(text: str) -> tuple[tuple[tuple[int, int], frozenset[str]], ...]:
    """Where each sentence begins and ends, and the stems it holds."""
    return tuple(((start, end), frozenset(words.stems(text[start:end]))) for start, end in _spans(text))


def _spans(text: str) -> list[tuple[int, int]]:
    """Where each sentence begins and ends."""
    spans: list[tuple[int, int]] = []
    at = 0
    for line in text.split("\n"):
        for sentence in sentences(line):
            start = text.index(sentence, at)
            at = start + len(sentence)
            spans.append((start, at))
    return spans


def _within(spans: list[tuple[int, int]], first: int, most: int) -> tuple[int, int]:
    """As many sentences from `first` on, at most `most`, as one takes in at a glance; one at least."""
    start, end = spans[first]
    for _, later in spans[first + 1 : first + most]:
        if later - start > LONGEST:
            break
        end = later
    return start, end
