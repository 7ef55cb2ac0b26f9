"""Questions that knowledge could not ground, those that ask the same together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bot.store.records import Gap
from knowledge.base import LookupFailed
from knowledge.local import LocalIndex

_NEAR = 2.0  # steps of the embedder's scale below its even chance: questions are nearer each other than pages


@dataclass(frozen=True, kw_only=True)
class GapGroup:
    """Questions that ask the same, the newest first; `answer` is what a person wrote to one of them."""

    gaps: Sequence[Gap]

    @property
    def question(self) -> str:
        """The shortest of them says it best."""
        return min((gap.question for gap in self.gaps), key=len)

    @property
    def answer(self) -> str:
        return next((gap.answer for gap in self.gaps if gap.answer), "")


async def grouped(gaps: Sequence[Gap], index: LocalIndex) -> Sequence[GapGroup]:
    """The gaps in groups, the largest first; each by itself where meanings can't be told."""
    if not gaps:
        return []
    try:
        vectors = await index.vectors([gap.question for gap in gaps])
        scale = (await asyncio.to_thread(index.embedder)).scale
    except LookupFailed:
        return [GapGroup(gaps=[gap]) for gap in gaps]
    groups: list[list[int]] = []
    for number in range(len(gaps)):
        for group in groups:
            if float(np.dot(vectors[group[0]], vectors[number])) >= scale.even - _NEAR * scale.step:
                group.append(number)
                break
        else:
            groups.append([number])
    groups.sort(key=lambda group: -len(group))
    return [GapGroup(gaps=[gaps[number] for number in group]) for group in groups]
