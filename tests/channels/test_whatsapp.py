"""WhatsApp and SMS against a Twilio on a real socket: what is taken in, and what becomes of what is sent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import uvicorn
from aiohttp import web

from bot.outside import Outside
from bot.serve import _Server
from bot.store import StoreUnavailable
from bot.web import create_app
from channels.base import (
    Attachment,
    DeliveryStatus,
    FilledTemplate,
    InboundMessage,
    NotDelivered,
    NotFetched,
    NotFilled,
    OutboundMessage,
    RemoteFile,
    Template,
    Trouble,
)
from channels.twilio_account import Account
from channels.whatsapp import Sms, WhatsApp
from tests.bench.retrieval import corpora
from tests.doubles.twilio import Twilio
from tests.doubles.twilio_rules import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    BROKEN,
    BROKEN_AFTER,
    CUT_AFTER,
    PUBLIC_URL,
    SILENT_AFTER,
    SMS_FROM,
    TOO_MANY,
    WHATSAPP_FROM,
    Fault,
    Media,
    signature,
)
from tests.front import until
from tests.processes import free_port

PAYLOADS = Path(__file__).parents[1] / "payloads" / "twilio"
ADA = "whatsapp:+4915112345678"
WEBHOOK = "/webhooks/whatsapp"
STATUS = "/webhooks/whatsapp/status"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
TEMPLATE = Template(
    name="update",
    id="HX" + "1" * 32,
    text="Hello {{1}}, your question: {{2}} Write back any time.",
    variables={"1": "{name}", "2": "{text}"},
    labels={"2": "Our answer"},
)
PARCEL = Template(name="parcel", id="HX" + "2" * 32, text="Parcel {{1}}, again {{1}}: {{day}}.", variables={})


class Ears:
    """An Inbox that keeps what it is told, or fails as it is told to."""

    def __init__(self) -> None:
        self.messages: list[InboundMessage] = []
        self.receipts: list[tuple[str, str, DeliveryStatus, str | None, Trouble | None]] = []
        self.failure: Exception | None = None

    async def accept(self, message: InboundMessage) -> None:
        if self.failure is not None:
            raise self.failure
        self.messages.append(message)

    async def receipt(
        self,
        channel: str,
        external_id: str,
        status: DeliveryStatus,
        detail: str | None,
        trouble: Trouble | None = None,
    ) -> None:
        self.receipts.append((channel, external_id, status, detail, trouble))


@dataclass(kw_only=True)
class Line:
    """WhatsApp and SMS, connected to a Twilio and listened to."""

    twilio: Twilio
    account: Account
    whatsapp: WhatsApp
    sms: Sms
    ears: Ears
    client: httpx.AsyncClient
    files: Path

    async def post(
        self, told: Mapping[str, str], path: str = WEBHOOK, signed: str | None = None, query: str = ""
    ) -> httpx.Response:
        """Post a form as Twilio does; `signed` replaces its signature."""
        signed = signature(AUTH_TOKEN, PUBLIC_URL + path + query, told) if signed is None else signed
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
        headers |= {"X-Twilio-Signature": signed} if signed else {}
        return await self.client.post(path + query, content=urlencode(told), headers=headers)


def account_at(url: str) -> Account:
    return Account(sid=ACCOUNT_SID, token=AUTH_TOKEN, address=PUBLIC_URL, key="secret", api_url=url)


@asynccontextmanager
async def served(routes: Sequence[Any]) -> AsyncIterator[httpx.AsyncClient]:
    server = _Server(uvicorn.Config(create_app(routes), port=0, log_config=None, lifespan="off", ws="none"))
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started or serving.done(), what="the server")
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            yield client
    finally:
        server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await serving


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    ears = Ears()
    async with Twilio() as twilio:
        twilio.templates |= {each.id: each.text for each in (TEMPLATE, PARCEL)}
        account = account_at(twilio.url)
        outside = Outside(trusted=twilio.url)
        whatsapp = WhatsApp(
            account=account,
            sender=WHATSAPP_FROM,
            fetch=outside,
            open_file=lambda key: tmp_path / key if (tmp_path / key).is_file() else None,
            per_second=80,
            templates=[TEMPLATE, PARCEL],
            usual=TEMPLATE.name,
            with_sms=True,
        )
        sms = Sms(account=account, sender=SMS_FROM, fetch=outside, per_second=1)
        async with served(whatsapp.routes(ears)) as client:
            twilio.webhooks = [str(client.base_url).rstrip("/")]
            yield Line(
                twilio=twilio,
                account=account,
                whatsapp=whatsapp,
                sms=sms,
                ears=ears,
                client=client,
                files=tmp_path,
            )
        await account.close()


def payload(name: str) -> dict[str, str]:
    told: dict[str, str] = json.loads((PAYLOADS / f"{name}.json").read_text(encoding="utf-8"))
    return told


def outbound(text: str = "Hello", **more: Any) -> OutboundMessage:
    return OutboundMessage(**{"id": "msg_1", "channel": "whatsapp", "recipient": ADA, "text": text} | more)


async def refused(line: Line, message: OutboundMessage) -> NotDelivered:
    with pytest.raises(NotDelivered) as caught:
        await line.whatsapp.send(message)
    return caught.value


def now() -> datetime:
    return datetime.now(UTC)


# what comes in: the signature ------------------------------------------------------------------------


async def test_a_signed_message_is_taken_in_and_answered_with_an_empty_response(line: Line) -> None:
    answer = await line.post(payload("text"))
    assert (answer.status_code, answer.text) == (200, "<Response/>")
    assert answer.headers["content-type"].startswith("text/xml")
    [message] = line.ears.messages
    assert message == InboundMessage(
        channel="whatsapp",
        external_id=f"{ACCOUNT_SID}:SM1c4f2a3b5d6e7f8091a2b3c4d5e6f708",
        sender=ADA,
        text="Hallo, wo ist meine Bestellung? 📦",
        sender_name="Ada Lovelace",
        verified=True,
    )


@pytest.mark.parametrize("signed", ["", "garbled", "ü", "A" * 10_000, signature("wrong", PUBLIC_URL, {})])
async def test_what_twilio_did_not_sign_is_refused_and_not_kept(line: Line, signed: str) -> None:
    for path in (WEBHOOK, STATUS):
        headers = {"X-Twilio-Signature": signed.encode()} if signed else {}
        headers |= {"Content-Type": b"application/x-www-form-urlencoded"}
        answer = await line.client.post(path, content=urlencode(payload("text")), headers=headers)
        assert answer.status_code == 403
    assert (line.ears.messages, line.ears.receipts) == ([], [])


async def test_the_signature_is_over_our_public_address_whatever_a_proxy_says(line: Line) -> None:
    told = payload("text")
    elsewhere = signature(AUTH_TOKEN, f"https://evil.example{WEBHOOK}", told)
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Twilio-Signature": elsewhere}
    headers |= {"X-Forwarded-Proto": "https", "Content-Type": "application/x-www-form-urlencoded"}
    answer = await line.client.post(WEBHOOK, content=urlencode(told), headers=headers)
    assert answer.status_code == 403
    assert (await line.post(told, query="?a=1&b=%20x")).status_code == 200


@pytest.mark.parametrize(
    "recut",
    [
        {"MessageSid": f"SM{'f' * 32}MessageTypetext", "MessageType": None},
        {"MessageSid": "SM" + "f" * 31, "fMessageType": "text", "MessageType": None},
        {"MessageSid": "S", f"M{'f' * 31}": "fMessageTypetext", "MessageType": None},
        {"ApiVersion": None, "AccountSid": f"{ACCOUNT_SID}ApiVersion2010-04-01"},
    ],
)
async def test_an_old_capture_cut_elsewhere_is_no_new_message(
    line: Line, recut: Mapping[str, str | None]
) -> None:
    captured = {
        "AccountSid": ACCOUNT_SID,
        "ApiVersion": "2010-04-01",
        "Body": "Hello",
        "From": ADA,
        "MessageSid": "SM" + "f" * 32,
        "MessageType": "text",
    }
    assert (await line.post(captured)).status_code == 200
    told = {name: value for name, value in (captured | dict(recut)).items() if value is not None}
    await line.post(told, signed=signature(AUTH_TOKEN, PUBLIC_URL + WEBHOOK, captured))
    assert len({message.external_id for message in line.ears.messages}) == 1


async def test_a_signature_for_one_address_is_none_for_another(line: Line) -> None:
    told = payload("text")
    assert (
        await line.post(told, STATUS, signature(AUTH_TOKEN, PUBLIC_URL + WEBHOOK, told))
    ).status_code == 403


async def test_a_webhook_that_is_too_large_is_not_read(line: Line) -> None:
    assert (await line.post(payload("text") | {"Body": "x" * 70_000})).status_code == 413
    assert line.ears.messages == []


async def test_a_message_that_could_not_be_kept_is_posted_again(line: Line) -> None:
    line.ears.failure = StoreUnavailable("down")
    assert (await line.post(payload("text"))).status_code == 503
    line.ears.failure = RuntimeError("a bug")
    assert (await line.post(payload("text"))).status_code == 500
    line.ears.failure = None
    assert (await line.post(payload("text"))).status_code == 200


def vectors() -> Mapping[str, Any]:
    path = corpora() / "twilio-signatures" / "vectors.json"
    if not path.is_file():
        if os.environ.get("REQUIRE_ALL") == "1":
            pytest.fail("the corpus twilio-signatures is absent")
        pytest.skip("the corpus twilio-signatures is absent (CORPORA)")
    found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_every_vector_is_accepted_and_every_single_change_refused() -> None:
    given = vectors()
    account = Account(sid=ACCOUNT_SID, token=given["auth_token"], address=PUBLIC_URL, key="k")
    tried = 0
    for vector in given["vectors"]:
        url, signed = vector["url"], vector["signature"]
        fields = vector.get("params_list") or list((vector.get("params") or {}).items())
        raw = vector.get("body")
        kind = "application/json" if raw else "application/x-www-form-urlencoded"

        def body(fields: Sequence[Sequence[str]], raw: str | None = raw) -> bytes:
            return (raw if raw is not None else urlencode([tuple(each) for each in fields])).encode()

        assert account.genuine(url, body(fields), kind, signed) is vector["valid"], vector["name"]
        for other in changes(signed):
            tried += 1
            assert not account.genuine(url, body(fields), kind, other), (vector["name"], other)
        # The scheme's case and the port are not signed; PUBLIC_URL, not the sender, says what they are.
        signed_from = url.index("mycompany")
        signed_port = url.find(":1234") if url.startswith("http") else -1
        for at, other in enumerate_changes(url):
            if at < signed_from or 0 <= signed_port <= at < signed_port + 5:
                continue
            tried += 1
            assert not account.genuine(other, body(fields), kind, signed), (vector["name"], other)
        if raw is not None:
            for other in changes(raw):
                tried += 1
                assert not account.genuine(url, body((), other), kind, signed)
        once = {tuple(each) for each in fields}
        for index, (name, value) in enumerate(fields):
            if fields.count(fields[index]) > 1 and len(once) < len(fields):
                continue  # what is said twice counts once: its twin still says it
            for changed in [
                *((each, value) for each in changes(name)),
                *((name, each) for each in changes(value)),
            ]:
                tried += 1
                told = [*fields[:index], changed, *fields[index + 1 :]]
                assert not account.genuine(url, body(told), kind, signed), (vector["name"], changed)
    assert tried > 1000


def enumerate_changes(text: str) -> Sequence[tuple[int, str]]:
    """Every place, with the text in which it is another character or is missing."""
    flipped = [(at, text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :]) for at in range(len(text))]
    return [*flipped, *((at, text[:at] + text[at + 1 :]) for at in range(len(text)))]


def changes(text: str) -> Sequence[str]:
    return [changed for _, changed in enumerate_changes(text)]


def test_a_json_body_without_its_hash_in_the_address_is_not_trusted() -> None:
    account = account_at("")
    url = PUBLIC_URL + WEBHOOK
    assert not account.genuine(url, b'{"a": 1}', "application/json", signature(AUTH_TOKEN, url, {}))


# what comes in: messages -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("picture", "It arrived like this"),
        ("voice", ""),
        ("contact", ""),
        (
            "location",
            "📍 Brandenburger Tor, Pariser Platz, 10117 Berlin, "
            "https://maps.google.com/maps?q=52.5162746,13.3777041",
        ),
        ("button", "Yes, please"),
        ("list", "Express\nArrives tomorrow"),
        ("quoted", "This one"),
        ("without_number", "Hallo, wo ist meine Bestellung? 📦"),
        ("sms_stop", "STOP"),
    ],
)
async def test_what_a_customer_sends_becomes_words_and_files(line: Line, name: str, text: str) -> None:
    told = payload(name)
    assert (await line.post(told)).status_code == 200
    [message] = line.ears.messages
    assert message.text == text
    assert message.sender == told["From"]
    assert message.channel == ("sms" if name == "sms_stop" else "whatsapp")
    assert message.opted == ("out" if name == "sms_stop" else None)
    quoted = told.get("OriginalRepliedMessageSid")
    assert message.follows == ((f"{ACCOUNT_SID}:{quoted}",) if quoted else ())
    assert [(file.url, file.media_type) for file in message.remote] == (
        [(told["MediaUrl0"], told["MediaContentType0"])] if "MediaUrl0" in told else []
    )


@pytest.mark.parametrize(
    ("body", "opted"),
    [
        *(("STOP", "out"), (" stop ", "out"), ("StopAll", "out"), ("unsubscribe", "out"), ("Start", "in")),
        *(("unstop", "in"), ("stop sending me this", None), ("Where do I start?", None)),
    ],
)
async def test_a_wish_to_be_left_alone_is_understood(line: Line, body: str, opted: str | None) -> None:
    await line.post(payload("text") | {"Body": body})
    assert line.ears.messages[0].opted == opted


async def test_twilios_own_word_on_opting_counts(line: Line) -> None:
    await line.post(payload("text") | {"Body": "ARRET", "OptOutType": "STOP"})
    await line.post(payload("text") | {"Body": "AIDE", "OptOutType": "HELP"})
    assert [message.opted for message in line.ears.messages] == ["out", None]


async def test_hostile_fields_are_cleaned_and_cut(line: Line) -> None:
    hostile = {"Body": "a\x00b\x1b" + "x" * 20_000, "ProfileName": "A\x00\nda" * 100, "NumMedia": "9" * 50}
    hostile |= {"MessageSid": "SM\x001", "OriginalRepliedMessageSid": "SM\x002"}
    assert (await line.post(payload("text") | hostile)).status_code == 200
    [message] = line.ears.messages
    assert message.text.startswith("abx")
    assert len(message.text) == 8_000
    assert "\x00" not in message.sender_name
    assert "\n" not in message.sender_name
    assert len(message.sender_name) <= 100
    assert message.external_id == f"{ACCOUNT_SID}:SM1"
    assert message.follows == (f"{ACCOUNT_SID}:SM2",)
    assert message.remote == ()


@pytest.mark.parametrize("count", ["0", "1", "-1", "none", "9" * 5_000, None])
async def test_a_file_is_taken_in_however_many_are_told(line: Line, count: str | None) -> None:
    told = {name: value for name, value in payload("picture").items() if name != "NumMedia"}
    told |= {"NumMedia": count} if count is not None else {}
    assert (await line.post(told)).status_code == 200
    [message] = line.ears.messages
    assert [file.url for file in message.remote] == [told["MediaUrl0"]]


@pytest.mark.parametrize("kind", ["sticker", "reaction", "unsupported", ""])
async def test_a_message_without_words_is_taken_in_without_any(line: Line, kind: str) -> None:
    assert (await line.post(payload("text") | {"Body": "", "MessageType": kind})).status_code == 200
    [message] = line.ears.messages
    assert (message.text, message.remote) == ("", ())


async def test_what_belongs_to_no_channel_here_is_refused(line: Line) -> None:
    assert (await line.post(payload("text") | {"From": "messenger:123"})).status_code == 422
    assert (await line.post(payload("text") | {"MessageSid": ""})).status_code == 400
    assert line.ears.messages == []


async def test_sms_is_refused_where_there_is_no_number_for_it(line: Line) -> None:
    alone = WhatsApp(
        account=line.account,
        sender=WHATSAPP_FROM,
        fetch=Outside(),
        open_file=lambda _: None,
        per_second=80,
    )
    async with served(alone.routes(line.ears)) as client:
        line.client = client
        assert (await line.post(payload("sms_stop"))).status_code == 422
        assert (await line.post(payload("text"))).status_code == 200
    assert len(line.ears.messages) == 1


async def test_customers_of_the_double_are_understood(line: Line) -> None:
    customer = line.twilio.customer("whatsapp:DE.abc123", name="Grace")
    sent = await customer.write("Hi there", replying_to="SM" + "0" * 32)
    assert sent.answers == [200]
    [message] = line.ears.messages
    assert (message.sender, message.sender_name) == ("whatsapp:DE.abc123", "Grace")
    assert message.follows == (f"{ACCOUNT_SID}:SM" + "0" * 32,)


# statuses --------------------------------------------------------------------------------------------


async def test_why_a_message_failed_is_told_in_plain_words(line: Line) -> None:
    assert (await line.post(payload("status_undelivered"), STATUS)).status_code == 200
    [(channel, sid, status, detail, trouble)] = line.ears.receipts
    assert (channel, sid) == ("whatsapp", "SMb4c5d6e7f8091a2b3c4d5e6f708192a3")
    assert status is DeliveryStatus.FAILED
    assert trouble is Trouble.WINDOW_CLOSED
    assert detail is not None
    assert "24 hours" in detail
    assert "63016" in detail


@pytest.mark.parametrize(
    ("told", "reached"),
    [("sent", "sent"), ("delivered", "delivered"), ("read", "read"), ("undelivered", "failed")]
    + [("failed", "failed"), ("canceled", "failed")]
    + [(early, None) for early in ("accepted", "scheduled", "queued", "sending", "nonsense", "")],
)
async def test_a_status_is_ours_or_nothing(line: Line, told: str, reached: str | None) -> None:
    form = payload("status_undelivered") | {"MessageStatus": told, "From": SMS_FROM}
    assert (await line.post(form, STATUS)).status_code == 200
    assert [(channel, status) for channel, _, status, *_ in line.ears.receipts] == (
        [("sms", reached)] if reached else []
    )


@pytest.mark.parametrize(
    ("code", "trouble"),
    [("63018", Trouble.SLOW_DOWN), ("21610", Trouble.OPTED_OUT), ("63016", Trouble.WINDOW_CLOSED)]
    + [(code, None) for code in ("63024", "63003", "63015", "63051", "63049", "21211", "21614", "21617")]
    + [(code, None) for code in ("14103", "11200", "12300", "30003", "30004", "30005", "30006", "30007")],
)
async def test_every_code_that_is_met_has_words_of_ours(
    line: Line, code: str, trouble: Trouble | None
) -> None:
    told = payload("status_undelivered") | {"ErrorCode": code, "ErrorMessage": "Twilio's words"}
    await line.post(told, STATUS)
    [(*_, detail, said)] = line.ears.receipts
    assert said is trouble
    assert detail is not None
    assert "Twilio's words" not in detail
    assert detail.endswith(f"({code})")


async def test_a_code_that_is_none_fails_its_message_all_the_same(line: Line) -> None:
    told = payload("status_undelivered") | {"ErrorCode": "9" * 5_000, "ErrorMessage": "Twilio's words"}
    assert (await line.post(told, STATUS)).status_code == 200
    [(*_, status, detail, _)] = line.ears.receipts
    assert (status, detail) == (DeliveryStatus.FAILED, "Twilio's words")


async def test_a_code_nobody_knows_keeps_twilios_words(line: Line) -> None:
    told = payload("status_undelivered") | {"ErrorCode": "99999", "ErrorMessage": "Something new\x00"}
    await line.post(told, STATUS)
    assert line.ears.receipts[0][3] == "Something new (99999)"


# what goes out ---------------------------------------------------------------------------------------


async def test_a_message_leaves_with_our_sender_and_status_address(line: Line) -> None:
    await line.twilio.customer(ADA).write("Hi")
    sid = await line.whatsapp.send(outbound("*Hello* 👋\nyou"))
    [sent] = line.twilio.sent
    assert sent.sid == sid
    assert sent.form == {
        "To": ADA,
        "From": WHATSAPP_FROM,
        "Body": "*Hello* 👋\nyou",
        "StatusCallback": PUBLIC_URL + STATUS,
    }
    await line.twilio.until(lambda: len(line.ears.receipts) == 2)
    assert line.ears.receipts == [
        ("whatsapp", sid, DeliveryStatus.SENT, None, None),
        ("whatsapp", sid, DeliveryStatus.DELIVERED, None, None),
    ]


async def test_an_sms_leaves_from_its_own_number_in_plain_words(line: Line) -> None:
    assert line.sms.parts("**Hello** [you](https://x.example)", ()) == ["Hello you (https://x.example)"]
    await line.sms.send(outbound(channel="sms", recipient="+14155550123"))
    assert line.twilio.sent[0].form["From"] == SMS_FROM


async def test_connections_are_used_again(line: Line) -> None:
    ports = set()

    async def answer(request: web.Request) -> web.Response:
        assert request.transport is not None
        ports.add(request.transport.get_extra_info("peername")[1])
        return web.json_response({"sid": "SM1"}, status=201)

    async with answering(answer) as url:
        account = account_at(url)
        whatsapp = sender(account)
        for _ in range(20):
            assert await whatsapp.send(outbound()) == "SM1"
        await account.close()
    assert len(ports) == 1


async def test_too_many_at_once_is_tried_again_when_twilio_says(line: Line) -> None:
    line.twilio.script([TOO_MANY])
    error = await refused(line, outbound())
    assert (error.retry, error.uncertain, error.after) == (True, False, 1.0)
    assert error.trouble is Trouble.SLOW_DOWN


@pytest.mark.parametrize(
    ("status", "code", "pause"), [(401, 20003, 60), (401, None, 60), (403, 20005, 60), (400, 63038, 900)]
)
async def test_what_concerns_the_account_makes_the_whole_channel_wait(
    status: int, code: int | None, pause: int
) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"code": code, "message": "Twilio's words"}, status=status)

    async with answering(answer) as url:
        account = account_at(url)
        with pytest.raises(NotDelivered) as caught:
            await sender(account).send(outbound())
        assert (caught.value.retry, caught.value.uncertain, caught.value.after) == (True, False, pause)
        assert caught.value.trouble is Trouble.SLOW_DOWN
        assert "waits" in caught.value.detail
        await account.close()


async def test_an_opted_out_recipient_is_final(line: Line) -> None:
    line.twilio.customer(ADA).opted_out = True
    error = await refused(line, outbound())
    assert (error.retry, error.uncertain, error.trouble) == (False, False, Trouble.OPTED_OUT)
    assert "opted out" in error.detail


async def test_a_refusal_is_final_and_in_plain_words(line: Line) -> None:
    error = await refused(line, outbound(recipient="whatsapp:nonsense"))
    assert (error.retry, error.uncertain) == (False, False)
    assert error.detail == "the recipient's number is not a valid phone number (21211)"


@pytest.mark.parametrize("fault", [BROKEN, BROKEN_AFTER, CUT_AFTER, Fault(cut=True)])
async def test_when_nobody_knows_whether_it_was_taken_it_is_uncertain(line: Line, fault: Fault) -> None:
    line.twilio.script([fault])
    error = await refused(line, outbound())
    assert (error.retry, error.uncertain) == (False, True)


@pytest.mark.slow  # it waits until the client's patience ends
async def test_a_twilio_that_never_answers_is_given_up_before_the_channels_patience_ends(line: Line) -> None:
    line.twilio.script([SILENT_AFTER])
    async with asyncio.timeout(line.whatsapp.limits.patience):
        error = await refused(line, outbound())
    assert (error.detail, error.uncertain) == ("Twilio did not answer in time", True)


async def test_an_answer_that_is_no_answer_is_uncertain() -> None:
    for body in ("", "{}", "null", "[]", "<html>", '{"sid": null}'):

        async def answer(_: web.Request, body: str = body) -> web.Response:
            return web.Response(status=201, text=body)

        async with answering(answer) as url:
            account = account_at(url)
            with pytest.raises(NotDelivered) as caught:
                await sender(account).send(outbound())
            assert caught.value.uncertain, body
            await account.close()


async def test_a_twilio_that_is_not_there_has_taken_nothing() -> None:
    for url in (f"http://127.0.0.1:{free_port()}", "http://nowhere.invalid"):
        account = account_at(url)
        with pytest.raises(NotDelivered) as caught:
            await sender(account).send(outbound())
        assert (caught.value.retry, caught.value.uncertain) == (True, False)
        await account.close()


@pytest.mark.parametrize("as_date", [False, True])
async def test_retry_after_is_understood_in_both_forms(as_date: bool) -> None:
    async def answer(_: web.Request) -> web.Response:
        later = format_datetime(now() + timedelta(seconds=30), usegmt=True) if as_date else "30"
        return web.json_response({"code": 20429}, status=429, headers={"Retry-After": later})

    async with answering(answer) as url:
        account = account_at(url)
        with pytest.raises(NotDelivered) as caught:
            await sender(account).send(outbound())
        assert caught.value.after == pytest.approx(30, abs=2)
        await account.close()


async def test_words_and_one_picture_leave_together_and_the_picture_can_be_had(line: Line) -> None:
    (line.files / "key1").write_bytes(PNG)
    picture = Attachment(key="key1", name="Größe.png", media_type="image/png", size=len(PNG))
    await line.twilio.customer(ADA).write("Hi")
    await line.whatsapp.send(outbound("Look", attachments=[picture]))
    await line.twilio.until(lambda: line.twilio.customer(ADA).received)
    [sent] = line.twilio.customer(ADA).received
    assert sent.body == "Look"
    assert [(each.type, each.data) for each in sent.media] == [("image/png", PNG)]
    answer = await line.client.get(sent.media_urls[0].removeprefix(PUBLIC_URL))
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"].startswith("attachment")


async def test_files_that_do_not_go_along_are_linked_once(line: Line) -> None:
    csv = Attachment(key="a", name="a.csv", media_type="text/csv", size=1)
    png = Attachment(key="b", name="b.png", media_type="image/png", size=1)
    await line.whatsapp.send(outbound("Both", attachments=[csv, png]))
    await line.whatsapp.send(outbound("First part", attachments=[png], last=False))
    both, first = line.twilio.sent
    assert both.body.startswith(f"Both\na.csv: {PUBLIC_URL}{WEBHOOK}/media/")
    assert "\nb.png: https://" in both.body
    assert not both.media_urls
    assert (first.body, list(first.media_urls)) == ("First part", [])


async def test_a_file_is_nobodys_without_its_signed_address(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    (line.files / "key1").write_bytes(PNG)
    file = Attachment(key="key1", name="a.png", media_type="image/png", size=1)
    path = line.account.link(file).removeprefix(PUBLIC_URL)
    assert (await line.client.get(path)).content == PNG
    token = path.rpartition("/")[2]
    assert not [other for other in changes(token) if line.account.linked(other) is not None]
    forged = Account(sid=ACCOUNT_SID, token=AUTH_TOKEN, address=PUBLIC_URL, key="another").link(file)
    for wrong in (forged.removeprefix(PUBLIC_URL), f"{WEBHOOK}/media/x", f"{WEBHOOK}/media/.", f"{path}."):
        assert (await line.client.get(wrong)).status_code == 404
    monkeypatch.setattr("time.time", lambda: now().timestamp() + 8 * 24 * 3600)
    assert line.account.linked(token) is None


async def test_there_is_always_something_to_send(line: Line) -> None:
    assert "nothing" in (await refused(line, outbound("  "))).detail
    assert "1,600" in (await refused(line, outbound("😀" * 801))).detail
    assert line.twilio.sent == []


# the window ------------------------------------------------------------------------------------------


async def test_outside_of_the_window_a_message_leaves_as_the_template(line: Line) -> None:
    told = outbound("Your parcel\n\nis\there.   Soon.", window_closed=True, recipient_name="Ada\nL.")
    await line.whatsapp.send(told)
    [sent] = line.twilio.sent
    assert sent.content_sid == TEMPLATE.id
    assert sent.content_variables == {"1": "Ada L.", "2": "Your parcel is here. Soon."}
    assert "Body" not in sent.form
    assert sent.body == "Hello Ada L., your question: Your parcel is here. Soon. Write back any time."


async def test_a_name_that_is_not_known_is_the_number(line: Line) -> None:
    await line.whatsapp.send(outbound("{name} {0} {{1}}", window_closed=True))
    assert line.twilio.sent[0].content_variables == {"1": "+4915112345678", "2": "{name} {0} {{1}}"}


async def test_what_no_template_can_carry_is_final_and_says_so(line: Line) -> None:
    error = await refused(line, outbound("word " * 300, window_closed=True))
    assert (error.retry, error.trouble) == (False, Trouble.WINDOW_CLOSED)
    assert "1024" in error.detail
    with pytest.raises(NotDelivered) as caught:
        await sender(line.account).send(outbound(window_closed=True))
    assert (caught.value.retry, caught.value.trouble) == (False, Trouble.WINDOW_CLOSED)
    assert "no template" in caught.value.detail
    assert line.twilio.sent == []


async def test_a_chosen_template_leaves_as_it_was_filled(line: Line) -> None:
    filled = line.whatsapp.filled("parcel", {"1": "A 17", "day": "today"}, recipient="Ada", text="")
    assert filled.text == "Parcel A 17, again A 17: today."
    for closed in (True, False):
        await line.whatsapp.send(outbound(filled.text, template=filled, window_closed=closed))
    for sent in line.twilio.sent:
        assert (sent.content_sid, sent.content_variables) == (PARCEL.id, {"1": "A 17", "day": "today"})
        assert (sent.body, "Body" in sent.form) == (filled.text, False)
    usual = line.whatsapp.filled("update", {"1": "Ms L."}, recipient="Ada", text="It is\n\there. ")
    assert usual.variables == {"1": "Ms L.", "2": "It is here."}


@pytest.mark.parametrize(
    ("name", "given", "place", "why"),
    [
        ("gone", {}, None, "bot.toml names no template gone"),
        ("parcel", {"1": "A 17"}, "day", "{{day}}: something has to stand here"),
        ("parcel", {"1": " ", "day": "today"}, "1", "{{1}}: something has to stand here"),
        ("parcel", {"1": "a", "day": "b", "2": "c"}, "2", "the template parcel has no place {{2}}"),
        ("update", {"2": "one\ntwo"}, "2", "Our answer: line breaks and tabs can't stand in a template"),
        ("update", {"2": "one\ttwo"}, "2", "Our answer: line breaks and tabs can't stand in a template"),
        ("update", {"2": "one\u2028two"}, "2", "Our answer: line breaks and tabs can't stand in a template"),
        ("update", {"2": "one     two"}, "2", "Our answer: more than four spaces in a row can't stand"),
        ("update", {"2": "x" * 1000}, None, "with what was filled in the message has 10"),
        ("update", {"2": "😀" * 500}, None, "with what was filled in the message has 10"),
    ],
)
async def test_what_twilio_would_refuse_in_a_template_is_told_before_it_is_asked(
    line: Line, name: str, given: Mapping[str, str], place: str | None, why: str
) -> None:
    with pytest.raises(NotFilled) as caught:
        line.whatsapp.filled(name, given, recipient="Ada", text="")
    assert caught.value.place == place
    assert str(caught.value).startswith(why)
    with pytest.raises(NotFilled):
        line.sms.filled(name, given, recipient="Ada", text="")


# asked what became of it -----------------------------------------------------------------------------


async def test_a_message_whose_end_is_unknown_is_found_in_twilios_list(line: Line) -> None:
    began = now()
    await line.whatsapp.send(outbound("Something else"))
    line.twilio.script([BROKEN_AFTER])
    message = outbound("Line one\n\nline two  ")
    await refused(line, message)
    other, lost = line.twilio.sent
    assert await line.whatsapp.find(message, since=began, known=[other.sid]) == lost.sid
    assert await line.whatsapp.find(message, since=began, known=[other.sid, lost.sid]) is None
    assert await line.whatsapp.find(message, since=now() + timedelta(hours=1), known=[other.sid]) == lost.sid
    assert await line.whatsapp.find(message, since=now() + timedelta(hours=3), known=[]) is None
    assert await line.whatsapp.find(outbound("Never sent"), since=began, known=[]) is None
    assert await line.whatsapp.find(replace(message, recipient=f"{ADA}9"), since=began, known=[]) is None


async def test_a_lost_template_and_a_lost_file_are_found_too(line: Line) -> None:
    began = now()
    csv = Attachment(key="a", name="a.csv", media_type="text/csv", size=1)
    png = Attachment(key="b", name="b.png", media_type="image/png", size=1)
    filled = line.whatsapp.filled("parcel", {"1": "A 17", "day": "today"}, recipient="Ada", text="")
    messages = [
        outbound("A template,\nthis", window_closed=True, recipient_name="Ada"),
        outbound("A picture", attachments=[png]),
        outbound("Links", attachments=[csv, png]),
        outbound(filled.text, template=filled, window_closed=True),
    ]
    line.twilio.script([BROKEN_AFTER] * 4)
    for message in messages:
        await refused(line, message)
    for message, lost in zip(messages, line.twilio.sent, strict=True):
        assert await line.whatsapp.find(message, since=began, known=[]) == lost.sid
    assert await line.whatsapp.find(outbound("A picture"), since=began, known=[]) is None


@pytest.mark.parametrize("variables", [{}, {"1": "Ada"}], ids=["nothing to fill", "a name"])
async def test_another_message_is_not_taken_for_a_lost_template(
    line: Line, variables: dict[str, str]
) -> None:
    """It may be the template, had other words been approved: neither sent again nor taken for sent."""
    began = now()
    filled = FilledTemplate(name="back", id=PARCEL.id, variables=variables, text="Ada, we are back.")
    message = outbound(filled.text, template=filled, window_closed=True)
    assert await line.whatsapp.find(message, since=began, known=[]) is None
    other = await line.whatsapp.send(outbound("Hello Ada, this is another matter"))
    assert other is not None
    with pytest.raises(NotDelivered, match="may be this one") as told:
        await line.whatsapp.find(message, since=began, known=[])
    assert told.value.uncertain
    assert await line.whatsapp.find(message, since=began, known=[other]) is None
    await line.whatsapp.send(outbound("Ada, we are back."))
    assert await line.whatsapp.find(message, since=began, known=[]) not in {None, other}


async def test_a_lost_message_is_not_sent_again_when_its_recipient_has_another_name_meanwhile(
    line: Line,
) -> None:
    """Nor when bot.toml has other templates by then, as after the restart that it was lost in."""
    began = now()
    line.twilio.script([BROKEN_AFTER])
    message = outbound("Your parcel is here.", window_closed=True, recipient_name="Ada")
    await refused(line, message)
    without = sender(line.account)
    for asked, whatsapp in (
        (replace(message, recipient_name="Ada Lovelace"), line.whatsapp),
        (message, without),
    ):
        with pytest.raises(NotDelivered, match="may be this one"):
            await whatsapp.find(asked, since=began, known=[])
        [lost] = line.twilio.sent
        assert await whatsapp.find(asked, since=began, known=[lost.sid]) is None
    assert await line.whatsapp.find(replace(message, text="Another matter"), since=began, known=[]) is None


async def test_a_lost_file_that_twilio_has_not_counted_yet_is_not_sent_again(line: Line) -> None:
    async def listed(request: web.Request) -> web.Response:
        one = {"sid": "SM1", "body": "A picture", "direction": "outbound-api", "num_media": "0"}
        return web.json_response({"messages": [one], "next_page_uri": None})

    png = Attachment(key="b", name="b.png", media_type="image/png", size=1)
    async with answering(listed) as url:
        account = account_at(url)
        with pytest.raises(NotDelivered, match="may be this one"):
            await sender(account).find(outbound("A picture", attachments=[png]), since=now(), known=[])
        assert await sender(account).find(outbound("A picture"), since=now(), known=[]) == "SM1"
        await account.close()


async def test_the_list_is_read_to_its_end(line: Line) -> None:
    began = now()
    for number in range(450):
        await line.whatsapp.send(outbound(f"{number}"))
    assert await line.whatsapp.find(outbound("3"), since=began, known=[]) == line.twilio.sent[3].sid
    assert await line.whatsapp.find(outbound("none"), since=began, known=[]) is None


async def test_a_twilio_that_cannot_say_leaves_it_uncertain(line: Line) -> None:
    async def endless(request: web.Request) -> web.Response:
        one = {"sid": "SM1", "body": "x", "direction": "outbound-api"}
        return web.json_response({"messages": [one], "next_page_uri": str(request.rel_url)})

    async with answering(endless) as url:
        account = account_at(url)
        with pytest.raises(NotDelivered) as caught:
            await sender(account).find(outbound(), since=now(), known=[])
        assert caught.value.uncertain
        await account.close()
    account = account_at(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(NotDelivered) as caught:
        await sender(account).find(outbound(), since=now(), known=[])
    assert (caught.value.uncertain, caught.value.retry) == (True, False)
    await account.close()


async def test_a_next_page_elsewhere_is_not_asked_with_our_credentials() -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path_qs)
        return web.json_response({"meta": {"key": "m", "next_page_url": "http://evil.example/x"}, "m": []})

    async with answering(answer) as url:
        account = account_at(url)
        assert await sender(account).find(outbound(), since=now(), known=[]) is None
        await account.close()
    assert len(asked) == 1


# files -----------------------------------------------------------------------------------------------


async def test_a_file_is_fetched_with_the_accounts_credentials(line: Line) -> None:
    await line.twilio.customer(ADA).write(media=[Media(type="image/png", data=PNG)])
    [message] = line.ears.messages
    into = line.files / "kept"
    fetched = await line.whatsapp.fetch(message.remote[0], into)
    assert (fetched.media_type, fetched.size) == ("image/png", len(PNG))
    assert into.read_bytes() == PNG
    assert [each.name for each in line.files.iterdir()] == ["kept"]


@pytest.mark.parametrize(
    ("said", "data", "kept"),
    [
        ("audio/ogg; codecs=opus", b"OggS" + bytes(20), "audio/ogg"),
        ("audio/mp4", bytes(4) + b"ftypM4A ", "audio/mp4"),
        ("video/mp4", bytes(4) + b"ftypisom", "video/mp4"),
        ("video/3gpp", bytes(4) + b"ftyp3gp5", "video/3gpp"),
        ("audio/amr", b"#!AMR\n", "audio/amr"),
        ("audio/mpeg", b"ID3" + bytes(20), "audio/mpeg"),
        ("text/vcard", b"BEGIN:VCARD\nVERSION:3.0\n", "text/vcard"),
        ("application/pdf", b"%PDF-1.7", "application/pdf"),
        ("image/jpeg", PNG, "image/png"),
        ("application/octet-stream", PNG, "image/png"),
        ("text/plain", b"words", "text/plain"),
        ("text/plain", b"MZ\x00\x01", None),
        ("image/png", b"<script>alert(1)</script>", None),
        ("text/html", b"<html>", None),
        ("application/zip", b"PK\x03\x04", None),
        ("", b"", None),
    ],
)
async def test_a_file_is_what_its_bytes_say(line: Line, said: str, data: bytes, kept: str | None) -> None:
    class Given:
        async def fetch(self, url: str, into: Path, *, limit: int, credentials: object = None) -> None:
            await asyncio.to_thread(into.write_bytes, data)

    line.whatsapp._fetch = Given()
    into = line.files / "kept"
    if kept is None:
        with pytest.raises(NotFetched) as caught:
            await line.whatsapp.fetch(RemoteFile(url="x", media_type=said), into)
        assert not caught.value.retry
        assert list(line.files.iterdir()) == []
    else:
        fetched = await line.whatsapp.fetch(RemoteFile(url="x", media_type=said), into)
        assert (fetched.media_type, fetched.size) == (kept, len(data))


@pytest.mark.parametrize(
    ("url", "ours"),
    [
        ("https://api.twilio.com/2010-04-01/x", True),
        ("https://mcs.us1.twilio.com/x", True),
        ("http://127.0.0.1:8090/x", True),
        ("http://api.twilio.com/x", False),
        ("http://127.0.0.1:8091/x", False),
        ("https://127.0.0.1:8090/x", False),
        ("https://api.twilio.com.evil.example/x", False),
        ("https://eviltwilio.com/x", False),
        ("https://evil.example/api.twilio.com", False),
        ("https://api.twilio.com@evil.example/", False),
        ("https://evil.example\\@api.twilio.com/", False),
    ],
)
def test_credentials_are_for_the_provider_alone(url: str, ours: bool) -> None:
    assert (account_at("http://127.0.0.1:8090").credentials_for(url) is not None) is ours


# typing, and the doctor's question -------------------------------------------------------------------


async def test_typing_is_shown_for_a_message_and_its_failure_is_nobodys(line: Line) -> None:
    written = await line.twilio.customer(ADA).write("Hi")
    await line.whatsapp.typing(line.ears.messages[0].external_id)
    assert line.twilio.typing == [written.sid]
    await line.whatsapp.typing(f"{ACCOUNT_SID}:SM" + "0" * 32)
    account = account_at(f"http://127.0.0.1:{free_port()}")
    await sender(account).typing("AC1:SM1")
    await account.close()


async def test_the_account_tells_whether_its_credentials_are_known(line: Line) -> None:
    assert await line.account.check() == "The double's account"
    wrong = Account(sid=ACCOUNT_SID, token="x", address=PUBLIC_URL, key="k", api_url=line.twilio.url)
    with pytest.raises(NotDelivered, match="does not know these credentials"):
        await wrong.check()
    await wrong.close()


def sender(account: Account) -> WhatsApp:
    return WhatsApp(
        account=account, sender=WHATSAPP_FROM, fetch=Outside(), open_file=lambda _: None, per_second=80
    )


@asynccontextmanager
async def answering(answer: Any) -> AsyncIterator[str]:
    """A server that is no Twilio."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
