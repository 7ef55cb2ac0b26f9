"""The bot at an operator's side: it suggests answers and tells conversations in short, and says nothing."""

from __future__ import annotations

import re
import time

from rapidfuzz.distance import Levenshtein

from bot.acting import person
from bot.desk import utterances
from bot.journal import TurnJournal
from bot.live import Live
from bot.masking import Masking
from bot.orchestrator.agent import Agent, Turn
from bot.orchestrator.suggestion import Unheard, suggest
from bot.orchestrator.summary import summarise
from bot.purse import Purses
from bot.store import NoSuchConversation, Store
from bot.store.records import Claim, InboxEntry, Operator, Suggestion, Summary
from bot.trace import Trace

_LONGEST = 45.0  # seconds that somebody waits for a suggestion
_MARKER = re.compile(r"[ ]?\[\d{1,3}\](?!\()")


class WithTheBot(Exception):  # noqa: N818
    """The bot itself answers there: nothing is suggested to anybody."""


class Copilot:
    """What it is asked for counts like the bot's own turns: in traces, in costs, in budgets."""

    def __init__(
        self, *, store: Store, live: Live, agent: Agent, purses: Purses, masking: Masking | None = None
    ) -> None:
        self._store = store
        self._live = live
        self._agent = agent
        self._purses = purses
        self._masking = masking or Masking()

    async def suggest(self, conversation_id: str, operator: Operator) -> Suggestion | None:
        """What could be answered now; None when nothing that is known answers it.

        Raises NoSuchConversation, WithTheBot.
        """
        await self._of_people(conversation_id)
        claim = await self._store.copilot.begin(conversation_id)
        if claim is None:
            return None
        trace = Trace(turn_id=claim.turn_id)
        reply = await suggest(self._turn(claim), self._agent, trace)
        steps = self._masking.steps(trace.steps)
        if reply is None:
            await self._store.copilot.give_up(claim, steps)
            return None
        return await self._store.copilot.suggest(claim, operator.id, reply, bare(reply.text), steps)

    async def summarise(self, conversation_id: str) -> Summary | None:
        """The conversation in short, told anew; None where nobody wrote anything.

        Raises NoSuchConversation.
        """
        claim = await self._store.copilot.begin(conversation_id)
        if claim is None:
            return None
        trace = Trace(turn_id=claim.turn_id)
        told = await summarise(self._turn(claim), self._agent, trace)
        kept = await self._store.copilot.summarise(
            claim, told.text, told.model, self._masking.steps(trace.steps)
        )
        await self._live.stir(claim.contact_id, conversation_id)
        return kept

    async def _of_people(self, conversation_id: str) -> InboxEntry:
        entry = await self._store.inbox.entry(conversation_id)
        if entry is None:
            raise NoSuchConversation(conversation_id)
        if entry.status == "bot":
            raise WithTheBot
        return entry

    def _turn(self, claim: Claim) -> Turn:
        return Turn(
            id=claim.turn_id,
            conversation_id=claim.conversation_id,
            person=person(claim),
            channel=claim.channel,
            said=utterances(claim),
            pending=claim.pending,
            speech=Unheard(),
            purse=self._purses.of(claim),
            deadline=time.monotonic() + _LONGEST,
            journal=TurnJournal(claim, self._store),
            summary=claim.summary,
            summary_model=claim.summary_model,
            guidance=claim.guidance,
        )


def bare(text: str) -> str:
    """An answer as a person would send it: without the numbers of its sources."""
    return _MARKER.sub("", text).strip()


def share_changed(suggested: str, sent: str) -> float:
    """How much of a suggestion was changed before it was sent: 0.0 nothing, 1.0 all of it.

    The least number of characters put in, taken out or replaced, as a share of the longer text's; how it is
    spaced is nothing.
    """
    return float(Levenshtein.normalized_distance(" ".join(suggested.split()), " ".join(sent.split())))
