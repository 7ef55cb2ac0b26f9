"""Settings: how the house is, what it is told, who works in it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, get_args
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from bot.api.audit import FILTERS, wanted_of
from bot.api.bodies import place, place_in
from bot.api.session import PASSWORD_LEAST
from bot.components import Components, described
from bot.dashboard import audited, zones
from bot.dashboard.channels import ChannelSetup
from bot.dashboard.measures import Measures
from bot.dashboard.pages import Pages, form
from bot.languages import COOKIE as LANGUAGE
from bot.languages import N_, chosen, languages
from bot.orchestrator.agent import Agent
from bot.settings import BotConfig
from bot.store import Store
from bot.store.audit import Act, AuditFilter
from bot.store.budgets import Allowances
from channels.base import DeliveryStatus

SECTIONS: Mapping[str, str] = {
    "you": N_("You"),
    "components": N_("Components"),
    "channels": N_("Channels"),
    "bot": N_("The bot"),
    "models": N_("Models and budgets"),
    "routing": N_("Routing"),
    "tools": N_("Tools"),
    "canned": N_("Canned answers"),
    "operators": N_("Operators"),
    "tokens": N_("API tokens"),
    "deliveries": N_("Deliveries that failed"),
    "webhooks": N_("Webhooks"),
    "audit": N_("Audit log"),
}
_PAGE = 50  # entries of the audit log, deliveries
_A_YEAR = 365 * 86_400  # seconds


class Settings:
    """`/dashboard/settings`, one page for each section."""

    def __init__(
        self,
        pages: Pages,
        *,
        store: Store,
        components: Components,
        allowances: Allowances,
        agent: Agent,
        config: BotConfig,
        channels: Collection[str],
        setups: Sequence[ChannelSetup],
    ) -> None:
        self._pages = pages
        self._store = store
        self._components = components
        self._allowances = allowances
        self._agent = agent
        self._config = config
        self._channels = sorted(channels)
        self._setups = setups

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/settings", self._first),
            Route("/settings/you", self._choose, methods=["POST"]),
            Route("/settings/{section}", self._section),
        ]

    async def _first(self, _: Request) -> Response:
        return RedirectResponse("/dashboard/settings/components", 303)

    async def _choose(self, request: Request) -> Response:
        """The reader's language and time zone, whatever their browser says."""
        who = await self._pages.gate.who(request)
        given = await form(request)
        if who is not None:
            self._pages.gate.check_csrf(request, who, given=given.get("csrf", ""))
        response = RedirectResponse("/dashboard/settings/you", 303)
        for name, known, cookie in (
            ("language", languages(), LANGUAGE),
            ("zone", zones.zones(), zones.COOKIE),
        ):
            if (value := given.get(name, "")) in known:
                response.set_cookie(cookie, value, max_age=_A_YEAR, path="/", httponly=True, samesite="lax")
            else:
                response.delete_cookie(cookie, path="/")
        return response

    async def _section(self, request: Request) -> Response:
        who = await self._pages.reader(request)
        if isinstance(who, Response):
            return who
        section = str(request.path_params["section"])
        if section not in SECTIONS:
            return self._pages.missing(request, who)
        return self._pages.show(
            request,
            f"settings/{section}.html",
            who=who,
            section=section,
            sections=SECTIONS,
            **await self._values(section, request, is_admin=who.operator.role == "admin"),
        )

    async def _values(self, section: str, request: Request, *, is_admin: bool) -> Mapping[str, Any]:
        """What a section shows."""
        values: dict[str, Any] = {"is_admin": is_admin, "setups": self._setups}
        match section:
            case "you":
                values |= {
                    "least": PASSWORD_LEAST,
                    "languages": languages(),
                    "chosen": request.cookies.get(LANGUAGE, ""),
                    "zones": zones.zones(),
                    "zoned": zones.given(request),
                }
            case "components":
                await self._components.look()
                values["components"] = [described(each) for each in await self._components.views()]
            case "bot":
                values |= {"bot": self._config.bot, "week": self._week(), "desk": self._config.desk}
                values |= self._within(request)
            case "models":
                today = self._allowances.day_of(datetime.now(UTC))
                values["models"] = self._config.models
                values["budgets"] = await self._store.costs.budgets(self._allowances, today)
                values["spent"] = sum(each.spent.cost for each in await self._store.costs.span(today, today))
            case "routing":
                values["intents"] = self._config.intents
            case "tools":
                values["tools"] = list(self._agent.tools)
            case "canned":
                values["canned"] = await self._store.canned.every()
            case "operators":
                every = await self._store.operators.every()
                values["operators"] = [each for each in every if each.active]
                values["gone"] = [each for each in every if not each.active] if is_admin else ()
                values["holdings"] = await self._store.operators.holdings() if is_admin else {}
            case "tokens":
                values["tokens"] = await self._store.operators.tokens() if is_admin else ()
            case "audit":
                values |= await self._audit(request) if is_admin else {}
            case "deliveries":
                values |= await self._undelivered(request)
            case "webhooks":
                values["failed"] = (await self._store.webhooks.failed(before=None, limit=50))[0]
        return values

    async def _audit(self, request: Request) -> Mapping[str, Any]:
        """A page of what was done, as it was asked for; what cannot be understood is left aside."""
        given = {name: request.query_params.get(name, "") for name in FILTERS}
        asked = {name: value for name, value in given.items() if value}
        try:
            wanted = wanted_of(asked, self._allowances.zone)
            before = place_in(request.query_params, "before")
        except HTTPException:
            asked, wanted, before = {}, AuditFilter(), None
        entries, more = await self._store.audit.page(wanted, before=before, limit=_PAGE)
        people = {each.id: each.name for each in await self._store.operators.every()}
        actors = people | {each.id: each.name for each in await self._store.operators.tokens()}
        if "who" in asked:
            actors.setdefault(asked["who"], asked["who"])
        names = await self._store.audit.names({*audited.mentioned(entries), asked.get("about", "")})
        return {
            "entries": entries,
            "told": partial(audited.told, names=names),  # in the reader's language, which the page speaks
            "found": partial(audited.found, names=names),
            "given": given | {name: asked.get(name, "") for name in FILTERS},
            "acts": get_args(Act),
            "actors": actors,
            "table": urlencode(asked),
            "company_zone": str(self._allowances.zone),
            "older": urlencode(asked | {"before": place(more)}) if more else "",
        }

    async def _undelivered(self, request: Request) -> Mapping[str, Any]:
        """What did not arrive, and what nobody can tell of."""
        asked = request.query_params
        status = DeliveryStatus.UNCERTAIN if asked.get("status") == "uncertain" else DeliveryStatus.FAILED
        channel = asked.get("channel", "").replace("\x00", "")
        try:
            before = place_in(asked, "before")
        except HTTPException:
            before = None
        found, more = await self._store.undelivered.page(
            status, channel=channel, open_only=True, before=before, limit=_PAGE
        )
        return {
            "deliveries": found,
            "ended": status.value,
            "channel": channel,
            "channels": self._channels,
            "more": place(more),
        }

    def _within(self, request: Request) -> Mapping[str, str]:
        """In which time people are to answer, in words; "" where none is set."""
        show = Measures(language=chosen(request))
        desk = self._config.desk
        times = {"within": desk.answer_within, "urgent": desk.answer_urgent_within}
        return {name: "" if within is None else show.seconds(within) for name, within in times.items()}

    def _week(self) -> Sequence[Sequence[str]]:
        """When somebody is there, for each day from Monday on."""
        hours = self._config.hours
        if hours is None:
            return ()
        return [[f"{_clock(begin)}–{_clock(end)}" for begin, end in day] for day in hours.week]


def _clock(minutes: int) -> str:
    """Minutes from midnight as a time of day."""
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}"
