"""A Twilio account: its REST API, what it signs, and what its refusals mean."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import parse_qs, parse_qsl, urlsplit, urlunsplit

import aiohttp
import orjson
from starlette.datastructures import ImmutableMultiDict
from twilio.base.exceptions import TwilioException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.response import Response
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from yarl import URL

from channels.base import Attachment, NotDelivered, Trouble
from channels.twilio_codes import in_words, pause_after, trouble_of
from channels.whatsapp_text import clean

_T = TypeVar("_T")

WEBHOOK = "/webhooks/whatsapp"
_UNKNOWN_CREDENTIALS = 20003  # Twilio's code for every 401
_LINK_LASTS = 7 * 24 * 3600  # seconds in which a file can be had by its signed address
_PATIENCE = aiohttp.ClientTimeout(total=12, sock_connect=5)


class Account:
    """One Twilio account, over one connection pool; shared by the channels that send through it.

    `address` is where the world reaches us, `key` signs the addresses of our files.
    """

    def __init__(self, *, sid: str, token: str, address: str, key: str, api_url: str = "") -> None:
        self.sid = sid
        self.address = address
        self._token = token
        self._api_url = api_url
        self._validator = RequestValidator(token)
        self._http = _Http(api_url)
        self.client = Client(sid, token, http_client=self._http)
        self._file_key = hmac.digest(key.encode(), b"whatsapp files", hashlib.sha256)

    async def close(self) -> None:
        await self._http.close()

    async def check(self) -> str:
        """The account's name, as Twilio tells it. Raises NotDelivered when it does not know us."""
        found = await self.ask(self.client.api.v2010.accounts(self.sid).fetch_async())
        return str(found.friendly_name or found.sid)

    async def ask(self, call: Awaitable[_T]) -> _T:
        """One call of the API, or NotDelivered with what its failure means for a message."""
        try:
            return await call
        except _FAILURES as error:
            raise not_delivered(error) from None

    def credentials_for(self, url: str) -> tuple[str, str] | None:
        """The account's own, for its provider's addresses; None for anybody else's."""
        try:
            asked = URL(url)
        except ValueError:
            return None
        host = asked.host or ""
        theirs = asked.scheme == "https" and (host == "twilio.com" or host.endswith(".twilio.com"))
        ours = bool(self._api_url) and asked.is_absolute() and asked.origin() == URL(self._api_url).origin()
        return (self.sid, self._token) if (theirs or ours) and asked.user is None else None

    def genuine(self, url: str, body: bytes, media_type: str, signature: str) -> bool:
        """Whether Twilio signed this request to `url`: the address it was told, not what a proxy says."""
        params: object = form(body)
        if media_type == "application/json":
            if "bodySHA256" not in parse_qs(urlsplit(url).query):
                return False  # the signature would not say what the body is
            params = body.decode("utf-8", "replace")
        try:
            return bool(self._validator.validate(url, params, signature))
        except ValueError:
            return False

    def link(self, file: Attachment) -> str:
        """An address under which anybody can have the file, for a while."""
        told = orjson.dumps([file.key, file.name, file.media_type, int(time.time()) + _LINK_LASTS])
        return f"{self.address}{WEBHOOK}/media/{self._token_for(told)}"

    def linked(self, token: str) -> tuple[str, str, str] | None:
        """(key, name, media type) of the file that an address names; None when it is not ours or too old."""
        try:
            told = base64.urlsafe_b64decode(token.partition(".")[0] + "==")
        except ValueError:
            return None
        if not hmac.compare_digest(self._token_for(told).encode(), token.encode()):
            return None
        key, name, media_type, until = orjson.loads(told)
        return (key, name, media_type) if until > time.time() else None

    def _token_for(self, told: bytes) -> str:
        signature = hmac.digest(self._file_key, told, hashlib.sha256)
        return f"{_encoded(told)}.{_encoded(signature)}"


def form(body: bytes) -> ImmutableMultiDict[str, str]:
    """The fields of a form, repeated ones too; none when it isn't one."""
    try:
        fields = parse_qsl(
            body.decode("utf-8", "replace"), keep_blank_values=True, errors="replace", max_num_fields=1000
        )
    except ValueError:
        fields = []
    return ImmutableMultiDict(fields)


class Refused(Exception):  # noqa: N818
    """Twilio's answer was an error."""

    def __init__(self, answer: aiohttp.ClientResponse, text: str) -> None:
        super().__init__(f"{answer.status} from {answer.url.raw_path}")
        self.status = answer.status
        self.after = _seconds(answer.headers.get("Retry-After", ""))
        try:
            told = orjson.loads(text)
        except orjson.JSONDecodeError:
            told = None
        told = told if isinstance(told, dict) else {}
        code = told.get("code")
        self.code = code if isinstance(code, int) else None
        self.words = clean(str(told.get("message") or told.get("detail") or told.get("title") or ""), 300)


class _Http(AsyncTwilioHttpClient):  # type: ignore[misc]  # twilio has no types
    """Twilio's asynchronous HTTP client with one pool of connections, time limits and an address of choice.

    Its own would ask for no time limit at all, log what was written to whom, and keep `Retry-After` back.
    """

    def __init__(self, api_url: str) -> None:
        super().__init__(pool_connections=False)
        self._session: aiohttp.ClientSession | None = None  # belongs to the loop that first uses it
        self._api_url = api_url

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def request(  # noqa: PLR0917
        self,
        method: str,
        url: str,
        params: Mapping[str, Any] | None = None,
        data: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109  its caller's signature
        allow_redirects: bool = False,  # noqa: ARG002  credentials go nowhere else
    ) -> Response:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=_PATIENCE)
        told = dict(headers or {})
        if auth is not None:
            told["Authorization"] = aiohttp.encode_basic_auth(*auth)
        async with self._session.request(
            method, self._there(url), params=params, data=data, headers=told, allow_redirects=False
        ) as answer:
            text = await answer.text(errors="replace")
            if not 200 <= answer.status < 300:
                raise Refused(answer, text)
            return Response(answer.status, text, answer.headers)

    def _there(self, url: str) -> str:
        """Where Twilio is for us. Only it gets the credentials: what it lists may name any address."""
        parts = urlsplit(url)
        if self._api_url:
            return self._api_url + urlunsplit(("", "", parts.path, parts.query, ""))
        if parts.scheme != "https" or not (parts.hostname or "").endswith(".twilio.com"):
            raise ValueError(f"not Twilio's: {parts.hostname}")
        return url


# The client reads answers that are not Twilio's without looking: they end in any of the last four.
_FAILURES = (
    Refused,
    TwilioException,
    aiohttp.ClientError,
    TimeoutError,
    OSError,
    ValueError,
    AttributeError,
    KeyError,
    TypeError,
)


def not_delivered(error: Exception) -> NotDelivered:
    """What an error means for the message: refused, not reached, or nobody knows."""
    if isinstance(error, Refused):
        return _refused(error)
    # Without a connection nothing was written, so nothing can have been taken.
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return NotDelivered(f"Twilio cannot be reached: {error}"[:300], retry=True)
    if isinstance(error, TimeoutError):
        return NotDelivered("Twilio did not answer in time", uncertain=True)
    return NotDelivered(f"Twilio's answer was cut: {type(error).__name__}: {error}"[:300], uncertain=True)


def _refused(error: Refused) -> NotDelivered:
    code = _UNKNOWN_CREDENTIALS if error.status == 401 else error.code
    words = in_words(code, error.words)
    trouble = trouble_of(code)
    if error.status == 429 or trouble is Trouble.SLOW_DOWN:
        after = max(filter(None, (error.after, pause_after(code))), default=None)
        return NotDelivered(words, retry=True, after=after, trouble=Trouble.SLOW_DOWN)
    if error.status >= 500 or error.status < 400:
        detail = f"Twilio answered {error.status}: {words}"
        return NotDelivered(detail, uncertain=True, after=error.after)
    return NotDelivered(words, retry=trouble is Trouble.WINDOW_CLOSED, trouble=trouble)


def _seconds(retry_after: str) -> float | None:
    """Retry-After in seconds from now, given as such or as a date (RFC 9110, 10.2.3)."""
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        until = parsedate_to_datetime(retry_after)
    except (TypeError, ValueError):
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
