"""The commands. Each reads the settings, opens the house and says in plain words what it did."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import re
import secrets
import sqlite3
import sys
from collections.abc import Coroutine
from typing import Annotated, Any, NoReturn, TypeVar, cast

import typer
import uvloop
from pwdlib import PasswordHash
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from bot import asking, doctor, learning, serve
from bot.app import House, masking, open_house, prepare
from bot.logs import set_up_logs
from bot.settings import BotConfig, Settings, WrongSetting, read_bot_config, read_settings
from bot.store import StoreUnavailable
from bot.store.actor import CONSOLE, act_as, acting_as
from bot.store.operators import AlreadyThere
from bot.store.records import Operator, Role
from bot.valkey import NotStarted
from knowledge.base import LookupFailed

_T = TypeVar("_T")

_NOBODYS_NAME = frozenset({"admin", "administrator", "contact", "hello", "help", "info", "mail", "root"})

app = typer.Typer(
    name="switchboard",
    help="An omnichannel chatbot server: website, WhatsApp and mail in one conversation store.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
operator = typer.Typer(help="People who answer beside the bot.", no_args_is_help=True)
token = typer.Typer(help="Keys for programs that use the API.", no_args_is_help=True)
app.add_typer(operator, name="operator")
app.add_typer(token, name="token")

out = Console()
err = Console(stderr=True)


@app.command()
def run() -> None:
    """Everything in one command: web, worker, mail, and a Valkey of its own when REDIS_URL is unset."""
    settings = _settings()
    if not settings.web_origins:
        settings = settings.model_copy(update={"web_origins": ("*",)})

    async def main() -> None:
        with serve.listen(settings) as web:
            at = settings.model_copy(update={"port": web.getsockname()[1]})
            async with serve.whole_house(at) as house:
                first = await _first_operator(house)
                await learning.learn_sample(house, out)
                await learning.warm(house)
                await house.toolbox.connect()
                out.print(_welcome(at, first), highlight=False)
                await serve.serve(house, web=web, work=True, mail=True, errands=learning.embed_rest(house))

    _do(main())


@app.command()
def web() -> None:
    """The web process: widget, visitors' and operators' API. Run any number of them."""
    settings = _settings(needs_redis=True)

    async def main() -> None:
        await prepare(settings)
        with serve.listen(settings) as socket:
            async with open_house(settings, redis_url=settings.redis_url) as house:
                if first := await _first_operator(house):
                    out.print(f"first sign-in, shown this once: {first[0]}  {first[1]}", markup=False)
                await house.toolbox.connect()  # operators' corrections of a call are held against its schema
                out.print(f"web: serving {settings.address}", highlight=False)
                await serve.serve(house, web=socket, work=False)

    _do(main())


@app.command()
def worker() -> None:
    """The worker process: answers and delivers. Run any number of them."""
    settings = _settings(needs_redis=True)

    async def main() -> None:
        await prepare(settings)
        async with open_house(settings, redis_url=settings.redis_url) as house:
            await learning.warm(house)
            await house.toolbox.connect()
            out.print("worker: waiting for work", highlight=False)
            await serve.serve(house, web=None, work=True, errands=learning.embed_rest(house))

    _do(main())


@app.command()
def mail() -> None:
    """The mail process: reads the support mailboxes. A second one stands by."""
    settings = _settings()
    if not settings.email_address:
        _fail("mail is not configured: set EMAIL_ADDRESS, IMAP_HOST, IMAP_USER, IMAP_PASSWORD and SMTP_HOST")

    async def main() -> None:
        await prepare(settings)
        async with open_house(settings, redis_url=settings.redis_url) as house:
            assert house.mail is not None
            names = ", ".join(each.address for each in house.mail.mailboxes)
            out.print(f"mail: listening for {names}", highlight=False, markup=False)
            await serve.serve(house, web=None, work=False, mail=True)

    _do(main())


@app.command()
def learn(
    sources: Annotated[list[str], typer.Argument(help="Folders or files: Markdown, HTML, text.")],
    base_url: Annotated[
        str | None,
        typer.Option(
            help="Where customers read these pages, https://www.shop.example/help: a file's path below its "
            "folder follows, without its ending. A page's own `url` or `permalink` goes before. Remembered.",
        ),
    ] = None,
) -> None:
    """Add or refresh knowledge; only what changed is done again."""
    settings = _settings()
    if base_url and not re.match(r"https?://[^/]", base_url):
        _fail(f"--base-url: {base_url!r} is no address; it begins with https:// or http://")

    async def main() -> bool:
        async with open_house(settings, redis_url="") as house:
            return await learning.learn_sources(house, sources, out, base_url=base_url)

    if not _do(main(), migrated=settings):
        raise typer.Exit(1)


@app.command()
def ask(
    question: Annotated[str | None, typer.Argument(help="One question; without it, a chat begins.")] = None,
    trace: Annotated[bool, typer.Option("--trace", help="Show each step that led to the answer.")] = False,
) -> None:
    """Ask from the terminal, by the same path a visitor's message takes."""
    if question is not None and not question.strip():
        _fail("QUESTION: it is empty; write one in quotes, or nothing at all for a chat")
    settings = _settings()
    logging.getLogger("switchboard").setLevel(logging.WARNING)  # the terminal is for the two who talk

    async def main() -> None:
        async with (
            serve.demo_shop(settings) as shop,
            open_house(settings, redis_url="", demo_shop=shop) as house,
        ):
            with contextlib.suppress(LookupFailed):  # the answer itself will say what is wrong
                if not (await house.index.statistics()).documents:
                    err.print("nothing has been learned yet; `switchboard learn PATH` teaches")
            await learning.warm(house)
            await asking.ask(house, question, show_trace=trace, out=out)

    _do(main(), migrated=settings)


@app.command(name="doctor")
def doctor_command() -> None:
    """Check the configuration and every connection; say what is wrong and what to do."""
    settings = _settings()
    if not _do(doctor.examine(settings, out)):
        raise typer.Exit(1)


@app.command(name="migrate")
def migrate_command() -> None:
    """Bring the database to this version's shape (`run` does it by itself)."""
    settings = _settings()
    _do(prepare(settings))
    out.print("the database is up to date")


@operator.command("add")
def operator_add(
    email: str,
    name: Annotated[str, typer.Option(help="As customers see it.")] = "",
    role: Annotated[str, typer.Option(help="admin, operator or viewer.")] = "operator",
) -> None:
    """Add an operator; the password is shown once."""
    settings = _settings()
    if "@" not in email:
        _fail(f"EMAIL: {email!r} is no mail address")
    if role not in {"admin", "operator", "viewer"}:
        _fail(f"--role: {role!r} is none of admin, operator, viewer")

    async def main() -> None:
        act_as(CONSOLE)
        async with open_house(settings, redis_url="") as house:
            password = secrets.token_urlsafe(12)
            try:
                await _add_operator(house, email, name, password, cast("Role", role))
            except AlreadyThere:
                _fail(
                    f"there is an operator {email} already; "
                    f"`switchboard operator password {email}` gives them a new password, and "
                    f"`switchboard operator restore {email}` lets them in again if they were removed"
                )
            out.print(f"operator {email} added; password, shown this once: {password}", highlight=False)

    _do(main(), migrated=settings)


@operator.command("rename")
def operator_rename(
    email: str, name: Annotated[str, typer.Argument(help="As customers see it from now on.")]
) -> None:
    """Give an operator another name."""
    settings = _settings()
    name = name.strip()
    if not name:
        _fail("NAME: it is empty, and customers see it")

    async def main() -> None:
        act_as(CONSOLE)
        async with open_house(settings, redis_url="") as house:
            if not await house.store.operators.rename(email, name):
                _fail(_nobody(email))
            out.print(f"operator {email} is called {name} from now on", highlight=False, markup=False)

    _do(main(), migrated=settings)


@operator.command("password")
def operator_password(email: str) -> None:
    """Give an operator a new password, shown once; wherever they were signed in they sign in anew."""
    settings = _settings()

    async def main() -> None:
        act_as(CONSOLE)
        async with open_house(settings, redis_url="") as house:
            password = secrets.token_urlsafe(12)
            if not await house.store.operators.set_password(email, await _hashed(password)):
                _fail(_nobody(email))
            out.print(f"operator {email}; new password, shown this once: {password}", highlight=False)

    _do(main(), migrated=settings)


@operator.command("remove")
def operator_remove(email: str) -> None:
    """Let an operator in no more: what they were signed in to and the tokens they made end, and their
    conversations wait for others."""
    settings = _settings()

    async def main() -> None:
        act_as(CONSOLE)
        async with open_house(settings, redis_url="") as house:
            found = await _operator(house, email)
            if await house.store.operators.deactivate(found.id) is None:
                _fail(f"{email} is the last administrator; make another one first")
            freed = len(await house.store.people.let_go())
            out.print(
                f"operator {email} can sign in no more; conversations that wait for others now: {freed}",
                highlight=False,
            )

    _do(main(), migrated=settings)


@operator.command("restore")
def operator_restore(email: str) -> None:
    """Let an operator who was removed in again, with the password they had."""
    settings = _settings()

    async def main() -> None:
        act_as(CONSOLE)
        async with open_house(settings, redis_url="") as house:
            await house.store.operators.activate((await _operator(house, email)).id)
            out.print(f"operator {email} can sign in again", highlight=False)

    _do(main(), migrated=settings)


async def _operator(house: House, email: str) -> Operator:
    found = await house.store.operators.by_email(email)
    if found is None:
        _fail(_nobody(email))
    return found


def _nobody(email: str) -> str:
    return f"there is no operator {email}; `switchboard operator add {email}` adds one"


@token.command("create")
def token_create(name: Annotated[str, typer.Argument(help="What it is for.")]) -> None:
    """Make an API token; it is shown once and kept only as a hash."""
    settings = _settings()

    async def main() -> None:
        act_as(CONSOLE)
        async with open_house(settings, redis_url="") as house:
            secret = f"swb_{secrets.token_urlsafe(32)}"
            await house.store.operators.create_token(name, hashlib.sha256(secret.encode()).hexdigest())
            out.print(secret, highlight=False)

    _do(main(), migrated=settings)


def main() -> None:
    """The console script. What it leaves on the disk (conversations, files, keys) is its user's alone."""
    os.umask(0o077)
    app()


def _settings(*, needs_redis: bool = False) -> Settings:
    try:
        settings = read_settings()
    except WrongSetting as error:
        _fail(str(error))
    if needs_redis and not settings.redis_url:
        _fail("REDIS_URL is missing: web and worker meet there; `switchboard run` brings a Valkey of its own")
    try:
        config = read_bot_config(settings.bot_config, required=False)
    except WrongSetting:  # which is told when the command needs it
        config = BotConfig()
    set_up_logs(settings.log_format, masking(settings, config))
    return settings


def _do(work: Coroutine[Any, Any, _T], *, migrated: Settings | None = None) -> _T:
    """Run a command's work; what a person can mend is one line, not a traceback."""

    async def whole() -> _T:
        if migrated is not None:
            await prepare(migrated)
        return await work

    try:
        return uvloop.run(whole())
    except WrongSetting as error:
        _fail(str(error))
    except StoreUnavailable as error:
        _fail(f"DATABASE_URL: the database does not answer: {error}")
    except NotStarted as error:
        _fail(str(error))
    except (LookupFailed, sqlite3.Error) as error:
        _fail(f"knowledge: {error}; `switchboard learn` makes a damaged index anew")
    except OSError as error:
        _fail(f"{error.filename or 'the system'}: {error.strerror or error}")
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    finally:
        work.close()  # unawaited when the migration failed


def _fail(message: str) -> NoReturn:
    print(f"switchboard: {message}", file=sys.stderr)
    raise typer.Exit(1)


async def _first_operator(house: House) -> tuple[str, str] | None:
    """Make the first operator when there is none; the sign-in to show, once."""
    if await house.store.operators.count():
        return None
    settings = house.settings
    email = settings.admin_email or "admin@switchboard.localhost"
    password = settings.admin_password or secrets.token_urlsafe(12)
    try:
        with acting_as(CONSOLE):
            await _add_operator(house, email, "", password, "admin")
    except AlreadyThere:  # another process was first
        return None
    return email, password if not settings.admin_password else "(ADMIN_PASSWORD)"


async def _add_operator(house: House, email: str, name: str, password: str, role: Role) -> None:
    await house.store.operators.add(email, name or _name_in(email), await _hashed(password), role)


async def _hashed(password: str) -> str:
    return await asyncio.to_thread(PasswordHash.recommended().hash, password)


def _name_in(email: str) -> str:
    """A name that customers may see, from an address: Grace Hopper, or Support for what is no person."""
    parts = [part for part in re.split(r"[._+\d-]+", email.partition("@")[0]) if part]
    if not parts or parts[0].lower() in _NOBODYS_NAME:
        return "Support"
    return " ".join(part[0].upper() + part[1:] for part in parts)


def _welcome(settings: Settings, first: tuple[str, str] | None) -> Panel:
    rows = Table.grid(padding=(0, 2))
    rows.add_row("Demo page", settings.address + "/")
    rows.add_row("Dashboard", settings.address + "/dashboard")
    rows.add_row("API docs", settings.address + "/api/docs")
    if first:
        rows.add_row("First sign-in", escape(f"{first[0]}  {first[1]}"))
    if settings.email_address:
        rows.add_row("Mail", escape(f"{settings.email_address}, read from {settings.imap_host}"))
    if not (settings.openai_api_key or settings.openai_base_url):
        rows.add_row("Answers", "from knowledge alone; set OPENAI_API_KEY for a model")
    return Panel(rows, title="Switchboard", subtitle="Ctrl-C stops it", expand=False)
