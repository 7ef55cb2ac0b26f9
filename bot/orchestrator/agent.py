"""What the orchestrator is handed: the turn to take and the agent to take it with."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from pydantic import JsonValue

from knowledge.lookup import Down, Found, NoMatch
from tools.base import Arguments, Person, Tool


@dataclass(frozen=True, kw_only=True)
class Utterance:
    """Something said in the conversation, as the model may see it.

    `files` are the media types of what came with it; `quotes` is the text of what it expressly answers.
    """

    speaker: Literal["contact", "bot", "operator"]
    text: str
    files: Sequence[str] = ()
    quotes: str = ""


class Overtaken(Exception):  # noqa: N818
    """The contact wrote again before the answer began: begin the turn anew with what they added."""


class LeaseLost(Exception):  # noqa: N818
    """Another worker or an operator has the conversation now: say nothing more."""


class Speech(Protocol):
    """The turn's voice. What is said here may be seen at once, but stands only once the turn is concluded."""

    async def begin(self) -> None:
        """Ask for the word, right before the first `say`. Raises Overtaken or LeaseLost."""
        ...

    async def say(self, text: str) -> None:
        """Show more of the answer to whoever is watching."""
        ...

    async def restart(self) -> None:
        """Take back what was said so far: the answer begins anew (a stream was cut)."""
        ...


@dataclass(frozen=True, kw_only=True)
class Go:
    """The call is written down as begun: make it now, under this key. `again`: it was begun before, and
    nobody knows how that ended."""

    key: str
    again: bool = False


@dataclass(frozen=True, kw_only=True)
class Ended:
    """The call was made before, by this turn or an attempt at it that died: this came of it."""

    result: str
    failed: bool = False


@dataclass(frozen=True, kw_only=True)
class Doubtful:
    """The call was begun before, and nobody knows how it ended: it must not be made again."""


CallState = Literal[
    "planned", "running", "done", "failed", "doubtful", "pending", "approved", "rejected", "expired"
]


@dataclass(frozen=True, kw_only=True)
class WrittenCall:
    """A write call as the journal has it: `planned` waits for its time, `pending` for an operator, `approved`
    for a worker.

    `note` is what an operator said with the decision, `why` what the customer wanted, in their words.
    `edited`: the operator allowed another call than the one that was asked for. `refusal`: the service
    refused it, and this is what the customer may be told of why, "" for nothing.
    """

    id: str
    tool: str
    arguments: Arguments
    state: CallState
    result: str = ""
    note: str = ""
    why: str = ""
    edited: bool = False
    refusal: str | None = None


class Journal(Protocol):
    """What a turn changes outside, durable before it is done and after, through any crash.

    `earlier` are the calls that attempts at this very turn have begun. `news` are calls of earlier turns that
    have come to an end since (carried out once an operator allowed them, rejected, expired) and that the
    customer has not heard of; `waiting` those that still wait for an operator, `past` those of earlier
    turns that were done and told, the newest last.
    """

    earlier: Sequence[WrittenCall]
    news: Sequence[WrittenCall]
    waiting: Sequence[WrittenCall]
    past: Sequence[WrittenCall]

    async def begin(self, tool: str, arguments: Arguments, *, idempotent: bool) -> Go | Ended | Doubtful:
        """Write down that a call begins, once however often this turn and its attempts ask for the same.

        Raises LeaseLost.
        """
        ...

    async def end(self, key: str, state: Literal["done", "failed", "doubtful"], result: str) -> None:
        """Write down what came of it. Never raises LeaseLost: what has happened has happened."""
        ...


BudgetScope = Literal["turn", "conversation", "contact_day", "day"]


@dataclass(frozen=True, kw_only=True)
class Charge:
    """What one model call costs, in micro-dollars, by the prices of that date."""

    model: str
    usage: Usage
    cost: int
    priced_at: datetime


@dataclass(frozen=True, kw_only=True)
class Granted:
    """Money set aside for one call; `tight` names a budget used up so far that cheaper models are due."""

    id: str
    tight: BudgetScope | None = None


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A budget does not hold the call."""

    scope: BudgetScope


class Purse(Protocol):
    """What a turn may spend: the worst case is reserved before a call, the true cost settled after it."""

    async def reserve(self, worst: Charge) -> Granted | Refused: ...

    async def settle(self, granted: Granted, charge: Charge) -> None:
        """The call took place and cost this much: it is in the ledger once, however often this is called."""
        ...

    async def release(self, granted: Granted) -> None:
        """The call did not take place."""
        ...


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One turn: what was said, oldest first, ending with the messages to answer.

    `pending` counts the contact's utterances at the end that nobody has answered yet: at least 1, or 0 when
    the turn tells of what came of an earlier one. `summary` is what was said before that in short, told by
    `summary_model`, "" where no model did and it is the customer's own words. `deadline` is in seconds of
    `time.monotonic()`. `limit` is the longest answer in characters. `guidance` is the company's own word:
    what an operator said to the bot when they handed the conversation back.
    """

    id: str
    conversation_id: str
    person: Person
    channel: str
    said: Sequence[Utterance]
    pending: int
    speech: Speech
    journal: Journal
    purse: Purse
    deadline: float
    summary: str = ""
    summary_model: str = ""
    guidance: str = ""
    limit: int | None = None


@dataclass(frozen=True, kw_only=True)
class ToolCall:
    """A call as a model wrote it: `arguments` is meant to be the JSON text of an object."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, kw_only=True)
class ModelMessage:
    """`calls` are what the assistant asked for; a `tool` message answers the one named by `call_id`."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    calls: Sequence[ToolCall] = ()
    call_id: str = ""


@dataclass(frozen=True, kw_only=True)
class OfferedTool:
    """A tool as a model sees it; `parameters` is a JSON Schema."""

    name: str
    description: str
    parameters: Mapping[str, JsonValue]


@dataclass(frozen=True, kw_only=True)
class ModelRequest:
    """One completion. `first_token` and `total` are time limits in seconds."""

    messages: Sequence[ModelMessage]
    first_token: float
    total: float
    max_tokens: int | None = None
    tools: Sequence[OfferedTool] = ()


@dataclass(frozen=True, kw_only=True)
class Delta:
    text: str


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens of one call, `cached` of `tokens_in` cheaper; `estimated` when the provider did not say."""

    tokens_in: int
    tokens_out: int
    cached: int = 0
    estimated: bool = False


class ModelFailed(Exception):  # noqa: N818
    """The model gave no whole answer.

    `retry`: the same model may do better in a moment, `after` seconds from now when the provider said so.
    `usage` is what it used up all the same; None when the server never took the call on. `refused`: it is
    well and would not answer this very request; nobody else's should suffer for that.
    """

    def __init__(
        self,
        detail: str,
        *,
        retry: bool,
        after: float | None = None,
        usage: Usage | None = None,
        refused: bool = False,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry = retry
        self.after = after
        self.usage = usage
        self.refused = refused


@dataclass(frozen=True, kw_only=True)
class Prices:
    """Micro-dollars per million tokens, as they were at `dated`; `cached_input` for what a provider kept."""

    input: int
    output: int
    dated: datetime
    cached_input: int | None = None


class LanguageModel(Protocol):
    """A model that writes, at most `max_tokens` in one answer."""

    name: str
    prices: Prices
    max_tokens: int

    def stream(self, request: ModelRequest) -> AsyncGenerator[Delta | ToolCall | Usage]:
        """The answer piece by piece, whole tool calls after it, ending with one Usage.

        Raises ModelFailed, also in the middle.
        """
        ...


class Lookup(Protocol):
    """What can be asked for passages; `knowledge.lookup.Lookup` is one."""

    async def find(
        self, question: str, *, limit: int = 6, history: Sequence[str] = ()
    ) -> Found | NoMatch | Down: ...


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Something that a message may be about, for this agent and tier; `examples` are what customers say."""

    name: str
    examples: Sequence[str]
    agent: str | None = None
    tier: str | None = None


@dataclass(frozen=True, kw_only=True)
class Route:
    """What a message is about: the `agent` and the `tier` of models it is for, by name, None for the usual
    ones. `several`: it wants several things. `unsure` between these, or none of them: worth a small model's
    opinion, and without one the rest stands. `told` is how that was found, for the trace."""

    agent: str | None = None
    tier: str | None = None
    several: bool = False
    unsure: Sequence[Choice] = ()
    told: Mapping[str, JsonValue] = field(default_factory=dict)


class Router(Protocol):
    """Tells what messages are about, here and at once, without asking anybody."""

    async def route(self, text: str, *, history: Sequence[str], language: str) -> Route:
        """`history` is what the customer wrote before, oldest first."""
        ...

    async def tool_for(self, wish: str, tools: Sequence[Tool]) -> Tool | None:
        """The one of the tools that a wish plainly is for."""
        ...

    async def wants_person(self, text: str) -> bool:
        """Whether a message plainly asks for a person, in ways that no list of phrases has."""
        ...


# How near texts are to a text by meaning, in any language, in steps above an even chance; None when nobody
# can tell now. `knowledge.meanings.Meanings.alike` is one.
Alike = Callable[[str, Sequence[str]], Awaitable[Sequence[float] | None]]


class Hours(Protocol):
    """When people are there."""

    def next_opening(self, moment: datetime) -> datetime | None:
        """When they are there again; None while they are."""
        ...

    def said(self, moment: datetime, language: str) -> str:
        """A moment in words: "on Monday at 09:00"."""
        ...


class Waits(Protocol):
    """How long people are waited for."""

    def usual(self) -> float | None:
        """Seconds, lately; None where that is not known."""
        ...


@dataclass(frozen=True, kw_only=True)
class Agent:
    """Who answers: a name, instructions, what it knows and can do, and the models to try in order.

    `models` has a ladder for each tier, cheapest tier first: its model, then the fallbacks; `tier` is the
    one to begin with. Without models, or when all of them are down, the passages themselves are the answer.
    `when_unsure` says whether a question that knowledge cannot ground is asked back or handed to a person.
    `router` names which of the `specialists` is for a message. `alike` tells whether an answer in one
    language says what a passage in another does.
    """

    name: str
    company: str
    instructions: str
    models: Mapping[str, Sequence[LanguageModel]]
    tier: str
    knowledge: Lookup
    tools: Sequence[Tool] = ()
    router: Router | None = None
    alike: Alike | None = None
    specialists: Mapping[str, Agent] = field(default_factory=dict)
    hours: Hours | None = None
    waits: Waits | None = None
    when_unsure: Literal["handoff", "ask"] = "handoff"

    @property
    def toolbox(self) -> Mapping[str, Tool]:
        """Every tool that it or one of its specialists has, by name."""
        return {tool.name: tool for each in (self, *self.specialists.values()) for tool in each.tools}
