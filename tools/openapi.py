"""Tools of a service that an OpenAPI document describes: its operations, one tool each."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import orjson
from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from tools.adjusted import Adjustment, with_fixed
from tools.base import Arguments, Effect, Tool, ToolContext, ToolFailed
from tools.document import BODY, Document, Operation, WrongDocument, read
from tools.http import query
from tools.schema import WrongSchema, checked_by
from tools.templates import fault, filled, fixed_fault, leads_here, places
from tools.watcher import Watcher
from tools.web import Request, Web, asked, compact

log = logging.getLogger("switchboard.tools")

_USUAL = Adjustment()
_AGAIN = 3600.0  # seconds after which a document is read again
_PAUSE = 30.0  # seconds after which one that could not be read is tried again
_PATIENCE = 15.0  # seconds
_LARGEST = 8 * 2**20  # bytes of a document
_LONGEST_NAME = 64


class OpenApiService(BaseModel):
    """[openapi.NAME]: a service by its OpenAPI 3 document, at a `url` or in a `file`.

    `operations` are the ones to take, by operationId or "GET /orders/{id}"; they are called NAME_OPERATION.
    GET reads; everything else is a write that an operator approves, unless `tools.OPERATION` says otherwise.
    `base_url` is where the service is, if that is not where its document says; only it, or a file, may name
    another host than `url`, for `headers` go there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = ""
    file: Path | None = None
    operations: tuple[str, ...] = Field(min_length=1)
    base_url: str = ""
    headers: dict[str, str] = Field(default_factory=dict, repr=False)
    own: bool = False
    fixed: dict[str, JsonValue] = Field(default_factory=dict)
    tools: dict[str, Adjustment] = Field(default_factory=dict)
    concurrency: int | None = Field(default=None, ge=1)
    per_minute: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _leads_somewhere(self) -> Self:
        if bool(self.url) == bool(self.file):
            raise ValueError("either url or file says where the document is")
        for name, address in (("url", self.url), ("base_url", self.base_url)):
            if address and (wrong := fault(address)):
                raise ValueError(f"{name}: {wrong}")
            if places(address):
                raise ValueError(f"{name}: there are no values to fill braces with")
            if urlsplit(address).scheme == "http" and not (self.own or leads_here(address)):
                raise ValueError(
                    f"{name}: it is asked over https; own = true allows http, for a host of your own network"
                )
        if wrong := fixed_fault(self.fixed):
            raise ValueError(wrong)
        for name in self.tools.keys() - set(self.operations):
            raise ValueError(f"tools.{name}: it is none of the operations")
        return self

    def as_tools(self, prefix: str, document: Document, web: Web) -> Sequence[Tool]:
        """Its operations as tools. Raises WrongDocument when one of them is not there or can't be used."""
        base = (self.base_url or document.server).rstrip("/")
        if wrong := fault(base):
            raise WrongDocument(f"base_url must say where the service is: {wrong}")
        if self.url and not self.base_url and _host(base) != _host(self.url):
            raise WrongDocument(f"its service is at {_host(base)}: set base_url if that is right")
        tools: list[Tool] = []
        for name in self.operations:
            operation = document.operations.get(name)
            if operation is None:
                known = ", ".join(list(document.operations)[:20])
                raise WrongDocument(f"there is no operation {name!r}; there are {known}")
            for place in places(operation.path):
                if operation.takes.get(place) != "path":
                    raise WrongDocument(f"{name}: nothing fills {{{place}}}")
            try:
                tools.append(self._as_tool(prefix, operation, base, web))
            except WrongSchema as error:
                raise WrongDocument(f"{name}: {error}") from None
        return tools

    def _as_tool(self, prefix: str, operation: Operation, base: str, web: Web) -> Tool:
        adjusted = self.tools.get(operation.id, _USUAL)
        effect: Effect = adjusted.effect or ("read" if operation.method == "GET" else "write")
        own = self.own or leads_here(base)

        async def call(context: ToolContext, arguments: Arguments) -> str:
            request = _request(
                operation, base, arguments, context, headers=self.headers, own=own, effect=effect
            )
            return compact((await asked(web, request, effect)).text)

        tool = Tool(
            name=re.sub(r"[^A-Za-z0-9_-]+", "_", f"{prefix}_{operation.id}").strip("_")[:_LONGEST_NAME],
            description=operation.description,
            parameters=operation.parameters,
            check=checked_by(operation.parameters),
            call=call,
            effect=effect,
        )
        return with_fixed(adjusted.applied(tool), self.fixed)


class OpenApiLink:
    """A service's tools, once its document has been read. `run` reads it, and again from time to time."""

    def __init__(
        self, name: str, service: OpenApiService, web: Web, *, watcher: Watcher | None = None
    ) -> None:
        self.title = f"OpenAPI service {name}"
        self.tools: Sequence[Tool] = ()
        self.tried = asyncio.Event()
        self._name = name
        self._service = service
        self._web = web
        self._watcher = watcher
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        """Keep the tools as the document has them, until `stop`."""
        while not self._stopped.is_set():
            pause = _AGAIN
            try:
                await self.check()
            except ToolFailed as failure:
                log.warning("%s: %s", self.title, failure.detail)
                pause = _PAUSE
            self.tried.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopped.wait()

    def stop(self) -> None:
        """`run` ends."""
        self._stopped.set()

    async def check(self) -> Sequence[Tool]:
        """Read the document and take its operations. Raises ToolFailed; then the tools stay as they were."""
        began = time.perf_counter()
        try:
            async with asyncio.timeout(_PATIENCE):
                text = await self._document()
            found = await asyncio.to_thread(read, text, address=self._service.url)
            self.tools = self._service.as_tools(self._name, found, self._web)
        except Exception as error:
            # A document may be wrong in any way, and the next one right.
            told = isinstance(error, WrongDocument | ToolFailed | OSError) and str(error)
            why = told or f"{type(error).__name__}: {error}"[:300]
            if isinstance(error, TimeoutError):
                why = f"no answer within {_PATIENCE:g} s"
            if self._watcher is not None:
                await self._watcher.failed(why)
            raise ToolFailed(why) from error
        if self._watcher is not None:
            await self._watcher.succeeded(time.perf_counter() - began)
        return self.tools

    async def _document(self) -> str:
        service = self._service
        if service.file is not None:
            return await asyncio.to_thread(service.file.read_text, encoding="utf-8")
        request = Request(
            method="GET",
            url=service.url,
            headers=service.headers,
            own=service.own or leads_here(service.url),
            largest=_LARGEST,
        )
        return (await asked(self._web, request, "read")).text


def _request(
    operation: Operation,
    base: str,
    arguments: Arguments,
    context: ToolContext,
    *,
    headers: Mapping[str, str],
    own: bool,
    effect: Effect,
) -> Request:
    """The arguments where they belong."""
    by_place: dict[str, dict[str, JsonValue]] = {"path": {}, "query": {}, "header": {}, "body": {}}
    for name, value in arguments.items():
        by_place[operation.takes[name]][name] = value
    url = filled(base + operation.path, by_place["path"], context.person)
    if asks := query(by_place["query"]):
        url += f"?{asks}"
    sent = {name: str(value) for name, value in by_place["header"].items() if str(value).isprintable()}
    sent |= {"Accept": "application/json, text/plain;q=0.9, */*;q=0.1", **headers}
    if effect == "write" and context.key:
        sent["Idempotency-Key"] = context.key
    if context.traceparent:
        sent["traceparent"] = context.traceparent
    body = by_place["body"]
    if not body:
        return Request(method=operation.method, url=url, headers=sent, own=own)
    sent["Content-Type"] = "application/json"
    return Request(
        method=operation.method,
        url=url,
        headers=sent,
        body=orjson.dumps(body[BODY] if list(body) == [BODY] else body),
        own=own,
    )


def _host(url: str) -> str:
    return urlsplit(url).netloc
