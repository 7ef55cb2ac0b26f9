"""What the orchestrator is handed: the turn to take and the agent to take it with."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from knowledge.lookup import Down, Found, NoMatch


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
class Turn:
    """One turn: what was said, oldest first, ending with the messages to answer.

    `pending` counts the contact's utterances at the end that nobody has answered yet (at least 1).
    `deadline` is in seconds of `time.monotonic()`. `limit` is the longest answer in characters.
    """

    id: str
    conversation_id: str
    said: Sequence[Utterance]
    pending: int
    speech: Speech
    deadline: float
    summary: str = ""
    limit: int | None = None


@dataclass(frozen=True, kw_only=True)
class ModelMessage:
    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, kw_only=True)
class ModelRequest:
    """One completion. `first_token` and `total` are time limits in seconds."""

    messages: Sequence[ModelMessage]
    first_token: float
    total: float
    max_tokens: int | None = None


@dataclass(frozen=True, kw_only=True)
class Delta:
    text: str


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens of one call; `estimated` when the provider did not say."""

    tokens_in: int
    tokens_out: int
    estimated: bool = False


class ModelFailed(Exception):  # noqa: N818
    """The model gave no whole answer.

    `retry`: the same model may do better in a moment, `after` seconds from now when the provider said so.
    """

    def __init__(self, detail: str, *, retry: bool, after: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry = retry
        self.after = after


class LanguageModel(Protocol):
    """A model that writes. `input_price` and `output_price` are micro-dollars per million tokens."""

    name: str
    input_price: int
    output_price: int

    def stream(self, request: ModelRequest) -> AsyncGenerator[Delta | Usage]:
        """The answer piece by piece, ending with one Usage. Raises ModelFailed, also in the middle."""
        ...


class Lookup(Protocol):
    """What can be asked for passages; `knowledge.lookup.Lookup` is one."""

    async def find(
        self, question: str, *, limit: int = 6, history: Sequence[str] = ()
    ) -> Found | NoMatch | Down: ...


@dataclass(frozen=True, kw_only=True)
class Agent:
    """Who answers: a name, instructions, the models to try in order, and what it knows.

    Without models, or when all of them are down, the passages themselves are the answer.
    `when_unsure` says whether a question that knowledge cannot ground is asked back or handed to a person.
    """

    name: str
    company: str
    instructions: str
    models: Sequence[LanguageModel]
    knowledge: Lookup
    when_unsure: Literal["handoff", "ask"] = "handoff"
