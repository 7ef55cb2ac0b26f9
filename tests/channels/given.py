"""What tests of the website begin with."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import jwt

from tests.front import SECRET


@dataclass(kw_only=True)
class Visitor:
    """Somebody with a session."""

    client: httpx.AsyncClient
    token: str
    session: Mapping[str, Any]

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}

    async def post(self, path: str, body: object = None, **more: Any) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = self.headers | more.pop("headers", {})
        return await self.client.post(f"/api/web/{path}", content=content, headers=headers, **more)

    async def say(self, text: str = "Hello?", client_id: str = "1", **more: Any) -> httpx.Response:
        return await self.post("messages", {"client_id": client_id, "text": text, **more})

    async def upload(self, name: str, content: bytes, media_type: str) -> httpx.Response:
        return await self.client.post(
            "/api/web/attachments", files={"file": (name, content, media_type)}, headers=self.headers
        )

    async def poll(self, after: str) -> httpx.Response:
        return await self.client.get("/api/web/events", params={"after": after}, headers=self.headers)


async def arrive(client: httpx.AsyncClient, **body: str) -> Visitor:
    answer = await client.post("/api/web/session", json=body)
    assert answer.status_code == 200, answer.text
    return Visitor(client=client, token=answer.json()["token"], session=answer.json())


def error(answer: httpx.Response) -> tuple[int, str, str | None]:
    """Status, code and field of an error in the contract's shape."""
    told = answer.json()["error"]
    assert told["message"]
    return answer.status_code, told["code"], told.get("field")


def identity(secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    told = {"sub": "user-1", "exp": int(time.time()) + 60} | claims
    return jwt.encode({name: value for name, value in told.items() if value is not None}, secret, algorithm)
