"""What a customer asks, taken apart: what it leans on, and the several questions one message may hold."""

from __future__ import annotations

import re
from collections.abc import Sequence

from knowledge import words
from knowledge.chunk import sentences

_ASKING = (
    "how|what|where|when|why|which|who|whose|can|could|do|does|did|is|are|was|were|will|would|should|may|must|"
    "have|has|am"
)
_AND_ASKS = re.compile(
    rf"[,;]?\s+(?:and|also|or|but)\s+(?:also\s+|then\s+)?(?=(?:{_ASKING})\b)", re.IGNORECASE
)
_ASKS = re.compile(rf"(?:{_ASKING})\b", re.IGNORECASE)
_BACKWARD = (
    "it its that this these those they them their there he she him her his one ones same such else then too "
    "also instead either"
)
_POINTS_BACK = frozenset(_BACKWARD.split())
_GOES_ON = re.compile(r"(?:and|but|or|so|also|ok|okay|then|what about|how about|what if)\b", re.IGNORECASE)
_OWN_NUMBER = re.compile(r"\d{5,}")
_MOST_PARTS = 4
_REMEMBERED = 2  # what was said before that: another matter
_REMEMBERED_WORDS = 16


def parts(question: str) -> list[str]:
    """The several questions of one message; empty when it asks only one.

    "Where is my parcel, and can I return it?" asks two. What a customer tells around them is no part.
    """
    found = []
    for sentence in sentences(question):
        *clauses, last = [clause.strip(" ,;") for clause in _AND_ASKS.split(sentence)]
        found += [clause for clause in clauses if _ASKS.match(clause)]
        if last.endswith(("?", "？", "؟")) or _ASKS.match(last):
            found.append(last)
    told = [part for part in found if len(content(part)) >= 2]
    return told[:_MOST_PARTS] if len(told) >= 2 else []


def content(text: str) -> list[str]:
    """The stems of a text's words that are not mere grammar, each once, in order.

    A customer's own numbers (an order's, a parcel's) say nothing about the matter and stand on no page.
    """
    said = (word for word in words.split(text) if word not in words.STOP_WORDS)
    return list(dict.fromkeys(words.stem(word) for word in said if not _OWN_NUMBER.fullmatch(word)))


def leaning(question: str) -> float:
    """How much the question leans on what was said before: 0 not at all, 0.3 perhaps, 0.8 surely.

    Told by pronouns that point back, by an opening that goes on ("and …", "what about …") and by how
    little it says by itself. A new topic after a long conversation must not be dragged back to the old one,
    and a mere "hmm" or "that is wrong" asks nothing again.
    """
    told = question.strip()
    own = len(content(told))
    goes_on = bool(_GOES_ON.match(told))
    asks = bool(_ASKS.match(told))
    if own <= 1 and not (asks or told.endswith(("?", "？", "؟"))):
        return 0.0
    whole = asks and own >= 2
    points_back = bool(_POINTS_BACK & set(words.split(told)))
    signs = points_back + 2 * goes_on + (own <= 4) + (own <= 2 and not whole)
    return (0.0, 0.3, 0.8)[min(signs, 2)]


def points_back(question: str) -> bool:
    """Whether it says itself that it goes on with what was said: "and …", "what about …", "that one"."""
    told = question.strip()
    return _GOES_ON.match(told) is not None or not _POINTS_BACK.isdisjoint(words.split(told))


def remembered(history: Sequence[str]) -> list[str]:
    """The last things said, each cut to its beginning."""
    return [" ".join(said.split()[:_REMEMBERED_WORDS]) for said in history[-_REMEMBERED:]]
