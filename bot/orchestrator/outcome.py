"""How a turn can end. `match` on it exhaustively."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

HandOffReason = Literal[
    "customer_request",
    "missing_knowledge",
    "unsupported",
    "policy",
    "tool_failure",
    "approval",
    "budget",
    "degraded",
    "loop",
    "sentiment",
]


@dataclass(frozen=True, kw_only=True)
class Citation:
    """Where a sentence of the answer comes from."""

    title: str
    url: str
    quote: str


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer to send. `text` is Markdown; `answered` is False when it asks back or does not know."""

    text: str
    citations: Sequence[Citation] = ()
    answered: bool = True


@dataclass(frozen=True, kw_only=True)
class ProposedCall:
    """A tool call that an operator must allow; `why` is what the customer asked for, in their words, and
    `unsaid` names the arguments whose values they never said."""

    tool: str
    arguments: Mapping[str, JsonValue]
    why: str = ""
    unsaid: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class HandOff:
    """A person is needed; `text` is what the customer is told, `summary` what the operator reads. `calls` are
    to be allowed besides."""

    reason: HandOffReason
    text: str
    summary: str = ""
    calls: Sequence[ProposedCall] = ()


@dataclass(frozen=True, kw_only=True)
class NeedsApproval:
    """An operator must allow tool calls; `text` is what the customer is told meanwhile."""

    calls: Sequence[ProposedCall]
    text: str
    citations: Sequence[Citation] = ()


@dataclass(frozen=True, kw_only=True)
class Silence:
    """Nothing is to be said."""

    why: str


Outcome = Reply | HandOff | NeedsApproval | Silence
