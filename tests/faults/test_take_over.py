"""A person takes over in one process while the bot is speaking in another."""

from __future__ import annotations

import asyncio
import time

import httpx
import pytest

from tests.faults.audit import saw_everything_once_and_in_order
from tests.faults.conftest import QUESTION, Site
from tests.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def test_a_bot_speaking_elsewhere_falls_silent_when_a_person_takes_over(site: Site) -> None:
    token = (await asyncio.to_thread(site.house.command, "token", "create", "desk")).split()[-1]
    site.model.become(tokens=400, delay=0.05)  # it would go on for 20 s
    visitor = await Visitor.arrive(site.house.urls[0])
    at = f"{site.house.urls[1]}/api/conversations/{visitor.conversation_id}"
    async with (
        visitor.follow(),
        httpx.AsyncClient(headers={"authorization": f"Bearer {token}"}, timeout=10) as program,
    ):
        await visitor.say(QUESTION)
        await visitor.until(lambda: bool(visitor.deltas), within=30)
        began = time.monotonic()
        assert (await program.post(f"{at}/take")).json()["status"] == "human"
        await visitor.until(lambda: visitor.deltas[-1].json["text"] == "", within=3)
        assert time.monotonic() - began < 3  # a third of the lease is 5 s: it was told, it did not find out
        assert (await program.post(f"{at}/take")).json()["status"] == "human"
        reply = {"client_id": "1", "text": "Let me answer this."}
        assert (await program.post(f"{at}/messages", json=reply)).status_code == 201
        await visitor.until(lambda: visitor.messages[-1]["text"] == reply["text"], within=10)
        thread = (await program.get(at)).json()
        assert not visitor.replies
        assert thread["turns"][0]["draft"]
        assert visitor.deltas[-1].json["text"] == ""
        await program.post(f"{at}/release")  # other tests' audits take what is a person's for given up
        await saw_everything_once_and_in_order(site.house, visitor)
    holes = f"""
        SELECT contact_id FROM events GROUP BY contact_id HAVING MAX(seq) <> COUNT(*)
        AND contact_id = (SELECT contact_id FROM conversations WHERE id = '{visitor.conversation_id}')
    """
    assert site.house.rows(holes) == []
