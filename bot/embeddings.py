"""An embedder of a server's, watched as a component: when it fails, questions go by words alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from bot.orchestrator.registry import Component
from knowledge.embed import Embedder, EmbedderFailed, Vectors


class WatchedEmbedder:
    """Itself an Embedder; made on the loop, called on other threads."""

    def __init__(self, embedder: Embedder, component: Component) -> None:
        self.name = embedder.name
        self.dimensions = embedder.dimensions
        self.scale = embedder.scale
        self.multilingual = embedder.multilingual
        self._embedder = embedder
        self._component = component
        self._loop = asyncio.get_running_loop()

    def questions(self, texts: Sequence[str]) -> Vectors:
        return self._watched(lambda: self._embedder.questions(texts))

    def passages(self, texts: Sequence[str]) -> Vectors:
        return self._watched(lambda: self._embedder.passages(texts))

    def knows(self, word: str) -> bool:
        return self._embedder.knows(word)

    def _watched(self, ask: Callable[[], Vectors]) -> Vectors:
        began = time.perf_counter()
        try:
            rows = ask()
        except EmbedderFailed as error:
            asyncio.run_coroutine_threadsafe(self._component.failed(str(error)), self._loop)
            raise
        asyncio.run_coroutine_threadsafe(self._component.succeeded(time.perf_counter() - began), self._loop)
        return rows
