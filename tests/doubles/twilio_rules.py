"""What Twilio accepts, refuses, says and signs: the rules of the double in tests/doubles/twilio.py."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Literal
from urllib.parse import urlsplit

import orjson
from aiohttp import web
from multidict import MultiMapping

ACCOUNT_SID = "AC" + "5" * 32
AUTH_TOKEN = "the-token-of-the-double"
WHATSAPP_FROM = "whatsapp:+14155238886"
SMS_FROM = "+14155238887"
PUBLIC_URL = "https://chat.northwind.example"
WINDOW = 24 * 3600.0  # seconds after a customer's last WhatsApp message in which free text reaches them
LONGEST = 1600  # characters of a body
WEBHOOK_LASTS = 15.0  # seconds Twilio gives a webhook in all, its retries included
API = "/2010-04-01/Accounts/{account}"

_E164 = re.compile(r"\+[1-9]\d{6,14}")
_SCOPED = re.compile(r"[A-Z]{2}\.[A-Za-z0-9]{1,128}")  # a WhatsApp user without a phone number
PARAMETERS = frozenset(
    (
        *("To", "From", "MessagingServiceSid", "Body", "MediaUrl", "ContentSid", "ContentVariables"),
        *("StatusCallback", "ApplicationSid", "MaxPrice", "ProvideFeedback", "Attempt", "ValidityPeriod"),
        *("ForceDelivery", "ContentRetention", "AddressRetention", "SmartEncoded", "PersistentAction"),
        *("TrafficType", "ShortenUrls", "ScheduleType", "SendAt", "SendAsMms", "MessageIntent", "RiskCheck"),
        "FallbackFrom",
    )
)
FILTERS = frozenset(("To", "From", "DateSent", "DateSent<", "DateSent>", "PageSize", "Page", "PageToken"))

# What Twilio says with each of its codes: the HTTP status (None: the message fails later) and the words.
ERRORS: Mapping[int, tuple[int | None, str]] = {
    14103: (None, "Invalid Content"),
    20001: (400, "Unknown parameters"),
    20003: (401, "Authenticate"),
    20004: (405, "Method not allowed"),
    20404: (404, "The requested resource was not found"),
    20429: (429, "Too Many Requests"),
    20500: (500, "Internal Server Error"),
    20503: (503, "Service Unavailable"),
    21211: (400, "The 'To' number is not a valid phone number"),
    21603: (400, "A 'From' phone number is required"),
    21604: (400, "A 'To' phone number is required"),
    21606: (400, "The 'From' phone number is not a valid, SMS-capable number of this account"),
    21609: (400, "The 'StatusCallback' URL is not a valid URL"),
    21610: (400, "Attempt to send to unsubscribed recipient"),
    21617: (400, "The concatenated message body exceeds the 1600 character limit"),
    21619: (400, "A text message body or media urls must be specified"),
    21620: (400, "Invalid media URL(s)"),
    21623: (400, "Number of media files exceeds allowed limit"),
    21655: (400, "The ContentSid Parameter is Invalid"),
    21656: (400, "The ContentVariables Parameter is invalid"),
    21910: (400, "Invalid From and To pair. From and To should be of the same channel"),
    63003: (None, "Channel could not find To address"),
    63007: (400, "Twilio could not find a Channel with the specified From address"),
    63013: (None, "This message send failed because it violates Channel provider's policy"),
    63016: (None, "Failed to send freeform message because you are outside the allowed window"),
    63018: (None, "Rate limit exceeded for Channel"),
    63019: (None, "Media failed to download"),
    63024: (None, "Invalid message recipient"),
}
UNDELIVERED = frozenset((63003, 63016, 63024))  # the channel turned these down; others fail before it


Opting = Literal["STOP", "START", "HELP"]  # what Twilio's own opt-out handling understands


class Refused(Exception):  # noqa: N818
    """A call is answered with one of Twilio's errors."""

    def __init__(self, code: int, detail: str = "") -> None:
        status, words = ERRORS[code]
        assert status is not None
        super().__init__(f"{words}: {detail}" if detail else words)
        self.code = code
        self.status = status


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens to one call that wants to send.

    `accepted`: the message is taken all the same, so that only the answer goes wrong. `silent` never
    answers, `cut` closes the connection without an answer; else it is answered with `code`, or as usual
    when there is none, after `delay` seconds.
    """

    code: int | None = None
    accepted: bool = False
    silent: bool = False
    cut: bool = False
    delay: float = 0.0
    retry_after: int | None = None


TOO_MANY = Fault(code=20429, retry_after=1)
BROKEN = Fault(code=20500)
BROKEN_AFTER = Fault(code=20500, accepted=True)
SILENT = Fault(silent=True)
SILENT_AFTER = Fault(silent=True, accepted=True)
CUT = Fault(cut=True)
CUT_AFTER = Fault(cut=True, accepted=True)
SLOW = Fault(accepted=True, delay=3.0)
EVERY_FAULT = (TOO_MANY, BROKEN, BROKEN_AFTER, SILENT, SILENT_AFTER, CUT, CUT_AFTER, SLOW)


@dataclass(frozen=True, kw_only=True)
class Media:
    """A file of a message, with its bytes."""

    type: str
    data: bytes
    name: str = ""
    sid: str = field(default_factory=lambda: "ME" + uuid.uuid4().hex)


@dataclass(frozen=True, kw_only=True)
class Location:
    latitude: float
    longitude: float
    label: str = ""
    address: str = ""


@dataclass(kw_only=True, eq=False)
class Message:
    """One message resource, in either direction. `number` counts what was accepted, in that order."""

    number: int
    sid: str
    direction: Literal["inbound", "outbound-api"]
    sender: str
    to: str
    body: str
    status: str
    media_urls: Sequence[str] = ()
    media: list[Media] = field(default_factory=list)
    content_sid: str = ""
    content_variables: Mapping[str, str] = field(default_factory=dict)
    callback: str = ""
    error: int | None = None
    location: Location | None = None
    quotes: str = ""  # the SID of the message it answers
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    at: float = field(default_factory=time.monotonic)
    form: Mapping[str, str] = field(default_factory=dict)  # as it came, or as it was posted
    answers: list[int] = field(default_factory=list)  # what its webhooks were answered with

    @property
    def failed(self) -> bool:
        return self.status in {"failed", "undelivered"}


@dataclass(frozen=True, kw_only=True)
class Posted:
    """One webhook or callback that was posted, and what came of it; `status` 0: no answer."""

    url: str
    form: Mapping[str, str]
    status: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call that wanted to send and was not answered with 201."""

    form: Mapping[str, str]
    code: int | None
    fault: Fault | None = None


def settings_for(url: str, public_url: str = PUBLIC_URL) -> Mapping[str, str]:
    """The environment of a Switchboard that uses the Twilio at `url`."""
    return {
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "TWILIO_WHATSAPP_FROM": WHATSAPP_FROM,
        "TWILIO_API_URL": url,
        "PUBLIC_URL": public_url,
    }


def signature(token: str, url: str, form: Mapping[str, str]) -> str:
    """X-Twilio-Signature: https://www.twilio.com/docs/usage/webhooks/webhooks-security."""
    signed = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()


def segments(text: str) -> int:
    """How many SMS a text takes: 160 characters of the basic alphabet or 70 others, a few fewer in each of
    several."""
    whole, each = (160, 153) if text.isascii() else (70, 67)
    return 1 if len(text) <= whole else -(-len(text) // each)


def resource(message: Message) -> Mapping[str, object]:
    """A message as the API shows it."""
    at = f"{API.format(account=ACCOUNT_SID)}/Messages/{message.sid}"
    moment = format_datetime(message.created)
    whatsapp = "whatsapp:" in message.to
    return {
        "account_sid": ACCOUNT_SID,
        "api_version": "2010-04-01",
        "body": message.body,
        "date_created": moment,
        "date_sent": None if message.status == "queued" else moment,
        "date_updated": moment,
        "direction": message.direction,
        "error_code": message.error,
        "error_message": ERRORS[message.error][1] if message.error else None,
        "from": message.sender,
        "messaging_service_sid": message.form.get("MessagingServiceSid"),
        "num_media": str(len(message.media_urls or message.media)),
        "num_segments": "1" if whatsapp else str(segments(message.body)),
        "price": None,
        "price_unit": None,
        "sid": message.sid,
        "status": message.status,
        "subresource_uris": {"media": f"{at}/Media.json"},
        "to": message.to,
        "uri": f"{at}.json",
    }


def error_answer(code: int, message: str, *, retry_after: int | None = None) -> web.Response:
    status = ERRORS[code][0]
    assert status is not None
    headers = {"Retry-After": str(retry_after)} if retry_after is not None else {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="Twilio API"'
    more = f"https://www.twilio.com/docs/errors/{code}"
    body = {"code": code, "message": message, "more_info": more, "status": status}
    return web.json_response(body, status=status, headers=headers)


def check_parties(sender: str, to: str, *, service: str) -> None:
    if not to:
        raise Refused(21604)
    if not (sender or service):
        raise Refused(21603)
    whatsapp = to.startswith("whatsapp:")
    bare = to.removeprefix("whatsapp:")
    if not (_E164.fullmatch(bare) or (whatsapp and _SCOPED.fullmatch(bare))):
        raise Refused(21211, to)
    if sender and whatsapp != sender.startswith("whatsapp:"):
        raise Refused(21910)
    if sender and sender != (WHATSAPP_FROM if whatsapp else SMS_FROM):
        raise Refused(63007 if whatsapp else 21606, sender)


_UNFIT = re.compile(r"[\n\r\t]| {5}")


def variables_of(given: str) -> Mapping[str, str]:
    """A template's variables; https://www.twilio.com/docs/api/errors/21656 says what they may hold."""
    if not given:
        return {}
    try:
        variables = orjson.loads(given)
    except orjson.JSONDecodeError:
        raise Refused(21656) from None
    if not isinstance(variables, dict):
        raise Refused(21656)
    for value in variables.values():
        if not isinstance(value, str) or not 0 < len(value) <= LONGEST or _UNFIT.search(value):
            raise Refused(21656)
    return variables


def within_bounds(moment: datetime, asked: Mapping[str, str]) -> bool:
    """Whether a time is within the filter's bounds, which are days or seconds and both included."""
    seen = moment.replace(microsecond=0)
    for name, fits in (("DateSent>", seen.__ge__), ("DateSent<", seen.__le__)):
        if name in asked and not fits(_moment(asked[name], end=name == "DateSent<")):
            return False
    return "DateSent" not in asked or seen.date() == _moment(asked["DateSent"]).date()


def _moment(given: str, *, end: bool = False) -> datetime:
    moment = datetime.fromisoformat(given)
    if len(given) == 10 and end:
        moment = moment.replace(hour=23, minute=59, second=59)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def is_http(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def plain(form: MultiMapping[Any]) -> Mapping[str, str]:
    return {name: str(value) for name, value in form.items()}
