"""Asking services for tools: only where the company said, whatever names and redirects lead to."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence

import pytest

from bot.endpoints import Endpoints
from tests.bot.test_outside import DISGUISED, attacks
from tests.tools.shop import Shop, serving
from tools.web import NotAnswered, Request


class Names:
    """A resolver that always says the same, and keeps what it was asked."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.addresses


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with serving() as it:
        yield it


async def refused(endpoints: Endpoints, url: str) -> NotAnswered:
    with pytest.raises(NotAnswered) as caught:
        await endpoints.ask(Request(method="GET", url=url))
    await endpoints.close()
    assert not caught.value.sent
    return caught.value


@pytest.mark.parametrize("host", DISGUISED.split())
async def test_this_machine_in_disguise_is_not_asked(host: str, shop: Shop) -> None:
    await refused(Endpoints(), f"https://{host}:{shop.port}/")
    await refused(Endpoints(), f"http://{host}:{shop.port}/")
    assert shop.asked == []


async def test_a_public_name_that_leads_inside_is_refused(shop: Shop) -> None:
    for addresses in (["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::ffff:127.0.0.1"]):
        names = Names(*addresses)
        url = f"https://shop.example:{shop.port}/"
        assert "not a public address" in (await refused(Endpoints(resolve=names), url)).detail
        assert names.asked == ["shop.example"]
    assert shop.asked == []


async def test_a_host_of_our_own_may_be_inside(shop: Shop) -> None:
    endpoints = Endpoints(resolve=Names("127.0.0.1"))
    url = f"http://shop.internal:{shop.port}/orders/1"
    answer = await endpoints.ask(Request(method="GET", url=url, own=True))
    await endpoints.close()
    assert (answer.status, "shipped" in answer.text) == (200, True)
    assert shop.asked[0].headers["Host"] == f"shop.internal:{shop.port}"


async def test_no_known_attack_gets_anywhere() -> None:
    known = attacks()
    if not known:
        if os.environ.get("REQUIRE_ALL") == "1":
            pytest.fail("the corpus ssrf-patt is absent")
        pytest.skip("the corpus ssrf-patt is absent (CORPORA)")
    for url in known:
        endpoints = Endpoints(resolve=Names("169.254.169.254"))
        await refused(endpoints, url)
        await refused(endpoints, url.replace("http://", "https://", 1))
