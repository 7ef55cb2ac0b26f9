"""How a task is ended."""

from __future__ import annotations

import asyncio
from typing import Any

_AGAIN = 2.0  # seconds; a task that cleans up after itself gets as long


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and return once they have ended, whatever they say about it.

    A task is cancelled until it ends: before Python 3.12 `asyncio.wait_for`, through which redis-py speaks,
    swallows a cancellation that comes at the very moment it is done.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_AGAIN)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # asked for, so that asyncio does not complain that nobody did
