"""Lists of conversations as operators see them, by page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bot.store.database import Database, Reader, Row, moment
from bot.store.overdue import times
from bot.store.records import Assignee, ConversationStatus, InboxEntry, InboxFilter
from bot.store.target import Target

_PREVIEW = 160  # characters
_UNREAD = 99  # counted no further
_LOOKED_BACK = 200  # messages among which the channels of a conversation are looked for
_ALL: tuple[ConversationStatus, ...] = ("bot", "waiting", "human", "snoozed", "resolved")
_UNRESOLVED = _ALL[:-1]
_OWED: tuple[ConversationStatus, ...] = ("waiting", "human")  # whose contact may wait for a person's answer
_END = 2**62  # later than every time

# Conversations that a visitor opened and left without a word are in nobody's list.
_NEWEST_OF = """
    SELECT c.id, c.last_activity_at FROM conversations c
    WHERE c.status = :status AND c.last_seq > 0
        AND c.last_activity_at <= :at AND (c.last_activity_at < :at OR c.id < :id) {narrowed}
    ORDER BY c.last_activity_at DESC, c.id DESC LIMIT :limit
"""
_LONGEST_WAITING = """
    SELECT c.id, c.waiting_since FROM conversations c
    WHERE c.status {in statuses}
        AND c.waiting_since >= :at AND (c.waiting_since > :at OR c.id > :id) {narrowed}
    ORDER BY c.waiting_since, c.id LIMIT :limit
"""
# Of several statuses at once, where what narrows them costs more than going through them.
_NEWEST_FOUND = """
    SELECT c.id, c.last_activity_at FROM conversations c
    WHERE c.status {in statuses} AND c.last_seq > 0
        AND c.last_activity_at <= :at AND (c.last_activity_at < :at OR c.id < :id) {narrowed}
    ORDER BY c.last_activity_at DESC, c.id DESC LIMIT :limit
"""
# Where a label stands on few, going through these costs less than looking for them among all.
_FEW = 500
_LABELLED_FEW = "SELECT conversation_id FROM conversation_labels WHERE label = :label LIMIT :limit"
_AMONG = """
    SELECT c.id, c.status, c.last_activity_at FROM conversations c
    WHERE c.id {in few} AND c.last_seq > 0
        AND c.last_activity_at <= :at AND (c.last_activity_at < :at OR c.id < :id) {narrowed}
"""
_COUNT_OF = """
    SELECT COUNT(*) AS count FROM (
        SELECT 1 FROM conversations c WHERE c.status = :status AND c.last_seq > 0 {narrowed}
        LIMIT :limit) AS counted
"""
_COUNT_FOUND = """
    SELECT COUNT(*) AS count FROM (
        SELECT 1 FROM conversations c WHERE c.status {in statuses} AND c.last_seq > 0 {narrowed}
        LIMIT :limit) AS counted
"""
_OVERDUE = "AND c.waiting_since <= :pressing AND (c.waiting_since <= :since OR c.priority >= :urgent)"
# What is urgent and has a time of its own comes first: on pages, with its numbers below all others'.
_URGENT_FIRST = (("AND c.priority >= :urgent", 0), ("AND c.priority < :urgent", 10**17))
_NO_ORDER = (("", 0),)
_SPEAKS_TO = """AND c.id IN (
    SELECT x.conversation_id FROM mentions x WHERE x.operator_id = :mentioned AND x.read_at IS NULL)
"""
_LABELLED = """AND EXISTS (
    SELECT 1 FROM conversation_labels l WHERE l.conversation_id = c.id AND l.label = :label)
"""
# Whoever searches for somebody types a part of a name or an address as often as a word. Each of the three is
# looked through once, however many conversations there are.
_MENTIONS = """AND (c.id IN ({said}) OR c.contact_id IN (
        SELECT p.id FROM contacts p WHERE LOWER(p.name) LIKE :like ESCAPE '!')
    OR c.contact_id IN (SELECT i.contact_id FROM identities i WHERE LOWER(i.address) LIKE :like ESCAPE '!')
    OR LOWER(c.subject) LIKE :like ESCAPE '!')
"""
# What is shown of a conversation are the last words somebody said, before those the system did.
_ENTRY = f"""
    SELECT c.id, c.status, c.contact_id, c.subject, c.assignee_id, c.waiting_since, c.last_activity_at,
        c.cost, c.priority, c.snoozed_until, p.name AS contact_name,
        COALESCE(o.name, k.name) AS assignee_name, m.channel,
        m.author_kind, SUBSTR(m.text, 1, {_PREVIEW}) AS preview,
        (SELECT MAX(i.window_until) FROM identities i
            WHERE i.contact_id = c.contact_id AND i.channel = m.channel) AS window_until,
        (SELECT COUNT(*) FROM (
            SELECT 1 FROM messages u WHERE u.conversation_id = c.id AND u.seq > c.operators_read_seq
                AND u.direction = 'in' LIMIT {_UNREAD}) AS unseen) AS unread
    FROM conversations c JOIN contacts p ON p.id = c.contact_id
    LEFT JOIN operators o ON o.id = c.assignee_id LEFT JOIN api_tokens k ON k.id = c.assignee_id
    LEFT JOIN messages m ON m.conversation_id = c.id AND m.seq = COALESCE((
        SELECT n.seq FROM messages n WHERE n.conversation_id = c.id AND NOT n.private
            AND n.author_kind <> 'system' ORDER BY n.seq DESC LIMIT 1), (
        SELECT n.seq FROM messages n WHERE n.conversation_id = c.id AND NOT n.private
        ORDER BY n.seq DESC LIMIT 1))
    WHERE c.id {{in ids}}
"""  # noqa: S608
_CHANNELS = f"""
    SELECT DISTINCT m.conversation_id, m.channel FROM conversations c
    JOIN messages m ON m.conversation_id = c.id AND m.seq > c.last_seq - {_LOOKED_BACK}
    WHERE c.id {{in ids}} ORDER BY m.conversation_id, m.channel
"""  # noqa: S608
_LABELS = """
    SELECT conversation_id, label FROM conversation_labels WHERE conversation_id {in ids}
    ORDER BY conversation_id, label
"""


class BadPage(Exception):  # noqa: N818
    """The cursor is none of ours."""


async def page(
    database: Database, wanted: InboxFilter, target: Target, *, before: str, limit: int
) -> tuple[Sequence[InboxEntry], str]:
    """A page of conversations, and the cursor of the next ("" at the end). Raises BadPage."""
    waiting = wanted.status == "waiting" or wanted.overdue
    at, last = place_of(before) if before else ((-1, "") if waiting else (_END, ""))
    narrowed, values = _narrowed(database, wanted, target)
    async with database.search() if wanted.words else database.read(snapshot=True) as reader:
        found: list[tuple[int, str]] = []
        if waiting:
            statuses = list(_statuses(wanted))
            urgent_first = wanted.overdue and target.urgent_within is not None
            for of, above in _URGENT_FIRST if urgent_first else _NO_ORDER:
                sql = _LONGEST_WAITING.replace("{narrowed}", f"{narrowed} {of}")
                place = {"at": at - above, "id": last, "limit": limit + 1 - len(found)}
                rows = await reader.all(sql, statuses=statuses, **place, **values)
                found += [(row["waiting_since"] + above, row["id"]) for row in rows]
                if len(found) > limit:
                    break
        elif wanted.words:
            sql = _NEWEST_FOUND.replace("{narrowed}", narrowed)
            statuses = list(_statuses(wanted))
            rows = await reader.all(sql, statuses=statuses, at=at, id=last, limit=limit + 1, **values)
            found = [(row["last_activity_at"], row["id"]) for row in rows]
        else:
            found = await _newest(reader, wanted, narrowed, values, at=at, id=last, limit=limit + 1)
        shown = found[:limit]
        listed = await entries(reader, [key for _, key in shown], target)
    more = f"{shown[-1][0]}.{shown[-1][1]}" if len(found) > limit else ""
    return [listed[key] for _, key in shown if key in listed], more


async def _newest(
    reader: Reader, wanted: InboxFilter, narrowed: str, values: Mapping[str, Any], *, limit: int, **place: Any
) -> list[tuple[int, str]]:
    """When something was last said in the conversations from a place on, and which these are."""
    few = await _few(reader, wanted)
    if few is not None:
        rows = await _among(reader, few, wanted, narrowed, values, **place)
    else:
        sql = _NEWEST_OF.replace("{narrowed}", narrowed)
        rows = []
        for status in _statuses(wanted):
            rows += await reader.all(sql, status=status, limit=limit, **place, **values)
    return sorted(((row["last_activity_at"], row["id"]) for row in rows), reverse=True)


async def _few(reader: Reader, wanted: InboxFilter) -> list[str] | None:
    """All that have the label, where these are few."""
    if not wanted.label:
        return None
    rows = await reader.all(_LABELLED_FEW, label=wanted.label, limit=_FEW + 1)
    return [row["conversation_id"] for row in rows] if len(rows) <= _FEW else None


async def _among(
    reader: Reader,
    few: list[str],
    wanted: InboxFilter,
    narrowed: str,
    values: Mapping[str, Any],
    **place: Any,
) -> list[Row]:
    """Those of a few conversations that a filter shows, in no order."""
    rows = await reader.all(_AMONG.replace("{narrowed}", narrowed), few=few, **place, **values)
    statuses = _statuses(wanted)
    return [row for row in rows if row["status"] in statuses]


async def count(database: Database, wanted: InboxFilter, target: Target, *, up_to: int) -> int:
    """How many conversations a filter shows, counted no further than `up_to`."""
    narrowed, values = _narrowed(database, wanted, target)
    sql = (_COUNT_FOUND if wanted.words else _COUNT_OF).replace("{narrowed}", narrowed)
    found = 0
    async with database.search() if wanted.words else database.read() as reader:
        if wanted.words:
            row = await reader.one(sql, statuses=list(_statuses(wanted)), limit=up_to, **values)
            return row["count"] if row else 0
        if (few := await _few(reader, wanted)) is not None:
            return min(up_to, len(await _among(reader, few, wanted, narrowed, values, at=_END, id="")))
        for status in _statuses(wanted):
            row = await reader.one(sql, status=status, limit=up_to - found, **values)
            found += row["count"] if row else 0
            if found >= up_to:
                break
    return found


async def entries(reader: Reader, ids: Sequence[str], target: Target) -> Mapping[str, InboxEntry]:
    """Conversations as lists show them, by id; those that are gone are left out."""
    wanted = list(ids)
    if not wanted:
        return {}
    rows = await reader.all(_ENTRY, ids=wanted)
    channels: dict[str, list[str]] = {}
    for each in await reader.all(_CHANNELS, ids=wanted):
        channels.setdefault(each["conversation_id"], []).append(each["channel"])
    labels: dict[str, list[str]] = {}
    for each in await reader.all(_LABELS, ids=wanted):
        labels.setdefault(each["conversation_id"], []).append(each["label"])
    return {
        row["id"]: _entry(row, channels.get(row["id"], ()), labels.get(row["id"], ()), target) for row in rows
    }


def _statuses(wanted: InboxFilter) -> Sequence[ConversationStatus]:
    """The statuses that a filter shows."""
    if wanted.overdue:
        return tuple(each for each in _OWED if wanted.status in (None, each))
    return (wanted.status,) if wanted.status else _UNRESOLVED if wanted.unresolved else _ALL


def _narrowed(database: Database, wanted: InboxFilter, target: Target) -> tuple[str, dict[str, Any]]:
    """The conditions of a filter besides its status, and the values of their parameters."""
    conditions: list[str] = []
    values: dict[str, Any] = {}
    if wanted.assignee == "":
        conditions.append("AND c.assignee_id IS NULL")
    elif wanted.assignee is not None:
        conditions.append("AND c.assignee_id = :assignee")
        values["assignee"] = wanted.assignee
    if wanted.channel:
        conditions.append("AND c.channel = :channel")
        values["channel"] = wanted.channel
    if wanted.overdue:
        conditions.append(_OVERDUE)
        values |= times(target, datetime.now(UTC))
    if wanted.mentioned:
        conditions.append(_SPEAKS_TO)
        values["mentioned"] = wanted.mentioned
    if wanted.label:
        conditions.append(_LABELLED)
        values["label"] = wanted.label
    if wanted.words:
        said, values["said"] = database.said(wanted.words)
        conditions.append(_MENTIONS.replace("{said}", said))
        values["like"] = f"%{'%'.join(word.lower().replace('_', '!_') for word in wanted.words)}%"
    return " ".join(conditions), values


def place_of(cursor: str) -> tuple[int, str]:
    """Where a page begins: the number and the id that a cursor names. Raises BadPage."""
    number, _, last = cursor.partition(".")
    if not number.isascii() or not number.isdigit() or len(number) > 18 or not last or "\x00" in last:
        raise BadPage(cursor)
    return int(number), last


def _entry(row: Row, channels: Sequence[str], labels: Sequence[str], target: Target) -> InboxEntry:
    owed = row["status"] in _OWED and row["waiting_since"] is not None
    since = moment(row["waiting_since"]) if owed else None
    return InboxEntry(
        id=row["id"],
        status=row["status"],
        contact_id=row["contact_id"],
        contact_name=row["contact_name"],
        channel=row["channel"] or "",
        channels=tuple(channels),
        subject=row["subject"],
        labels=tuple(labels),
        priority=row["priority"],
        assignee=Assignee(id=row["assignee_id"], name=row["assignee_name"] or "")
        if row["assignee_id"]
        else None,
        preview=row["preview"] or "",
        preview_by=row["author_kind"] or "contact",
        unread=row["unread"],
        waiting_since=since,
        due_at=target.due(since, row["priority"]) if since else None,
        snoozed_until=moment(row["snoozed_until"])
        if row["status"] == "snoozed" and row["snoozed_until"] is not None
        else None,
        last_activity_at=moment(row["last_activity_at"]),
        cost=row["cost"],
        window_until=moment(row["window_until"]) if row["window_until"] is not None else None,
    )
