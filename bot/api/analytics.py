"""Analytics: what the bot and people did within some days, beside the days before, as JSON or CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.analytics import Analytics, Duration, Report, Suggested, Totals
from bot.api.access import Gate
from bot.api.bodies import answer, download, query
from bot.api.days import span_of
from bot.api.usage import cost_json
from bot.store import Store
from bot.store.costs import Cost

# What the store's figures are called outside.
NAMES: Mapping[str, str] = {
    "cases": "conversations",
    "attended": "attended",
    "settled": "settled_by_bot",
    "cleaned_up": "cleaned_up",
    "handed_off": "handed_off",
    "received": "messages_received",
    "by_bot": "messages_by_bot",
    "by_people": "messages_by_people",
    "in_time": "answered_in_time",
    "late": "answered_late",
}


def routes(analytics: Analytics, gate: Gate, store: Store) -> Sequence[BaseRoute]:
    async def analysis(request: Request) -> Response:
        await gate.admit(request)
        report = await analytics.report(span_of(query(request, ("from", "to")), analytics.today()))
        return answer(report_json(report))

    async def table(request: Request) -> Response:
        await gate.admit(request)
        report = await analytics.report(span_of(query(request, ("from", "to")), analytics.today()))
        days = {"from": report.span.first.isoformat(), "to": report.span.last.isoformat()}
        await store.audit.note("analytics.download", changes=days)
        name = f"analytics-{report.span.first}-{report.span.last}.csv"
        return download(report_csv(report), name=name, media_type="text/csv")

    return [Route("/analytics", analysis), Route("/analytics.csv", table)]


def report_json(report: Report) -> dict[str, JsonValue]:
    amounts = report.totals.amounts
    by_day, by_channel = report.spent("day"), report.spent("channel")
    return {
        "from": report.span.first.isoformat(),
        "to": report.span.last.isoformat(),
        "timezone": report.timezone,
        "counted_until": report.counted_until.isoformat() if report.counted_until else None,
        "total": totals_json(report.totals),
        "previous": {
            "from": report.span.before.first.isoformat(),
            "to": report.span.before.last.isoformat(),
            "total": totals_json(report.before),
        },
        "days": [
            {
                "day": day.isoformat(),
                **{outside: report.on(day, name) for name, outside in NAMES.items()},
                "degraded_minutes": report.on(day, "degraded"),
                "suggestions": suggested_json(report.suggested.get(day.isoformat(), Suggested())),
                **cost_json(by_day[day.isoformat()]),
            }
            for day in report.span.days
        ],
        "channels": [
            {
                "channel": channel,
                **{outside: amounts.count(name, channel) for name, outside in NAMES.items()},
                **cost_json(by_channel[channel]),
            }
            for channel in amounts.channels
        ],
        "hours": [
            {"hour": hour, "messages_received": amounts.count("hour", part=f"{hour:02}")}
            for hour in range(24)
        ],
        "hand_offs": [
            {"reason": reason, "conversations": count}
            for reason, count in amounts.parts("handed_off").items()
        ],
        "ratings": [
            {"score": score, "conversations": amounts.count("rated", part=str(score))}
            for score in range(1, 6)
        ],
        "degraded": [
            {"what": what, "minutes": minutes} for what, minutes in amounts.parts("degraded").items() if what
        ],
        "models": [{"model": model, **cost_json(spent)} for model, spent in report.spent("model").items()],
        "gaps": [
            {
                "question": gap.question,
                "times": gap.count,
                "latest_at": gap.latest.isoformat(),
                "conversation_id": gap.conversation_id,
            }
            for gap in report.gaps
        ],
    }


def totals_json(totals: Totals) -> dict[str, JsonValue]:
    each = totals.cost_per_settled
    return {
        **{outside: totals.count(name) for name, outside in NAMES.items()},
        "settled_by_bot_share": totals.settled_share,
        "cleaned_up_share": totals.cleaned_up_share,
        "first_answer_by_bot": _duration_json(totals.duration("first_by_bot")),
        "first_answer_by_person": _duration_json(totals.duration("first_by_person")),
        "answered_in_time_share": totals.in_time_share,
        "waiting_for_person": _duration_json(totals.duration("waited")),
        "rating": totals.rating,
        "ratings": totals.count("rated"),
        "degraded_minutes": totals.degraded_minutes,
        "gaps": totals.gaps,
        "suggestions": suggested_json(totals.suggested),
        "cost_per_settled_usd": None if each is None else each / 1e6,
        **cost_json(totals.spent),
    }


def suggested_json(suggested: Suggested) -> dict[str, JsonValue]:
    """What became of the answers that operators asked for."""
    return {
        "asked": suggested.asked,
        "taken": suggested.taken,
        "dismissed": suggested.dismissed,
        "sent": suggested.sent,
        "sent_unchanged": suggested.unchanged,
        "median_changed": suggested.median_changed,
    }


def report_csv(report: Report) -> str:
    """A row for each day and channel on which anything happened; what belongs to no channel has none."""
    out = io.StringIO()
    rows = csv.writer(out)
    asked_for = tuple(f"suggestions_{name}" for name in suggested_json(Suggested()))
    rows.writerow(
        [
            "day",
            "timezone",
            "channel",
            *NAMES.values(),
            "degraded_minutes",
            "model_calls",
            "cost_usd",
            *asked_for,
        ]
    )
    spent: dict[tuple[str, str], Cost] = {}
    for each in report.spending:
        key = (each.day, each.channel)
        spent[key] = spent.get(key, Cost()) + each.spent
    counted = {(day, channel) for day, channel, _ in report.daily}
    for day, channel in sorted(counted | spent.keys() | {(day, "") for day in report.suggested}):
        cost = spent.get((day, channel), Cost())
        rows.writerow(
            [
                day,
                report.timezone,
                channel,
                *(report.daily.get((day, channel, name), 0) for name in (*NAMES, "degraded")),
                cost.calls,
                f"{cost.cost / 1e6:.6f}",
                *_suggested_row(report, day, channel),
            ]
        )
    return out.getvalue()


def _suggested_row(report: Report, day: str, channel: str) -> Sequence[JsonValue]:
    """Suggestions belong to days and to no channel."""
    told = suggested_json(report.suggested.get(day, Suggested()))
    return ["" if channel or value is None else value for value in told.values()]


def _duration_json(duration: Duration) -> dict[str, JsonValue]:
    """In seconds."""
    return {"count": duration.count, "median": duration.median, "p90": duration.p90}
