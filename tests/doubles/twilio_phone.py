"""The page of the Twilio double: a telephone on which one is a customer, to chat by hand."""

from __future__ import annotations

import base64
import binascii
import struct
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import orjson
from aiohttp import web

from tests.doubles.twilio import Twilio
from tests.doubles.twilio_customer import Customer
from tests.doubles.twilio_rules import (
    BROKEN,
    CUT,
    EVERY_FAULT,
    SLOW,
    WHATSAPP_FROM,
    Location,
    Media,
    Message,
    Opting,
)

_PAGE = Path(__file__).parent / "twilio_page"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_POLL = 25.0  # seconds a page waits for news
_TYPING = 25.0  # seconds WhatsApp shows typing for
_MOODS = {
    "well": (0.0, EVERY_FAULT),
    "slow": (1.0, (SLOW,)),
    "failing": (0.5, (BROKEN, CUT)),
}
_SHOP = Location(
    latitude=59.9139, longitude=10.7522, label="Northwind Oslo", address="Karl Johans gate 1, Oslo"
)
PEOPLE = {
    "whatsapp:+4915112345678": "Ada Lovelace",
    "whatsapp:+4798765432": "Sigrid Nordmann",
    "whatsapp:US.northwind4711": "Sam (no number)",
}


class Phone:
    """Serves the page on the double's own address, and does what is pressed there."""

    def __init__(self, twilio: Twilio) -> None:
        self._twilio = twilio
        self._mood = "well"
        for address, name in PEOPLE.items():
            twilio.customer(address, name)
        # So that ticks and typing can be watched as they come.
        twilio.pause = 0.4
        twilio.app.add_routes(
            [
                web.get("/", self._asset),
                web.get("/phone/{name}", self._asset),
                web.get("/phone/api/state", self._state),
                web.get("/phone/api/media/{sid}/{media}", self._media),
                web.post("/phone/api/{act}", self._act),
            ]
        )

    async def _asset(self, request: web.Request) -> web.Response:
        path = _PAGE / request.match_info.get("name", "phone.html")
        if path.suffix not in _TYPES or not path.is_file():
            raise web.HTTPNotFound
        return _own(web.Response(text=path.read_text(), content_type=_TYPES[path.suffix]))

    async def _state(self, request: web.Request) -> web.Response:
        """Everything that there is to see, as soon as it is newer than `after`."""
        await self._twilio.changed(int(request.query.get("after", "-1")), _POLL)
        customers = self._twilio.customers
        return _own(
            web.json_response(
                {
                    "version": self._twilio.version,
                    "business": WHATSAPP_FROM.removeprefix("whatsapp:"),
                    "mood": self._mood,
                    "customers": [self._shown(each) for each in customers.values()],
                }
            )
        )

    def _shown(self, customer: Customer) -> Mapping[str, object]:
        typing = time.monotonic() - customer.awaits_since < _TYPING if customer.awaits_since else False
        return {
            "address": customer.address,
            "name": customer.name,
            "window_open": customer.window_open,
            "opted_out": customer.opted_out,
            "typing": typing,
            "messages": [
                _bubble(message)
                for message in self._twilio.messages
                if customer.address in {message.sender, message.to}
            ],
        }

    async def _media(self, request: web.Request) -> web.Response:
        sid, wanted = request.match_info["sid"], request.match_info["media"]
        for message in self._twilio.messages:
            for media in message.media:
                if (message.sid, media.sid) == (sid, wanted):
                    kind = "inline" if media.type.startswith(("image/", "audio/")) else "attachment"
                    headers = {"Content-Disposition": kind, "X-Content-Type-Options": "nosniff"}
                    return _own(web.Response(body=media.data, content_type=media.type, headers=headers))
        raise web.HTTPNotFound

    async def _act(self, request: web.Request) -> web.Response:
        # A form of another site can't be JSON, so that only this page presses these buttons.
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType
        said = orjson.loads(await request.read())
        act = request.match_info["act"]
        if act == "mood":
            self._mood = said["mood"]
            self._twilio.share, self._twilio.faults = _MOODS[self._mood]
            self._twilio.stir()
            return web.json_response({})
        customer = self._twilio.customer(said["customer"])
        if act == "look":
            await customer.look()
        elif act == "later":
            customer.a_day_passes()
        elif act == "write":
            message = await self._write(customer, said)
            return web.json_response({"sid": message.sid, "answers": message.answers})
        else:
            raise web.HTTPNotFound
        return web.json_response({})

    async def _write(self, customer: Customer, said: Mapping[str, Any]) -> Message:
        kind, text, quoted = said.get("kind", "text"), said.get("text", ""), said.get("replying_to", "")
        if kind == "location":
            return await customer.write(location=_SHOP, replying_to=quoted)
        if kind in _SAMPLES:
            return await customer.write(text, media=[_SAMPLES[kind]()], replying_to=quoted)
        if kind == "file":
            return await customer.write(text, media=[_uploaded(said)], replying_to=quoted)
        if kind in get_args(Opting):
            return await customer.write(kind, opting=kind)
        return await customer.write(text, replying_to=quoted)


def _bubble(message: Message) -> Mapping[str, object]:
    """What a page is told of a message. Everything in it is text."""
    place = message.location
    return {
        "sid": message.sid,
        "mine": message.direction == "inbound",
        "text": message.body,
        "template": bool(message.content_sid),
        "status": message.status,
        "error": message.error,
        "at": message.created.timestamp(),
        "quotes": message.quotes,
        "answers": message.answers,
        "location": place and {"label": place.label, "address": place.address},
        "media": [
            {"url": f"/phone/api/media/{message.sid}/{each.sid}", "type": each.type, "name": each.name}
            for each in message.media
        ],
    }


def _own(answer: web.Response) -> web.Response:
    answer.headers["Content-Security-Policy"] = _POLICY
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Referrer-Policy"] = "no-referrer"
    return answer


def _uploaded(said: Mapping[str, Any]) -> Media:
    try:
        data = base64.b64decode(said["data"], validate=True)
    except binascii.Error:
        raise web.HTTPBadRequest from None
    return Media(type=said["type"] or "application/octet-stream", data=data, name=said["name"])


def _picture() -> Media:
    """A sunset over hills, as PNG."""
    width, height = 480, 320
    rows = []
    for y in range(height):
        row = bytearray(b"\0")
        for x in range(width):
            hill = 190 + 40 * _wave(x / 97) + 12 * _wave(x / 31 + 2)
            near = 250 + 24 * _wave(x / 61 + 1)
            sun = (x - 330) ** 2 + (y - 130) ** 2 < 38**2
            sky = (255 - y // 5, 190 - y // 3, 120 + y // 4)
            row += bytes(
                (38, 70, 83) if y > near else (67, 122, 118) if y > hill else (255, 236, 179) if sun else sky
            )
        rows.append(bytes(row))
    header = struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows), 9)), (b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
    return Media(type="image/png", data=b"\x89PNG\r\n\x1a\n" + body, name="hills.png")


def _wave(x: float) -> float:
    """A hill every 2, between -1 and 1."""
    x = x % 2 - 1
    return 1 - 2 * x * x


def _voice() -> Media:
    """Three seconds of silence in Opus, in Ogg (RFC 7845): what a voice note is."""
    silence, count = b"\xf8\xff\xfe", 150  # 20 ms each
    pages = [
        _ogg_page(0, 0, 2, [b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 0, 48000, 0, 0)]),
        _ogg_page(1, 0, 0, [b"OpusTags" + struct.pack("<I", 6) + b"double" + struct.pack("<I", 0)]),
        _ogg_page(2, 960 * count, 4, [silence] * count),
    ]
    return Media(type="audio/ogg", data=b"".join(pages), name="voice.ogg")


def _ogg_page(number: int, position: int, flags: int, packets: list[bytes]) -> bytes:
    sizes = bytes(len(packet) for packet in packets)
    head = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, position, 1, number, 0, len(sizes))
    page = head + sizes + b"".join(packets)
    checksum = 0
    for byte in page:
        checksum ^= byte << 24
        for _ in range(8):
            checksum = (checksum << 1 ^ (0x04C11DB7 if checksum & 0x80000000 else 0)) & 0xFFFFFFFF
    return page[:22] + struct.pack("<I", checksum) + page[26:]


def _document() -> Media:
    """One page of PDF."""
    drawing = b"BT /F1 24 Tf 60 760 Td (Order 4711: two pairs of boots) Tj ET"
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%b\nendstream" % (len(drawing), drawing),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )
    pdf, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(pdf))
        pdf += b"%d 0 obj%b endobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    end = b"xref\n0 %d\n0000000000 65535 f \n%btrailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n"
    return Media(
        type="application/pdf", data=pdf + end % (size, table, size, len(pdf)), name="order-4711.pdf"
    )


def _contact() -> Media:
    card = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Grace Hopper\r\nTEL;TYPE=CELL:+12025550143\r\nEND:VCARD\r\n"
    return Media(type="text/vcard", data=card.encode(), name="Grace Hopper.vcf")


_SAMPLES = {"picture": _picture, "voice": _voice, "document": _document, "contact": _contact}
