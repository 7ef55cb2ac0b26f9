"""Turns as a collector hears of them: OTLP over a real socket, decoded with the protocol's own messages."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv.attributes import error_attributes

from bot import telemetry
from bot.app import _observer
from bot.masking import Masking
from bot.orchestrator.agent import ModelFailed, ToolCall
from bot.settings import Settings
from bot.store import Store
from bot.telemetry import Telemetry, headers_of
from bot.testing import InlineQueue, MemoryChannel, ScriptedModel
from bot.trace import trace_id
from channels.base import NotDelivered
from tests.doubles.tools import a_tool
from tests.front import Pages, front, wrote
from tools.base import Arguments, ToolContext, ToolFailed

ANSWER = "Within 30 days of delivery. [1]"
QUESTION = "Can jane@example.com return the shoes of order 123456?"


@dataclass(kw_only=True)
class Heard:
    name: str
    trace: str
    span: str
    parent: str
    kind: int
    began: int
    ended: int
    failed: str | None
    attributes: Mapping[str, Any]


@dataclass(kw_only=True)
class Collector:
    """Keeps every span it is told of, with the request's headers and the service that told it."""

    url: str = ""
    spans: list[Heard] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    services: set[str] = field(default_factory=set)
    raw: bytes = b""

    def one(self, name: str) -> Heard:
        [span] = [each for each in self.spans if each.name == name]
        return span

    async def take(self, request: web.Request) -> web.Response:
        self.headers.append(request.headers)
        self.raw += (body := await request.read())
        told = ExportTraceServiceRequest.FromString(body)
        for resource in told.resource_spans:
            self.services.add(_attributes(resource.resource.attributes)["service.name"])
            self.spans += [
                Heard(
                    name=span.name,
                    trace=span.trace_id.hex(),
                    span=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    kind=span.kind,
                    began=span.start_time_unix_nano,
                    ended=span.end_time_unix_nano,
                    failed=span.status.message if span.status.code == 2 else None,
                    attributes=_attributes(span.attributes),
                )
                for scope in resource.scope_spans
                for span in scope.spans
            ]
        answer = ExportTraceServiceResponse().SerializeToString()
        return web.Response(body=answer, content_type="application/x-protobuf")


def _attributes(pairs: Any) -> Mapping[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    if value.WhichOneof("value") == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, value.WhichOneof("value"))


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    """A collector at work until the block ends."""
    here = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", here.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    here.url = f"http://127.0.0.1:{port}"
    try:
        yield here
    finally:
        await runner.cleanup()


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    async with collecting() as here:
        yield here


@pytest.fixture
async def sqlite(sqlite_url: str) -> AsyncIterator[Store]:
    opened = await Store.open(sqlite_url)
    yield opened
    await opened.close()


def told_to(url: str, **more: Any) -> Telemetry:
    given: dict[str, Any] = {"headers": {}, "service": "switchboard", "masking": Masking()} | more
    return Telemetry(endpoint=url, **given)


@asynccontextmanager
async def asked(
    store: Store,
    folder: Path,
    observer: Telemetry,
    *scripts: Any,
    tool: Callable[[ToolContext, Arguments], Any] | None = None,
    memory: MemoryChannel | None = None,
) -> AsyncIterator[str]:
    """A question by a channel that sends, answered; the turn's id. All is told when the block ends."""
    bell = InlineQueue()
    async with AsyncExitStack() as stack:
        place = await stack.enter_async_context(
            front(
                store,
                folder=folder,
                pages=Pages(),
                models=[ScriptedModel(*scripts, name="gpt-test")],
                tools=[a_tool("order_status", {"order_id": {"type": "string"}}, tool)],
                bell=bell,
                memory=memory,
                observer=observer,
            )
        )
        await place.desk.take_in(wrote(QUESTION, channel="memory"))
        await bell.work(place.desk)
        async with store.database.read() as reader:
            row = await reader.one("SELECT id FROM turns")
        assert row is not None
        yield row["id"]
    await observer.close()


CALL = ToolCall(id="c1", name="order_status", arguments='{"order_id": "123456"}')


CALLED: list[ToolContext] = []


async def delivered_on(context: ToolContext, arguments: Arguments) -> str:
    CALLED.append(context)
    return "delivered to jane@example.com"


async def test_a_turn_is_one_trace_by_the_conventions(
    sqlite: Store, collector: Collector, tmp_path: Path
) -> None:
    began = time.time_ns()
    async with asked(sqlite, tmp_path, told_to(collector.url), [CALL], ANSWER, tool=delivered_on) as turn:
        pass
    ended = time.time_ns()
    assert {each.trace for each in collector.spans} == {trace_id(turn)} == {f"0{turn.removeprefix('trn_')}"}
    root = collector.one("invoke_agent Ada")
    assert root.parent == ""
    assert {each.parent for each in collector.spans if each is not root} == {root.span}
    assert root.attributes["gen_ai.operation.name"] == "invoke_agent"
    assert root.attributes["gen_ai.agent.name"] == "Ada"
    assert root.attributes["gen_ai.conversation.id"].startswith("cnv_")
    assert root.attributes["switchboard.outcome"] == "reply"
    first, second = (each for each in collector.spans if each.name == "chat gpt-test")
    for chat in (first, second):
        assert chat.kind == 3, "a client's"
        assert chat.attributes["gen_ai.operation.name"] == "chat"
        assert chat.attributes["gen_ai.request.model"] == "gpt-test"
        assert chat.attributes["gen_ai.usage.input_tokens"] > 0
        assert chat.attributes["switchboard.cost_usd"] > 0
    assert second.attributes["gen_ai.usage.output_tokens"] > 0
    assert 0 <= second.attributes["gen_ai.response.time_to_first_chunk"] < 10
    assert second.attributes["switchboard.step.needs"] == ["lookup", "order_status"]
    tool = collector.one("execute_tool order_status")
    assert tool.attributes["gen_ai.operation.name"] == "execute_tool"
    assert tool.attributes["gen_ai.tool.name"] == "order_status"
    assert CALLED[-1].traceparent == f"00-{root.trace}-{root.span}-01", "the tool's service may add to it"
    assert first.began <= tool.began <= second.began
    assert collector.one("retrieval lookup").attributes["gen_ai.operation.name"] == "retrieval"
    sent = collector.one("deliver memory")
    assert sent.attributes["switchboard.delivery.status"] == "sent"
    for each in collector.spans:
        assert began <= each.began <= each.ended <= ended
        assert each.failed is None
    assert collector.services == {"switchboard"}


async def test_what_was_written_is_not_told(sqlite: Store, collector: Collector, tmp_path: Path) -> None:
    async with asked(sqlite, tmp_path, told_to(collector.url), [CALL], ANSWER, tool=delivered_on):
        pass
    assert len(collector.spans) >= 6
    for words in (b"jane", b"shoes", b"123456", b"30 days", b"Returns"):
        assert words not in collector.raw


async def test_what_was_written_is_told_masked_where_that_is_asked_for(
    sqlite: Store, collector: Collector, tmp_path: Path
) -> None:
    observer = told_to(collector.url, content=True)
    async with asked(sqlite, tmp_path, observer, [CALL], ANSWER, tool=delivered_on):
        pass
    tool = collector.one("execute_tool order_status").attributes
    assert tool["gen_ai.tool.call.arguments"] == '{"order_id":"123456"}'
    assert tool["gen_ai.tool.call.result"] == '"delivered to [email]"'
    lookup = collector.one("retrieval lookup").attributes
    assert lookup["gen_ai.retrieval.query.text"] == QUESTION.replace("jane@example.com", "[email]")
    assert "Returns" in lookup["gen_ai.retrieval.documents"]
    *_, chat = (each.attributes for each in collector.spans if each.name == "chat gpt-test")
    assert "30 days" in chat["gen_ai.output.messages"]
    assert b"jane" not in collector.raw


async def test_what_failed_says_so_and_keeps_what_is_secret(
    sqlite: Store, collector: Collector, tmp_path: Path
) -> None:
    async def broken(context: ToolContext, arguments: Arguments) -> str:
        raise ToolFailed("the shop says: no order of jane@example.com with key hush-hush")

    observer = told_to(collector.url, masking=Masking(secrets=["hush-hush"]), service="shop")
    memory = MemoryChannel(NotDelivered("the number +49 151 23456789 is not in use"))
    failed = ModelFailed("AuthenticationError: key hush-hush", retry=False)
    async with asked(sqlite, tmp_path, observer, [CALL], failed, tool=broken, memory=memory):
        pass
    tool = collector.one("execute_tool order_status")
    assert tool.failed == "the shop says: no order of [email] with key [secret]"
    assert tool.attributes["error.type"] == "tool_failed"
    *_, chat = (each for each in collector.spans if each.name == "chat gpt-test")
    assert (chat.failed, chat.attributes["error.type"]) == (
        "AuthenticationError: key [secret]",
        "AuthenticationError",
    )
    sent = collector.one("deliver memory")
    assert (sent.failed, sent.attributes["error.type"]) == ("the number [phone] is not in use", "failed")
    assert collector.services == {"shop"}


async def test_headers_for_the_collector_go_along(
    sqlite: Store, collector: Collector, tmp_path: Path
) -> None:
    headers = headers_of("authorization=Basic%20abc, x-tenant=shop")
    async with asked(sqlite, tmp_path, told_to(collector.url, headers=headers), ANSWER):
        pass
    assert collector.headers[0]["Authorization"] == "Basic abc"
    assert collector.headers[0]["X-Tenant"] == "shop"


async def test_a_collector_that_is_away_holds_up_nobody(
    sqlite: Store, unused_tcp_port: int, tmp_path: Path
) -> None:
    observer = told_to(f"http://127.0.0.1:{unused_tcp_port}")
    began = time.monotonic()
    async with asked(sqlite, tmp_path, observer, ANSWER):
        assert time.monotonic() - began < 5
        began = time.monotonic()
    assert time.monotonic() - began < telemetry._LAST + 1
    async with sqlite.database.read() as reader:
        row = await reader.one("SELECT outcome FROM turns")
    assert row is not None
    assert row["outcome"] == "reply"


async def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "bot.telemetry", None)
    settings = Settings(_env_file=None, otel_exporter_otlp_endpoint="http://127.0.0.1:4318")
    async with AsyncExitStack() as stack:
        assert _observer(settings, Masking(), stack) is None
        assert _observer(Settings(_env_file=None), Masking(), stack) is None
    assert [record.getMessage() for record in caplog.records] == [
        "OTEL_EXPORTER_OTLP_ENDPOINT: without effect; install the extra: pip install -e '.[otel]'"
    ]


def test_the_names_are_the_conventions() -> None:
    """As the installed package of the conventions has them."""
    modules = (gen_ai_attributes, error_attributes)
    known = [value for module in modules for value in vars(module).values() if isinstance(value, str)]
    ours = {
        value
        for value in vars(telemetry).values()
        if isinstance(value, str) and value.startswith(("gen_ai.", "error."))
    }
    assert len(ours) >= 15
    assert ours <= set(known)
    operations = {each.value for each in gen_ai_attributes.GenAiOperationNameValues}
    assert {"invoke_agent", "chat", "execute_tool", "retrieval"} <= operations


async def test_turns_told_at_once_keep_their_ids(sqlite: Store, collector: Collector, tmp_path: Path) -> None:
    observer = told_to(collector.url)
    models = [ScriptedModel(otherwise=ANSWER, name="gpt-test")]
    async with front(sqlite, folder=tmp_path, models=models, observer=observer) as place:
        taken = [await place.desk.take_in(wrote(QUESTION, sender=f"s{each}")) for each in range(12)]
        await asyncio.gather(*(place.desk.answer(each.message.conversation_id) for each in taken))
    await observer.close()
    async with sqlite.database.read() as reader:
        rows = await reader.all("SELECT id, conversation_id FROM turns")
    roots = {each.trace: each for each in collector.spans if not each.parent}
    assert len(roots) == 12
    for row in rows:
        root = roots[trace_id(row["id"])]
        assert root.attributes["gen_ai.conversation.id"] == row["conversation_id"]
        mine = [each for each in collector.spans if each.trace == root.trace and each is not root]
        assert mine
        assert {each.parent for each in mine} == {root.span}
