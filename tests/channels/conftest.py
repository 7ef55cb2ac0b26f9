"""Somebody on the website of the `house` that each file of tests makes for itself."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from bot.store import Store
from tests.channels.given import Visitor, arrive
from tests.front import Front, served


@pytest.fixture
async def file_store(sqlite_url: str) -> AsyncIterator[Store]:
    opened = await Store.open(sqlite_url)
    yield opened
    await opened.close()


@pytest.fixture
async def client(house: Front) -> AsyncIterator[httpx.AsyncClient]:
    async with served(house) as opened:
        yield opened


@pytest.fixture
async def ada(client: httpx.AsyncClient) -> Visitor:
    return await arrive(client)
