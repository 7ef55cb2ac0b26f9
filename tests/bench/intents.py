"""Routing measured on labelled messages: `python -m tests.bench.intents [PATH]`.

PATH is a JSON file, or a folder with a `data.json`: `train`, `val` or `test` have pairs of a message and its
intent, `oos_val` or `oos_test`, where there are any, messages that belong to none. Ten examples of each
intent are all that the router is given: the first ten, and again ten spread over what there is. An in-scope
message that is taken for out of scope counts as wrong.

Besides: how many of the ways in `person_ways`, and of those written there later, are taken for the wish for
a person, by phrases alone and with meaning, and how many of the messages in PATH are, which is wrong.
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

from bot.orchestrator.intents import ByExamples, Intent
from bot.orchestrator.wishes import wants_person
from knowledge.local import LocalIndex
from knowledge.meanings import Meanings
from tests.bench.person_ways import LATER, LATEST, SOUND_LIKE_IT, WAYS
from tests.bench.retrieval import corpora

EXAMPLES = 10
Examples = Mapping[str, Sequence[str]]  # by intent


@dataclass(frozen=True, kw_only=True)
class Messages:
    """What a file holds; `known` are examples by intent, all there are."""

    known: Examples
    in_scope: Sequence[tuple[str, str]]
    out_of_scope: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Report:
    """What one run measured; `seconds` is each message's time."""

    accuracy: float
    out_of_scope_recall: float
    seconds: Sequence[float]
    cpu: float  # seconds a message


def read(path: Path) -> Messages:
    told = json.loads((path / "data.json" if path.is_dir() else path).read_text())
    known: dict[str, list[str]] = {}
    for message, intent in told["train"]:
        known.setdefault(intent, []).append(message)
    return Messages(
        known=known,
        in_scope=[(message, intent) for message, intent in told.get("test") or told["val"]],
        out_of_scope=[message for message, _ in told.get("oos_test") or told.get("oos_val") or ()],
    )


def first(known: Examples) -> Examples:
    return {intent: examples[:EXAMPLES] for intent, examples in known.items()}


def spread(known: Examples) -> Examples:
    return {
        intent: [examples[i * len(examples) // EXAMPLES] for i in range(min(EXAMPLES, len(examples)))]
        for intent, examples in known.items()
    }


async def measure(
    examples: Examples, messages: Messages, index: LocalIndex, *, by_meaning: bool = True
) -> Report:
    """Routes every message once."""
    intents = {name: Intent(examples=own) for name, own in examples.items()}
    router = ByExamples(intents, Meanings(index))
    if by_meaning:
        await router.learn()
        await index.vectors(["warm"])
    right, rejected, seconds = 0, 0, []
    cpu = time.process_time()
    for message, intent in [*messages.in_scope, *((message, None) for message in messages.out_of_scope)]:
        begun = time.perf_counter()
        route = await router.route(message, history=(), language="en")
        seconds.append(time.perf_counter() - begun)
        if intent is None:
            rejected += route.told["intent"] is None
        else:
            right += route.told["intent"] == intent
    return Report(
        accuracy=right / len(messages.in_scope),
        out_of_scope_recall=rejected / max(len(messages.out_of_scope), 1),
        seconds=seconds,
        cpu=(time.process_time() - cpu) / len(seconds),
    )


async def calls_for_a_person(texts: Sequence[str], index: LocalIndex) -> tuple[float, float]:
    """The share of the texts taken for the wish for a person: by phrases alone, and with meaning."""
    router = ByExamples({}, Meanings(index))
    await router.learn()
    by_phrases = [wants_person(text) for text in texts]
    both = [found or await router.wants_person(text) for text, found in zip(texts, by_phrases, strict=True)]
    return sum(by_phrases) / len(texts), sum(both) / len(texts)


async def main(path: Path) -> None:
    messages = read(path)
    print(
        f"{len(messages.known)} intents, {EXAMPLES} examples each; "
        f"{len(messages.in_scope)} messages in scope, {len(messages.out_of_scope)} out of scope"
    )
    print(f"{'':32} {'accuracy':>8} {'out-of-scope recall':>20} {'p50 ms':>7} {'p95 ms':>7} {'CPU ms':>7}")
    with tempfile.TemporaryDirectory() as folder:
        index = LocalIndex(Path(folder))
        for told, examples in (("the first ten", first), ("ten spread", spread)):
            for by, by_meaning in (("words alone", False), ("meaning and words", True)):
                report = await measure(examples(messages.known), messages, index, by_meaning=by_meaning)
                p95 = quantiles(report.seconds, n=20)[-1]
                print(
                    f"{told + ', ' + by:32} {report.accuracy:8.3f} {report.out_of_scope_recall:20.3f} "
                    f"{median(report.seconds) * 1e3:7.1f} {p95 * 1e3:7.1f} {report.cpu * 1e3:7.1f}"
                )
        ways = [way for own in WAYS.values() for way in own]
        others = [*(message for message, _ in messages.in_scope), *messages.out_of_scope]
        told_by = {
            "calls for a person": ways,
            "written later": LATER,
            "written last": LATEST,
            "that sound like calls": SOUND_LIKE_IT,
            "other messages": others,
        }
        for told, texts in told_by.items():
            by_phrases, both = await calls_for_a_person(texts, index)
            print(f"{len(texts)} {told}, taken for one: {by_phrases:.4f} by phrases, {both:.4f} with meaning")
        await index.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else corpora() / "intent-clinc150"))
