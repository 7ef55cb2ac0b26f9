"""Many at once: repeats are one message, a crowd of messages is answered in order."""

from __future__ import annotations

import asyncio
import collections

import pytest

from tests.faults.conftest import QUESTION, RECOVERY, Site
from tests.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def test_a_message_sent_fifty_times_over_two_processes_is_one(site: Site) -> None:
    async with site.following(1) as [visitor]:
        tries = [await Visitor.arrive(url, token=visitor.token) for url in site.house.urls * 25]
        answers = await asyncio.gather(*(each.post(QUESTION, client_id="the-same") for each in tries))
        assert collections.Counter(answer.status for answer in answers) == {202: 1, 200: 49}
        assert len({answer.json["message"]["id"] for answer in answers}) == 1
        await visitor.answer_to(answers[0].json["message"], within=RECOVERY)
    assert [message["direction"] for message in visitor.messages] == ["in", "out"]


async def test_twenty_messages_at_once_are_answered_in_order_none_twice(site: Site) -> None:
    site.model.become(first_delay=0.2)
    async with site.following(1) as [visitor]:
        hands = [await Visitor.arrive(url, token=visitor.token) for url in site.house.urls * 10]
        answers = await asyncio.gather(*(each.post(QUESTION) for each in hands))
        assert {answer.status for answer in answers} == {202}
        posted = [answer.json["message"] for answer in answers]
        newest = max(posted, key=lambda message: message["seq"])
        await visitor.answer_to(newest, within=RECOVERY)
    turns = site.house.rows(
        f"SELECT up_to_seq FROM turns WHERE conversation_id = '{visitor.conversation_id}'"
        " AND status = 'concluded' ORDER BY started_at"
    )
    covered = [turn["up_to_seq"] for turn in turns]
    assert covered == sorted(set(covered)), "each turn went on where the one before ended"
    assert covered[-1] >= newest["seq"]
    assert len(visitor.replies) == len(covered)


async def test_a_hundred_visitors_at_once_are_each_answered_once(site: Site) -> None:
    async with site.following(100) as visitors:
        await asyncio.gather(*(visitor.ask(QUESTION, within=RECOVERY) for visitor in visitors))
    assert all(len(visitor.replies) == 1 for visitor in visitors)
