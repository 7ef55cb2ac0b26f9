"""What was found before, for the time in which nothing can be looked up."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

from knowledge import question
from knowledge.base import Passage

T = TypeVar("T")
log = logging.getLogger(__name__)

FILE = "answers.sqlite"
MOST = 2_000  # questions whose passages are kept
_OLDEST = 30 * 86_400.0  # seconds for which they are good, unless the pages are learned again before
_AGAIN = 600.0  # seconds in which a question is not written down again
_WAITING = 100  # questions that may wait to be written down; beyond that they are not
_SURELY = 0.5  # of leaning: such a question means nothing without what was said before it

_SCHEMA = """
CREATE TABLE IF NOT EXISTS answers(
    question BLOB PRIMARY KEY, passages TEXT NOT NULL, asked_at REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS answers_by_age ON answers(asked_at);
CREATE TABLE IF NOT EXISTS cleared(one INTEGER PRIMARY KEY CHECK (one = 1), at REAL NOT NULL);
"""
_KEEP = """
    INSERT OR REPLACE INTO answers SELECT ?, ?, ?
    WHERE NOT EXISTS (SELECT 1 FROM cleared WHERE at >= ?)
"""
_TRIM = """
    DELETE FROM answers
    WHERE asked_at <= (SELECT asked_at FROM answers ORDER BY asked_at DESC LIMIT 1 OFFSET ?)
"""
_RECALL = "SELECT passages FROM answers WHERE question = ? AND asked_at > ?"


class Remembered:
    """The passages found for recent questions, in `folder`; any number of processes share it.

    Of a question only a digest is kept. Calls are answered on a thread of its own. Nothing in it is needed:
    a file that is damaged is begun anew.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="answers")
        self._written: OrderedDict[bytes, float] = OrderedDict()
        self._room = threading.BoundedSemaphore(_WAITING)

    def keep(
        self,
        asked: str,
        history: Sequence[str],
        passages: Sequence[Passage],
        *,
        asked_at: float,
        scope: Sequence[str] = (),
    ) -> None:
        """Write down what was found for a question that was asked at `asked_at`, by and by.

        What was looked up before the pages were learned anew is not written down any more.
        """
        key, now = _key(asked, history, scope), time.monotonic()
        if key is None or now - self._written.get(key, -_AGAIN) < _AGAIN:
            return
        if not self._room.acquire(blocking=False):
            return
        self._written[key] = now
        if len(self._written) > MOST:
            self._written.popitem(last=False)
        written = self._thread.submit(self._keep, key, tuple(passages), asked_at)
        written.add_done_callback(lambda _: self._room.release())

    async def recall(
        self, asked: str, history: Sequence[str], *, scope: Sequence[str] = ()
    ) -> Sequence[Passage]:
        """What was found for this question, or the same in other words, within the scope or, if nothing
        was, anywhere; empty when it was not asked."""
        loop = asyncio.get_running_loop()
        for where in dict.fromkeys((tuple(scope), ())):
            key = _key(asked, history, where)
            if key is None:
                break
            if found := await loop.run_in_executor(self._thread, self._recall, key):
                return found
        return ()

    async def close(self) -> None:
        """Return once everything is written down."""
        await asyncio.to_thread(self._thread.shutdown)

    def _keep(self, key: bytes, passages: Sequence[Passage], asked_at: float) -> None:
        written = json.dumps([asdict(each) for each in passages])

        def keep(file: sqlite3.Connection) -> None:
            file.execute(_KEEP, (key, written, asked_at, asked_at))
            file.execute(_TRIM, (MOST,))

        try:
            _with(self._path, keep)
        except (sqlite3.Error, OSError) as error:
            log.warning("what was found cannot be kept: %s", error)
            if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
                self._path.unlink(missing_ok=True)

    def _recall(self, key: bytes) -> Sequence[Passage]:
        def recall(file: sqlite3.Connection) -> str | None:
            row = file.execute(_RECALL, (key, time.time() - _OLDEST)).fetchone()
            return row[0] if row else None

        try:
            written = _with(self._path, recall) if self._path.exists() else None
            return tuple(Passage(**each) for each in json.loads(written)) if written else ()
        except (sqlite3.Error, OSError, ValueError, TypeError) as error:
            log.warning("what was found before cannot be read: %s", error)
            return ()


def forget_all(folder: Path) -> None:
    """The pages were learned anew: what was found before may not be true any more. Blocking."""

    def clear(file: sqlite3.Connection) -> None:
        file.execute("DELETE FROM answers")
        file.execute("INSERT OR REPLACE INTO cleared VALUES (1, ?)", (time.time(),))

    try:
        _with(folder / FILE, clear)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        (folder / FILE).unlink(missing_ok=True)
        _with(folder / FILE, clear)


def _with(path: Path, work: Callable[[sqlite3.Connection], T]) -> T:
    with _opened(path) as file, file:
        return work(file)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(sqlite3.connect(path, timeout=5)) as file:
        file.execute("PRAGMA journal_mode = WAL")
        file.execute("PRAGMA synchronous = OFF")  # what a crash takes is found again
        file.executescript(_SCHEMA)
        yield file


def _key(asked: str, history: Sequence[str], scope: Sequence[str]) -> bytes | None:
    """A digest of what is asked about, whatever the words around it; None where it says nothing by itself."""
    about = sorted(question.content(asked))
    if history and question.leaning(asked) > _SURELY:
        about += ["", *(stem for said in question.remembered(history) for stem in question.content(said))]
    if not about:
        return None
    return blake2b("\0".join([*about, "\0", *sorted(scope)]).encode(), digest_size=16).digest()
