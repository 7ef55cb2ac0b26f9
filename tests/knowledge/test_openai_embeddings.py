"""Embeddings from an OpenAI-compatible server: used when it answers, done without when it does not."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from openai import AsyncOpenAI

from bot.embeddings import WatchedEmbedder
from bot.orchestrator.registry import Registry
from knowledge.embed import EmbedderFailed, OpenAIEmbedder
from knowledge.learn import embed_pending, learn
from knowledge.local import LocalIndex
from tests.front import until
from tests.knowledge.conftest import BagOfWords


class EmbeddingsServer:
    """The embeddings endpoint, over a real socket; answers out of order, as it may."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.failing = False
        self.says: bytes | None = None  # instead of embeddings; nothing at all when empty
        self._bag = BagOfWords()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        size = int(head.split("content-length:")[1].split("\r\n")[0])
        told = json.loads(await reader.readexactly(size))
        self.asked.append(told["input"])
        rows = [
            {"object": "embedding", "index": i, "embedding": self._row(text, told.get("encoding_format"))}
            for i, text in enumerate(told["input"])
        ]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        body = json.dumps(
            {"object": "list", "data": rows[::-1], "model": told["model"], "usage": usage}
        ).encode()
        status = "500 Broken" if self.failing else "200 OK"
        if self.says is not None:
            body = self.says
        if not body:
            await reader.read()  # until the other side gives up
        writer.write(
            f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n".encode()
            + body
        )
        await writer.drain()
        writer.close()

    def _row(self, text: str, encoding: str | None) -> str | list[float]:
        values = [float(value) for value in self._bag.questions([text])[0]]
        packed = struct.pack(f"<{len(values)}f", *values)
        return base64.b64encode(packed).decode() if encoding == "base64" else values


@pytest.fixture
def server() -> EmbeddingsServer:
    return EmbeddingsServer()


@pytest.fixture
async def embedder(server: EmbeddingsServer) -> AsyncIterator[OpenAIEmbedder]:
    listening = await asyncio.start_server(server.answer, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with AsyncOpenAI(api_key="k", base_url=f"http://127.0.0.1:{port}/v1", max_retries=0) as client:
        yield OpenAIEmbedder(client, dimensions=256)
    listening.close()


async def test_pages_and_questions_are_embedded_by_the_server(
    tmp_path: Path, pages: Path, server: EmbeddingsServer, embedder: OpenAIEmbedder
) -> None:
    index = LocalIndex(tmp_path / "data", embedder=embedder)
    await learn(index, [pages])
    assert await embed_pending(index) > 0
    (found,) = await index.search("How long is a voucher valid?", limit=1)
    assert found.document == "sub/vouchers.md"
    assert server.asked[-1] == ["How long is a voucher valid?"]
    await index.close()


async def test_while_the_server_fails_words_alone_answer(
    tmp_path: Path, pages: Path, server: EmbeddingsServer, embedder: OpenAIEmbedder
) -> None:
    index = LocalIndex(tmp_path / "data", embedder=embedder)
    await learn(index, [pages])
    await embed_pending(index)
    server.failing = True
    (found,) = await index.search("How long is a voucher valid?", limit=1)
    assert found.document == "sub/vouchers.md"
    with pytest.raises(EmbedderFailed):
        await embed_pending_of_a_new_page(index, pages)
    await index.close()


@pytest.mark.parametrize(
    "says",
    [
        b"",
        b"<html>Bad gateway</html>",
        b"{}",
        b'{"data": []}',
        b'{"data": null}',
        b'{"data": [{"index": 0, "embedding": [1, 2]}]}',
        b'{"data": [{"index": 0, "embedding": "%%%"}]}',
        b'{"data": [{"index": 0, "embedding": [1, "a"]}]}',
        b'{"data": [{"index": 0}]}',
        b"[1, 2]",
    ],
)
async def test_whatever_the_server_says_words_alone_answer(
    tmp_path: Path, pages: Path, server: EmbeddingsServer, embedder: OpenAIEmbedder, says: bytes
) -> None:
    index = LocalIndex(tmp_path / "data", embedder=embedder)
    await learn(index, [pages])
    await embed_pending(index)
    server.says = says
    (found,) = await index.search("How long is a voucher valid?", limit=1)
    assert found.document == "sub/vouchers.md"
    await index.close()


async def test_its_server_is_watched(
    tmp_path: Path, pages: Path, server: EmbeddingsServer, embedder: OpenAIEmbedder
) -> None:
    component = Registry().add("model", "embeddings", bears=2)
    index = LocalIndex(tmp_path / "data", embedder=WatchedEmbedder(embedder, component))
    await learn(index, [pages])
    await embed_pending(index)
    await until(lambda: component.total.calls == 1)
    assert component.state == "up"
    server.failing = True
    for number, state in enumerate(("degraded", "down"), 2):
        await index.search(f"How long is a voucher valid, {number}?", limit=1)
        await until(lambda number=number: component.total.calls == number)  # type: ignore[misc]
        assert component.state == state
    server.failing = False
    await index.search("How long is a voucher valid, then?", limit=1)
    await until(lambda: component.state == "up")
    await index.close()


async def embed_pending_of_a_new_page(index: LocalIndex, pages: Path) -> None:
    (pages / "new.md").write_text("# New\n\nSomething else.\n")
    await learn(index, [pages])
    await embed_pending(index)
