"""`python -m tests.doubles.recapper DATABASE MODEL CONVERSATION FOLDER`: a worker that tells a conversation
in short and is killed over it, at each commit, before and after; the last life ends by itself.

The log in FOLDER gets a line for every death.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import bot.llm
import bot.store.postgres
import bot.store.sqlite  # noqa: F401  once for all lives
from bot.llm import OpenAIModel, openai_client
from bot.store import Store
from bot.testing import PRICES
from tests.doubles.mortal import Point, mortal
from tests.front import front

POINTS: Sequence[Point] = [
    ("Recaps.begin", "before"),
    ("Recaps.begin", "after"),
    ("Recaps.keep", "before"),
    ("Recaps.keep", "after"),
]


async def live(point: Point | None, log: int, at: Path) -> None:
    database, model, conversation, _ = sys.argv[1:]
    store = await Store.open(database)
    if point is not None:
        setattr(store.database, "write", mortal(store.database.write, point, log))  # noqa: B010
    client = openai_client(api_key="sk-test", base_url=model, read_timeout=30.0)
    small = OpenAIModel(client, "small", PRICES, max_tokens=2_000)
    async with front(store, folder=at, models=[small]) as house:
        await house.desk.recap(conversation)
    await client.close()
    await store.close()


def main() -> None:
    at = Path(sys.argv[4])
    log = os.open(at / "deaths", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for point in (*POINTS, None):
        if not (child := os.fork()):
            asyncio.run(live(point, log, at))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if point is None and status:
            raise SystemExit(f"the last life failed: {status}")


if __name__ == "__main__":
    main()
