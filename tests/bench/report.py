"""What the benchmark found: printed as it is found, written down at the end."""

from __future__ import annotations

import os
import platform
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table


@dataclass
class Report:
    """Figures by section, figure and subject, and how they stand to what is aimed at."""

    out: Console
    figures: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    verdicts: list[dict[str, Any]] = field(default_factory=list)

    def section(self, name: str, figures: Mapping[str, Mapping[str, float]], unit: str) -> None:
        """Print a table: one row a figure, one column a subject."""
        columns = list(dict.fromkeys(subject for row in figures.values() for subject in row))
        table = Table(title=f"{name} ({unit})", title_justify="left")
        table.add_column("")
        for column in columns:
            table.add_column(column, justify="right")
        for figure, row in figures.items():
            table.add_row(figure, *(_short(row[column]) if column in row else "" for column in columns))
        self.out.print(table)
        self.figures[f"{name} ({unit})"] = {
            figure: {subject: round(value, 3) for subject, value in row.items()}
            for figure, row in figures.items()
        }

    def verdict(self, what: str, value: float, *, at_most: float | None = None, at_least: float = 0) -> None:
        """Hold a figure against its aim."""
        met = value <= at_most if at_most is not None else value >= at_least
        aim = f"<= {at_most}" if at_most is not None else f">= {at_least}"
        self.verdicts.append({"what": what, "value": round(value, 3), "aim": aim, "met": met})
        self.out.print(
            f"  {'met   ' if met else 'MISSED'}  {what}: {_short(value)} (aim {aim})", highlight=False
        )

    def write(self, path: Path) -> None:
        """Keep everything, and what kind of machine it was."""
        machine = {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
        }
        found = {"machine": machine, "verdicts": self.verdicts, "figures": self.figures}
        path.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


class Rounds:
    """Figures of several rounds: `figures[figure][subject]` becomes the median over them."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))

    def add(self, subject: str, figures: Mapping[str, float]) -> None:
        for figure, value in figures.items():
            self._values[figure][subject].append(value)

    def medians(self) -> Mapping[str, Mapping[str, float]]:
        return {
            figure: {subject: statistics.median(values) for subject, values in row.items()}
            for figure, row in self._values.items()
        }

    def ratio(self, figure: str, subject: str, other: str) -> float:
        """The median over the rounds of `subject` divided by `other` of the same round: drift cancels out."""
        pairs: Sequence[tuple[float, float]] = list(
            zip(self._values[figure][subject], self._values[figure][other], strict=True)
        )
        return statistics.median(mine / theirs for mine, theirs in pairs)


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
