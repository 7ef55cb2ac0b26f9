"""The vectors of short texts: those of messages as they come, those of examples made once and kept."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import zipfile
from collections.abc import Mapping, Sequence

import numpy as np

from knowledge.base import LookupFailed
from knowledge.embed import Embedder, EmbedderFailed, Scale, Vectors
from knowledge.local import LocalIndex

_FILE = "examples.npz"
_AT_ONCE = 16  # texts on a thread before the next thing gets its turn there


class Meanings:
    """Asks the index's embedder; what it makes of examples is kept in the index's folder, by content."""

    def __init__(self, index: LocalIndex) -> None:
        self._index = index
        self._path = index.folder / _FILE

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
