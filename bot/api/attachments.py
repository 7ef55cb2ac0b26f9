"""Files in conversations: shown to operators, and laid beside what they write."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Sequence
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from bot import uploads
from bot.api.access import Gate
from bot.api.bodies import answer, not_found, path_id, refusal
from bot.api.conversations import file_json, file_name
from bot.languages import N_
from bot.store import NoSuchConversation, Store
from bot.store.trays import MOST, Full
from channels.base import Attachment
from channels.website import Upload, uploaded

_KIND = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,100}/[A-Za-z0-9!#$&^_.+-]{1,100}")  # RFC 6838, 4.2
# What the website's channel says of files, for the catalogues.
_REFUSED = (N_("pictures, PDF and plain text can be sent here"), N_("files up to 10 MB can be sent here"))


class Attachments:
    """`/api/conversations/ID/attachments`."""

    def __init__(self, *, store: Store, gate: Gate, files: Path) -> None:
        self._store = store
        self._gate = gate
        self._files = files

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/conversations/{id}/attachments", self._add, methods=["POST"]),
            Route("/conversations/{id}/attachments/{key}", self._one),
            Route("/conversations/{id}/attachments/{key}", self._drop, methods=["DELETE"]),
        ]

    async def _add(self, request: Request) -> Response:
        """Keep a file that is to go with what this operator writes next."""
        who = await self._gate.admit(request)
        conversation_id = path_id(request, "conversation")
        if await self._store.inbox.entry(conversation_id) is None:
            raise not_found("conversation")
        given = await _uploaded(request)
        key = await uploads.keep(self._files, given.content)
        file = Attachment(key=key, name=given.name, media_type=given.media_type, size=len(given.content))
        try:
            await self._store.trays.add(file, conversation_id=conversation_id, operator_id=who.operator.id)
        except (Full, NoSuchConversation) as error:
            (self._files / key).unlink(missing_ok=True)
            if isinstance(error, Full):
                raise refusal(422, "too_many", "at most %(most)s files", most=MOST, field="file") from None
            raise not_found("conversation") from None
        return answer({"attachment": file_json(file, conversation_id)}, status=201)

    async def _drop(self, request: Request) -> Response:
        """Take back a file that was not sent."""
        who = await self._gate.admit(request)
        dropped = await self._store.trays.drop(
            _key(request), conversation_id=path_id(request, "conversation"), operator_id=who.operator.id
        )
        if not dropped:
            raise not_found("file")
        return Response(status_code=204)

    async def _one(self, request: Request) -> Response:
        """A file of the conversation; shown in a sandbox, whatever it claims to be."""
        await self._gate.admit(request)
        entry = await self._store.inbox.entry(path_id(request, "conversation"))
        found = await self._store.attachments.get(_key(request), entry.contact_id) if entry else None
        if found is None or found.attachment.state != "here":
            raise not_found("file")
        return FileResponse(
            self._files / found.attachment.key,
            media_type=_kind(found.attachment),
            filename=_saved_as(found.attachment),
            headers={
                "Content-Security-Policy": "sandbox; default-src 'none'",
                "Cache-Control": "no-store",  # nobody reads it here who has signed out since
            },
        )


async def _uploaded(request: Request) -> Upload:
    """The file in the request's form; refused in the reader's language."""
    try:
        return await uploaded(request)
    except HTTPException as refused:
        why: object = refused.detail
        if not isinstance(why, dict):
            raise  # the form is none
        raise refusal(refused.status_code, why["code"], why["message"], field=why.get("field")) from None


def _key(request: Request) -> str:
    key = str(request.path_params["key"])
    if not key.isalnum():
        raise not_found("file")
    return key


def _kind(file: Attachment) -> str:
    """What the file is, as far as a header can say it: others told us."""
    kind = file.media_type.partition(";")[0].strip()
    return kind if _KIND.fullmatch(kind) else "application/octet-stream"


def _saved_as(file: Attachment) -> str:
    """The name a download gets: one for its kind has the ending that opens it."""
    ending = mimetypes.guess_extension(file.media_type.partition(";")[0].strip().lower()) or ""
    return file.name if file.name.strip() else file_name(file) + ending
