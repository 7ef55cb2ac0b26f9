"""The inbox and one conversation in it, why the bot answered so, and whole mails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from bot.attendance import Attendance
from bot.dashboard.approvals import Approvals, Card
from bot.dashboard.inbox import listed
from bot.dashboard.originals import Originals, framed
from bot.dashboard.pages import HOME, Pages, path_part
from bot.dashboard.timeline import drawn
from bot.dashboard.why import explain
from bot.reach import Reach
from bot.store import Store
from bot.store.records import Thread
from channels.base import Channel
from channels.website import FILE_LIMIT, FILE_TYPES

_PAGE = 40  # messages in a thread
_REACH = 200  # messages among which a turn's answer is looked for


class Conversations:
    """`/dashboard/conversations` and what is opened from it."""

    def __init__(
        self,
        pages: Pages,
        *,
        store: Store,
        originals: Originals,
        approvals: Approvals,
        attendance: Attendance,
        channels: Mapping[str, Channel],
    ) -> None:
        self._reach = Reach(store=store, channels=channels)
        self._attendance = attendance
        self._pages = pages
        self._store = store
        self._originals = originals
        self._approvals = approvals

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/conversations", self._list),
            Route("/conversations/{id}", self._conversation),
            Route("/conversations/{id}/messages/{message}", self._original),
            Route("/conversations/{id}/messages/{message}/page", self._framed),
            Route("/turns/{id}", self._turn),
            Route("/set-aside/{id}", self._put_away, methods=["POST"]),
        ]

    async def _list(self, request: Request) -> Response:
        who = await self._pages.reader(request)
        if isinstance(who, Response):
            return who
        return self._pages.show(
            request, "conversations.html", who=who, **await listed(self._store, request, who)
        )

    async def _conversation(self, request: Request) -> Response:
        who = await self._pages.reader(request)
        if isinstance(who, Response):
            return who
        before = request.query_params.get("before", "")
        thread = await self._store.inbox.thread(
            path_part(request, "id"),
            before=int(before) if before.isascii() and before.isdigit() and len(before) < 16 else None,
            limit=_PAGE,
        )
        if thread is None:
            return self._pages.missing(request, who)
        drafts = [turn for turn in thread.attempts if turn.draft] if not before else []
        return self._pages.show(
            request,
            "conversation.html",
            who=who,
            thread=thread,
            drafts=drafts,
            sendable=FILE_TYPES,
            largest=FILE_LIMIT,
            draft=await self._store.arranging.draft(thread.entry.id, who.operator.id),
            ways=await self._reach.of(thread.entry.id),
            seen=await self._attendance.seen(thread.entry.contact_id)
            if "web" in thread.entry.channels
            else None,
            files=await self._store.trays.files(thread.entry.id, who.operator.id),
            marks=await self._store.evaluation.marks(thread.entry.id),
            summary=await self._store.copilot.summary(thread.entry.id),
            profile=await self._store.profiles.get(thread.entry.contact_id),
            **await self._asked(thread, older=bool(before)),
            **await listed(self._store, request, who, thread.entry),
        )

    async def _asked(self, thread: Thread, *, older: bool) -> Mapping[str, Any]:
        """The calls an operator was asked about: each beside the message that said so, those that still wait
        and whose message is further up at the end."""
        found = self._approvals.cards(await self._store.approvals.of_conversation(thread.entry.id))
        shown = {message.turn_id for message in thread.messages if message.turn_id}
        cards: dict[str, list[Card]] = {}
        for card in reversed(found):
            cards.setdefault(card.approval.turn_id, []).append(card)
        rest = [each for each in found if each.approval.turn_id not in shown]
        waiting = [each for each in rest if each.approval.state == "pending" and not older]
        return {"cards": cards, "asked": waiting}

    async def _turn(self, request: Request) -> Response:
        who = await self._pages.reader(request)
        if isinstance(who, Response):
            return who
        turn = await self._store.turns.get(path_part(request, "id"))
        if turn is None:
            return self._pages.missing(request, who)
        thread = await self._store.inbox.thread(turn.conversation_id, limit=_REACH)
        said = [each for each in thread.messages if each.turn_id == turn.id] if thread else []
        why = explain(turn, [citation for each in said for citation in each.citations])
        answered = next((each for each in said if each.author_kind == "bot"), None)
        marks = await self._store.evaluation.marks(turn.conversation_id) if answered else {}
        return self._pages.show(
            request,
            "turn.html",
            who=who,
            turn=turn,
            why=why,
            timeline=drawn(turn.steps),
            answered=answered,
            marks=marks,
        )

    async def _original(self, request: Request) -> Response:
        """The whole of a mail, the head of it here and the rest in a frame."""
        who = await self._pages.reader(request)
        if isinstance(who, Response):
            return who
        conversation_id, message_id = _names(request)
        if await self._store.inbox.original(conversation_id, message_id) is None:
            return self._pages.missing(request, who)
        pictures = request.query_params.get("pictures") == "1"
        return self._pages.show(
            request,
            "original.html",
            original=await self._originals.read(conversation_id, message_id, pictures=False),
            pictures=pictures,
            at=f"/dashboard/conversations/{conversation_id}/messages/{message_id}",
            download=f"/api/conversations/{conversation_id}/messages/{message_id}/original",
        )

    async def _framed(self, request: Request) -> Response:
        """What a mail says, for the frame."""
        who = await self._pages.reader(request)
        if isinstance(who, Response):
            return who
        pictures = request.query_params.get("pictures") == "1"
        original = await self._originals.read(*_names(request), pictures=pictures)
        return framed(original, pictures=pictures) if original else self._pages.missing(request, who)

    async def _put_away(self, request: Request) -> Response:
        """Somebody has seen to a mail that could not be read."""
        who = await self._pages.reader(request, writes=True)
        if isinstance(who, Response):
            return who
        await self._store.mailboxes.put_away(path_part(request, "id"))
        return RedirectResponse(HOME, 303)


def _names(request: Request) -> tuple[str, str]:
    """Which conversation and which message of it."""
    return path_part(request, "id"), path_part(request, "message")
