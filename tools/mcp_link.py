"""The connection to an MCP server: made anew when it breaks, its tools listed anew when they change."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from tools.base import Arguments, Tool, ToolContext, ToolFailed
from tools.mcp import McpServer, flattened
from tools.templates import leads_here
from tools.watcher import Watcher
from tools.web import Web

if TYPE_CHECKING:
    import httpx2
    import mcp_types
    from mcp import Client

log = logging.getLogger("switchboard.tools")

_PATIENCE = 15.0  # seconds for a connection and its list of tools
_AGAIN = 300.0  # seconds after which the tools are listed again, unasked
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0  # seconds before a broken connection is made anew
_PAGES = 20  # of a list of tools
_LARGEST = 1_000_000  # bytes of one message
_NOT_ASKED = {-32600, -32601, -32602}  # JSON-RPC: the request was refused as such, and nothing was done


class McpLink:
    """One server's tools, as they were listed last; there are none before it first answered.

    `run` keeps the connection; without it nothing is called. While it is broken, calls fail at once. `web`
    tells where a server by `url` may be connected to.
    """

    def __init__(self, name: str, server: McpServer, web: Web, *, watcher: Watcher | None = None) -> None:
        self.title = f"MCP server {name}"
        self.tools: Sequence[Tool] = ()
        self.tried = asyncio.Event()  # set once a first connection was made, or failed
        self._name = name
        self._server = server
        self._web = web
        self._watcher = watcher
        self._client: Client | None = None
        self._stir = asyncio.Event()
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        """Stay connected until `stop`."""
        pause = _FIRST_PAUSE
        while not self._stopped.is_set():
            try:
                async with self._connected() as client:
                    self._client = client
                    pause = _FIRST_PAUSE
                    self.tried.set()
                    await self._keep(client)
            except Exception as error:  # noqa: BLE001  whatever a server does, the connection is made anew
                why = _why(error)
                log.warning("%s: %s", self.title, why)
                if self._watcher is not None:
                    await self._watcher.failed(why)
            finally:
                self._client = None
                self.tried.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause * random.uniform(0.8, 1.2)):  # noqa: S311  no secret
                    await self._stopped.wait()
            pause = min(pause * 2, _LONGEST_PAUSE)

    def stop(self) -> None:
        """Leave the server, and `run` ends."""
        self._stopped.set()
        self._stir.set()

    async def check(self) -> Sequence[Tool]:
        """Connect, list the tools, and leave again. Raises ToolFailed."""
        try:
            async with self._connected():
                return self.tools
        except Exception as error:
            raise ToolFailed(_why(error)) from error

    async def call(self, name: str, arguments: Arguments, changes: bool, context: ToolContext) -> str:
        """Raises ToolFailed."""
        from mcp import MCPError
        from mcp_types import RequestParamsMeta

        if self._client is None:
            raise ToolFailed("the server is not connected")
        told = {"traceparent": context.traceparent, "switchboard/idempotencyKey": context.key}
        meta = RequestParamsMeta(**{name: value for name, value in told.items() if value})  # type: ignore[typeddict-item]
        try:
            result = await self._client.call_tool(name, dict(arguments), meta=meta)
        except MCPError as error:
            if error.code in _NOT_ASKED:
                raise ToolFailed(error.message, refused=True) from error
            self._stir.set()
            raise ToolFailed(f"the server did not answer: {error.message}", uncertain=changes) from error
        except Exception as error:
            self._stir.set()
            raise ToolFailed(f"the server did not answer: {_why(error)}", uncertain=changes) from error
        return flattened(result, changes=changes)

    async def _keep(self, client: Client) -> None:
        """List the tools again from time to time, when they have changed, and when a call went wrong, until
        `stop`. Raises whatever is wrong with the connection."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_AGAIN):
                    await self._stir.wait()
            if self._stopped.is_set():
                return
            self._stir.clear()
            async with asyncio.timeout(_PATIENCE):
                await self._list(client)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Client]:
        """A connection whose tools are listed."""
        async with AsyncExitStack() as stack:
            async with asyncio.timeout(_PATIENCE):
                client = await stack.enter_async_context(await self._client_for(stack))
                await self._list(client)
            yield client

    async def _client_for(self, stack: AsyncExitStack) -> Client:
        import httpx2
        from mcp import Client, StdioServerParameters
        from mcp.client.streamable_http import streamable_http_client

        async def heard(message: object) -> None:
            if getattr(message, "method", "") == "notifications/tools/list_changed":
                self._stir.set()

        if self._server.command:
            program, *arguments = self._server.command
            where: object = StdioServerParameters(command=program, args=arguments, env=self._server.env)
        else:
            http = await stack.enter_async_context(
                httpx2.AsyncClient(
                    headers=self._server.headers,
                    timeout=httpx2.Timeout(30.0, read=300.0, connect=5.0),
                    trust_env=False,
                    event_hooks={"request": [self._pin]},
                )
            )
            where = streamable_http_client(self._server.url, http_client=http, max_sse_event_size=_LARGEST)
        return Client(where, message_handler=heard, cache=None)  # type: ignore[arg-type]

    async def _pin(self, request: httpx2.Request) -> None:
        """The connection goes to the address that was looked at; the server is still asked, and has to prove
        itself, by its name."""
        own = self._server.own or leads_here(self._server.url)
        host = request.url.host
        address = await self._web.address(str(request.url), own=own)
        request.extensions = {**request.extensions, "sni_hostname": host}
        request.url = request.url.copy_with(host=address)

    async def _list(self, client: Client) -> None:
        began = time.perf_counter()
        listed: list[mcp_types.Tool] = []
        cursor: str | None = None
        for _ in range(_PAGES):
            page = await client.list_tools(cursor=cursor)
            listed += page.tools
            cursor = page.next_cursor
            if not cursor:
                break
        self.tools = self._server.as_tools(self._name, listed, self.call)
        if self._watcher is not None:
            await self._watcher.succeeded(time.perf_counter() - began)


def _why(error: BaseException) -> str:
    """What went wrong, out of the groups that tasks raise it in."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, TimeoutError):
        return f"no answer within {_PATIENCE:g} s"
    return f"{type(error).__name__}: {error}"[:300]
