"""Teaching from the command line: progress while it runs, plain words at the end."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bot.app import House
from bot.demo import SAMPLE
from knowledge.base import LookupFailed
from knowledge.learn import Learned, embed_pending, forget, learn

log = logging.getLogger("switchboard.learning")


async def learn_sources(
    house: House, sources: Sequence[str], out: Console, *, base_url: str | None = None
) -> bool:
    """Learn `sources` by words and by meaning. False when anything could not be learned.

    Customers read their pages below `base_url`, or below the one given for a source before.
    """
    learned = await _learn(house, sources, out, base_url=base_url)
    _report(learned, out)
    there = [(source, each) for source, each in zip(sources, learned, strict=True) if _is_there(source)]
    brought = any(each.added or each.changed or each.unchanged for _, each in there)
    if brought and str(SAMPLE) not in [address for address, _ in map(_place, sources)]:
        await _leave_sample(house, out)
    for source, each in there:
        await _remember(house, source, each)
    if brought:
        _say_what_is_next(house, out)
    return not any(each.failed for each in learned)


def _say_what_is_next(house: House, out: Console) -> None:
    """Pages alone do not make it theirs: without a bot.toml a running server speaks for the demo shop."""
    config = house.settings.bot_config
    if config.exists():
        return
    out.print(
        f"next: copy bot.example.toml to {config} and write who answers (name, company, instructions);\n"
        "then restart `switchboard run` if it is running: until then it speaks for the demo shop",
        highlight=False,
        markup=False,
    )


async def _learn(
    house: House, sources: Sequence[str], out: Console, *, base_url: str | None
) -> Sequence[Learned]:
    """By words, then by meaning, with a bar for each; what became of each source, in order."""
    with _progress(out) as progress:
        reading = progress.add_task("reading", total=None)
        learned = [
            await learn(
                house.index,
                [source],
                base_url=base_url,
                on_progress=lambda at: progress.update(reading, completed=at.done, total=at.total),
            )
            for source in sources
        ]
        meaning = progress.add_task("understanding", total=None)
        await embed_pending(
            house.index,
            on_progress=lambda at: progress.update(meaning, completed=at.done, total=at.total),
        )
    return learned


async def learn_sample(house: House, out: Console) -> None:
    """While nothing else is known: the demo shop's help centre.

    Learned again at every start, so that its pages are cited at the address the server has now.
    """
    known = {source.address for source in await house.store.knowledge.sources()}
    try:
        learned_otherwise = not known and (await house.index.statistics()).documents
        if learned_otherwise or known - {str(SAMPLE)}:
            return
    except LookupFailed as error:
        log.error("%s; `switchboard learn` makes it anew", error)  # noqa: TRY400
        return
    (learned,) = await _learn(house, [str(SAMPLE)], out, base_url=house.settings.address)
    await _remember(house, str(SAMPLE), learned)


async def _remember(house: House, source: str, learned: Learned) -> None:
    address, kind = _place(source)
    documents = len(learned.added) + len(learned.changed) + len(learned.unchanged)
    await house.store.knowledge.remember(address, kind=kind, documents=documents, failed=len(learned.failed))


async def _leave_sample(house: House, out: Console) -> None:
    """A company that brings its own knowledge must not answer with the demo shop's."""
    if documents := await forget(house.index, SAMPLE):
        out.print(f"the demo shop's {documents} documents were taken out again", highlight=False)
    await house.store.knowledge.forget(str(SAMPLE))


async def warm(house: House) -> None:
    """Load what looks things up, so that the first question need not wait for it."""
    with contextlib.suppress(LookupFailed):  # told by /readyz and by every answer
        await house.index.warm()


async def embed_rest(house: House) -> None:
    """Finish what was learned by words only, beside the work."""
    done = await embed_pending(house.index)
    if done:
        log.info("knowledge can be searched by meaning", extra={"chunks": done})


def _is_there(source: str) -> bool:
    return Path(source).expanduser().exists()


def _place(source: str) -> tuple[str, str]:
    path = Path(source).expanduser().absolute()
    return str(path), "folder" if path.is_dir() else "file"


@contextlib.contextmanager
def _progress(out: Console) -> Iterator[Progress]:
    columns = (TextColumn("{task.description:14}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=out, transient=True) as progress:
        yield progress


def _report(learned: Sequence[Learned], out: Console) -> None:
    counts = {
        "added": sum(len(each.added) for each in learned),
        "changed": sum(len(each.changed) for each in learned),
        "unchanged": sum(len(each.unchanged) for each in learned),
        "removed": sum(len(each.removed) for each in learned),
        "failed": sum(len(each.failed) for each in learned),
    }
    out.print("documents: " + ", ".join(f"{count} {name}" for name, count in counts.items()), highlight=False)
    for each in learned:
        for document, reason in each.failed.items():
            out.print(f"  failed: {escape(document)}: {escape(reason)}", highlight=False)
