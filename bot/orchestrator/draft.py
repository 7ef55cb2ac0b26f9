"""What a turn works on, and its answer while it is being said."""

from __future__ import annotations

from dataclasses import dataclass

from bot.orchestrator.agent import Agent, Speech, Turn
from bot.orchestrator.language import Language
from bot.trace import Trace


class Draft:
    """Says the pieces of one turn's answer, having asked for the word once, before the first."""

    def __init__(self, speech: Speech) -> None:
        self._speech = speech
        self._begun = False
        self._pieces: list[str] = []

    @property
    def text(self) -> str:
        """What was said and not taken back."""
        return "".join(self._pieces)

    async def say(self, piece: str) -> None:
        """Raises Overtaken or LeaseLost instead of beginning to speak out of turn."""
        if not piece:
            return
        if not self._begun:
            await self._speech.begin()
            self._begun = True
        self._pieces.append(piece)
        await self._speech.say(piece)

    async def restart(self) -> None:
        """Take everything back; nothing when nothing was said."""
        if self._pieces:
            self._pieces.clear()
            await self._speech.restart()


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked in a turn, by whom and on which tier of models it is answered, and where the answer and
    the steps to it go."""

    turn: Turn
    agent: Agent
    trace: Trace
    draft: Draft
    question: str
    language: Language
    tier: str
