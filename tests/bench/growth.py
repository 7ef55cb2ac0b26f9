"""What size does to a turn: the first turn of an empty store beside those of a full one."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.bench.driver import Conversation, one_by_one, percentile
from tests.bench.filling import fill_conversations, fill_messages
from tests.bench.report import Report, Rounds
from tests.bench.subjects import met
from tests.processes import Switchboard, switchboard, valkey
from tests.visitor import Visitor

_ROUNDS = 5
_TURNS = 24  # a round, under what one visitor may ask in a row
EMPTY, FULL, LONG = "an empty store", "a full store", "a long conversation in it"


async def measure(
    report: Report, folder: Path, model_url: str, *, knowledge: Path, conversations: int, messages: int
) -> None:
    """Serial turns in turns: on an empty store, on one full of conversations, in a very long conversation."""
    rounds = Rounds()
    empty_at, full_at = folder / "empty", folder / "full"
    for at in (empty_at, full_at):
        shutil.copytree(knowledge, at / "data" / "knowledge")
    with (
        valkey(empty_at) as first_redis,
        valkey(full_at) as second_redis,
        switchboard(empty_at, redis_url=first_redis.url, model_url=model_url) as empty,
        switchboard(full_at, redis_url=second_redis.url, model_url=model_url) as full,
    ):
        await fill_conversations(full.database_url, conversations)
        for _ in range(_ROUNDS):
            for name, house in ((EMPTY, empty), (FULL, full), (LONG, full)):
                conversation = await _conversation(house, messages if name == LONG else 0)
                await one_by_one([conversation], 3)
                timings = await one_by_one([conversation], _TURNS)
                conversation.close()
                rounds.add(name, {"p50": percentile([timing.finished * 1000 for timing in timings], 50)})
    report.section(
        f"A turn with {conversations:,} conversations, and after {messages:,} messages",
        rounds.medians(),
        "ms",
    )
    for name in (FULL, LONG):
        report.verdict(f"{name} beside an empty store", rounds.ratio("p50", name, EMPTY), at_most=1.3)


async def _conversation(house: Switchboard, messages: int) -> Conversation:
    visitor = await Visitor.arrive(house.url)
    if messages:
        await fill_messages(house.database_url, visitor.conversation_id, messages)
        visitor = await Visitor.arrive(house.url, token=visitor.token)
    conversation = met(visitor)
    await conversation.open()
    return conversation
