"""An event loop beside the test, for doubles that a browser's blocking calls must not hold up."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from typing import TypeVar

Result = TypeVar("Result")


@contextlib.contextmanager
def beside() -> Iterator[asyncio.AbstractEventLoop]:
    """It runs on a thread of its own."""
    loop = asyncio.new_event_loop()
    runner = threading.Thread(target=loop.run_forever, name="beside")
    runner.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        runner.join()
        loop.close()


def on(loop: asyncio.AbstractEventLoop, work: Coroutine[object, object, Result]) -> Result:
    """Done there, to its end."""
    return asyncio.run_coroutine_threadsafe(work, loop).result()
