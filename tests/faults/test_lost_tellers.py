"""Workers killed while they tell others' programs what happens: every event arrives, in order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.doubles.receiver import SECRET, Receiver, receiver
from tests.front import until
from tests.processes import switchboard, valkey
from tests.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

KILLS = 6


async def test_every_event_arrives_in_order_though_workers_are_killed_while_they_tell(tmp_path: Path) -> None:
    async with receiver() as there:
        settings = {"WEBHOOK_URL": there.url, "WEBHOOK_SECRET": SECRET}
        with (
            valkey(tmp_path) as redis,
            switchboard(tmp_path, workers=2, redis_url=redis.url, settings=settings) as house,
        ):
            visitors = [await Visitor.arrive(house.url) for _ in range(6)]
            for round_ in range(KILLS):
                # Taken, and the worker that told of it never hears so; or not even taken.
                there.script.extend([3.0, 200, 3.0, 503])
                await asyncio.gather(*(visitor.say(f"message {round_}") for visitor in visitors))
                await until(lambda: there.at_once, within=30, what="it is told")
                # Both at once: whichever of them tells.
                await asyncio.gather(
                    *(asyncio.to_thread(house.restart_worker, each, signal.SIGKILL) for each in (0, 1))
                )
            await until(
                lambda: not house.rows("SELECT id FROM webhooks"), within=120, what="everything is told"
            )
            rows = house.rows("SELECT conversation_id, id FROM messages WHERE NOT private ORDER BY seq")
    written: dict[str, list[str]] = {}
    for row in rows:
        written.setdefault(row["conversation_id"], []).append(row["id"])
    assert len(written) == len(visitors)
    for conversation_id, message_ids in written.items():
        told = once(there, conversation_id)
        assert told[0]["type"] == "conversation.created"
        created = [each["data"]["message"]["id"] for each in told if each["type"] == "message.created"]
        assert created == message_ids, "all of them, in their order"
    assert all(each.genuine for each in there.seen)
    assert len(there.taken) > len({each["id"] for each in there.taken}), (
        "some died unheard, and were repeated"
    )


def once(there: Receiver, conversation_id: str) -> list[Mapping[str, Any]]:
    """What a receiver that knows ids makes of the events of a conversation: repeats are nothing new."""
    of_it = [each for each in there.taken if each["conversation_id"] == conversation_id]
    return list({each["id"]: each for each in of_it}.values())
