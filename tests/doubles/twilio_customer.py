"""A customer of the Twilio double: somebody with a telephone, who writes and reads."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import orjson

from tests.doubles.twilio_rules import (
    ACCOUNT_SID,
    API,
    SMS_FROM,
    WEBHOOK_LASTS,
    WHATSAPP_FROM,
    Location,
    Media,
    Message,
    Opting,
    segments,
)

if TYPE_CHECKING:
    from tests.doubles.twilio import Twilio

_KINDS = {"image": "image", "audio": "audio", "video": "video"}


class Customer:
    """Somebody with a telephone. `received` is what reached them, in the order it was accepted."""

    def __init__(self, twilio: Twilio, address: str, name: str) -> None:
        self._twilio = twilio
        self.address = address
        self.name = name or address
        self.received: list[Message] = []
        self.opted_out = False
        self.window_until = 0.0  # monotonic time
        self.awaits_since = 0.0  # monotonic time at which typing was shown, 0.0: it isn't

    @property
    def window_open(self) -> bool:
        return self.window_until > time.monotonic()

    @property
    def texts(self) -> Sequence[str]:
        return [message.body for message in self.received]

    def a_day_passes(self) -> None:
        """Free text reaches them no more until they write again."""
        self.window_until = 0.0
        self._twilio.stir()

    async def write(
        self,
        text: str = "",
        *,
        media: Sequence[Media] = (),
        location: Location | None = None,
        button: str = "",
        choice: str = "",
        replying_to: str = "",
        opting: Opting | None = None,
        repeat: int = 1,
    ) -> Message:
        """Write to the business; returns when every webhook that says so was answered, or given up.

        `button` and `choice` are the ids of a reply button and of an entry of a list, whose words are
        `text`. `opting` is what Twilio's own opt-out handling understood. `repeat` posts the same message
        so often, all at once.
        """
        whatsapp = self.address.startswith("whatsapp:")
        message = Message(
            number=self._twilio.next_number(),
            sid=("MM" if media else "SM") + uuid.uuid4().hex,
            direction="inbound",
            sender=self.address,
            to=WHATSAPP_FROM if whatsapp else SMS_FROM,
            body=text,
            status="received",
            media=list(media),
            location=location,
            quotes=replying_to,
        )
        form = self._form(message) | self._media_of(message)
        if whatsapp:
            form |= self._of_whatsapp(message, button=button, choice=choice)
        if opting:
            form["OptOutType"] = opting
            self.opted_out = opting == "STOP" or (self.opted_out and opting == "HELP")
        message.form = form
        self._twilio.receive(self, message)
        message.answers = list(await asyncio.gather(*(self._post(form) for _ in range(repeat))))
        self._twilio.stir()
        return message

    async def look(self) -> None:
        """Open the conversation: everything that was delivered is read."""
        for message in self.received:
            if message.status == "delivered":
                await self._twilio.advance(message, "read")

    async def until_received(self, count: int, *, within: float = 30.0) -> None:
        await self._twilio.until(
            lambda: len(self.received) >= count,
            within=within,
            what=f"{count} messages to {self.name}, there are {len(self.received)}",
        )

    async def _post(self, form: Mapping[str, str]) -> int:
        """Post a webhook until it is taken, as often and as long as Twilio does; the last answer."""
        url = self._twilio.public_url + self._twilio.webhook_path
        token, status = str(uuid.uuid4()), 0
        ends = time.monotonic() + WEBHOOK_LASTS
        for tries in range(self._twilio.webhook_tries):
            status = await self._twilio.post(url, form, token)
            if 0 < status < 500 or time.monotonic() > ends:
                break
            await asyncio.sleep(0.1 * 2**tries)
        return status

    def _form(self, message: Message) -> dict[str, str]:
        return {
            "SmsMessageSid": message.sid,
            "NumMedia": str(len(message.media)),
            "SmsSid": message.sid,
            "SmsStatus": "received",
            "Body": message.body,
            "To": message.to,
            "NumSegments": str(segments(message.body)),
            "MessageSid": message.sid,
            "AccountSid": ACCOUNT_SID,
            "From": message.sender,
            "ApiVersion": "2010-04-01",
        }

    def _media_of(self, message: Message) -> dict[str, str]:
        at = f"{self._twilio.url}{API.format(account=ACCOUNT_SID)}/Messages/{message.sid}"
        form: dict[str, str] = {}
        for index, media in enumerate(message.media):
            form[f"MediaUrl{index}"] = f"{at}/Media/{media.sid}"
            form[f"MediaContentType{index}"] = media.type
        return form

    def _of_whatsapp(self, message: Message, *, button: str, choice: str) -> dict[str, str]:
        """What WhatsApp adds to a form."""
        scoped = self.address.removeprefix("whatsapp:")
        who = {"ProfileName": self.name}
        who |= {"WaId": scoped[1:]} if scoped.startswith("+") else {"ExternalUserId": scoped}
        metadata = {"type": "whatsapp", "data": {"context": who}}
        form = who | {"ReferralNumMedia": "0", "ChannelMetadata": orjson.dumps(metadata).decode()}
        kind = "text"
        if message.media:
            kind = _KINDS.get(message.media[0].type.partition("/")[0], "document")
            kind = "contacts" if message.media[0].type == "text/vcard" else kind
        if (place := message.location) is not None:
            kind = "location"
            form |= {"Latitude": str(place.latitude), "Longitude": str(place.longitude)}
            form |= {"Label": place.label} if place.label else {}
            form |= {"Address": place.address} if place.address else {}
        if button:
            kind = "button"
            form |= {"ButtonText": message.body, "ButtonPayload": button}
        if choice:
            kind = "interactive"
            form |= {"ListId": choice, "ListTitle": message.body}
        if message.quotes:
            form["OriginalRepliedMessageSid"] = message.quotes
            form["OriginalRepliedMessageSender"] = message.to
        return form | {"MessageType": kind}
