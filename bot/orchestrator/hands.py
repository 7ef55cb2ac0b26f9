"""Tools at work in a turn: what a model or a plan wants called is checked, allowed, made, and told back."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast

import orjson
from pydantic import JsonValue

from bot.orchestrator.agent import ModelMessage, OfferedTool, ToolCall
from bot.orchestrator.authority import returned, unheard_of
from bot.orchestrator.claims import Deed
from bot.orchestrator.draft import Asked
from bot.orchestrator.outcome import HandOffReason, ProposedCall
from bot.orchestrator.perform import Performed, perform
from bot.trace import traceparent
from tools import identity
from tools.base import Arguments, Tool, ToolContext, WrongArguments
from tools.handoff import hand_off

MOST_CALLS = 24  # made in one turn, or asked of an operator
_REPAIRS = 1  # times that calls which can't be made are told back for another try
_RESERVE = 5.0  # seconds of the turn kept for telling what came of its calls
_TOO_LATE = "there was no time left for it"
_AGAIN = 3  # times that the same question to a tool is answered from memory

State = Literal["done", "failed", "doubtful", "waits", "refused"]


@dataclass(frozen=True, kw_only=True)
class Told:
    """What came of one call: `waits` for an operator, `refused` before anything was asked of anybody."""

    state: State
    result: str
    words: str = ""  # for a customer who is told why it was not done
    arguments: Arguments | None = None  # as the tool took them

    @property
    def said(self) -> str:
        """What came of it as a model reads it."""
        match self.state:
            case "done":
                return self.result or "done"
            case "waits":
                return f"NOT DONE YET: {self.result}"
            case "doubtful":
                return f"UNKNOWN: {self.result}"
            case "failed" | "refused":
                return f"NOT DONE: {self.result}"


@dataclass(frozen=True, kw_only=True)
class Stuck:
    """A person must go on, for this reason; `why` tells them more."""

    reason: HandOffReason
    why: str


@dataclass(frozen=True, kw_only=True)
class Made:
    """A call of this turn and what came of it; `wish` is what it was for, in the customer's words."""

    tool: Tool
    told: Told
    wish: str


class Hands:
    """The tools of one turn, and what they have done in it.

    `made` are its calls, those that wait for an operator among them, and `proposed` the latter. `uncertain`
    is what nobody knows the end of, in the customer's words. `stuck`: nobody but a person may go on.
    `exhausted`: no more calls are made in this turn.
    """

    def __init__(self, asked: Asked, tools: Sequence[Tool]) -> None:
        self.tools: Mapping[str, Tool] = {tool.name: tool for tool in tools}
        self.proposed: list[ProposedCall] = []
        self.made: list[Made] = []
        self.results: list[str] = []  # of the tools that returned something
        self.uncertain: list[str] = []
        self.stuck: Stuck | None = None
        self.exhausted = not tools
        journal = asked.turn.journal
        told = [*journal.past, *journal.earlier, *journal.news]
        self.results += [each.result for each in told if each.result]
        for each in journal.earlier:
            if each.state in {"running", "doubtful"} and not self._may_be_repeated(each.tool):
                self._nobody_knows(each.tool, each.why or asked.question)
        self._asked = asked
        self._calls = 0
        self._refused = 0
        self._known: dict[tuple[str, bytes], tuple[Performed, int]] = {}
        self._writing = asyncio.Lock()

    @property
    def changes(self) -> Sequence[str]:
        """What was changed in this turn, in words for an operator."""
        done = [
            each.tool.name for each in self.made if each.tool.effect == "write" and each.told.state == "done"
        ]
        return [f"{name} was done." for name in dict.fromkeys(done)]

    @property
    def deeds(self) -> Sequence[Deed]:
        """What was changed, in this turn, an attempt at it, or earlier in the conversation."""
        journal = self._asked.turn.journal
        written = [each for each in (*journal.past, *journal.earlier, *journal.news) if each.state == "done"]
        known = [self._deed(each.tool, each.arguments, each.result) for each in written]
        return known + [
            self._deed(each.tool.name, each.told.arguments or {}, each.told.result)
            for each in self.made
            if each.tool.effect == "write" and each.told.state == "done"
        ]

    @property
    def values(self) -> Sequence[str]:
        """What tools returned as values of their own, and not as part of a sentence."""
        return list(returned(self.results))

    @property
    def offered(self) -> Sequence[OfferedTool]:
        """What a model may call now."""
        if self.exhausted:
            return ()
        return [
            OfferedTool(name=tool.name, description=tool.description, parameters=tool.parameters)
            for tool in self.tools.values()
        ]

    async def answer(self, calls: Sequence[ToolCall], *, by: str) -> Sequence[ModelMessage]:
        """Make the calls of the model `by`, reading ones side by side and writing ones one after another, as
        a model that calls several at once has them in order. What can't be called is told back once."""
        told: dict[int, Told] = {}  # by place: not every server gives each call an id of its own
        async with asyncio.TaskGroup() as group:
            reads = {
                place: group.create_task(self.make(call.name, call.arguments, needs=[by]))
                for place, call in enumerate(calls)
                if not self._writes(call.name)
            }
        told |= {place: task.result() for place, task in reads.items()}
        for place, call in enumerate(calls):
            if place not in told:
                told[place] = await self.make(call.name, call.arguments, needs=[by])
        if any(each.state == "refused" for each in told.values()):
            self._refused += 1
        if self._refused > _REPAIRS or self._calls >= MOST_CALLS:
            self.exhausted = True
        return [
            ModelMessage(role="tool", content=told[place].said, call_id=call.id)
            for place, call in enumerate(calls)
        ]

    async def make(
        self,
        name: str,
        given: str | Arguments,
        *,
        wish: str = "",
        needs: Sequence[str] = (),
        until: float = math.inf,
    ) -> Told:
        """One call, from a model's JSON or a plan's values. Raises LeaseLost.

        Nothing is asked any more after `until` (of the monotonic clock); a change that was begun is waited
        for as long as its tool may take, because nobody would know its end otherwise.
        """
        tool = self.tools.get(name)
        if tool is None:
            return Told(state="refused", result=f"there is no tool {name!r}")
        wish = wish or self._asked.question
        told = await self._made(tool, given, needs, wish, until=until)
        if told.state != "refused":
            self.made.append(Made(tool=tool, told=told, wish=wish))
        return told

    async def _made(
        self, tool: Tool, given: str | Arguments, needs: Sequence[str], wish: str, *, until: float
    ) -> Told:
        try:
            arguments = tool.check(_object(given))
        except WrongArguments as wrong:
            with self._asked.trace.step("tool", tool.name, needs=needs) as step:
                step.input = {"given": given if isinstance(given, str) else dict(given)}
                step.status, step.error = "failed", f"wrong arguments: {wrong}"
            return Told(state="refused", result=f"wrong arguments: {wrong}")
        if self._calls >= MOST_CALLS:
            return Told(state="refused", result="no more calls are made for this message")
        if tool.needs_verified and not self._asked.turn.person.verified:
            result = "the customer has not proved who they are; " + (
                f"ask for their mail address and offer {identity.SEND}"
                if identity.SEND in self.tools
                else "a person from the team can go on with them"
            )
            return Told(state="failed", result=result, arguments=arguments)
        if self._left(until) <= 0:
            return Told(state="failed", result=_TOO_LATE, arguments=arguments)
        unsaid = self._unsaid(tool, arguments)
        if unsaid or tool.approval is not None:
            self._propose(tool, arguments, unsaid, wish)
            result = "a colleague has been asked to approve this; it has not been done"
            with self._asked.trace.step("tool", tool.name, needs=needs) as step:
                step.input, step.status = dict(arguments), "skipped"
                step.tell(state="waits", result=result)
            return Told(state="waits", result=result, arguments=arguments)
        if tool.effect == "read":
            made = await self._read(tool, arguments, needs, until)
        else:
            made = await self._write(tool, arguments, needs, until)
        if made.state == "doubtful":
            self._nobody_knows(tool.name, wish)
        if made.state == "done" and tool.name == hand_off.name:
            self.stuck = Stuck(
                reason=cast("HandOffReason", arguments["reason"]), why=str(arguments["summary"])
            )
        elif made.state == "done":
            self.results.append(made.result)
        state: State = "refused" if made.state == "wrong" else made.state
        return Told(state=state, result=made.result, words=made.words, arguments=arguments)

    async def _read(self, tool: Tool, arguments: Arguments, needs: Sequence[str], until: float) -> Performed:
        """A question to a tool; who asks the same again is told the same, and after a while to stop."""
        key = tool.name, orjson.dumps(arguments, option=orjson.OPT_SORT_KEYS)
        if key in self._known:
            made, times = self._known[key]
            self._known[key] = made, times + 1
            self.exhausted |= times + 1 >= _AGAIN
            return made
        # Who waits longer has no time to tell what else was found; a change is waited for all the same.
        in_time = replace(tool, timeout=min(tool.timeout, self._left(until)))
        made = await self._perform(in_time, arguments, needs)
        self._known[key] = made, 0
        return made

    async def _write(self, tool: Tool, arguments: Arguments, needs: Sequence[str], until: float) -> Performed:
        """A change, after those begun before it; not begun any more when they took all the time."""
        async with self._writing:
            if self._left(until) <= 0:
                return Performed(tool=tool.name, arguments=arguments, state="failed", result=_TOO_LATE)
            return await self._perform(tool, arguments, needs)

    async def _perform(self, tool: Tool, arguments: Arguments, needs: Sequence[str]) -> Performed:
        turn = self._asked.turn
        context = ToolContext(
            person=turn.person,
            conversation_id=turn.conversation_id,
            turn_id=turn.id,
            channel=turn.channel,
            language=self._asked.language,
            key="",
            traceparent=traceparent(turn.id),
        )
        self._calls += 1
        return await perform(tool, context, arguments, turn.journal, self._asked.trace, needs=needs)

    def _left(self, until: float) -> float:
        """Seconds for calls that must have ended by then."""
        return min(self._asked.turn.deadline - _RESERVE, until) - time.monotonic()

    def _unsaid(self, tool: Tool, arguments: Arguments) -> Sequence[str]:
        """The names of arguments to be written that the customer's words don't carry."""
        if tool.effect == "read":
            return ()
        turn = self._asked.turn
        said = [text for each in turn.said if each.speaker == "contact" for text in (each.text, each.quotes)]
        invented = unheard_of(tool, arguments, said=said, person=turn.person, results=self.results)
        if invented:
            with self._asked.trace.step("guard", "not the customer's words", tool=tool.name) as step:
                step.output = {"arguments": list(invented), "decision": "an operator is asked"}
        return tuple(invented)

    def _propose(self, tool: Tool, arguments: Arguments, unsaid: Sequence[str], wish: str) -> None:
        call = ProposedCall(tool=tool.name, arguments=arguments, why=wish, unsaid=unsaid)
        waiting = [(each.tool, each.arguments) for each in self._asked.turn.journal.waiting]
        if call not in self.proposed and (call.tool, call.arguments) not in waiting:
            self._calls += 1
            self.proposed.append(call)

    def _writes(self, name: str) -> bool:
        tool = self.tools.get(name)
        return tool is not None and tool.effect == "write"

    def _deed(self, name: str, arguments: Arguments, result: str) -> Deed:
        tool = self.tools.get(name) or self._asked.agent.toolbox.get(name)
        described = tool.description if tool is not None else ""
        return Deed(tool=name, description=described, arguments=arguments, result=result)

    def _may_be_repeated(self, name: str) -> bool:
        tool = self.tools.get(name)
        return tool is not None and tool.idempotent

    def _nobody_knows(self, tool: str, wish: str) -> None:
        why = f"Nobody knows whether {tool} was done: it was begun, and no end was seen."
        self.stuck = Stuck(reason="tool_failure", why=why)
        if wish not in self.uncertain:
            self.uncertain.append(wish)


def _object(given: str | Arguments) -> Arguments:
    """The arguments that a model wrote. Raises WrongArguments when they are no JSON object."""
    if not isinstance(given, str):
        return given
    try:
        read: JsonValue = orjson.loads(given or "{}")
    except orjson.JSONDecodeError as error:
        raise WrongArguments({"": f"they are no JSON: {error}"}) from None
    if not isinstance(read, dict):
        raise WrongArguments({"": "they are no JSON object"})
    return read
