"""What a turn is handed in tests: a voice that remembers, and a lookup that answers as told."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal

from bot.orchestrator.agent import Agent, Journal, LanguageModel, Purse, Router, Turn, Utterance
from bot.testing import FullPurse, MemoryJournal
from knowledge.base import Passage
from knowledge.lookup import Down, Found, NoMatch
from tools.base import Person, Tool

RETURNS = Passage(
    document="returns.md",
    title="Returns › Sending something back",
    url="https://shop.example/help/returns",
    text="You can send anything back within 30 days of delivery. Print the label from your account and hand "
    "the parcel in at any post office. The form is at https://shop.example/returns.",
    score=0.8,
    quote="You can send anything back within 30 days of delivery.",
)
SHIPPING = Passage(
    document="shipping.md",
    title="Shipping costs",
    url="https://shop.example/help/shipping",
    text="Shipping within Europe costs 4.90 € and takes three working days. Orders above 50 € are sent free.",
    score=0.7,
    quote="Shipping within Europe costs 4.90 € and takes three working days.",
)


class Voice:
    """A Speech that remembers what was said and taken back; `refuse` is raised when asked for the word."""

    def __init__(self, refuse: Exception | None = None) -> None:
        self.heard = ""
        self.pieces: list[str] = []
        self.begun = 0
        self.restarts = 0
        self._refuse = refuse

    async def begin(self) -> None:
        self.begun += 1
        if self._refuse is not None:
            raise self._refuse

    async def say(self, text: str) -> None:
        assert self.begun, "spoke without asking for the word"
        self.pieces.append(text)
        self.heard += text

    async def restart(self) -> None:
        self.heard = ""
        self.restarts += 1


class Pages:
    """A Lookup with one answer to every question; keeps what it was asked."""

    def __init__(self, answer: Found | NoMatch | Down) -> None:
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self._answer = answer

    async def find(
        self, question: str, *, limit: int = 6, history: Sequence[str] = ()
    ) -> Found | NoMatch | Down:
        self.asked.append((question, tuple(history)))
        return self._answer


def turn(
    *said: str | Utterance,
    voice: Voice | None = None,
    pending: int = 1,
    seconds: float = 90.0,
    purse: Purse | None = None,
    journal: Journal | None = None,
) -> Turn:
    """A turn that answers the last `pending` of what was said; a bare string is the contact's."""
    return Turn(
        id="turn",
        conversation_id="conversation",
        person=Person(id="contact", name="Jo"),
        channel="web",
        said=[
            each if isinstance(each, Utterance) else Utterance(speaker="contact", text=each) for each in said
        ],
        pending=pending,
        speech=voice or Voice(),
        purse=purse or FullPurse(),
        deadline=time.monotonic() + seconds,
        journal=journal or MemoryJournal(),
    )


def bot(text: str) -> Utterance:
    return Utterance(speaker="bot", text=text)


def agent(
    *models: LanguageModel,
    knowledge: Found | NoMatch | Down | Pages | None = None,
    when_unsure: Literal["handoff", "ask"] = "handoff",
    tools: Sequence[Tool] = (),
    router: Router | None = None,
) -> Agent:
    """Ada of Northwind, who knows about returns and shipping unless told otherwise."""
    return Agent(
        name="Ada",
        company="Northwind",
        instructions="Write to service@northwind.example when asked for an address.",
        models={"small": models} if models else {},
        tier="small" if models else "",
        tools=tools,
        router=router,
        knowledge=knowledge
        if isinstance(knowledge, Pages)
        else Pages(knowledge or Found(passages=(RETURNS, SHIPPING))),
        when_unsure=when_unsure,
    )
