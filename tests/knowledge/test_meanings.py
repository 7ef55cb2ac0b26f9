"""Vectors of examples are made once; a file of them that is damaged costs time and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from knowledge.embed import EmbedderFailed, Scale, Vectors
from knowledge.local import LocalIndex
from knowledge.meanings import Meanings
from tests.knowledge.conftest import BagOfWords

EXAMPLES = [f"I want number {n}" for n in range(40)]


class Counting(BagOfWords):
    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def questions(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        return super().questions(texts)


class Broken(BagOfWords):
    name = "broken"

    def questions(self, texts: Sequence[str]) -> Vectors:
        raise EmbedderFailed("no network")


async def learned(folder: Path, embedder: BagOfWords, texts: Sequence[str]) -> tuple[Vectors, Scale] | None:
    index = LocalIndex(folder, embedder=embedder)
    try:
        return await Meanings(index).of_examples(texts)
    finally:
        await index.close()


async def test_examples_are_embedded_once_and_kept(tmp_path: Path) -> None:
    embedder = Counting()
    once = await learned(tmp_path, embedder, EXAMPLES)
    again = await learned(tmp_path, embedder, [EXAMPLES[1], "a new one", EXAMPLES[0]])
    assert embedder.asked == [*EXAMPLES, "a new one"]
    assert once is not None
    assert again is not None
    assert np.array_equal(again[0][0], once[0][1])
    assert np.array_equal(again[0][2], once[0][0])
    assert again[1] == embedder.scale


@pytest.mark.parametrize("damage", [b"", b"garbage", b"PK\x03\x04 half a file"])
async def test_a_damaged_file_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    embedder = Counting()
    await learned(tmp_path, embedder, EXAMPLES)
    (tmp_path / "examples.npz").write_bytes(damage)
    await learned(tmp_path, embedder, EXAMPLES)
    assert embedder.asked == [*EXAMPLES, *EXAMPLES]
    await learned(tmp_path, embedder, EXAMPLES)
    assert len(embedder.asked) == 2 * len(EXAMPLES)


async def test_another_embedder_makes_its_own(tmp_path: Path) -> None:
    class Other(Counting):
        name = "other"

    await learned(tmp_path, Counting(), EXAMPLES)
    other = Other()
    await learned(tmp_path, other, EXAMPLES)
    assert other.asked == EXAMPLES


async def test_an_embedder_that_cannot_be_asked_leaves_it_to_words(tmp_path: Path) -> None:
    assert await learned(tmp_path, Broken(), EXAMPLES) is None
    index = LocalIndex(tmp_path, embedder=Broken())
    assert await Meanings(index).of(["Where is my order?"]) is None
    await index.close()
