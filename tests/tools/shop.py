"""A shop's HTTP service for tests: it keeps what it is asked, and fails as told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web


@dataclass(frozen=True, kw_only=True)
class Asked:
    method: str
    raw_path: str  # as it was sent, query included
    headers: dict[str, str]
    body: Any


class Shop:
    """Answers `/orders/…` with a status, `/status/N` with N, and some paths in bad ways."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.url = ""
        self.port = 0
        self.connections: set[Any] = set()

    async def answer(self, request: web.Request) -> web.StreamResponse:  # noqa: PLR0911  a path, an answer
        body = await request.json() if request.can_read_body else None
        self.asked.append(
            Asked(method=request.method, raw_path=request.raw_path, headers=dict(request.headers), body=body)
        )
        assert request.transport is not None
        self.connections.add(request.transport)
        match request.path.strip("/").split("/"):
            case ["orders", number]:
                return web.json_response({"id": number, "status": "shipped"})
            case ["status", number]:
                return web.json_response({"error": "so it is"}, status=int(number))
            case ["empty"]:
                return web.Response(status=204)
            case ["to"]:
                return web.Response(status=302, headers={"Location": request.query["where"]})
            case ["away"]:
                request.transport.close()
                return web.Response()
            case ["slow"]:
                await asyncio.sleep(30)
                return web.Response()
            case ["endless"]:
                stream = web.StreamResponse()
                await stream.prepare(request)
                try:
                    while True:
                        await stream.write(bytes(2**16))
                except ConnectionError:
                    return stream
            case ["folded"]:
                return web.Response(body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
            case ["cookie"]:
                return web.Response(text="yours", headers={"Set-Cookie": "who=jo"})
            case _:
                return web.json_response({"path": request.path, "query": dict(request.query)})


@asynccontextmanager
async def serving() -> AsyncIterator[Shop]:
    shop = Shop()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", shop.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    shop.port = runner.addresses[0][1]
    shop.url = f"http://127.0.0.1:{shop.port}"
    try:
        yield shop
    finally:
        await runner.cleanup()
