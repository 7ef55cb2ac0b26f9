"""Contacts: who writes to us, what is known of them, and which of them are one person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import JsonValue
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.api.access import Gate
from bot.api.bodies import answer, not_found, object_of, path_id, query, refusal, whole_number
from bot.api.conversations import NAMELESS, conversation_json, display_name, words_of
from bot.live import Live
from bot.store import Store
from bot.store.listing import BadPage
from bot.store.merging import Moved
from bot.store.records import ContactEntry, KnownAddress, Profile

NAME_LIMIT = 200  # characters
_MOST = 50  # attributes of one contact
_LONGEST = 2_000  # characters of one
# Addresses of these channels are numbers in our own store.


class Contacts:
    """`/api/contacts`."""

    def __init__(self, *, store: Store, live: Live, gate: Gate) -> None:
        self._store = store
        self._live = live
        self._gate = gate

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/contacts", self._list),
            Route("/contacts/{id}", self._one),
            Route("/contacts/{id}", self._correct, methods=["POST"]),
            Route("/contacts/{id}/merge", self._merge, methods=["POST"]),
            Route("/contacts/{id}/unmerge", self._unmerge, methods=["POST"]),
        ]

    async def _list(self, request: Request) -> Response:
        await self._gate.admit(request)
        given = query(request, ("q", "before", "limit"))
        try:
            entries, more = await self._store.profiles.page(
                words_of(given.get("q", "")),
                before=given.get("before", ""),
                limit=whole_number(given, "limit", default=50, least=1, most=200),
            )
        except BadPage:
            raise refusal(422, "invalid", "the `next` of an earlier answer", field="before") from None
        return answer({"contacts": [contact_json(each) for each in entries], "next": more or None})

    async def _one(self, request: Request) -> Response:
        await self._gate.admit(request)
        profile = await self._store.profiles.get(path_id(request, "contact"))
        if profile is None:
            raise not_found("contact")
        return answer(profile_json(profile))

    async def _correct(self, request: Request) -> Response:
        await self._gate.admit(request)
        contact_id = path_id(request, "contact")
        known = await self._store.profiles.get(contact_id)
        if known is None:
            raise not_found("contact")
        body = await object_of(request)
        name = body.get("name", known.name)
        if not isinstance(name, str) or len(name) > NAME_LIMIT:
            raise refusal(422, "invalid", "at most %(most)s characters", most=NAME_LIMIT, field="name")
        attributes = _attributes(body.get("attributes", known.attributes))
        await self._store.profiles.correct(
            known.id, name=name.replace("\x00", "").strip(), attributes=attributes
        )
        return await self._shown(known.id)

    async def _merge(self, request: Request) -> Response:
        who = await self._gate.admit(request)
        contact_id = path_id(request, "contact")
        other = (await object_of(request)).get("contact_id")
        if not isinstance(other, str) or "\x00" in other:
            raise refusal(422, "invalid", "the id of the contact who is the same person", field="contact_id")
        target, source = await self._store.profiles.get(contact_id), await self._store.profiles.get(other)
        if target is None:
            raise not_found("contact")
        if source is None:
            raise refusal(422, "unknown", "there is no such contact", field="contact_id")
        if source.id == target.id:
            raise refusal(409, "same", "they are one contact already", field="contact_id")
        merge_id = await self._store.profiles.merge(source.id, target.id, decided_by=who.operator.id)
        if merge_id is None:
            raise refusal(409, "changed", "somebody merged one of them a moment ago; look again")
        await self._stir(target.id)
        return await self._shown(target.id)

    async def _unmerge(self, request: Request) -> Response:
        await self._gate.admit(request)
        contact_id = path_id(request, "contact")
        merge_id = (await object_of(request)).get("merge_id")
        profile = await self._store.profiles.get(contact_id)
        if profile is None:
            raise not_found("contact")
        merge = next((each for each in profile.merges if each.id == merge_id), None)
        if merge is None:
            raise refusal(422, "unknown", "one of the contact's `merges`", field="merge_id")
        try:
            undone = await self._store.contacts.undo_merge(merge.id)
        except Moved:
            raise refusal(409, "changed", "somebody merged one of them a moment ago; look again") from None
        if not undone:
            raise refusal(409, "undone", "that was undone already", field="merge_id")
        await self._stir(profile.id)
        await self._stir(merge.source_id)
        return await self._shown(profile.id)

    async def _stir(self, contact_id: str) -> None:
        profile = await self._store.profiles.get(contact_id)
        for entry in profile.conversations if profile else ():
            await self._live.stir(contact_id, entry.id)

    async def _shown(self, contact_id: str) -> Response:
        profile = await self._store.profiles.get(contact_id)
        if profile is None:
            raise not_found("contact")
        return answer(profile_json(profile))


def _attributes(given: object) -> Mapping[str, JsonValue]:
    if not isinstance(given, dict) or len(given) > _MOST:
        raise refusal(422, "invalid", "an object of at most %(most)s texts", most=_MOST, field="attributes")
    kept: dict[str, JsonValue] = {}
    for name, value in given.items():
        if not isinstance(value, str) or not name.strip() or len(name) > 100 or len(value) > _LONGEST:
            raise refusal(
                422,
                "invalid",
                "names with texts of at most %(most)s characters",
                most=_LONGEST,
                field="attributes",
            )
        kept[name.replace("\x00", "").strip()] = value.replace("\x00", "")
    return kept


def contact_json(entry: ContactEntry) -> dict[str, Any]:
    """A contact in a list."""
    return {
        "id": entry.id,
        "name": display_name(entry.id, entry.name),
        "identities": [identity_json(each) for each in entry.addresses],
        "conversations": entry.conversations,
        "last_activity_at": entry.last_activity_at.isoformat() if entry.last_activity_at else None,
        "created_at": entry.created_at.isoformat(),
    }


def profile_json(profile: Profile) -> dict[str, Any]:
    """A contact with everything that is known of them."""
    return {
        "id": profile.id,
        "name": display_name(profile.id, profile.name),
        "identities": [identity_json(each) for each in profile.addresses],
        "attributes": profile.attributes,
        "created_at": profile.created_at.isoformat(),
        "conversations": [conversation_json(each) for each in profile.conversations],
        "merges": [
            {
                "id": each.id,
                "contact": {"id": each.source_id, "name": display_name(each.source_id, each.source_name)},
                "decided_by": each.decided_by,
                "created_at": each.created_at.isoformat(),
                "undone": each.undone,
            }
            for each in profile.merges
        ],
    }


def identity_json(known: KnownAddress) -> dict[str, Any]:
    """An address; a visitor's number in our store is nobody's business."""
    return {
        "channel": "web" if known.channel in NAMELESS else known.channel,
        "address": "" if known.channel in NAMELESS else known.address,
        "verified": known.verified,
        "opted_out": known.opted_out,
    }
