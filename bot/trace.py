"""What happened in a turn, step by step, as the dashboard's "why this answer" shows it."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, Protocol

from pydantic import JsonValue

StepKind = Literal["route", "knowledge", "model", "tool", "guard", "fallback", "deliver"]
StepStatus = Literal["running", "ok", "failed", "skipped"]

_TRACE_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(kw_only=True)
class Step:
    """One thing a turn did. Costs are micro-dollars; `needs` names the steps whose results it used."""

    kind: StepKind
    name: str
    status: StepStatus = "running"
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    seconds: float = 0.0
    input: Mapping[str, JsonValue] = field(default_factory=dict)
    output: Mapping[str, JsonValue] = field(default_factory=dict)
    error: str | None = None
    tokens_in: int = 0
    tokens_out: int = 0
    cost: int = 0
    needs: Sequence[str] = ()

    def tell(self, **output: JsonValue) -> None:
        """Add to what came of it."""
        self.output = {**self.output, **output}


def trace_id(turn_id: str) -> str:
    """The id under which a turn is told to other programs: 32 hexadecimal digits, its own as far as it has
    them (W3C Trace Context, trace-id)."""
    own = turn_id.rpartition("_")[2].rjust(32, "0")
    if _TRACE_ID.fullmatch(own) and own.strip("0"):
        return own
    return hashlib.sha256(turn_id.encode()).hexdigest()[:32]


def root_span(turn_id: str) -> int:
    """The id of the span that is the turn: whoever adds to the trace, in whichever process, knows it."""
    return int.from_bytes(hashlib.sha256(turn_id.encode()).digest()[:8]) or 1


def traceparent(turn_id: str) -> str:
    """What a service is told the turn by (W3C Trace Context, 3.2)."""
    return f"00-{trace_id(turn_id)}-{root_span(turn_id):016x}-01"


@dataclass(kw_only=True)
class Trace:
    """The steps of one turn, in the order they began, and how it ended: with an outcome or with an error."""

    turn_id: str
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    steps: list[Step] = field(default_factory=list)
    outcome: str = ""
    reason: str = ""
    error: str | None = None

    @contextmanager
    def step(
        self, kind: StepKind, name: str, *, needs: Sequence[str] = (), **given: JsonValue
    ) -> Iterator[Step]:
        """Time a step; one that raises is recorded as failed with the error, and the error goes on."""
        step = Step(kind=kind, name=name, input=given, needs=needs)
        self.steps.append(step)
        began = time.perf_counter()
        try:
            yield step
        except BaseException as error:
            step.status = "failed"
            step.error = f"{type(error).__name__}: {error}"
            raise
        else:
            if step.status == "running":
                step.status = "ok"
        finally:
            step.seconds = time.perf_counter() - began


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One attempt to send an answer; `error` says why it was not sent."""

    turn_id: str | None
    message_id: str
    conversation_id: str
    channel: str
    status: str
    attempt: int
    began: datetime
    error: str | None = None


class Observer(Protocol):
    """Hears of what has ended; never raises, and never keeps anybody waiting."""

    def turn(self, trace: Trace, *, conversation_id: str, channel: str, agent: str) -> None:
        """A turn has ended."""
        ...

    def delivery(self, attempt: Attempt) -> None:
        """An attempt to send has ended."""
        ...
