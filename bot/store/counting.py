"""What happened, added up by day: each event once, however many workers count.

Workers read what is new beside everybody else's transactions, and write what it adds up to in a short one,
which begins by taking the number they read before: whoever comes second has counted nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import tzinfo

from bot.store.cases import RULES, Case, Counted, Rated, Tally
from bot.store.database import Database, Reader, Row, Transaction, moment
from bot.store.target import Target

_OVERLAP = 60_000_000  # microseconds: what is committed has a time no older than this
_TURN = 600_000_000  # the same of a turn's steps, which are written when it ends
_BATCH = 1_000  # events
_MINUTE = 60_000_000

_PLACE = "SELECT rules, number, mark, {now} AS now FROM counting WHERE id = ''"
_BEGIN = """
    INSERT INTO counting (id, rules, number, mark) VALUES ('', '', 0, 0) ON CONFLICT (id) DO NOTHING
"""
_ANEW = """
    UPDATE counting SET rules = :rules, number = number + 1, mark = 0
    WHERE id = '' AND number = :number RETURNING id
"""
_ADVANCE = """
    UPDATE counting SET mark = :mark, number = number + 1 WHERE id = '' AND number = :number RETURNING id
"""
_NO_FIGURES = "DELETE FROM figures WHERE day >= ''"
_NO_CASES = "DELETE FROM cases WHERE conversation_id >= ''"
_NO_MINUTES = "DELETE FROM degraded_minutes WHERE minute >= 0"

_BATCH_ENDS = """
    SELECT created_at FROM events WHERE created_at > :mark ORDER BY created_at LIMIT 1 OFFSET :batch
"""
_CHANGED = """
    SELECT conversation_id FROM events WHERE created_at > :mark AND created_at <= :until
    UNION SELECT conversation_id FROM ratings WHERE created_at > :mark AND created_at <= :until
"""
_CASES = """
    SELECT c.id AS about, r.score AS rating, r.created_at AS rated_at, k.*
    FROM conversations c LEFT JOIN ratings r ON r.conversation_id = c.id
    LEFT JOIN cases k ON k.conversation_id = c.id WHERE c.id {in ids}
"""
_EVENTS = """
    SELECT e.conversation_id, e.seq, e.kind, e.private, e.data, e.created_at, m.channel, m.direction,
        m.author_kind, t.outcome, t.reason
    FROM events e LEFT JOIN messages m ON m.id = e.message_id LEFT JOIN turns t ON t.id = m.turn_id
    LEFT JOIN cases k ON k.conversation_id = e.conversation_id
    WHERE e.conversation_id {in ids} AND e.seq > COALESCE(k.last_event, 0) AND e.kind IN ('message', 'status')
    ORDER BY e.conversation_id, e.seq
"""
# A tool that says no is the customer's matter, not a trouble of ours.
_TROUBLE = """
    SELECT DISTINCT started_at / 60000000 AS minute,
        CASE WHEN kind = 'fallback' THEN 'fallback' ELSE kind || ' ' || name END AS what
    FROM steps WHERE (status = 'failed' OR kind = 'fallback') AND kind NOT IN ('tool', 'guard')
        AND started_at > :mark AND started_at <= :until
"""
_KNOWN_MINUTES = "SELECT minute, what FROM degraded_minutes WHERE minute >= :first AND minute <= :last"
_MINUTES = "INSERT INTO degraded_minutes (minute, what) VALUES (:minute, :what)"
_ADD = """
    INSERT INTO figures (day, channel, name, part, amount) VALUES (:day, :channel, :name, :part, :amount)
    ON CONFLICT (day, channel, name, part) DO UPDATE SET amount = figures.amount + excluded.amount
"""
_THERE = "SELECT id FROM conversations WHERE id {in ids}"
_COLUMNS = tuple(field.name for field in fields(Case))
_KEEP = f"""
    INSERT INTO cases ({", ".join(_COLUMNS)}) VALUES ({", ".join(f":{name}" for name in _COLUMNS)})
    ON CONFLICT (conversation_id) DO UPDATE SET
        {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[1:])}
"""  # noqa: S608


@dataclass(frozen=True, kw_only=True)
class _Place:
    """How far it is counted: everything up to `mark`, by `rules`; `number` rises with every step."""

    rules: str
    number: int
    mark: int
    now: int


@dataclass(frozen=True, kw_only=True)
class _Read:
    """What a step adds, and how far it comes; `ends`: nothing is left to count."""

    cases: Sequence[Case]
    tally: Tally
    minutes: Sequence[tuple[int, str]]
    mark: int
    ends: bool


class Counting:
    """Counts what others write, for days of the company's."""

    def __init__(self, database: Database, target: Target) -> None:
        self._database = database
        self._target = target

    async def step(self, zone: tzinfo) -> bool:
        """Count the next of what is not counted yet; whether something may be left to count now.

        Where days begin elsewhere now, people are to answer within another time, or the rules are others,
        everything is counted anew.
        """
        targets = (self._target.within, self._target.urgent_within)
        rules = " ".join([str(RULES), str(zone), *(f"{each:g}" for each in targets if each is not None)])
        place = await self._place()
        if place is None:
            await self._database.change(_BEGIN)
            return True
        if place.rules != rules:
            return await self._database.write(lambda tx: _begin_anew(tx, place, rules))
        async with self._database.read(snapshot=True) as reader:
            read = await _read(reader, place, zone, self._target)
        done = await self._database.write(lambda tx: _write(tx, place, read))
        return done and not read.ends

    async def _place(self) -> _Place | None:
        async with self._database.read() as reader:
            row = await reader.one(_PLACE)
        if row is None:
            return None
        return _Place(rules=row["rules"], number=row["number"], mark=row["mark"], now=row["now"])


async def _begin_anew(tx: Transaction, place: _Place, rules: str) -> bool:
    if await tx.one(_ANEW, rules=rules, number=place.number) is None:
        return False
    for sql in (_NO_FIGURES, _NO_CASES, _NO_MINUTES):
        tx.later(sql)
    return True


async def _write(tx: Transaction, place: _Place, read: _Read) -> bool:
    if await tx.one(_ADVANCE, number=place.number, mark=read.mark) is None:
        return False  # another worker has counted this
    there = {row["id"] for row in await tx.all(_THERE, ids=[case.conversation_id for case in read.cases])}
    tx.many(_KEEP, [asdict(case) for case in read.cases if case.conversation_id in there])
    tx.many(_MINUTES, [{"minute": minute, "what": what} for minute, what in read.minutes])
    tx.many(
        _ADD,
        [
            {"day": day, "channel": channel, "name": name, "part": part, "amount": amount}
            for (day, channel, name, part), amount in sorted(read.tally.items())
            if amount
        ],
    )
    return True


async def _read(reader: Reader, place: _Place, zone: tzinfo, target: Target) -> _Read:
    settled = place.now - _OVERLAP
    row = await reader.one(_BATCH_ENDS, mark=place.mark, batch=_BATCH)
    ends = row is None or row["created_at"] > settled
    until = 2**62 if row is None or ends else row["created_at"]
    mark = max(place.mark, settled) if ends else until
    tally: Tally = Counter()
    changed = [each["conversation_id"] for each in await reader.all(_CHANGED, mark=place.mark, until=until)]
    cases = await _cases(reader, changed, tally, zone, target) if changed else []
    minutes = await _minutes(reader, place.mark - _TURN, until)
    for minute, what in minutes:
        day = moment(minute * _MINUTE).astimezone(zone).date().isoformat()
        tally[day, "", "degraded", what] += 1
    return _Read(cases=cases, tally=tally, minutes=minutes, mark=mark, ends=ends)


async def _cases(
    reader: Reader, ids: Sequence[str], tally: Tally, zone: tzinfo, target: Target
) -> Sequence[Case]:
    """The cases of these conversations, of which something is new."""
    events: Mapping[str, list[Row]] = defaultdict(list)
    for event in await reader.all(_EVENTS, ids=list(ids)):
        events[event["conversation_id"]].append(event)
    cases = []
    for row in await reader.all(_CASES, ids=list(ids)):
        before = _case(row)
        rated = Rated(score=row["rating"], at=row["rated_at"]) if row["rating"] is not None else None
        after = Counted(before, rated, tally, zone, target).follow(events[row["about"]])
        if after != before:
            cases.append(after)
    return cases


def _case(row: Row) -> Case:
    if row["conversation_id"] is None:
        return Case(conversation_id=row["about"])
    flags = {name: bool(row[name]) for name in ("assisted", "human")}
    return Case(**{name: row[name] for name in _COLUMNS} | flags)


async def _minutes(reader: Reader, after: int, until: int) -> Sequence[tuple[int, str]]:
    """The minutes with a trouble that are not known yet, "" among them for each with any."""
    found: set[tuple[int, str]] = set()
    for row in await reader.all(_TROUBLE, mark=after, until=until):
        found |= {(row["minute"], row["what"]), (row["minute"], "")}
    if not found:
        return []
    first, last = min(found)[0], max(found)[0]
    known = await reader.all(_KNOWN_MINUTES, first=first, last=last)
    return sorted(found - {(row["minute"], row["what"]) for row in known})
