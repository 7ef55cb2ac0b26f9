"""The numbers of an answer against those that were given, and what words carry its subject."""

from __future__ import annotations

import re
from collections.abc import Sequence

from knowledge import words
from knowledge.base import Passage

_NUMBER = re.compile(r"\d+(?:[.,'’\u00a0\u202f ]\d{3}(?!\d))*(?:[.,]\d+)?")
_COUNTS = re.compile(r"(?<=[$€£¥])\s?\d|\d\s?[%€£]|\d\D?\d")  # more than a lone digit
_NOT_CLAIMS = re.compile(r"\[\d+\]|^[ \t]{0,20}\d{1,2}[.)]\s|https?://\S+|`[^`]*`", re.MULTILINE)


def unsupported(
    answer: str, passages: Sequence[Passage], said: Sequence[str], *, lone: bool = False
) -> str | None:
    """A number the answer names that nobody gave: the surest sign of an invention. None when there is none.

    Prices, terms and telephone numbers are what a wrong answer costs most with; "1,000", "1.000" and
    "1 000" are the same number, and the numbers of a list are none. Lone digits count only if `lone` says so.
    """
    given: set[str] = set()
    for text in [*said, *(f"{each.title} {each.text}" for each in passages)]:
        for number in _NUMBER.findall(text):
            given |= _readings(number)
            given |= {reading for part in number.split(" ") for reading in _readings(part)}
    claims = _NOT_CLAIMS.sub(" ", answer)
    for found in _NUMBER.finditer(claims):
        neighbours = claims[max(0, found.start() - 1) : found.start()] + claims[found.end() : found.end() + 1]
        if re.search(r"[\w#]", neighbours):
            continue  # part of a name, like v44 or #55
        around = claims[max(0, found.start() - 2) : found.end() + 2]
        if (lone or _COUNTS.search(around)) and not _readings(found.group()) & given:
            return found.group()
    return None


def _readings(number: str) -> set[str]:
    """What a number may mean, whichever way its country writes it: "1.000" is a thousand or one."""
    whole = re.sub(r"\D", "", number)
    readings = {whole.lstrip("0") or "0"} if re.fullmatch(r"\d+(?:\D\d{3})*", number) else set()
    before, mark, after = re.sub(r"['’\u00a0\u202f ]", "", number).replace(",", ".").rpartition(".")
    if mark:
        whole = before.replace(".", "").lstrip("0") or "0"
        readings.add(f"{whole}.{after}".rstrip("0").rstrip("."))
    return readings


def content(text: str) -> set[str]:
    """The words that carry a text's subject, by their stems."""
    return {words.stem(word) for word in words.split(text) if word not in words.STOP_WORDS}
