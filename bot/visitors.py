"""Visitors of the website: who they are, what they post, what they see."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
from pydantic import JsonValue

from bot import markup, uploads
from bot.attendance import Attendance
from bot.desk import Desk
from bot.live import PEOPLE, Live
from bot.orchestrator.agent import Hours, Waits
from bot.orchestrator.endings import passed_on
from bot.store import BadCursor, Store, StoreUnavailable
from bot.store.records import Event as StoredEvent
from bot.store.records import StoredMessage
from channels.base import Attachment, InboundMessage
from channels.website import Batch, Event, NotAllowed, NotKnown, Posted, Session

CHANNEL = "web"
_QUIET = 15.0  # seconds after which a stream says that it is still there, and looks for itself
_AUDIENCE = "switchboard-visitor"


class Visitors:
    """What the website channel needs of the bot, for one visitor at a time.

    A visitor is a random id inside a token that we signed; whoever holds the token is that visitor.
    """

    def __init__(
        self,
        *,
        store: Store,
        desk: Desk,
        live: Live,
        attendance: Attendance,
        key: str,
        identity_secret: str,
        files: Path,
        settings: Mapping[str, JsonValue],
        hours: Hours | None = None,
        waits: Waits | None = None,
    ) -> None:
        self._store = store
        self._desk = desk
        self._live = live
        self._attendance = attendance
        self._key = hashlib.sha256(b"visitor token" + key.encode()).digest()
        self._identity_secret = identity_secret
        self._files = files
        self._settings = settings
        self._hours = hours
        self._waits = waits

    def visitor(self, token: str) -> str:
        """The visitor a token stands for. Raises NotAllowed."""
        try:
            claims = jwt.decode(token, self._key, algorithms=["HS256"], audience=_AUDIENCE)
        except jwt.InvalidTokenError:
            raise NotKnown("this token is not one of ours; begin a new session") from None
        return str(claims["sub"])

    async def welcome(self, token: str | None, identity: str | None) -> Session:
        """Begin a session, or go on with the one `token` stands for; `identity` is a signed JWT."""
        claims = self._claims(identity) if identity else None  # first: who is refused leaves nothing behind
        visitor = None
        if token:
            try:
                visitor = self.visitor(token)
            except NotAllowed:
                token = None
        if visitor is None:
            visitor = secrets.token_urlsafe(18)
            token = jwt.encode({"sub": visitor, "aud": _AUDIENCE}, self._key, algorithm="HS256")
        contact = await self._store.contacts.welcome(CHANNEL, visitor)
        contact_id = contact.contact_id
        if claims:
            contact_id = await self._store.contacts.vouch(
                contact_id,
                channel=CHANNEL,
                address=visitor,
                subject=claims["sub"],
                email=claims["email"],
                phone=claims["phone"],
                name=claims["name"],
            )
            if contact_id != contact.contact_id:
                # Before the answer: streams of the former contact end before the page shows the new one.
                await self._live.tell(contact.contact_id)
        state = await self._store.conversations.session(contact_id)
        assert token is not None
        return Session(
            token=token,
            conversation_id=state.conversation_id,
            status=state.status,
            messages=[message_json(message) for message in state.messages],
            cursor=state.cursor,
            settings=self._settings,
        )

    async def post(self, visitor: str, client_id: str, text: str, attachments: Sequence[str]) -> Posted:
        """Take a message in; the same `client_id` again is the same message."""
        message = InboundMessage(
            channel=CHANNEL, external_id=f"{visitor}:{client_id}", sender=visitor, text=text, session=True
        )
        if attachments:
            # A repeat names files that went with the message already.
            recorded = await self._store.conversations.known(message)
            if recorded is None:
                message = replace(message, attachments=await self._unsent(visitor, attachments))
                recorded = await self._desk.take_in(message)
        else:
            recorded = await self._desk.take_in(message)
        return Posted(message=message_json(recorded.message), new=recorded.new)

    async def _unsent(self, visitor: str, keys: Sequence[str]) -> Sequence[Attachment]:
        contact_id = await self._contact(visitor)
        files: list[Attachment] = []
        for key in keys:
            file = await self._store.attachments.seen(key, contact_id)
            if file is None or file.message_id is not None:
                raise NotAllowed("there is no such attachment; upload it first")
            files.append(file.attachment)
        return files

    async def follow(self, visitor: str, after: str | None) -> AsyncGenerator[Batch]:
        """What happens to this visitor from `after` on, durable events exactly once and in order.

        Yields at once and then at least every 15 s, perhaps nothing; ends with the process, when the store
        does not answer, or when the visitor becomes another contact: what happens to the former one is not
        theirs to see. Raises NotAllowed on a cursor that is not theirs.
        """
        contact_id = await self._contact(visitor)
        cursor = after or (await self._store.conversations.session(contact_id, limit=1)).cursor
        async with self._live.watch(contact_id) as feed:
            pieces: Sequence[Event] = ()
            look, greeted = True, False
            while not feed.closed or not greeted:
                while look:
                    try:
                        events, further = await self._store.conversations.events_after(contact_id, cursor)
                        # After the reading: what was read while they still were this contact is theirs.
                        here = await self._store.contacts.find(CHANNEL, visitor)
                    except BadCursor:
                        raise NotAllowed("this cursor is not one of yours; begin a new session") from None
                    except StoreUnavailable:
                        if not greeted:
                            raise
                        return  # the reader resumes by its cursor
                    if here is None or here.contact_id != contact_id:
                        if not greeted:
                            yield Batch(events=(), cursor=cursor)
                        return  # where this contact was merged the cursor leads on, elsewhere it is refused
                    cursor = further
                    if events or pieces or not greeted:
                        yield Batch(events=[*pieces, *(_event(each) for each in events)], cursor=cursor)
                        pieces, greeted = (), True
                    if not events:
                        break
                self._attendance.here(contact_id)
                told, look = await feed.next(_QUIET)
                pieces = [Event(kind=piece["kind"], data=piece["data"]) for piece in told]
                if not look:  # pieces that come with a wake-up wait for the look: it may say "not theirs"
                    yield Batch(events=pieces, cursor=cursor)
                    pieces, look = (), not pieces

    async def typing(self, visitor: str, active: bool) -> None:
        contact_id = await self._contact(visitor)
        author = {"kind": "contact", "name": ""}
        await self._live.tell(contact_id, {"kind": "typing", "data": {"author": author, "active": active}})

    async def read(self, visitor: str, seq: int) -> None:
        contact_id = await self._contact(visitor)
        opened = await self._store.conversations.opened(contact_id)
        if opened and await self._store.deliveries.mark_read(opened.id, seq):
            await self._live.tell(contact_id)

    async def rate(self, visitor: str, score: int, comment: str) -> None:
        latest = await self._store.conversations.session(await self._contact(visitor), limit=1)
        await self._store.conversations.rate(latest.conversation_id, score, comment)

    async def ask_for_person(self, visitor: str) -> None:
        """Put the conversation into the hands of people, and say so to the visitor."""
        contact_id = await self._contact(visitor)
        state = await self._store.conversations.session(contact_id)
        said = " ".join(message.text for message in state.messages if message.direction == "in")
        text = passed_on("handoff_customer_request", said, self._hours, self._waits)
        await self._store.conversations.hand_off(
            state.conversation_id,
            reason="customer_request",
            text=text,
            html=markup.from_markdown(text),
            channel=CHANNEL,
            recipient=visitor,
            delivered=True,
        )
        await self._live.tell(PEOPLE, {"conversation_id": state.conversation_id})
        await self._live.stir(contact_id, state.conversation_id)

    async def keep_file(
        self, visitor: str, name: str, media_type: str, content: bytes
    ) -> Mapping[str, JsonValue]:
        """Keep an uploaded file under a random name; only this visitor can use or read it."""
        contact_id = await self._contact(visitor)
        key = await uploads.keep(self._files, content)
        file = Attachment(key=key, name=name, media_type=media_type, size=len(content))
        await self._store.attachments.add(file, contact_id)
        return attachment_json(file)

    async def file(self, visitor: str, key: str) -> tuple[Attachment, Path] | None:
        """A file of this visitor's own conversations, or None."""
        file = await self._store.attachments.seen(key, await self._contact(visitor))
        path = self._files / key
        return (file.attachment, path) if file and path.is_file() else None

    async def _contact(self, visitor: str) -> str:
        identity = await self._store.contacts.find(CHANNEL, visitor)
        if identity is None:
            raise NotKnown("this visitor is not known any more; begin a new session")
        return identity.contact_id

    def _claims(self, identity: str) -> Mapping[str, str]:
        """What a signed identity says of its user: sub, email, phone, name. Raises NotAllowed."""
        if not self._identity_secret:
            raise NotAllowed("signed identities are not set up here (WEB_IDENTITY_SECRET)")
        try:
            claims: dict[str, Any] = jwt.decode(
                identity, self._identity_secret, algorithms=["HS256"], options={"require": ["exp", "sub"]}
            )
            told = {name: str(claims.get(name) or "") for name in ("sub", "email", "phone", "name")}
        except jwt.PyJWTError as error:
            raise NotAllowed(f"the identity token was refused: {error}") from None
        if not told["sub"] or any(not _can_be_kept(value) for value in told.values()):
            raise NotAllowed("the identity token was refused: it names nobody, or not in plain text")
        return told


def _can_be_kept(text: str) -> bool:
    """JSON can say more than a database keeps: NUL, and halves of surrogate pairs."""
    return not any(c == "\x00" or "\ud800" <= c <= "\udfff" for c in text)


def attachment_json(file: Attachment) -> dict[str, JsonValue]:
    return {
        "id": file.key,
        "key": file.key,
        "name": file.name,
        "media_type": file.media_type,
        "size": file.size,
        "state": file.state,
        "url": f"/api/web/attachments/{file.key}",
    }


def message_json(message: StoredMessage) -> dict[str, JsonValue]:
    """A message as the contract shows it to visitors and operators."""
    return {
        "id": message.id,
        "seq": message.seq,
        "conversation_id": message.conversation_id,
        "channel": message.channel,
        "direction": message.direction,
        "author": {"kind": message.author_kind, "name": message.author_name},
        "text": message.text,
        "html": markup.with_sources(message.html, [each.url for each in message.citations]),
        "attachments": [attachment_json(file) for file in message.attachments],
        "citations": [{"title": c.title, "url": c.url, "quote": c.quote} for c in message.citations],
        "created_at": message.created_at.isoformat(),
        "in_reply_to": message.in_reply_to,
        "turn_id": message.turn_id,
        "delivery": {"status": message.delivery.status, "error": message.delivery.error}
        if message.delivery
        else None,
    }


def _event(event: StoredEvent) -> Event:
    data: Mapping[str, JsonValue]
    match event.kind:
        case "message":
            assert event.message is not None
            data = message_json(event.message)
        case "status":
            data = {"status": event.data["status"], "conversation_id": event.conversation_id}
        case "delivery":
            told = event.data
            data = {
                "message_ids": told["message_ids"],
                "delivery": {"status": told["status"], "error": told.get("error")},
            }
    return Event(kind=event.kind, data=data, cursor=event.cursor)
