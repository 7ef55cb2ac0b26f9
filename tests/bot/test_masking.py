"""What must not stand in logs and traces is masked, and nothing else is."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import JsonValue

from bot.app import masking
from bot.masking import Masking, hidden
from bot.settings import BotConfig, Settings, read_bot_config
from bot.trace import Step

KEY = "sk-proj-" + "abcdefghijklmnop1234"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Write to jane.doe+x@example.co.uk.", "Write to [email]."),
        ("+49 (0) 151-2345 6789", "[phone]"),
        ("call 0151 23456789 or 06 12 34 56 78", "call [phone] or [phone]"),
        ("(415) 523-8886", "[phone]"),
        ("whatsapp:+491512345678", "whatsapp:[phone]"),
        ("0049 30 1234567", "[phone]"),
        ("4111 1111 1111 1111", "[card …1111]"),
        ("5500-0000-0000-0004, 12/29", "[card …0004], 12/29"),
        ("378282246310005", "[card …0005]"),
        ("DE89 3704 0044 0532 0130 00 please", "[iban] please"),
        ("gb82west12345698765432.", "[iban]."),
        ("NO93 8601 1117 947 and no12 4111111111111111", "[iban] and no12 [card …1111]"),
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer [secret]"),
        ("my password is hunter2! thanks", "my password is [secret] thanks"),
        ("Passwort: Geheim99", "Passwort: [secret]"),
        ('{"api_key": "abc123"}', '{"api_key": "[secret]"}'),
        ("https://x.example/y?token=abc123&page=1", "https://x.example/y?token=[secret]&page=1"),
        ("postgresql://switchboard:pa55word@db/x", "postgresql://[secret]@db/x"),
        (f"{KEY} and {JWT}", "[secret] and [secret]"),
        ("ghp_" + "a1" * 18, "[secret]"),
        ("AKIA" + "ABCD1234" * 2, "[secret]"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----", "[secret]"),
    ],
)
def test_what_is_personal_or_secret_is_masked(text: str, masked: str) -> None:
    assert Masking().text(text) == masked
    assert Masking().text(masked) == masked, "a mask is not masked again"


@pytest.mark.parametrize(
    "text",
    [
        "order 123456 of 2026-11-28 03:19:04.123, 01.02.2026 12:30, 05/02/2026",
        "tracking 1Z999AA10123456784, 550e8400-e29b-41d4-a716-446655440000",
        "4111111111111112 is no card's number",
        "DE88 3704 0044 0532 0130 00 is no account",
        "the token is expired; passwords: how to reset them",
        "msg_0019f3b2c4d5e6f7a8b9c0d1e2f3a4b cnv_0000000000000000000000000000001",
        "<msg_0019f3b2c4d5e6f7a8b9c0d1e2f3a4b.1.auto@shop.example>",
        "seconds=0.0123456789, 1764300000000000, 1,299.00 in 30 days",
        "1 2 3 4 5 6 7 8 9 10",
        "SM" + "0123456789abcdef" * 2,
        "mailto:, @everybody, a@b",
        "",
    ],
)
def test_what_is_neither_stays(text: str) -> None:
    assert Masking().text(text) == text


def test_what_the_settings_hide_is_masked_wherever_it_stands(tmp_path: Path) -> None:
    file = tmp_path / "bot.toml"
    file.write_text(
        """
        [models.small]
        name = "m"
        input = 1
        output = 1
        api_key = "the-model's-own-key"
        base_url = "https://user:b@seurl-pass@models.example/v1"
        [tools.orders]
        description = "Look up an order"
        url = "https://shop.example/orders?format=plain&apikey={key}"
        headers = { Authorization = "Bearer shopkeeper-s-word", Accept = "application/json" }
        parameters = { key = { type = "string" } }
        [mcp.stock]
        command = ["stock"]
        env = { MODE = "live", STOCK_TOKEN = "stock-s-own" }
        [email.mailboxes.sales]
        address = "sales@shop.example"
        imap_password = "for the mailbox"
        """
    )
    settings = Settings(
        _env_file=None,
        database_url="postgresql://switchboard:q%21uiet@db.internal/switchboard",
        redis_url="redis://:cachepass@cache.internal:6379",
        openai_api_key="another-key",
        webhook_url="https://hooks.example/in?code=hook-code",
        webhook_secret="wsec",
        otel_exporter_otlp_headers="authorization=Basic%20collect0rs,x-shop=northwind",
        alert_urls=("slack://TokenAAAA/TokenBBBB/TokenCCCC",),
        email_address="support@shop.example",
        imap_host="imap.example",
        imap_user="support@shop.example",
        imap_password="imap pass/word",
        smtp_host="smtp.example",
    )
    mask = masking(settings, read_bot_config(file, required=True))
    for secret in (
        "the-model's-own-key",
        "b@seurl-pass",
        "shopkeeper-s-word",
        "for the mailbox",
        "q!uiet",
        "q%21uiet",
        "cachepass",
        "another-key",
        "hook-code",
        "wsec",
        "TokenBBBB",
        "stock-s-own",
        "collect0rs",
        "imap pass/word",
        "imap%20pass%2Fword",
    ):
        assert mask.text(f"it said: {secret}.") == "it said: [secret].", secret
    ours = (
        "the mailbox is plain, live and application/json for northwind; support@shop.example, "
        "sales@shop.example, db.internal, switchboard, wsecret"
    )
    assert mask.text(ours) == ours
    assert "[email]" in mask.text("ada@shop.example")
    assert list(hidden(BotConfig())) == []


def test_a_step_is_masked_through_and_through() -> None:
    began = datetime.now(UTC)
    deep: JsonValue = "jane@example.com"
    for _ in range(100):
        deep = [deep]
    step = Step(
        kind="tool",
        name="refund",
        status="failed",
        started_at=began,
        seconds=0.5,
        input={"card": 4111111111111111, "to": [{"email": "jane@example.com"}], "password": "x", "pin": None},
        output={"deep": deep, "found": True, "tokens": 5, "access_token": ["y"]},
        error="HTTP 401 for key " + KEY,
        tokens_in=3,
        needs=("lookup",),
    )
    [masked] = Masking().steps([step])
    assert masked.input == {
        "card": "[card …1111]",
        "to": [{"email": "[email]"}],
        "password": "[secret]",
        "pin": None,
    }
    assert "jane" not in repr(masked.output)
    assert (masked.output["found"], masked.output["tokens"]) == (True, 5)
    assert masked.output["access_token"] == "[secret]"
    assert masked.error == "HTTP 401 for key [secret]"
    assert (masked.started_at, masked.seconds, masked.tokens_in, masked.needs) == (began, 0.5, 3, ("lookup",))
    assert step.input["password"] == "x", "what is masked is a copy"


@pytest.mark.parametrize(
    "piece",
    [*("a", "1 ", "a@", "+1", "0", "eyJ", "://", "DE12", "x_", "4 ", "://a:b", "password is ", "a.", "(0")],
)
def test_hostile_text_costs_no_more_than_its_length(piece: str) -> None:
    mask = Masking(secrets=["hush-hush"])
    long = piece * (200_000 // len(piece)) + "@ key 1234567"
    began = time.process_time()
    mask.text(long)
    assert time.process_time() - began < 2.0
