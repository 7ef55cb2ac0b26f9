"""The model client against a real server: dialects, refusals, cuts, endless and garbled streams."""

from __future__ import annotations

import asyncio
import email.utils
import json
import time
from collections.abc import AsyncIterator, Mapping

import openai
import pytest

from bot.llm import LONGEST_ANSWER, OpenAIModel, openai_client, retry_after
from bot.orchestrator.agent import (
    Delta,
    ModelFailed,
    ModelMessage,
    ModelRequest,
    OfferedTool,
    ToolCall,
    Usage,
)
from bot.orchestrator.budget import estimated
from bot.testing import PRICES
from tests.doubles.model import Call, ModelServer, Script, chunk, event, frames_for

DONE = b"data: [DONE]\n\n"
REQUEST = ModelRequest(
    messages=[
        ModelMessage(role="system", content="Be kind."),
        ModelMessage(role="user", content="How are you, old friend?"),
    ],
    first_token=5.0,
    total=5.0,
)


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer(usually=Script(text="All is well with me, thank you.")) as server:
        yield server


@pytest.fixture
async def client(server: ModelServer) -> AsyncIterator[openai.AsyncOpenAI]:
    client = openai_client(api_key="sk-test", base_url=server.url, read_timeout=4.0)
    yield client
    await client.close()


@pytest.fixture
def model(client: openai.AsyncOpenAI) -> OpenAIModel:
    return OpenAIModel(client, "small", PRICES, max_tokens=2_000)


async def answer(model: OpenAIModel, request: ModelRequest = REQUEST) -> tuple[str, Usage]:
    text = ""
    usage: list[Usage] = []
    async for piece in model.stream(request):
        match piece:
            case Delta():
                assert not usage, "usage comes last"
                text += piece.text
            case Usage():
                usage.append(piece)
    assert len(usage) == 1
    return text, usage[0]


async def failure(model: OpenAIModel) -> ModelFailed:
    with pytest.raises(ModelFailed) as failed:
        await answer(model)
    return failed.value


async def test_an_answer_streams_and_says_what_it_used(server: ModelServer, model: OpenAIModel) -> None:
    text, usage = await answer(model)
    assert text == "All is well with me, thank you."
    assert usage.tokens_in == 100
    assert usage.tokens_out > 0
    assert not usage.estimated
    sent = server.requests[0]
    assert sent.path == "/v1/chat/completions"
    assert sent.authorization == "Bearer sk-test"
    assert sent.json == {
        "model": "small",
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "How are you, old friend?"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def test_a_limit_on_tokens_is_passed_on(server: ModelServer, model: OpenAIModel) -> None:
    await answer(model, ModelRequest(messages=REQUEST.messages, first_token=5, total=5, max_tokens=77))
    assert server.requests[0].json["max_completion_tokens"] == 77


async def test_the_first_piece_arrives_before_the_last_is_written(
    server: ModelServer, model: OpenAIModel
) -> None:
    server.script([Script(frames=[chunk({"content": "Hello"})], endless=False, first_delay=0, delay=60)])
    stream = model.stream(REQUEST)
    async with asyncio.timeout(30):
        assert await anext(stream) == Delta(text="Hello")
    await stream.aclose()


async def test_one_connection_serves_call_after_call(server: ModelServer, model: OpenAIModel) -> None:
    for _ in range(5):
        await answer(model)
    assert server.connected == 1


HI = {"content": "Hi"}
USED = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}


def choice(delta: Mapping[str, object], finish: str | None = None, **beside: object) -> bytes:
    return event({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **beside})


BODY = b'{"choices":[{"delta":{"content":"Hi"}}]}'
AZURE = [
    event({"choices": [], "prompt_filter_results": [{"prompt_index": 0}], "usage": None}),
    choice({"role": "assistant", "content": "", "refusal": None}),
    choice(HI, content_filter_results={}),
    choice({}, "stop", usage=None),
    event({"choices": [], "usage": USED}),
    DONE,
]
OLLAMA = [  # the role in every chunk, the finish with an empty text
    choice({"role": "assistant", **HI}),
    choice({"role": "assistant", "content": ""}, "stop"),
    event({"choices": [], "usage": USED}),
    DONE,
]
VLLM = [  # usage in every chunk, reasoning apart
    choice({"role": "assistant", "content": ""}, usage={"prompt_tokens": 7, "completion_tokens": 0}),
    choice({"reasoning_content": "Let me think"}),
    choice(HI, usage=USED),
    choice({"content": ""}, "stop", stop_reason=None),
    DONE,
]
LLAMA_CPP = [  # a null content first, timings with the usage
    choice({"role": "assistant", "content": None}),
    choice(HI),
    choice({}, "stop"),
    event({"choices": [], "usage": USED, "timings": {"predicted_ms": 9.1}}),
    DONE,
]


@pytest.mark.parametrize(
    "frames", [AZURE, OLLAMA, VLLM, LLAMA_CPP], ids=["azure", "ollama", "vllm", "llama.cpp"]
)
@pytest.mark.parametrize("size", [1, 7, 100_000])
async def test_every_servers_dialect_is_understood_however_it_is_cut(
    server: ModelServer, model: OpenAIModel, frames: list[bytes], size: int
) -> None:
    stream = b"".join(frames)
    server.script([Script(frames=[stream[i : i + size] for i in range(0, len(stream), size)])])
    assert await answer(model) == ("Hi", Usage(tokens_in=7, tokens_out=2))


@pytest.mark.parametrize(
    "stream",
    [
        b"data:" + BODY + b"\n\ndata:[DONE]\n\n",
        b": ping\n\n: PROCESSING\n\ndata: " + BODY + b"\n\ndata: [DONE]\n\n",
        b"data: " + BODY + b"\r\n\r\ndata: [DONE]\r\n\r\n",
        b"event: message\nid: 1\nretry: 10\ndata: " + BODY + b"\n\ndata: [DONE]\n\n",
        b"data: " + BODY + b"\n\ndata: [DONE]",
        choice(HI, "stop"),
        choice(HI, "stop").rstrip(),
        b"data:\n\n" + choice(HI, "stop", usage={}),
        choice(HI, "stop", usage={"prompt_tokens": None}),
    ],
)
async def test_loose_event_streams_are_understood_and_usage_estimated(
    server: ModelServer, model: OpenAIModel, stream: bytes
) -> None:
    server.script([Script(frames=[stream])])
    text, usage = await answer(model)
    assert text == "Hi"
    assert usage == Usage(tokens_in=8, tokens_out=1, estimated=True)


async def test_what_a_provider_had_kept_is_told(server: ModelServer, model: OpenAIModel) -> None:
    used = USED | {"prompt_tokens_details": {"cached_tokens": 5, "audio_tokens": 0}}
    server.script([Script(frames=[choice(HI, "stop", usage=used), DONE])])
    assert (await answer(model))[1] == Usage(tokens_in=7, tokens_out=2, cached=5)


async def test_umlauts_and_emoji_survive_any_cut(server: ModelServer, model: OpenAIModel) -> None:
    stream = b"".join(frames_for("Grüße 👋🏽 schöne Größe", Script()))
    server.script([Script(frames=[stream[i : i + 1] for i in range(len(stream))])])
    assert (await answer(model))[0] == "Grüße 👋🏽 schöne Größe"


THOUGHTS = "<think>\nThey ask how I am. If a < b, I'd say </thing>.\n</think>\n\n"


def told(text: str, size: int) -> list[bytes]:
    """The event stream of a text that is written `size` characters at a time."""
    pieces = [text[i : i + size] for i in range(0, len(text), size)]
    return [*(choice({"content": piece}) for piece in pieces), choice({}, "stop"), DONE]


@pytest.mark.parametrize("before", [THOUGHTS, "\n" + THOUGHTS, "<think>\n\n</think>\n\n", 2 * THOUGHTS])
@pytest.mark.parametrize("size", [1, 3, 8, 1000])
async def test_thoughts_before_the_answer_are_not_shown_however_they_are_cut(
    server: ModelServer, model: OpenAIModel, before: str, size: int
) -> None:
    server.script([Script(frames=told(before + "Well, <think> of it: 1 </ 2", size))])
    text, usage = await answer(model)
    assert text == "Well, <think> of it: 1 </ 2"
    assert usage.tokens_out >= len(before) // 4, "thoughts cost what words cost"


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
async def test_thoughts_in_a_field_of_their_own_are_not_shown(
    server: ModelServer, model: OpenAIModel, field: str
) -> None:
    frames = [choice({field: "Let me", "content": None}), choice({field: " think"}), *told("Hi", 2)]
    server.script([Script(frames=frames)])
    assert (await answer(model))[0] == "Hi"


@pytest.mark.parametrize("size", [1, 1000])
async def test_thoughts_without_an_end_are_no_answer(
    server: ModelServer, model: OpenAIModel, size: int
) -> None:
    server.script([Script(frames=told("<think>They ask how I am. </thin", size))])
    assert (await failure(model)).retry


@pytest.mark.parametrize("size", [1, 1000])
async def test_thoughts_whose_beginning_the_server_kept_are_no_answer(
    server: ModelServer, model: OpenAIModel, size: int
) -> None:
    server.script([Script(frames=told("They ask how I am.\n</think>\n\nHi", size))])
    assert not (await failure(model)).retry


@pytest.mark.parametrize("text", ["<", "<thin", "<table>", "<thinking aloud>"])
@pytest.mark.parametrize("size", [1, 1000])
async def test_an_answer_that_only_begins_like_a_thought_is_an_answer(
    server: ModelServer, model: OpenAIModel, text: str, size: int
) -> None:
    server.script([Script(frames=told(text, size))])
    assert (await answer(model))[0] == text


async def test_a_connection_dropped_after_the_end_does_no_harm(
    server: ModelServer, model: OpenAIModel
) -> None:
    stream = b"".join(frames_for("Hi there", Script()))
    server.script([Script(text="Hi there", cut=len(stream), reset=True)])
    assert (await answer(model))[0] == "Hi there"


@pytest.mark.parametrize("reset", [False, True])
async def test_a_stream_cut_at_any_byte_is_no_answer(
    server: ModelServer, model: OpenAIModel, reset: bool
) -> None:
    script = Script(text="Hi there", usage=False)
    stream = b"".join(frames_for("Hi there", script))
    complete = stream.index(b'"finish_reason":"stop"}]}') + len(b'"finish_reason":"stop"}]}')
    for cut in range(1, complete, 29 if reset else 13):
        server.script([Script(text="Hi there", usage=False, cut=cut, reset=reset)])
        failed = await failure(model)
        assert failed.retry, cut


async def test_a_server_that_forgets_to_end_the_stream_does_not_keep_the_answer(
    server: ModelServer, model: OpenAIModel
) -> None:
    server.script([Script(frames=[choice(HI, "stop")], delay=30)])
    async with asyncio.timeout(3):
        assert (await answer(model))[0] == "Hi"


async def test_a_stream_that_just_ends_is_no_answer(server: ModelServer, model: OpenAIModel) -> None:
    server.script([Script(text="Hi there", finish=None, done=False)])
    failed = await failure(model)
    assert failed.retry
    assert "cut" in failed.detail
    assert failed.usage == Usage(tokens_in=100, tokens_out=2)


@pytest.mark.parametrize(
    ("status", "retry"),
    [
        *((status, False) for status in (400, 401, 403, 404, 422)),
        *((status, True) for status in (408, 409, 429, 500, 502, 503, 529)),
    ],
)
async def test_a_refusal_says_whether_to_come_back(
    server: ModelServer, model: OpenAIModel, status: int, retry: bool
) -> None:
    server.script([Script(status=status)])
    failed = await failure(model)
    assert failed.retry is retry
    assert failed.after is None
    assert failed.usage is None, "what is refused costs nothing"
    assert len(server.requests) == 1, "the client itself never retries"


async def test_a_refusal_does_not_repeat_the_key(server: ModelServer) -> None:
    client = openai_client(api_key="the-shop-s-own-key", base_url=server.url, read_timeout=4.0)
    server.script([Script(status=401)])
    failed = await failure(OpenAIModel(client, "small", PRICES, max_tokens=2_000))
    assert failed.detail.endswith("Incorrect API key provided: [secret]")
    await client.close()


@pytest.mark.parametrize(
    ("headers", "low", "high"),
    [
        ({"retry-after": "7"}, 7, 7),
        ({"retry-after": "0.5"}, 0.5, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25, 0.25),
        ({"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT"}, 0, 0),
    ],
)
async def test_a_refusal_says_when_to_come_back(
    server: ModelServer, model: OpenAIModel, headers: dict[str, str], low: float, high: float
) -> None:
    server.script([Script(status=429, headers=headers)])
    after = (await failure(model)).after
    assert after is not None
    assert low <= after <= high


def test_a_date_to_come_back_at_is_understood() -> None:
    after = retry_after({"retry-after": email.utils.formatdate(time.time() + 30, usegmt=True)})
    assert after is not None
    assert 25 <= after <= 30


@pytest.mark.parametrize("nonsense", ["", "soon", "-5", "nan", "inf", "1e999", "12 o'clock"])
def test_a_nonsensical_retry_after_is_none(nonsense: str) -> None:
    assert retry_after({"retry-after": nonsense}) is None
    assert retry_after({"retry-after-ms": nonsense}) is None


@pytest.mark.parametrize(
    "garbage",
    [
        b"data: {not json}\n\n",
        b"data: []\n\n",
        b"data: 7\n\n",
        b'data: {"choices": 7}\n\n',
        b'data: {"choices": [7]}\n\n',
        b'data: {"choices": [{"delta": "hi"}]}\n\n',
        b'data: {"choices": [{"delta": {"content": "\xff"}}]}\n\n',
        b'data: {"error": {"message": "overloaded", "code": 503}}\n\n',
    ],
)
async def test_garbage_in_the_stream_is_no_answer(
    server: ModelServer, model: OpenAIModel, garbage: bytes
) -> None:
    server.script([Script(frames=[chunk({"content": "Hi"}), garbage, chunk({}, "stop"), DONE])])
    assert (await failure(model)).retry


async def test_a_web_page_instead_of_a_stream_is_no_answer(server: ModelServer, model: OpenAIModel) -> None:
    server.script([Script(frames=[b"<html><body>Sign in to the hotel Wi-Fi</body></html>"])])
    assert (await failure(model)).retry


async def test_a_content_filter_is_no_answer_and_asking_again_no_use(
    server: ModelServer, model: OpenAIModel
) -> None:
    server.script([Script(frames=[chunk({"content": "Hi"}), chunk({}, "content_filter"), DONE])])
    assert not (await failure(model)).retry


async def test_a_server_that_never_stops_is_stopped(server: ModelServer, model: OpenAIModel) -> None:
    server.script([Script(frames=[chunk({"content": ""}), chunk({"content": "blah " * 1000})], endless=True)])
    failed = await failure(model)
    assert str(LONGEST_ANSWER) in failed.detail
    server.script([Script(frames=[b"data: ", b"x" * 100_000], endless=True)])
    assert "without an end" in (await failure(model)).detail


async def test_a_server_that_hangs_is_left_in_time(server: ModelServer, model: OpenAIModel) -> None:
    server.script([Script(hang=True)])
    began = time.monotonic()
    failed = await failure(model)
    assert failed.retry
    assert failed.usage == estimated(REQUEST, 0), "nobody knows what the server makes of it"
    assert time.monotonic() - began < 5


async def test_nobody_there_may_come_back(unused_tcp_port: int) -> None:
    client = openai_client(api_key="k", base_url=f"http://127.0.0.1:{unused_tcp_port}/v1", read_timeout=1.0)
    failed = await failure(OpenAIModel(client, "small", PRICES, max_tokens=2_000))
    assert failed.retry
    assert failed.usage is None, "a call that never arrived costs nothing"
    await client.close()


async def test_whoever_stops_listening_frees_the_server(server: ModelServer, model: OpenAIModel) -> None:
    server.script(
        [Script(frames=[chunk({"content": ""}), chunk({"content": "blah "})], endless=True, delay=0.01)]
    )
    stream = model.stream(REQUEST)
    await anext(stream)
    await stream.aclose()
    async with asyncio.timeout(5):
        await server.idle.wait()


TOOLS = ModelRequest(
    messages=[ModelMessage(role="user", content="Where are 111111 and 222222?")],
    first_token=5.0,
    total=5.0,
    tools=[
        OfferedTool(
            name="order_status",
            description="Look up an order.",
            parameters={"type": "object", "properties": {"order_id": {"type": "string"}}},
        )
    ],
)


async def called(model: OpenAIModel, request: ModelRequest = TOOLS) -> list[tuple[str, str]]:
    calls = [piece async for piece in model.stream(request) if isinstance(piece, ToolCall)]
    assert len({each.id for each in calls}) == len(calls), "every call has an id of its own"
    return [(each.name, each.arguments) for each in calls]


def piece(**call: object) -> bytes:
    return chunk({"tool_calls": [call]})


async def test_tools_are_offered_and_calls_and_their_results_told(
    server: ModelServer, model: OpenAIModel
) -> None:
    server.script([Script(text="", calls=[Call("order_status", {"order_id": "111111"})])])
    pieces = [each async for each in model.stream(TOOLS)]
    assert isinstance(pieces[-1], Usage)
    call = pieces[-2]
    assert isinstance(call, ToolCall)
    assert (call.name, call.arguments) == ("order_status", '{"order_id":"111111"}')
    told = [
        *TOOLS.messages,
        ModelMessage(role="assistant", content="", calls=[call]),
        ModelMessage(role="tool", content="On its way.", call_id=call.id),
    ]
    await answer(model, ModelRequest(messages=told, first_token=5.0, total=5.0, tools=TOOLS.tools))
    sent = server.requests[-1].json
    assert sent["tools"][0]["function"]["name"] == "order_status"
    assert sent["messages"][1]["tool_calls"] == [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
    ]
    assert sent["messages"][2] == {"role": "tool", "content": "On its way.", "tool_call_id": call.id}


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param(
            [
                piece(index=0, id="a", type="function", function={"name": "order_status", "arguments": ""}),
                piece(index=0, function={"arguments": '{"order_id":'}),
                piece(index=0, function={"arguments": '"111111"}'}),
                piece(index=1, id="b", type="function", function={"name": "order_status", "arguments": ""}),
                piece(index=1, function={"arguments": '{"order_id":"222222"}'}),
            ],
            id="OpenAI, Azure: numbered, in pieces",
        ),
        pytest.param(
            [
                piece(index=0, id="a", function={"name": "order_status", "arguments": '{"order_id":'}),
                piece(index=0, id=None, function={"name": None, "arguments": '"111111"}'}),
                piece(index=1, id="b", function={"name": "order_status", "arguments": '{"order_id":'}),
                piece(index=1, id=None, function={"name": None, "arguments": '"222222"}'}),
            ],
            id="vLLM: nulls in what goes on",
        ),
        pytest.param(
            [
                piece(
                    index=0, id="a", function={"name": "order_status", "arguments": '{"order_id":"111111"}'}
                ),
                piece(
                    index=0, id="b", function={"name": "order_status", "arguments": '{"order_id":"222222"}'}
                ),
            ],
            id="Ollama: each whole, all numbered 0",
        ),
        pytest.param(
            [
                piece(function={"name": "order_status", "arguments": {"order_id": "111111"}}),
                piece(function={"name": "order_status", "arguments": {"order_id": "222222"}}),
            ],
            id="older Ollama: objects, no numbers, no ids",
        ),
        pytest.param(
            [
                piece(index=0, id="a", function={"name": "order_status", "arguments": '{"order_id":'}),
                piece(index=0, id="a", function={"name": "order_status", "arguments": '"111111"}'}),
                piece(
                    index=1, id="b", function={"name": "order_status", "arguments": '{"order_id":"222222"}'}
                ),
            ],
            id="llama.cpp: ids repeated",
        ),
        pytest.param(
            [
                piece(
                    index=0, id="", function={"name": "order_status", "arguments": '{"order_id":"111111"}'}
                ),
                piece(
                    index=1, id="", function={"name": "order_status", "arguments": '{"order_id":"222222"}'}
                ),
            ],
            id="llama.cpp: empty ids",
        ),
    ],
)
@pytest.mark.parametrize("finish", ["tool_calls", "stop"])
async def test_every_servers_way_of_calling_tools_is_understood(
    server: ModelServer, model: OpenAIModel, frames: list[bytes], finish: str
) -> None:
    server.script([Script(frames=[*frames, chunk({}, finish), DONE])])
    wanted = [("order_status", "111111"), ("order_status", "222222")]
    assert [(name, json.loads(given)["order_id"]) for name, given in await called(model)] == wanted


async def test_a_call_without_arguments_has_an_empty_object(server: ModelServer, model: OpenAIModel) -> None:
    server.script(
        [Script(frames=[piece(index=0, id="a", function={"name": "hours"}), chunk({}, "tool_calls"), DONE])]
    )
    assert await called(model) == [("hours", "{}")]


@pytest.mark.parametrize(
    "frames",
    [
        [piece(index=0, function={"arguments": "{}"}), chunk({}, "tool_calls")],
        [chunk({"tool_calls": ["order_status"]}), chunk({}, "tool_calls")],
        [piece(index=n, id=f"c{n}", function={"name": "hours", "arguments": "{}"}) for n in range(40)],
        [piece(index=0, id="a", function={"name": "hours", "arguments": "x" * LONGEST_ANSWER + "x"})],
    ],
)
async def test_calls_that_make_no_sense_are_no_answer(
    server: ModelServer, model: OpenAIModel, frames: list[bytes]
) -> None:
    server.script([Script(frames=[*frames, DONE])])
    await failure(model)


async def test_calls_cut_at_any_byte_are_not_made(server: ModelServer, model: OpenAIModel) -> None:
    whole = b"".join(
        frames_for("", Script(usage=False, done=False), [Call("refund", {"order_id": "111111"})])
    )
    end = whole.index(b'"tool_calls"}')
    for cut in range(1, end, 37):
        server.script([Script(frames=[whole], cut=cut)])
        with pytest.raises(ModelFailed):
            await called(model)
