"""Looking things up, come what may: primary, then the last good snapshot, then an honest "down"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from knowledge.base import KnowledgeSource, LookupFailed, Passage

CONFIDENT = 0.5  # where answering and not answering are equally likely


@dataclass(frozen=True, kw_only=True)
class Found:
    """Passages that may answer, best first. `degraded`: they come from the snapshot."""

    passages: tuple[Passage, ...]
    degraded: bool = False


@dataclass(frozen=True, kw_only=True)
class NoMatch:
    """The knowledge was asked and holds no answer. `nearest` is what came closest."""

    nearest: tuple[Passage, ...] = ()
    degraded: bool = False


@dataclass(frozen=True, kw_only=True)
class Down:
    """Nothing could be asked; this says nothing about whether an answer exists."""

    reason: str


class Lookup:
    """Asks the primary source and, when that is down, the snapshot."""

    def __init__(self, primary: KnowledgeSource, snapshot: KnowledgeSource | None = None) -> None:
        self._primary = primary
        self._snapshot = snapshot

    async def find(
        self, question: str, *, limit: int = 6, history: Sequence[str] = ()
    ) -> Found | NoMatch | Down:
        """Passages for the question, or that none answers it, or that nothing could be asked."""
        try:
            return _judged(await _ask(self._primary, question, limit, history), degraded=False)
        except LookupFailed as failure:
            reason = str(failure)
        if self._snapshot is not None:
            try:
                return _judged(await _ask(self._snapshot, question, limit, history), degraded=True)
            except LookupFailed as failure:
                reason = f"{reason}; the snapshot: {failure}"
        return Down(reason=reason)


async def _ask(
    source: KnowledgeSource, question: str, limit: int, history: Sequence[str]
) -> Sequence[Passage]:
    try:
        return await source.search(question, limit=limit, history=history)
    except (OSError, ValueError, LookupError, RuntimeError) as error:
        raise LookupFailed(str(error) or type(error).__name__) from error


def _judged(passages: Sequence[Passage], *, degraded: bool) -> Found | NoMatch:
    if any(passage.score >= CONFIDENT for passage in passages):
        return Found(passages=tuple(passages), degraded=degraded)
    return NoMatch(nearest=tuple(passages), degraded=degraded)
