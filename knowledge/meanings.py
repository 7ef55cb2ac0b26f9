"""The vectors of short texts: those of messages as they come, those of examples made once and kept, those of
sentences kept for a while."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import zipfile
from collections import OrderedDict
from collections.abc import Mapping, Sequence

import numpy as np

from knowledge.base import LookupFailed
from knowledge.embed import Embedder, EmbedderFailed, Scale, Vectors
from knowledge.local import LocalIndex

_FILE = "examples.npz"
_KEPT = 4_000  # sentences; some 6 MB
_AT_ONCE = 16  # texts on a thread before the next thing gets its turn there


class Meanings:
    """Asks the index's embedder; what it makes of examples is kept in the index's folder, by content."""

    def __init__(self, index: LocalIndex) -> None:
        self._index = index
        self._path = index.folder / _FILE
        self._sentences: OrderedDict[str, Vectors] = OrderedDict()

    async def of(self, texts: Sequence[str]) -> Vectors | None:
        """A row of length 1 for each text; None when the embedder cannot be asked now."""
        try:
            return await self._index.vectors(texts)
        except LookupFailed:
            return None

    async def of_examples(self, texts: Sequence[str]) -> tuple[Vectors, Scale] | None:
        """The same, with how to read their cosines; some milliseconds of another thread for each new text."""
        embedder = await asyncio.to_thread(self._index.embedder)
        known = await asyncio.to_thread(self._kept)
        keys = [_key(embedder, text) for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        try:
            for some in _batches(list(missing.items())):
                rows = await asyncio.to_thread(embedder.questions, [text for _, text in some])
                known.update((key, row) for (key, _), row in zip(some, rows, strict=True))
        except EmbedderFailed:
            return None
        if missing:
            await asyncio.to_thread(self._keep, {key: known[key] for key in keys})
        return np.array([known[key] for key in keys], np.float32), embedder.scale

    async def alike(self, text: str, others: Sequence[str]) -> Sequence[float] | None:
        """How near the others are to a text by what they mean, whatever their language, in steps above where
        a passage is as likely to answer a question as not. None when the embedder can't tell."""
        embedder = await asyncio.to_thread(self._index.embedder)
        if not embedder.multilingual:
            return None
        wanted = dict.fromkeys([text, *others])
        vectors = {each: self._sentences[each] for each in wanted if each in self._sentences}
        missing = [each for each in wanted if each not in vectors]
        try:
            for some in (missing[start : start + _AT_ONCE] for start in range(0, len(missing), _AT_ONCE)):
                rows = await asyncio.to_thread(embedder.questions, some)
                vectors.update(zip(some, rows, strict=True))
        except EmbedderFailed:
            return None
        for each, row in vectors.items():
            self._sentences[each] = row
            self._sentences.move_to_end(each)
        while len(self._sentences) > _KEPT:
            self._sentences.popitem(last=False)
        cosines = np.array([vectors[each] for each in others]) @ vectors[text]
        return [float(steps) for steps in (cosines - embedder.scale.even) / embedder.scale.step]

    def _kept(self) -> dict[str, Vectors]:
        """What was made before; nothing when the file is not there or no good any more."""
        try:
            with np.load(self._path, allow_pickle=False) as file:
                return dict(zip(map(str, file["keys"]), file["rows"], strict=True))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return {}

    def _keep(self, rows: Mapping[str, Vectors]) -> None:
        """Whole or not at all, whoever else writes at the same time."""
        fresh = self._path.with_suffix(f".{secrets.token_hex(4)}.npz")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            np.savez(fresh, keys=np.array(list(rows)), rows=np.array(list(rows.values())))
            fresh.replace(self._path)
        except OSError:
            fresh.unlink(missing_ok=True)  # a full disk costs the next start some seconds, no more


def _key(embedder: Embedder, text: str) -> str:
    return hashlib.sha256(f"{embedder.name}\0{text}".encode()).hexdigest()[:32]


def _batches(items: Sequence[tuple[str, str]]) -> Sequence[Sequence[tuple[str, str]]]:
    return [items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE)]
