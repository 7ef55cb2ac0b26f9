"""The Twilio double answers Twilio's own client as Twilio does, and its webhooks carry a valid signature."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import orjson
import pytest
from aiohttp import web
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from tests.doubles.twilio import Twilio
from tests.doubles.twilio_rules import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    BROKEN,
    BROKEN_AFTER,
    CUT,
    CUT_AFTER,
    EVERY_FAULT,
    PUBLIC_URL,
    SILENT,
    SILENT_AFTER,
    SLOW,
    SMS_FROM,
    TOO_MANY,
    WHATSAPP_FROM,
    Fault,
    Location,
    Media,
)

PDF = "application/pdf"
ADA = "whatsapp:+4915112345678"
STATUS_URL = f"{PUBLIC_URL}/webhooks/whatsapp/status"


class TheirClient(AsyncTwilioHttpClient):
    """Twilio's own asynchronous client, sent to the double instead."""

    def __init__(self, url: str) -> None:
        super().__init__(timeout=5)
        self._at = urlsplit(url)

    async def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        parts = urlsplit(url)._replace(scheme=self._at.scheme, netloc=self._at.netloc)
        return await super().request(method, urlunsplit(parts), *args, **kwargs)


@dataclass
class Business:
    """A web process that takes everything and remembers it."""

    url: str = ""
    statuses: Iterator[int] = field(default_factory=lambda: itertools.repeat(200))
    requests: list[tuple[str, dict[str, str], dict[str, str]]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.requests.append((request.path, dict(request.headers), form))
        return web.Response(status=next(self.statuses), text="<Response/>", content_type="text/xml")

    def forms(self, path: str) -> list[dict[str, str]]:
        return [form for at, _, form in self.requests if at == path]

    def told(self, sid: str) -> list[str]:
        """The statuses told of one message."""
        return [f["MessageStatus"] for f in self.forms("/webhooks/whatsapp/status") if f["MessageSid"] == sid]


async def _menu(request: web.Request) -> web.Response:
    return web.Response(body=b"%PDF-1.4", content_type=PDF)


@asynccontextmanager
async def business() -> AsyncIterator[Business]:
    taking = Business()
    app = web.Application()
    app.add_routes(
        [
            web.post("/{path:.*}", taking.take),
            web.get("/media/menu.pdf", _menu),
        ]
    )
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    taking.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield taking
    finally:
        await runner.cleanup()


@dataclass(frozen=True, kw_only=True)
class Line:
    twilio: Twilio
    client: Client
    first: Business
    second: Business

    async def send(self, text: str = "Hello", to: str = ADA, **given: Any) -> Any:
        given.setdefault("status_callback", STATUS_URL)
        given.setdefault("from_", WHATSAPP_FROM if to.startswith("whatsapp:") else SMS_FROM)
        return await self.client.messages.create_async(to=to, body=text or None, **given)

    async def refusal(self, *args: Any, **given: Any) -> TwilioRestException:
        with pytest.raises(TwilioRestException) as caught:
            await self.send(*args, **given)
        return caught.value


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    """The double, Twilio's client, and two web processes behind the public address."""
    async with Twilio() as twilio, business() as first, business() as second:
        twilio.webhooks = [first.url, second.url]
        http = TheirClient(twilio.url)
        client = Client(ACCOUNT_SID, AUTH_TOKEN, http_client=http)
        try:
            yield Line(twilio=twilio, client=client, first=first, second=second)
        finally:
            await http.close()


async def test_a_sent_message_reaches_the_customer_and_its_callbacks_are_signed(line: Line) -> None:
    ada = line.twilio.customer(ADA, "Ada")
    await ada.write("Hi")
    message = await line.send("*Hello*")
    assert (message.status, message.direction, message.body) == ("queued", "outbound-api", "*Hello*")
    assert abs(message.date_created - datetime.now(UTC)) < timedelta(seconds=5)
    await ada.until_received(1)
    await line.twilio.until(lambda: ada.received[0].status == "delivered")
    await ada.look()
    everything = line.first.requests + line.second.requests
    callbacks = [(headers, form) for path, headers, form in everything if path == "/webhooks/whatsapp/status"]
    told = {form["MessageStatus"] for _, form in callbacks}
    assert told == {"queued", "sent", "delivered", "read"}
    for headers, form in callbacks:
        assert RequestValidator(AUTH_TOKEN).validate(STATUS_URL, form, headers["X-Twilio-Signature"])
    assert (await line.client.messages(message.sid).fetch_async()).status == "read"


async def test_what_a_customer_writes_is_a_signed_webhook_for_the_public_address(line: Line) -> None:
    ada = line.twilio.customer(ADA, "Ada Lovelace")
    message = await ada.write("Grüße, 2 < 3 & more", repeat=2)
    assert message.answers == [200, 200]
    assert len(line.first.requests) == len(line.second.requests) == 1, "in turns"
    path, headers, form = line.first.requests[0]
    assert path == "/webhooks/whatsapp"
    assert RequestValidator(AUTH_TOKEN).validate(PUBLIC_URL + path, form, headers["X-Twilio-Signature"])
    assert form == line.second.requests[0][2]
    expected = {"From": ADA, "ProfileName": "Ada Lovelace", "WaId": ADA[10:], "MessageType": "text"}
    assert form.items() >= expected.items()
    assert (await line.client.messages(message.sid).fetch_async()).direction == "inbound"


async def test_every_kind_of_message_carries_its_own_fields(line: Line) -> None:
    ada = line.twilio.customer(ADA, "Ada")
    line.twilio.webhooks = [line.first.url]
    await ada.write(location=Location(latitude=52.5, longitude=13.4, label="Shop", address="Road 1"))
    await ada.write("Yes", button="confirm", replying_to="SM1")
    await ada.write("Refund", choice="2")
    await ada.write(media=[Media(type="text/vcard", data=b"BEGIN:VCARD")])
    await ada.write("look", media=[Media(type="image/png", data=b"\x89PNG")])
    await ada.write("STOP", opting="STOP")
    place, button, choice, card, picture, stop = line.first.forms("/webhooks/whatsapp")
    assert (place["MessageType"], place["Latitude"], place["Address"]) == ("location", "52.5", "Road 1")
    assert place["Body"] == "", "an empty field is sent, and signed"
    assert (button["ButtonPayload"], button["OriginalRepliedMessageSid"]) == ("confirm", "SM1")
    assert (choice["MessageType"], choice["ListId"], choice["ListTitle"]) == ("interactive", "2", "Refund")
    assert (card["MessageType"], card["NumMedia"], card["MessageSid"][:2]) == ("contacts", "1", "MM")
    assert (picture["MediaContentType0"], picture["MessageType"]) == ("image/png", "image")
    assert stop["OptOutType"] == "STOP"


async def test_senders_without_a_number_and_by_sms_are_told_apart(line: Line) -> None:
    line.twilio.webhooks = [line.first.url]
    await line.twilio.customer("whatsapp:DE.abc123", "Grace").write("Hi")
    await line.twilio.customer("+4915112345678").write("Hi")
    scoped, sms = line.first.forms("/webhooks/whatsapp")
    assert scoped["ExternalUserId"] == "DE.abc123"
    assert "WaId" not in scoped
    assert (sms["To"], "ProfileName" in sms) == (SMS_FROM, False)
    assert (await line.send(to="whatsapp:DE.abc123")).sid


async def test_a_webhook_that_fails_is_posted_again_with_the_same_sid(line: Line) -> None:
    line.twilio.webhooks = [line.first.url]
    line.first.statuses = iter([503, 500, 200])
    message = await line.twilio.customer(ADA).write("Hi")
    assert message.answers == [200]
    assert {form["MessageSid"] for form in line.first.forms("/webhooks/whatsapp")} == {message.sid}
    assert len({headers["I-Twilio-Idempotency-Token"] for _, headers, _ in line.first.requests}) == 1


async def test_files_are_had_with_credentials_and_a_redirect_that_wants_none(line: Line) -> None:
    line.twilio.webhooks = [line.first.url]
    await line.twilio.customer(ADA).write(media=[Media(type="image/png", data=b"\x89PNG")])
    url = line.first.forms("/webhooks/whatsapp")[0]["MediaUrl0"]
    auth = aiohttp.BasicAuth(ACCOUNT_SID, AUTH_TOKEN)
    async with aiohttp.ClientSession() as session:
        async with session.get(url, allow_redirects=False) as answer:
            assert answer.status == 401
        async with session.get(url, allow_redirects=False, auth=auth) as answer:
            assert answer.status == 307
            link = answer.headers["Location"]
        async with session.get(link) as answer:
            assert (answer.status, answer.content_type, await answer.read()) == (200, "image/png", b"\x89PNG")
        async with session.get(link, auth=auth) as answer:
            assert answer.status == 400


async def test_a_file_that_is_sent_is_fetched_from_behind_the_public_address(line: Line) -> None:
    ada = line.twilio.customer(ADA)
    await ada.write("Hi")
    await line.send("", media_url=[f"{PUBLIC_URL}/media/menu.pdf"])
    await ada.until_received(1)
    assert [(each.type, each.data) for each in ada.received[0].media] == [(PDF, b"%PDF-1.4")]
    gone = await line.send("", media_url=["http://127.0.0.1:1/gone"])
    await line.twilio.until(lambda: line.twilio.sent[-1].failed)
    assert (await gone.fetch_async()).error_code == 63019


async def test_the_list_is_paged_filtered_and_newest_first(line: Line) -> None:
    for number in range(5):
        await line.send(f"{number}")
    await line.send("elsewhere", to="whatsapp:+4915100000000")
    found = await line.client.messages.list_async(to=ADA, from_=WHATSAPP_FROM, page_size=2)
    assert [message.body for message in found] == ["4", "3", "2", "1", "0"]
    page = await line.client.messages.page_async(page_size=2)
    await line.send("meanwhile")
    following = await page.next_page_async()
    assert following is not None
    assert [message.body for message in following] == ["3", "2"], "what is new shifts nothing"
    hour = timedelta(hours=1)
    now = datetime.now(UTC)
    assert await line.client.messages.list_async(date_sent_after=now + hour) == []
    assert await line.client.messages.list_async(date_sent_before=now - hour) == []
    between = {"date_sent_after": now - hour, "date_sent_before": now + hour}
    assert len(await line.client.messages.list_async(**between)) == 7


async def test_a_message_may_be_late_in_the_list(line: Line) -> None:
    line.twilio.listed_after = 60
    await line.send()
    assert await line.client.messages.list_async(to=ADA) == []


async def test_the_account_is_shown_to_who_knows_its_token(line: Line) -> None:
    account = await line.client.api.v2010.accounts(ACCOUNT_SID).fetch_async()
    assert (account.status, account.type) == ("active", "Full")
    wrong = Client(ACCOUNT_SID, "wrong", http_client=line.client.http_client)
    with pytest.raises(TwilioRestException) as caught:
        await wrong.api.v2010.accounts(ACCOUNT_SID).fetch_async()
    assert (caught.value.status, caught.value.code) == (401, 20003)
    with pytest.raises(TwilioRestException) as caught:
        await line.client.messages("SM" + "0" * 32).fetch_async()
    assert (caught.value.status, caught.value.code) == (404, 20404)


async def test_typing_is_shown_for_a_message_of_the_customer(line: Line) -> None:
    written = await line.twilio.customer(ADA).write("Hi")
    shown = await line.client.messaging.v2.typing_indicator.create_async("whatsapp", written.sid)
    assert shown.success
    assert line.twilio.typing == [written.sid]
    with pytest.raises(TwilioRestException):
        await line.client.messaging.v2.typing_indicator.create_async("whatsapp", "SM" + "0" * 32)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"to": "whatsapp:12"}, 21211),
        ({"to": "+4915112345678", "from_": WHATSAPP_FROM}, 21910),
        ({"from_": "whatsapp:+15550000000"}, 63007),
        ({"text": ""}, 21619),
        ({"text": "x" * 1601}, 21617),
        ({"text": "", "media_url": ["ftp://example.com/a"]}, 21620),
        ({"status_callback": "not an address"}, 21609),
        ({"text": "", "content_sid": "HX1"}, 21655),
        ({"text": "", "content_sid": "HX1", "content_variables": '{"1":"two\\nlines"}'}, 21656),
    ],
)
async def test_what_twilio_refuses_is_refused_with_its_code(line: Line, given: Any, code: int) -> None:
    refusal = await line.refusal(**given)
    assert (refusal.status, refusal.code) == (400, code)
    assert [call.code for call in line.twilio.refused] == [code]
    assert not line.twilio.sent


async def test_a_parameter_that_does_not_exist_is_refused(line: Line) -> None:
    url = f"{line.twilio.url}/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"
    form = {"To": ADA, "From": WHATSAPP_FROM, "Body": "Hi", "StatusCallBack": STATUS_URL}
    async with aiohttp.ClientSession(auth=aiohttp.BasicAuth(ACCOUNT_SID, AUTH_TOKEN)) as session:
        answer = await session.post(url, data=form)
        assert answer.status == 400
        error = await answer.json()
    assert "StatusCallBack" in error["message"]
    assert set(error) == {"code", "message", "more_info", "status"}


async def test_outside_the_window_only_a_template_arrives(line: Line) -> None:
    line.twilio.templates["HX1"] = "Hello {{1}}, we wrote: {{2}}"
    ada = line.twilio.customer(ADA)
    await ada.write("Hi")
    await line.send("in time")
    ada.a_day_passes()
    late = await line.send("too late")
    await line.twilio.until(lambda: line.twilio.sent[-1].failed)
    assert (await late.fetch_async()).error_code == 63016
    await line.twilio.until(lambda: "undelivered" in line.first.told(late.sid) + line.second.told(late.sid))
    variables = orjson.dumps({"1": "Ada", "2": "yes"}).decode()
    await line.send("", content_sid="HX1", content_variables=variables)
    await ada.until_received(2)
    assert ada.texts == ["in time", "Hello Ada, we wrote: yes"]
    await line.send("by SMS there is no window", to="+4915112345678")
    await line.twilio.customer("+4915112345678").until_received(1)


async def test_who_opted_out_is_not_written_to_until_they_opt_in(line: Line) -> None:
    ada = line.twilio.customer(ADA)
    await ada.write("STOP", opting="STOP")
    assert (await line.refusal()).code == 21610
    await ada.write("START", opting="START")
    await line.send()
    await ada.until_received(1)


async def test_a_message_fails_later_with_the_scripted_code(line: Line) -> None:
    ada = line.twilio.customer(ADA)
    await ada.write("Hi")
    line.twilio.fail_later([63018, None])
    first, _ = await line.send("one"), await line.send("two")
    await ada.until_received(1)
    assert ada.texts == ["two"]
    await line.twilio.until(lambda: line.twilio.sent[0].failed)
    assert (await first.fetch_async()).status == "failed"


async def test_faster_than_the_senders_rate_fails_later(line: Line) -> None:
    await line.twilio.customer(ADA).write("Hi")
    line.twilio.per_second = 3
    for number in range(5):
        await line.send(str(number))
    await line.twilio.until(lambda: sum(each.error == 63018 for each in line.twilio.sent) == 2)


@pytest.mark.parametrize(
    ("order", "repeats"),
    [((), 1), (("read", "delivered", "sent"), 1), (("sent",), 3)],
    ids=["none", "backwards", "repeated"],
)
async def test_callbacks_come_in_any_order_repeated_or_not_at_all(
    line: Line, order: tuple[str, ...], repeats: int
) -> None:
    line.twilio.webhooks = [line.first.url]
    line.twilio.callbacks, line.twilio.callback_repeats = order, repeats
    ada = line.twilio.customer(ADA)
    await ada.write("Hi")
    message = await line.send()
    expected = [status for status in order for _ in range(repeats)]
    await line.twilio.until(lambda: len(line.first.told(message.sid)) == len(expected))
    await line.twilio.until(lambda: ada.received and ada.received[0].status in {"delivered", "read"})
    assert line.first.told(message.sid) == expected


_ANSWERED: list[tuple[Fault, int, int]] = [(TOO_MANY, 429, 20429), (BROKEN, 500, 20500)]


@pytest.mark.parametrize(("fault", "status", "code"), _ANSWERED, ids=["429", "500"])
async def test_a_scripted_error_takes_nothing(line: Line, fault: Fault, status: int, code: int) -> None:
    line.twilio.script([None, fault])
    await line.send("taken")
    refusal = await line.refusal("not taken")
    assert (refusal.status, refusal.code) == (status, code)
    assert [message.body for message in line.twilio.sent] == ["taken"]


async def test_too_many_calls_say_when_to_come_back(line: Line) -> None:
    line.twilio.script([TOO_MANY])
    await line.refusal()
    assert line.client.http_client._test_only_last_response.headers["Retry-After"] == "1"


@pytest.mark.parametrize(
    ("fault", "taken"),
    [(SILENT, 0), (SILENT_AFTER, 1), (CUT, 0), (CUT_AFTER, 1), (BROKEN_AFTER, 1)],
    ids=["silent", "silent after", "cut", "cut after", "broken after"],
)
async def test_an_unknown_end_may_have_taken_the_message_or_not(line: Line, fault: Fault, taken: int) -> None:
    line.twilio.script([fault])
    with pytest.raises((aiohttp.ClientError, TimeoutError, TwilioException)):
        async with asyncio.timeout(0.5):
            await line.send("perhaps")
    assert len(await line.client.messages.list_async(to=ADA)) == taken


async def test_a_slow_answer_comes(line: Line) -> None:
    line.twilio.script([Fault(accepted=True, delay=0.2)])
    began = time.monotonic()
    assert (await line.send()).sid
    assert time.monotonic() - began >= 0.2
    assert SLOW.accepted


async def test_a_share_of_the_calls_fails_alike_for_the_same_seed() -> None:
    drawn = []
    for _ in range(2):
        twilio = Twilio(seed=4)
        twilio.share, twilio.faults = 0.05, EVERY_FAULT
        drawn.append([twilio._chance() for _ in range(2000)])
    assert drawn[0] == drawn[1]
    assert 60 < sum(fault is not None for fault in drawn[0]) < 140
