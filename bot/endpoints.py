"""The services that tools ask: only those that the company named, and nothing else through them."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Sequence

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from bot.outside import Resolve, is_public, system_resolve
from tools.web import Answer, NotAnswered, Request

_REDIRECTS = 3
_CHUNK = 64 * 1024
_PATIENCE = aiohttp.ClientTimeout(total=90, sock_connect=5)  # the whole time is the tool's own


class Endpoints:
    """Sends tools' requests. Itself a `tools.web.Web`.

    A public name is resolved once for each connection, every address it has must be public, and the
    connection goes to one of exactly these.
    """

    def __init__(self, *, resolve: Resolve | None = None) -> None:
        self._resolve = resolve or system_resolve
        self._sessions: dict[tuple[bool, bool], aiohttp.ClientSession] = {}

    async def ask(self, request: Request) -> Answer:
        url = _parsed(request.url)
        origin = _origin(url)
        for _ in range(_REDIRECTS + 1):
            _allowed(url, own=request.own)
            onward = await self._ask(request, url)
            if isinstance(onward, Answer):
                return onward
            url = onward
            if request.method != "GET" or _origin(url) != origin:
                raise NotAnswered("the service sends its callers elsewhere", sent=True)
        raise NotAnswered("the service sends its callers in circles", sent=True)

    async def address(self, url: str, *, own: bool) -> str:
        there = _parsed(url)
        _allowed(there, own=own)
        host = there.raw_host or ""
        try:
            found = await _Resolver(self._resolve, own=own).resolve(host, there.port or 0)
        except (OSError, UnicodeError) as error:
            raise NotAnswered(f"the service cannot be reached: {_why(error)}", sent=False) from None
        if not found:
            raise NotAnswered(f"the name {host} is not known", sent=False)
        return found[0]["host"]

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def _ask(self, request: Request, url: URL) -> Answer | URL:
        """The whole answer, or where the service says that it is."""
        session = self._session(own=request.own, reused=request.method == "GET")
        headers = {"User-Agent": "Switchboard", **request.headers, "Accept-Encoding": "identity"}
        try:
            async with session.request(
                request.method, url, headers=headers, data=request.body, allow_redirects=False
            ) as answer:
                if answer.status in {301, 302, 303, 307, 308} and "Location" in answer.headers:
                    return _joined(url, answer.headers["Location"])
                if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
                    raise NotAnswered("the service compressed its answer, unasked", sent=True)
                body = await _whole(answer.content, request.largest)
                return Answer(status=answer.status, text=body.decode(answer.charset or "utf-8", "replace"))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise NotAnswered(f"the service cannot be reached: {_why(error)}", sent=False) from None
        except (aiohttp.ClientError, TimeoutError, OSError, LookupError) as error:
            raise NotAnswered(f"the service did not answer: {_why(error)}", sent=True) from None

    def _session(self, *, own: bool, reused: bool) -> aiohttp.ClientSession:
        """A connection that is reused may turn out closed just when a write is on its way: then nobody
        knows whether it arrived. So writes get connections of their own."""
        session = self._sessions.get((own, reused))
        if session is None:
            connector = aiohttp.TCPConnector(
                resolver=_Resolver(self._resolve, own=own),
                use_dns_cache=False,
                force_close=not reused,
                limit=0,
            )
            session = aiohttp.ClientSession(
                connector=connector,
                timeout=_PATIENCE,
                auto_decompress=False,
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),  # what one customer's call sets is no other's
            )
            self._sessions[own, reused] = session
        return session


class _Resolver(AbstractResolver):
    """Where a name leads; nowhere at all when any of its addresses is inside and its host is not our own."""

    def __init__(self, resolve: Resolve, *, own: bool) -> None:
        self._resolve = resolve
        self._own = own

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002
    ) -> list[ResolveResult]:
        try:
            addresses: Sequence[str] = await self._resolve(host, port)
        except TimeoutError:
            raise OSError(errno.ETIMEDOUT, f"the name {host} is not told in time") from None
        if not self._own and not all(map(is_public, addresses)):
            raise OSError(errno.EACCES, f"{host} is not a public address")
        return [
            ResolveResult(
                hostname=host,
                host=each,
                port=port,
                family=socket.AF_INET6 if ":" in each else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for each in addresses
        ]

    async def close(self) -> None:
        """Nothing is kept open."""


def _allowed(url: URL, *, own: bool) -> None:
    """Raises NotAnswered for an address that must not be asked: one by number never sees the resolver."""
    host = url.raw_host
    if not host or url.scheme not in {"http", "https"} or url.raw_user is not None:
        raise NotAnswered("its address is malformed", sent=False)
    if own:
        return
    if url.scheme != "https":
        raise NotAnswered("its address is not https", sent=False)
    if _is_number(host) and not is_public(host):
        raise NotAnswered(f"{host} is not a public address", sent=False)


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return ":" in host or host.replace(".", "").isdigit()
    return True


def _parsed(url: str) -> URL:
    try:
        return URL(url, encoded=True)
    except ValueError:
        raise NotAnswered("its address is malformed", sent=False) from None


def _joined(url: URL, location: str) -> URL:
    try:
        return url.join(URL(location))
    except ValueError:
        raise NotAnswered("the service sends its callers nowhere", sent=True) from None


def _origin(url: URL) -> URL | None:
    try:
        return url.origin()
    except ValueError:
        return None


async def _whole(content: aiohttp.StreamReader, largest: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for chunk in content.iter_chunked(_CHUNK):
        size += len(chunk)
        if size > largest:
            raise NotAnswered(f"its answer is larger than {largest // 1024} KB", sent=True)
        pieces.append(chunk)
    return b"".join(pieces)


def _why(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:300]
