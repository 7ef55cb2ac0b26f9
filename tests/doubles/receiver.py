"""Somebody's program behind WEBHOOK_URL: takes events over a real socket, or refuses them as told."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

SECRET = "what the company and Switchboard share"
_GUIDE = Path(__file__).parent.parent.parent / "docs" / "guides" / "events.md"


@cache
def verify() -> Callable[[str, bytes, str], bool]:
    """The function that the guide tells receivers to check signatures with."""
    [sample] = re.findall(r"```python\n(import hashlib.*?)```", _GUIDE.read_text(), re.DOTALL)
    names: dict[str, Any] = {}
    exec(sample, names)
    return names["is_from_switchboard"]  # type: ignore[no-any-return]


@dataclass(kw_only=True)
class Taken:
    """One request. `answer` is the status it was answered with."""

    event: Mapping[str, Any]
    headers: Mapping[str, str]
    genuine: bool
    answer: int


Answer = int | float | Mapping[str, str]


@dataclass(kw_only=True)
class Receiver:
    """`script` says how the next requests are answered: by a status, after seconds, or with headers of a
    redirect; `refuses` what is refused for as long as it says so."""

    url: str = ""
    seen: list[Taken] = field(default_factory=list)
    script: deque[Answer] = field(default_factory=deque)
    refuses: Callable[[Mapping[str, Any]], int | None] = lambda _: None
    at_once: int = 0
    most_at_once: int = 0

    @property
    def taken(self) -> list[Mapping[str, Any]]:
        """The events that were taken, in the order they came, repeats among them."""
        return [each.event for each in self.seen if each.answer == 200]

    def types(self, conversation_id: str | None = None) -> list[str]:
        """What was taken, of one conversation or of all."""
        return [
            each["type"]
            for each in self.taken
            if conversation_id is None or each["conversation_id"] == conversation_id
        ]

    async def take(self, request: web.Request) -> web.Response:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return await self._take(request)
        finally:
            self.at_once -= 1

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        event = orjson.loads(body)
        genuine = verify()(request.headers.get("X-Switchboard-Signature", ""), body, SECRET)
        answer = self.script.popleft() if self.script else self.refuses(event) or 200
        headers: Mapping[str, str] = {}
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            answer = 200
        elif isinstance(answer, Mapping):
            headers, answer = answer, 307
        self.seen.append(Taken(event=event, headers=request.headers, genuine=genuine, answer=answer))
        return web.Response(status=answer, text="taken" if answer == 200 else "not now", headers=headers)


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver at work until the block ends."""
    here = Receiver()
    app = web.Application()
    app.router.add_post("/{path:.*}", here.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
    here.url = f"http://127.0.0.1:{port}/events/"
    try:
        yield here
    finally:
        await runner.cleanup()
