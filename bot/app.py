"""The composition root: Settings -> Desk -> web app, worker, mail. Nothing else wires."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pydantic import JsonValue
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from bot import api
from bot.alerts import Alerts
from bot.analytics import Analytics
from bot.api.access import Gate
from bot.approvals import ApprovalDesk
from bot.articles import Articles
from bot.attendance import Attendance
from bot.bell import Bell, RedisLink
from bot.codes import SentCodes
from bot.components import Components
from bot.copilot import Copilot
from bot.dashboard import Dashboard, Originals
from bot.dashboard.channels import setups
from bot.demo import SAMPLE, SHOP, HelpCentre
from bot.demo_shop import demo_sections
from bot.desk import Desk
from bot.embeddings import WatchedEmbedder
from bot.ending import end
from bot.endpoints import Endpoints
from bot.fleet import RedisFleet
from bot.health import Health
from bot.live import Live
from bot.masking import Masking, hidden
from bot.operators import OperatorDesk
from bot.orchestrator.agent import Agent, LanguageModel, Prices
from bot.orchestrator.breaker import Breaker
from bot.orchestrator.intents import ByExamples, Intent
from bot.orchestrator.limits import Limits
from bot.orchestrator.prompt import SECRET as CANARY
from bot.orchestrator.registry import Component, Registry
from bot.orchestrator.resilience import GuardedModel, GuardedSource
from bot.outside import Outside
from bot.overdue import OverdueWatch
from bot.probes import watch_index, watch_mailboxes, watch_stores, watch_work
from bot.purse import Purses
from bot.rota import Rota
from bot.settings import (
    BotConfig,
    ModelTier,
    Settings,
    WrongSetting,
    missing,
    read_bot_config,
    secret_key,
)
from bot.store import Store, migrate
from bot.store.budgets import Allowances
from bot.store.calls import Deadlines
from bot.store.target import Target
from bot.toolbox import Toolbox, toolbox
from bot.trace import Observer
from bot.visitors import Visitors
from bot.waits import Waits
from bot.watch import Watch
from bot.web import create_app
from bot.webhooks import Teller, receivers_session
from bot.worker import Background
from channels.base import Channel, Template
from channels.terminal import Terminal
from channels.website import FILE_LIMIT, FILE_TYPES, Website
from knowledge.embed import Embedder, OpenAIEmbedder
from knowledge.local import LocalIndex
from knowledge.lookup import Lookup
from knowledge.meanings import Meanings
from knowledge.remembered import Remembered
from tools.built_in import NAMES as BUILT_IN

if TYPE_CHECKING:
    from channels.email.channel import Mail
    from channels.twilio_account import Account

log = logging.getLogger("switchboard")


FIRST_TOKEN = 30.0  # seconds a model may think before its first word
_BAD_EMBEDDINGS = 3  # in a row, after which their server counts as down
_BAD_SENDS = 5  # in a row, after which a channel counts as down
_SEARCH = 10.0  # seconds one search may take, its line included when many ask at once


@dataclass(frozen=True, kw_only=True)
class House:
    """Everything wired, for a command to use what it needs."""

    settings: Settings
    config: BotConfig
    store: Store
    link: RedisLink
    live: Live
    index: LocalIndex
    articles: Articles
    agent: Agent
    router: ByExamples
    desk: Desk
    health: Health
    components: Components
    alerts: Alerts
    watch: Watch
    waits: Waits
    background: Background
    web: Starlette
    endpoints: Endpoints
    toolbox: Toolbox
    twilio: Account | None
    mail: Mail | None


def make_data_dir(settings: Settings) -> None:
    """Make the data folder where it is not there yet. Raises WrongSetting."""
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WrongSetting(f"DATA_DIR: {settings.data_dir} cannot be made: {error.strerror}") from None


async def prepare(settings: Settings) -> None:
    """Make the data folder and bring the database to this version's shape. Raises WrongSetting."""
    make_data_dir(settings)
    await migrate(settings.database)


@asynccontextmanager
async def open_house(settings: Settings, *, redis_url: str, demo_shop: str = "") -> AsyncIterator[House]:
    """Wire the house; everything is closed again at the end. Without `redis_url` it works on its own.

    `demo_shop` is where the demo shop's order service runs, if it does.
    """
    config = read_bot_config(settings.bot_config, required="bot_config" in settings.model_fields_set)
    async with AsyncExitStack() as stack:
        store = await Store.open(
            settings.database, announces=bool(settings.webhook_url), target=_target(config)
        )
        stack.push_async_callback(store.close)
        learned = {source.address for source in await store.knowledge.sources()}
        if not settings.bot_config.exists() and learned <= {str(SAMPLE)}:
            config = config.model_copy(update={"bot": SHOP, **demo_sections(demo_shop)})
        link, fleet = _redis(redis_url, stack)
        live = Live(link)
        mask = masking(settings, config)
        registry = Registry(fleet, mask=mask.text)
        components = Components(registry, fleet)
        watch_stores(components, registry, store, link)
        index, lookup = _knowledge(settings, config, components, stack)
        articles = Articles(store=store, index=index, folder=settings.data_dir / "articles")
        models = await _models(settings, config, registry, stack)
        endpoints = Endpoints()
        stack.push_async_callback(endpoints.close)
        channels: dict[str, Channel] = {Terminal.name: Terminal()}
        toolkit = toolbox(
            settings,
            config,
            web=endpoints,
            later=store.follow_ups,
            codes=_codes(settings, config, store=store, live=live, channels=channels),
            registry=registry,
        )
        stack.push_async_callback(toolkit.close)
        router = ByExamples(
            {
                name: Intent(examples=each.examples, agent=each.agent, tier=each.model)
                for name, each in config.intents.items()
            },
            meanings := Meanings(index),
            tools=toolkit,
            tiers=tuple(models),
        )
        agent = _agent(
            settings,
            config,
            models=models,
            lookup=lookup,
            tools=toolkit,
            router=router,
            meanings=meanings,
            waits=(waits := Waits(store, _zone(config))),
        )
        bell = Bell(link)
        files = settings.data_dir / "files"
        alerts = Alerts(store=store, urls=settings.alert_urls)
        allowances = _allowances(config)
        analytics = Analytics(store=store, allowances=allowances)
        purses = Purses(store=store, alerts=alerts, allowances=allowances)
        copilot = Copilot(store=store, live=live, agent=agent, purses=purses, masking=mask)
        desk = Desk(
            store=store,
            bell=bell,
            live=live,
            agent=agent,
            purses=purses,
            channels=channels,
            registry=registry,
            files=files,
            alerts=alerts,
            deadlines=_deadlines(config),
            masking=mask,
            observer=_observer(settings, mask, stack),
        )
        stack.push_async_callback(desk.quiet)
        attendance = _attendance(link, live, stack)
        website = Website(
            visitors=Visitors(
                store=store,
                desk=desk,
                live=live,
                attendance=attendance,
                key=secret_key(settings),
                identity_secret=settings.web_identity_secret,
                files=files,
                settings=_widget_settings(config),
                hours=agent.hours,
                waits=agent.waits,
            ),
            origins=(*settings.web_origins, settings.own_origin),
        )
        channels[website.name] = website
        account = _twilio_account(settings, stack)
        if account is not None:
            channels |= {each.name: each for each in _through_twilio(account, settings, config)}
        mail = _mail(settings, config, store, stack)
        if mail is not None:
            channels[mail.name] = mail
        for each in channels.values():
            registry.add("channel", each.name, interface=_channel_interface(each), bears=_BAD_SENDS)
        watch_mailboxes(components, registry, store, [each.name for each in mail.mailboxes] if mail else ())
        watch_work(components, registry, store, announces=bool(settings.webhook_url))
        health = Health(
            store=store,
            live=live,
            index=index,
            components=components,
            allowances=allowances,
            announces=bool(settings.webhook_url),
        )
        if link.url:
            signs = asyncio.create_task(fleet.keep(registry), name="fleet")
            stack.push_async_callback(end, signs)
        yield House(
            settings=settings,
            config=config,
            store=store,
            link=link,
            live=live,
            index=index,
            articles=articles,
            agent=agent,
            router=router,
            desk=desk,
            health=health,
            background=Background(
                desk=desk,
                link=link,
                analytics=analytics,
                teller=await _teller(settings, store, live, stack),
                rota=_rota(config, store, live),
                overdue=OverdueWatch(store=store, live=live, alerts=alerts)
                if config.desk.answer_within is not None
                else None,
            ),
            components=components,
            alerts=alerts,
            waits=waits,
            watch=Watch(components=components, fleet=fleet, store=store, alerts=alerts),
            web=create_app(
                [
                    *(route for channel in channels.values() for route in channel.routes(desk)),
                    *HelpCentre().routes(),
                    *_operators_routes(
                        settings,
                        config,
                        store=store,
                        bell=bell,
                        live=live,
                        attendance=attendance,
                        agent=agent,
                        channels=channels,
                        allowances=allowances,
                        analytics=analytics,
                        components=components,
                        index=index,
                        articles=articles,
                        copilot=copilot,
                        mask=mask,
                    ),
                    *health.routes(),
                ]
            ),
            endpoints=endpoints,
            toolbox=toolkit,
            twilio=account,
            mail=mail,
        )


def _redis(url: str, stack: AsyncExitStack) -> tuple[RedisLink, RedisFleet]:
    """The way to Redis, and what all processes know through it."""
    link = RedisLink(url)
    stack.push_async_callback(link.close)
    fleet = RedisFleet(link)
    stack.push_async_callback(fleet.close)
    return link, fleet


def _attendance(link: RedisLink, live: Live, stack: AsyncExitStack) -> Attendance:
    attendance = Attendance(link=link, live=live)
    stack.push_async_callback(attendance.close)
    return attendance


def masking(settings: Settings, config: BotConfig) -> Masking:
    """What keeps secrets and personal data out of logs and traces; the company's own addresses may stand."""
    return Masking(
        secrets=[CANARY, *hidden(settings), *hidden(config)],
        ours=[
            settings.email_address,
            settings.imap_user,
            settings.smtp_user,
            settings.admin_email,
            settings.twilio_whatsapp_from,
            settings.twilio_sms_from,
            *(each.address for each in config.email.mailboxes.values()),
        ],
    )


def _observer(settings: Settings, mask: Masking, stack: AsyncExitStack) -> Observer | None:
    """Who tells OpenTelemetry of turns; None without a collector, or without the extra `otel`."""
    if not settings.otel_exporter_otlp_endpoint:
        return None
    try:
        from bot.telemetry import Telemetry, headers_of
    except ImportError:
        log.warning(
            "OTEL_EXPORTER_OTLP_ENDPOINT: without effect; install the extra: pip install -e '.[otel]'"
        )
        return None
    telemetry = Telemetry(
        endpoint=settings.otel_exporter_otlp_endpoint,
        headers=headers_of(settings.otel_exporter_otlp_headers),
        service=settings.otel_service_name,
        masking=mask,
        content=settings.otel_instrumentation_genai_capture_message_content,
    )
    stack.push_async_callback(telemetry.close)
    return telemetry


def _rota(config: BotConfig, store: Store, live: Live) -> Rota | None:
    """Who gives conversations to operators, where that is wished for."""
    desk = config.desk
    if not desk.most_open:
        return None
    return Rota(store=store, live=live, most_open=desk.most_open, away_after=desk.away_after)


def _target(config: BotConfig) -> Target:
    """By when people are to answer."""
    hours = config.hours if config.hours and config.hours.known else None
    desk = config.desk
    return Target(within=desk.answer_within, urgent_within=desk.answer_urgent_within, hours=hours)


async def _teller(settings: Settings, store: Store, live: Live, stack: AsyncExitStack) -> Teller | None:
    """Who tells WEBHOOK_URL; None when nobody is to be told."""
    if not settings.webhook_url:
        return None
    session = await stack.enter_async_context(receivers_session())
    return Teller(
        store=store, live=live, session=session, url=settings.webhook_url, secret=settings.webhook_secret
    )


def _agent(
    settings: Settings,
    config: BotConfig,
    *,
    models: Mapping[str, Sequence[LanguageModel]],
    lookup: Lookup,
    tools: Toolbox,
    router: ByExamples,
    waits: Waits,
    meanings: Meanings,
) -> Agent:
    """Who answers, with the specialists a message may be for."""
    agent = Agent(
        name=config.bot.name,
        company=config.bot.company,
        instructions=config.bot.instructions,
        models=models,
        tier=next(iter(models), ""),
        knowledge=lookup,
        tools=tools,
        hours=config.hours if config.hours and config.hours.known else None,
        router=router,
        waits=waits,
        alike=meanings.alike,
        when_unsure=config.bot.answer_when_unsure,
    )
    return replace(agent, specialists=_specialists(settings, config, agent, lookup=lookup, tools=tools))


def _specialists(
    settings: Settings, config: BotConfig, usual: Agent, *, lookup: Lookup, tools: Toolbox
) -> Mapping[str, Agent]:
    """The agents of bot.toml, by name: like the usual one but for what they say otherwise."""
    there = [tool.name for tool in tools]
    specialists: dict[str, Agent] = {}
    for name, told in config.agents.items():
        for tool in told.tools or ():
            if tool not in there and not tools.links:  # what others describe is known once they answer
                raise WrongSetting(
                    f"{settings.bot_config}: agents.{name}.tools: {missing('tool', tool, there)}"
                )
        specialists[name] = replace(
            usual,
            name=told.name or usual.name,
            instructions="\n".join(filter(None, (usual.instructions, told.instructions))),
            knowledge=lookup.within(told.knowledge) if told.knowledge else lookup,
            tools=usual.tools if told.tools is None else tools.only([*BUILT_IN, *told.tools]),
        )
    return specialists


def _embedder(
    settings: Settings, config: BotConfig, registry: Registry, stack: AsyncExitStack
) -> Embedder | None:
    """The configured embeddings; None for the local ones, loaded when first needed."""
    if not config.knowledge.embeddings:
        return None
    if not (settings.openai_api_key or settings.openai_base_url):
        raise WrongSetting(
            f"{settings.bot_config}: knowledge.embeddings needs OPENAI_API_KEY or OPENAI_BASE_URL"
        )
    from bot.llm import openai_client

    client = openai_client(
        api_key=settings.openai_api_key or "none",
        base_url=settings.openai_base_url or None,
        read_timeout=FIRST_TOKEN,
    )
    stack.push_async_callback(client.close)
    component = registry.add(
        "model",
        config.knowledge.embeddings,
        interface={"name": config.knowledge.embeddings, "gives": "embeddings"},
        bears=_BAD_EMBEDDINGS,
    )
    return WatchedEmbedder(OpenAIEmbedder(client, model=config.knowledge.embeddings), component)


def _twilio_account(settings: Settings, stack: AsyncExitStack) -> Account | None:
    if not settings.twilio_account_sid:
        return None
    from channels.twilio_account import Account  # a quarter of a second of CPU

    account = Account(
        sid=settings.twilio_account_sid,
        token=settings.twilio_auth_token,
        address=settings.address,
        key=secret_key(settings),
        api_url=settings.twilio_api_url,
    )
    stack.push_async_callback(account.close)
    return account


def _through_twilio(account: Account, settings: Settings, config: BotConfig) -> Sequence[Channel]:
    """WhatsApp, and SMS beside it when there is a number for it."""
    from channels.whatsapp import Sms, WhatsApp

    outside = Outside(trusted=settings.twilio_api_url)
    files = settings.data_dir / "files"
    told = config.whatsapp
    sms_from = settings.twilio_sms_from
    whatsapp = WhatsApp(
        account=account,
        sender=settings.twilio_whatsapp_from,
        fetch=outside,
        open_file=lambda key: path if (path := files / key).is_file() else None,
        per_second=told.per_second,
        templates=[
            Template(
                name=name,
                id=each.sid,
                text=each.text,
                variables=each.variables,
                labels=each.labels,
                language=each.language,
            )
            for name, each in told.templates.items()
        ],
        usual=told.template,
        with_sms=bool(sms_from),
    )
    if not sms_from:
        return (whatsapp,)
    return whatsapp, Sms(account=account, sender=sms_from, fetch=outside, per_second=config.sms.per_second)


def _codes(
    settings: Settings, config: BotConfig, *, store: Store, live: Live, channels: Mapping[str, Channel]
) -> SentCodes | None:
    """What sends one-time codes, by mail; None without."""
    if not _has_mail(settings, config):
        return None
    return SentCodes(store=store, live=live, channels=channels, by="email", author=config.bot.name)


def _has_mail(settings: Settings, config: BotConfig) -> bool:
    return bool(settings.email_address or config.email.mailboxes)


def _mail(settings: Settings, config: BotConfig, store: Store, stack: AsyncExitStack) -> Mail | None:
    """The support mailboxes; None when none is set up."""
    if not _has_mail(settings, config):
        return None
    from bot.mailroom import Mailroom, mailboxes  # what reads and writes mail is for mail alone
    from channels.base import NotDelivered
    from channels.email.channel import Mail, Style

    files = settings.data_dir / "files"
    told = config.email
    try:
        mail = Mail(
            mailboxes=mailboxes(settings, config),
            room=Mailroom(store=store, folder=files),
            open_file=lambda key: path if (path := files / key).is_file() else None,
            style=Style(greeting=told.greeting, signature=told.signature),
            plus_key=f"mail {secret_key(settings)}".encode() if told.plus_addressing else None,
        )
    except (ValueError, NotDelivered) as error:
        raise WrongSetting(f"EMAIL_ADDRESS: {error}") from None
    stack.push_async_callback(mail.close)
    return mail


async def _models(
    settings: Settings, config: BotConfig, registry: Registry, stack: AsyncExitStack
) -> Mapping[str, Sequence[LanguageModel]]:
    """A ladder for each tier, cheapest first: its model, then its fallbacks. None without a key or an
    address."""
    tiers: Mapping[str, ModelTier] = config.models or {
        "small": ModelTier(name="gpt-4o-mini", input=0.15, output=0.60)
    }
    models: dict[str, LanguageModel] = {}
    for tier, each in tiers.items():
        if not (settings.openai_api_key or settings.openai_base_url or each.api_key or each.base_url):
            continue
        from bot.llm import OpenAIModel, openai_client  # a second of CPU that only models need

        client = openai_client(
            api_key=each.api_key or settings.openai_api_key or "none",
            base_url=each.base_url or settings.openai_base_url or None,
            read_timeout=FIRST_TOKEN,
        )
        stack.push_async_callback(client.close)
        asked = OpenAIModel(client, each.name, _prices(each), max_tokens=each.max_tokens)
        component = registry.add(
            "model",
            tier,
            interface={"name": each.name, "input_usd": each.input, "output_usd": each.output},
            limits=Limits(concurrency=each.concurrency, per_minute=each.per_minute),
            breaker=Breaker(),
        )
        models[tier] = GuardedModel(asked, component)
    return {
        tier: [model, *(models[other] for other in tiers[tier].fallback if other in models)]
        for tier, model in models.items()
    }


def _knowledge(
    settings: Settings, config: BotConfig, components: Components, stack: AsyncExitStack
) -> tuple[LocalIndex, Lookup]:
    """The index, and the ladder that begins with it."""
    folder, embedder = (
        settings.data_dir / "knowledge",
        _embedder(settings, config, components.registry, stack),
    )
    index = LocalIndex(folder, embedder=embedder)
    snapshot = LocalIndex(folder, embedder=embedder, snapshot=True)
    for each in (index, snapshot):
        stack.push_async_callback(each.close)
    asked, kept = (_source(name, components.registry) for name in ("index", "snapshot"))
    watch_index(components, asked, index)
    remembered = Remembered(folder)
    stack.push_async_callback(remembered.close)
    return index, Lookup(GuardedSource(index, asked), GuardedSource(snapshot, kept), remembered)


def _source(name: str, registry: Registry) -> Component:
    return registry.add(
        "knowledge",
        name,
        interface={"takes": "a question in any language", "gives": "passages with their sources"},
        limits=Limits(seconds=_SEARCH),
        breaker=Breaker(failures=3, rest=15.0),
    )


def _channel_interface(channel: Channel) -> Mapping[str, JsonValue]:
    """What a channel takes, and what it bears of all workers together."""
    limits = channel.limits
    return {
        "takes": limits.markup,
        "length": limits.length,
        "media": list(limits.media),
        "window_seconds": limits.window,
        "per_second": limits.per_second,
        "send_seconds": limits.patience,
    }


def _prices(tier: ModelTier) -> Prices:
    return Prices(
        input=round(tier.input * 1e6),
        output=round(tier.output * 1e6),
        cached_input=None if tier.cached_input is None else round(tier.cached_input * 1e6),
        dated=datetime.combine(tier.priced, time(), UTC),
    )


def _deadlines(config: BotConfig) -> Deadlines:
    told = config.approvals
    return Deadlines(remind_after=told.remind_after, expires_after=told.expires_after)


def _allowances(config: BotConfig) -> Allowances:
    told = config.budget
    return Allowances(
        turn=round(told.turn * 1e6),
        conversation=round(told.conversation * 1e6),
        contact_day=round(told.contact_day * 1e6),
        day=round(told.day * 1e6),
        downgrade_at=told.downgrade_at,
        zone=_zone(config),
    )


def _operators_routes(
    settings: Settings,
    config: BotConfig,
    *,
    store: Store,
    bell: Bell,
    live: Live,
    attendance: Attendance,
    agent: Agent,
    channels: Mapping[str, Channel],
    allowances: Allowances,
    analytics: Analytics,
    components: Components,
    index: LocalIndex,
    articles: Articles,
    copilot: Copilot,
    mask: Masking,
) -> Sequence[BaseRoute]:
    approvals = ApprovalDesk(store=store, bell=bell, live=live, agent=agent)
    desk = OperatorDesk(store=store, bell=bell, live=live, channels=channels)
    gate = Gate(store=store, key=secret_key(settings), address=settings.address)
    files = settings.data_dir / "files"
    originals = Originals(store=store, channels=channels, files=files)
    return [
        *api.routes(
            store=store,
            desk=desk,
            approvals=approvals,
            live=live,
            attendance=attendance,
            gate=gate,
            files=files,
            allowances=allowances,
            analytics=analytics,
            components=components,
            agent=agent,
            index=index,
            articles=articles,
            copilot=copilot,
            masking=mask,
        ),
        *Dashboard(
            store=store,
            gate=gate,
            originals=originals,
            approvals=approvals,
            attendance=attendance,
            index=index,
            analytics=analytics,
            components=components,
            allowances=allowances,
            agent=agent,
            config=config,
            channels=channels,
            setups=setups(settings, config),
        ).routes(),
    ]


def _widget_settings(config: BotConfig) -> Mapping[str, JsonValue]:
    return {
        "name": config.bot.name,
        "company": config.bot.company,
        "locale_default": "en",
        "attachments": {"max_bytes": FILE_LIMIT, "types": list(FILE_TYPES)},
        "suggestions": list(config.bot.suggestions),
    }


def _zone(config: BotConfig) -> ZoneInfo:
    """The zone of the company's days."""
    return config.hours.zone if config.hours else ZoneInfo("UTC")
