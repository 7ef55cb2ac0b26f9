"""How long a message waited for its worker, by the store's own clock."""

from __future__ import annotations

import contextlib
import sqlite3

from tests.bench.driver import percentile
from tests.bench.report import Report
from tests.bench.subjects import Subject

_WAITED = """
    SELECT (t.started_at - m.created_at) / 1000.0 FROM turns t
    JOIN messages m ON m.conversation_id = t.conversation_id AND m.seq = t.up_to_seq
"""


def report_pick_up(report: Report, subject: Subject) -> None:
    """From the message's commit to the claim of its turn, over the turns taken one at a time so far."""
    path = subject.data_dir / "switchboard.db"
    with contextlib.closing(sqlite3.connect(path, timeout=10)) as connection:
        waited = [row[0] for row in connection.execute(_WAITED)]
    figures = {"p50": percentile(waited, 50), "p95": percentile(waited, 95)}
    report.section(
        "From the stored message to its worker",
        {figure: {subject.name: value} for figure, value in figures.items()},
        "ms",
    )
    report.verdict("a lone message reaches its worker, p50 in ms", figures["p50"], at_most=20.0)
