"""Calls that wait for an operator: how risky each is, and the operator's word about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bot.acting import announce
from bot.bell import Bell
from bot.live import Live
from bot.orchestrator.agent import Agent
from bot.store import Store
from bot.store.records import Approval, Decided, Operator
from tools.base import Arguments, Tool


class NoSuchApproval(Exception):  # noqa: N818
    """No operator was asked about a call by this id."""


class AlreadyDecided(Exception):  # noqa: N818
    """It waits for nobody's word any more; `approval` is how it stands."""

    def __init__(self, approval: Approval) -> None:
        super().__init__(approval.state)
        self.approval = approval


class NoSuchTool(Exception):  # noqa: N818
    """The tool is not set up any more: the call can be rejected, not made."""


RiskLevel = Literal["low", "medium", "high"]
RiskReason = Literal["unsaid", "unverified", "no_tool", "once"]


@dataclass(frozen=True, kw_only=True)
class Risk:
    """How closely to look, and why: values that the customer never said, nobody vouches for who they are, the
    tool is not set up any more, it can't safely be tried again if it breaks off."""

    level: RiskLevel
    reasons: Sequence[RiskReason]


class ApprovalDesk:
    """Allowing calls and deciding against them, once each; the rest of the desk is told."""

    def __init__(self, *, store: Store, bell: Bell, live: Live, agent: Agent) -> None:
        self._store = store
        self._bell = bell
        self._live = live
        self._agent = agent

    def tool(self, approval: Approval) -> Tool | None:
        """What would be called; None when it is not set up any more."""
        return self._agent.toolbox.get(approval.tool)

    def risk(self, approval: Approval) -> Risk:
        """What speaks for looking twice before the call is made."""
        tool = self.tool(approval)
        reasons: list[RiskReason] = []
        if approval.unsaid:
            reasons.append("unsaid")
        if not approval.verified:
            reasons.append("unverified")
        if tool is None:
            reasons.append("no_tool")
        elif not tool.idempotent:
            reasons.append("once")
        grave = not {"unsaid", "no_tool"}.isdisjoint(reasons)
        return Risk(level="high" if grave else "medium" if reasons else "low", reasons=reasons)

    async def approve(
        self, approval_id: str, operator: Operator, *, arguments: Arguments | None = None, note: str = ""
    ) -> Approval:
        """The call is made, with other arguments if they are given; the customer hears `note` with what came
        of it.

        Raises NoSuchApproval, AlreadyDecided, NoSuchTool, WrongArguments.
        """
        approval = await self._waiting(approval_id)
        tool = self.tool(approval)
        if tool is None:
            raise NoSuchTool(approval.tool)
        checked = tool.check(approval.arguments if arguments is None else arguments)
        approved = _new(
            await self._store.approvals.approve(approval_id, operator, arguments=checked, note=note)
        )
        await self._tell(approved)
        await self._bell.ring("act", approval_id)
        return approved

    async def reject(self, approval_id: str, operator: Operator, *, note: str = "") -> Approval:
        """The call is not made, and the customer is told, with `note`.

        Raises NoSuchApproval, AlreadyDecided.
        """
        rejected = _new(await self._store.approvals.reject(approval_id, operator, note=note))
        await self._tell(rejected)
        if rejected.conversation_status == "bot":
            await self._bell.ring("answer", rejected.conversation_id)
        return rejected

    async def _waiting(self, approval_id: str) -> Approval:
        approval = await self._store.approvals.get(approval_id)
        if approval is None:
            raise NoSuchApproval(approval_id)
        if approval.state != "pending":
            raise AlreadyDecided(approval)
        return approval

    async def _tell(self, approval: Approval) -> None:
        await announce(self._live, approval.contact_id, approval.conversation_id, approval.id)


def _new(decided: Decided | None) -> Approval:
    if decided is None:
        raise NoSuchApproval
    if not decided.new:
        raise AlreadyDecided(decided.approval)
    return decided.approval
