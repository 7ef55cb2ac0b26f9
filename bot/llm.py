"""The openai client behind `LanguageModel`: any server that speaks OpenAI's chat completions.

The client keeps what it is good at (authentication, timeouts, connections, errors); the stream is read as
bytes and only what is needed is decoded, because its typed stream costs several times the CPU
(docs/decisions/0004). Retries are the orchestrator's, which knows the turn's deadline.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import math
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import aiohttp
import httpx2
import openai
import orjson

from bot.orchestrator.agent import (
    Delta,
    ModelFailed,
    ModelMessage,
    ModelRequest,
    Prices,
    ToolCall,
    Usage,
)
from bot.orchestrator.budget import estimated

CONNECT_TIMEOUT = 5.0  # seconds
LONGEST_ANSWER = 40_000  # characters, thoughts included; a server that never stops is cut off here
MOST_CALLS = 32  # of tools in one answer
LONGEST_EVENT = 1_000_000  # bytes; longer than any honest chunk
_KEY = 8  # characters; what is shorter is none, but a word such as "none"
_LINGER = 1.0  # seconds to wait for what follows the answer's end
_RETRYABLE = frozenset({408, 409, 425, 429})
_REFUSALS = frozenset({400, 413, 422})  # of this request: too long, or against the provider's rules
_THOUGHT, _THOUGHT_ENDS = "<think>", "</think>"


def openai_client(*, api_key: str, base_url: str | None, read_timeout: float) -> openai.AsyncOpenAI:
    """The one client of a process; its transport costs half the CPU of the default one.

    `read_timeout` is in seconds, between two reads.
    """
    return openai.AsyncOpenAI(
        api_key=api_key,
        base_url=base_url,
        max_retries=0,
        http_client=openai.DefaultAioHttpClient(
            timeout=openai.Timeout(read_timeout, connect=CONNECT_TIMEOUT)
        ),
    )


class OpenAIModel:
    """One model of one server."""

    def __init__(self, client: openai.AsyncOpenAI, name: str, prices: Prices, *, max_tokens: int) -> None:
        self.name = name
        self.prices = prices
        self.max_tokens = max_tokens
        self._client = client

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Delta | ToolCall | Usage]:
        """The answer as it arrives, what came in one read together, then its tool calls, then one Usage.

        Raises ModelFailed when it is refused, cut, garbled or endless.
        """
        response = await self._ask(request)
        completion = _Completion()
        rest = ""
        try:
            try:
                pieces = response.aiter_bytes()
                async for data in pieces:
                    if text := completion.read(data):
                        yield Delta(text=text)
                    if completion.ended:
                        break
                # Usage and the stream's own end follow at once or never; only a stream read to its end leaves
                # its connection to the next call.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LINGER):
                        async for data in pieces:
                            rest += completion.read(data)
            except (httpx2.HTTPError, aiohttp.ClientError, OSError) as error:
                # Some servers drop the connection instead of ending the stream properly.
                if not completion.ended:
                    raise ModelFailed(f"the stream was cut: {type(error).__name__}", retry=True) from error
            finally:
                await response.aclose()
            if rest := rest + completion.end():
                yield Delta(text=rest)
        except ModelFailed as failure:
            failure.usage = completion.usage(request)
            raise
        for call in completion.calls():
            yield call
        yield completion.usage(request)

    async def _ask(self, request: ModelRequest) -> httpx2.Response:
        """The server's answer, once it begins. Raises ModelFailed when it refuses, or can't be reached."""
        try:
            # With `cast_to` a plain response the client hands over the response itself, unread; its types
            # only know of streams.
            return cast(
                httpx2.Response,
                await self._client.post(
                    "/chat/completions",
                    body=self._body(request),
                    cast_to=httpx2.Response,
                    stream=True,
                    stream_cls=openai.AsyncStream[object],
                ),
            )
        except openai.APIError as error:
            raise _refusal(error, request, key=self._client.api_key) from error
        except (aiohttp.ClientError, OSError) as error:
            raise ModelFailed(
                f"{type(error).__name__}: {error}", retry=True, usage=_unheard(error, request)
            ) from error

    def _body(self, request: ModelRequest) -> Mapping[str, object]:
        body: dict[str, object] = {
            "model": self.name,
            "messages": [_message(message) for message in request.messages],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if request.tools:
            body["tools"] = [
                {
                    "type": "function",
                    "function": {
                        "name": tool.name,
                        "description": tool.description,
                        "parameters": tool.parameters,
                    },
                }
                for tool in request.tools
            ]
        if request.max_tokens is not None:
            body["max_completion_tokens"] = request.max_tokens
        return body


def _message(message: ModelMessage) -> Mapping[str, object]:
    told: dict[str, object] = {"role": message.role, "content": message.content}
    if message.calls:
        told["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in message.calls
        ]
    if message.role == "tool":
        told["tool_call_id"] = message.call_id
    return told


class _Completion:
    """A streamed completion being read.

    Takes the dialects of OpenAI, Azure (a first chunk without choices), Ollama, vLLM and llama.cpp: `data:`
    without a space, comments, usage missing, `[DONE]` missing after a finish reason, tool calls in pieces or
    whole. What a model thinks, in fields of its own or before its answer, is not the answer.
    """

    def __init__(self) -> None:
        self.ended = False
        self._rest = b""
        self._characters = 0
        self._thoughts = _Thoughts()
        self._calls = _Calls()
        self._used: Usage | None = None

    def read(self, data: bytes) -> str:
        """The answer's text in the events that `data` completes."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST_EVENT:
            raise ModelFailed("an event without an end", retry=False)
        # What is no data is a comment, an `event:` or blank.
        text = "".join([self._text(line[5:].strip()) for line in lines if line.startswith(b"data:")])
        self._characters += len(text)
        if self._characters + self._calls.characters > LONGEST_ANSWER:
            raise ModelFailed(f"more than {LONGEST_ANSWER} characters", retry=False, refused=True)
        return self._thoughts.left_out(text)

    def end(self) -> str:
        """The text of a last line that had no line end. Raises ModelFailed when the stream was cut short."""
        text = self.read(b"\n")
        if not self.ended:
            raise ModelFailed("the stream was cut before its end", retry=True)
        return text + self._thoughts.end()

    def calls(self) -> Sequence[ToolCall]:
        """What the answer wants called, once it is whole."""
        return self._calls.whole()

    def usage(self, request: ModelRequest) -> Usage:
        if self._used is not None:
            return self._used
        return estimated(request, self._characters + self._calls.characters)

    def _text(self, payload: bytes) -> str:
        """The answer's text in one event; notes usage and the end on the way."""
        if payload == b"[DONE]":
            self.ended = True
            return ""
        if not payload:
            return ""
        text = ""
        try:
            chunk = orjson.loads(payload)
            if error := chunk.get("error"):
                raise ModelFailed(f"the server said: {error!s:.200}", retry=True)
            if usage := chunk.get("usage"):
                self._used = _counted(usage) or self._used
            for choice in chunk.get("choices") or ():
                delta = choice.get("delta") or {}
                content = delta.get("content")
                if isinstance(content, str):
                    text += content.replace("\x00", "")  # PostgreSQL keeps no NUL in a text
                for piece in delta.get("tool_calls") or ():
                    self._calls.add(piece)
                self._finish(choice.get("finish_reason"))
        except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise ModelFailed(f"garbage in the stream: {payload[:80]!r}", retry=True) from error
        return text

    def _finish(self, reason: object) -> None:
        if reason == "content_filter":
            raise ModelFailed("the provider's content filter stopped the answer", retry=False, refused=True)
        if reason == "length":
            raise ModelFailed("the answer was cut at the model's token limit", retry=False, refused=True)
        if reason:
            self.ended = True


@dataclass
class _Call:
    index: object
    id: str
    name: str
    arguments: str = ""


class _Calls:
    """The tool calls of one answer, put together from their pieces.

    OpenAI, Azure and vLLM number the calls and send the arguments in pieces, the id and the name with the
    first; llama.cpp may repeat them; Ollama sends each call whole, numbered 0 or not at all, its arguments
    as an object in older versions.
    """

    def __init__(self) -> None:
        self.characters = 0
        self._calls: list[_Call] = []

    def add(self, piece: Mapping[str, Any]) -> None:
        """One piece of one call. Raises TypeError or ValueError when it belongs to none."""
        function = piece.get("function") or {}
        name, given = function.get("name") or "", function.get("arguments")
        if not isinstance(given, str):
            given = "" if given is None else orjson.dumps(given).decode()
        call = self._continued(piece.get("index"), piece.get("id") or "", name)
        if call is None:
            if not name:
                raise ValueError("a tool call without a name")
            if len(self._calls) == MOST_CALLS:
                raise ModelFailed(f"more than {MOST_CALLS} tool calls at once", retry=False)
            call = _Call(piece.get("index"), str(piece.get("id") or ""), str(name))
            self._calls.append(call)
        call.arguments += given
        self.characters += len(given) + len(name)

    def whole(self) -> Sequence[ToolCall]:
        return [
            ToolCall(
                id=call.id or f"call_{place}",
                name=call.name,
                arguments=(call.arguments or "{}").replace("\x00", ""),
            )
            for place, call in enumerate(self._calls)
        ]

    def _continued(self, index: object, call_id: str, name: str) -> _Call | None:
        """The call that a piece goes on with; None when it begins one."""
        for call in reversed(self._calls):
            if call_id and call.id:
                if call.id == call_id:
                    return call
            elif call.index == index and not (name and call.arguments):
                return call
        return None


class _Thoughts:
    """Leaves out what a reasoning model writes in `<think>…</think>` before its answer, however it is cut.

    vLLM, Ollama and llama.cpp send it as text unless they are told how the model marks its thoughts.
    """

    def __init__(self) -> None:
        self._thinking = False
        self._held = ""  # may be the beginning of a mark
        self._passed = ""  # the end of what was passed on, once the answer has begun

    def left_out(self, text: str) -> str:
        """What of the next piece belongs to the answer. Raises ModelFailed when that cannot be told."""
        if self._passed:
            return self._pass_on(text)
        text = self._held + text
        while True:
            if self._thinking:
                _, ended, rest = text.partition(_THOUGHT_ENDS)
                if not ended:
                    self._held = text[1 - len(_THOUGHT_ENDS) :]
                    return ""
                self._thinking, text = False, rest
            text = text.lstrip()
            if text.startswith(_THOUGHT):
                self._thinking, text = True, text.removeprefix(_THOUGHT)
            elif _THOUGHT.startswith(text):
                self._held = text
                return ""
            else:
                self._held = ""
                return self._pass_on(text)

    def end(self) -> str:
        """What was held back to the last. Raises ModelFailed when the answer never began."""
        if self._thinking:
            raise ModelFailed("the model did not come to the end of its thoughts", retry=True)
        return self._held

    def _pass_on(self, text: str) -> str:
        # Some prompt templates begin the thought themselves: what came so far was no answer then.
        if _THOUGHT_ENDS in self._passed + text:
            raise ModelFailed("the model's thoughts have no beginning", retry=False)
        self._passed = (self._passed + text)[1 - len(_THOUGHT_ENDS) :]
        return text


def _counted(usage: Mapping[str, Any]) -> Usage | None:
    """The tokens as the server counted them; None when it did not."""
    asked, written = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if not isinstance(asked, int) or not isinstance(written, int):
        return None
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens")
    return Usage(
        tokens_in=asked,
        tokens_out=written,
        cached=min(cached, asked) if isinstance(cached, int) else 0,
    )


def _unheard(error: BaseException | None, request: ModelRequest) -> Usage | None:
    """What a call used up that nothing was heard of: nothing when it never reached the server."""
    while error is not None:
        if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
            return None
        error = error.__cause__
    return estimated(request, 0)


def _refusal(error: openai.APIError, request: ModelRequest, *, key: str) -> ModelFailed:
    message = error.message
    if len(key) >= _KEY:  # some servers say which key they refuse, and everybody may read /readyz
        message = message.replace(key, "[secret]")
    detail = f"{type(error).__name__}: {message:.200}"
    if isinstance(error, openai.APIStatusError):
        status = error.status_code
        retry = status in _RETRYABLE or status >= 500
        after = retry_after(error.response.headers) if retry else None
        return ModelFailed(detail, retry=retry, after=after, refused=status in _REFUSALS)
    if isinstance(error, openai.APIConnectionError):
        return ModelFailed(detail, retry=True, usage=_unheard(error, request))
    return ModelFailed(detail, retry=False)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds to wait that a refusal names: `retry-after-ms`, or `Retry-After` as seconds or a date."""
    try:
        if milliseconds := headers.get("retry-after-ms"):
            seconds = float(milliseconds) / 1000
        elif (given := headers.get("retry-after", "")).strip()[:1].isdigit():
            seconds = float(given)
        else:
            seconds = max(0.0, email.utils.parsedate_to_datetime(given).timestamp() - time.time())
    except ValueError:
        return None
    return seconds if 0 <= seconds < math.inf else None
