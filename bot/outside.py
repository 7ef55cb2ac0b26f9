"""Files from outside, by addresses that others chose: nothing inside this network can be reached by them."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from channels.base import NotFetched

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

_REDIRECTS = 5
_PATIENCE = aiohttp.ClientTimeout(total=60, sock_connect=5, sock_read=15)
_CHUNK = 64 * 1024
_LATER = {408, 425, 429}
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# These carry an IPv4 address inside, which a translator on the way would connect to: 6to4 and Teredo.
_TUNNELS = (ipaddress.IPv6Network("2002::/16"), ipaddress.IPv6Network("2001::/32"))
# Public by the registry, and yet a cloud's own: Azure's metadata, and what RFC 6890 keeps for protocols.
_INSIDE = (ipaddress.IPv4Network("168.63.129.16/32"), ipaddress.IPv4Network("192.0.0.0/24"))


@dataclass(frozen=True, kw_only=True)
class _Hop:
    """One address to ask, decided once: nobody can change afterwards where its name leads."""

    url: URL
    host: str
    address: str
    inside: bool  # the one place inside that may be asked


class Outside:
    """Fetches over https from public addresses, and from `trusted`, an origin that may be anywhere."""

    def __init__(self, *, trusted: str = "", resolve: Resolve | None = None) -> None:
        """`trusted` is an origin like "http://127.0.0.1:8090"; `resolve` tells a host's addresses."""
        self._trusted = _origin(URL(trusted)) if trusted else None
        self._resolve = resolve or system_resolve

    async def fetch(
        self, url: str, into: Path, *, limit: int, credentials: tuple[str, str] | None = None
    ) -> None:
        """Write what lies at `url` to `into`, at most `limit` bytes; NotFetched leaves no file behind.

        `credentials` (user, password) go to that address alone, never to where it redirects.
        """
        hop = await self._hop(_parsed(url), came_from_inside=True)
        try:
            for _ in range(_REDIRECTS + 1):
                onward = await self._get(hop, into, limit=limit, credentials=credentials)
                if onward is None:
                    return
                hop = await self._hop(hop.url.join(_parsed(onward)), came_from_inside=hop.inside)
                credentials = None
        except BaseException:
            await asyncio.to_thread(into.unlink, missing_ok=True)
            raise
        raise NotFetched("it is redirected too often")

    async def _hop(self, url: URL, *, came_from_inside: bool) -> _Hop:
        """Where `url` leads, or NotFetched when nobody may go there."""
        host, port = url.raw_host, url.port
        if not host or not port:
            raise NotFetched("its address is malformed")
        inside = came_from_inside and _origin(url) == self._trusted
        if url.raw_user is not None or url.raw_password is not None:
            raise NotFetched("its address carries a password")
        if not inside and (url.scheme != "https" or port != 443):
            raise NotFetched("its address is not https")
        try:
            addresses = [host] if _is_address(host) else await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise NotFetched(f"the name {host} is not known: {error}", retry=True) from None
        if not addresses:
            raise NotFetched(f"the name {host} is not known", retry=True)
        # One name that leads both out and in is an attack: none of its addresses is used.
        if not inside and not all(map(is_public, addresses)):
            raise NotFetched(f"{host} is not a public address")
        return _Hop(url=url, host=host, address=addresses[0], inside=inside)

    async def _get(
        self, hop: _Hop, into: Path, *, limit: int, credentials: tuple[str, str] | None
    ) -> str | None:
        """Write the file, or return where the server sends us instead."""
        headers = {"Accept-Encoding": "identity"}  # a small answer must not unfold into a huge one
        if credentials:
            headers["Authorization"] = aiohttp.encode_basic_auth(*credentials)
        connector = aiohttp.TCPConnector(resolver=_Pinned(hop.address), use_dns_cache=False, force_close=True)
        try:
            async with (
                aiohttp.ClientSession(
                    connector=connector, timeout=_PATIENCE, auto_decompress=False, trust_env=False
                ) as session,
                session.get(hop.url, headers=headers, allow_redirects=False) as answer,
            ):
                if answer.status in {301, 302, 303, 307, 308} and "Location" in answer.headers:
                    return answer.headers["Location"]
                if answer.status != 200:
                    later = answer.status >= 500 or answer.status in _LATER
                    raise NotFetched(f"{hop.host} answered {answer.status}", retry=later)
                if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
                    raise NotFetched(f"{hop.host} sent it compressed, unasked")
                if (answer.content_length or 0) > limit:
                    raise _too_large(limit)
                await _write(answer.content, into, limit)
                return None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NotFetched(f"{hop.host}: {type(error).__name__}: {error}"[:300], retry=True) from None
        except OSError as error:
            raise NotFetched(f"the file could not be written: {error}", retry=True) from error


def is_public(address: str) -> bool:
    """Whether an address belongs to the internet at large."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found not in _GLOBAL_UNICAST or any(found in tunnel for tunnel in _TUNNELS):
            return False
    elif any(found in network for network in _INSIDE):
        return False
    return found.is_global and not (found.is_multicast or found.is_reserved)


class _Pinned(AbstractResolver):
    """Knows one address, whatever the name."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002
    ) -> list[ResolveResult]:
        v6 = ":" in self._address
        return [
            ResolveResult(
                hostname=host,
                host=self._address,
                port=port,
                family=socket.AF_INET6 if v6 else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        """Nothing is kept open."""


async def _write(content: aiohttp.StreamReader, into: Path, limit: int) -> None:
    size = 0
    file = await asyncio.to_thread(into.open, "wb")
    with contextlib.closing(file):
        async for chunk in content.iter_chunked(_CHUNK):
            size += len(chunk)
            if size > limit:
                raise _too_large(limit)
            await asyncio.to_thread(file.write, chunk)


async def system_resolve(host: str, port: int) -> Sequence[str]:
    """A host's addresses as this machine knows them. Raises OSError or TimeoutError."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(5):
        found: Sequence[Any] = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def _parsed(url: str) -> URL:
    """Read once, by the parser that the connection is made with: two parsers could see two hosts."""
    try:
        return URL(url)
    except ValueError:
        raise NotFetched("its address is malformed") from None


def _origin(url: URL) -> tuple[str, str | None, int | None]:
    return url.scheme, url.raw_host, url.port


def _is_address(host: str) -> bool:
    """Whether a host is an address; NotFetched when it is one in disguise (2130706433, 0177.0.0.1)."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        # What looks like this is connected to without asking our resolver.
        if ":" in host or host.replace(".", "").isdigit():
            raise NotFetched("its address is malformed") from None
        return False
    return True


def _too_large(limit: int) -> NotFetched:
    return NotFetched(f"it is larger than {limit // 2**20} MB")
