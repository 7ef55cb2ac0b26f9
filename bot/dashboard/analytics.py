"""Analytics: what the bot and people did within some days, in pictures with their numbers behind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from bot.analytics import Analytics, Report, Span, Suggested, Totals
from bot.api.bodies import query
from bot.api.conversations import display_name
from bot.api.days import span_of
from bot.dashboard import words
from bot.dashboard.charts import Amounts, Chart, Series, bars, chart
from bot.dashboard.measures import Bucket, Measures, buckets
from bot.dashboard.pages import Pages
from bot.languages import N_, _, chosen

_RANGES = ((N_("Day"), 1), (N_("Week"), 7), (N_("Month"), 30), (N_("Year"), 365))
_MODELS = 4  # that have a colour of their own
_DEAREST = 5
_FAIR = 7  # days with today among them that are compared with whole ones
_BEYOND = 10  # times as much is nothing that percent tell
_REST = 7  # the hue of what is left


@dataclass(frozen=True, kw_only=True)
class Change:
    """How much more or less than before; `good`: whether that is, None where nobody can say."""

    text: str = ""
    good: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Card:
    """One figure, beside what it was before."""

    name: str
    value: str
    note: str
    before: str
    change: Change = Change()


@dataclass(frozen=True, kw_only=True)
class Range:
    """A choice of days."""

    name: str
    address: str
    current: bool


class AnalyticsView:
    """`/dashboard/analytics`."""

    def __init__(self, pages: Pages, *, analytics: Analytics) -> None:
        self._pages = pages
        self._analytics = analytics

    def routes(self) -> Sequence[BaseRoute]:
        return [Route("/analytics", self._page)]

    async def _page(self, request: Request) -> Response:
        who = await self._pages.reader(request)
        if isinstance(who, Response):
            return who
        today = self._analytics.today()
        try:
            span = span_of(query(request, ("from", "to")), today)
        except HTTPException:
            return RedirectResponse("/dashboard/analytics", 303)
        report = await self._analytics.report(span)
        show = Measures(language=chosen(request))
        return self._pages.show(
            request,
            "analytics.html",
            who=who,
            report=report,
            show=show,
            ranges=_ranges(span, today),
            earlier=_address(span.before),
            later=_address(_after(span, today)) if span.last < today else "",
            table=_address(span, "/api/analytics.csv"),
            cards=_cards(report, today, show),
            charts_shown=_charts(report, show),
            lists=_lists(report, show),
            times=_times(report),
            dearest=await self._analytics.dearest(span, _DEAREST),
            budgets=await self._analytics.budgets(),
            name_of=display_name,
            behind=bool(report.counted_until and report.counted_until.date() < today - timedelta(days=1)),
        )


def _ranges(span: Span, today: date) -> Sequence[Range]:
    return [
        Range(
            name=_(name),
            address=_address(Span(first=today - timedelta(days=length - 1), last=today)),
            current=span.length == length,
        )
        for name, length in _RANGES
    ]


def _after(span: Span, today: date) -> Span:
    """As many days, right after these, or up to today."""
    last = min(today, span.last + timedelta(days=span.length))
    return Span(first=last - timedelta(days=span.length - 1), last=last)


def _address(span: Span, path: str = "/dashboard/analytics") -> str:
    return f"{path}?from={span.first}&to={span.last}"


def _cards(report: Report, today: date, show: Measures) -> Sequence[Card]:
    fair = report.span.last < today or report.span.length >= _FAIR
    now, before = report.totals, report.before
    bot, person = now.duration("first_by_bot"), now.duration("waited")
    bot_before, person_before = before.duration("first_by_bot"), before.duration("waited")
    slow = _("9 of 10 within %(time)s")
    return [
        Card(
            name=_("Conversations"),
            value=show.number(now.count("cases")),
            note=_("%(number)s messages received") % {"number": show.number(now.count("received"))},
            before=show.number(before.count("cases")),
            change=_growth(now.count("cases"), before.count("cases"), show) if fair else Change(),
        ),
        Card(
            name=_("Settled by the bot alone"),
            value=show.share(now.settled_share),
            note=_of(now, "settled", "attended", show),
            before=show.share(before.settled_share),
            change=_points(now.settled_share, before.settled_share),
        ),
        Card(
            name=_("Cleaned up by people"),
            value=show.share(now.cleaned_up_share),
            note=_of(now, "cleaned_up", "begun_by_bot", show),
            before=show.share(before.cleaned_up_share),
            change=_points(now.cleaned_up_share, before.cleaned_up_share, less=True),
        ),
        Card(
            name=_("First answer by the bot"),
            value=show.seconds(bot.median),
            note=slow % {"time": show.seconds(bot.p90)} if bot.count else "",
            before=show.seconds(bot_before.median),
        ),
        Card(
            name=_("Waiting for a person"),
            value=show.seconds(person.median),
            note=_in_time(now, show) or (slow % {"time": show.seconds(person.p90)} if person.count else ""),
            before=show.seconds(person_before.median),
        ),
        Card(
            name=_("Rating"),
            value=show.number(now.rating),
            note=_("of 5, from %(number)s customers") % {"number": show.number(now.count("rated"))}
            if now.rating is not None
            else "",
            before=show.number(before.rating),
        ),
        Card(
            name=_("Cost of models"),
            value=show.money(now.spent.cost),
            note=_("%(money)s for each settled by the bot") % {"money": show.money(now.cost_per_settled)}
            if now.cost_per_settled is not None
            else "",
            before=show.money(before.spent.cost),
            change=_growth(now.spent.cost, before.spent.cost, show) if fair else Change(),
        ),
        Card(
            name=_("Suggestions taken"),
            value=show.share(now.suggested.taken_share),
            note=_suggested(now.suggested, show),
            before=show.share(before.suggested.taken_share),
            change=_points(now.suggested.taken_share, before.suggested.taken_share),
        ),
        Card(
            name=_("Degraded"),
            value=_("%(number)s min") % {"number": show.number(now.degraded_minutes)},
            note=_("in which something failed or stood in"),
            before=_("%(number)s min") % {"number": show.number(before.degraded_minutes)},
        ),
    ]


def _of(totals: Totals, part: str, whole: str, show: Measures) -> str:
    return _("%(part)s of %(whole)s") % {
        "part": show.number(totals.count(part)),
        "whole": show.number(totals.count(whole)),
    }


def _in_time(totals: Totals, show: Measures) -> str:
    """How many of those who waited for a person were answered in time, where there is one."""
    if totals.in_time_share is None:
        return ""
    return _("%(share)s answered in time") % {"share": show.share(totals.in_time_share)}


def _suggested(told: Suggested, show: Measures) -> str:
    """What people did with suggested answers."""
    if told.median_changed is None:
        return _("%(number)s asked for") % {"number": show.number(told.asked)} if told.asked else ""
    return _("%(unchanged)s of %(sent)s sent as they were; half of them changed by %(share)s or less") % {
        "unchanged": show.number(told.unchanged),
        "sent": show.number(told.sent),
        "share": show.share(told.median_changed),
    }


def _growth(now: float, before: float, show: Measures) -> Change:
    told = before and now != before and now < _BEYOND * before
    return Change(text=show.change(now / before - 1)) if told else Change()


def _points(now: float | None, before: float | None, *, less: bool = False) -> Change:
    """A share's change in percentage points."""
    if now is None or before is None or round(now - before, 2) == 0:
        return Change()
    points = f"{(now - before) * 100:+.0f}".replace("-", "\N{MINUS SIGN}")
    return Change(text=_("%(number)s points") % {"number": points}, good=(now < before) is less)


def _charts(report: Report, show: Measures) -> Sequence[Chart]:
    shown = buckets(report.span.first, report.span.last, show)
    if report.span.length == 1:
        return [_by_hour(report, show)]
    return [
        _by_channel(report, shown, show),
        _by_end(report, shown, show),
        _by_hour(report, show),
        *([_by_time(report, shown, show)] if report.totals.in_time_share is not None else []),
        *([_spending(report, shown, show)] if report.spending else []),
        *([_suggestions(report, shown, show)] if report.suggested else []),
    ]


def _channels(report: Report) -> Sequence[Series]:
    return [
        Series(name=words.channel(name), hue=number % _REST)
        for number, name in enumerate(report.totals.amounts.channels)
    ]


def _by_channel(report: Report, shown: Sequence[Bucket], show: Measures) -> Chart:
    channels = report.totals.amounts.channels
    return chart(
        _("Conversations by channel"),
        _("conversations"),
        _channels(report),
        [
            Amounts(
                short=each.short,
                name=each.name,
                values=[sum(report.on(day, "cases", channel) for day in each.days) for channel in channels],
            )
            for each in shown
        ],
        show.number,
    )


def _by_end(report: Report, shown: Sequence[Bucket], show: Measures) -> Chart:
    def ends(each: Bucket) -> Sequence[float]:
        cases, settled, handed = (
            sum(report.on(day, name) for day in each.days) for name in ("cases", "settled", "handed_off")
        )
        return settled, handed, cases - settled - handed

    return chart(
        _("How they went"),
        _("conversations"),
        [
            Series(name=_("Settled by the bot alone"), hue=0),
            Series(name=_("Handed to a person"), hue=1),
            Series(name=_("Otherwise, or still open"), hue=_REST),
        ],
        [Amounts(short=each.short, name=each.name, values=ends(each)) for each in shown],
        show.number,
    )


def _by_time(report: Report, shown: Sequence[Bucket], show: Measures) -> Chart:
    return chart(
        _("Answered by people in time"),
        _("answers"),
        [Series(name=_("In time"), hue=0), Series(name=_("Late"), hue=1)],
        [
            Amounts(
                short=each.short,
                name=each.name,
                values=[sum(report.on(day, name) for day in each.days) for name in ("in_time", "late")],
            )
            for each in shown
        ],
        show.number,
    )


def _by_hour(report: Report, show: Measures) -> Chart:
    amounts = report.totals.amounts
    return chart(
        _("When customers write"),
        _("messages"),
        _channels(report),
        [
            Amounts(
                short=show.hour(hour),
                name=f"{show.hour(hour)}–{show.hour((hour + 1) % 24)}",
                values=[amounts.count("hour", channel, f"{hour:02}") for channel in amounts.channels],
            )
            for hour in range(24)
        ],
        show.number,
    )


def _suggestions(report: Report, shown: Sequence[Bucket], show: Measures) -> Chart:
    def became(each: Bucket) -> Sequence[float]:
        those = [
            report.suggested[day.isoformat()] for day in each.days if day.isoformat() in report.suggested
        ]
        unchanged, sent, asked = (
            sum(getattr(one, name) for one in those) for name in ("unchanged", "sent", "asked")
        )
        return unchanged, sent - unchanged, asked - sent

    return chart(
        _("Suggested answers"),
        _("suggestions"),
        [
            Series(name=_("Sent as they were"), hue=0),
            Series(name=_("Sent with changes"), hue=1),
            Series(name=_("Not sent"), hue=_REST),
        ],
        [Amounts(short=each.short, name=each.name, values=became(each)) for each in shown],
        show.number,
    )


def _spending(report: Report, shown: Sequence[Bucket], show: Measures) -> Chart:
    dearest = list(report.spent("model"))[:_MODELS]
    spent: dict[tuple[str, str], int] = {}
    for each in report.spending:
        key = (each.day, each.model if each.model in dearest else "")
        spent[key] = spent.get(key, 0) + each.spent.cost
    return chart(
        _("What models cost"),
        "USD",
        [
            *(Series(name=model, hue=number) for number, model in enumerate(dearest)),
            Series(name=_("Others"), hue=_REST),
        ],
        [
            Amounts(
                short=each.short,
                name=each.name,
                values=[
                    sum(spent.get((day.isoformat(), model), 0) for day in each.days)
                    for model in (*dearest, "")
                ],
            )
            for each in shown
        ],
        show.money,
        whole=False,
    )


def _lists(report: Report, show: Measures) -> dict[str, Sequence[object]]:
    amounts = report.totals.amounts
    scores = amounts.parts("rated")
    trouble = {what: minutes for what, minutes in amounts.parts("degraded").items() if what}
    return {
        "reasons": bars(
            [(words.reason(reason), count) for reason, count in amounts.parts("handed_off").items()],
            show.number,
        ),
        "ratings": bars([(str(score), scores.get(str(score), 0)) for score in range(5, 0, -1)], show.number)
        if scores
        else (),
        "degraded": bars([(_trouble(what), minutes) for what, minutes in trouble.items()][:8], show.number),
    }


def _trouble(what: str) -> str:
    """What failed in a minute."""
    kind, _sep, name = what.partition(" ")
    return f"{words.step(kind)}: {name}" if name else _("Something stood in")


def _times(report: Report) -> Sequence[tuple[str, object, object]]:
    """Each wait by name, now and before."""
    return [
        (name, report.totals.duration(figure), report.before.duration(figure))
        for name, figure in (
            (_("First answer by the bot"), "first_by_bot"),
            (_("First answer by a person"), "first_by_person"),
            (_("Waiting for a person"), "waited"),
        )
    ]
