"""What tools ask other services by: a request, its answer, and what went wrong on the way."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol

import orjson

from tools.base import Effect, ToolFailed

_LONGEST_EXCERPT = 500  # characters of an error's body that are told on


@dataclass(frozen=True, kw_only=True)
class Request:
    """`url` is percent-encoded as it shall be sent. `own`: its host is the company's, written in its
    settings, and may be anywhere; any other host must be a public one, asked over https. No answer is longer
    than `largest` bytes."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = None
    own: bool = False
    largest: int = 512 * 1024


@dataclass(frozen=True, kw_only=True)
class Answer:
    """`text` is the whole body."""

    status: int
    text: str


class NotAnswered(Exception):  # noqa: N818
    """There is no whole answer. `sent`: the request may have arrived all the same."""

    def __init__(self, detail: str, *, sent: bool) -> None:
        super().__init__(detail)
        self.detail = detail
        self.sent = sent


class Web(Protocol):
    """Sends requests, and nothing beside the one place they name: redirects lead to its own pages at most."""

    async def ask(self, request: Request) -> Answer:
        """Raises NotAnswered."""
        ...

    async def address(self, url: str, *, own: bool) -> str:
        """Where a connection to the host of `url` has to go. Raises NotAnswered where none may."""
        ...


async def asked(
    web: Web, request: Request, effect: Effect, *, expected: Collection[int] = frozenset()
) -> Answer:
    """The answer of a service that did what it should, or one of the `expected` statuses. Raises ToolFailed.

    What a service says no to (4xx) was not done. Of a write that ended in any other way nobody knows.
    """
    try:
        answer = await web.ask(request)
    except NotAnswered as failure:
        raise ToolFailed(failure.detail, uncertain=failure.sent and effect == "write") from failure
    if 200 <= answer.status < 300 or answer.status in expected:
        return answer
    said = f"the service answered {_named(answer.status)}"
    if excerpt := " ".join(answer.text.split())[:_LONGEST_EXCERPT]:
        said += f": {excerpt}"
    if answer.status in {401, 407, 408, 425, 429}:  # nothing that this very call is to blame for
        raise ToolFailed(said)
    if 400 <= answer.status < 500:
        raise ToolFailed(said, refused=True)
    raise ToolFailed(said, uncertain=effect == "write")


def compact(text: str) -> str:
    """JSON without its spaces; any other text as it is."""
    try:
        return orjson.dumps(orjson.loads(text)).decode()
    except orjson.JSONDecodeError:
        return text.strip()


def _named(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
