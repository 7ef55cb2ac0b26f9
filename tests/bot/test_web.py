"""One shape for every error, and nothing told that is nobody's business."""

from __future__ import annotations

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.store import StoreUnavailable
from bot.web import create_app


async def broken(_: Request) -> Response:
    raise ZeroDivisionError("a secret of the house")


async def away(_: Request) -> Response:
    raise StoreUnavailable("PostgreSQL: a secret of the house")


async def get(path: str, accept: str = "*/*") -> httpx.Response:
    app = create_app([Route("/broken", broken), Route("/away", away)])
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://house") as client:
        return await client.get(path, headers={"Accept": accept})


async def test_a_mistake_of_ours_is_told_by_its_number_alone() -> None:
    answer = await get("/broken")
    assert answer.status_code == 500
    error = answer.json()["error"]
    assert error["code"] == "internal"
    assert answer.headers["x-request-id"] in error["message"]
    assert "secret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_store_that_is_away_is_to_be_asked_again() -> None:
    answer = await get("/away")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.json()["error"]["code"] == "unavailable"
    assert "secret" not in answer.text


async def test_what_is_not_there_is_told_in_the_same_shape() -> None:
    answer = await get("/nowhere")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("path", "status", "title"),
    [
        ("/nope", 404, "There is no such page"),
        ("/dashboard/nope", 404, "Back to the dashboard"),
        ("/away", 503, "Back in a moment"),
        ("/broken", 500, "Something went wrong here"),
    ],
)
async def test_a_browser_is_shown_a_page(path: str, status: int, title: str) -> None:
    answer = await get(path, "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert title in answer.text
    assert "secret" not in answer.text
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "'unsafe" not in policy
