"""Conversations: lists, one with its messages, and what operators do in them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, cast, get_args

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.api.access import Gate
from bot.api.bodies import (
    answer,
    choice_in,
    is_id,
    not_found,
    object_of,
    path_id,
    query,
    refusal,
    text_in,
    whole_number,
)
from bot.attendance import Attendance
from bot.operators import OperatorDesk
from bot.reach import Offer
from bot.store import NoSuchConversation, Store
from bot.store.listing import BadPage
from bot.store.people import NobodyToAnswer
from bot.store.records import (
    Changed,
    ConversationStatus,
    InboxEntry,
    InboxFilter,
    StoredMessage,
    Suggestion,
    TurnSummary,
    delivery_of,
)
from bot.store.target import URGENT
from bot.store.trays import MOST, NoSuchFile
from bot.store.ways import NoWay
from bot.visitors import message_json as visitors_message_json
from channels.base import Attachment, NotFilled
from channels.places import places

TEXT_LIMIT = 10_000  # characters in one reply or note
NOTE_LIMIT = 2_000  # of a note to the bot
_CLIENT_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")
NAMELESS = {"web", "web-user", "terminal"}  # channels whose addresses mean nothing to people
_LAST_SEQ = 2**53
_WORD = re.compile(r"\w+")
_MOST_WORDS = 8  # of a search
_LONGEST_WORD = 100  # characters
PRIORITIES: Mapping[str, int] = {"low": -1, "normal": 0, "high": 1, "urgent": URGENT}
_KINDS = {"audio": "Voice message", "image": "Picture", "video": "Video"}
_PARTICULAR = {
    "application/pdf": "Document (PDF)",
    "text/vcard": "Contact card",
    "text/x-vcard": "Contact card",
}


class Conversations:
    """`/api/conversations`."""

    def __init__(self, *, store: Store, desk: OperatorDesk, attendance: Attendance, gate: Gate) -> None:
        self._store = store
        self._desk = desk
        self._attendance = attendance
        self._gate = gate

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/conversations", self._list),
            Route("/conversations/{id}", self._one),
            Route("/conversations/{id}/messages", self._write, methods=["POST"]),
            Route("/conversations/{id}/ways", self._ways),
            Route("/conversations/{id}/take", self._take, methods=["POST"]),
            Route("/conversations/{id}/release", self._release, methods=["POST"]),
            Route("/conversations/{id}/resolve", self._resolve, methods=["POST"]),
            Route("/conversations/{id}/reopen", self._reopen, methods=["POST"]),
            Route("/conversations/{id}/read", self._read, methods=["POST"]),
        ]

    async def _list(self, request: Request) -> Response:
        who = await self._gate.admit(request)
        given = query(request, ("status", "assignee", "channel", "label", "q", "overdue", "before", "limit"))
        limit = whole_number(given, "limit", default=50, least=1, most=200)
        status = given.get("status")
        if status is not None and status not in get_args(ConversationStatus):
            raise refusal(
                422,
                "invalid",
                "one of %(choices)s",
                choices=", ".join(get_args(ConversationStatus)),
                field="status",
            )
        try:
            entries, more = await self._store.inbox.page(
                InboxFilter(
                    status=cast("ConversationStatus | None", status),
                    assignee=_assignee(_named(given, "assignee"), who.operator.id),
                    channel=_named(given, "channel"),
                    label=_named(given, "label"),
                    words=words_of(given.get("q", "")),
                    overdue=given.get("overdue") == "1",
                ),
                before=given.get("before", ""),
                limit=limit,
            )
        except BadPage:
            raise refusal(422, "invalid", "the `next` of an earlier answer", field="before") from None
        return answer({"conversations": [conversation_json(each) for each in entries], "next": more or None})

    async def _one(self, request: Request) -> Response:
        await self._gate.admit(request)
        conversation_id = path_id(request, "conversation")
        given = query(request, ("before", "limit"))
        thread = await self._store.inbox.thread(
            conversation_id,
            before=whole_number(given, "before", default=_LAST_SEQ, least=0, most=_LAST_SEQ),
            limit=whole_number(given, "limit", default=50, least=1, most=200),
        )
        if thread is None:
            raise not_found("conversation")
        return answer(
            conversation_json(thread.entry)
            | {
                "messages": [message_json(each) for each in thread.messages],
                "turns": [turn_summary_json(each) for each in thread.attempts],
                "earlier": thread.messages[0].seq if thread.earlier else None,
                "visitor": await self._visitor(thread.entry),
            }
        )

    async def _visitor(self, entry: InboxEntry) -> JsonValue:
        """Whether they have the chat before them, if it is one of the website."""
        if "web" not in entry.channels:
            return None
        seen = await self._attendance.seen(entry.contact_id)
        return {"state": seen.state, "seen_at": seen.at.isoformat() if seen.at else None}

    async def _write(self, request: Request) -> Response:
        who = await self._gate.admit(request)
        conversation_id = path_id(request, "conversation")
        body = await object_of(request)
        client_id = text_in(body, "client_id", limit=100)
        if not _CLIENT_ID.fullmatch(client_id):
            raise refusal(422, "invalid", "up to 100 letters, digits and .-_:", field="client_id")
        files = _files(body)
        alone = bool(files or body.get("template"))  # they say enough without a text
        text = text_in(body, "text", limit=TEXT_LIMIT, required=not alone).strip()
        kind = choice_in(body, "kind", ("reply", "note"), usually="reply")
        channel = text_in(body, "channel", limit=40, required=False)
        template, variables = _template(body, files=files, kind=kind)
        suggestion = await self._suggestion(body, conversation_id)
        try:
            if kind == "reply":
                changed = await self._desk.reply(
                    conversation_id,
                    who.operator,
                    client_id=client_id,
                    text=text,
                    files=files,
                    suggestion=suggestion,
                    channel=channel,
                    template=template,
                    variables=variables,
                )
            else:
                changed = await self._desk.note(
                    conversation_id, who.operator, client_id=client_id, text=text, files=files
                )
        except NoSuchConversation:
            raise not_found("conversation") from None
        except NoSuchFile:
            raise refusal(
                422, "invalid", "a file is not there any more; add it again", field="attachments"
            ) from None
        except NotFilled as error:
            field = f"variables.{error.place}" if error.place is not None else "template"
            raise refusal(422, "template", error.why, field=field, **error.values) from None
        except NoWay:
            raise refusal(
                409, "no_way", "no verified address of theirs is known on this channel", field="channel"
            ) from None
        except NobodyToAnswer:
            raise refusal(
                409, "nobody_to_answer", "nothing was said here yet, so no address is known"
            ) from None
        assert changed.message is not None
        if changed.message.conversation_id != conversation_id:
            raise refusal(409, "used", "this client_id was used in another conversation", field="client_id")
        return answer({"message": message_json(changed.message)}, status=201 if changed.new else 200)

    async def _suggestion(self, body: Mapping[str, Any], conversation_id: str) -> Suggestion | None:
        """What a reply was made from, if it tells."""
        given = body.get("suggestion")
        if given is None:
            return None
        found = (
            await self._store.copilot.suggestion(given) if isinstance(given, str) and is_id(given) else None
        )
        if found is None or found.conversation_id != conversation_id:
            raise refusal(422, "invalid", "a suggestion of this conversation", field="suggestion")
        return found

    async def _ways(self, request: Request) -> Response:
        await self._gate.admit(request)
        try:
            offers = await self._desk.ways(path_id(request, "conversation"))
        except NoSuchConversation:
            raise not_found("conversation") from None
        return answer({"ways": [way_json(each) for each in offers]})

    async def _take(self, request: Request) -> Response:
        who = await self._gate.admit(request)
        conversation_id = path_id(request, "conversation")
        return await self._acted(conversation_id, self._desk.take(conversation_id, who.operator))

    async def _release(self, request: Request) -> Response:
        who = await self._gate.admit(request)
        conversation_id = path_id(request, "conversation")
        body = await object_of(request)
        note = text_in(body, "note", limit=NOTE_LIMIT, required=False).strip()
        return await self._acted(
            conversation_id, self._desk.release(conversation_id, who.operator, note=note)
        )

    async def _resolve(self, request: Request) -> Response:
        await self._gate.admit(request)
        conversation_id = path_id(request, "conversation")
        return await self._acted(conversation_id, self._desk.resolve(conversation_id))

    async def _reopen(self, request: Request) -> Response:
        who = await self._gate.admit(request)
        conversation_id = path_id(request, "conversation")
        return await self._acted(conversation_id, self._desk.reopen(conversation_id, who.operator))

    async def _acted(self, conversation_id: str, act: Awaitable[Changed]) -> Response:
        """Do it, and show the conversation as it is then; doing it again changes nothing."""
        try:
            await act
        except NoSuchConversation:
            raise not_found("conversation") from None
        entry = await self._store.inbox.entry(conversation_id)
        if entry is None:
            raise not_found("conversation")
        return answer(conversation_json(entry))

    async def _read(self, request: Request) -> Response:
        who = await self._gate.admit(request)
        conversation_id = path_id(request, "conversation")
        seq = (await object_of(request)).get("seq")
        if not isinstance(seq, int) or isinstance(seq, bool) or not 0 <= seq <= _LAST_SEQ:
            raise refusal(422, "invalid", "the seq of the last message seen", field="seq")
        try:
            await self._desk.read(conversation_id, who.operator, seq)
        except NoSuchConversation:
            raise not_found("conversation") from None
        return Response(status_code=204)


def _files(body: Mapping[str, Any]) -> Sequence[str]:
    """Keys of what is to go along."""
    given = body.get("attachments", [])
    if not isinstance(given, list) or not all(isinstance(key, str) and key.isalnum() for key in given):
        raise refusal(422, "invalid", "a list of keys of files uploaded here", field="attachments")
    if len(given) > MOST:
        raise refusal(422, "too_many", "at most %(most)s files", most=MOST, field="attachments")
    return given


def _template(body: Mapping[str, Any], *, files: Sequence[str], kind: str) -> tuple[str, Mapping[str, str]]:
    """The template to answer in, and what is given for its places."""
    template = text_in(body, "template", limit=60, required=False)
    given = body.get("variables", {})
    if not isinstance(given, dict) or not all(
        isinstance(value, str) and len(value) <= TEXT_LIMIT for value in given.values()
    ):
        raise refusal(422, "invalid", "texts by the names of the template's places", field="variables")
    if given and not template:
        raise refusal(422, "invalid", "they are a template's; name it", field="variables")
    if template and kind == "note":
        raise refusal(422, "invalid", "a note leaves in no template", field="template")
    if template and files:
        raise refusal(422, "invalid", "no file goes along with a template", field="attachments")
    return template, given


def words_of(search: str) -> Sequence[str]:
    """The words that are looked for; what comes after the eighth is left out, and the rest of a long one.

    SQLite refuses patterns of more than 50,000 bytes.
    """
    return [word[:_LONGEST_WORD] for word in _WORD.findall(search)[:_MOST_WORDS]]


def _named(given: Mapping[str, str], what: str) -> str:
    """A name in the query, as the store can have it."""
    return given.get(what, "").replace("\x00", "")


def _assignee(wanted: str, me: str) -> str | None:
    """Whose conversations are wanted, as the store takes it: an id, `me`, or `none`."""
    match wanted:
        case "":
            return None
        case "me":
            return me
        case "none":
            return ""
        case _:
            return wanted


def display_name(contact_id: str, name: str) -> str:
    """The contact's name, or one to tell them from others by."""
    return name.strip() or f"Visitor {contact_id[-4:].upper()}"


def file_name(file: Attachment) -> str:
    """The file's name, or, where its sender gave it none, what it is."""
    if file.name.strip():
        return file.name
    media_type = file.media_type.partition(";")[0].strip().lower()
    return _PARTICULAR.get(media_type) or _KINDS.get(media_type.partition("/")[0], "File")


def conversation_json(entry: InboxEntry) -> dict[str, JsonValue]:
    """A conversation as the contract shows it to operators."""
    return {
        "id": entry.id,
        "status": entry.status,
        "contact": {"id": entry.contact_id, "name": display_name(entry.contact_id, entry.contact_name)},
        "channels": list(entry.channels),
        "subject": entry.subject,
        "assignee": {"id": entry.assignee.id, "name": entry.assignee.name} if entry.assignee else None,
        "labels": list(entry.labels),
        "priority": next(name for name, rank in PRIORITIES.items() if rank == entry.priority),
        "preview": entry.preview,
        "unread": entry.unread,
        "waiting_since": entry.waiting_since.isoformat() if entry.waiting_since else None,
        "due_at": entry.due_at.isoformat() if entry.due_at else None,
        "snoozed_until": entry.snoozed_until.isoformat() if entry.snoozed_until else None,
        "last_activity_at": entry.last_activity_at.isoformat(),
        "cost_usd": entry.cost / 1e6,
        "window_until": entry.window_until.isoformat() if entry.window_until else None,
    }


def way_json(offer: Offer) -> dict[str, JsonValue]:
    """A way to answer, as operators see it; a visitor's number in our store is nobody's business."""
    way = offer.way
    return {
        "channel": way.channel,
        "address": "" if way.channel in NAMELESS else way.address,
        "usual": way.usual,
        "can": offer.why_not is None,
        "why_not": offer.why_not,
        "window_until": way.window_until.isoformat() if way.window_until else None,
        "needs_template": offer.window_over,
        "templates": [
            {
                "name": each.name,
                "language": each.language,
                "text": each.text,
                "variables": [
                    {
                        "place": place,
                        "label": each.labels.get(place, ""),
                        "usually": each.variables.get(place, ""),
                    }
                    for place in places(each.text)
                ],
            }
            for each in offer.templates
        ],
    }


def message_json(message: StoredMessage) -> dict[str, JsonValue]:
    """A message as the contract shows it, with what only operators see."""
    delivery: JsonValue = None
    if message.delivery:
        sent = message.delivery
        delivery = {"id": delivery_of(message.id), "status": sent.status, "error": sent.error}
    return visitors_message_json(message) | {
        "private": message.private,
        "for_bot": message.for_bot,
        "template": message.template.name if message.template else None,
        "delivery": delivery,
        "attachments": [file_json(file, message.conversation_id) for file in message.attachments],
    }


def file_json(file: Attachment, conversation_id: str) -> dict[str, JsonValue]:
    """A file in a conversation, as the contract shows it to operators."""
    return {
        "id": file.key,
        "key": file.key,
        "name": file_name(file),
        "media_type": file.media_type,
        "size": file.size,
        "state": file.state,
        "url": f"/api/conversations/{conversation_id}/attachments/{file.key}",
    }


def turn_summary_json(turn: TurnSummary) -> dict[str, JsonValue]:
    return {
        "id": turn.id,
        "status": turn.status,
        "outcome": turn.outcome,
        "started_at": turn.started_at.isoformat(),
        "cost_usd": turn.cost / 1e6,
        "draft": turn.draft,
    }
