"""Ranking: words and meaning of a question against every chunk, and how sure one may be of the best.

Figures and the reasons behind the numbers: docs/decisions/0002-lookup.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from knowledge.embed import Scale, Vectors

Scores = NDArray[np.float64]

FIELD_WEIGHTS = (4.0, 3.0, 1.0)  # title and file name, headings, body: as BM25 counts a word found there
CANDIDATES = 200
_SATURATION = 2.2  # k1 + 1 of FTS5's BM25: what one stem can add at most, times its rarity
_PLACE = 0.3  # share of the vectors of heading path and page in a chunk's meaning, beside its text's
_PAGE = 0.3
_EVEN_SHARE = 0.25  # until a chunk has its vector, words alone must answer for it; right 3 times of 4 then
_SHARE_STEP = 0.05
_BY_SIZE = 2.5  # these three: a logistic model over two help centres, each tested on the other
_BY_OWN_WORDS = 6.2
_FEW_STEMS = 8
_OTHER_LANGUAGE = 0.7  # what a question's meaning loses when it is asked in another language than the pages'
_KNOWN = 0.2  # below this share of known words it is
_WORDS = 3.0  # a chunk holding all of a question's words weighs as much as one 3 deviations closer in meaning


class Meaning:
    """The vectors of all embedded chunks as one matrix; a chunk without a vector has no meaning yet."""

    def __init__(
        self, layout: Sequence[tuple[int, int, bytes, bytes, bytes]], known: Mapping[bytes, bytes]
    ) -> None:
        vectors = {digest: np.frombuffer(raw, np.float16).astype(np.float32) for digest, raw in known.items()}
        self.rows = np.array(
            [i for i, (_, _, *three) in enumerate(layout) if all(d in vectors for d in three)], np.int64
        )
        weight = 1 + _PLACE + _PAGE
        self._matrix: Vectors = np.array(
            [
                (vectors[body] + _PLACE * vectors[place] + _PAGE * vectors[page]) / weight
                for _, _, body, place, page in (layout[i] for i in self.rows)
            ],
            np.float32,
        )

    def __len__(self) -> int:
        return len(self.rows)

    def cosines(self, question: Vectors) -> Scores:
        found: Scores = (self._matrix @ question).astype(np.float64)
        return found


def rarity(holding: int, chunks: int) -> float:
    """A stem's inverse document frequency as FTS5 counts it, never negative."""
    return max(1e-6, math.log((chunks - holding + 0.5) / (holding + 0.5)))


def rarities(holding: Mapping[str, int], chunks: int) -> dict[str, float]:
    """How telling each stem is that any chunk holds."""
    return {stem: rarity(count, chunks) for stem, count in holding.items()}


def word_share(
    found: Sequence[tuple[int, float]],
    place: Mapping[int, int],
    stems: Sequence[str],
    holding: Mapping[str, int],
    chunks: int,
) -> Scores:
    """Each chunk's BM25 as a share of what a chunk full of the question's words would have.

    A word that no chunk holds counts as the rarest: a question in another language, or about something
    else, gets low shares everywhere instead of loud accidental matches.
    """
    shares = np.zeros(chunks)
    most = sum(rarity(holding.get(stem, 0), chunks) for stem in stems) * _SATURATION
    if most > 0:
        for chunk, score in found:
            shares[place[chunk]] = min(1.0, score / most)
    return shares


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Every chunk against one question: its rank value, its cosine, its share of the words."""

    values: Scores
    cosines: Scores
    shares: Scores
    embedded: NDArray[np.bool_]


def judge(meaning: Meaning, question: Vectors | None, shares: Scores) -> Judged:
    """Deviations above the corpus in meaning, plus the share of the words.

    A chunk whose vector is still being made is judged by its words alone, counted double.
    """
    chunks = len(shares)
    embedded = np.zeros(chunks, np.bool_)
    cosines = np.zeros(chunks)
    values = 2 * _WORDS * shares
    if question is not None and len(meaning):
        near = meaning.cosines(question)
        embedded[meaning.rows] = True
        cosines[meaning.rows] = near
        values[meaning.rows] = _WORDS * shares[meaning.rows] + (near - near.mean()) / (near.std() + 1e-9)
    return Judged(values=values, cosines=cosines, shares=shares, embedded=embedded)


def known(stems: Sequence[str], holding: Mapping[str, int], chunks: int) -> float:
    """The share of a question's words that any chunk holds, weighed by how rare they are."""
    weights = {stem: rarity(holding.get(stem, 0), chunks) for stem in stems}
    whole = sum(weights.values())
    return sum(weight for stem, weight in weights.items() if holding.get(stem)) / whole if whole else 0.0


def confidence(judged: Judged, chunk: int, stems: int, scale: Scale, *, known: float) -> float:
    """From 0 to 1, even at 0.5: how likely the chunk answers a question of so many stems.

    A question of few words comes less near to anything, so its cosine must count for more; and the
    fewer they are, the more it matters that the chunk holds them. So does one that is asked in another
    language, of which next to no word is `known`.
    """
    if judged.embedded[chunk]:
        size = math.log1p(stems)
        own = judged.shares[chunk] * max(0.0, math.log1p(_FEW_STEMS) - size)
        near = (judged.cosines[chunk] - scale.even) / scale.step
        logit = near + _BY_SIZE * size + _BY_OWN_WORDS * own + _OTHER_LANGUAGE * (known < _KNOWN)
    else:
        logit = (judged.shares[chunk] - _EVEN_SHARE) / _SHARE_STEP
    return 1 / (1 + math.exp(-logit))
