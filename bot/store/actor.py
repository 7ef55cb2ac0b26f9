"""Who acts in this request or command: every transaction knows, and the audit log says it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

ActorKind = Literal["operator", "token", "console", "nobody"]


@dataclass(frozen=True, kw_only=True)
class Actor:
    """An operator, a program by its token, whoever sits at the machine's console, or nobody we know; and the
    address they came from."""

    kind: ActorKind
    id: str = ""
    name: str = ""
    address: str = ""


CONSOLE = Actor(kind="console")
_ACTOR: ContextVar[Actor | None] = ContextVar("actor", default=None)


def act_as(actor: Actor) -> None:
    """From here on, in this task and those it begins, transactions are this actor's."""
    _ACTOR.set(actor)


@contextmanager
def acting_as(actor: Actor) -> Iterator[None]:
    """In this block, transactions are this actor's."""
    before = _ACTOR.set(actor)
    try:
        yield
    finally:
        _ACTOR.reset(before)


def who_acts() -> Actor | None:
    """The actor; None for what the house does by itself."""
    return _ACTOR.get()
