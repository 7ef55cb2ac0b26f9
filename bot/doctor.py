"""`switchboard doctor`: what is wrong, in plain words, and what to do about it."""

from __future__ import annotations

import importlib.util
import os
import stat
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from rich.console import Console
from rich.markup import escape

from bot.app import House, open_house, prepare
from bot.bell import RedisLink
from bot.components import as_heard
from bot.orchestrator.agent import LanguageModel, ModelFailed, ModelMessage, ModelRequest, Usage
from bot.settings import Settings, WrongSetting
from bot.store import StoreUnavailable
from bot.toolbox import Link
from bot.valkey import running_in
from channels.base import NotDelivered
from knowledge.base import LookupFailed
from tools.base import ToolFailed
from tools.http import HttpTool
from tools.web import NotAnswered, Request

_MARKS = {"ok": "[green]✓[/]", "note": "[yellow]•[/]", "wrong": "[red]✗[/]"}


@dataclass(frozen=True, kw_only=True)
class Finding:
    state: Literal["ok", "note", "wrong"]
    what: str
    do: str = ""


async def examine(settings: Settings, out: Console) -> bool:
    """Check everything that is set up; True when nothing is wrong."""
    findings = [_data_dir(settings)]
    try:
        await prepare(settings)
        async with open_house(settings, redis_url="") as house:
            findings.append(
                Finding(state="ok", what=f"database: {_kind(settings)} answers, schema up to date")
            )
            checks: tuple[Callable[[House], Awaitable[Finding]], ...] = (_redis, _knowledge, _turns)
            findings += [await check(house) for check in checks]
            findings += await _agents(house)
            findings += await _models(house)
            findings += await _services(house)
            findings += [await _link(link) for link in house.toolbox.links]
            findings += await _twilio(house)
            findings += await _mail(house)
            findings += await _told(house)
            findings += _traces(settings)
            findings += await _components(settings)
    except StoreUnavailable as error:
        findings.append(
            Finding(
                state="wrong",
                what=f"database: {_kind(settings)} does not answer: {error}",
                do="check DATABASE_URL, and that the server runs and lets this user in",
            )
        )
    except WrongSetting as error:
        findings.append(Finding(state="wrong", what=str(error), do="correct it and run doctor again"))
    findings.append(_origins(settings))
    for finding in findings:
        out.print(f"{_MARKS[finding.state]} {escape(finding.what)}", highlight=False)
        if finding.do:
            out.print(f"    → {escape(finding.do)}", highlight=False)
    wrong = sum(finding.state == "wrong" for finding in findings)
    out.print("all is well" if not wrong else f"{wrong} thing{'s' if wrong > 1 else ''} to mend")
    return not wrong


def _data_dir(settings: Settings) -> Finding:
    where = settings.data_dir.absolute()
    try:
        where.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return Finding(state="wrong", what=f"DATA_DIR: {where}: {error.strerror}", do="set another DATA_DIR")
    if not os.access(where, os.W_OK):
        return Finding(
            state="wrong", what=f"DATA_DIR: {where} is not writable", do="let this user write there"
        )
    free = os.statvfs(where)
    if free.f_bavail * free.f_frsize < 200 * 2**20:
        return Finding(state="wrong", what=f"DATA_DIR: less than 200 MB are free in {where}", do="make room")
    if where.stat().st_mode & (stat.S_IROTH | stat.S_IXOTH):
        return Finding(
            state="note",
            what=f"data folder: {where} is open to everybody on this machine",
            do=f"chmod 700 {where}",
        )
    return Finding(state="ok", what=f"data folder: {where}")


async def _redis(house: House) -> Finding:
    url = house.settings.redis_url
    if not url:
        return Finding(state="ok", what="Redis: not set; `switchboard run` brings a Valkey of its own")
    link = RedisLink(url)
    try:
        if await link.attempt(link.client.ping):
            return Finding(state="ok", what="Redis answers")
        return Finding(
            state="wrong",
            what=f"Redis does not answer: {link.last_error}",
            do="check REDIS_URL and that the server runs; until then turns are slower, nothing is lost",
        )
    finally:
        await link.close()


async def _knowledge(house: House) -> Finding:
    try:
        found = await house.index.statistics()
    except LookupFailed as error:
        return Finding(
            state="wrong",
            what=f"knowledge: the index cannot be read: {error}",
            do="run `switchboard learn` again",
        )
    if not found.documents:
        return Finding(
            state="note",
            what="knowledge: nothing learned yet",
            do="`switchboard learn FOLDER` teaches the bot",
        )
    text = f"knowledge: {found.documents} documents, {found.chunks} chunks"
    if found.embedded < found.chunks:
        return Finding(
            state="note",
            what=f"{text}; {found.chunks - found.embedded} not yet searchable by meaning",
        )
    return Finding(state="ok", what=text)


async def _agents(house: House) -> Sequence[Finding]:
    """Agents that would never find a page."""
    try:
        return [
            Finding(
                state="note",
                what=f"{house.settings.bot_config}: agents.{name}.knowledge: nothing learned is in {place!r}",
                do="name a folder or a page as it lies in what `switchboard learn` is given, or an address",
            )
            for name, told in house.config.agents.items()
            for place in told.knowledge
            if not await house.index.holds([place])
        ]
    except LookupFailed:
        return ()  # told above


async def _models(house: House) -> Sequence[Finding]:
    if not house.agent.models:
        what = "model: none; answers come from knowledge alone (OPENAI_API_KEY adds one)"
        return [Finding(state="ok", what=what)]
    return [await _model(ladder[0]) for ladder in house.agent.models.values()]


async def _model(model: LanguageModel) -> Finding:
    request = ModelRequest(
        messages=[ModelMessage(role="user", content="Say ok.")], first_token=15, total=15, max_tokens=5
    )
    try:
        async for piece in model.stream(request):
            if isinstance(piece, Usage):
                break
    except ModelFailed as error:
        return Finding(
            state="wrong",
            what=f"model {model.name}: {error.detail}",
            do="check OPENAI_API_KEY, OPENAI_BASE_URL and bot.toml; until then passages are quoted",
        )
    return Finding(state="ok", what=f"model {model.name} answers")


async def _services(house: House) -> Sequence[Finding]:
    """Whether the services that tools ask can be reached. Their start pages are asked for."""
    services: dict[str, list[str]] = {}
    requests: dict[str, Request] = {}
    asking = {name: each for name, each in house.config.tools.items() if isinstance(each, HttpTool)}
    for name, each in asking.items():
        start = each.start_page
        services.setdefault(start.url, []).append(name)
        requests[start.url] = start
    findings = []
    for url, names in services.items():
        told = f"tools: {url} ({', '.join(names)})"
        try:
            await house.endpoints.ask(requests[url])
            findings.append(Finding(state="ok", what=f"{told} answers"))
        except NotAnswered as failure:
            do = "check url in bot.toml and that the service runs; until then people do what it is for"
            findings.append(Finding(state="wrong", what=f"{told}: {failure.detail}", do=do))
    return findings


async def _link(link: Link) -> Finding:
    """Whether an MCP server answers or an OpenAPI document can be read, and the tools there are."""
    try:
        tools = await link.check()
    except ToolFailed as failure:
        do = "check bot.toml, and that it runs; until then people do what it is for"
        return Finding(state="wrong", what=f"{link.title}: {failure.detail}", do=do)
    names = ", ".join(each.name if each.effect == "read" else f"{each.name} (write)" for each in tools)
    return Finding(state="ok", what=f"{link.title} offers {names or 'no tools'}")


async def _turns(house: House) -> Finding:
    oldest = await house.store.turns.oldest_due()
    if oldest > 60:
        return Finding(
            state="wrong",
            what=f"a customer has been waiting for {oldest:.0f} s",
            do="start `switchboard worker`",
        )
    return Finding(state="ok", what="nobody waits for an answer")


async def _twilio(house: House) -> Sequence[Finding]:
    """Whether WhatsApp can send, and what Twilio must be told so that it can receive."""
    if house.twilio is None:
        return ()
    settings = house.settings
    channels = "WhatsApp and SMS" if settings.twilio_sms_from else "WhatsApp"
    try:
        name = await house.twilio.check()
        first = Finding(state="ok", what=f"{channels}: Twilio knows the account “{name}”")
    except NotDelivered as error:
        first = Finding(
            state="wrong",
            what=f"{channels}: {error.detail}",
            do="check TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_API_URL; until then nothing is sent",
        )
    return first, *_webhooks(settings, channels)


def _webhooks(settings: Settings, channels: str) -> Sequence[Finding]:
    """Where Twilio is to post, and whether it can."""
    address = f"{settings.address}/webhooks/whatsapp"
    addresses = Finding(
        state="ok",
        what=f"{channels}: messages come in at {address}, statuses at {address}/status",
        do="paste both into Twilio's console, in the sender's settings, with the method POST",
    )
    if settings.address.startswith("https://"):
        return (addresses,)
    named = f"PUBLIC_URL is {settings.public_url}" if settings.public_url else "PUBLIC_URL is not set"
    warning = Finding(
        state="note" if settings.twilio_api_url else "wrong",  # what stands in for Twilio needs none
        what=f"{channels}: {named}; Twilio wants an https address that it can reach, and signs exactly that",
        do="set PUBLIC_URL=https://…, as the world sees this server",
    )
    return addresses, warning


async def _mail(house: House) -> Sequence[Finding]:
    """Whether every mailbox lets us in, to read and to send."""
    if house.mail is None:
        return ()
    from channels.email.imap_account import MailboxTrouble
    from channels.email.providers import on_unvouched_senders

    findings = []
    for mailbox in house.mail.mailboxes:
        named = f"mail {mailbox.address}"
        try:
            await house.mail.check_reading(mailbox)
            what = f"{named}: {mailbox.account.host} shows the mailbox {mailbox.account.folder}"
            findings.append(Finding(state="ok", what=what))
        except MailboxTrouble as trouble:
            do = "check the IMAP settings; until then nothing is read, and nothing is lost"
            findings.append(Finding(state="wrong", what=f"{named}: {trouble.detail}", do=do))
        try:
            await house.mail.check_sending(mailbox)
            findings.append(Finding(state="ok", what=f"{named}: {mailbox.server.host} takes our mail"))
        except NotDelivered as error:
            do = "check the SMTP settings; until then answers wait, for a day"
            findings.append(Finding(state="wrong", what=f"{named}: {error.detail}", do=do))
        if not mailbox.authserv_id:
            what = f"{named}: every sender's address is only a claim"
            do = on_unvouched_senders(mailbox.account.host)
            findings.append(Finding(state="note", what=what, do=do))
    return findings


async def _told(house: House) -> Sequence[Finding]:
    """Whether the program behind WEBHOOK_URL takes what it is told."""
    if not house.settings.webhook_url:
        return ()
    backlog = await house.store.webhooks.backlog()
    findings = [Finding(state="ok", what="events: WEBHOOK_URL is told of everything")]
    if backlog.failing:
        what = f"events: WEBHOOK_URL does not take them: {backlog.error}"
        findings = [Finding(state="wrong", what=what, do="mend the receiver; they are tried for three days")]
    elif backlog.oldest > 60:
        what = f"events: the oldest waits for {backlog.oldest:.0f} s"
        findings = [Finding(state="wrong", what=what, do="start `switchboard worker`")]
    if backlog.failed:
        what = f"events: {backlog.failed} were given up in the last 30 days"
        do = "GET /api/webhooks lists them with the reason, POST /api/webhooks/ID/retry tells one after all"
        findings.append(Finding(state="note", what=what, do=do))
    return findings


async def _components(settings: Settings) -> Sequence[Finding]:
    """What the processes that run just now have found out about what they lean on."""
    url = settings.redis_url or running_in(settings.data_dir / "valkey")
    views = await as_heard(url) if url else ()
    ill = [each for each in views if each.report.state != "up"]
    if views and not ill:
        what = f"the running processes find all of their {len(views)} components up"
        return (Finding(state="ok", what=what),)
    return [
        Finding(
            state="wrong" if each.report.state == "down" else "note",
            what=f"{each.kind} {each.name} is {each.report.state}: {each.report.error}",
            do="/api/components shows more of it",
        )
        for each in ill
    ]


def _traces(settings: Settings) -> Sequence[Finding]:
    """Whether turns are told to a collector that was named."""
    if not settings.otel_exporter_otlp_endpoint:
        return ()
    if importlib.util.find_spec("opentelemetry.sdk") is None:
        what = "traces: OTEL_EXPORTER_OTLP_ENDPOINT has no effect without the extra `otel`"
        return (Finding(state="wrong", what=what, do=".venv/bin/python -m pip install -e '.[otel]'"),)
    where = urlsplit(settings.otel_exporter_otlp_endpoint).netloc.rpartition("@")[2]
    what = f"traces: turns are told to {where}"
    return (Finding(state="ok", what=what),)


def _origins(settings: Settings) -> Finding:
    if settings.web_origins:
        return Finding(state="ok", what=f"widget may stand on: {' '.join(settings.web_origins)}")
    return Finding(
        state="note",
        what="widget: WEB_ORIGINS is not set; `switchboard web` lets only its own pages use it, `run` any",
        do="set WEB_ORIGINS=https://www.your-shop.example",
    )


def _kind(settings: Settings) -> str:
    return "SQLite" if settings.database.startswith("sqlite") else "PostgreSQL"
