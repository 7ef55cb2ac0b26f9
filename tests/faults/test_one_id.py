"""One id leads from the provider's webhook to the delivery, over processes that meet in Redis."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.doubles.receiver import SECRET, receiver
from tests.doubles.twilio import Twilio
from tests.doubles.twilio_rules import settings_for
from tests.faults.conftest import QUESTION, RECOVERY
from tests.front import until
from tests.processes import ROOT, Process, free_port, model_server, switchboard, valkey

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def lines(process: Process) -> list[Mapping[str, Any]]:
    """What a process logged; whatever else it prints is no line of these."""
    found = [line for line in process.log.splitlines() if line.startswith("{")]
    return [json.loads(line) for line in found]


async def test_one_id_leads_from_the_webhook_to_the_delivery(tmp_path: Path) -> None:
    port = free_port()
    async with receiver() as there:
        settings = settings_for(f"http://127.0.0.1:{port}") | {
            "LOG_FORMAT": "json",
            "WEBHOOK_URL": there.url,
            "WEBHOOK_SECRET": SECRET,
        }
        with (
            valkey(tmp_path) as redis,
            model_server(tmp_path) as model,
            switchboard(
                tmp_path,
                redis_url=redis.url,
                model_url=model.url,
                settings=settings,
                learn=ROOT / "knowledge" / "sample" / "delivery",
            ) as house,
        ):
            provider = Twilio(webhooks=house.urls)
            await provider.start(port)
            try:
                customer = provider.customer("whatsapp:+4915123456789", "Ada Lovelace")
                wrote = await customer.write(QUESTION)
                await customer.until_received(1, within=RECOVERY)
                await until(lambda: len(there.types()) >= 4, within=20, what="all is told")
            finally:
                await provider.stop()
            await asyncio.to_thread(house.workers[0].end)
            web, worker = lines(house.webs[0]), lines(house.workers[0])
            logs = house.webs[0].log + house.workers[0].log

    [taken] = [each for each in web if each["event"] == "message taken in"]
    assert taken["external_id"].endswith(wrote.sid), "the provider's own id leads to ours"
    mine = [each for each in worker if each.get("message_id") == taken["message_id"]]
    said = [each["event"] for each in mine]
    for event in ("turn begun", "turn concluded", "delivery sent", "told of message.created"):
        assert event in said, event
    assert len({each["turn"] for each in mine if "turn" in each}) == 1
    assert len({each["trace_id"] for each in mine if "trace_id" in each}) == 1
    [sent] = [each for each in mine if each["event"] == "delivery sent"]
    receipts = [each for each in web if each["event"].startswith("the provider says")]
    assert receipts
    for each in receipts:
        assert (each["message_id"], each["turn"]) == (taken["message_id"], sent["turn"])
        assert each["provider_id"] == sent["provider_id"]
    for secret in ("4915123456789", "Lovelace", QUESTION, settings["TWILIO_AUTH_TOKEN"], SECRET):
        assert secret not in logs
