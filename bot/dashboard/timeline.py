"""A turn's steps over time: what ran side by side, what waited for what, which chain took longest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.dashboard import words
from bot.languages import _
from bot.trace import Step

WIDTH = 560  # units; as many pixels where there is room
_LABELS = 174
_RIGHT = 56  # for how long the last took
_ROW = 22
_AXIS = 22
_BAR = 10
_THINNEST = 2.0
_LONGEST_LABEL = 23  # characters
_TICKS = 5
_BLINK = 0.005  # seconds by which clocks may make a step begin before what it needed was over


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A step. `chain`: it is one of those whose time is the turn's."""

    label: str
    said: str
    x: float
    y: float
    width: float
    took: str
    took_x: float
    status: str
    chain: bool


@dataclass(frozen=True, kw_only=True)
class Link:
    """From what was needed to what needed it."""

    path: str
    chain: bool


@dataclass(frozen=True, kw_only=True)
class Tick:
    x: float
    text: str


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """The chart, in units of which `width` fill the line; `said` is what it shows, in words."""

    bars: Sequence[Bar]
    links: Sequence[Link]
    ticks: Sequence[Tick]
    height: float
    said: str
    width: int = WIDTH
    axis: int = _AXIS
    bar: int = _BAR


def drawn(steps: Sequence[Step]) -> Timeline | None:
    """The chart of a turn; None where there is nothing to compare."""
    timed = [step for step in steps if step.kind != "deliver"]  # which may be delivered hours later
    if len(timed) < 2:
        return None
    zero = min(step.started_at for step in timed)
    begins = [(step.started_at - zero).total_seconds() for step in timed]
    ends = [begin + step.seconds for begin, step in zip(begins, timed, strict=True)]
    whole = max([0.001, *ends])
    scale = (WIDTH - _LABELS - _RIGHT) / whole
    needed = _needed(timed, begins, ends)
    chain, seconds = _longest_chain(timed, needed)
    bars = [
        _bar(step, row, _LABELS + begin * scale, step.seconds * scale, chain=row in chain)
        for row, (step, begin) in enumerate(zip(timed, begins, strict=True))
    ]
    links = [
        Link(path=_path(bars[of], bars[row]), chain=of in chain and row in chain)
        for row, others in needed.items()
        for of in {timed[other].name: other for other in others}.values()
    ]
    told = _("%(chain)s: %(seconds)s of %(whole)s") % {
        "chain": " → ".join(timed[row].name for row in chain),
        "seconds": words.seconds(seconds),
        "whole": words.seconds(whole),
    }
    return Timeline(
        bars=bars,
        links=sorted(links, key=lambda link: link.chain),  # the chain's are drawn over the others
        ticks=_ticks(whole, scale),
        height=_AXIS + len(bars) * _ROW,
        said=told,
    )


def _needed(
    steps: Sequence[Step], begins: Sequence[float], ends: Sequence[float]
) -> Mapping[int, Sequence[int]]:
    """For each step by its place the places of those it needed: of that name, and over when it began."""
    found: dict[int, Sequence[int]] = {}
    for row, step in enumerate(steps):
        before = [
            other
            for other in range(row)
            if steps[other].name in step.needs and ends[other] <= begins[row] + _BLINK
        ]
        if before:
            found[row] = sorted(before, key=lambda other: ends[other])
    return found


def _longest_chain(steps: Sequence[Step], needed: Mapping[int, Sequence[int]]) -> tuple[Sequence[int], float]:
    """The places of steps that had to wait for each other and took longest together, and that time."""
    chains: list[tuple[float, Sequence[int]]] = []
    for row, step in enumerate(steps):
        before = max((chains[other] for other in needed.get(row, ())), key=lambda each: each[0], default=None)
        seconds, rows = before or (0.0, ())
        chains.append((seconds + step.seconds, (*rows, row)))
    seconds, rows = max(chains, key=lambda each: each[0])
    return rows, seconds


def _bar(step: Step, row: int, x: float, width: float, *, chain: bool) -> Bar:
    width = max(width, _THINNEST)
    x = min(x, WIDTH - _RIGHT - width)
    kind, took = words.step(step.kind), words.seconds(step.seconds)
    label = f"{kind} {step.name}"
    return Bar(
        label=label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 1]}…",
        said=f"{label}, {took}",
        x=round(x, 2),
        y=_AXIS + row * _ROW + (_ROW - _BAR) / 2,
        width=round(width, 2),
        took=took,
        took_x=round(x + width + 5, 2),
        status=step.status,
        chain=chain,
    )


def _path(needed: Bar, by: Bar) -> str:
    """From the end of a bar along and down to the beginning of another."""
    begin, end = needed.x + needed.width, max(by.x + 1, needed.x + needed.width)
    return f"M{begin:.2f} {needed.y + _BAR / 2:.2f}H{end:.2f}V{by.y:.2f}"


def _ticks(whole: float, scale: float) -> Sequence[Tick]:
    """Where round times stand on the axis."""
    rough = whole / _TICKS
    unit = 10 ** math.floor(math.log10(rough))
    pace = next(unit * each for each in (1, 2, 5, 10) if unit * each >= rough)
    return [
        Tick(x=round(_LABELS + at * pace * scale, 2), text=words.seconds(at * pace) if at else "0")
        for at in range(math.floor(whole / pace) + 1)
    ]
