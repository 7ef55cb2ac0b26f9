"""`make bench`: Switchboard beside a bare and a lean skeleton, in one run, round by round in turns.

The machine may be busy with other things; what counts are ratios within a round, and medians over rounds.
`--quick` takes a few minutes and writes nothing down.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import resource
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import uvloop
from rich.console import Console

from tests.bench import analytics, desk, growth, mail, store_times, turns, webhooks
from tests.bench.driver import all_at_once, one_by_one, percentile
from tests.bench.report import Report, Rounds
from tests.bench.subjects import BARE, LEAN, OURS, OURS_POSTGRES, Subject, cpu_seconds, ours, skeleton, taught
from tests.processes import ModelProcess, model_server

RESULTS = Path(__file__).parent / "results.json"
TOKENS = 40  # of the scripted model's answer


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much of everything. Durations in seconds."""

    rounds: int
    serial_turns: int  # a round
    turns_each: int  # of 50 conversations at once, a round
    slow_turns_each: int  # of 100 conversations at once, after the first of each
    idle: float
    waiting: float
    streams: int
    streams_idle: float
    conversations: int
    messages: int
    webhooks: float  # a round
    mails: int
    counted: int  # conversations
    listed: int  # conversations
    postgres: bool


FULL = Scale(
    rounds=5,
    serial_turns=48,
    turns_each=6,
    slow_turns_each=4,
    idle=30,
    waiting=8,
    streams=2000,
    streams_idle=32,
    conversations=200_000,
    messages=10_000,
    webhooks=6,
    mails=5_000,
    counted=500_000,
    listed=10_000,
    postgres=True,
)
QUICK = Scale(
    rounds=2,
    serial_turns=12,
    turns_each=2,
    slow_turns_each=1,
    idle=3,
    waiting=3,
    streams=100,
    streams_idle=4,
    conversations=20_000,
    messages=1_000,
    webhooks=3,
    mails=500,
    counted=2_000,
    listed=2_000,
    postgres=False,
)


@contextlib.asynccontextmanager
async def _only(subject: Subject) -> AsyncIterator[None]:
    """Let one subject run; a collection in the driver waits until its round is over."""
    subject.go_on()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        await asyncio.sleep(0.5)  # what it does after an answer ends before it is stopped
        subject.stop()


async def serial(report: Report, subjects: Sequence[Subject], scale: Scale) -> None:
    """One visitor at a time: what a person waits for when nobody else is there."""
    rounds = Rounds()
    for _ in range(scale.rounds):
        for subject in subjects:
            async with _only(subject):
                conversations = await subject.conversations(4)
                await one_by_one(conversations, 4)
                timings = await one_by_one(conversations, scale.serial_turns)
                for each in conversations:
                    each.close()
            finished = [timing.finished * 1000 for timing in timings]
            rounds.add(
                subject.name,
                {
                    "first words, p50": percentile([timing.first * 1000 for timing in timings], 50),
                    "finished, p50": percentile(finished, 50),
                    "finished, p95": percentile(finished, 95),
                },
            )
    report.section("One at a time: from POST to the answer", rounds.medians(), "ms")
    report.verdict(
        "serial time beside the bare skeleton", rounds.ratio("finished, p50", OURS, BARE), at_most=1.0
    )


async def throughput(report: Report, subjects: Sequence[Subject], model: ModelProcess, scale: Scale) -> None:
    """50 conversations that ask again as soon as they are answered."""
    rounds = Rounds()
    cost = Rounds()
    for _ in range(scale.rounds):
        for subject in subjects:
            async with _only(subject):
                conversations = await subject.conversations(50)
                await all_at_once(conversations, 1)
                before = _with_the_rest(subject, model)
                timings, seconds = await all_at_once(conversations, scale.turns_each)
                after = _with_the_rest(subject, model)
                for each in conversations:
                    each.close()
            finished = [timing.finished * 1000 for timing in timings]
            rounds.add(
                subject.name,
                {
                    "turns a second": len(timings) / seconds,
                    "p50, ms": percentile(finished, 50),
                    "p95, ms": percentile(finished, 95),
                    "answered by the model, %": 100 * sum(each.by_model for each in timings) / len(timings),
                },
            )
            used = {role: (after[role] - before[role]) * 1000 / len(timings) for role in after}
            own = sum(used[role] for role in subject.processes)
            cost.add(subject.name, {"all of its own": own} | used)
    report.section("50 conversations at once", rounds.medians(), "turns a second, ms")
    report.section("CPU of a turn at 50 at once", cost.medians(), "ms")
    report.section(
        "Memory after that", _by_figure({subject.name: subject.memory() for subject in subjects}), "MiB"
    )
    report.verdict(
        "throughput beside the bare skeleton", rounds.ratio("turns a second", OURS, BARE), at_least=1.0
    )


async def slow_model(report: Report, subjects: Sequence[Subject], model: ModelProcess, scale: Scale) -> None:
    """100 conversations at once with a model that takes 2 s: does a slow model make others queue?"""
    model.become(tokens=TOKENS, first_delay=2.0)
    found: dict[str, dict[str, float]] = {}
    for subject in subjects:
        async with _only(subject):
            conversations = await subject.conversations(100)
            burst, _ = await all_at_once(conversations, 1)
            conversations = [
                each for each, timing in zip(conversations, burst, strict=True) if timing.by_model
            ]
            timings, _ = await all_at_once(conversations, scale.slow_turns_each)
            for each in conversations:
                each.close()
        finished = [timing.finished for timing in [*burst, *timings]]
        found[subject.name] = {
            "p50": percentile(finished, 50),
            "p95": percentile(finished, 95),
            "answered by the model, %": 100 * sum(each.by_model for each in timings) / len(timings),
            "p50 of the first hundred, posted in the same instant": percentile(
                [timing.finished for timing in burst], 50
            ),
        }
    report.section("100 conversations at once, a model of 2 s", _by_figure(found), "s, %")
    report.verdict("p50 with a model of 2 s, in s", found[OURS]["p50"], at_most=2.3)


async def at_rest(report: Report, subjects: Sequence[Subject], model: ModelProcess, scale: Scale) -> None:
    """What waiting costs: with nothing to do, and with 50 turns that wait on a slow model."""
    for subject in subjects:
        subject.go_on()
    idle = await _shares(subjects, scale.idle)
    model.become(tokens=TOKENS, first_delay=scale.waiting + 4)
    groups = [await subject.conversations(50) for subject in subjects]
    asked = [asyncio.create_task(all_at_once(group, 1)) for group in groups]
    await asyncio.sleep(3)  # until every turn waits on the model: what is measured is the waiting
    waiting = await _shares(subjects, scale.waiting)
    await asyncio.gather(*asked)
    for each in (conversation for group in groups for conversation in group):
        each.close()
    for subject in subjects:
        subject.stop()
    model.become(tokens=TOKENS)
    report.section("An idle system", idle, "% of a core")
    report.section("50 turns that wait on the model", waiting, "% of a core")
    report.verdict("idle worker, % of a core", idle["worker"][OURS], at_most=2.0)
    both = waiting["worker"][OURS] + waiting["redis"][OURS]
    report.verdict("worker and Redis with 50 turns waiting, % of a core", both, at_most=10.0)


async def idle_streams(report: Report, subjects: Sequence[Subject], scale: Scale) -> None:
    """Open event streams on which nothing happens."""
    found: dict[str, dict[str, float]] = {}
    for subject in subjects:
        async with _only(subject):
            before = subject.memory()
            conversations = []
            for _ in range(0, scale.streams, 50):
                conversations += await subject.conversations(50)
            after = subject.memory()
            seen = [conversation.bytes_read for conversation in conversations]
            used, began = subject.cpu(), time.perf_counter()
            await asyncio.sleep(scale.streams_idle)
            spent = (sum(subject.cpu().values()) - sum(used.values())) * 100
            seconds = time.perf_counter() - began
            read = sum(each.bytes_read for each in conversations) - sum(seen)
            for each in conversations:
                each.close()
            await asyncio.sleep(1)  # the server sees its readers go before it is stopped
        found[subject.name] = {
            "KiB in the web process, each": (after["web"] - before["web"]) * 1024 / scale.streams,
            "KiB in Redis, each": (after["redis"] - before["redis"]) * 1024 / scale.streams,
            "bytes a minute, each": read * 60 / seconds / scale.streams,
            "all of them, % of a core": spent / seconds,
        }
    report.section(f"{scale.streams:,} idle event streams", _by_figure(found), "as named")


async def _shares(subjects: Sequence[Subject], seconds: float) -> Mapping[str, Mapping[str, float]]:
    """CPU of every process over a while, in percent of a core."""
    before, began = [subject.cpu() for subject in subjects], time.perf_counter()
    await asyncio.sleep(seconds)
    took = time.perf_counter() - began
    return _by_figure(
        {
            subject.name: {role: (used - first[role]) * 100 / took for role, used in subject.cpu().items()}
            for subject, first in zip(subjects, before, strict=True)
        }
    )


def _with_the_rest(subject: Subject, model: ModelProcess) -> Mapping[str, float]:
    times = psutil.Process().cpu_times()
    rest = {"model server": cpu_seconds(model.figures()), "driver": times.user + times.system}
    return {**subject.cpu(), **rest}


def _by_figure(found: Mapping[str, Mapping[str, float]]) -> Mapping[str, Mapping[str, float]]:
    figures = dict.fromkeys(figure for row in found.values() for figure in row)
    return {
        figure: {subject: row[figure] for subject, row in found.items() if figure in row}
        for figure in figures
    }


async def measure(scale: Scale, out: Console) -> Report:
    """Everything, in one run."""
    report = Report(out)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        out.print("starting the skeletons and Switchboard …")
        model = stack.enter_context(model_server(folder, tokens=TOKENS))
        bare = stack.enter_context(skeleton(folder / "bare", BARE, "tests.bench.skeleton", model.url))
        lean = stack.enter_context(skeleton(folder / "lean", LEAN, "tests.bench.lean", model.url))
        knowledge = taught(folder / "taught")
        switchboard = stack.enter_context(ours(folder / "ours", model.url, knowledge=knowledge))
        subjects = [bare, lean, switchboard]
        databases = [switchboard]
        if scale.postgres:
            databases.append(
                stack.enter_context(
                    ours(
                        folder / "ours-postgres",
                        model.url,
                        knowledge=knowledge,
                        name=OURS_POSTGRES,
                        on_postgres=True,
                    )
                )
            )
        everyone = [*subjects, *databases[1:]]
        stack.callback(lambda: [subject.go_on() for subject in everyone])  # so that they hear their end
        for subject in everyone:
            subject.stop()
        await serial(report, everyone, scale)
        store_times.report_pick_up(report, switchboard)
        await throughput(report, everyone, model, scale)
        await slow_model(report, subjects, model, scale)
        await at_rest(report, subjects, model, scale)
        await idle_streams(report, [bare, switchboard], scale)
        await turns.measure(
            report,
            folder / "turns",
            model.url,
            knowledge=knowledge,
            rounds=scale.rounds,
            turns=scale.serial_turns,
        )
        await growth.measure(
            report,
            folder,
            model.url,
            knowledge=knowledge,
            conversations=scale.conversations,
            messages=scale.messages,
        )
        await webhooks.measure(
            report,
            folder,
            model.url,
            knowledge=knowledge,
            rounds=scale.rounds,
            seconds=scale.webhooks,
            postgres=scale.postgres,
        )
        await asyncio.to_thread(mail.measure, report, folder, mails=scale.mails)
        await asyncio.to_thread(
            desk.measure,
            report,
            folder,
            conversations=scale.listed,
            rounds=scale.rounds,
            postgres=scale.postgres,
        )
        await analytics.measure(report, folder, conversations=scale.counted, postgres=scale.postgres)
    return report


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small numbers, a few minutes")
    quick: bool = parser.parse_args().quick
    # However it is ended, it takes its processes along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 20_000)), hard))
    out = Console(width=110)
    began = time.monotonic()
    report = uvloop.run(measure(QUICK if quick else FULL, out))
    out.print(f"took {time.monotonic() - began:.0f} s")
    if not quick:
        report.write(RESULTS)


if __name__ == "__main__":
    main()
