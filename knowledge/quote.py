"""The sentence or two of a passage that answer a question best, word for word."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from knowledge import words
from knowledge.chunk import sentences

LONGEST = 320  # characters: what one takes in at a glance
_SENTENCES = 3
_COST = 0.12  # of all a question's words: what another sentence must add to be worth reading


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
