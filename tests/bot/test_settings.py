"""Settings: what they are by default, and the one line that says what is wrong with them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.settings import BotConfig, Settings, WrongSetting, read_bot_config, read_settings, secret_key
from tests.processes import ROOT

Given = Callable[..., None]

CONTRACT = """
[bot]
name = "Ada"
instructions = "You answer for Northwind Outfitters…"
answer_when_unsure = "handoff"             # or "ask"
[models.small]                             # any number of tiers, cheapest first
name = "gpt-4o-mini"
input = 0.15                               # USD per million tokens
output = 0.60
[models.large]
name = "gpt-4o"
input = 2.50
output = 10.00
fallback = ["small"]                       # tried in order when this one fails
[intents.refund]                           # routing
examples = ["I want my money back", "this arrived broken"]
model = "large"
agent = "billing"
[agents.billing]
instructions = "…"
tools = ["order_status", "refund"]
[budget]                                   # USD; 0 = no limit
turn = 0.05
conversation = 0.50
contact_day = 2.00
day = 50.00
downgrade_at = 0.8
[tools.order_status]                       # an HTTP tool, no code
description = "Look up an order"
url = "https://shop.example/orders/{order_id}"
parameters = { order_id = { type = "string", pattern = "^[0-9]{6}$" } }
[tools.refund]
method = "POST"
url = "https://shop.example/refunds"
effect = "write"                           # "read" (default) or "write"
approval = "operator"                      # an operator must approve each call
[mcp.shop]                                 # tools of an MCP server
url = "https://shop.example/mcp"
[hours]
timezone = "Europe/Berlin"
mon-fri = "09:00-18:00"
"""
TWILIO = {
    "TWILIO_ACCOUNT_SID": "AC1",
    "TWILIO_AUTH_TOKEN": "hush-token",
    "TWILIO_WHATSAPP_FROM": "whatsapp:+1",
}
MAIL = {
    "EMAIL_ADDRESS": "help@shop.example",
    "IMAP_HOST": "imap.shop.example",
    "IMAP_USER": "help",
    "IMAP_PASSWORD": "hush-imap",
    "SMTP_HOST": "smtp.shop.example",
}


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Given:
    """An environment of these variables and no others, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def give(**variables: str) -> None:
        monkeypatch.setattr("os.environ", variables)

    give()
    return give


def wrong() -> str:
    """What the settings are refused for, in one line."""
    with pytest.raises(WrongSetting) as caught:
        read_settings()
    told = str(caught.value)
    assert "\n" not in told
    assert "hush" not in told
    return told


def test_nothing_needs_to_be_set(given: Given, tmp_path: Path) -> None:
    settings = read_settings()
    assert settings.database == f"sqlite:///{tmp_path / 'data' / 'switchboard.db'}"
    assert settings.address == settings.own_origin == "http://127.0.0.1:8000"
    assert (settings.redis_url, settings.knowledge_url, settings.web_origins) == ("", "", ())
    assert (settings.data_dir, settings.bot_config) == (Path("data"), Path("bot.toml"))
    assert (settings.imap_port, settings.imap_tls, settings.imap_mailbox) == (993, "ssl", "INBOX")
    assert (settings.smtp_port, settings.smtp_tls, settings.log_format) == (587, "starttls", "text")


def test_an_empty_variable_is_as_good_as_none(given: Given) -> None:
    given(**dict.fromkeys((name.upper() for name in Settings.model_fields), ""))
    assert read_settings() == Settings()


def test_a_dotenv_is_read_and_the_environment_goes_before_it(given: Given, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=9001\nHOST=0.0.0.0\nUNRELATED=1\n")
    given(PORT="9002")
    settings = read_settings()
    assert (settings.port, settings.host) == (9002, "0.0.0.0")
    assert settings.address == "http://127.0.0.1:9002"


@pytest.mark.parametrize("place", ["environment", ".env"])
def test_a_name_that_is_none_is_told_with_the_one_that_was_meant(
    given: Given, tmp_path: Path, place: str
) -> None:
    if place == ".env":
        (tmp_path / ".env").write_text("TWILIO_ACOUNT_SID=AC1\n")
    else:
        given(TWILIO_ACOUNT_SID="AC1")
    assert wrong() == "TWILIO_ACOUNT_SID: there is no such setting; did you mean TWILIO_ACCOUNT_SID?"


def test_a_dotenv_that_cannot_be_read_is_told(given: Given, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"ADMIN_EMAIL=\xff\xfe\n")
    assert wrong().startswith(".env: cannot be read")


WITHOUT_PASSWORD = {name: value for name, value in MAIL.items() if name != "IMAP_PASSWORD"}


@pytest.mark.parametrize("whole", [TWILIO, WITHOUT_PASSWORD])  # a token may stand for the password
def test_a_channel_is_set_up_whole_or_not_at_all(given: Given, whole: dict[str, str]) -> None:
    given(**whole)
    read_settings()
    for missing in whole:
        given(**{name: value for name, value in whole.items() if name != missing})
        assert wrong().startswith(f"{missing} is missing: ")


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"SMTP_PASSWORD": "hush"}, "EMAIL_ADDRESS is missing: "),
        (MAIL | {"SMTP_USER": "help"}, "SMTP_PASSWORD is missing: "),
        ({"ADMIN_EMAIL": "a@b.example"}, "ADMIN_PASSWORD is missing: "),
        ({"ADMIN_PASSWORD": "hush"}, "ADMIN_EMAIL is missing: "),
        ({"ADMIN_EMAIL": "a", "ADMIN_PASSWORD": "hush"}, "ADMIN_EMAIL: 'a' is no mail address"),
        ({"WEBHOOK_URL": "https://x.example"}, "WEBHOOK_SECRET is missing: "),
        ({"PORT": "http"}, "PORT: "),
        ({"PORT": "70000"}, "PORT: "),
        ({"LOG_FORMAT": "xml"}, "LOG_FORMAT: "),
        ({"IMAP_TLS": "tls"}, "IMAP_TLS: "),
        ({"DATABASE_URL": "mysql://u:hush@h/d"}, "DATABASE_URL: it begins with sqlite:///"),
        ({"REDIS_URL": "http://u:hush@h"}, "REDIS_URL: it begins with redis://"),
        ({"KNOWLEDGE_URL": "postgresql://u:hush@h/d"}, "KNOWLEDGE_URL: "),
        ({"PUBLIC_URL": "shop.example"}, "PUBLIC_URL: 'shop.example' is no address"),
        ({"WEBHOOK_URL": "htp://ada:hush@shop.example"}, "WEBHOOK_URL: 'htp://…@shop.example' is no address"),
        ({"PUBLIC_URL": "http://["}, "PUBLIC_URL: "),
        ({"PUBLIC_URL": "https://shop.example:99999"}, "PUBLIC_URL: "),
        ({"TWILIO_SMS_FROM": "+1"}, "TWILIO_ACCOUNT_SID is missing: "),
        (TWILIO | {"TWILIO_WHATSAPP_FROM": "+1"}, "TWILIO_WHATSAPP_FROM: it is written whatsapp:+"),
        (TWILIO | {"TWILIO_WHATSAPP_FROM": "whatsapp:+a"}, "TWILIO_WHATSAPP_FROM: it is written whatsapp:+"),
        (TWILIO | {"TWILIO_SMS_FROM": "whatsapp:+1"}, "TWILIO_SMS_FROM: it is a number alone"),
        ({"WEB_ORIGINS": "https://a.example/"}, "WEB_ORIGINS: 'https://a.example/' is no origin"),
        ({"WEB_ORIGINS": "https://a.example?x"}, "WEB_ORIGINS: "),
        ({"WEB_ORIGINS": "a.example"}, "WEB_ORIGINS: 'a.example' is no origin"),
    ],
)
def test_what_is_wrong_is_told_by_its_name(given: Given, variables: dict[str, str], told: str) -> None:
    given(**variables)
    assert wrong().startswith(told)


def test_lists_may_be_written_with_commas_or_spaces(given: Given) -> None:
    given(WEB_ORIGINS="https://a.example, https://b.example  *", PUBLIC_URL="https://bot.example/chat/")
    settings = read_settings()
    assert settings.web_origins == ("https://a.example", "https://b.example", "*")
    assert (settings.address, settings.own_origin) == ("https://bot.example/chat", "https://bot.example")


def test_secrets_are_shown_nowhere(given: Given) -> None:
    secrets = {
        "DATABASE_URL": "postgres://u:hush@h/d",
        "REDIS_URL": "redis://:hush@h",
        "SECRET_KEY": "hush-key" * 8,
        "OPENAI_API_KEY": "hush-openai",
        "WEB_IDENTITY_SECRET": "hush-identity",
        "ALERT_URLS": "slack://hush",
        "WEBHOOK_URL": "https://u:hush@h/",
        "WEBHOOK_SECRET": "hush-webhooks",
        "ADMIN_EMAIL": "a@b.example",
        "ADMIN_PASSWORD": "hush-admin",
    }
    given(**secrets, **TWILIO, **MAIL)
    assert "hush" not in repr(read_settings())
    config = BotConfig.model_validate(
        {"models": {"small": {"name": "m", "input": 0, "output": 0, "api_key": "hush"}}}
    )
    assert "hush" not in repr(config)


# bot.toml ----------------------------------------------------------------------------------------------


def config(tmp_path: Path, text: str | bytes) -> BotConfig:
    path = tmp_path / "bot.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_bot_config(path, required=False)


def test_the_contracts_example_is_understood(tmp_path: Path) -> None:
    found = config(tmp_path, CONTRACT)
    assert list(found.models) == ["small", "large"]
    assert found.models["large"].fallback == ("small",)
    assert found.bot.name == "Ada"
    assert found.intents["refund"].examples == ("I want my money back", "this arrived broken")
    assert (found.intents["refund"].model, found.intents["refund"].agent) == ("large", "billing")
    assert found.agents["billing"].tools == ("order_status", "refund")
    assert (found.budget.turn, found.budget.contact_day, found.budget.downgrade_at) == (0.05, 2.0, 0.8)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[intents.refund]", "intents.refund.examples: field required"),
        ("[intents.refund]\nexamples = []", "intents.refund.examples: "),
        ('[intents.refund]\nexamples = [""]', "intents.refund.examples.0: "),
        (
            '[intents.refund]\nexamples = ["a"]\nmodell = "x"',
            "intents.refund.modell: there is no such setting",
        ),
        (
            '[intents.refund]\nexamples = ["a"]\nmodel = "large"',
            "intents.refund.model: there is no model 'large'",
        ),
        (
            '[intents.refund]\nexamples = ["a"]\nagent = "biling"\n[agents.billing]',
            "intents.refund.agent: there is no agent 'biling'; did you mean 'billing'?",
        ),
    ],
)
def test_an_intent_that_leads_nowhere_is_told_by_its_name(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(WrongSetting) as wrong:
        config(tmp_path, text)
    assert told in str(wrong.value)
    assert "\n" not in str(wrong.value)


@pytest.mark.parametrize(
    "line", ["day = -1", "turn = nan", "day = inf", "turn = 1e-9", "downgrade_at = 1.1", "week = 1"]
)
def test_a_wrong_budget_is_told_by_its_name(tmp_path: Path, line: str) -> None:
    with pytest.raises(WrongSetting, match=rf"budget\.{line.partition(' ')[0]}: "):
        config(tmp_path, f"[budget]\n{line}\n")


def test_the_example_beside_it_is_understood() -> None:
    read_bot_config(ROOT / "bot.example.toml", required=True)


def test_what_is_commented_out_in_the_example_is_understood_as_well(tmp_path: Path, given: Given) -> None:
    written = (ROOT / "bot.example.toml").read_text(encoding="utf-8")
    set_up = re.sub(r'(?m)^#(?=\[|[a-z][a-z_-]* = |.*"""|\{name\}$)', "", written)
    given(SHOP_TOKEN="hush", KEY="hush")
    found = config(tmp_path, set_up)
    assert [*found.tools, *found.mcp, *found.openapi] == ["order_status", "refund", "bonus", "shop", "shop"]
    assert found.hours is not None
    assert found.hours.written()["sat"] == ["10:00-14:00"]
    assert found.email.signature.startswith("{name}")
    empty = {name for name, told in found if not told}
    assert empty == set(), "what there is to set stands in the example"


def test_no_file_is_an_empty_one_unless_it_was_asked_for(tmp_path: Path) -> None:
    assert read_bot_config(tmp_path / "bot.toml", required=False) == BotConfig()
    with pytest.raises(WrongSetting, match="BOT_CONFIG: there is no file"):
        read_bot_config(tmp_path / "bot.toml", required=True)
    with pytest.raises(WrongSetting, match="cannot be read"):
        read_bot_config(tmp_path, required=False)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[bot", "is not TOML"),
        (b"\xff", "cannot be read"),
        ("[bots]\nname='x'", "bots: there is no such setting"),
        ("[bot]\nnmae='x'", "bot.nmae: there is no such setting"),
        ("[bot]\nanswer_when_unsure='guess'", "bot.answer_when_unsure: "),
        ("[models.small]\nname='m'", "models.small.input: "),
        ("[models.small]\nname='m'\ninput=-1\noutput=0", "models.small.input: "),
        ("[models.a]\nname='m'\ninput=0\noutput=0\nfallback=['b']", "models.a.fallback names 'b'"),
        ("[models.a]\nname='m'\ninput=0\noutput=0\nfallback=['a']", "models.a.fallback names 'a'"),
        ("models = 5", "models: "),
        ("tools = 5", "tools: "),
        ("tools.status = 5", "tools.status: "),
        ("[tools.status]", "tools.status.url: field required"),
        ("[tools.'a b']\nurl='https://shop.example'", "tools.a b: a tool's name is made of letters"),
        ("[tools.status]\nfunction='shop.py'", "tools.status.function: it is written"),
        ("[tools.status]\nfunction='shop.py:x'\nurl='y'", "tools.status.url: there is no such setting"),
        ("[tools.hand_off]\nurl='https://shop.example'", "tools.hand_off: this tool is there"),
        ("[mcp.shop]", "mcp.shop: either url or command"),
        ("[mcp.shop]\nurl='http://shop.example/mcp'", "mcp.shop: it is asked over https"),
        ("[mcp.shop]\ncommand=['x']\nenv={A='${NO_SUCH}'}", "headers or env need ${NO_SUCH}"),
        ("[openapi.shop]\nurl='https://shop.example/d'", "openapi.shop.operations: field required"),
        ("[openapi.shop]\noperations=['x']", "openapi.shop: either url or file"),
        ("[hours]\nmom='09:00-18:00'", "hours: mom: there is no such setting"),
        ("[hours]\nmon='9-18'", "hours: mon: '9-18' is not written"),
        ("[hours]\nmon='closed'", "hours: on no day anybody is there"),
        ("[tools.status]\nurl='https://{x}'", "tools.status.url: 'https://{x}': where it leads"),
        ("[tools.status]\nurl='https://shop.example'\nefect='write'", "tools.status.efect: there is no such"),
        ("[tools.status]\nurl='https://shop.example/{x}'", "tools.status: {x} is no parameter"),
        (
            "[tools.status]\nurl='https://shop.example'\nheaders={A='Bearer ${NO_SUCH}'}",
            "headers or env need ${NO_SUCH}, and NO_SUCH is not set",
        ),
    ],
)
def test_a_mistake_is_told_in_one_line_with_file_and_key(
    tmp_path: Path, text: str | bytes, told: str
) -> None:
    with pytest.raises(WrongSetting) as caught:
        config(tmp_path, text)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'bot.toml'}: {told}")


def test_a_secret_in_a_header_comes_from_the_environment(tmp_path: Path, given: Given) -> None:
    given(SHOP_TOKEN="hush")
    found = config(
        tmp_path, "[tools.status]\nurl='https://shop.example'\nheaders={A='Bearer ${SHOP_TOKEN}', B='${x'}"
    )
    assert found.tools["status"].headers == {"A": "Bearer hush", "B": "${x"}
    assert "hush" not in repr(found)


# the secret key ----------------------------------------------------------------------------------------


def test_the_secret_key_is_made_once_and_kept_to_its_owner(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    key = secret_key(settings)
    assert len(key) >= 48
    assert secret_key(settings) == key
    (path,) = (tmp_path / "data").iterdir()
    assert path.stat().st_mode & 0o077 == 0
    assert secret_key(Settings(data_dir=tmp_path, secret_key="given" * 8)) == "given" * 8


def test_a_key_that_could_be_guessed_is_refused(given: Given) -> None:
    for key in ("a", "a" * 31):
        given(SECRET_KEY=key)
        with pytest.raises(WrongSetting, match=r"^SECRET_KEY: it has fewer than 32 characters") as refused:
            read_settings()
        assert "\n" not in str(refused.value)
    given(SECRET_KEY="a" * 32)
    assert read_settings().secret_key


def test_an_empty_key_signs_nothing(tmp_path: Path) -> None:
    (tmp_path / "secret_key").touch()
    with pytest.raises(WrongSetting, match="SECRET_KEY"):
        secret_key(Settings(data_dir=tmp_path))


def test_processes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    make = "from pathlib import Path; from bot.settings import *; input(); "
    make += f"print(secret_key(Settings(data_dir=Path({str(tmp_path / 'data')!r}))))"
    started = [
        subprocess.Popen(
            [sys.executable, "-c", make],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT)},
        )
        for _ in range(4)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    keys = {process.communicate(timeout=60)[0].strip() for process in started}
    assert len(keys) == 1
    assert len(keys.pop()) >= 48
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secret_key"]


_USUAL = 'template = "a"\n[whatsapp.templates.a]\nsid = "HX1"\ntext = "Now: {{1}}"\n'


def test_whatsapp_has_templates_and_a_pace_once_they_are_written_down(tmp_path: Path) -> None:
    path = tmp_path / "bot.toml"
    told = BotConfig().whatsapp
    assert (told.template, told.templates, told.per_second) == ("", {}, 80)
    path.write_text(
        '[whatsapp]\ntemplate = "update"\n[whatsapp.templates.update]\nsid = "HX1"\ntext = "Now: {{1}}"\n'
        'variables = { "1" = "{text}!" }\nlabels = { "1" = "News" }\nlanguage = "en"\n'
        '[whatsapp.templates."An offer"]\nsid = "HX2"\ntext = "{{1}}, {{day}}"\n[sms]\nper_second = 0.5\n'
    )
    config = read_bot_config(path, required=True)
    assert list(config.whatsapp.templates) == ["update", "An offer"]
    update = config.whatsapp.templates[config.whatsapp.template]
    assert (update.sid, update.language, update.labels) == ("HX1", "en", {"1": "News"})
    assert config.sms.per_second == 0.5


def refused_config(folder: Path, text: str) -> str:
    """What is said of a bot.toml that is refused."""
    path = folder / "bot.toml"
    path.write_text(text)
    with pytest.raises(WrongSetting) as caught:
        read_bot_config(path, required=True)
    return str(caught.value).removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("answer_urgent_within = 60", "desk: answer_urgent_within: answer_within is needed"),
        (
            "answer_within = 60\nanswer_urgent_within = 61",
            "desk: answer_urgent_within: what is urgent has no",
        ),
        ("answer_within = 60\nanswer_urgent_within = 0", "desk.answer_urgent_within: "),
    ],
)
def test_what_is_urgent_has_no_more_time_than_the_rest(tmp_path: Path, line: str, told: str) -> None:
    assert refused_config(tmp_path, f"[desk]\n{line}\n").startswith(told)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('template = "hello"', "whatsapp: template: there is no [whatsapp.templates.hello]"),
        (f'{_USUAL}variables = {{ "1" = "{{name}}" }}', "whatsapp: template: {text} stands in one"),
        (
            f'{_USUAL}variables = {{ "1" = "{{text}}{{text}}" }}',
            "whatsapp: template: {text} stands in one",
        ),
        (
            f'{_USUAL}variables = {{ "1" = "{{text" }}',
            "whatsapp.templates.a.variables: nothing stands",
        ),
        (
            f'{_USUAL}variables = {{ "1" = "{{x}}" }}',
            "whatsapp.templates.a.variables: nothing stands",
        ),
        (f'{_USUAL}variables = {{ "2" = "x" }}', "whatsapp.templates.a: variables: there is no {{2}} in the"),
        (f'{_USUAL}labels = {{ "2" = "x" }}', "whatsapp.templates.a: labels: there is no {{2}} in the text"),
        (
            'template = "a"\n[whatsapp.templates.a]\nsid = "HX1"\ntext = "{{1}} {{2}}"\n'
            'variables = { "1" = "{text}" }',
            "whatsapp: template: nothing is said for {{2}} in a",
        ),
        ('[whatsapp.templates.a]\nsid = "MG1"\ntext = "x"', "whatsapp.templates.a.sid: a template's Content"),
        ('[whatsapp.templates.a]\nsid = "HX1"', "whatsapp.templates.a.text: "),
        (f'{_USUAL}variables = {{ "1" = "{{text!s}}" }}', "whatsapp.templates.a.variables: nothing stands"),
        ('[whatsapp.templates."a/b"]\nsid = "HX1"\ntext = "x"', "whatsapp.templates.a/b"),
        ("per_second = 0", "whatsapp.per_second: "),
        ("pace = 1", "whatsapp.pace: there is no such setting"),
    ],
)
def test_a_wrong_template_is_told_by_its_name(tmp_path: Path, line: str, told: str) -> None:
    assert refused_config(tmp_path, f"[whatsapp]\n{line}\n").startswith(told)
