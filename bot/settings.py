"""What the house is told from outside: the environment and bot.toml, read once, checked, frozen."""

from __future__ import annotations

import difflib
import os
import re
import secrets
import tomllib
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from channels.places import places
from tools.built_in import NAMES
from tools.hours import OfficeHours
from tools.http import HttpTool
from tools.loading import FunctionTool
from tools.mcp import McpServer
from tools.openapi import OpenApiService

_SECRET = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SHORTEST_KEY = 32  # characters: what signs visitors' and operators' tokens must not be guessed


class WrongSetting(Exception):  # noqa: N818
    """A setting is missing, unknown or not what it must be; the message is one line that names it."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BotSection(_Section):
    """[bot]: who answers, and how."""

    name: str = "Ada"
    company: str = ""
    instructions: str = ""
    answer_when_unsure: Literal["handoff", "ask"] = "handoff"
    suggestions: tuple[str, ...] = ()


class ModelTier(_Section):
    """[models.NAME]: a model, its prices in USD per million tokens, as they were on the day `priced`, and
    what it bears of all workers together: calls at once, and calls begun in any minute."""

    name: str
    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cached_input: float | None = Field(default=None, ge=0)
    priced: date = Field(default_factory=lambda: datetime.now(UTC).date())
    max_tokens: int = Field(default=2_000, ge=1)
    fallback: tuple[str, ...] = ()
    concurrency: int | None = Field(default=None, ge=1)
    per_minute: int | None = Field(default=None, ge=1)
    base_url: str | None = None
    api_key: str | None = Field(default=None, repr=False)


class BudgetSection(_Section):
    """[budget]: what models' calls may cost at the most, in USD; 0: no limit. Of a limit that `downgrade_at`
    is used up of, the next cheaper model answers. Days are those of [hours] timezone, else of UTC."""

    turn: float = Field(default=0.0, ge=0, le=1e9)
    conversation: float = Field(default=0.0, ge=0, le=1e9)
    contact_day: float = Field(default=0.0, ge=0, le=1e9)
    day: float = Field(default=0.0, ge=0, le=1e9)
    downgrade_at: float = Field(default=0.8, ge=0, le=1)

    @field_validator("turn", "conversation", "contact_day", "day")
    @classmethod
    def _is_money(cls, usd: float) -> float:
        if 0 < usd < 1e-6:
            raise ValueError("a limit is at least a millionth of a dollar, and 0 is none")
        return usd


class KnowledgeSection(_Section):
    """[knowledge]: how meaning is looked up. Without `embeddings`, by the local model."""

    embeddings: str = ""


class IntentSection(_Section):
    """[intents.NAME]: what customers say who want this, and the agent and the tier of models for them."""

    examples: tuple[Annotated[str, Field(min_length=1)], ...] = Field(min_length=1)
    model: str | None = None
    agent: str | None = None


class AgentSection(_Section):
    """[agents.NAME]: who answers instead of the usual bot. Its instructions follow the bot's; the tools and
    pages that it does not name are the bot's."""

    name: str = ""
    instructions: str = ""
    tools: tuple[str, ...] | None = None
    knowledge: tuple[Annotated[str, Field(min_length=1)], ...] = ()


class WhatsAppTemplateSection(_Section):
    """[whatsapp.templates.NAME]: an approved template. What its places hold that `variables` do not name, the
    operator says who sends it."""

    sid: str
    text: str = Field(min_length=1, max_length=1024)
    language: str = ""
    variables: dict[str, str] = Field(default_factory=dict)
    labels: dict[str, str] = Field(default_factory=dict)

    @field_validator("sid")
    @classmethod
    def _is_sid(cls, sid: str) -> str:
        if not sid.startswith("HX"):
            raise ValueError("a template's ContentSid begins with HX")
        return sid

    @field_validator("variables")
    @classmethod
    def _can_be_filled(cls, variables: dict[str, str]) -> dict[str, str]:
        for value in variables.values():
            try:
                fields = [each[1:] for each in Formatter().parse(value) if each[1] is not None]
            except ValueError:
                fields = [("", "", None)]
            if any(each not in {("name", "", None), ("text", "", None)} for each in fields):
                raise ValueError("nothing stands in braces but {name} and {text}")
        return variables

    @model_validator(mode="after")
    def _has_the_places(self) -> Self:
        for field, told in (("variables", self.variables), ("labels", self.labels)):
            for place in told:
                if place not in places(self.text):
                    raise ValueError(f"{field}: there is no {{{{{place}}}}} in the text")
        return self


class WhatsAppSection(_Section):
    """[whatsapp]: the approved templates for what is sent outside of WhatsApp's 24 hours, and the pace.

    `template` names the one in which leaves then what nobody has chosen another for, the bot's own words
    among it.
    """

    template: str = ""
    templates: dict[Annotated[str, Field(pattern=r"^[\w .-]{1,60}$")], WhatsAppTemplateSection] = Field(
        default_factory=dict
    )
    per_second: float = Field(default=80.0, gt=0, le=1000)

    @model_validator(mode="after")
    def _usual_carries_the_text(self) -> Self:
        if not self.template:
            return self
        usual = self.templates.get(self.template)
        if usual is None:
            raise ValueError(f"template: there is no [whatsapp.templates.{self.template}]")
        filled = [value.format(name="", text="\0") for value in usual.variables.values()]
        if "".join(filled).count("\0") != 1:
            raise ValueError(f"template: {{text}} stands in one of the variables of {self.template}")
        if missing := [each for each in places(usual.text) if not usual.variables.get(each)]:
            raise ValueError(f"template: nothing is said for {{{{{missing[0]}}}}} in {self.template}")
        return self


class SmsSection(_Section):
    """[sms]: the pace that the number's carrier allows."""

    per_second: float = Field(default=1.0, gt=0, le=1000)


class MailboxSection(_Section):
    """[email.mailboxes.NAME]: one more mailbox. What it does not say is as the environment says it; its user
    is its address."""

    address: str
    name: str = ""
    imap_host: str = ""
    imap_port: int | None = Field(default=None, ge=1, le=65535)
    imap_user: str = ""
    imap_password: str = Field(default="", repr=False)
    imap_tls: Literal["ssl", "starttls", "none"] | None = None
    imap_mailbox: str = ""
    smtp_host: str = ""
    smtp_port: int | None = Field(default=None, ge=1, le=65535)
    smtp_user: str = ""
    smtp_password: str = Field(default="", repr=False)
    smtp_tls: Literal["ssl", "starttls", "none"] | None = None
    token_command: str = Field(default="", repr=False)

    @field_validator("address")
    @classmethod
    def _is_address(cls, address: str) -> str:
        return _mail_address(address)


class EmailSection(_Section):
    """[email]: how mails are read and what stands around answers."""

    name: str = ""  # in From; the company's otherwise
    greeting: str = ""
    signature: str = ""
    plus_addressing: bool = False
    authserv_id: str = ""
    processed: str = Field(default="seen", min_length=1)
    since: Literal["today", "all"] = "today"
    token_command: str = Field(default="", repr=False)
    mailboxes: dict[str, MailboxSection] = Field(default_factory=dict)


class ApprovalsSection(_Section):
    """[approvals]: after how many seconds operators are reminded of a call that waits for them, and it
    expires."""

    remind_after: float = Field(default=3600.0, gt=0, le=90 * 86_400)
    expires_after: float = Field(default=86_400.0, gt=0, le=90 * 86_400)


class DeskSection(_Section):
    """[desk]: with `most_open`, who waits for a person is given in turn to an operator who is there and has
    fewer open conversations than that; 0: they wait until somebody takes them. Who has not been at the desk
    for `away_after` seconds is away, and what they have not opened is given to somebody else. A person is to
    answer within `answer_within` seconds, of those in which [hours] has people there, or, what is urgent,
    within `answer_urgent_within`; None: at some time."""

    most_open: int = Field(default=0, ge=0, le=1000)
    away_after: float = Field(default=300.0, ge=30, le=86_400)
    answer_within: float | None = Field(default=None, ge=1, le=30 * 86_400)
    answer_urgent_within: float | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _urgent_is_sooner(self) -> Self:
        if self.answer_urgent_within is None:
            return self
        if self.answer_within is None:
            raise ValueError(
                "answer_urgent_within: answer_within is needed for everything that is not urgent"
            )
        if self.answer_urgent_within > self.answer_within:
            raise ValueError("answer_urgent_within: what is urgent has no more time than answer_within")
        return self


def _tool_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}", name):
        raise ValueError("a tool's name is made of letters, digits, _ and -, and begins with a letter")
    if name in NAMES:
        raise ValueError("this tool is there without being set up; give yours another name")
    return name


def _kind_of_tool(section: object) -> str:
    """Which of the two a section is: a function, or an HTTP service."""
    told = section if isinstance(section, dict) else vars(section) if isinstance(section, BaseModel) else {}
    return "[function]" if "function" in told else "[http]"


ToolName = Annotated[str, AfterValidator(_tool_name)]
WrittenTool = Annotated[
    Annotated[HttpTool, Tag("[http]")] | Annotated[FunctionTool, Tag("[function]")],
    Discriminator(_kind_of_tool),
]


class BotConfig(_Section):
    """bot.toml. Every part is optional."""

    bot: BotSection = BotSection()
    knowledge: KnowledgeSection = KnowledgeSection()
    models: dict[str, ModelTier] = Field(default_factory=dict)
    budget: BudgetSection = BudgetSection()
    whatsapp: WhatsAppSection = WhatsAppSection()
    sms: SmsSection = SmsSection()
    email: EmailSection = EmailSection()
    approvals: ApprovalsSection = ApprovalsSection()
    desk: DeskSection = DeskSection()
    intents: dict[str, IntentSection] = Field(default_factory=dict)
    agents: dict[str, AgentSection] = Field(default_factory=dict)
    tools: dict[ToolName, WrittenTool] = Field(default_factory=dict)
    mcp: dict[ToolName, McpServer] = Field(default_factory=dict)
    openapi: dict[ToolName, OpenApiService] = Field(default_factory=dict)
    hours: OfficeHours | None = None

    @model_validator(mode="after")
    def _fallbacks_exist(self) -> Self:
        for tier, model in self.models.items():
            for other in model.fallback:
                if other not in self.models or other == tier:
                    raise ValueError(f"models.{tier}.fallback names {other!r}, which is no other model here")
        return self

    @model_validator(mode="after")
    def _intents_lead_somewhere(self) -> Self:
        for name, intent in self.intents.items():
            if intent.model is not None and intent.model not in (tiers := list(self.models) or ["small"]):
                raise ValueError(f"intents.{name}.model: {missing('model', intent.model, tiers)}")
            if intent.agent is not None and intent.agent not in self.agents:
                raise ValueError(f"intents.{name}.agent: {missing('agent', intent.agent, self.agents)}")
        return self


class Settings(BaseSettings):
    """The environment (and a `.env`). Names are those of the contract, in lower case."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore", frozen=True
    )

    data_dir: Path = Path("data")
    database_url: str = Field(default="", repr=False)
    redis_url: str = Field(default="", repr=False)
    knowledge_url: str = Field(default="", repr=False)
    public_url: str = ""
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    secret_key: str = Field(default="", repr=False)
    bot_config: Path = Path("bot.toml")
    admin_email: str = ""
    admin_password: str = Field(default="", repr=False)
    openai_api_key: str = Field(default="", repr=False)
    openai_base_url: str = ""
    twilio_account_sid: str = ""
    twilio_auth_token: str = Field(default="", repr=False)
    twilio_whatsapp_from: str = ""
    twilio_sms_from: str = ""
    twilio_api_url: str = ""
    email_address: str = ""
    imap_host: str = ""
    imap_port: int = Field(default=993, ge=1, le=65535)
    imap_user: str = ""
    imap_password: str = Field(default="", repr=False)
    imap_tls: Literal["ssl", "starttls", "none"] = "ssl"
    imap_mailbox: str = "INBOX"
    smtp_host: str = ""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_user: str = ""
    smtp_password: str = Field(default="", repr=False)
    smtp_tls: Literal["ssl", "starttls", "none"] = "starttls"
    web_identity_secret: str = Field(default="", repr=False)
    web_origins: Annotated[tuple[str, ...], NoDecode] = ()
    alert_urls: Annotated[tuple[str, ...], NoDecode] = Field(default=(), repr=False)
    webhook_url: str = Field(default="", repr=False)
    webhook_secret: str = Field(default="", repr=False)
    otel_exporter_otlp_endpoint: str = ""
    otel_exporter_otlp_headers: str = Field(default="", repr=False)
    otel_service_name: str = "switchboard"
    otel_instrumentation_genai_capture_message_content: bool = False
    log_format: Literal["text", "json"] = "text"

    @field_validator("secret_key")
    @classmethod
    def _cannot_be_guessed(cls, key: str) -> str:
        if key and len(key) < _SHORTEST_KEY:
            raise ValueError(
                f"it has fewer than {_SHORTEST_KEY} characters; `openssl rand -base64 48` makes a good one, "
                "and when it is unset one is made and kept in DATA_DIR"
            )
        return key

    @field_validator("web_origins", "alert_urls", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value

    @field_validator("web_origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            parts = urlsplit(origin)
            whole = f"{parts.scheme}://{parts.netloc}"
            if origin != "*" and (
                parts.scheme not in {"http", "https"} or not parts.netloc or origin != whole
            ):
                raise ValueError(f"{origin!r} is no origin; write https://www.example.com, without a path")
        return origins

    @field_validator(
        "public_url", "openai_base_url", "twilio_api_url", "webhook_url", "otel_exporter_otlp_endpoint"
    )
    @classmethod
    def _is_http(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme not in {"http", "https"} or not parts.netloc or parts.port == 0):
            shown = re.sub(r"//[^/]*@", "//…@", url)
            raise ValueError(f"{shown!r} is no address; it begins with http:// or https://")
        return url

    @field_validator("public_url", "openai_base_url", "twilio_api_url")
    @classmethod
    def _begins_others(cls, url: str) -> str:
        return url.rstrip("/")

    @field_validator("twilio_whatsapp_from")
    @classmethod
    def _is_whatsapp(cls, sender: str) -> str:
        if sender and not re.fullmatch(r"whatsapp:\+[0-9]+", sender):
            raise ValueError("it is written whatsapp:+14155238886")
        return sender

    @field_validator("twilio_sms_from")
    @classmethod
    def _is_number(cls, sender: str) -> str:
        if ":" in sender:
            raise ValueError("it is a number alone, written +14155238886")
        return sender

    @field_validator("email_address", "admin_email")
    @classmethod
    def _is_address(cls, address: str) -> str:
        return _mail_address(address) if address else address

    @field_validator("database_url")
    @classmethod
    def _is_database(cls, url: str) -> str:
        if url and urlsplit(url).scheme not in {"sqlite", "postgres", "postgresql"}:
            raise ValueError("it begins with sqlite:///, postgres:// or postgresql://")
        return url

    @field_validator("knowledge_url")
    @classmethod
    def _is_knowledge(cls, url: str) -> str:
        if url:
            raise ValueError("only the local index in DATA_DIR is there yet; leave it unset")
        return url

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, url: str) -> str:
        if url and urlsplit(url).scheme not in {"redis", "rediss", "unix"}:
            raise ValueError("it begins with redis://, rediss:// or unix://")
        return url

    @model_validator(mode="after")
    def _whole_or_absent(self) -> Self:
        """A channel half set up would lose messages quietly; say which name is missing."""
        for channel, names in _CHANNELS.items():
            given = [name for name in names if getattr(self, name)]
            begun = given or any(getattr(self, name) for name in _BESIDES.get(channel, ()))
            if begun and len(given) < len(names):
                missing = next(name for name in names if name not in given)
                raise ValueError(
                    f"{missing.upper()} is missing: {channel} needs {', '.join(n.upper() for n in names)}"
                )
        if bool(self.smtp_user) != bool(self.smtp_password):
            missing = "SMTP_PASSWORD" if self.smtp_user else "SMTP_USER"
            raise ValueError(f"{missing} is missing: signing in to SMTP_HOST needs both")
        if bool(self.admin_email) != bool(self.admin_password):
            missing = "ADMIN_PASSWORD" if self.admin_email else "ADMIN_EMAIL"
            raise ValueError(f"{missing} is missing: the first operator needs both")
        if self.webhook_url and not self.webhook_secret:
            raise ValueError("WEBHOOK_SECRET is missing: events sent to WEBHOOK_URL are signed with it")
        return self

    @property
    def database(self) -> str:
        """Where the store is, as a URL."""
        return self.database_url or f"sqlite:///{self.data_dir.absolute() / 'switchboard.db'}"

    @property
    def address(self) -> str:
        """Where people reach this server, without a slash at the end."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104
        return self.public_url or f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def own_origin(self) -> str:
        """The origin of this server's own pages, as browsers name it."""
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc}"


_CHANNELS: Mapping[str, tuple[str, ...]] = {
    "WhatsApp": ("twilio_account_sid", "twilio_auth_token", "twilio_whatsapp_from"),
    "mail": ("email_address", "imap_host", "imap_user", "smtp_host"),
}
# Whoever gives one of these has begun to set the channel up.
_BESIDES: Mapping[str, tuple[str, ...]] = {
    "WhatsApp": ("twilio_sms_from",),
    "mail": ("imap_password", "smtp_user", "smtp_password"),
}
# An unknown name under one of these is a slip of the finger, not another program's setting.
_OURS = (
    "TWILIO_",
    "IMAP_",
    "SMTP_",
    "WEB_ORIGIN",
    "WEB_IDENTITY",
    "OPENAI_B",
    "OPENAI_API",
    "WEBHOOK_",
    "ALERT_URL",
)


def read_settings() -> Settings:
    """Read and check the environment and the `.env` in this folder, which the environment goes before.

    Raises WrongSetting with one line that names the variable and says what it must be.
    """
    known = {name.upper() for name in Settings.model_fields}
    try:
        written = dotenv_values(".env", encoding="utf-8", interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        raise WrongSetting(f".env: cannot be read: {error}") from None
    for name in sorted({*os.environ, *(name.upper() for name in written)}):
        if name.startswith(_OURS) and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise WrongSetting(f"{name}: there is no such setting{hint}")
    try:
        return Settings()
    except ValidationError as error:
        raise WrongSetting(_one_line(error, upper=True)) from None


def read_bot_config(path: Path, *, required: bool) -> BotConfig:
    """Read bot.toml; an absent file is an empty one unless `required`.

    Raises WrongSetting with one line that names the file and the key.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if required:
            raise WrongSetting(f"BOT_CONFIG: there is no file {path}") from None
        return BotConfig()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongSetting(f"{path}: cannot be read: {error}") from None
    try:
        return BotConfig.model_validate(_with_secrets(tomllib.loads(text), path))
    except tomllib.TOMLDecodeError as error:
        raise WrongSetting(f"{path}: is not TOML: {error}") from None
    except ValidationError as error:
        raise WrongSetting(f"{path}: {_one_line(error, upper=False)}") from None


def _with_secrets(told: dict[str, Any], path: Path) -> dict[str, Any]:
    """bot.toml with "${NAME}" in `headers` and `env` replaced by what the environment or `.env` says: secrets
    need not stand in a file that is shown around."""

    def secret(found: re.Match[str]) -> str:
        name = found.group(1)
        value = os.environ.get(name) or dotenv_values(".env", encoding="utf-8", interpolate=False).get(name)
        if not value:
            raise WrongSetting(f"{path}: headers or env need ${{{name}}}, and {name} is not set")
        return value

    for section in (each for kind in ("tools", "mcp", "openapi") for each in _tables(told.get(kind))):
        for table in _tables({name: section.get(name) for name in ("headers", "env")}):
            table |= {key: _SECRET.sub(secret, each) for key, each in table.items() if isinstance(each, str)}
    return told


def _tables(section: object) -> list[dict[str, Any]]:
    return [each for each in section.values() if isinstance(each, dict)] if isinstance(section, dict) else []


def secret_key(settings: Settings) -> str:
    """The key that signs visitors' tokens: SECRET_KEY, else one made once and kept in DATA_DIR.

    Two processes starting at once agree on one key.
    """
    if settings.secret_key:
        return settings.secret_key
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    path = settings.data_dir / "secret_key"
    fresh = path.with_name(f"secret_key.{secrets.token_hex(8)}")
    if not path.exists():
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(48), encoding="ascii")
        try:
            os.link(fresh, path)  # whole or not at all, and only if nobody was first
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    key = path.read_text(encoding="ascii").strip()
    if not key:
        raise WrongSetting(f"SECRET_KEY: {path} is empty; remove it, and a new key is made")
    return key


def missing(kind: str, name: str, known: Collection[str]) -> str:
    """That there is no such thing, and which one may be meant."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"there is no {kind} {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")


def _mail_address(address: str) -> str:
    local, _, domain = address.rpartition("@")
    if not local or not domain or any(each.isspace() or each in "<>,;" for each in address):
        raise ValueError(f"{address!r} is no mail address; it is written support@example.com")
    return address


def _one_line(error: ValidationError, *, upper: bool) -> str:
    first: Any = error.errors()[0]
    # What stands in brackets is how it was read, and not where it was written.
    name = ".".join(str(part) for part in first["loc"] if not str(part).startswith("["))
    message = first["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:] if not name.isupper() and message[:2].istitle() else message
    if first["type"] == "extra_forbidden":
        message = "there is no such setting"
    if not name:  # a check over several values names its own
        return str(first["msg"].removeprefix("Value error, "))
    return f"{name.upper() if upper else name}: {message}"
