"""Retrieval measured on a help centre: `python -m tests.bench.retrieval [FOLDER]`.

FOLDER holds `docs/` and `questions.jsonl`, one question a line: `id`, `question`, `kind`, `pages` (any of
them is right; with `all`, every one is needed; none: unanswerable) and, for follow-ups, `history`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median, quantiles

from knowledge.embed import Embedder
from knowledge.learn import embed_pending, learn
from knowledge.local import LocalIndex
from knowledge.lookup import Found, Lookup, NoMatch


@dataclass(frozen=True, kw_only=True)
class Question:
    question: str
    kind: str
    pages: frozenset[str]
    every: bool
    history: tuple[str, ...]


@dataclass(kw_only=True)
class Tally:
    """Of one kind of question: how far down the right pages stood, and what was declined."""

    ranks: list[int | None] = field(default_factory=list)  # 1 is best; None: not among the pages returned
    declined: int = 0

    def recall(self, within: int) -> float:
        return mean(rank is not None and rank <= within for rank in self.ranks)

    @property
    def reciprocal(self) -> float:
        return mean(1 / rank if rank else 0.0 for rank in self.ranks)

    @property
    def declined_share(self) -> float:
        return self.declined / len(self.ranks)


@dataclass(kw_only=True)
class Report:
    """What one run measured; times in seconds."""

    kinds: dict[str, Tally]
    words_after: float
    meaning_after: float
    lookups: list[float]
    lookup_cpu: float
    chunks: int

    def of_answerable(self) -> Tally:
        tallies = [tally for kind, tally in self.kinds.items() if kind != "unanswerable"]
        return Tally(
            ranks=[rank for tally in tallies for rank in tally.ranks],
            declined=sum(tally.declined for tally in tallies),
        )


def corpora() -> Path:
    """Where the corpora lie: CORPORA, or beside the checkout."""
    return Path(os.environ.get("CORPORA", Path(__file__).parents[3] / "shared" / "data"))


def read_questions(path: Path) -> list[Question]:
    found = []
    for line in path.read_text().splitlines():
        told = json.loads(line)
        found.append(
            Question(
                question=told["question"],
                kind=told["kind"],
                pages=frozenset(page.removeprefix("docs/") for page in told["pages"]),
                every=bool(told.get("all")),
                history=tuple(told.get("history", ())),
            )
        )
    return found


async def measure(
    docs: Path, questions: list[Question], index_folder: Path, *, embedder: Embedder | None = None
) -> Report:
    """Learns `docs` into `index_folder` and asks every question once."""
    index = LocalIndex(index_folder, embedder=embedder)
    started = time.perf_counter()
    learned = await learn(index, [docs])
    words_after = time.perf_counter() - started
    if learned.failed:
        print("failed:", dict(learned.failed), file=sys.stderr)
    await embed_pending(index)
    meaning_after = time.perf_counter() - started
    lookup = Lookup(index)
    await lookup.find("warm", limit=10)
    kinds: dict[str, Tally] = defaultdict(Tally)
    lookups = []
    cpu = time.process_time()
    for asked in questions:
        begun = time.perf_counter()
        result = await lookup.find(asked.question, limit=20, history=asked.history)
        lookups.append(time.perf_counter() - begun)
        match result:
            case Found(passages=passages):
                declined = False
            case NoMatch(nearest=passages):
                declined = True
            case down:
                raise RuntimeError(down)
        pages = list(dict.fromkeys(passage.document for passage in passages))
        kinds[asked.kind].ranks.append(_rank(asked, pages))
        kinds[asked.kind].declined += declined
    cpu = (time.process_time() - cpu) / len(questions)
    chunks = (await index.statistics()).chunks
    await index.close()
    return Report(
        kinds=dict(kinds),
        words_after=words_after,
        meaning_after=meaning_after,
        lookups=lookups,
        lookup_cpu=cpu,
        chunks=chunks,
    )


def _rank(asked: Question, pages: list[str]) -> int | None:
    """Where among the distinct pages the first right one stood, or the last where every one is needed."""
    places = [pages.index(page) + 1 if page in pages else None for page in asked.pages]
    found = [place for place in places if place is not None]
    if not found or (asked.every and len(found) < len(places)):
        return None
    return max(found) if asked.every else min(found)


def show(report: Report) -> None:
    print(f"{'kind':14} {'n':>4} {'recall@1':>9} {'recall@3':>9} {'recall@5':>9} {'MRR':>6} {'declined':>9}")
    rows = [(kind, tally) for kind, tally in report.kinds.items() if kind != "unanswerable"]
    for kind, tally in [*rows, ("answerable", report.of_answerable())]:
        recalls = " ".join(f"{tally.recall(n):9.3f}" for n in (1, 3, 5))
        print(f"{kind:14} {len(tally.ranks):4} {recalls} {tally.reciprocal:6.3f} {tally.declined_share:9.3f}")
    unanswerable = report.kinds.get("unanswerable")
    if unanswerable:
        share = unanswerable.declined_share
        print(f"{'unanswerable':14} {len(unanswerable.ranks):4} {'rightly not answered':>36} {share:9.3f}")
    p95 = quantiles(report.lookups, n=20)[-1]
    print(
        f"{report.chunks} chunks; by words after {report.words_after:.1f} s, by meaning after "
        f"{report.meaning_after:.1f} s; lookup p50 {median(report.lookups) * 1e3:.1f} ms, "
        f"p95 {p95 * 1e3:.1f} ms, {report.lookup_cpu * 1e3:.1f} ms of CPU"
    )


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else corpora() / "help-plausible"
    if not (folder / "questions.jsonl").is_file():
        sys.exit(f"{folder} holds no questions.jsonl")
    with tempfile.TemporaryDirectory() as index_folder:
        questions = read_questions(folder / "questions.jsonl")
        show(asyncio.run(measure(folder / "docs", questions, Path(index_folder))))


if __name__ == "__main__":
    main()
