"""Contacts: the list of them, and one with everything known."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from bot.api.conversations import display_name, words_of
from bot.dashboard.pages import Pages, path_part
from bot.store import Store
from bot.store.listing import BadPage

_PAGE = 50  # contacts in a list
_LONGEST = 200  # characters of what is looked for


class Contacts:
    """`/dashboard/contacts`."""

    def __init__(self, pages: Pages, *, store: Store) -> None:
        self._pages = pages
        self._store = store

    def routes(self) -> Sequence[BaseRoute]:
        return [Route("/contacts", self._list), Route("/contacts/{id}", self._one)]

    async def _list(self, request: Request) -> Response:
        who = await self._pages.reader(request)
        if isinstance(who, Response):
            return who
        q = request.query_params.get("q", "").replace("\x00", "")[:_LONGEST].strip()
        words = words_of(q)
        try:
            contacts, more = await self._store.profiles.page(
                words, before=request.query_params.get("page", ""), limit=_PAGE
            )
        except BadPage:
            contacts, more = await self._store.profiles.page(words, limit=_PAGE)
        older = urlencode({"page": more} | ({"q": q} if q else {})) if more else ""
        return self._pages.show(
            request, "contacts.html", who=who, q=q, contacts=contacts, older=older, name_of=display_name
        )

    async def _one(self, request: Request) -> Response:
        who = await self._pages.reader(request)
        if isinstance(who, Response):
            return who
        asked = path_part(request, "id")
        profile = await self._store.profiles.get(asked, conversations=50)
        if profile is None:
            return self._pages.missing(request, who)
        if profile.id != asked:  # they became a part of another
            return RedirectResponse(f"/dashboard/contacts/{profile.id}", 303)
        q = request.query_params.get("q", "").replace("\x00", "")[:_LONGEST].strip()
        found = (await self._store.profiles.page(words_of(q), limit=10))[0] if words_of(q) else ()
        names = {each.id: each.name for each in await self._store.operators.every()}
        return self._pages.show(
            request,
            "contact.html",
            who=who,
            profile=profile,
            name=display_name(profile.id, profile.name),
            q=q,
            found=[each for each in found if each.id != profile.id],
            operators=names,
            name_of=display_name,
        )
