"""The audit log: what operators, programs and the console did. It is only ever added to."""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

import orjson
from pydantic import JsonValue

from bot.store.actor import Actor, ActorKind
from bot.store.database import Database, Row, Transaction, microseconds, moment
from bot.store.naming import Named, named

Act = Literal[
    "session.begin",
    "session.end",
    "session.refused",
    "session.throttled",
    "operator.add",
    "operator.rename",
    "operator.role",
    "operator.deactivate",
    "operator.activate",
    "operator.password",
    "operator.own_password",
    "operator.refused",
    "token.create",
    "token.revoke",
    "conversation.status",
    "conversation.reply",
    "conversation.note",
    "conversation.labels",
    "conversation.priority",
    "approval.approve",
    "approval.reject",
    "contact.correct",
    "contact.merge",
    "contact.unmerge",
    "canned.keep",
    "canned.remove",
    "view.keep",
    "view.remove",
    "article.write",
    "article.remove",
    "gap.close",
    "answer.mark",
    "answer.unmark",
    "evaluation.download",
    "delivery.again",
    "delivery.dismiss",
    "webhook.again",
    "mail.put_away",
    "mail.download",
    "analytics.download",
    "audit.download",
]
_NOTHING: Mapping[str, JsonValue] = MappingProxyType({})
_END = 2**62  # later than every time

_NOTE = """
    INSERT INTO audit (id, at, actor_kind, actor_id, actor_name, address, act, about, changes)
    VALUES (:id, {now}, :actor_kind, :actor_id, :actor_name, :address, :act, :about, :changes)
"""
_PAGE = """
    SELECT id, at, actor_kind, actor_id, actor_name, address, act, about, changes FROM audit
    WHERE at <= :at AND (at < :at OR id < :last) AND at >= :since {narrowed}
    ORDER BY at DESC, id DESC LIMIT :limit
"""


def note(tx: Transaction, act: Act, about: str, changes: Mapping[str, JsonValue] = _NOTHING) -> None:
    """Write down, in the transaction that does it, that whoever acts did something to `about` (an id).

    `changes` says what is other now: never a secret, never what somebody wrote. What the house does by itself
    is not written down.
    """
    if tx.by is not None:
        _write(tx, tx.by, act, about, changes)


def _write(tx: Transaction, by: Actor, act: Act, about: str, changes: Mapping[str, JsonValue]) -> None:
    tx.later(
        _NOTE,
        # The database's clock may tell what follows within a millisecond apart no more.
        id=f"aud_{time.time_ns():016x}{secrets.token_hex(6)}",
        actor_kind=by.kind,
        actor_id=by.id,
        actor_name=by.name,
        address=by.address,
        act=act,
        about=about,
        changes=orjson.dumps(dict(changes)).decode(),
    )


@dataclass(frozen=True, kw_only=True)
class AuditEntry:
    """One act, as it was written down."""

    id: str
    at: datetime
    actor_kind: ActorKind
    actor_id: str
    actor_name: str
    address: str
    act: Act
    about: str
    changes: Mapping[str, JsonValue]


@dataclass(frozen=True, kw_only=True)
class AuditFilter:
    """Which entries are wanted: those of an actor (`who`, an id), of an act or of a whole group of them
    (`what`: `operator.role`, or `operator`), about an object, from a time on and before another."""

    who: str = ""
    what: str = ""
    about: str = ""
    since: datetime | None = None
    until: datetime | None = None


class Audit:
    """Reads the log, and notes what changes nothing else."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(
        self,
        act: Act,
        about: str = "",
        changes: Mapping[str, JsonValue] = _NOTHING,
        *,
        by: Actor | None = None,
    ) -> None:
        """Write down what needs no transaction of its own: a file that was taken away, a sign-in that was
        refused. `by` is who did it, if that is somebody else than whoever acts."""

        async def write(tx: Transaction) -> None:
            if actor := by or tx.by:
                _write(tx, actor, act, about, changes)

        await self._database.write(write)

    async def names(self, ids: Collection[str]) -> Mapping[str, Named]:
        """What ids that entries speak of are called; those of what is gone are left out."""
        async with self._database.read() as reader:
            return await named(reader, ids)

    async def page(
        self, wanted: AuditFilter, *, before: tuple[int, str] | None = None, limit: int = 50
    ) -> tuple[Sequence[AuditEntry], tuple[int, str] | None]:
        """Entries, the latest first, and where the next page begins."""
        until = microseconds(wanted.until) - 1 if wanted.until else _END
        at, last = min(before, (until, "~")) if before else (until, "~")  # "~" sorts after every id
        conditions: list[str] = []
        values: dict[str, Any] = {}
        if wanted.who:
            conditions.append("AND actor_id = :who")
            values["who"] = wanted.who
        if wanted.what:
            conditions.append("AND (act = :what OR (act > :group AND act < :beyond))")
            values |= {"what": wanted.what, "group": f"{wanted.what}.", "beyond": f"{wanted.what}/"}
        if wanted.about:
            conditions.append("AND about = :about")
            values["about"] = wanted.about
        sql = _PAGE.replace("{narrowed}", " ".join(conditions))
        since = microseconds(wanted.since) if wanted.since else 0
        async with self._database.read() as reader:
            rows = await reader.all(sql, at=at, last=last, since=since, limit=limit + 1, **values)
        shown = rows[:limit]
        more = (shown[-1]["at"], shown[-1]["id"]) if len(rows) > limit else None
        return [_entry(row) for row in shown], more


def _entry(row: Row) -> AuditEntry:
    return AuditEntry(
        id=row["id"],
        at=moment(row["at"]),
        actor_kind=row["actor_kind"],
        actor_id=row["actor_id"],
        actor_name=row["actor_name"],
        address=row["address"],
        act=row["act"],
        about=row["about"],
        changes=orjson.loads(row["changes"]),
    )
