"""Mailboxes as they are set up, and the room where their mails are kept."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bot.doctor import examine
from bot.mailroom import Mailroom, mailboxes
from bot.settings import BotConfig, Settings, WrongSetting, read_bot_config, read_settings
from bot.store import Store
from channels.email.channel import Mailbox
from tests.postoffice import post_office

MAIN = {
    "email_address": "help@shop.example",
    "imap_host": "imap.shop.example",
    "imap_user": "help",
    "imap_password": "secret",
    "smtp_host": "smtp.shop.example",
}


def told(**more: Any) -> Settings:
    return Settings(_env_file=None, **MAIN | more)


def config(text: str, folder: Path) -> BotConfig:
    path = folder / "bot.toml"
    path.write_text(text)
    return read_bot_config(path, required=True)


def one(settings: Settings, text: str, folder: Path) -> Mailbox:
    [only] = mailboxes(settings, config(text, folder))
    return only


def test_the_environment_makes_one_mailbox(tmp_path: Path) -> None:
    only = one(told(smtp_user="help", smtp_password="hush"), '[bot]\ncompany = "Shop"', tmp_path)
    assert (only.name, only.address, only.sender_name) == ("help@shop.example", "help@shop.example", "Shop")
    assert (only.account.host, only.account.port, only.account.security) == ("imap.shop.example", 993, "ssl")
    assert (only.server.host, only.server.port, only.server.security) == (
        "smtp.shop.example",
        587,
        "starttls",
    )
    assert (only.server.user, only.server.password) == ("help", "hush")
    assert (only.since, only.processed, only.authserv_id) == ("today", "seen", "")


def test_more_mailboxes_say_only_what_differs(tmp_path: Path) -> None:
    text = """
[email]
name = "The Shop"
authserv_id = "mx.shop.example"
processed = "Done"
since = "all"
[email.mailboxes.sales]
address = "sales@shop.example"
imap_password = "sesame"
[email.mailboxes.jobs]
address = "jobs@work.example"
name = "Jobs"
imap_host = "imap.work.example"
imap_port = 143
imap_tls = "starttls"
imap_password = "sesame"
smtp_host = "smtp.work.example"
"""
    main, sales, jobs = mailboxes(told(smtp_user="help", smtp_password="hush"), config(text, tmp_path))
    assert [each.sender_name for each in (main, sales, jobs)] == ["The Shop", "The Shop", "Jobs"]
    assert (sales.name, sales.account.host, sales.account.user) == (
        "sales",
        "imap.shop.example",
        "sales@shop.example",
    )
    assert (sales.server.host, sales.server.user) == ("smtp.shop.example", "help")
    assert (jobs.account.port, jobs.account.security) == (143, "starttls")
    assert (jobs.server.host, jobs.server.user) == ("smtp.work.example", "")
    assert {each.authserv_id for each in (main, sales, jobs)} == {"mx.shop.example"}
    assert {(each.since, each.processed) for each in (main, sales, jobs)} == {("all", "Done")}


async def test_a_command_gives_the_token_for_both_servers(tmp_path: Path) -> None:
    only = one(told(imap_password=""), "[email]\ntoken_command = \"printf '%s\\\\n' abc\"", tmp_path)
    assert only.account.token is not None
    assert only.server.token is not None
    assert await only.account.token() == "abc"
    assert only.server.user == "help"
    broken = one(told(imap_password=""), '[email]\ntoken_command = "false"', tmp_path)
    assert broken.account.token is not None
    with pytest.raises(OSError, match="token_command failed"):
        await broken.account.token()


@pytest.mark.parametrize(
    ("given", "text", "says"),
    [
        ({"imap_password": "", "smtp_user": "a", "smtp_password": "b"}, "", "IMAP_PASSWORD is missing"),
        ({}, '[email.mailboxes.x]\naddress = "x@shop.example"', "email.mailboxes.x.imap_password is missing"),
        (
            {},
            '[email.mailboxes.x]\naddress = "Help@shop.example"\nimap_password = "p"',
            "two mailboxes have the same address",
        ),
    ],
)
def test_what_is_missing_is_told(tmp_path: Path, given: Mapping[str, str], text: str, says: str) -> None:
    with pytest.raises(WrongSetting, match=says):
        mailboxes(told(**given), config(text, tmp_path))


def test_more_mailboxes_need_the_first(tmp_path: Path) -> None:
    text = '[email.mailboxes.x]\naddress = "x@shop.example"'
    with pytest.raises(WrongSetting, match="EMAIL_ADDRESS is missing"):
        mailboxes(Settings(_env_file=None), config(text, tmp_path))
    assert mailboxes(Settings(_env_file=None), BotConfig()) == ()


@pytest.mark.parametrize("address", ["shop.example", "@shop.example", "a b@shop.example", "A <a@b.example>"])
def test_an_address_is_an_address(tmp_path: Path, address: str) -> None:
    with pytest.raises(WrongSetting, match="is no mail address"):
        config(f'[email.mailboxes.x]\naddress = "{address}"', tmp_path)


async def test_a_mail_kept_again_is_the_same_file(sqlite: Store, tmp_path: Path) -> None:
    room = Mailroom(store=sqlite, folder=tmp_path / "files")
    key = await room.keep_original(b"a mail")
    assert await room.keep_original(b"a mail") == key
    first = await room.keep_file(b"one", original=key, number=0, name="../x", media_type="image/png")
    again = await room.keep_file(b"one", original=key, number=0, name="../x", media_type="image/png")
    other = await room.keep_file(b"one", original=key, number=1, name="y", media_type="image/png")
    assert first == again
    assert first.key != other.key
    assert first.key.isalnum()
    assert {each.name: each.read_bytes() for each in (tmp_path / "files").iterdir()} == {
        key: b"a mail",
        first.key: b"one",
        other.key: b"one",
    }
    await room.set_aside("support", 1, 2, b"a mail", "nobody can read it")
    [card] = await sqlite.mailboxes.cards()
    assert (card.original, card.size) == (key, 6)


async def examined(
    folder: Path, monkeypatch: pytest.MonkeyPatch, given: Mapping[str, str]
) -> tuple[bool, str]:
    monkeypatch.chdir(folder)
    monkeypatch.setattr("os.environ", dict(given))
    out = io.StringIO()
    well = await examine(read_settings(), Console(file=out, width=300))
    return well, out.getvalue()


async def test_the_doctor_logs_in_to_both_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with post_office() as office:
        well, said = await examined(tmp_path, monkeypatch, office.settings())
        assert well, said
        assert "✓ mail support@northwind.example: 127.0.0.1 shows the mailbox INBOX" in said
        assert "✓ mail support@northwind.example: 127.0.0.1 takes our mail" in said
        assert "every sender's address is only a claim" in said
        wrong = dict(office.settings()) | {"IMAP_PASSWORD": "hush", "SMTP_TLS": "starttls"}
        well, said = await examined(tmp_path, monkeypatch, wrong)
    assert not well
    assert "✗ mail support@northwind.example: 127.0.0.1 refuses the user support@northwind.example" in said
    assert "offers no TLS, so nothing was sent" in said
    assert "hush" not in said
