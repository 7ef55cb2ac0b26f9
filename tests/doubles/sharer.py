"""A process that shares out what waits, as fast as it can: `python -m tests.doubles.sharer URL MOST`.

It says "ready", and then what it gave to whom, a line each.
"""

from __future__ import annotations

import asyncio
import sys

from bot.store import Store

AWAY = 300.0


async def share(url: str, most: int) -> None:
    """Until the process is ended."""
    store = await Store.open(url)
    print("ready", flush=True)
    while True:
        given = await store.rota.give(most=most, away=AWAY)
        if given is None:
            await asyncio.sleep(0.01)
        else:
            print("gave", given.conversation_id, given.operator_id, flush=True)


if __name__ == "__main__":
    asyncio.run(share(sys.argv[1], int(sys.argv[2])))
