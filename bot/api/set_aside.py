"""Mails that could not be understood: kept as they came, for a person to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from bot.api.access import Gate
from bot.api.bodies import answer, not_found, path_id
from bot.store import Store
from bot.store.records import SetAside as Card


class SetAside:
    """`/api/set-aside`, and any mail as it came."""

    def __init__(self, *, store: Store, gate: Gate, files: Path) -> None:
        self._store = store
        self._gate = gate
        self._files = files

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/set-aside", self._list),
            Route("/set-aside/{id}/raw", self._raw),
            Route("/set-aside/{id}/put-away", self._put_away, methods=["POST"]),
            Route("/conversations/{id}/messages/{message}/original", self._original),
        ]

    async def _list(self, request: Request) -> Response:
        await self._gate.admit(request)
        return answer({"set_aside": [card_json(each) for each in await self._store.mailboxes.cards()]})

    async def _raw(self, request: Request) -> Response:
        await self._gate.admit(request)
        card = await self._store.mailboxes.card(path_id(request, "card"))
        if card is None:
            raise not_found("card")
        return await self._as_file(card.original, card.id)

    async def _put_away(self, request: Request) -> Response:
        await self._gate.admit(request)
        card_id = path_id(request, "card")
        if await self._store.mailboxes.card(card_id) is None:
            raise not_found("card")
        await self._store.mailboxes.put_away(card_id)
        return Response(status_code=204)

    async def _original(self, request: Request) -> Response:
        await self._gate.admit(request)
        message_id = str(request.path_params["message"]).replace("\x00", "")
        kept = await self._store.inbox.original(path_id(request, "conversation"), message_id)
        if kept is None:
            raise not_found("mail")
        return await self._as_file(kept.key, message_id)

    async def _as_file(self, key: str, name: str) -> Response:
        """Never shown in the browser: whoever wrote it could have put anything into it."""
        path = self._files / key
        if not path.is_file():
            raise not_found("mail")
        await self._store.audit.note("mail.download", name)
        return FileResponse(
            path,
            media_type="application/octet-stream",
            filename=f"{name}.eml",
            headers={
                "X-Content-Type-Options": "nosniff",
                "Content-Security-Policy": "sandbox; default-src 'none'",
                "Cache-Control": "no-store",
            },
        )


def card_json(card: Card) -> dict[str, JsonValue]:
    return {
        "id": card.id,
        "mailbox": card.mailbox,
        "why": card.why,
        "size": card.size,
        "created_at": card.created_at.isoformat(),
    }
