"""A model server that has done what customers plainly ask for; by hand: `python -m tests.doubles.clerk`.

"refund 123456 damaged" becomes a call of `refund` for that order, with the reason if one of its own is named.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import re
import threading
from collections.abc import Iterator, Sequence

from tests.doubles.model import Call, Messages, ModelServer, Request, Script

_WISH = re.compile(r"\b(refund|pay|book|ship)\b\D*?(\d{6})(.*)", re.IGNORECASE)
_REASONS = ("damaged", "wrong item", "lost")


def wished(messages: Messages) -> Sequence[Call]:
    """What the customer wants done, unless it has been seen to."""
    last = messages[-1]
    wish = _WISH.search(last["content"]) if last["role"] == "user" else None
    if wish is None:
        return ()
    reason = next((each for each in _REASONS if each in wish.group(3)), None)
    arguments = {"order_id": wish.group(2)} | ({"reason": reason} if reason else {})
    return [Call(wish.group(1).lower(), arguments)]


def told(messages: Messages) -> str:
    """What is said of it."""
    last = messages[-1]
    if last["role"] != "tool":
        return "" if wished(messages) else "NO_ANSWER"
    if last["content"].startswith("NOT DONE YET"):
        return "I have asked a colleague to allow it, and will write to you here."
    return "Thank you, I have seen to it."


def clerk(*, ill_every: int = 0) -> ModelServer:
    """With `ill_every`, one of so many requests fails before anything is said."""
    asked = itertools.count(1)

    def heard(_: Request) -> None:
        if ill_every and next(asked) % ill_every == 0:
            server.script([Script(status=500)])

    server = ModelServer(usually=Script(text=told, calls=wished), heard=heard)
    return server


@contextlib.contextmanager
def clerk_at_work(*, ill_every: int = 0) -> Iterator[str]:
    """One that runs beside the test; its base URL."""
    server = clerk(ill_every=ill_every)
    ready, stop = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        async with server:
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="clerk")
    thread.start()
    ready.wait()
    try:
        yield server.url
    finally:
        loops[0].call_soon_threadsafe(stop.set)
        thread.join()


async def _serve(port: int) -> None:
    server = clerk()
    await server.start(port)
    print(server.url, flush=True)
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
