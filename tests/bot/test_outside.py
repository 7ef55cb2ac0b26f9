"""Fetching from outside: what may be asked, what is written, and that nothing inside can be reached."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from bot.outside import Outside, is_public
from channels.base import NotFetched
from tests.bench.retrieval import corpora

LIMIT = 2**20


class Server:
    """A server on this machine that keeps the requests it gets."""

    def __init__(self) -> None:
        self.requests: list[web.Request] = []
        self.url = ""
        self.port = 0

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.requests]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        match request.path:
            case "/file":
                return web.Response(body=b"the bytes", content_type="image/png")
            case "/endless":
                stream = web.StreamResponse()
                await stream.prepare(request)
                try:
                    while True:
                        await stream.write(bytes(2**16))
                except ConnectionError:
                    return stream
            case "/folded":
                return web.Response(body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
            case "/to":
                raise web.HTTPFound(request.query["url"])
            case "/round":
                raise web.HTTPFound("/round")
            case _:
                return web.Response(status=int(request.path.strip("/")))


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_get("/{path:.*}", server.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.port = runner.addresses[0][1]
    server.url = f"http://127.0.0.1:{server.port}"
    try:
        yield server
    finally:
        await runner.cleanup()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as it:
        yield it


class Names:
    """A resolver that answers what it is told, one answer after the other."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        if not self.answers:
            raise OSError("no such name")
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


async def refused(outside: Outside, url: str, into: Path) -> NotFetched:
    with pytest.raises(NotFetched) as caught:
        await outside.fetch(url, into, limit=LIMIT, credentials=("user", "secret"))
    assert list(into.parent.iterdir()) == []
    return caught.value


# what is written -------------------------------------------------------------------------------------


async def test_a_file_is_written_and_the_trusted_origin_gets_the_credentials(
    server: Server, tmp_path: Path
) -> None:
    outside = Outside(trusted=server.url)
    await outside.fetch(f"{server.url}/file", tmp_path / "f", limit=LIMIT, credentials=("AC1", "tok"))
    assert (tmp_path / "f").read_bytes() == b"the bytes"
    assert server.requests[0].headers["Authorization"].startswith("Basic ")


async def test_a_redirect_is_followed_without_the_credentials(server: Server, tmp_path: Path) -> None:
    url = f"{server.url}/to?url=/file"
    await Outside(trusted=server.url).fetch(url, tmp_path / "f", limit=LIMIT, credentials=("AC1", "tok"))
    assert server.paths == ["/to", "/file"]
    assert "Authorization" in server.requests[0].headers
    assert "Authorization" not in server.requests[1].headers
    assert (tmp_path / "f").read_bytes() == b"the bytes"


@pytest.mark.timeout(20)
async def test_what_is_too_large_is_cut_off_and_leaves_nothing(server: Server, tmp_path: Path) -> None:
    error = await refused(Outside(trusted=server.url), f"{server.url}/endless", tmp_path / "f")
    assert error.detail == "it is larger than 1 MB"
    assert not error.retry


async def test_what_was_compressed_unasked_is_refused(server: Server, tmp_path: Path) -> None:
    assert not (await refused(Outside(trusted=server.url), f"{server.url}/folded", tmp_path / "f")).retry
    assert server.requests[0].headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(("status", "retry"), [(404, False), (403, False), (429, True), (503, True)])
async def test_a_refusal_tells_whether_it_may_pass(
    server: Server, tmp_path: Path, status: int, retry: bool
) -> None:
    error = await refused(Outside(trusted=server.url), f"{server.url}/{status}", tmp_path / "f")
    assert (error.retry, str(status) in error.detail) == (retry, True)


async def test_redirects_have_an_end(server: Server, tmp_path: Path) -> None:
    await refused(Outside(trusted=server.url), f"{server.url}/round", tmp_path / "f")
    assert len(server.requests) == 6


async def test_a_server_that_is_not_there_may_be_later(tmp_path: Path) -> None:
    async with serving() as server:
        pass
    assert (await refused(Outside(trusted=server.url), f"{server.url}/file", tmp_path / "f")).retry


# where nobody may go ---------------------------------------------------------------------------------

INSIDE = (
    "127.0.0.1 127.8.8.8 0.0.0.0 10.0.0.1 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 100.100.100.200 "
    "192.0.0.192 192.0.2.1 198.18.0.1 203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255 168.63.129.16 "
    ":: ::1 ::ffff:127.0.0.1 ::ffff:a9fe:a9fe ::127.0.0.1 64:ff9b::7f00:1 64:ff9b:1::1 2002:7f00:1:: "
    "2001:0:7f00:1:: 2001:db8::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1 ff02::1 nonsense"
)


@pytest.mark.parametrize("address", INSIDE.split())
def test_an_address_inside_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "54.172.60.0", "2606:4700:4700::1111"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


DISGUISED = (
    "127.0.0.1 [::1] [::ffff:127.0.0.1] [::ffff:a9fe:a9fe] [0:0:0:0:0:ffff:169.254.169.254] [fe80::1] 127.1 "
    "2130706433 017700000001 0177.0.0.1 0x7f000001 0x7f.0.0.1 0x41414141A9FEA9FE 425.510.425.510 0 localhost "
    "127.0.0.1. localhost. ①②⑦.⓪.⓪.① 127。0。0。1"
)


@pytest.mark.parametrize("host", DISGUISED.split())
async def test_this_machine_in_disguise_is_not_asked(host: str, server: Server, tmp_path: Path) -> None:
    await refused(Outside(), f"https://{host}/file", tmp_path / "f")
    await refused(Outside(), f"https://{host}:{server.port}/file", tmp_path / "f")
    await refused(Outside(), f"http://{host}:{server.port}/file", tmp_path / "f")
    assert server.requests == []


def attacks() -> list[str]:
    path = corpora() / "ssrf-patt" / "urls.txt"
    return path.read_text(encoding="utf-8").split() if path.is_file() else []


async def test_no_known_attack_gets_anywhere(tmp_path: Path) -> None:
    known = attacks()
    if not known:
        if os.environ.get("REQUIRE_ALL") == "1":
            pytest.fail("the corpus ssrf-patt is absent")
        pytest.skip("the corpus ssrf-patt is absent (CORPORA)")
    outside = Outside(resolve=Names(["169.254.169.254"]))
    assert len(known) > 50
    for url in known:
        await refused(outside, url, tmp_path / "f")
        await refused(outside, url.replace("http://", "https://", 1), tmp_path / "f")


async def test_a_name_that_leads_out_and_in_is_refused(tmp_path: Path) -> None:
    names = Names(["8.8.8.8", "127.0.0.1"])
    await refused(Outside(resolve=names), "https://both.example/", tmp_path / "f")
    assert names.asked == ["both.example"]


async def test_a_name_is_asked_once_and_the_connection_goes_where_it_led(
    server: Server, tmp_path: Path
) -> None:
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    url = f"http://rebound.example:{server.port}"
    await Outside(trusted=url, resolve=names).fetch(f"{url}/file", tmp_path / "f", limit=LIMIT)
    assert names.asked == ["rebound.example"]
    assert server.requests[0].headers["Host"] == f"rebound.example:{server.port}"


@pytest.mark.parametrize(
    "inward",
    [
        "http://127.0.0.1:{port}/file",
        "https://127.0.0.1:{port}/file",
        "https://inside.example/file",
        "//127.0.0.1:{port}/file",
        "http://user:pw@other.example/",
        "gopher://127.0.0.1:{port}/",
        "file:///etc/passwd",
        "http://[::1/",
        "http://public.example\\@127.0.0.1:{port}/",
    ],
)
async def test_a_redirect_does_not_lead_inside(inward: str, server: Server, tmp_path: Path) -> None:
    async with serving() as trusted:
        outside = Outside(trusted=trusted.url, resolve=Names(["10.0.0.7"]))
        url = f"{trusted.url}/to?url=" + inward.format(port=server.port)
        await refused(outside, url, tmp_path / "f")
        assert trusted.paths == ["/to"]
    assert server.requests == []


async def test_an_address_with_a_password_is_refused(server: Server, tmp_path: Path) -> None:
    url = server.url.replace("http://", "http://ada:secret@") + "/file"
    assert "password" in (await refused(Outside(trusted=server.url), url, tmp_path / "f")).detail
