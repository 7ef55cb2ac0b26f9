"""Embedders: from a text to a vector whose neighbours mean something similar.

Which one, and by which figures: docs/decisions/0002-lookup.md.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from knowledge.encoder import graph
from knowledge.weights import E5Weights, NoWeights, installed, unpacked

if TYPE_CHECKING:
    from openai import AsyncOpenAI

Vectors = NDArray[np.float32]
_PATIENCE_FOR_QUESTIONS = 2.0  # seconds; beyond it, words alone answer
_PATIENCE_FOR_PASSAGES = 60.0


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How to read an embedder's cosines: each model spreads them over a range of its own.

    At `even` a passage is as likely to answer a question as not (before the question's length and
    its words are counted, see rank.confidence); each `step` above multiplies the odds by e.
    """

    even: float
    step: float


class EmbedderFailed(RuntimeError):  # noqa: N818
    """It could not be asked; its message says why."""


class Embedder(Protocol):
    """Blocking: call it on a thread. `name` changes whenever its vectors do. A `multilingual` one puts what
    means the same in two languages side by side."""

    name: str
    dimensions: int
    scale: Scale
    multilingual: bool

    def questions(self, texts: Sequence[str]) -> Vectors:
        """One row of length 1 for each question."""
        ...

    def passages(self, texts: Sequence[str]) -> Vectors:
        """One row of length 1 for each passage."""
        ...

    def knows(self, word: str) -> bool:
        """Whether it met this word often, in whatever language; a mistyped one it hardly did."""
        ...


def local_kind() -> type[E5Embedder] | type[WordLlamaEmbedder]:
    """The best embedder whose weights are installed here, not loaded."""
    try:
        installed()
    except NoWeights:
        return WordLlamaEmbedder
    return E5Embedder


def local_embedder() -> Embedder:
    """The best embedder whose weights are installed here; loads them (about a second)."""
    return local_kind()()


class E5Embedder:
    """multilingual-e5-small in int8: about a hundred languages in one space, some 10 ms a question."""

    name = "multilingual-e5-small-int8-1"
    dimensions = 384
    scale = Scale(even=0.9395, step=0.017)
    multilingual = True
    _LONGEST = 320  # word pieces of a passage; the model could read 512, at a price
    _LONGEST_QUESTION = 96

    def __init__(self) -> None:
        self._weights = E5Weights(installed())
        width = self._weights.width
        self._words = self._weights.blocks("emb.word", self._weights.vocabulary, width)
        kind = self._weights.floats("emb.type")[:width]
        self._positions = self._weights.floats("emb.pos").reshape(-1, width) + kind
        self._session = self._open()
        self._output: str = self._session.get_outputs()[0].name

    def _open(self) -> Any:
        # From its import on it would write down who we are and report to its maker; customers' questions run
        # through here.
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # One question is too small to share between cores, and spinning threads would eat the other
        # core's work; many passages are shared by running several at once.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # Its further optimizations fuse the sums into an operator that is slower here.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(graph(self._weights), options)

    def questions(self, texts: Sequence[str]) -> Vectors:
        return np.array([self._run(f"query: {text}", self._LONGEST_QUESTION) for text in texts])

    def passages(self, texts: Sequence[str]) -> Vectors:
        # Each text by itself, on as many threads as there are cores: together in a batch the same texts
        # took a third more time.
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            return np.array(list(pool.map(lambda text: self._run(f"passage: {text}", self._LONGEST), texts)))

    def knows(self, word: str) -> bool:
        return self._weights.is_piece(word) or self._weights.is_piece(word.lower())

    def _run(self, text: str, limit: int) -> Vectors:
        ids = self._weights.tokens(text, limit)
        vectors = unpacked(self._words[ids]) + self._positions[: len(ids)]
        (states,) = self._session.run([self._output], {"vectors": vectors[None]})
        mean: Vectors = states[0].mean(axis=0)
        return mean / max(float(np.linalg.norm(mean)), 1e-9)


class WordLlamaEmbedder:
    """The mean of static English word vectors that ship in the `wordllama` wheel: 0.1 ms a question."""

    name = "wordllama-l2-supercat-256"
    dimensions = 256
    scale = Scale(even=0.47, step=0.04)
    multilingual = False

    def __init__(self) -> None:
        import wordllama

        # The wheel holds weights and tokenizer; told to look in itself, it never reaches for a network.
        inside = Path(wordllama.__file__).parent
        self._model: Any = wordllama.WordLlama.load(cache_dir=inside, disable_download=True)
        self._one_at_a_time = threading.Lock()

    def questions(self, texts: Sequence[str]) -> Vectors:
        return self.passages(texts)

    def passages(self, texts: Sequence[str]) -> Vectors:
        with self._one_at_a_time:
            return _to_length_one(self._model.embed(list(texts)).astype(np.float32))

    def knows(self, word: str) -> bool:  # noqa: ARG002
        return True  # its pieces are too small to tell a word from a slip


class OpenAIEmbedder:
    """The embeddings of an OpenAI-compatible server, asked through the client's own event loop.

    Made on that loop; called, like every embedder, on other threads. Raises EmbedderFailed; a search
    then goes by words alone.
    """

    scale = Scale(even=0.71, step=0.06)  # set by the model's published range, not measured here
    multilingual = True

    def __init__(
        self, client: AsyncOpenAI, *, model: str = "text-embedding-3-small", dimensions: int = 512
    ) -> None:
        self._client = client
        self._model = model
        self._loop = asyncio.get_running_loop()
        self.dimensions = dimensions
        self.name = f"openai-{model}-{dimensions}"

    def questions(self, texts: Sequence[str]) -> Vectors:
        return self._ask(texts, _PATIENCE_FOR_QUESTIONS)

    def passages(self, texts: Sequence[str]) -> Vectors:
        return self._ask(texts, _PATIENCE_FOR_PASSAGES)

    def knows(self, word: str) -> bool:  # noqa: ARG002
        return True  # it copes with slips by itself

    def _ask(self, texts: Sequence[str], timeout: float) -> Vectors:
        from openai import OpenAIError

        asked = self._client.embeddings.create(
            model=self._model,
            input=[text or " " for text in texts],
            dimensions=self.dimensions,
            timeout=timeout,
        )
        try:
            answer = asyncio.run_coroutine_threadsafe(asked, self._loop).result(timeout + 1)
        except (OpenAIError, TimeoutError, ValueError, TypeError, AttributeError) as error:
            raise EmbedderFailed(str(error) or type(error).__name__) from error
        try:
            ordered = sorted(answer.data, key=lambda row: row.index)
            rows = np.array([row.embedding for row in ordered], np.float32)
        except (ValueError, TypeError, AttributeError) as error:
            raise EmbedderFailed("the server's answer is no list of embeddings") from error
        if rows.shape != (len(texts), self.dimensions) or not np.isfinite(rows).all():
            raise EmbedderFailed(f"the server's embeddings have the shape {rows.shape}")
        return _to_length_one(rows)


def _to_length_one(rows: Vectors) -> Vectors:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    found: Vectors = rows / np.maximum(lengths, 1e-9)
    return found
