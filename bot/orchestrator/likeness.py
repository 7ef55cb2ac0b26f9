"""Which of several groups of examples a text is most like, by meaning and by words.

By meaning: the cosine with the group's centre, a fifth of that with its nearest example, and the cosine with
the centre once more in a space where what differs within groups counts for less. By words: the cosine with
the centre, of stems, pairs of them and parts of words, weighed by how rare they are. All are counted in steps
(an embedder's `scale.step`, `_STEP` of words) and added. A group's name is one more example of it.

Where a text is like none of the groups is told by the examples themselves: each is held against the others as
if it were new, and all but the strangest of them must be recognised. Few examples tell little, so the line is
drawn between theirs and the usual one. Figures: docs/decisions/0014-routing.md.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from knowledge import words
from knowledge.embed import Scale

Numbers = NDArray[np.float32]

_STEP = 0.15  # of the words' cosine
_NEAREST = 0.2  # of closeness by meaning; the rest is the centre's
_KERNEL = 15.0  # steps of the cosine in the space where groups are narrow
_STRANGE = 0.01  # of the examples: by meaning and words they would not be recognised themselves
_STRANGE_WORDS = 0.05  # by words alone
_MANY = 300  # examples that tell enough by themselves
_USUAL = 10  # examples that the usual line counts for
_USUAL_WORDS = 1.2  # steps
_USUAL_BOTH = -2.0  # steps from where a passage is as likely to answer a question as not
_RANKED = 4  # groups that a guess names
_LONGEST = 1_000  # characters whose words are looked at


@dataclass(frozen=True, kw_only=True)
class Guess:
    """The groups that a text is most like, the nearest first, each with how many steps it stands above the
    line to being like none of them, or below it when negative."""

    ranked: Sequence[tuple[str, float]]
    by_meaning: bool

    @property
    def name(self) -> str:
        return self.ranked[0][0]

    @property
    def above(self) -> float:
        return self.ranked[0][1]

    @property
    def margin(self) -> float:
        """Steps between the nearest and the next; endless when there is no other."""
        return self.above - self.ranked[1][1] if len(self.ranked) > 1 else math.inf


class Likeness:
    """Knows groups of examples, at least one each, by name; by words alone until `learn` was called."""

    def __init__(self, groups: Mapping[str, Sequence[str]]) -> None:
        self.names = list(groups)
        self.examples = [example for name, own in groups.items() for example in (_said(name), *own)]
        self._groups = _Groups([1 + len(own) for own in groups.values()])
        self._words = _Words(self.examples, self._groups)
        self._line = self._groups.line(self._words.unseen, _STRANGE_WORDS, _USUAL_WORDS)
        self._meaning: tuple[_Meaning, float] | None = None

    @property
    def by_meaning(self) -> bool:
        return self._meaning is not None

    def learn(self, vectors: Numbers, scale: Scale) -> None:
        """From now on by meaning too: `vectors` has a row of length 1 for each of the `examples`."""
        meaning = _Meaning(vectors, self._groups, scale.step)
        usual = scale.even / scale.step + _USUAL_BOTH
        line = self._groups.line(meaning.unseen + self._words.unseen, _STRANGE, usual)
        self._meaning = meaning, line

    def guess(self, text: str, vector: Numbers | None = None) -> Guess:
        """`vector` is the text's, by the embedder that made those to learn from."""
        values, line = self._words.closeness(text), self._line
        by_meaning = self._meaning is not None and vector is not None
        if self._meaning is not None and vector is not None:
            meaning, line = self._meaning
            values = values + meaning.closeness(vector)
        nearest = np.argsort(-values, kind="stable")[:_RANKED]
        ranked = [(self.names[i], float(values[i] - line)) for i in nearest]
        return Guess(ranked=ranked, by_meaning=by_meaning)


class _Groups:
    """Which example belongs to which group, and what that says of examples held against the others.

    A group's first is its name.
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        self.count = len(sizes)
        self.of = np.repeat(np.arange(self.count), sizes)
        self.starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.intp)
        telling = np.repeat(np.array(sizes) > 2, sizes)
        telling[self.starts] = False
        self._telling = telling
        self.tell_much = int(telling.sum()) >= _MANY

    def without_itself(self, closeness: Numbers, lengths: Numbers) -> Numbers:
        """Cosines of examples with the groups' centres, each example left out of its own group's.

        `closeness` is with the centres as they are, `lengths` are those of the sums they were made from.
        """
        found = closeness.copy()
        rows = np.arange(len(self.of))
        of_own = lengths[self.of]
        along = closeness[rows, self.of] * of_own  # with its own group's sum
        rest = np.sqrt(np.maximum(of_own**2 - 2 * along + 1, 1e-12))
        found[rows, self.of] = (along - 1) / rest
        return found

    def line(self, unseen: Numbers, strange: float, usual: float) -> float:
        """What all but the strangest share of the examples reach when held against the others; nearer to the
        `usual` one the fewer they are."""
        told = unseen.max(axis=1)[self._telling]
        if self.tell_much:
            return float(np.quantile(told, strange))
        own = float(np.quantile(told, strange)) * len(told) if len(told) else 0.0
        return (own + usual * _USUAL) / (len(told) + _USUAL)


class _Meaning:
    """Closeness by meaning, in steps."""

    def __init__(self, vectors: Numbers, groups: _Groups, step: float) -> None:
        self._vectors = vectors
        self._starts = groups.starts
        self._step = step
        self._centres, lengths = _centres(vectors, groups)
        alike = vectors @ vectors.T
        np.fill_diagonal(alike, -1.0)
        nearest = np.maximum.reduceat(alike, groups.starts, axis=1)
        self.unseen = self._mixed(groups.without_itself(vectors @ self._centres.T, lengths), nearest)
        self._narrowed: tuple[Numbers, Numbers, Numbers] | None = None
        if groups.tell_much:
            middle = vectors.mean(axis=0, dtype=np.float32)
            narrowing = _narrowing(vectors, groups)
            narrow = _unit((vectors - middle) @ narrowing)
            centres, lengths = _centres(narrow, groups)
            self.unseen += _KERNEL * groups.without_itself(narrow @ centres.T, lengths)
            self._narrowed = middle, narrowing, centres

    def closeness(self, vector: Numbers) -> Numbers:
        nearest = np.maximum.reduceat(self._vectors @ vector, self._starts)
        found = self._mixed(self._centres @ vector, nearest)
        if self._narrowed is not None:
            middle, narrowing, centres = self._narrowed
            found += _KERNEL * (centres @ _unit(np.asarray((vector - middle) @ narrowing, np.float32)))
        return found

    def _mixed(self, centres: Numbers, nearest: Numbers) -> Numbers:
        return np.asarray(((1 - _NEAREST) * centres + _NEAREST * nearest) / self._step, np.float32)


def _centres(vectors: Numbers, groups: _Groups) -> tuple[Numbers, Numbers]:
    """The groups' centres, of length 1, and how long the sums are that they were made from."""
    sums: Numbers = np.add.reduceat(vectors, groups.starts, axis=0)
    lengths = np.linalg.norm(sums, axis=1)
    return sums / np.maximum(lengths, 1e-9)[:, None], lengths


def _narrowing(vectors: Numbers, groups: _Groups) -> Numbers:
    """Into a space where groups are as wide in every direction: half of what they are wide in, for few
    examples tell that badly."""
    sums: Numbers = np.add.reduceat(vectors, groups.starts, axis=0)
    means = sums / np.bincount(groups.of).astype(np.float32)[:, None]
    rest: Numbers = vectors - means[groups.of]
    spread = rest.T @ rest / len(vectors)
    widths, directions = np.linalg.eigh((spread + np.eye(len(spread)) * np.trace(spread) / len(spread)) / 2)
    narrowing: Numbers = (directions / np.sqrt(widths)).astype(np.float32)
    return narrowing


def _unit(rows: Numbers) -> Numbers:
    found: Numbers = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9)
    return found


class _Words:
    """Closeness by words, in steps."""

    def __init__(self, examples: Sequence[str], groups: _Groups) -> None:
        counted = [_features(example) for example in examples]
        among = Counter(feature for features in counted for feature in features)
        self._place = {feature: i for i, feature in enumerate(among)}
        self._rarity = {feature: math.log(1 + len(examples) / n) for feature, n in among.items()}
        self._unknown = math.log(1 + len(examples))
        weighed = [self._weighed(features) for features in counted]
        self._centres = np.zeros((len(among), groups.count), np.float32)
        for group, (places, weights) in zip(groups.of, weighed, strict=True):
            self._centres[places, group] += weights
        lengths = np.linalg.norm(self._centres, axis=0)
        self._centres /= np.maximum(lengths, 1e-9)
        closeness = np.stack([weights @ self._centres[places] for places, weights in weighed])
        self.unseen = groups.without_itself(closeness, lengths) / _STEP

    def closeness(self, text: str) -> Numbers:
        places, weights = self._weighed(_features(text))
        found: Numbers = weights @ self._centres[places] / _STEP
        return found

    def _weighed(self, features: Counter[str]) -> tuple[NDArray[np.intp], Numbers]:
        """The places of a text's known features and their weights; the whole text has the length 1."""
        weights = {
            feature: (1 + math.log(n)) * self._rarity.get(feature, self._unknown)
            for feature, n in features.items()
        }
        length = math.sqrt(sum(weight**2 for weight in weights.values())) or 1.0
        known = [feature for feature in weights if feature in self._place]
        places = np.array([self._place[feature] for feature in known], np.intp)
        return places, np.array([weights[feature] / length for feature in known], np.float32)


def _said(name: str) -> str:
    return name.replace("_", " ").replace("-", " ")


def _features(text: str) -> Counter[str]:
    """What a text's words are made of: stems, pairs of neighbours, and parts of three and four letters."""
    text = text[:_LONGEST]
    stems = words.stems(text)
    found = Counter([*stems, *(f"{one} {other}" for one, other in pairwise(stems))])
    for word in words.split(text):
        framed = f"<{word}>"
        for size in (3, 4):
            found.update(f"#{framed[i : i + size]}" for i in range(len(framed) - size + 1))
    return found
