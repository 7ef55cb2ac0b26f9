"""The local index: found by words (FTS5) and by meaning (vectors), in one file of the data folder."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from knowledge import question, quote, rank
from knowledge.base import LookupFailed, Passage, within
from knowledge.embed import Embedder, EmbedderFailed, Vectors, local_embedder, local_kind
from knowledge.shelf import Counts, Shelf
from knowledge.spelling import Spelling

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")
log = logging.getLogger(__name__)

INDEX = "knowledge.sqlite"
SNAPSHOT = "knowledge.snapshot.sqlite"
_REMEMBERED_QUESTIONS = 512
_SURELY = 0.5  # below it, what was said before helps too rarely to read it as well, at thrice the time


@dataclass(frozen=True, kw_only=True)
class Document:
    """A learned document; `understood`: it can be found by meaning too."""

    name: str
    title: str
    url: str
    chunks: int
    understood: bool


class LocalIndex:
    """A KnowledgeSource in `folder`; any number of processes may read it while one learns.

    Calls are answered on a thread of its own, one at a time. Raises LookupFailed when the file is
    damaged or cannot be read.
    """

    def __init__(self, folder: Path, *, embedder: Embedder | None = None, snapshot: bool = False) -> None:
        self.folder = folder
        self._path = folder / (SNAPSHOT if snapshot else INDEX)
        self._read_only = snapshot
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="knowledge")
        self._shelf: Shelf | None = None
        self._embedder = embedder
        self._loading = threading.Lock()
        self._closed = False
        self._seen = -1
        self._counted: tuple[int, Counts] | None = None
        self._chunks: list[int] = []
        self._place: dict[int, int] = {}
        self._documents = np.zeros(0, np.int64)
        self._meaning = rank.Meaning([], {})
        self._spelling = Spelling([])
        self._scopes: dict[tuple[str, ...], NDArray[np.bool_]] = {}  # of the agents: a handful
        self._by_words_alone = False  # the embedder failed: such an answer is not worth keeping
        self._asked: OrderedDict[str, Vectors] = OrderedDict()
        self._answered: OrderedDict[tuple[str, int, tuple[str, ...], tuple[str, ...]], list[Passage]] = (
            OrderedDict()
        )

    async def search(
        self, query: str, *, limit: int, history: Sequence[str] = (), scope: Sequence[str] = ()
    ) -> Sequence[Passage]:
        return await self._run(lambda: self._search(query, limit, tuple(history), tuple(scope)))

    async def vectors(self, texts: Sequence[str]) -> Vectors:
        """One row of length 1 for each text, as a question; the last ones asked or searched for are kept.

        Raises LookupFailed when the embedder cannot be asked.
        """
        try:
            return await self._run(lambda: np.array([self._question_vector(text) for text in texts]))
        except EmbedderFailed as error:
            raise LookupFailed(str(error)) from error

    async def warm(self) -> None:
        """Loads what the first question would wait a second for; raises LookupFailed."""
        await self._run(lambda: self._search("?", 1, (), ()))

    async def statistics(self) -> Counts:
        """Documents, chunks and how many of them can be found by meaning."""
        kind = self._embedder or local_kind()  # loading the model would only cost memory here
        return await self._run(lambda: self._count(kind.name))

    async def documents(self, *, wanted: str = "", after: str = "", limit: int = 100) -> Sequence[Document]:
        """Documents in whose name or title `wanted` stands, by name, those after the one named `after`.

        Raises LookupFailed.
        """
        rows = await self._run(lambda: self._open().documents(wanted, after, limit))
        return [
            Document(name=name, title=title, url=url, chunks=chunks, understood=understood)
            for name, title, url, chunks, understood in rows
        ]

    async def chunks(self, document: str) -> Sequence[tuple[Sequence[str], str]]:
        """The headings and the text of each chunk of a document, in order; none of one that is not there.

        Raises LookupFailed.
        """
        return await self._run(lambda: self._open().chunks(document))

    async def holds(self, scope: Sequence[str]) -> bool:
        """Whether anything that was learned is within the scope; raises LookupFailed."""

        def holds() -> bool:
            return any(within(scope, name, url) for name, url in self._open().places())

        return await self._run(holds)

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(self._thread, self._drop)
            self._thread.shutdown(wait=False)

    def embedder(self) -> Embedder:
        """The embedder, loaded at first use; call it on a thread."""
        with self._loading:  # a search and `embed_pending` may both be the first
            if self._embedder is None:
                self._embedder = local_embedder()
            return self._embedder

    @property
    def path(self) -> Path:
        return self._path

    async def _run(self, work: Callable[[], T]) -> T:
        def guarded() -> T:
            try:
                return work()
            except (sqlite3.Error, OSError):
                self._drop()  # the next call opens the file anew: it may have been put right
                raise

        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, guarded)
        except (sqlite3.Error, OSError) as error:
            raise LookupFailed(f"the local index cannot be read: {error}") from error

    def _count(self, embedder: str) -> Counts:
        """Counted anew only where something was learned: it takes a while, and searches wait for it."""
        shelf = self._open()
        version = shelf.data_version()
        if self._counted is None or self._counted[0] != version:
            self._counted = version, shelf.counts(embedder)
        return self._counted[1]

    def _drop(self) -> None:
        if self._shelf is not None:
            self._shelf.close()
            self._shelf = None
            self._counted = None

    def _open(self) -> Shelf:
        if self._shelf is None:
            if not self._read_only and not _holds(self._path) and _holds(self.folder / SNAPSHOT):
                raise FileNotFoundError("it is lost; `switchboard learn` makes it anew")
            self._shelf = Shelf(self._path, read_only=self._read_only)
            self._seen = -1
        return self._shelf

    def _refresh(self, shelf: Shelf) -> None:
        """Takes in what was learned since, by this process or another."""
        version = shelf.data_version()
        if version == self._seen:
            return
        layout = shelf.layout()
        chunks = [row[0] for row in layout]
        if chunks != self._chunks:
            self._spelling = Spelling(shelf.texts())
        self._chunks = chunks
        self._place = {chunk: i for i, chunk in enumerate(self._chunks)}
        order = {document: i for i, document in enumerate(dict.fromkeys(row[1] for row in layout))}
        self._documents = np.array([order[row[1]] for row in layout], np.int64)
        self._meaning = rank.Meaning(layout, shelf.vectors(self.embedder().name))
        self._answered.clear()
        self._scopes.clear()
        self._seen = version

    def _search(
        self, query: str, limit: int, history: tuple[str, ...], scope: tuple[str, ...]
    ) -> list[Passage]:
        shelf = self._open()
        self._refresh(shelf)
        asked = (query, limit, history, scope)
        found = self._answered.get(asked)
        if found is None:
            self._by_words_alone = False
            found = self._find(shelf, query, limit, history, scope)
            if not self._by_words_alone:
                _keep(self._answered, asked, found)
        return list(found)

    def _find(
        self, shelf: Shelf, query: str, limit: int, history: Sequence[str], scope: tuple[str, ...]
    ) -> list[Passage]:
        if not self._chunks or not query.strip():
            return []
        query = self._spelling.mend(query, self.embedder().knows)
        leaning = question.leaning(query) if history else 0.0
        before = question.remembered(history) if leaning > _SURELY else []
        stems = question.content(query)
        judged = self._judge(shelf, query, before, leaning)
        values = judged.values
        parts = question.parts(query)
        if parts:
            values = values + np.max([self._judge(shelf, part, [], 0.0).values for part in parts], axis=0)
        if scope:
            values = np.where(self._inside(shelf, scope), values, 0.0)
        best = self._choose(values, limit)
        holding = shelf.holding(stems)
        rarities = rank.rarities(holding, len(self._chunks))
        known = rank.known(stems, holding, len(self._chunks))
        found = shelf.passages([self._chunks[i] for i in best])
        passages = []
        for i in best:
            name, title, url, headings, text = found[self._chunks[i]]
            passages.append(
                Passage(
                    document=name,
                    title=" › ".join([title, *headings]),
                    url=url,
                    text=text,
                    score=rank.confidence(judged, i, len(stems), self.embedder().scale, known=known),
                    quote=quote.best(text, rarities),
                )
            )
        return passages

    def _inside(self, shelf: Shelf, scope: tuple[str, ...]) -> NDArray[np.bool_]:
        """Which chunks are within the scope."""
        if scope not in self._scopes:
            self._scopes[scope] = np.array([within(scope, name, url) for name, url in shelf.places()])
        return self._scopes[scope]

    def _judge(self, shelf: Shelf, asked: str, before: Sequence[str], leaning: float) -> rank.Judged:
        """Every chunk against what is asked, leaning so much on what was said before."""
        wanted = list(dict.fromkeys(stem for said in (asked, *before) for stem in question.content(said)))
        shares = rank.word_share(
            shelf.by_words(wanted, rank.CANDIDATES, rank.FIELD_WEIGHTS),
            self._place,
            wanted,
            shelf.holding(wanted),
            len(self._chunks),
        )
        return rank.judge(self._meaning, self._vector(asked, before, leaning), shares)

    def _vector(self, asked: str, before: Sequence[str], leaning: float) -> Vectors | None:
        """What is asked as a vector; None when words alone must do."""
        if not len(self._meaning):
            return None
        try:
            vector = self._question_vector(asked)
            if before:
                joined = self._question_vector(" ".join([*before, asked]))
                vector = (1 - leaning) * vector + leaning * joined
        except EmbedderFailed as error:
            self._by_words_alone = True
            log.warning("questions go by words alone: the embedder failed: %s", error)
            return None
        return vector / max(float(np.linalg.norm(vector)), 1e-9)

    def _question_vector(self, text: str) -> Vectors:
        kept = self._asked.get(text)
        if kept is None:
            kept = _keep(self._asked, text, self.embedder().questions([text])[0])
        return kept

    def _choose(self, values: rank.Scores, limit: int) -> list[int]:
        """The best chunk of each of the three best documents, then the best of the rest."""
        order = [int(i) for i in np.argsort(-values)]
        chosen: list[int] = []
        seen: set[int] = set()
        for i in order:
            if self._documents[i] not in seen:
                seen.add(int(self._documents[i]))
                chosen.append(i)
                if len(chosen) == min(3, limit):
                    break
        chosen += [i for i in order if i not in chosen][: max(0, limit - len(chosen))]
        return [i for i in chosen if values[i] > 0]


def _holds(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _keep(kept: OrderedDict[K, V], key: K, value: V) -> V:
    """Keeps what was just worked out and forgets the oldest: customers ask much the same things."""
    kept[key] = value
    if len(kept) > _REMEMBERED_QUESTIONS:
        kept.popitem(last=False)
    return value
