"""What the bot can do besides talking: a tool, what it is told, and how it fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import JsonValue

Effect = Literal["read", "write"]
Arguments = Mapping[str, JsonValue]


@dataclass(frozen=True, kw_only=True)
class Person:
    """The contact a tool is called for, told by the session and never by a model.

    `addresses` are those somebody vouched for, by channel ("email", "whatsapp", "web"); `verified` says
    whether the very message that is being answered came from one of them.
    """

    id: str
    name: str = ""
    verified: bool = False
    addresses: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ToolContext:
    """Who and what a call is for. `key` stays the same however often the same call is tried: providers that
    know idempotency keys are given it. `traceparent` is what a service is told the turn by, as W3C Trace
    Context has it."""

    person: Person
    conversation_id: str
    turn_id: str
    channel: str
    language: str
    key: str
    traceparent: str = ""


class ToolFailed(Exception):  # noqa: N818
    """The call did not do what it should; `detail` is fit for the model and the trace.

    `uncertain`: nobody can know whether it took effect. Of a read tool that means nothing. `refused`: the
    service is well and said no to this very call (no such order); it is not to be left alone for that.
    `words` tell a customer why, where its owner has words for that.
    """

    def __init__(
        self, detail: str, *, uncertain: bool = False, refused: bool = False, words: str = ""
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.uncertain = uncertain
        self.refused = refused
        self.words = words


class WrongArguments(Exception):  # noqa: N818
    """The arguments are not what the tool takes; `problems` by name, "" for the whole."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {why}" if name else why for name, why in problems.items()))
        self.problems = problems


@dataclass(frozen=True, kw_only=True)
class Tool:
    """Something that can be called by name.

    `description` is one sentence for the model. `parameters` is the JSON Schema of its arguments, an object.
    `check` returns the arguments as the call takes them, or raises WrongArguments; `call` returns the result
    in words or as JSON text, or raises ToolFailed. `timeout` is in seconds. A `write` changes something
    outside; with `approval` an operator must allow each call; an `idempotent` one may be tried again with
    the same `ToolContext.key` and takes effect once. `needs_verified` tools serve nobody who only claims to
    be somebody. `examples` are what customers say who want it; `answer` tells its result to a customer where
    no model can, with `{names}` of the arguments and of the result's fields; `asks` has the question for a
    missing argument, by name, in one language or by language.
    """

    name: str
    description: str
    parameters: Mapping[str, JsonValue]
    check: Callable[[Arguments], Arguments]
    call: Callable[[ToolContext, Arguments], Awaitable[str]]
    effect: Effect = "read"
    approval: Literal["operator"] | None = None
    timeout: float = 10.0
    idempotent: bool = False
    needs_verified: bool = False
    examples: Sequence[str] = ()
    answer: str = ""
    asks: Mapping[str, str | Mapping[str, str]] = field(default_factory=dict)
