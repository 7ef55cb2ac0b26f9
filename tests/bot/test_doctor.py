"""What the doctor says about what is set up, and of what is not."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from bot.app import open_house
from bot.bell import RedisLink
from bot.doctor import _webhooks, examine
from bot.fleet import RedisFleet
from bot.orchestrator.breaker import Breaker
from bot.orchestrator.registry import Registry
from bot.settings import read_settings
from bot.store import Store
from tests.doubles.twilio import Twilio
from tests.doubles.twilio_rules import SMS_FROM
from tests.processes import valkey
from tests.tools.shop import serving

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


async def test_it_says_which_agent_would_find_no_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bot.toml").write_text('[agents.billing]\nknowledge = ["retruns"]\n')
    well, told = await examined(tmp_path, monkeypatch, {})
    assert well
    assert "agents.billing.knowledge: nothing learned is in 'retruns'" in told


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


async def test_it_says_that_a_receiver_does_not_take_its_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"WEBHOOK_URL": "https://shop.example/events", "WEBHOOK_SECRET": "between us"}
    well, told = await examined(tmp_path, monkeypatch, given)
    assert well
    assert "✓ events: WEBHOOK_URL is told of everything" in told
    store = await Store.open(read_settings().database, announces=True)
    for name in ("small", "large"):
        await store.webhooks.announce("component.down", {"name": name})
    first, second = await store.webhooks.claim(2, 30)
    await store.webhooks.postpone(first, error="it answered 503", seconds=60)
    await store.webhooks.settle(second, 30, error="too old")
    async with open_house(read_settings(), redis_url="") as house:
        asked = httpx.AsyncClient(transport=httpx.ASGITransport(house.web), base_url="http://here")
        webhooks = (await asked.get("/readyz")).json()["components"]["webhooks"]
        metrics = (await asked.get("/metrics")).text
    await store.close()
    well, told = await examined(tmp_path, monkeypatch, given)
    assert not well
    assert "✗ events: WEBHOOK_URL does not take them: it answered 503" in told
    assert "• events: 1 were given up in the last 30 days" in told
    assert (webhooks["state"], webhooks["last_error"]) == ("degraded", "the receiver: it answered 503")
    assert (webhooks["facts"]["waiting"], webhooks["facts"]["failed"]) == (1, 1)
    assert 'switchboard_webhooks{state="waiting"} 1.0' in metrics
    assert 'switchboard_webhooks{state="failed"} 1.0' in metrics


async def test_it_says_what_others_tools_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = os.environ["PATH"]
    (tmp_path / "bot.toml").write_text(
        f"[mcp.shop]\ncommand = [{sys.executable!r}, '-m', 'tests.doubles.mcp_shop']\n"
        "only = ['order_status', 'refund']\nenv = { PYTHONPATH = '${HOUSE}' }\n"
        "[mcp.gone]\nurl = 'http://127.0.0.1:9/mcp'\n"
        "[openapi.shop]\nfile = 'shop.json'\noperations = ['getOrder']\n"
    )
    (tmp_path / "shop.json").write_text('{"openapi": "3.1.0"}')
    given = {"PATH": path, "HOUSE": str(Path(__file__).parents[2])}
    well, told = await examined(tmp_path, monkeypatch, given)
    assert not well
    assert "✓ MCP server shop offers shop_order_status, shop_refund (write)" in told
    assert "✗ MCP server gone: " in told
    assert "✗ OpenAPI service shop: base_url must say where the service is" in told


async def test_it_says_which_services_of_tools_can_be_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving() as gone:
        pass
    async with serving() as shop:
        (tmp_path / "bot.toml").write_text(
            f"[tools.order_status]\nurl = '{shop.url}/orders'\n[tools.refund]\nurl = '{shop.url}/refunds'\n"
            f"[tools.invoice]\nurl = '{gone.url}/invoices'\n"
        )
        well, told = await examined(tmp_path, monkeypatch, {})
    assert not well
    assert f"✓ tools: {shop.url}/ (order_status, refund) answers" in told
    assert f"✗ tools: {gone.url}/ (invoice): the service cannot be reached" in told
    assert len(shop.asked) == 1


async def test_it_says_what_the_running_processes_have_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with valkey(tmp_path) as server:
        link = RedisLink(server.url)
        fleet = RedisFleet(link)
        registry = Registry(fleet)
        model = registry.add("model", "small", breaker=Breaker(failures=1))
        registry.add("channel", "web")
        await fleet.sign(registry)
        _, told = await examined(tmp_path, monkeypatch, {"REDIS_URL": server.url})
        assert "✓ the running processes find all of their 2 components up" in told
        await model.failed("401: no such key")
        await fleet.sign(registry)
        well, told = await examined(tmp_path, monkeypatch, {"REDIS_URL": server.url})
        assert not well
        assert "✗ model small is down: 401: no such key" in told
        await link.close()


async def test_it_says_where_turns_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.shop.example:4318"}
    well, told = await examined(tmp_path, monkeypatch, given)
    assert well
    assert "✓ traces: turns are told to collector.shop.example:4318" in told
