"""Twilio, as far as WhatsApp and SMS need it, on a real socket; by hand: `python -m tests.doubles.twilio`.

It speaks the REST API of 2010-04-01 (messages, media, the account) and the typing indicators of v2, posts
signed webhooks and status callbacks, and has customers who write and read. Faults are scripted or come as a
seeded share. By hand it also serves a page to chat as a customer: see tests/doubles/twilio_phone.py.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import binascii
import contextlib
import itertools
import random
import re
import shlex
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Self
from urllib.parse import urlencode

import aiohttp
from aiohttp import web
from multidict import MultiMapping

from tests.doubles.twilio_customer import Customer
from tests.doubles.twilio_rules import (
    ACCOUNT_SID,
    API,
    AUTH_TOKEN,
    ERRORS,
    EVERY_FAULT,
    FILTERS,
    LONGEST,
    PARAMETERS,
    PUBLIC_URL,
    UNDELIVERED,
    WEBHOOK_LASTS,
    WHATSAPP_FROM,
    WINDOW,
    Call,
    Fault,
    Media,
    Message,
    Posted,
    Refused,
    check_parties,
    error_answer,
    is_http,
    plain,
    resource,
    settings_for,
    signature,
    variables_of,
    within_bounds,
)

_LINK_LASTS = 300.0  # seconds for which the address that a media file redirects to is good

_STEPS = ("queued", "sending", "sent", "delivered", "read")
_RANK = {status: rank for rank, status in enumerate(_STEPS)} | {"failed": 9, "undelivered": 9}


class Twilio:
    """The provider. While it is entered it serves `url`; what happened lies in its attributes.

    Webhooks are signed for `public_url` and posted to `webhooks`, the addresses of the web processes behind
    it, in turns; without any they are posted to `public_url` itself.
    """

    def __init__(
        self,
        *,
        public_url: str = PUBLIC_URL,
        webhooks: Sequence[str] = (),
        seed: int = 1,
    ) -> None:
        self.public_url = public_url.rstrip("/")
        self.webhooks = list(webhooks)
        self.webhook_path = "/webhooks/whatsapp"
        self.webhook_tries = 3
        self.messages: list[Message] = []  # every resource, oldest first
        self.refused: list[Call] = []
        self.posted: list[Posted] = []
        self.typing: list[str] = []  # the SIDs that typing was shown for
        self.customers: dict[str, Customer] = {}
        self.templates: dict[str, str] = {}  # by ContentSid, with {{1}} for its variables
        self.share = 0.0  # of the calls to send that meet one of `faults`
        self.faults: Sequence[Fault] = EVERY_FAULT
        self.callbacks: Sequence[str] = ("queued", "sent", "delivered")  # and "read" when one is looked at
        self.callback_repeats = 1
        self.pause = 0.0  # seconds before each step of a message
        self.listed_after = 0.0  # seconds before a message stands in the list
        self.per_second: float | None = None  # beyond it, what was accepted fails with 63018
        self.version = 0  # counts what has changed
        self._script: deque[Fault | None] = deque()
        self._fates: deque[int | None] = deque()
        self._random = random.Random(seed)
        self._turns = itertools.count()
        self._links: dict[str, tuple[float, Media]] = {}
        self._stirred = asyncio.Event()
        self._stopping = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._runner: web.AppRunner | None = None
        self._client: aiohttp.ClientSession
        self.app = web.Application(client_max_size=20 * 2**20, middlewares=[self._known_caller])
        at = API.format(account="{account}")
        self.app.add_routes(
            [
                web.post(f"{at}/Messages.json", self._create),
                web.get(f"{at}/Messages.json", self._list),
                web.get(f"{at}/Messages/{{sid}}.json", self._fetch),
                web.get(f"{at}/Messages/{{sid}}/Media/{{media}}", self._media),
                web.get(f"{at}.json", self._account),
                web.post("/v2/Indicators/Typing.json", self._typing),
                web.get("/files/{link}", self._file),
            ]
        )

    @property
    def url(self) -> str:
        """For TWILIO_API_URL."""
        assert self._runner is not None
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    @property
    def settings(self) -> Mapping[str, str]:
        """The environment of a Switchboard that uses this Twilio."""
        return settings_for(self.url, self.public_url)

    @property
    def sent(self) -> Sequence[Message]:
        """Every message accepted from us, in that order."""
        return [message for message in self.messages if message.direction == "outbound-api"]

    def customer(self, address: str, name: str = "") -> Customer:
        """The customer at `whatsapp:+…`, `whatsapp:CC.id` or `+…` (SMS); the same one every time."""
        if address not in self.customers:
            self.customers[address] = Customer(self, address, name)
        return self.customers[address]

    def script(self, faults: Sequence[Fault | None]) -> None:
        """The next calls to send meet these, one each; None: nothing happens to it."""
        self._script.extend(faults)

    def fail_later(self, codes: Sequence[int | None]) -> None:
        """The next messages that are accepted fail with these codes; None: it arrives."""
        self._fates.extend(codes)

    async def until(self, state: Callable[[], object], *, within: float = 30.0, what: str = "") -> None:
        """Wait for a state that calls, webhooks or customers bring about."""
        try:
            async with asyncio.timeout(within):
                while not state():
                    self._stirred.clear()
                    await self._stirred.wait()
        except TimeoutError:
            raise AssertionError(f"not within {within} s: {what or 'the state'}") from None

    async def changed(self, version: int, within: float) -> None:
        """Return when something is newer than `version`, or after `within` seconds."""
        with contextlib.suppress(AssertionError):
            await self.until(lambda: self.version > version or self._stopping.is_set(), within=within)

    def stir(self) -> None:
        self.version += 1
        self._stirred.set()

    async def advance(self, message: Message, status: str, error: int | None = None) -> None:
        """Move a message on and post the callback that says so."""
        if _RANK[status] > _RANK[message.status]:
            message.status, message.error = status, error
        self.stir()
        await self.call_back(message, status, error)

    async def call_back(self, message: Message, status: str, error: int | None = None) -> None:
        """Post one status callback, whatever the message's own status is."""
        if not message.callback:
            return
        form = {
            "ApiVersion": "2010-04-01",
            "MessageStatus": status,
            "SmsSid": message.sid,
            "SmsStatus": status,
            "To": message.to,
            "From": message.sender,
            "MessageSid": message.sid,
            "AccountSid": ACCOUNT_SID,
        }
        if message.to.startswith("whatsapp:"):
            masked = message.to.removeprefix("whatsapp:")
            form |= {
                "ChannelPrefix": "whatsapp",
                "ChannelInstallSid": "XE" + "7" * 32,
                "StructuredMessage": "false",
                "ChannelToAddress": f"{masked[:-4]}XXXX",
            }
            if status in {"delivered", "read", "undelivered"}:
                form["EventType"] = status.upper()
        if error is not None:
            form |= {"ErrorCode": str(error), "ErrorMessage": ERRORS[error][1]}
        for _ in range(self.callback_repeats):
            # Without an answer to its connection Twilio tries once more; it doesn't mind an error.
            for _ in range(2):
                if await self.post(message.callback, form):
                    break

    async def post(self, url: str, form: Mapping[str, str], token: str = "", *, base: str = "") -> int:
        """Post one signed form to where `url` leads, or to `base`; the answer's status, 0: none came."""
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "User-Agent": "TwilioProxy/1.1",
            "Accept": "*/*",
            "I-Twilio-Idempotency-Token": token or str(uuid.uuid4()),
            "X-Twilio-Signature": signature(AUTH_TOKEN, url, form),
        }
        began, status = time.monotonic(), 0
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
            async with self._client.post(
                self._behind(url, base),
                data=urlencode(form).encode(),
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=WEBHOOK_LASTS),
                allow_redirects=False,
            ) as answer:
                await answer.read()
                status = answer.status
        seconds = time.monotonic() - began
        self.posted.append(Posted(url=url, form=form, status=status, seconds=seconds))
        self.stir()
        return status

    def receive(self, customer: Customer, message: Message) -> None:
        """Keep what a customer wrote as a resource."""
        self.messages.append(message)
        if message.to == WHATSAPP_FROM:
            customer.window_until = time.monotonic() + WINDOW
        self.stir()

    def next_number(self) -> int:
        return len(self.messages) + 1

    async def start(self, port: int = 0) -> None:
        self._client = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=100))
        self._runner = web.AppRunner(self.app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()

    async def stop(self) -> None:
        self._stopping.set()
        self._stirred.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        assert self._runner is not None
        await self._runner.cleanup()
        await self._client.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @web.middleware
    async def _known_caller(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Basic authentication for the API, and errors in Twilio's shape."""
        if not request.path.startswith(("/2010-04-01/", "/v2/")):
            return await handler(request)
        try:
            self._authenticate(request)
            return await handler(request)
        except Refused as refused:
            if request.method == "POST" and "Messages" in request.path:
                form = await request.post()
                self.refused.append(Call(form=plain(form), code=refused.code))
                self.stir()
            return error_answer(refused.code, str(refused))
        except web.HTTPNotFound:
            return error_answer(20404, f"The requested resource {request.path} was not found")
        except web.HTTPMethodNotAllowed:
            return error_answer(20004, ERRORS[20004][1])

    def _authenticate(self, request: web.Request) -> None:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        expected = f"{ACCOUNT_SID}:{AUTH_TOKEN}"
        try:
            known = scheme.lower() == "basic" and base64.b64decode(given).decode() == expected
        except (binascii.Error, UnicodeDecodeError):
            known = False
        if not known:
            raise Refused(20003)
        if request.match_info.get("account", ACCOUNT_SID) != ACCOUNT_SID:
            raise Refused(20404, request.path)

    async def _create(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        fault = self._script.popleft() if self._script else self._chance()
        if fault is not None and not fault.accepted:
            return await self._go_wrong(request, fault, form)
        message = self._accept(form)
        answer = web.json_response(resource(message), status=201)
        if fault is None:
            return answer
        if fault.delay and not (fault.silent or fault.cut or fault.code):
            await self._wait(fault.delay)
            return answer
        return await self._go_wrong(request, fault, form)

    def _chance(self) -> Fault | None:
        return self._random.choice(self.faults) if self._random.random() < self.share else None

    async def _go_wrong(
        self, request: web.Request, fault: Fault, form: MultiMapping[Any]
    ) -> web.StreamResponse:
        self.refused.append(Call(form=plain(form), code=fault.code, fault=fault))
        self.stir()
        await self._wait(fault.delay)
        if fault.silent:
            await self._stopping.wait()
        if fault.silent or fault.cut:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        assert fault.code is not None
        return error_answer(fault.code, ERRORS[fault.code][1], retry_after=fault.retry_after)

    def _accept(self, form: MultiMapping[Any]) -> Message:
        """Check a message as Twilio does before it answers, and take it. Raises Refused."""
        unknown = sorted(set(form) - PARAMETERS)
        if unknown:
            raise Refused(20001, ", ".join(unknown))
        sender, to, body = (form.get(name, "") for name in ("From", "To", "Body"))
        check_parties(sender, to, service=form.get("MessagingServiceSid", ""))
        urls = form.getall("MediaUrl", [])
        whatsapp = to.startswith("whatsapp:")
        if not (body or urls or form.get("ContentSid")):
            raise Refused(21619)
        if len(body) > LONGEST:
            raise Refused(21617)
        if len(urls) > (1 if whatsapp else 10):
            raise Refused(21623)
        if not all(is_http(url) for url in urls):
            raise Refused(21620)
        if form.get("StatusCallback") and not is_http(form["StatusCallback"]):
            raise Refused(21609)
        variables = variables_of(form.get("ContentVariables", ""))
        if form.get("ContentSid"):
            body = self._filled(form["ContentSid"], variables)
        customer = self.customer(to)
        if customer.opted_out:
            raise Refused(21610)
        message = Message(
            number=self.next_number(),
            sid=("MM" if urls else "SM") + uuid.uuid4().hex,
            direction="outbound-api",
            sender=sender or WHATSAPP_FROM,
            to=to,
            body=body,
            status="queued",
            media_urls=urls,
            content_sid=form.get("ContentSid", ""),
            content_variables=variables,
            callback=form.get("StatusCallback", ""),
            form=plain(form),
        )
        self.messages.append(message)
        self.stir()
        self._errand(self._deliver(message, customer, self._fate(message, customer)))
        return message

    def _filled(self, content_sid: str, variables: Mapping[str, str]) -> str:
        if content_sid not in self.templates:
            raise Refused(21655)
        return re.sub(r"\{\{(\w+)\}\}", lambda m: variables.get(m[1], m[0]), self.templates[content_sid])

    def _fate(self, message: Message, customer: Customer) -> int | None:
        """The code an accepted message will fail with, decided when it is accepted."""
        if self._fates and (scripted := self._fates.popleft()) is not None:
            return scripted
        if self.per_second is not None:
            recent = [each for each in self.sent[-int(self.per_second) - 1 :] if message.at - each.at < 1.0]
            if len(recent) > self.per_second:
                return 63018
        free_text = message.to.startswith("whatsapp:") and not message.content_sid
        return 63016 if free_text and not customer.window_open else None

    async def _deliver(self, message: Message, customer: Customer, code: int | None) -> None:
        """Bring an accepted message to its customer, step by step."""
        if code is None and not await self._download(message):
            code = 63019
        if code is not None:
            await self._wait(self.pause)
            return await self.advance(message, "undelivered" if code in UNDELIVERED else "failed", code)
        customer.received.append(message)
        customer.awaits_since = 0.0
        for status in ("sent", "delivered"):
            if status not in self.callbacks and _RANK[status] > _RANK[message.status]:
                message.status = status
        for status in self.callbacks:
            await self._wait(self.pause)
            await self.advance(message, status)
        self.stir()
        return None

    async def _download(self, message: Message) -> bool:
        """Fetch the files of an outgoing message, as Twilio does before it hands them on."""
        for url in message.media_urls:
            try:
                async with self._client.get(
                    self._behind(url), timeout=aiohttp.ClientTimeout(total=WEBHOOK_LASTS)
                ) as answer:
                    if answer.status != 200:
                        return False
                    message.media.append(Media(type=answer.content_type, data=await answer.read()))
            except (aiohttp.ClientError, OSError, TimeoutError):
                return False
        return True

    async def _list(self, request: web.Request) -> web.Response:
        asked = request.query
        if unknown := sorted(set(asked) - FILTERS):
            raise Refused(20001, ", ".join(unknown))
        try:
            size = min(int(asked.get("PageSize", "50")), 1000)
            page = int(asked.get("Page", "0"))
            known_from = time.monotonic() - self.listed_after
            found = [
                message
                for message in reversed(self.messages)
                if (message.direction == "inbound" or message.at <= known_from)
                and asked.get("To", message.to) == message.to
                and asked.get("From", message.sender) == message.sender
                and within_bounds(message.created, asked)
            ]
        except ValueError as error:
            raise Refused(20001, str(error)) from None
        # A token names the last message of the page before, so that new messages shift nothing.
        token = asked.get("PageToken", "").removeprefix("PA")
        start = next((at + 1 for at, each in enumerate(found) if each.sid == token), page * size)
        shown, more = found[start : start + size], len(found) > start + size
        path = request.path

        def address(number: int, after: str) -> str:
            kept = {name: value for name, value in asked.items() if name not in {"Page", "PageToken"}}
            place = {"Page": str(number)} | ({"PageToken": f"PA{after}"} if after else {})
            return f"{path}?{urlencode(kept | {'PageSize': str(size)} | place)}"

        return web.json_response(
            {
                "messages": [resource(message) for message in shown],
                "page": page,
                "page_size": size,
                "start": start,
                "end": start + max(len(shown) - 1, 0),
                "uri": request.path_qs,
                "first_page_uri": address(0, ""),
                "previous_page_uri": address(page - 1, "") if page else None,
                "next_page_uri": address(page + 1, shown[-1].sid) if more else None,
            }
        )

    async def _fetch(self, request: web.Request) -> web.Response:
        return web.json_response(resource(self._named(request)))

    async def _media(self, request: web.Request) -> web.Response:
        """Where a file lies for a few minutes, for anyone who has the address."""
        wanted = request.match_info["media"]
        media = next((each for each in self._named(request).media if each.sid == wanted), None)
        if media is None:
            raise Refused(20404, request.path)
        link = uuid.uuid4().hex
        self._links[link] = (time.monotonic() + _LINK_LASTS, media)
        return web.Response(status=307, headers={"Location": f"{self.url}/files/{link}"})

    async def _file(self, request: web.Request) -> web.Response:
        until, media = self._links.get(request.match_info["link"], (0.0, None))
        if media is None or until < time.monotonic():
            return web.Response(status=403, text="AccessDenied")
        if "Authorization" in request.headers:  # the file store takes the account's credentials for its own
            return web.Response(status=400, text="InvalidArgument: only one authorization is allowed")
        return web.Response(body=media.data, headers={"Content-Type": media.type})

    async def _account(self, request: web.Request) -> web.Response:
        at = API.format(account=ACCOUNT_SID)
        moment = format_datetime(datetime(2026, 1, 5, 9, 0, tzinfo=UTC))
        return web.json_response(
            {
                "sid": ACCOUNT_SID,
                "owner_account_sid": ACCOUNT_SID,
                "friendly_name": "The double's account",
                "auth_token": AUTH_TOKEN,
                "status": "active",
                "type": "Full",
                "date_created": moment,
                "date_updated": moment,
                "uri": f"{at}.json",
                "subresource_uris": {"messages": f"{at}/Messages.json"},
            }
        )

    async def _typing(self, request: web.Request) -> web.Response:
        form = await request.post()
        if set(form) != {"channel", "messageId"} or form["channel"] != "whatsapp":
            raise Refused(20001, ", ".join(form))
        message = next((each for each in self.messages if each.sid == form["messageId"]), None)
        if message is None or message.direction != "inbound":
            raise Refused(20404, str(form["messageId"]))
        message.status = "read"
        self.typing.append(message.sid)
        self.customer(message.sender).awaits_since = time.monotonic()
        self.stir()
        return web.json_response({"success": True})

    def _named(self, request: web.Request) -> Message:
        sid = request.match_info["sid"]
        message = next((each for each in self.messages if each.sid == sid), None)
        if message is None:
            raise Refused(20404, request.path)
        return message

    def _behind(self, url: str, base: str = "") -> str:
        """Where a public address leads: to `base`, else to the next of the web processes behind it."""
        if not url.startswith(f"{self.public_url}/") or not (base or self.webhooks):
            return url
        base = base or self.webhooks[next(self._turns) % len(self.webhooks)]
        return base + url.removeprefix(self.public_url)

    async def _wait(self, seconds: float) -> None:
        if seconds:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)

    def _errand(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _serve(arguments: argparse.Namespace) -> None:
    from tests.doubles.twilio_phone import Phone

    twilio = Twilio(public_url=arguments.public_url)
    Phone(twilio)
    twilio.templates |= dict(arguments.template)
    await twilio.start(arguments.port)
    print(f"Chat as a customer:  {twilio.url}/\n\nStart Switchboard with:\n", flush=True)
    given = [f"{name}={shlex.quote(value)}" for name, value in twilio.settings.items()]
    print(" \\\n".join([*given, "make run"]), flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await twilio.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.doubles.twilio", description=__doc__)
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--public-url", default="http://127.0.0.1:8000", help="where Switchboard answers")
    parser.add_argument(
        "--template",
        action="append",
        default=[],
        type=lambda given: given.partition("=")[::2],
        metavar="SID=TEXT",
        help="an approved template, with {{1}} and the like for its places; any number of them",
    )
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
