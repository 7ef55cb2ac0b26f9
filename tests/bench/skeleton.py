"""The bare skeleton Switchboard is measured against: what a good developer writes on the first day.

A Starlette route inserts one row and enqueues an arq job; the job streams the model's answer with the
openai client, publishes every token, inserts the reply and publishes it; an event stream passes on what
is published. No identity, no lease, no retries, no knowledge, no trace: it does as little as possible.

`python -m uvicorn tests.bench.skeleton:app` and `python -m tests.bench.skeleton` (the worker).
"""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from collections.abc import AsyncIterator
from typing import Any, ClassVar

import openai
from arq import create_pool, run_worker
from arq.connections import ArqRedis, RedisSettings
from arq.worker import func
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import Field, SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

REDIS = RedisSettings.from_dsn(os.environ.get("REDIS_URL", "redis://127.0.0.1"))
engine = create_async_engine(f"sqlite+aiosqlite:///{os.environ.get('DATABASE', 'skeleton.db')}")


class Message(SQLModel, table=True):
    id: str = Field(default_factory=lambda: uuid.uuid4().hex, primary_key=True)
    conversation_id: str = Field(index=True)
    direction: str
    text: str
    in_reply_to: str | None = None


async def keep(message: Message) -> None:
    async with AsyncSession(engine, expire_on_commit=False) as session:
        session.add(message)
        await session.commit()


async def post(request: Request) -> Response:
    body = await request.json()
    message = Message(conversation_id=body["conversation_id"], direction="in", text=body["text"])
    await keep(message)
    redis: ArqRedis = request.app.state.redis
    await redis.enqueue_job("answer", message.conversation_id, message.id, message.text)
    return JSONResponse({"message": message.model_dump()}, status_code=202)


async def events(request: Request) -> Response:
    redis: ArqRedis = request.app.state.redis
    conversation_id = request.query_params["conversation_id"]

    async def stream() -> AsyncIterator[bytes]:
        async with redis.pubsub() as pubsub:
            await pubsub.subscribe(conversation_id)
            yield b": hello\n\n"
            async for message in pubsub.listen():
                if message["type"] == "message":
                    yield message["data"]

    return StreamingResponse(stream(), media_type="text/event-stream")


@contextlib.asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with engine.begin() as connection:
        await connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        await connection.run_sync(SQLModel.metadata.create_all)
    app.state.redis = await create_pool(REDIS)
    yield
    await app.state.redis.aclose()


app = Starlette(
    routes=[Route("/messages", post, methods=["POST"]), Route("/events", events)], lifespan=lifespan
)


def frame(event: str, data: object) -> str:
    return f"event: {event}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n"


async def answer(context: dict[str, Any], conversation_id: str, message_id: str, text: str) -> None:
    redis: ArqRedis = context["redis"]
    client: openai.AsyncOpenAI = context["openai"]
    said: list[str] = []
    stream = await client.chat.completions.create(
        model="scripted", messages=[{"role": "user", "content": text}], stream=True
    )
    async for chunk in stream:
        if chunk.choices and (token := chunk.choices[0].delta.content):
            said.append(token)
            await redis.publish(conversation_id, frame("delta", {"text": token}))
    reply = Message(
        conversation_id=conversation_id, direction="out", text="".join(said), in_reply_to=message_id
    )
    await keep(reply)
    await redis.publish(conversation_id, frame("message", reply.model_dump()))


async def startup(context: dict[str, Any]) -> None:
    context["openai"] = openai.AsyncOpenAI(api_key="none", base_url=os.environ["OPENAI_BASE_URL"])
    print("waiting for work", flush=True)


class WorkerSettings:
    functions: ClassVar = [func(answer, keep_result=0)]
    on_startup = startup
    redis_settings = REDIS
    poll_delay = 0.01
    max_jobs = 100


if __name__ == "__main__":
    run_worker(WorkerSettings)  # type: ignore[arg-type]
