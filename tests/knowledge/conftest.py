"""What the knowledge tests share: a folder to learn, an index, and an embedder that costs nothing."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from knowledge import words
from knowledge.embed import Scale, Vectors
from knowledge.local import LocalIndex


class BagOfWords:
    """An honest little embedder: texts that share words are near. It counts what it was given."""

    name = "bag-of-words"
    dimensions = 256
    scale = Scale(even=0.3, step=0.05)
    multilingual = False

    def __init__(self) -> None:
        self.read: list[str] = []

    def questions(self, texts: Sequence[str]) -> Vectors:
        return np.array([self._vector(text) for text in texts], np.float32)

    def passages(self, texts: Sequence[str]) -> Vectors:
        self.read += texts
        return self.questions(texts)

    def knows(self, word: str) -> bool:
        return False

    def _vector(self, text: str) -> Vectors:
        row = np.full(self.dimensions, 1e-3, np.float32)
        for stem in words.stems(text):
            if stem not in words.STOP_WORDS:
                row[zlib.crc32(stem.encode()) % self.dimensions] += 1
        return row / np.linalg.norm(row)


@pytest.fixture
def embedder() -> BagOfWords:
    return BagOfWords()


@pytest.fixture
async def index(tmp_path: Path, embedder: BagOfWords) -> AsyncIterator[LocalIndex]:
    found = LocalIndex(tmp_path / "data", embedder=embedder)
    yield found
    await found.close()


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """A small help centre; the folder may be changed by the test."""
    folder = tmp_path / "help"
    folder.mkdir()
    (folder / "returns.md").write_text(
        "---\ntitle: Returns\ndescription: How to send something back.\n---\n\n"
        "You can return unworn goods within 30 days. Print the label from your account.\n\n"
        "## What does a return cost?\n\n"
        "Returns within Germany are free. From Austria a return costs 4.90 EUR.\n"
    )
    (folder / "payment.md").write_text(
        "# Ways to pay\n\nWe take cards, PayPal and invoices. An invoice is due after 14 days.\n"
    )
    (folder / "sub").mkdir()
    (folder / "sub" / "vouchers.md").write_text("# Vouchers\n\nA gift voucher is valid for three years.\n")
    return folder
