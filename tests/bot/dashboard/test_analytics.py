"""The page of figures says what is true, in the reader's language, and nothing of what it shows runs."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from bot.dashboard.charts import Amounts, Series, bars, chart
from bot.dashboard.measures import Measures, buckets
from bot.store import Store
from bot.store.knowledge import GAP
from bot.testing import ScriptedModel
from tests.office import office

HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(2)">'
ENGLISH, GERMAN = Measures(language="en"), Measures(language="de")


async def test_the_page_shows_what_has_just_happened(store: Store, tmp_path: Path) -> None:
    model = ScriptedModel("Within 30 days of delivery. [1]", name="gpt-4o-mini")
    async with office(store, tmp_path, models=[model]) as place:
        operator = await place.operator(role="viewer")
        empty = await operator.get("/dashboard/analytics")
        assert empty.status_code == 200
        assert "Nothing in these days." in empty.text
        await place.visitor("How long can I return things?")
        await place.work()
        page = (await operator.get("/dashboard/analytics")).text
        assert "1 of 1" in page  # settled by the bot alone
        assert "gpt-4o-mini" in page
        assert 'aria-label="Conversations by channel: 1 altogether' in page
        german = await operator.get("/dashboard/analytics", headers={"accept-language": "de"})
        assert "Vom Bot allein erledigt" in german.text


@pytest.mark.parametrize("length", [1, 7, 40, 365])
async def test_nothing_that_is_shown_runs(sqlite: Store, tmp_path: Path, length: int) -> None:
    last = datetime.now(UTC).date()
    async with office(sqlite, tmp_path) as place:
        operator = await place.operator()
        visitor = await place.visitor(HOSTILE)
        await place.work()
        await sqlite.database.change(
            GAP, id="gap_1", question=HOSTILE, conversation_id=visitor.conversation_id, turn_id=None
        )
        await sqlite.database.change(
            """INSERT INTO costs (day, model, channel, calls, tokens_in, tokens_out, cost, estimated)
            VALUES (:day, :model, 'web', 1, 1, 1, 1000, 0)""",
            day=last.isoformat(),
            model=HOSTILE,
        )
        first = date.fromordinal(last.toordinal() - length + 1)
        page = (await operator.get(f"/dashboard/analytics?from={first}&to={last}")).text
        assert "&lt;script&gt;alert(1)" in page
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert not re.search(r"\sstyle=|\son\w+=\"", page.replace("onerror=&#34;", ""))


async def test_days_that_are_none_lead_to_the_usual_ones(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        operator = await place.operator()
        for query in ("from=yesterday", "from=2020-01-01", "from=2026-03-02&to=2026-03-01"):
            answer = await operator.get(f"/dashboard/analytics?{query}")
            assert (answer.status_code, answer.headers["location"]) == (303, "/dashboard/analytics")
        stranger = await place.browser().get("/dashboard/analytics")
        assert stranger.headers["location"].startswith("/dashboard/sign-in")


def test_columns_are_as_high_as_their_amounts() -> None:
    shown = chart(
        "Conversations",
        "conversations",
        [Series(name="web", hue=0), Series(name="sms", hue=1), Series(name="email", hue=2)],
        [
            Amounts(short="1", name="1 July", values=[6, 0, 2]),
            Amounts(short="2", name="2 July", values=[0, 0, 0]),
        ],
        ENGLISH.number,
    )
    assert [each.name for each in shown.series] == ["web", "email"]
    assert [tick.text for tick in shown.ticks] == ["0", "5", "10"]
    assert (shown.total, shown.highest.name, shown.highest.above) == (8, "1 July", "8")
    first, second = shown.columns
    assert second.pieces == []
    unit = (shown.ticks[0].y - shown.ticks[1].y) / 5
    assert [round((piece.height + 1) / unit, 2) for piece in first.pieces] == [6, 2]
    assert min(piece.y for piece in first.pieces) == pytest.approx(first.top, abs=0.1)


@pytest.mark.parametrize("highest", [0.000_3, 0.7, 1, 2, 3, 7, 19, 999, 1_000_001])
def test_the_scale_is_round_and_holds_every_amount(highest: float) -> None:
    amounts = [Amounts(short="1", name="1", values=[highest])]
    shown = chart("", "", [Series(name="", hue=0)], amounts, str, whole=highest >= 1)
    steps = [float(tick.text) for tick in shown.ticks]
    assert steps[0] == 0
    assert steps[-2] < highest <= steps[-1]
    assert len(steps) <= 5
    assert shown.columns[0].top >= 0


def test_bars_stand_to_each_other_as_their_amounts_do() -> None:
    assert [(each.amount, each.share) for each in bars([("a", 3), ("b", 12)], ENGLISH.number)] == [
        ("3", 25.0),
        ("12", 100.0),
    ]


@pytest.mark.parametrize(("length", "count"), [(1, 1), (31, 31), (90, 13), (365, 13)])
def test_days_are_shown_together_once_they_are_many(length: int, count: int) -> None:
    last = date(2026, 11, 28)
    first = date.fromordinal(last.toordinal() - length + 1)
    shown = buckets(first, last, ENGLISH)
    assert abs(len(shown) - count) <= 1
    days = [day for each in shown for day in each.days]
    assert (days[0], days[-1], len(days)) == (first, last, length)


def test_amounts_are_written_as_the_reader_writes_them() -> None:
    assert [ENGLISH.money(each) for each in (None, 0, 12_345, 385_000_000)] == [
        "–",
        "$0.00",
        "$0.0123",
        "$385.00",
    ]
    assert GERMAN.money(4_742_123_456) == "4.742\N{NO-BREAK SPACE}$"
    assert (ENGLISH.share(0.034), ENGLISH.share(0.5), GERMAN.share(0.5)) == (
        "3.4%",
        "50%",
        "50\N{NO-BREAK SPACE}%",
    )
    assert (ENGLISH.change(0.12), ENGLISH.change(-0.07)) == ("+12%", "\N{MINUS SIGN}7%")
    assert [ENGLISH.seconds(each) for each in (0.2, 75, 4_000, 400_000)] == [
        "0.2 sec",
        "75 sec",
        "67 min",
        "4.6 days",
    ]
