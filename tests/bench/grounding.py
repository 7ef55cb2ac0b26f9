"""Grounding measured on a help centre and on many trades: `python -m tests.bench.grounding [FOLDER]`.

FOLDER holds `docs/`. `grounding.json` and `grounding_trades.json` beside this file are lists of questions,
with what was given to answer them (`pages`: the passages that the lookup finds, by document, title and first
words; `texts`: passages as title and text; `results`: what tools returned), answers that are `right` and
answers that are `false`. Those `unseen` were kept aside: what is missed of the trades' is not shown, so that
they stay so. Of the trades' answers half are German and more than a quarter in six other languages; their
right ones are in a model's own words. Counted is how many of the false ones are stopped, and of the right
ones; an answer is stopped when one of its sentences stands on nothing.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

from bot.orchestrator.agent import Alike
from bot.orchestrator.grounds import Grounds, Source, of_passage, of_result
from knowledge.base import Passage
from knowledge.chunk import cut
from knowledge.local import LocalIndex
from knowledge.meanings import Meanings
from knowledge.parse import read_page
from tests.bench.retrieval import corpora

MATERIAL = Path(__file__).with_name("grounding.json")
TRADES = Path(__file__).with_name("grounding_trades.json")
_FIRST = 40  # characters that tell a chunk from its neighbours


@dataclass(frozen=True, kw_only=True)
class Case:
    """A question, what was given to answer it, and answers."""

    question: str
    sources: Sequence[Source]
    right: Sequence[str]
    false: Sequence[str]
    unseen: bool


@dataclass(frozen=True, kw_only=True)
class Report:
    """What one run measured; `seconds` is each answer's time."""

    right: int
    false: int
    wrongly_stopped: Sequence[str]
    passed: Sequence[str]
    seconds: Sequence[float]

    @property
    def recall(self) -> float:
        """The share of false answers that was stopped."""
        return 1 - len(self.passed) / self.false

    @property
    def wrong_share(self) -> float:
        """The share of right answers that was stopped."""
        return len(self.wrongly_stopped) / self.right


def cases(docs: Path, material: Path = MATERIAL) -> Sequence[Case]:
    """Raises KeyError for a passage that is not in the documents."""
    pages: dict[str, Mapping[str, Passage]] = {}
    found = []
    for told in json.loads(material.read_text()):
        sources = [of_result(result, told.get("tool", "")) for result in told.get("results", ())]
        for title, _, text in (each.partition("|") for each in told.get("texts", ())):
            sources.append(of_passage(_passage(title, title, text)))
        for name in told.get("pages", ()):
            document = name.partition("|")[0]
            if document not in pages:
                pages[document] = _passages(docs, document)
            sources.append(of_passage(pages[document][name]))
        found.append(
            Case(
                question=told["question"],
                sources=sources,
                right=told["right"],
                false=told["false"],
                unseen=told.get("unseen", False),
            )
        )
    return found


async def measure(given: Sequence[Case], alike: Alike | None) -> Report:
    """Judges every answer once."""
    wrongly_stopped: list[str] = []
    passed: list[str] = []
    seconds: list[float] = []
    for case in given:
        for answers, right in ((case.right, True), (case.false, False)):
            for answer in answers:
                begun = time.perf_counter()
                grounds = Grounds(case.sources, heard=[case.question], alike=alike)
                stands = all(each.sources for each in await grounds.standings(answer))
                seconds.append(time.perf_counter() - begun)
                if right and not stands:
                    wrongly_stopped.append(answer)
                if stands and not right:
                    passed.append(answer)
    return Report(
        right=sum(len(case.right) for case in given),
        false=sum(len(case.false) for case in given),
        wrongly_stopped=wrongly_stopped,
        passed=passed,
        seconds=seconds,
    )


def _passages(docs: Path, document: str) -> Mapping[str, Passage]:
    """The chunks of a document as passages, by what the material calls them."""
    page = read_page(document, (docs / document).read_bytes())
    found = {}
    for chunk in cut(page):
        title = " › ".join([page.title, *chunk.headings])
        found[f"{document}|{title}|{chunk.text[:_FIRST]}"] = _passage(document, title, chunk.text)
    return found


def _passage(document: str, title: str, text: str) -> Passage:
    return Passage(document=document, title=title, url="", text=text, score=1.0, quote="")


async def main(docs: Path) -> None:
    centre, trades = cases(docs), cases(docs, TRADES)
    with tempfile.TemporaryDirectory() as folder:
        index = LocalIndex(Path(folder))
        meanings = Meanings(index)
        await meanings.alike("warm", ["warm"])
        for told, some in (
            ("help centre, seen while it was made", [case for case in centre if not case.unseen]),
            ("help centre, unseen", [case for case in centre if case.unseen]),
            ("trades, seen while it was made", [case for case in trades if not case.unseen]),
            ("trades, unseen", [case for case in trades if case.unseen]),
        ):
            for by, alike in (("by words alone", None), ("by words and meaning", meanings.alike)):
                report = await measure(some, alike)
                p95 = quantiles(report.seconds, n=20)[-1]
                print(
                    f"{told}, {by}: {report.recall:.3f} of {report.false} false answers stopped, "
                    f"{report.wrong_share:.3f} of {report.right} right ones; "
                    f"p50 {median(report.seconds) * 1e3:.1f} ms, p95 {p95 * 1e3:.1f} ms"
                )
            if told == "trades, unseen":
                continue  # to stay unseen
            for kind, answers in (("wrongly stopped", report.wrongly_stopped), ("passed", report.passed)):
                for answer in answers:
                    print(f"  {kind}: {answer}")
        await index.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else corpora() / "help-plausible" / "docs"))
