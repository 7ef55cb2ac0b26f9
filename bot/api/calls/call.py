"""One HTTP call in words, and what several of them have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bot.api.schemas import Schema, obj, of

Who = Literal["anyone", "visitor", "operator"]


@dataclass(frozen=True, kw_only=True)
class Call:
    """One HTTP call. `answers` maps a status to what it means and the schema of its body, if it has one."""

    method: Literal["get", "post", "delete"]
    path: str
    about: str
    who: Who
    group: str
    query: Mapping[str, Schema] = field(default_factory=dict)
    body: Schema | None = None
    body_type: str = "application/json"
    answers: Mapping[int, tuple[str, Schema | None]]
    answer_type: str = "application/json"


MESSAGE = obj({"message": of("Message")})
DONE: Mapping[int, tuple[str, Schema | None]] = {204: ("Done", None)}
