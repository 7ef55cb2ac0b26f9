"""Turns and deliveries told by OpenTelemetry, as its GenAI conventions name things.

The trace of a turn bears the turn's own id (`bot.trace.trace_id`), and its root span one that follows from
it, so that whichever process sends the answer adds to the same trace. What anybody wrote is left out unless
asked for, and masked then (bot/masking.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from importlib import metadata

import orjson
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.util.re import parse_env_headers
from opentelemetry.util.types import AttributeValue

from bot.masking import Masking
from bot.trace import Attempt, Step, Trace, root_span, trace_id

# The attributes' names are written out: https://github.com/open-telemetry/semantic-conventions-genai is still
# moving them between packages, and a collector knows them by these.
_OPERATION = "gen_ai.operation.name"
_MODEL = "gen_ai.request.model"
_PROVIDER = "gen_ai.provider.name"
_TOKENS_IN = "gen_ai.usage.input_tokens"
_TOKENS_OUT = "gen_ai.usage.output_tokens"
_FIRST_CHUNK = "gen_ai.response.time_to_first_chunk"  # seconds
_AGENT = "gen_ai.agent.name"
_CONVERSATION = "gen_ai.conversation.id"
_TOOL = "gen_ai.tool.name"
_TOOL_TYPE = "gen_ai.tool.type"
_ARGUMENTS = "gen_ai.tool.call.arguments"
_RESULT = "gen_ai.tool.call.result"
_SOURCE = "gen_ai.data_source.id"
_QUERY = "gen_ai.retrieval.query.text"
_DOCUMENTS = "gen_ai.retrieval.documents"
_OUTPUT = "gen_ai.output.messages"
_ERROR = "error.type"

_EXPORT = 5.0  # seconds one try to reach the collector may take
_LAST = 8.0  # seconds that what is left may take at the end
_DETAIL = 300  # characters of an error

Attributes = dict[str, AttributeValue]


class _Ids(RandomIdGenerator):
    """Random ids, but for a turn's root span."""

    turn: str | None = None

    def generate_trace_id(self) -> int:
        return int(trace_id(self.turn), 16) if self.turn else super().generate_trace_id()

    def generate_span_id(self) -> int:
        return root_span(self.turn) if self.turn else super().generate_span_id()


class Telemetry:
    """An Observer that tells a collector over OTLP/HTTP, from a thread of its own and in batches.

    `content`: what was written is told too, masked.
    """

    def __init__(
        self,
        *,
        endpoint: str,
        headers: Mapping[str, str],
        service: str,
        masking: Masking,
        content: bool = False,
    ) -> None:
        """`endpoint` is the collector's base address, as OTEL_EXPORTER_OTLP_ENDPOINT gives it."""
        # A quarter of a second that only this needs.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        self._masking = masking
        self._content = content
        self._ids = _Ids()
        version = metadata.version("switchboard")
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": service, "service.version": version}),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(
                OTLPSpanExporter(
                    endpoint=f"{endpoint.rstrip('/')}/v1/traces", headers=headers, timeout=_EXPORT
                )
            )
        )
        self._tracer = self._provider.get_tracer("switchboard", version)

    def turn(self, trace: Trace, *, conversation_id: str, channel: str, agent: str) -> None:
        attributes: Attributes = {
            _OPERATION: "invoke_agent",
            _PROVIDER: "switchboard",
            _AGENT: agent,
            _CONVERSATION: conversation_id,
            "switchboard.turn.id": trace.turn_id,
            "switchboard.channel": channel,
            "switchboard.outcome": trace.outcome,
            "switchboard.cost_usd": sum(step.cost for step in trace.steps) / 1e6,
        }
        if trace.reason:
            attributes["switchboard.reason"] = trace.reason
        self._ids.turn = trace.turn_id
        try:
            root = self._tracer.start_span(
                f"invoke_agent {agent}", attributes=attributes, start_time=_nanoseconds(trace.began)
            )
        finally:
            self._ids.turn = None
        within = set_span_in_context(root)
        for step in trace.steps:
            name, kind, told = self._described(step)
            began = _nanoseconds(step.started_at)
            span = self._tracer.start_span(name, within, kind, told, start_time=began)
            if step.status == "failed":
                self._failed(span, step.error or "", kind=_error_type(step))
            span.end(began + round(step.seconds * 1e9))
        if trace.error is not None:
            self._failed(root, trace.error, kind=trace.error.partition(":")[0])
        root.end()

    def delivery(self, attempt: Attempt) -> None:
        context = None
        if attempt.turn_id is not None:
            known = SpanContext(
                int(trace_id(attempt.turn_id), 16),
                root_span(attempt.turn_id),
                is_remote=True,
                trace_flags=TraceFlags(TraceFlags.SAMPLED),
            )
            context = set_span_in_context(NonRecordingSpan(known))
        attributes: Attributes = {
            _CONVERSATION: attempt.conversation_id,
            "switchboard.channel": attempt.channel,
            "switchboard.message.id": attempt.message_id,
            "switchboard.delivery.status": attempt.status,
            "switchboard.delivery.attempt": attempt.attempt,
        }
        began = _nanoseconds(attempt.began)
        span = self._tracer.start_span(
            f"deliver {attempt.channel}", context, SpanKind.CLIENT, attributes, start_time=began
        )
        if attempt.error is not None:
            self._failed(span, attempt.error, kind=attempt.status)
        span.end()

    async def close(self) -> None:
        """Tell what is left, if the collector takes it in time."""
        try:
            async with asyncio.timeout(_LAST):
                await asyncio.to_thread(self._provider.shutdown)
        except TimeoutError:
            pass  # what is lost is only what others would have heard

    def _described(self, step: Step) -> tuple[str, SpanKind, Attributes]:
        """A step's name, kind and attributes as the conventions have them."""
        kind, told = SpanKind.INTERNAL, self._common(step)
        if step.kind == "tool":
            told |= {_OPERATION: "execute_tool", _TOOL: step.name, _TOOL_TYPE: "function"}
            if self._content:
                told |= {
                    _ARGUMENTS: self._json(dict(step.input)),
                    _RESULT: self._json(step.output.get("result")),
                }
            return f"execute_tool {step.name}", kind, told
        if step.kind == "knowledge":
            told |= {_OPERATION: "retrieval", _SOURCE: "knowledge"}
            if self._content:
                pages = step.output.get("passages") or step.output.get("nearest") or []
                told |= {
                    _QUERY: self._masking.text(str(step.input.get("question", ""))),
                    _DOCUMENTS: self._json(pages),
                }
            return f"retrieval {step.name}", kind, told
        model = _model(step)
        if model is None:
            return f"{step.kind} {step.name}", kind, told
        told |= {_OPERATION: "chat", _PROVIDER: "openai", _MODEL: model}
        told |= {_TOKENS_IN: step.tokens_in, _TOKENS_OUT: step.tokens_out}
        if isinstance(first := step.output.get("first_token_seconds"), float):
            told[_FIRST_CHUNK] = first
        if self._content and isinstance(text := step.output.get("text"), str):
            parts = [{"type": "text", "content": text}]
            told[_OUTPUT] = self._json([{"role": "assistant", "parts": parts, "finish_reason": "stop"}])
        return f"chat {model}", SpanKind.CLIENT, told

    def _common(self, step: Step) -> Attributes:
        told: Attributes = {
            "switchboard.step.kind": step.kind,
            "switchboard.step.name": step.name,
            "switchboard.step.status": step.status,
        }
        if step.needs:
            told["switchboard.step.needs"] = list(step.needs)
        if step.cost:
            told["switchboard.cost_usd"] = step.cost / 1e6
        return told

    def _json(self, value: object) -> str:
        return orjson.dumps(self._masking.value(value)).decode()  # type: ignore[arg-type]

    def _failed(self, span: Span, error: str, *, kind: str) -> None:
        span.set_attribute(_ERROR, kind or "_OTHER")
        span.set_status(Status(StatusCode.ERROR, self._masking.text(error)[:_DETAIL]))


def headers_of(written: str) -> Mapping[str, str]:
    """The headers in OTEL_EXPORTER_OTLP_HEADERS: `name=value` with commas between, percent-encoded."""
    return parse_env_headers(written, liberal=True)


def _model(step: Step) -> str | None:
    """The model a step asked; None when it asked none, whatever it did instead."""
    if step.kind == "model":
        return step.name if step.name != "passages" else None
    asked = step.input.get("by") or step.output.get("asked")
    return asked if isinstance(asked, str) and (step.tokens_in or step.tokens_out) else None


def _error_type(step: Step) -> str:
    """A word of few, for counting: what stands before the first colon, if that is one word."""
    first = (step.error or "").partition(":")[0]
    return first if first.isidentifier() else f"{step.kind}_failed"


def _nanoseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000) * 1_000
