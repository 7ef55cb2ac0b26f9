"""The process in which messages are understood; it is ended from outside, or by its limits.

It reads and writes frames on its standard streams: 8 bytes of length, then a message, or the pickle that
answers it. Before each message stands what to do with it, a byte of `Task`. Started as
`python -m channels.email.child MEMORY SECONDS [OUR ADDRESSES …]`.
"""

from __future__ import annotations

import gc
import pickle
import resource
import signal
import sys
from enum import Enum
from typing import BinaryIO

from channels.base import Original
from channels.email.mail import NotUnderstood
from channels.email.show import show
from channels.email.understand import Understood, understand

_LARGE = 1_000_000  # bytes of a message after which memory is given back at once


class Task(Enum):
    """What is to be done with a message."""

    UNDERSTAND = b"u"
    SHOW = b"s"
    SHOW_WITH_PICTURES = b"p"


def main() -> None:
    memory, seconds, own = int(sys.argv[1]), float(sys.argv[2]), frozenset(sys.argv[3:])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the server, which ends its children
    given, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    while (task := given.read(1)) and (raw := _frame(given)) is not None:
        # No handler: the signal ends the process, even within a regular expression.
        signal.setitimer(signal.ITIMER_PROF, seconds)
        answer = _answer(Task(task), raw, own)
        signal.setitimer(signal.ITIMER_PROF, 0)
        answers.write(len(answer).to_bytes(8, "big") + answer)
        answers.flush()
        if len(raw) > _LARGE:
            gc.collect()
        del raw, answer


def _answer(task: Task, raw: bytes, own: frozenset[str]) -> bytes:
    try:
        return pickle.dumps(_done(task, raw, own), protocol=5)
    except NotUnderstood as error:
        return pickle.dumps(error.detail)
    except MemoryError:
        return pickle.dumps("the message takes too much memory")


def _done(task: Task, raw: bytes, own: frozenset[str]) -> Understood | Original:
    match task:
        case Task.UNDERSTAND:
            return understand(raw, own)
        case Task.SHOW:
            return show(raw, pictures=False)
        case Task.SHOW_WITH_PICTURES:
            return show(raw, pictures=True)


def _frame(given: BinaryIO) -> bytes | None:
    head = given.read(8)
    if len(head) < 8:
        return None
    length = int.from_bytes(head, "big")
    data = given.read(length)
    return data if len(data) == length else None


if __name__ == "__main__":
    main()
