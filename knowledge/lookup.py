"""Looking things up, come what may: primary, last good snapshot, what was found before, honest "down"."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from knowledge.base import KnowledgeSource, LookupFailed, Passage, within
from knowledge.remembered import Remembered

CONFIDENT = 0.5  # where answering and not answering are equally likely

Rung = Literal["primary", "snapshot", "cached answers"]


@dataclass(frozen=True, kw_only=True)
class Found:
    """Passages that may answer, best first, and which rung of the ladder they come from."""

    passages: tuple[Passage, ...]
    rung: Rung = "primary"


@dataclass(frozen=True, kw_only=True)
class NoMatch:
    """The knowledge was asked and holds no answer. `nearest` is what came closest."""

    nearest: tuple[Passage, ...] = ()
    rung: Rung = "primary"


@dataclass(frozen=True, kw_only=True)
class Down:
    """Nothing could be asked; this says nothing about whether an answer exists."""

    reason: str


class Lookup:
    """Asks the primary source; when that is down, the snapshot; when both are, what the primary found for the
    same question before. With a `scope`, within that alone."""

    def __init__(
        self,
        primary: KnowledgeSource,
        snapshot: KnowledgeSource | None = None,
        remembered: Remembered | None = None,
        *,
        scope: Sequence[str] = (),
    ) -> None:
        self._primary = primary
        self._snapshot = snapshot
        self._remembered = remembered
        self._scope = scope

    def within(self, scope: Sequence[str]) -> Lookup:
        """The same, that finds nothing but what is in the scope (see `knowledge.base.within`)."""
        return Lookup(self._primary, self._snapshot, self._remembered, scope=scope)

    async def find(
        self, question: str, *, limit: int = 6, history: Sequence[str] = ()
    ) -> Found | NoMatch | Down:
        """Passages for the question, or that none answers it, or that nothing could be asked."""
        asked_at = time.time()
        try:
            found = _judged(await self._ask(self._primary, question, limit, history), "primary")
        except LookupFailed as failure:
            reason = str(failure)
        else:
            if self._remembered is not None and isinstance(found, Found):
                self._remembered.keep(question, history, found.passages, asked_at=asked_at, scope=self._scope)
            return found
        if self._snapshot is not None:
            try:
                return _judged(await self._ask(self._snapshot, question, limit, history), "snapshot")
            except LookupFailed as failure:
                reason = f"{reason}; the snapshot: {failure}"
        if self._remembered is not None:
            kept = await self._remembered.recall(question, history, scope=self._scope)
            passages = [each for each in kept if within(self._scope, each.document, each.url)]
            if passages:
                return Found(passages=tuple(passages[:limit]), rung="cached answers")
        return Down(reason=reason)

    async def _ask(
        self, source: KnowledgeSource, question: str, limit: int, history: Sequence[str]
    ) -> Sequence[Passage]:
        """What a source finds; whatever else comes of asking it is that it is down."""
        try:
            found = await source.search(question, limit=limit, history=history, scope=self._scope)
            strangers = [each for each in found if not isinstance(each, Passage)]
        except (OSError, ValueError, TypeError, LookupError, AttributeError, RuntimeError) as error:
            raise LookupFailed(str(error) or type(error).__name__) from error
        if strangers:
            raise LookupFailed(f"it found what is no passage: {strangers[0]!r:.80}")
        return found


def _judged(passages: Sequence[Passage], rung: Rung) -> Found | NoMatch:
    if any(passage.score >= CONFIDENT for passage in passages):
        return Found(passages=tuple(passages), rung=rung)
    return NoMatch(nearest=tuple(passages), rung=rung)
