"""The streams of whoever may see less than before end within seconds, on every web process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest

from tests.faults.conftest import Site
from tests.office import Stream, following
from tests.visitor import Visitor

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PASSWORD = "tr0mbone under the café table"
ENDS_WITHIN = 15.0  # seconds: they are looked after every four, on a machine that does other things too


class Desks:
    """One operator's browser, or a program, at both web processes."""

    def __init__(self, site: Site, headers: Mapping[str, str]) -> None:
        self.clients = [
            httpx.AsyncClient(base_url=each, headers=dict(headers), timeout=20) for each in site.house.urls
        ]

    @property
    def here(self) -> httpx.AsyncClient:
        return self.clients[0]

    async def sign_in(self, email: str, password: str) -> None:
        answer = await self.here.post("/api/login", json={"email": email, "password": password})
        assert answer.status_code == 200, answer.text
        for each in self.clients:
            each.cookies.update(self.here.cookies)
            each.headers["x-csrf-token"] = answer.json()["csrf_token"]

    async def close(self) -> None:
        for each in self.clients:
            await each.aclose()


@asynccontextmanager
async def watching(desks: Desks, conversation_id: str) -> AsyncIterator[list[Stream]]:
    """The list at one process, a conversation at the other."""
    async with AsyncExitStack() as stack:
        there = f"?conversation={conversation_id}"
        yield [
            await stack.enter_async_context(following(each, query))
            for each, query in zip(desks.clients, ("", there), strict=True)
        ]


async def test_the_streams_of_whoever_may_see_less_end_everywhere(site: Site) -> None:
    visitor = await Visitor.arrive(*site.house.urls)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(visitor.follow())
        await visitor.say("Which size are the blue boots?")
        await visitor.until(lambda: bool(visitor.replies), within=45)

        async def come(name: str, role: str = "operator") -> tuple[Desks, str]:
            email = f"{name}@streams.example"
            added = await asyncio.to_thread(site.house.command, "operator", "add", email, "--role", role)
            desks = Desks(site, {})
            stack.push_async_callback(desks.close)
            await desks.sign_in(email, added.split()[-1])
            return desks, added.split()[-1]

        async def end(what: str, desks: Desks, act: Callable[[], Awaitable[None]]) -> None:
            async with watching(desks, visitor.conversation_id) as streams:
                assert not any(each.ended for each in streams), what
                await act()
                began = time.monotonic()
                while not all(each.ended for each in streams):
                    assert time.monotonic() - began < ENDS_WITHIN, (what, [each.ended for each in streams])
                    await asyncio.sleep(0.05)

        ada, _ = await come("ada", "admin")
        eve, old = await come("eve")
        staff = (await ada.here.get("/api/operators")).json()["operators"]
        at = next(f"/api/operators/{each['id']}" for each in staff if each["email"].startswith("eve@"))
        token = (await ada.here.post("/api/tokens", json={"name": "CRM"})).json()
        program = Desks(site, {"authorization": f"Bearer {token['token']}"})
        stack.push_async_callback(program.close)

        async def demoted() -> None:
            assert (await ada.here.post(at, json={"role": "viewer"})).status_code == 200

        async def revoked() -> None:
            assert (await ada.here.delete(f"/api/tokens/{token['id']}")).status_code == 204

        async def changed() -> None:  # from another browser of hers
            elsewhere = Desks(site, {})
            stack.push_async_callback(elsewhere.close)
            await elsewhere.sign_in("eve@streams.example", old)
            body = {"current": old, "new": PASSWORD}
            assert (await elsewhere.here.post("/api/me/password", json=body)).status_code == 204

        async def reset() -> None:
            assert (await ada.here.post(f"{at}/password")).status_code == 200

        async def at_the_console() -> None:
            await asyncio.to_thread(site.house.command, "operator", "password", "ada@streams.example")

        async def signed_out() -> None:
            assert (await eve.here.post("/api/logout")).status_code == 204

        async with watching(ada, visitor.conversation_id) as staying:
            await end("demoted", eve, demoted)
            await end("a token revoked", program, revoked)
            await end("their own password changed", eve, changed)
            await eve.sign_in("eve@streams.example", PASSWORD)
            await end("signed out", eve, signed_out)
            await eve.sign_in("eve@streams.example", PASSWORD)
            await end("their password reset", eve, reset)
            assert not any(each.ended for each in staying)
        await end("a new password at the console", ada, at_the_console)
