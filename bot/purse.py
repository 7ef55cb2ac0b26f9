"""What turns may spend, kept by the store; whoever should know is told when a budget is used up."""

from __future__ import annotations

import contextlib
import logging
from collections import OrderedDict

from bot.alerts import Alerts
from bot.journal import insist
from bot.orchestrator.agent import Charge, Granted, Refused
from bot.store import Store, StoreUnavailable
from bot.store.budgets import Allowances, BudgetMark
from bot.store.database import new_id
from bot.store.records import Claim

log = logging.getLogger("switchboard.budget")

_REMEMBERED = 10_000  # marks that this process need not ask the store about again


class Purses:
    """Gives each turn its purse. That a budget is used up is told once, over all workers: as an event, and to
    the owner, of turns, conversations and customers only the first of a day."""

    def __init__(self, *, store: Store, alerts: Alerts, allowances: Allowances) -> None:
        self._store = store
        self._alerts = alerts
        self._allowances = allowances
        self._told: OrderedDict[str, None] = OrderedDict()

    def of(self, claim: Claim) -> DeskPurse:
        return DeskPurse(claim, store=self._store, allowances=self._allowances, purses=self)

    async def tell(self, mark: BudgetMark) -> None:
        """Tell of it, unless somebody did. That the store is away stops no turn: the next one tells."""
        key = mark.key
        if key in self._told:
            return
        with contextlib.suppress(StoreUnavailable):
            # Near its limit a budget of one customer is nothing to wake anybody for.
            quiet = mark.scope != "day" and mark.point == "downgrade"
            await (self._quietly if quiet else self._aloud)(mark)
            self._told[key] = None
            if len(self._told) > _REMEMBERED:
                self._told.popitem(last=False)

    async def _aloud(self, mark: BudgetMark) -> None:
        await self._alerts.tell(
            "budget.reached",
            once=mark.key,
            title=_title(mark),
            text=_text(mark),
            data=mark.as_json(),
            kind="failure" if mark.scope == "day" and mark.point == "limit" else "warning",
            conversation_id=mark.spender.conversation_id if mark.scope != "day" else None,
            seldom="" if mark.scope == "day" else f"budget {mark.scope} {mark.spender.day}",
        )

    async def _quietly(self, mark: BudgetMark) -> None:
        if await self._store.alarms.begin(
            mark.key,
            "budget.reached",
            mark.as_json(),
            title=_title(mark),
            text="",
            kind="warning",
            targets=(),
            conversation_id=mark.spender.conversation_id,
        ):
            log.warning(_title(mark), extra=mark.as_json())


class DeskPurse:
    """The Purse of one claimed turn."""

    def __init__(self, claim: Claim, *, store: Store, allowances: Allowances, purses: Purses) -> None:
        self._claim = claim
        self._store = store
        self._allowances = allowances
        self._purses = purses

    def follow(self, claim: Claim) -> None:
        """The turn has grown by what the contact added."""
        self._claim = claim

    async def reserve(self, worst: Charge) -> Granted | Refused:
        if not self._allowances.limits:
            return Granted(id=new_id("use"))
        reservation = await self._store.spending.reserve(self._claim, worst, self._allowances)
        for each in reservation.marks:
            await self._purses.tell(each)
        return reservation.decision

    async def settle(self, granted: Granted, charge: Charge) -> None:
        claim = self._claim
        await insist(lambda: self._store.spending.settle(granted.id, claim, charge, self._allowances))

    async def release(self, granted: Granted) -> None:
        if self._allowances.limits:
            await insist(lambda: self._store.spending.release(granted.id, self._allowances))


def _title(mark: BudgetMark) -> str:
    whose = {
        "turn": "The budget of a turn",
        "conversation": "The budget of a conversation",
        "contact_day": "A customer's budget for today",
        "day": "Today's budget",
    }[mark.scope]
    return f"{whose} is {'used up' if mark.point == 'limit' else 'nearly used up'}"


def _text(mark: BudgetMark) -> str:
    amounts = f"${mark.used / 1e6:,.2f} of ${mark.limit / 1e6:,.2f}"
    if mark.scope != "day":
        return (
            f"{amounts} are used or set aside. No model answers there any more: the customer gets the help "
            "pages' own words, or a person. Of others that come to this today, only WEBHOOK_URL and the log "
            f"are told. budget.{mark.scope} in bot.toml is the limit."
        )
    said = f"{amounts} for {mark.spender.day} are used or set aside."
    if mark.point == "downgrade":
        return f"{said} Until tomorrow the cheaper models answer, where there are any."
    return (
        f"{said} Until tomorrow no model answers: customers get the help pages' own words, or a person. "
        "Raise budget.day in bot.toml and restart to go on with models."
    )
