"""How customers can write, as Settings tells it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bot.dashboard.channels import setups
from bot.settings import BotConfig, Settings
from bot.store import Store
from tests.office import office


def told(**given: Any) -> dict[str, dict[str, str]]:
    """Names and values of what is open, by channel."""
    settings = Settings(_env_file=None, **given)
    return {each.channel: dict(each.told) for each in setups(settings, BotConfig()) if each.open}


def test_the_website_is_always_open() -> None:
    assert told(port=8123) == {
        "web": {
            "On your pages": '<script type="module" src="http://127.0.0.1:8123/widget.js"></script>',
            "Sites that may have it": "http://127.0.0.1:8123",
        }
    }


def test_where_twilio_is_to_post_is_told_and_no_secret() -> None:
    found = told(
        public_url="https://chat.example",
        twilio_account_sid="AC1",
        twilio_auth_token="a secret",
        twilio_whatsapp_from="whatsapp:+15550100",
    )
    assert list(found) == ["web", "whatsapp"]
    assert found["whatsapp"]["Messages come in at"] == "https://chat.example/webhooks/whatsapp"
    assert found["whatsapp"]["Statuses come in at"] == "https://chat.example/webhooks/whatsapp/status"
    assert "secret" not in str(found)


async def test_the_page_says_what_opens_the_others(sqlite: Store, tmp_path: Path) -> None:
    async with office(sqlite, tmp_path) as place:
        page = await (await place.operator()).get("/dashboard/settings/channels")
        assert page.status_code == 200
        assert "&lt;script type=&#34;module&#34;" in page.text
        assert "TWILIO_WHATSAPP_FROM" in page.text
        assert "IMAP_HOST" in page.text
