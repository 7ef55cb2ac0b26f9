"""What was spent: the ledger of model calls.

Where there is a limit, a call's worst case is in the ledger before the call is made, and budgets count it as
spent; its true cost takes that place once it is known. Where nobody tells it any more, because a process
died, the worst case is taken for it: a budget may end too early then, never too late.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bot.orchestrator.agent import BudgetScope, Charge, Granted, Refused
from bot.store import budgets
from bot.store.budgets import Allowances, BudgetMark, Spender
from bot.store.database import Database, Row, Transaction, microseconds, moment, new_id
from bot.store.records import Claim

_ABANDONED = 600.0  # seconds after which nobody will tell what a call cost: no turn takes so long

_WHO = """
    SELECT t.conversation_id, c.contact_id, {now} AS now
    FROM turns t JOIN conversations c ON c.id = t.conversation_id WHERE t.id = :turn_id
"""
_ENTER = """
    INSERT INTO usage (id, turn_id, conversation_id, contact_id, channel, day, epoch, model, tokens_in,
        tokens_out, tokens_cached, cost, reserved, estimated, priced_at, created_at, settled_at)
    VALUES (:id, :turn_id, :conversation_id, :contact_id, :channel, :day, :epoch, :model, :tokens_in,
        :tokens_out, :tokens_cached, :cost, :reserved, :estimated, :priced_at,
        {now}, CASE WHEN :settled THEN {now} END)
    ON CONFLICT (id) DO NOTHING
    RETURNING turn_id, conversation_id, model, channel, day
"""
_COLUMNS = "turn_id, conversation_id, contact_id, channel, day, epoch, model, reserved, presumed_at"
_SETTLE = f"""
    UPDATE usage SET tokens_in = :tokens_in, tokens_out = :tokens_out, tokens_cached = :tokens_cached,
        cost = :cost, estimated = :estimated, settled_at = {{now}}
    WHERE id = :id AND settled_at IS NULL
    RETURNING {_COLUMNS}
"""  # noqa: S608
_RELEASE = f"DELETE FROM usage WHERE id = :id AND settled_at IS NULL RETURNING {_COLUMNS}"  # noqa: S608
_UNDERWAY = """
    SELECT id FROM usage
    WHERE settled_at IS NULL AND presumed_at IS NULL AND created_at <= {now} - :age
    ORDER BY created_at LIMIT :limit
"""
_PRESUME = f"""
    UPDATE usage SET presumed_at = {{now}}, cost = reserved
    WHERE id = :id AND settled_at IS NULL AND presumed_at IS NULL AND created_at <= {{now}} - :age
    RETURNING {_COLUMNS}
"""  # noqa: S608
_CONVERSATION = "UPDATE conversations SET cost = cost + :cost WHERE id = :id"
_TURN = "UPDATE turns SET cost = cost + :cost WHERE id = :id"
_DAY = """
    INSERT INTO costs (day, model, channel, calls, tokens_in, tokens_out, cost, estimated)
    VALUES (:day, :model, :channel, :calls, :tokens_in, :tokens_out, :cost, :estimated)
    ON CONFLICT (day, model, channel) DO UPDATE SET calls = costs.calls + excluded.calls,
        tokens_in = costs.tokens_in + excluded.tokens_in, tokens_out = costs.tokens_out + excluded.tokens_out,
        cost = costs.cost + excluded.cost, estimated = costs.estimated + excluded.estimated
"""


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """What was decided, and the budgets that are used up, or so far that cheaper models are due."""

    decision: Granted | Refused
    marks: Sequence[BudgetMark] = ()


class Spending:
    """Every model call that took place is in the ledger once, whatever became of its turn."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def reserve(self, claim: Claim, worst: Charge, allowances: Allowances) -> Reservation:
        """Set aside what a call may cost at the most, unless one of the budgets does not hold it."""

        async def set_aside(tx: Transaction) -> Reservation:
            who = await tx.one(_WHO, turn_id=claim.turn_id)
            if who is None:  # the person was forgotten: nothing is asked for them any more
                return Reservation(decision=Refused(scope="conversation"))
            spender = _spender(who, epoch=claim.epoch, day=allowances.day_of(moment(who["now"])))
            marks: list[BudgetMark] = []
            for scope, limit in allowances.limits:
                used = await budgets.lock(tx, scope, spender)
                if used + worst.cost > limit:
                    marks.append(_mark(scope, "limit", limit, used, spender))
                elif used >= allowances.downgrade_at * limit:
                    marks.append(_mark(scope, "downgrade", limit, used, spender))
            for each in marks:
                if each.point == "limit":
                    return Reservation(decision=Refused(scope=each.scope), marks=marks)
            granted = Granted(id=new_id("use"), tight=marks[0].scope if marks else None)
            budgets.use(tx, allowances, spender, worst.cost)
            entry = _entry(granted.id, claim, spender, worst) | {"cost": 0}
            tx.later(_ENTER, **entry, reserved=worst.cost, settled=False)
            return Reservation(decision=granted, marks=marks)

        return await self._database.write(set_aside)

    async def settle(self, call_id: str, claim: Claim, charge: Charge, allowances: Allowances) -> None:
        """Enter what a call cost, once however often this is called; nothing if its conversation is gone."""

        async def correct(tx: Transaction) -> Row | None:
            row = await tx.one(_SETTLE, id=call_id, **_amounts(charge))
            if row is not None:
                budgets.use(tx, allowances, _spender(row), charge.cost - row["reserved"])
                if row["presumed_at"] is not None:
                    _unpresume(tx, row)
            return row

        async def enter(tx: Transaction) -> Row | None:
            who = await tx.one(_WHO, turn_id=claim.turn_id)
            if who is None:
                return None
            spender = _spender(who, epoch=claim.epoch, day=allowances.day_of(moment(who["now"])))
            return await tx.one(_ENTER, **_entry(call_id, claim, spender, charge), reserved=0, settled=True)

        async def settle(tx: Transaction) -> None:
            row = await (correct(tx) if allowances.limits else enter(tx))
            if row is not None:
                usage = charge.usage
                _add(
                    tx,
                    row,
                    cost=charge.cost,
                    estimated=charge.cost if usage.estimated else 0,
                    tokens_in=usage.tokens_in,
                    tokens_out=usage.tokens_out,
                )

        await self._database.write(settle)

    async def release(self, call_id: str, allowances: Allowances) -> None:
        """The call did not take place: what was set aside for it is there again."""

        async def give_back(tx: Transaction) -> None:
            row = await tx.one(_RELEASE, id=call_id)
            if row is not None:
                budgets.use(tx, allowances, _spender(row), -row["reserved"])
                if row["presumed_at"] is not None:
                    _unpresume(tx, row)

        await self._database.write(give_back)

    async def tidy(self, *, abandoned: float = _ABANDONED, limit: int = 100) -> int:
        """Presume of calls begun that many seconds ago that they cost what they may have at the most; how
        many there were. Rows of budgets nobody uses any more go."""
        age = round(abandoned * 1_000_000)
        async with self._database.read() as reader:
            rows = await reader.all(_UNDERWAY, age=age, limit=limit)
        for each in rows:
            await self._presume(each["id"], age)
        await self._database.change(budgets.FORGET, age=budgets.KEPT, limit=1000)
        return len(rows)

    async def _presume(self, call_id: str, age: int) -> None:
        async def presume(tx: Transaction) -> None:
            row = await tx.one(_PRESUME, id=call_id, age=age)
            if row is not None:
                _add(tx, row, cost=row["reserved"], estimated=row["reserved"])

        await self._database.write(presume)


def _mark(
    scope: BudgetScope, point: Literal["downgrade", "limit"], limit: int, used: int, spender: Spender
) -> BudgetMark:
    return BudgetMark(scope=scope, point=point, limit=limit, used=used, spender=spender)


def _spender(row: Row, **more: Any) -> Spender:
    return Spender(
        conversation_id=row["conversation_id"],
        contact_id=row["contact_id"],
        epoch=more["epoch"] if more else row["epoch"],
        day=more["day"] if more else row["day"],
    )


def _entry(call_id: str, claim: Claim, spender: Spender, charge: Charge) -> dict[str, Any]:
    return {
        "id": call_id,
        "turn_id": claim.turn_id,
        "conversation_id": spender.conversation_id,
        "contact_id": spender.contact_id,
        "channel": claim.channel,
        "day": spender.day,
        "epoch": spender.epoch,
        "model": charge.model,
        "priced_at": microseconds(charge.priced_at),
    } | _amounts(charge)


def _amounts(charge: Charge) -> dict[str, Any]:
    return {
        "tokens_in": charge.usage.tokens_in,
        "tokens_out": charge.usage.tokens_out,
        "tokens_cached": charge.usage.cached,
        "cost": charge.cost,
        "estimated": charge.usage.estimated,
    }


def _unpresume(tx: Transaction, row: Row) -> None:
    """Somebody tells the end of a call after all."""
    _add(tx, row, calls=-1, cost=-row["reserved"], estimated=-row["reserved"])


def _add(
    tx: Transaction,
    row: Row,
    *,
    cost: int,
    estimated: int,
    calls: int = 1,
    tokens_in: int = 0,
    tokens_out: int = 0,
) -> None:
    """To what its turn, its conversation and its day have cost."""
    tx.later(_CONVERSATION, id=row["conversation_id"], cost=cost)
    tx.later(_TURN, id=row["turn_id"], cost=cost)
    tx.later(
        _DAY,
        day=row["day"],
        model=row["model"],
        channel=row["channel"],
        calls=calls,
        cost=cost,
        estimated=estimated,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
    )
