"""What the processes say about themselves: one line an event, as text for eyes or JSON for machines.

The id that goes through everything is the incoming message's: `message_id` stands in the line of its request,
of its turn and of its delivery.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from datetime import UTC, datetime
from typing import Literal

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        line |= _extra(record)
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)  # which, unlike orjson, takes any text and any number


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        # What a stranger sent must not look like a line of ours.
        said = " ".join(f"{name}={value}" for name, value in _extra(record).items())
        said = "".join(c if c.isprintable() else repr(c)[1:-1] for c in said)
        line = f"{time.strftime('%H:%M:%S', time.localtime(record.created))} {record.levelname.lower():7} "
        line += f"{record.getMessage()} {said}".rstrip()
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _extra(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name not in _PLAIN}


def set_up_logs(style: Literal["text", "json"]) -> None:
    """Log to standard error; libraries speak up from warnings on."""
    out = logging.StreamHandler(sys.stderr)
    out.setFormatter(_Json() if style == "json" else _Text())
    logging.basicConfig(level=logging.WARNING, handlers=[out], force=True)
    logging.getLogger("switchboard").setLevel(logging.INFO)
