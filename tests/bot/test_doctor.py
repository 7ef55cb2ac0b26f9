"""What the doctor says about WhatsApp."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import pytest
from rich.console import Console

from bot.doctor import _webhooks, examine
from bot.settings import read_settings
from tests.doubles.twilio import Twilio
from tests.doubles.twilio_rules import SMS_FROM

Examined = tuple[bool, str]


async def examined(folder: Path, monkeypatch: pytest.MonkeyPatch, given: Mapping[str, str]) -> Examined:
    monkeypatch.chdir(folder)
    monkeypatch.setattr("os.environ", dict(given))
    out = io.StringIO()
    well = await examine(read_settings(), Console(file=out, width=300))
    return well, out.getvalue()


async def test_it_says_that_the_credentials_work_and_what_to_paste(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Twilio(public_url="https://chat.shop.example") as twilio:
        well, told = await examined(tmp_path, monkeypatch, twilio.settings)
    assert well
    assert "✓ WhatsApp: Twilio knows the account “The double's account”" in told
    assert "messages come in at https://chat.shop.example/webhooks/whatsapp, statuses at" in told
    assert " https://chat.shop.example/webhooks/whatsapp/status" in told
    assert "PUBLIC_URL" not in told


async def test_it_says_that_the_credentials_are_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Twilio() as twilio:
        given = dict(twilio.settings) | {"TWILIO_AUTH_TOKEN": "hush", "TWILIO_SMS_FROM": SMS_FROM}
        well, told = await examined(tmp_path, monkeypatch, given)
    assert not well
    assert "✗ WhatsApp and SMS: Twilio does not know these credentials" in told
    assert "hush" not in told


@pytest.mark.parametrize("public_url", ["", "http://chat.shop.example"])
async def test_it_warns_of_an_address_that_twilio_cannot_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, public_url: str
) -> None:
    async with Twilio() as twilio:
        given = dict(twilio.settings) | {"PUBLIC_URL": public_url}
        well, told = await examined(tmp_path, monkeypatch, given)
    assert well
    assert f"PUBLIC_URL is {public_url or 'not set'}" in told
    assert "https" in told


@pytest.mark.parametrize(
    ("public_url", "api_url", "state"),
    [
        ("", "", "wrong"),
        ("http://chat.shop.example", "", "wrong"),
        ("http://chat.shop.example", "http://127.0.0.1:8090", "note"),
    ],
)
def test_twilio_itself_cannot_do_without_https(
    monkeypatch: pytest.MonkeyPatch, public_url: str, api_url: str, state: str
) -> None:
    given = {"PUBLIC_URL": public_url, "TWILIO_API_URL": api_url}
    monkeypatch.setattr("os.environ", given)
    *_, warning = _webhooks(read_settings(), "WhatsApp")
    assert warning.state == state
    assert "https" in warning.what


async def test_it_says_which_parts_of_the_configuration_do_nothing_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bot.toml").write_text('[budget]\nday = 1.0\n[hours]\ntimezone = "Europe/Berlin"\n')
    well, told = await examined(tmp_path, monkeypatch, {})
    assert well
    assert "• bot.toml: [budget], [hours] do nothing yet in this version" in told


async def test_it_says_that_others_can_look_into_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    assert "is open to everybody" not in (await examined(tmp_path, monkeypatch, {}))[1]
    (tmp_path / "data").chmod(0o755)
    well, told = await examined(tmp_path, monkeypatch, {})
    assert well
    assert f"• data folder: {tmp_path / 'data'} is open to everybody on this machine" in told
    assert f"chmod 700 {tmp_path / 'data'}" in told


async def test_it_says_nothing_of_what_is_not_set_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, told = await examined(tmp_path, monkeypatch, {})
    assert "WhatsApp" not in told
