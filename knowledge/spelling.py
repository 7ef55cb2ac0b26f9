"""Mends words that a customer mistyped, by the words the help centre itself uses."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

from knowledge import words

_LETTERS = re.compile(r"[^\W\d_]+")
_SHORTEST = 4  # shorter words have too many neighbours
_LARGEST = 30_000  # words kept; of a larger help centre, the most frequent


class Spelling:
    """The words of some texts, found again when one letter is missing, added, wrong or swapped."""

    def __init__(self, texts: Iterable[str]) -> None:
        counts = Counter(word for text in texts for word in words.split(text) if word.isalpha())
        self._counts = dict(counts.most_common(_LARGEST))
        # Two words one slip apart share a form with one letter left out (or are that form).
        self._near: dict[str, list[str]] = defaultdict(list)
        for word in self._counts:
            if len(word) >= _SHORTEST:
                for form in _forms(word):
                    self._near[form].append(word)

    def mend(self, text: str, known: Callable[[str], bool]) -> str:
        """The text with mistyped words put right; words here, or `known` elsewhere, stay as they are."""

        def right(found: re.Match[str]) -> str:
            word = words.fold(found[0])
            if len(word) < _SHORTEST or word in self._counts or known(found[0]):
                return found[0]
            near = {
                other
                for form in _forms(word)
                for other in self._near.get(form, ())
                if other[0] == word[0] and _one_slip(word, other)
            }
            return max(near, key=lambda other: (self._counts[other], other)) if near else found[0]

        return _LETTERS.sub(right, text)


def _forms(word: str) -> set[str]:
    return {word, *(word[:i] + word[i + 1 :] for i in range(len(word)))}


def _one_slip(one: str, other: str) -> bool:
    """Whether one letter left out, added, wrong, or two neighbours swapped make one of the other."""
    short, long = sorted((one, other), key=len)
    start = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if len(short) < len(long):
        return short[start:] == long[start + 1 :]
    swapped = (
        short[start : start + 2] == long[start : start + 2][::-1] and short[start + 2 :] == long[start + 2 :]
    )
    return swapped or short[start + 1 :] == long[start + 1 :]
