"""The ladder of models as bot.toml has it: two providers, the pages, a person; told step by step."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from bot.app import House, open_house, prepare
from bot.settings import Settings
from bot.store.records import StoredMessage, TurnRecord
from channels.base import InboundMessage
from knowledge.learn import embed_pending, learn
from tests.doubles.model import ModelServer, Script
from tests.processes import ROOT

QUESTION = "How long does delivery to Germany take?"
WELL = Script()
ILL = Script(status=503)
CONFIG = """
[models.large]
name = "gpt-large"
input = 2.5
output = 10
fallback = ["other"]
base_url = "{first}"
[models.other]
name = "mistral-other"
input = 1
output = 3
base_url = "{second}"
"""


@asynccontextmanager
async def house(folder: Path, first: Script, second: Script) -> AsyncIterator[House]:
    """One whose two providers answer like this."""
    config = folder / "bot.toml"
    settings = Settings(data_dir=folder / "data", bot_config=config)
    await prepare(settings)
    async with AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(ModelServer(usually=usually)) for usually in (first, second)
        ]
        config.write_text(CONFIG.format(first=servers[0].url, second=servers[1].url))
        opened = await stack.enter_async_context(open_house(settings, redis_url=""))
        await learn(opened.index, [ROOT / "knowledge" / "sample" / "delivery"])
        await embed_pending(opened.index)
        yield opened


async def asked(house: House, question: str, sender: str = "ada") -> tuple[StoredMessage, TurnRecord]:
    """The answer, and the turn it came of."""
    recorded = await house.desk.take_in(
        InboundMessage(channel="terminal", external_id=f"{sender}:1", sender=sender, text=question)
    )
    await house.desk.answer(recorded.message.conversation_id)
    said = (await house.store.conversations.session(recorded.contact_id)).messages[-1]
    assert said.turn_id is not None
    turn = await house.store.turns.get(said.turn_id)
    assert turn is not None
    return said, turn


def rungs(turn: TurnRecord) -> Sequence[tuple[str, str, str]]:
    """What was tried, one after the other."""
    return [(step.kind, step.name, step.status) for step in turn.steps if step.kind in {"model", "fallback"}]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (WELL, WELL, [("model", "gpt-large", "ok")]),
        (
            Script(status=401),
            WELL,
            [
                ("model", "gpt-large", "failed"),
                ("fallback", "mistral-other", "ok"),
                ("model", "mistral-other", "ok"),
            ],
        ),
        (
            ILL,
            ILL,
            [
                *[("model", "gpt-large", "failed")] * 3,
                ("fallback", "mistral-other", "ok"),
                *[("model", "mistral-other", "failed")] * 3,
                ("fallback", "passages", "ok"),
            ],
        ),
    ],
    ids=["well", "the other provider", "the pages"],
)
async def test_each_rung_is_tried_in_its_order_and_told(
    tmp_path: Path, first: Script, second: Script, expected: Sequence[tuple[str, str, str]]
) -> None:
    async with house(tmp_path, first, second) as opened:
        said, turn = await asked(opened, QUESTION)
        assert rungs(turn) == expected
        assert "days" in said.text
        assert said.citations
        assert all(step.error for step in turn.steps if step.status == "failed")
        told = {each.key: each.report.state for each in await opened.components.views()}
        assert told["model:large"] == ("up" if first is WELL else "degraded")


async def test_a_person_is_the_last_rung(tmp_path: Path) -> None:
    async with house(tmp_path, ILL, ILL) as opened:
        said, turn = await asked(opened, "Does delivery work on the moon with a drone on Sundays?")
        assert turn.outcome == "hand_off"
        assert "a person from our team" in said.text


async def test_a_provider_that_asks_to_wait_too_long_is_not_waited_for(tmp_path: Path) -> None:
    busy = Script(status=429, headers={"retry-after": "60"})
    async with house(tmp_path, busy, WELL) as opened:
        _, turn = await asked(opened, QUESTION)
        assert [name for _, name, _ in rungs(turn)] == ["gpt-large", "mistral-other", "mistral-other"]
