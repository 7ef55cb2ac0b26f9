"""Whoever watches the components has what becomes of them told: down once, recovered once."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping

from pydantic import JsonValue

from bot.alerts import Alerts
from bot.components import Components, View
from bot.fleet import RedisFleet
from bot.orchestrator.report import Kind
from bot.store import Store, StoreUnavailable

log = logging.getLogger("switchboard.watch")

LOOK = 5.0  # seconds between two looks
_STEADY = 4.0  # seconds for which something must be so before it is told
_RESTARTING = 30.0  # seconds for which what nobody reads or takes may be between one process and the next
_BEFORE = 60.0  # seconds before a component counts as down in which it may have touched somebody already
_LATE = 30.0  # seconds after which who waits for a turn is touched
_AWAY = 86_400  # seconds for which one process has told that the database is away
_PREFIX = "component:"
_DATABASE = "store:database"
_INSTEAD_OF_KNOWLEDGE = ("snapshot", "cached answers")

_MEANWHILE: Mapping[Kind, str] = {
    "model": "Meanwhile the next model answers, then the help pages in their own words, then a person.",
    "tool": "Meanwhile what it would do is left to a person.",
    "knowledge": "Meanwhile the last snapshot answers, then what was found before, then a person.",
    "channel": "Meanwhile what is to leave by it waits, and nothing is lost.",
    "store": "Meanwhile work goes on without it, only slower.",
    "work": "Meanwhile it waits, and nothing is lost.",
}


class Watch:
    """Looks after the components in every process; what it sees is told by the first to write it down."""

    def __init__(self, *, components: Components, fleet: RedisFleet, store: Store, alerts: Alerts) -> None:
        self._components = components
        self._fleet = fleet
        self._store = store
        self._alerts = alerts
        self._most: dict[str, int] = {}  # customers touched, as far as was ever seen
        self._away: float | None = None  # since when the database is
        self._told = False  # that it is, by this process

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            try:
                await self.look()
            except Exception:
                log.exception("the components could not be looked after")
            await asyncio.sleep(LOOK)

    async def look(self) -> None:
        """Look once, and have told what has changed."""
        await self._components.look()
        views = await self._components.views()
        try:
            standing = await self._store.alarms.told_ago(_PREFIX)
            for view in views:
                if view.key != _DATABASE:
                    await self._compare(view, standing.get(_PREFIX + view.key))
            for key in standing.keys() - {_PREFIX + view.key for view in views}:
                await self._gone(key)
            await self._database_is_back()
        except StoreUnavailable as error:
            await self._database_is_away(str(error))

    async def _compare(self, view: View, told_ago: float | None) -> None:
        """Have it told when a component is not as it was told last."""
        report = view.report
        if report.state == "down":
            seconds = report.state_for if told_ago is None else told_ago
            touched = await self._touched(view, seconds + _BEFORE)
            self._most[view.key] = max(touched or 0, self._most.get(view.key, 0))
            steady = _RESTARTING if _left_to_others(view) else _STEADY
            if told_ago is None and report.state_for >= steady:
                await self._down(view, touched)
        elif told_ago is not None and report.state_for >= _STEADY and report.heard_ago < told_ago:
            touched = await self._touched(view, told_ago + _BEFORE)
            if touched is not None:
                touched = max(touched, self._most.pop(view.key, 0))
            await self._recovered(view, touched, told_ago)

    async def _down(self, view: View, touched: int | None) -> None:
        text = [f"{view.report.error or 'It does not answer'}.", _MEANWHILE[view.kind]]
        if touched is not None:
            text.append(f"Customers touched so far: {touched}.")
        await self._alerts.tell(
            "component.down",
            once=_PREFIX + view.key,
            title=f"Down: {view.kind} {view.name}",
            text=" ".join(text),
            data=_data(view, touched),
            kind="failure",
        )

    async def _recovered(self, view: View, touched: int | None, seconds: float) -> None:
        text = [f"It was down for {_duration(seconds)}."]
        if touched is not None:
            text.append(f"Customers touched: {touched}.")
        await self._alerts.over(
            "component.recovered",
            once=_PREFIX + view.key,
            title=f"Recovered: {view.kind} {view.name}",
            text=" ".join(text),
            data=_data(view, touched) | {"down_seconds": round(seconds, 1)},
        )

    async def _gone(self, key: str) -> None:
        """What is not set up any more is nobody's trouble."""
        kind, _, name = key.removeprefix(_PREFIX).partition(":")
        await self._alerts.over(
            "component.recovered",
            once=key,
            title=f"No longer set up: {kind} {name}",
            text="It was down, and is not in the configuration any more.",
            data={"kind": kind, "name": name, "state": "gone"},
        )

    async def _touched(self, view: View, seconds: float) -> int | None:
        """How many customers; None where nobody can tell."""
        match view.kind:
            case "model" | "tool":
                name = str(view.interface.get("name", view.name))
                return await self._store.touched.by_steps(view.kind, name, instead=(), seconds=seconds)
            case "knowledge":
                return await self._store.touched.by_steps(
                    "knowledge", "lookup", instead=_INSTEAD_OF_KNOWLEDGE, seconds=seconds
                )
            case "channel" if view.report.total.calls:
                return await self._store.touched.by_sendings(view.name)
            case "work" if view.name == "turns":
                return await self._store.touched.by_waiting(_LATE)
            case _:
                return None

    async def _database_is_away(self, error: str) -> None:
        """Nothing can be written down now: one process tells it, or each while Redis is away too."""
        now = time.monotonic()
        self._away = self._away or now
        if self._told or now - self._away < _STEADY:
            return
        self._told = await self._fleet.first("database is away", _AWAY)
        if self._told:
            await self._alerts.tell_now(
                title="Down: store database",
                text=f"{error}. Nothing is taken in: providers and the widget keep what they have.",
                kind="failure",
            )

    async def _database_is_back(self) -> None:
        away, self._away = self._away, None
        if self._told and away is not None:
            self._told = False
            await self._fleet.forget("database is away")
            seconds = time.monotonic() - away
            await self._store.webhooks.announce(
                "component.recovered",
                {"kind": "store", "name": "database", "state": "up", "down_seconds": round(seconds, 1)},
            )
            text = f"It was down for {_duration(seconds)}."
            await self._alerts.tell_now(title="Recovered: store database", text=text, kind="success")


def _left_to_others(view: View) -> bool:
    """Whether it is down because a process is missing: a mailbox's reader, a worker."""
    return view.kind in {"channel", "work"} and not view.report.total.calls


def _data(view: View, touched: int | None) -> dict[str, JsonValue]:
    return {
        "kind": view.kind,
        "name": view.name,
        "state": view.report.state,
        "error": view.report.error,
        "customers": touched,
    }


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
