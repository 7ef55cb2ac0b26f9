"""Calls that an operator allowed, carried out apart from any turn, whoever has the conversation meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Literal

from bot.alerts import Alerts
from bot.bell import Bell
from bot.ending import end
from bot.journal import insist
from bot.live import INBOX, Live
from bot.logs import about
from bot.orchestrator.agent import Agent
from bot.orchestrator.language import guess
from bot.orchestrator.perform import make, seen_through
from bot.store import Store, StoreUnavailable
from bot.store.records import Approval, Claim, ClaimedCall
from bot.trace import traceparent
from tools.base import Person, Tool, ToolContext, WrongArguments

log = logging.getLogger("switchboard.acting")

LEASE = 15.0  # seconds; renewed while a call is being made
_TRIES = 3  # of a call whose end is not known and whose provider keeps keys
_FIRST_PAUSE = 2.0  # seconds before the second of them
_BAD_NEWS = ("failed", "doubtful")  # of a call that was allowed


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a call ended, and its result or what went wrong. `refusal`: the service said no to it, and this is
    what the customer may be told of why."""

    state: Literal["done", "failed", "doubtful"]
    result: str
    refusal: str | None = None


class Actor:
    """Makes allowed calls once each, and sees to those that nobody decided about in time.

    A call is on record as begun before it is made. When whoever made it died in between, it is made again
    only if its provider keeps keys, under the same one; of any other nobody knows, and a person goes on.
    """

    def __init__(
        self,
        *,
        store: Store,
        bell: Bell,
        live: Live,
        agent: Agent,
        alerts: Alerts,
        lease: float = LEASE,
    ) -> None:
        self._store = store
        self._bell = bell
        self._live = live
        self._agent = agent
        self._alerts = alerts
        self._lease = lease

    async def act(self, call_id: str) -> None:
        """Do what is due about a call; nothing when nothing is, or somebody else is at it."""
        match await self._store.acts.claim(call_id, self._lease):
            case None:
                return
            case Approval(state="pending") as waiting:
                await self._remind(waiting)
            case Approval() as moved:
                await self._tell(moved)
            case ClaimedCall() as claimed:
                # Once on record as begun it is made, and what came of it is written down.
                with about(turn=claimed.turn_id):
                    await seen_through(self._carry_out(claimed))

    async def _remind(self, approval: Approval) -> None:
        """Operators hear that it still waits, once; where this breaks off, nobody hears it twice."""
        who = approval.contact_name or "a customer"
        await self._alerts.tell(
            "approval.waiting",
            once=f"approval {approval.id}",
            title=f"{approval.tool} waits for an operator",
            text=f"Asked for {approval.age / 60:.0f} minutes ago, for {who}. Nobody has decided yet; look "
            f"under Approvals before it expires ({approval.expires_at:%d %b %H:%M} UTC).",
            data={
                "approval": {"id": approval.id, "tool": approval.tool},
                "conversation_id": approval.conversation_id,
            },
        )
        await self._store.acts.reminded(approval.id)
        await self._tell(approval)

    async def _carry_out(self, claimed: ClaimedCall) -> None:
        async with self._kept(claimed):
            tool = self._agent.toolbox.get(claimed.tool)
            made = await _made(tool, claimed)
            state, result = made.state, made.result
            if state == "doubtful" and tool is not None and tool.idempotent and claimed.fence < _TRIES:
                pause = _FIRST_PAUSE * 2.0 ** (claimed.fence - 1)
                await insist(lambda: self._store.acts.postpone(claimed, seconds=pause, result=result))
                return
            settled = await insist(lambda: self._store.acts.settle(claimed, state, result, made.refusal))
        if settled is not None:
            await self._tell(settled)

    @asynccontextmanager
    async def _kept(self, claimed: ClaimedCall) -> AsyncIterator[None]:
        """Keep the lease until the block ends."""

        async def keep() -> None:
            while True:
                await asyncio.sleep(self._lease / 3)
                with contextlib.suppress(StoreUnavailable):  # nobody can take it from us then either
                    if not await self._store.acts.keep(claimed, self._lease):
                        return  # what we were slow with is another's now; what came of it counts all the same

        keeper = asyncio.create_task(keep())
        try:
            yield
        finally:
            await end(keeper)

    async def _tell(self, approval: Approval) -> None:
        """Operators see how it stands, and the bot is rung for if it is to tell the customer, where nobody
        looks any more too."""
        is_news = approval.state == "done" or (approval.state in _BAD_NEWS and approval.decided_by)
        if approval.conversation_status == "resolved" and is_news:
            await self._store.people.set_status(approval.conversation_id, "bot")
            approval = replace(approval, conversation_status="bot")
        log.info(
            "approval %s: %s",
            approval.state,
            approval.tool,
            extra={"approval": approval.id, "conversation": approval.conversation_id},
        )
        await announce(self._live, approval.contact_id, approval.conversation_id, approval.id)
        if approval.ended_at is not None and approval.conversation_status == "bot":
            await self._bell.ring("answer", approval.conversation_id)


async def announce(live: Live, contact_id: str, conversation_id: str, approval_id: str) -> None:
    """Let operators look at it again, wherever it is shown."""
    await live.tell(INBOX, {"kind": "approval", "data": {"id": approval_id}})
    await live.stir(contact_id, conversation_id)


def person(found: Claim | ClaimedCall) -> Person:
    """The contact as tools may know them: only what somebody vouched for."""
    addresses: dict[str, list[str]] = {}
    for identity in found.identities:
        addresses.setdefault(identity.channel, []).append(identity.address)
    for channel, told in (("email", "email"), ("sms", "phone")):
        if told in found.vouched:
            addresses.setdefault(channel, []).append(found.vouched[told])
    return Person(id=found.contact_id, name=found.contact_name, verified=found.verified, addresses=addresses)


async def _made(tool: Tool | None, claimed: ClaimedCall) -> Ending:
    """The call, made once."""
    if tool is None:
        return Ending(state="failed", result="There is no such tool any more.")
    if claimed.fence > (_TRIES if tool.idempotent else 1):  # or it would end one worker after the other
        return Ending(state="doubtful", result="It was begun before, and no end was seen.")
    try:
        arguments = tool.check(claimed.arguments)
    except WrongArguments as wrong:
        return Ending(state="failed", result=f"Wrong arguments: {wrong}")
    context = ToolContext(
        person=person(claimed),
        conversation_id=claimed.conversation_id,
        turn_id=claimed.turn_id,
        channel=claimed.channel,
        language=guess(claimed.why),
        key=claimed.key,
        traceparent=traceparent(claimed.turn_id),
    )
    performed = await make(tool, context, arguments)
    assert performed.state != "wrong"
    if performed.state == "failed" and claimed.fence > 1:  # this time; nobody knows of those before
        return Ending(state="doubtful", result=performed.result)
    refusal = performed.words if performed.refused else None
    return Ending(state=performed.state, result=performed.result, refusal=refusal)
