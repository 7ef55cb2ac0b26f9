"""Who is told how a connection to others' tools does."""

from __future__ import annotations

from typing import Protocol


class Watcher(Protocol):
    async def succeeded(self, seconds: float) -> None: ...

    async def failed(self, error: str) -> None: ...
