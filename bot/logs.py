"""What the processes say about themselves: one line an event, as text for eyes or JSON for machines.

Whoever says it, no secret and nothing personal stands in a line (bot/masking.py).

The id that goes through everything is the incoming message's: `message_id` stands in the line of its request,
in every line of its turn (with `turn`), in those of its answer's delivery and of what others are told of it.
A turn that answers several messages begins with a line that names them all.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Literal

from bot.masking import Masking
from bot.trace import trace_id

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


_ABOUT: ContextVar[Mapping[str, object]] = ContextVar("about", default=MappingProxyType({}))


@contextmanager
def about(**ids: object) -> Iterator[None]:
    """Whatever is logged inside, by whomever, carries these ids."""
    before = _ABOUT.set({**_ABOUT.get(), **{name: each for name, each in ids.items() if each is not None}})
    try:
        yield
    finally:
        _ABOUT.reset(before)


class _Masked(logging.Formatter):
    def __init__(self, masking: Masking) -> None:
        super().__init__()
        self._text = masking.text


class _Json(_Masked):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": self._text(record.getMessage()),
        }
        line |= {name: self._masked(value) for name, value in _extra(record).items()}
        if (turn := line.get("turn")) is not None:
            line["trace_id"] = trace_id(str(turn))
        if record.exc_info:
            line["error"] = self._text(self.formatException(record.exc_info))
        return json.dumps(line, default=str)  # which, unlike orjson, takes any text and any number

    def _masked(self, value: object) -> object:
        """A value as it may be told; numbers and the like stay what they are."""
        if value is None or isinstance(value, bool | int | float):
            return value
        return self._text(str(value))


class _Text(_Masked):
    def format(self, record: logging.LogRecord) -> str:
        # What a stranger sent must not look like a line of ours.
        said = " ".join(f"{name}={value}" for name, value in _extra(record).items())
        said = "".join(c if c.isprintable() else repr(c)[1:-1] for c in said)
        line = f"{time.strftime('%H:%M:%S', time.localtime(record.created))} {record.levelname.lower():7} "
        line += self._text(f"{record.getMessage()} {said}".rstrip())
        if record.exc_info:
            line += f"\n{self._text(self.formatException(record.exc_info))}"
        return line


def _extra(record: logging.LogRecord) -> dict[str, object]:
    own = {name: value for name, value in vars(record).items() if name not in _PLAIN}
    return {**_ABOUT.get(), **own}


def set_up_logs(style: Literal["text", "json"], masking: Masking) -> None:
    """Log to standard error; libraries speak up from warnings on."""
    out = logging.StreamHandler(sys.stderr)
    out.setFormatter(_Json(masking) if style == "json" else _Text(masking))
    logging.basicConfig(level=logging.WARNING, handlers=[out], force=True)
    logging.getLogger("switchboard").setLevel(logging.INFO)
