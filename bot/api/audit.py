"""The audit log, for administrators: by page as JSON, whole as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from datetime import time as clock
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.api.access import Gate
from bot.api.bodies import answer, download, place, place_in, query, refusal, whole_number
from bot.api.days import day_in
from bot.store import Store
from bot.store.audit import AuditEntry, AuditFilter
from bot.store.budgets import Allowances

FILTERS = ("who", "what", "about", "from", "to")
_AT_ONCE = 500  # entries read for one piece of the CSV
_LONGEST = 100  # characters of a filter
# What a spreadsheet would take for a formula, or to the next cell.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class AuditLog:
    """`/api/audit` and `/api/audit.csv`."""

    def __init__(self, *, store: Store, gate: Gate, allowances: Allowances) -> None:
        self._store = store
        self._gate = gate
        self._zone = allowances.zone

    def routes(self) -> Sequence[BaseRoute]:
        return [Route("/audit", self._page), Route("/audit.csv", self._table)]

    async def _page(self, request: Request) -> Response:
        await self._gate.administrator(request)
        given = query(request, (*FILTERS, "before", "limit"))
        limit = whole_number(given, "limit", default=50, least=1, most=200)
        entries, more = await self._store.audit.page(
            wanted_of(given, self._zone), before=place_in(given, "before"), limit=limit
        )
        return answer({"audit": [entry_json(each) for each in entries], "next": place(more)})

    async def _table(self, request: Request) -> Response:
        await self._gate.administrator(request)
        given = query(request, FILTERS)
        wanted = wanted_of(given, self._zone)
        await self._store.audit.note("audit.download", changes={**given})
        return download(self._lines(wanted), name="audit.csv", media_type="text/csv")

    async def _lines(self, wanted: AuditFilter) -> AsyncIterator[str]:
        yield _line("at_utc", "kind", "actor_id", "actor", "address", "act", "about", "changes")
        before: tuple[int, str] | None = None
        while True:
            entries, before = await self._store.audit.page(wanted, before=before, limit=_AT_ONCE)
            yield "".join(_row(each) for each in entries)
            if before is None:
                return


def wanted_of(given: Mapping[str, str], zone: tzinfo) -> AuditFilter:
    """The entries asked for; `from` and `to` are days of the company's. Refuses with 422."""
    for name in ("who", "what", "about"):
        if len(given.get(name, "")) > _LONGEST or "\x00" in given.get(name, ""):
            raise refusal(422, "invalid", "at most %(most)s characters", most=_LONGEST, field=name)
    return AuditFilter(
        who=given.get("who", ""),
        what=given.get("what", ""),
        about=given.get("about", ""),
        since=_midnight(given, "from", zone, days=0),
        until=_midnight(given, "to", zone, days=1),
    )


def _midnight(given: Mapping[str, str], name: str, zone: tzinfo, *, days: int) -> datetime | None:
    if name not in given:
        return None
    day = day_in(given, name)
    return datetime.combine(day + timedelta(days=days), clock(), zone)


def entry_json(entry: AuditEntry) -> dict[str, Any]:
    """An act as it was written down."""
    return {
        "id": entry.id,
        "at": entry.at.isoformat(),
        "actor": {"kind": entry.actor_kind, "id": entry.actor_id, "name": entry.actor_name},
        "address": entry.address,
        "act": entry.act,
        "about": entry.about,
        "changes": dict(entry.changes),
    }


def _row(entry: AuditEntry) -> str:
    return _line(
        entry.at.astimezone(UTC).isoformat(),
        entry.actor_kind,
        entry.actor_id,
        entry.actor_name,
        entry.address,
        entry.act,
        entry.about,
        orjson.dumps(dict(entry.changes)).decode(),
    )


def _line(*cells: str) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([f"'{each}" if each.startswith(_FORMULA) else each for each in cells])
    return out.getvalue()
