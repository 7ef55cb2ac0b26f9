"""The calls that wait for an operator, each as a card with its form; and what became of the latest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bot.approvals import ApprovalDesk, Risk
from bot.dashboard.fields import Field, fields
from bot.dashboard.pages import Pages
from bot.store import Store
from bot.store.records import Approval

_QUEUE = 50  # cards on the page
_DECIDED = 20


@dataclass(frozen=True, kw_only=True)
class Card:
    """A call as it is drawn. `about` says what the tool does; `known`: it is still set up."""

    approval: Approval
    risk: Risk
    about: str
    known: bool
    fields: Sequence[Field]


class Approvals:
    """`/dashboard/approvals`."""

    def __init__(self, pages: Pages, *, store: Store, desk: ApprovalDesk) -> None:
        self._pages = pages
        self._store = store
        self._desk = desk

    def routes(self) -> Sequence[BaseRoute]:
        return [Route("/approvals", self._queue)]

    def cards(self, approvals: Sequence[Approval]) -> Sequence[Card]:
        """Calls as they are drawn, here and in the conversation."""
        return [self._card(each) for each in approvals]

    async def _queue(self, request: Request) -> Response:
        who = await self._pages.reader(request)
        if isinstance(who, Response):
            return who
        waiting, more = await self._store.approvals.page("pending", limit=_QUEUE)
        decided = await self._store.approvals.decided(_DECIDED)
        return self._pages.show(
            request,
            "approvals.html",
            who=who,
            waiting=self.cards(waiting),
            more=more is not None,
            decided=self.cards(decided),
        )

    def _card(self, approval: Approval) -> Card:
        tool = self._desk.tool(approval)
        return Card(
            approval=approval,
            risk=self._desk.risk(approval),
            about=tool.description if tool else "",
            known=tool is not None,
            fields=fields(tool, approval.arguments, approval.unsaid),
        )
