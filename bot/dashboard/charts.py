"""Charts as pages draw them: columns of stacked parts, in shares of whatever width there is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

HEIGHT = 208  # of the picture, with the names below; everything vertical is in pixels
_TOP, _FOOT = 18, 182  # where columns end and begin
_WIDEST = 7.0  # percent that a column takes at the most
_NAMES = 7  # names below the columns at the most
_AMOUNTS = 70  # characters that all amounts above the columns may have together


@dataclass(frozen=True, kw_only=True)
class Series:
    """What one colour stands for. `hue` names the colour."""

    name: str
    hue: int


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A part of a column, from its top down."""

    y: float
    height: float
    hue: int


@dataclass(frozen=True, kw_only=True)
class Column:
    """`x`, `middle` and `width` are percent; `values` belong to the chart's series in their order.

    `below` is its name where there is room for it (on a narrow screen only where it is not `minor`), `above`
    its amount.
    """

    name: str
    below: str
    minor: bool
    above: str
    x: float
    middle: float
    width: float
    top: float
    pieces: Sequence[Piece]
    values: Sequence[float]

    @property
    def total(self) -> float:
        return sum(self.values)


@dataclass(frozen=True, kw_only=True)
class Tick:
    """A line across at `y`."""

    y: float
    text: str


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Columns beside each other. `write` says an amount as people read it."""

    title: str
    unit: str
    series: Sequence[Series]
    columns: Sequence[Column]
    ticks: Sequence[Tick]
    write: Callable[[float], str]

    @property
    def total(self) -> float:
        return sum(column.total for column in self.columns)

    @property
    def highest(self) -> Column:
        return max(self.columns, key=lambda column: column.total)


@dataclass(frozen=True, kw_only=True)
class Amounts:
    """What a column is made of: its short name, its whole one, and a value for each series."""

    short: str
    name: str
    values: Sequence[float]


def chart(
    title: str,
    unit: str,
    series: Sequence[Series],
    amounts: Sequence[Amounts],
    write: Callable[[float], str],
    *,
    whole: bool = True,
) -> Chart:
    """A chart of these columns; series that nothing belongs to are left out. `whole`: amounts are counts."""
    there = [n for n, _ in enumerate(series) if any(each.values[n] for each in amounts)]
    steps = _steps(max((sum(each.values) for each in amounts), default=0), whole=whole)
    scale = (_FOOT - _TOP) / steps[-1]
    slot = 100 / max(1, len(amounts))
    width = min(slot * 0.72, _WIDEST)
    every = math.ceil(len(amounts) / _NAMES)
    written = [write(total) if (total := sum(each.values)) else "" for each in amounts]
    roomy = len(written) * max(map(len, written), default=0) <= _AMOUNTS
    columns = []
    for number, each in enumerate(amounts):
        middle = slot * (number + 0.5)
        pieces = []
        foot = float(_FOOT)
        for n in there:
            height = each.values[n] * scale
            if height:
                pieces.append(Piece(y=foot - height, height=max(0.5, height - 1), hue=series[n].hue))
            foot -= height
        columns.append(
            Column(
                name=each.name,
                below=each.short if number % every == every // 2 else "",
                minor=number // every % 2 == 1,
                above=written[number] if roomy else "",
                x=round(middle - width / 2, 3),
                middle=round(middle, 3),
                width=round(width, 3),
                top=round(foot, 1),
                pieces=pieces,
                values=[each.values[n] for n in there],
            )
        )
    return Chart(
        title=title,
        unit=unit,
        series=[series[n] for n in there],
        columns=columns,
        ticks=[Tick(y=round(_FOOT - step * scale, 1), text=write(step)) for step in steps],
        write=write,
    )


def _steps(highest: float, *, whole: bool) -> Sequence[float]:
    """Round amounts from nothing to the highest or a little more, three or four of them."""
    if highest <= 0:
        return [0, 1]
    rough = highest / 3
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    if whole:
        step = max(1, math.ceil(step))
    count = math.ceil(highest / step - 1e-9)
    return [step * number for number in range(count + 1)]


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A row of a list of bars; `share` is percent of the longest."""

    name: str
    amount: str
    share: float


def bars(rows: Sequence[tuple[str, float]], write: Callable[[float], str]) -> Sequence[Bar]:
    """Bars in the rows' own order."""
    longest = max((amount for _, amount in rows), default=0) or 1
    return [
        Bar(name=name, amount=write(amount), share=round(100 * amount / longest, 2)) for name, amount in rows
    ]
