"""The lean skeleton: the bare one with everything slow taken out, as the limit of what this path can do.

Plain SQL in the event loop, one subscription for all streams, the model's stream read as raw lines, tokens
published together every few tens of milliseconds, and arq started by the bell instead of polling.

`python -m uvicorn tests.bench.lean:app` and `python -m tests.bench.lean` (the worker).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import time
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

import openai
import orjson
import uvloop
from arq.worker import func
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from bot.bell import QUEUE, Bell, RedisLink, connect
from bot.worker import BellWorker

REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1")
_GATHER = 0.04  # seconds
_INSERT = "INSERT INTO message (id, conversation_id, direction, text, in_reply_to) VALUES (?, ?, ?, ?, ?)"
_SCHEMA = """
    CREATE TABLE IF NOT EXISTS message (
        id TEXT PRIMARY KEY, conversation_id TEXT, direction TEXT, text TEXT, in_reply_to TEXT
    );
    CREATE INDEX IF NOT EXISTS message_conversation ON message (conversation_id);
"""


def open_database() -> sqlite3.Connection:
    connection = sqlite3.connect(os.environ.get("DATABASE", "lean.db"), isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(_SCHEMA)
    return connection


streams: dict[str, set[asyncio.Queue[bytes]]] = defaultdict(set)


async def post(request: Request) -> Response:
    body = orjson.loads(await request.body())
    message_id = uuid.uuid4().hex
    conversation_id = body["conversation_id"]
    request.app.state.database.execute(_INSERT, (message_id, conversation_id, "in", body["text"], None))
    # The job carries what it needs in its one argument, so that the product's bell can ring for it.
    job = orjson.dumps([conversation_id, message_id, body["text"]]).decode()
    await request.app.state.bell.ring("answer", job)
    answered = orjson.dumps({"message": {"id": message_id, "direction": "in", "text": body["text"]}})
    return Response(answered, 202, media_type="application/json")


async def events(request: Request) -> Response:
    conversation_id = request.query_params["conversation_id"]

    async def stream() -> AsyncIterator[bytes]:
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        streams[conversation_id].add(queue)
        yield b": hello\n\n"
        try:
            while True:
                yield await queue.get()
        finally:
            streams[conversation_id].discard(queue)

    return StreamingResponse(stream(), media_type="text/event-stream")


async def pass_on() -> None:
    pubsub = connect(REDIS_URL).pubsub()
    await pubsub.psubscribe("lean:*")
    while True:
        message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=1)
        if message is not None:
            for queue in streams.get(message["channel"].decode().removeprefix("lean:"), ()):
                queue.put_nowait(message["data"])


@contextlib.asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    app.state.database = open_database()
    app.state.bell = Bell(RedisLink(REDIS_URL))
    passing = asyncio.create_task(pass_on())
    yield
    passing.cancel()


app = Starlette(
    routes=[Route("/messages", post, methods=["POST"]), Route("/events", events)], lifespan=lifespan
)


def frame(event: bytes, data: object) -> bytes:
    return b"event: " + event + b"\ndata: " + orjson.dumps(data) + b"\n\n"


class Answerer:
    """The worker's one function."""

    def __init__(self) -> None:
        self._database = open_database()
        self._redis = connect(REDIS_URL)
        self._client = openai.AsyncOpenAI(api_key="none", base_url=os.environ["OPENAI_BASE_URL"])

    async def answer(self, _: dict[str, Any], job: str) -> None:
        conversation_id, message_id, text = orjson.loads(job)
        topic = "lean:" + conversation_id
        said: list[str] = []
        shown, published = 0, 0.0
        async with self._client.chat.completions.with_streaming_response.create(
            model="scripted", messages=[{"role": "user", "content": text}], stream=True
        ) as response:
            async for line in response.iter_lines():
                if not line.startswith("data: {"):
                    continue
                choices = orjson.loads(line[6:])["choices"]
                if choices and (token := choices[0]["delta"].get("content")):
                    said.append(token)
                    if time.monotonic() - published > _GATHER:
                        await self._redis.publish(topic, frame(b"delta", {"text": "".join(said[shown:])}))
                        shown, published = len(said), time.monotonic()
        reply = "".join(said)
        reply_id = uuid.uuid4().hex
        self._database.execute(_INSERT, (reply_id, conversation_id, "out", reply, message_id))
        told = {"id": reply_id, "direction": "out", "text": reply, "in_reply_to": message_id}
        await self._redis.publish(topic, frame(b"message", told))


async def work() -> None:
    worker = BellWorker(
        functions=[func(Answerer().answer, name="answer", max_tries=1)],
        redis_pool=connect(REDIS_URL),
        queue_name=QUEUE,
        max_jobs=500,
        keep_result=0,
        handle_signals=False,
        job_serializer=orjson.dumps,
        job_deserializer=orjson.loads,
    )
    print("waiting for work", flush=True)
    await worker.main()


if __name__ == "__main__":
    uvloop.run(work())
