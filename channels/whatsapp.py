"""WhatsApp and SMS through Twilio: its webhooks in, its REST API out."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, Protocol

import orjson
from starlette.datastructures import ImmutableMultiDict
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from channels.base import (
    Channel,
    ChannelLimits,
    DeliveryStatus,
    FetchedFile,
    FilledTemplate,
    InboundMessage,
    Inbox,
    NotDelivered,
    NotFetched,
    NotFilled,
    OutboundMessage,
    RemoteFile,
    Source,
    Template,
    Trouble,
)
from channels.twilio_account import WEBHOOK, Account, form
from channels.twilio_codes import in_words, trouble_of
from channels.website import FILE_TYPES
from channels.whatsapp_template import fill
from channels.whatsapp_text import clean, in_one_line, parts, units

log = logging.getLogger("switchboard.whatsapp")

STATUS = f"{WEBHOOK}/status"
LONGEST = 1600  # UTF-16 units in one message
BODY_LIMIT = 64 * 1024  # bytes of a webhook
FILE_LIMIT = 16 * 2**20  # bytes of a file: what WhatsApp itself carries
_TEXT_LIMIT = 8_000  # characters kept of one message; WhatsApp lets people write 4,096
_FILES = 10  # of one message, at the most
_PAGE = 200  # messages to ask for at once
_PAGES = 10
_SLACK = timedelta(hours=2)  # by which our clock may differ from Twilio's: an hour, and some more
_TRIAL = "Sent from your Twilio trial account - "  # stands before what a trial account sends

# Twilio's signature joins names and values without anything between them: an old capture, cut elsewhere,
# would be a new message. Names begin with a capital, an id has two of them and 34 characters at
# the most.
_NAME = re.compile(r"[A-Z][A-Za-z0-9_]*")
_SID = re.compile(r"[A-Za-z0-9]{2,34}")

_CODE = re.compile(r"[0-9]{1,9}")

_STATUSES: Mapping[str, DeliveryStatus] = {
    # Those before "sent" tell nothing that Twilio's taking the message did not.
    "sent": DeliveryStatus.SENT,
    "delivered": DeliveryStatus.DELIVERED,
    "read": DeliveryStatus.READ,
    "undelivered": DeliveryStatus.FAILED,
    "failed": DeliveryStatus.FAILED,
    "canceled": DeliveryStatus.FAILED,
}
_OPTING: Mapping[str, Literal["in", "out"]] = {
    **dict.fromkeys(("STOP", "STOPALL", "UNSUBSCRIBE"), "out"),
    **dict.fromkeys(("START", "UNSTOP"), "in"),
}
_MP4 = re.compile(rb".{4}ftyp", re.DOTALL)
# What customers may send, and how such files begin.
_INCOMING: Mapping[str, re.Pattern[bytes]] = {
    **FILE_TYPES,
    "audio/ogg": re.compile(rb"OggS"),
    "audio/mpeg": re.compile(rb"ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb]"),
    "audio/amr": re.compile(rb"#!AMR"),
    "video/3gpp": re.compile(rb".{4}ftyp3g", re.DOTALL),
    "video/mp4": _MP4,
    "audio/mp4": _MP4,
    "text/vcard": re.compile(rb"(?i)\s*BEGIN:VCARD"),
}
# What WhatsApp carries; beside some of it, words would be lost.
_WITHOUT_WORDS = ("audio/ogg", "audio/mpeg", "audio/mp4", "audio/amr", "video/3gpp", "text/vcard")
_CARRIED = ("image/jpeg", "image/png", "video/mp4", "application/pdf", *_WITHOUT_WORDS)
_MMS = ("image/jpeg", "image/png", "image/gif")


class Fetch(Protocol):
    """Something that fetches from outside and lets nobody lead it inside."""

    async def fetch(
        self, url: str, into: Path, *, limit: int, credentials: tuple[str, str] | None = None
    ) -> None:
        """Write what lies at `url` to `into`, at most `limit` bytes, or raise NotFetched."""
        ...


class _Twilio(Channel):
    """What WhatsApp and SMS have in common: a sender's number, and Twilio to send through."""

    def __init__(
        self,
        *,
        account: Account,
        sender: str,
        fetch: Fetch,
        templates: Sequence[Template] = (),
        usual: str = "",
    ) -> None:
        """`usual` names the template in which leaves what nobody has chosen one for."""
        self._account = account
        self._sender = sender
        self._fetch = fetch
        self.templates = sorted(templates, key=lambda each: each.name != usual)
        self._usual = next((each for each in templates if each.name == usual), None)

    def parts(self, text: str, sources: Sequence[Source]) -> Sequence[str]:
        return parts(text, sources, marked=self.limits.markup == "whatsapp", limit=LONGEST)

    async def send(self, message: OutboundMessage) -> str | None:
        template = message.template or (self._in_the_usual(message) if message.window_closed else None)
        told = _as_template(template) if template else self._as_text(message)
        sent = await self._account.ask(
            self._account.client.messages.create_async(
                to=message.recipient,
                from_=self._sender,
                status_callback=f"{self._account.address}{STATUS}",
                **told,
            )
        )
        if not sent.sid:
            raise NotDelivered("Twilio took the message and gave it no id", uncertain=True)
        return str(sent.sid)

    async def find(self, message: OutboundMessage, *, since: datetime, known: Collection[str]) -> str | None:
        try:
            return await self._account.ask(self._find(message, since - _SLACK, known))
        except NotDelivered as error:
            raise NotDelivered(error.detail, uncertain=True, after=error.after) from None

    async def _find(self, message: OutboundMessage, earliest: datetime, known: Collection[str]) -> str | None:
        # Not by DateSent: a message that still waits at Twilio has none.
        page = await self._account.client.messages.page_async(
            to=message.recipient, from_=self._sender, page_size=_PAGE
        )
        doubtful = False
        for _ in range(_PAGES):
            listed = list(page)
            for each in listed:
                if each.sid in known or _before(each, earliest) or not _outbound(each):
                    continue
                if self._is(each, message):
                    return str(each.sid)
                doubtful = doubtful or self._may_be(each, message)
            if not page.next_page_url or all(_before(each, earliest) for each in listed):
                if doubtful:
                    raise NotDelivered(
                        "Twilio has a message that may be this one, but not in the words we know"
                    )
                return None
            page = await page.next_page_async()
        raise NotDelivered("Twilio's list of messages to this recipient has no end")

    def _is(self, listed: Any, message: OutboundMessage) -> bool:
        """Whether one of Twilio's messages is this one: in its own words, or around them the template's that
        nobody has chosen."""
        body = _body(listed)
        text, media = self._text_and_media(message)
        if body == _compared(text) and int(listed.num_media or 0) == len(media):
            return True
        if message.template is not None or not message.window_closed or self._usual is None:
            return False
        try:
            template = self._filled(self._usual, message)
        except NotFilled:  # nor could it be sent
            return False
        return all(_stands_in(body, value) for value in template.variables.values())

    def _may_be(self, listed: Any, message: OutboundMessage) -> bool:
        """Whether one of Twilio's messages could be this one all the same, so that a person decides.

        Of a chosen template other words may be approved than those that we know; what stands in its places
        may be no more than a name, which other messages say too. Around a text that left as the usual one,
        the name and the template may be others by now. Files Twilio counts once it has fetched them.
        """
        body = _body(listed)
        if message.template is not None:
            return all(_stands_in(body, value) for value in message.template.variables.values())
        text, media = self._text_and_media(message)
        if body == _compared(text) and media:
            return True
        return message.window_closed and _stands_in(body, self._with_links(message))

    async def fetch(self, file: RemoteFile, into: Path) -> FetchedFile:
        partial = into.with_name(f"{into.name}.part")
        try:
            await self._fetch.fetch(
                file.url, partial, limit=FILE_LIMIT, credentials=self._account.credentials_for(file.url)
            )
            return await asyncio.to_thread(_kept, partial, into, file.media_type)
        finally:
            await asyncio.to_thread(partial.unlink, missing_ok=True)

    def _as_text(self, message: OutboundMessage) -> dict[str, Any]:
        text, media = self._text_and_media(message)
        if not text and not media:
            raise NotDelivered("there is nothing in the message to send")
        if units(text) > LONGEST:
            raise NotDelivered(f"the message is longer than {LONGEST:,} characters")
        return ({"body": text} if text else {}) | ({"media_url": list(media)} if media else {})

    def _text_and_media(self, message: OutboundMessage) -> tuple[str, Sequence[str]]:
        """One file goes along where it is shown beside the words; the others as links among them."""
        files = message.attachments if message.last else ()
        if len(files) == 1 and self._shows(files[0].media_type, beside=bool(message.text.strip())):
            return message.text.strip(), [self._account.link(files[0])]
        return self._with_links(message), []

    def _with_links(self, message: OutboundMessage) -> str:
        files = message.attachments if message.last else ()
        named = [f"{in_one_line(file.name)}: {self._account.link(file)}" for file in files]
        return "\n".join(filter(None, [message.text.strip(), *named]))

    def _shows(self, media_type: str, *, beside: bool) -> bool:
        return media_type in self.limits.media and (not beside or media_type not in _WITHOUT_WORDS)

    def filled(self, name: str, given: Mapping[str, str], *, recipient: str, text: str) -> FilledTemplate:
        template = next((each for each in self.templates if each.name == name), None)
        if template is None:
            raise NotFilled("bot.toml names no template %(name)s", name=name)
        return fill(template, given, name=recipient, text=text)

    def _in_the_usual(self, message: OutboundMessage) -> FilledTemplate:
        """What nobody has chosen a template for, in the usual one."""
        if self._usual is None:
            raise NotDelivered(
                "the recipient last wrote more than 24 hours ago, and bot.toml names no template to reach "
                "them with",
                trouble=Trouble.WINDOW_CLOSED,
            )
        try:
            return self._filled(self._usual, message)
        except NotFilled as error:
            raise NotDelivered(
                f"the recipient last wrote more than 24 hours ago; {error}", trouble=Trouble.WINDOW_CLOSED
            ) from None

    def _filled(self, template: Template, message: OutboundMessage) -> FilledTemplate:
        name = in_one_line(message.recipient_name) or message.recipient.removeprefix("whatsapp:")
        return fill(template, {}, name=name, text=self._with_links(message))


class WhatsApp(_Twilio):
    """WhatsApp; it also takes in what Twilio posts for SMS, when there is an SMS sender."""

    name = "whatsapp"

    def __init__(
        self,
        *,
        account: Account,
        sender: str,
        fetch: Fetch,
        open_file: Callable[[str], Path | None],
        per_second: float,
        templates: Sequence[Template] = (),
        usual: str = "",
        with_sms: bool = False,
    ) -> None:
        """`open_file` tells where the bytes of a key of ours lie."""
        super().__init__(account=account, sender=sender, fetch=fetch, templates=templates, usual=usual)
        self._open_file = open_file
        self._channels = {"whatsapp", "sms"} if with_sms else {"whatsapp"}
        self.limits = ChannelLimits(
            length=LONGEST,
            markup="whatsapp",
            media=_CARRIED,
            window=24 * 3600,
            per_second=per_second,
        )

    def routes(self, inbox: Inbox) -> Sequence[BaseRoute]:
        async def message(request: Request) -> Response:
            await inbox.accept(self._parsed(await self._verified(request, WEBHOOK)))
            return _taken()

        async def status(request: Request) -> Response:
            told = await self._verified(request, STATUS)
            reached = _STATUSES.get(told.get("MessageStatus", ""))
            sid = _id(told, "MessageSid")
            if reached is not None and sid:
                detail, trouble = _why(told) if reached is DeliveryStatus.FAILED else (None, None)
                await inbox.receipt(_channel_of(told), sid, reached, detail, trouble)
            return _taken()

        return [
            Route(WEBHOOK, message, methods=["POST"]),
            Route(STATUS, status, methods=["POST"]),
            Route(f"{WEBHOOK}/media/{{token:str}}", self._file, methods=["GET"]),
        ]

    async def typing(self, external_id: str) -> None:
        indicator = self._account.client.messaging.v2.typing_indicator
        try:
            await self._account.ask(
                indicator.create_async(channel="whatsapp", message_id=external_id.rpartition(":")[2])
            )
        except NotDelivered as error:
            log.info("typing could not be shown: %s", error.detail)

    async def _verified(self, request: Request, path: str) -> ImmutableMultiDict[str, str]:
        """The form that Twilio signed, or 403."""
        body = await _bounded(request)
        query = request.scope["query_string"].decode("latin-1")
        url = self._account.address + path + (f"?{query}" if query else "")
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        signature = request.headers.get("x-twilio-signature", "")
        if not self._account.genuine(url, body, media_type, signature):
            raise _refusal(403, "signature", "this is not signed by Twilio for this address")
        told = form(body)
        names = [name for name, _ in told.multi_items()]
        if len(set(names)) < len(names) or not all(map(_NAME.fullmatch, names)):
            raise _refusal(403, "signature", "these are not the fields that Twilio signs")
        return told

    def _parsed(self, told: ImmutableMultiDict[str, str]) -> InboundMessage:
        sid, sender = _id(told, "MessageSid"), _id(told, "From")
        if not sid or not sender:
            raise _refusal(400, "incomplete", "MessageSid and From are needed")
        if not _SID.fullmatch(sid):
            raise _refusal(403, "signature", "this is no id of Twilio's")
        channel = _channel_of(told)
        if channel not in self._channels:
            raise _refusal(422, "no_channel", f"nothing is set up here for messages from {sender}")
        account = self._account.sid
        quoted = _id(told, "OriginalRepliedMessageSid")
        remote = _media(told)
        text = clean(_text(told), _TEXT_LIMIT)
        return InboundMessage(
            channel=channel,
            external_id=f"{account}:{sid}",
            sender=sender,
            text=text,
            sender_name=in_one_line(clean(told.get("ProfileName", ""), 100)),
            follows=(f"{account}:{quoted}",) if quoted else (),
            remote=remote,
            opted=_OPTING.get(told.get("OptOutType", "").upper()) or _OPTING.get(text.strip().upper()),
            verified=True,
        )

    async def _file(self, request: Request) -> Response:
        """One of our files, for whoever has its signed address: Twilio, and whom we sent it to."""
        named = self._account.linked(request.path_params["token"])
        path = self._open_file(named[0]) if named else None
        if named is None or path is None:
            raise _refusal(404, "not_found", "there is no such file, or its address has expired")
        return FileResponse(
            path,
            media_type=named[2],
            filename=named[1],
            headers={
                "X-Content-Type-Options": "nosniff",
                "Content-Security-Policy": "sandbox; default-src 'none'",
                "Cache-Control": "private, max-age=3600",
            },
        )


class Sms(_Twilio):
    """SMS, in plain words. What comes in arrives through WhatsApp's webhook."""

    name = "sms"

    def __init__(self, *, account: Account, sender: str, fetch: Fetch, per_second: float) -> None:
        super().__init__(account=account, sender=sender, fetch=fetch)
        self.limits = ChannelLimits(length=LONGEST, markup="plain", media=_MMS, per_second=per_second)


# what comes in ---------------------------------------------------------------------------------------


def _id(told: Mapping[str, str], name: str) -> str:
    return clean(told.get(name, ""), 200)


def _channel_of(told: Mapping[str, str]) -> str:
    """Which of Twilio's channels a webhook tells of: a prefix of its addresses, none for SMS."""
    prefix, colon, _ = told.get("From", "").partition(":")
    return prefix if colon else "sms"


def _text(told: Mapping[str, str]) -> str:
    """What somebody wrote, or chose, or where they are; empty where there are no words, as with a sticker."""
    words = told.get("Body", "")
    if told.get("Latitude") and told.get("Longitude"):
        place = f"https://maps.google.com/maps?q={told['Latitude']},{told['Longitude']}"
        named = [told.get(name, "") for name in ("Label", "Address")]
        located = "📍 " + ", ".join([*dict.fromkeys(filter(None, named)), place])
        return located if words in {"", *named} else f"{words}\n{located}"
    chosen = words or told.get("ButtonText", "") or told.get("ListTitle", "") or told.get("ButtonPayload", "")
    described = told.get("ListDescription", "")
    if described and described not in chosen:
        chosen = f"{chosen}\n{described}".strip()
    return chosen


def _media(told: Mapping[str, str]) -> Sequence[RemoteFile]:
    """The files that are there, whatever `NumMedia` says."""
    found: list[RemoteFile] = []
    for index in range(_FILES):
        if url := told.get(f"MediaUrl{index}", ""):
            media_type = told.get(f"MediaContentType{index}", "").partition(";")[0].strip().lower()
            found.append(RemoteFile(url=clean(url, 2000), media_type=clean(media_type, 100)))
    return tuple(found)


def _why(told: Mapping[str, str]) -> tuple[str, Trouble | None]:
    """Why a message failed, for operators and for the bot."""
    code = int(told["ErrorCode"]) if _CODE.fullmatch(told.get("ErrorCode", "")) else None
    said = told.get("ErrorMessage") or told.get("ChannelStatusMessage") or ""
    if told.get("MessageStatus") == "canceled":
        said = said or "it was cancelled in Twilio's console"
    return clean(in_words(code, said), 300), trouble_of(code)


async def _bounded(request: Request) -> bytes:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > BODY_LIMIT:
                raise _refusal(413, "too_large", f"a webhook has at most {BODY_LIMIT // 1024} KB")
    except ClientDisconnect:
        raise _refusal(400, "cut", "the request ended early") from None
    return bytes(body)


def _taken() -> Response:
    """TwiML that says nothing: the answer follows by the REST API."""
    return Response("<Response/>", media_type="text/xml")


def _refusal(status: int, code: str, message: str) -> HTTPException:
    return HTTPException(status, detail={"code": code, "message": message})  # type: ignore[arg-type]


def _kept(partial: Path, into: Path, said: str) -> FetchedFile:
    """Give the file its place if it is of a kind we keep; what it is, its bytes say."""
    with partial.open("rb") as file:
        beginning = file.read(1024)
    media_type = _kind(beginning, said)
    if media_type is None:
        raise NotFetched(f"files of this kind are not kept: {said or 'unknown'}")
    size = partial.stat().st_size
    partial.replace(into)
    return FetchedFile(media_type=media_type, size=size)


def _kind(beginning: bytes, said: str) -> str | None:
    said = said.partition(";")[0].strip().lower()
    fits = [name for name, begins in _INCOMING.items() if begins.match(beginning)]
    if said in fits and (not said.startswith("text/") or b"\0" not in beginning):
        return said
    return next((name for name in fits if not name.startswith("text/")), None)


# what goes out ---------------------------------------------------------------------------------------


def _as_template(template: FilledTemplate) -> dict[str, Any]:
    variables = orjson.dumps(dict(template.variables)).decode()
    return {"content_sid": template.id} | ({"content_variables": variables} if template.variables else {})


def _compared(text: str) -> str:
    """A text as it is compared: a template has no line breaks, and no two links to a file are alike."""
    return in_one_line(re.sub(rf"\S*{WEBHOOK}/media/\S+", "", text))


def _body(listed: Any) -> str:
    return _compared(str(listed.body or "").removeprefix(_TRIAL))


def _outbound(listed: Any) -> bool:
    return str(listed.direction or "outbound").startswith("outbound")


def _stands_in(body: str, value: str) -> bool:
    """Whether a template's place was filled with this; a short word within a longer one does not count."""
    return re.search(rf"(?<!\w){re.escape(_compared(value))}(?!\w)", body) is not None


def _before(listed: Any, earliest: datetime) -> bool:
    """Whether one of Twilio's messages was made too early; one that tells no time was not."""
    created = listed.date_created
    return isinstance(created, datetime) and created.astimezone(UTC) < earliest
