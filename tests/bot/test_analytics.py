"""The figures are kept in the background and told beside as many days before."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.analytics import Analytics, Span
from bot.ending import end
from bot.store import Store
from bot.store.budgets import Allowances
from tests.bot.store.given import claimed, concluded, said

DAY = timedelta(days=1)


async def counted(store: Store) -> int:
    return (await store.figures.totals("2000-01-01", "2100-01-01")).count("cases")


async def test_what_happens_is_counted_in_the_background(store: Store) -> None:
    await said(store)
    keeping = [asyncio.create_task(Analytics(store=store, allowances=Allowances()).keep()) for _ in range(2)]
    async with asyncio.timeout(10):
        while True:
            if await counted(store):
                break
            await asyncio.sleep(0.01)
    await end(*keeping)
    assert await counted(store) == 1


async def test_days_are_told_beside_as_many_before_them(store: Store) -> None:
    today = datetime.now(UTC).date()
    for sender, ago in (("ada", 0), ("grace", 1), ("linus", 1), ("eve", 2)):
        first = await said(store, sender=sender)
        await concluded(store, await claimed(store, first.message.conversation_id))
        await store.database.change(
            "UPDATE events SET created_at = created_at - :ago WHERE conversation_id = :id",
            ago=ago * 86_400_000_000,
            id=first.message.conversation_id,
        )
    analytics = Analytics(store=store, allowances=Allowances(), patience=60)
    report = await analytics.report(Span(first=today - DAY, last=today))
    assert (report.totals.count("cases"), report.before.count("cases")) == (3, 1)
    assert [report.on(day, "settled", "web") for day in report.span.days] == [2, 1]
    assert report.totals.settled_share == 1.0


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_a_day_is_as_long_as_it_is_where_the_company_is(day: date, hours: int) -> None:
    since, until = Span(first=day, last=day).moments(ZoneInfo("Europe/Berlin"))
    assert until.astimezone(UTC) - since.astimezone(UTC) == timedelta(hours=hours)
