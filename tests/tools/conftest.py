from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.endpoints import Endpoints
from tests.tools.shop import Shop, serving


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with serving() as it:
        yield it


@pytest.fixture
async def endpoints() -> AsyncIterator[Endpoints]:
    it = Endpoints()
    yield it
    await it.close()
