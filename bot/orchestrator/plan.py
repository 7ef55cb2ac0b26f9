"""Several wishes in one message: subtasks, what each needs of the others, and carrying them out.

What is independent runs side by side, what depends runs in order; results are handed on as data. Each has a
deadline, so that whatever needs it and the answer find time, too. A subtask that fails or is late takes along
only those that need it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import orjson
from pydantic import JsonValue

from knowledge.base import Passage
from tools.base import Arguments

PLAN = "plan"  # what a trace calls the step that makes one
MOST = 8  # subtasks of one message
_LONGEST_NAME = 40


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A value out of another subtask's result: the `field` of its JSON, "a.b.0" reaching inside; all of it
    when empty."""

    subtask: str
    field: str = ""


@dataclass(frozen=True, kw_only=True)
class Subtask:
    """One wish: a tool to call with `arguments`, or without a `tool` something to look up.

    `after` names subtasks to wait for besides those that arguments are taken from.
    """

    id: str
    wish: str
    tool: str = ""
    arguments: Mapping[str, JsonValue | Taken] = field(default_factory=dict)
    after: Sequence[str] = ()

    @property
    def needs(self) -> Sequence[str]:
        """The subtasks that must have ended well before this one can begin."""
        taken = [each.subtask for each in self.arguments.values() if isinstance(each, Taken)]
        return tuple(dict.fromkeys([*taken, *self.after]))


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Subtasks without cycles, each needing only others of the plan."""

    subtasks: Sequence[Subtask]

    def named(self, names: Sequence[str]) -> Sequence[str]:
        """What a trace calls these subtasks: their tools, or the lookup."""
        tools = {each.id: each.tool for each in self.subtasks}
        return [tools[name] or "lookup" for name in names]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What came of a subtask. `result` is a tool's in its own form, or why there is none; `passages` are
    what a lookup found; `arguments` are those the tool was called with."""

    subtask: Subtask
    state: Literal["done", "failed", "skipped"]
    result: str = ""
    arguments: Arguments = field(default_factory=dict)
    passages: Sequence[Passage] = ()


class NoPlan(Exception):  # noqa: N818
    """What was meant to be a plan is none; the message says why."""


Perform = Callable[[Subtask, Arguments, float], Awaitable[Finding]]


def read(written: str, tools: Collection[str]) -> Plan:
    """The plan that a model wrote as JSON: `{"subtasks": [{"id", "wish", "tool"?, "arguments"?, "after"?}]}`,
    a taken argument being `{"from": id, "field": "a.b"}`. Raises NoPlan, also for a tool not among `tools`.
    """
    try:
        given = orjson.loads(_only_json(written))
        subtasks = [_subtask(each) for each in given["subtasks"]]
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise NoPlan(f"it is not written as a plan: {type(error).__name__}: {error}") from error
    for each in subtasks:
        if each.tool and each.tool not in tools:
            raise NoPlan(f"there is no tool {each.tool!r}")
    return checked(subtasks)


def checked(subtasks: Sequence[Subtask]) -> Plan:
    """The plan of these subtasks. Raises NoPlan when it cannot be carried out."""
    names = [each.id for each in subtasks]
    if not names or len(names) > MOST:
        raise NoPlan(f"it has {len(names)} subtasks")
    if len(set(names)) < len(names) or not all(0 < len(name) <= _LONGEST_NAME for name in names):
        raise NoPlan("its subtasks have no names of their own")
    ended: set[str] = set()
    waiting = list(subtasks)
    while waiting:
        ready = [each for each in waiting if ended.issuperset(each.needs)]
        if not ready:
            raise NoPlan(f"{waiting[0].id!r} needs what is not there before it")
        ended |= {each.id for each in ready}
        waiting = [each for each in waiting if each.id not in ended]
    return Plan(subtasks=tuple(subtasks))


async def carry_out(plan: Plan, perform: Perform, *, until: float) -> Sequence[Finding]:
    """What came of each subtask, in the plan's order. `perform` is told a subtask's deadline and never fails.

    `until`, like deadlines in seconds of the monotonic clock, is the whole plan's. Of the time that is left
    when a subtask begins, it and each of the longest chain that waits for it have an equal share. A lookup is
    ended at its deadline; a tool's call keeps it as far as it may be broken off.

    An error that `perform` raises all the same ends everything: somebody else has the turn, or has lost it.
    """
    running: dict[str, asyncio.Task[Finding]] = {}
    chains = _chains(plan)

    async def one(subtask: Subtask) -> Finding:
        found = {name: await running[name] for name in subtask.needs}
        for name, finding in found.items():
            if finding.state != "done":
                why = f"it needs {name!r}, which has not been done"
                return Finding(subtask=subtask, state="skipped", result=why)
        try:
            arguments = {name: _given(value, found) for name, value in subtask.arguments.items()}
        except LookupError as missing:
            return Finding(subtask=subtask, state="skipped", result=str(missing.args[0]))
        now = time.monotonic()
        deadline = now + (until - now) / chains[subtask.id]
        try:
            async with asyncio.timeout(None if subtask.tool else deadline - now) as limit:
                return await perform(subtask, arguments, deadline)
        except TimeoutError:
            if not limit.expired():
                raise
            return Finding(
                subtask=subtask, state="failed", result=f"it took longer than {deadline - now:.1f} s"
            )

    try:
        async with asyncio.TaskGroup() as group:
            for subtask in _in_order(plan):
                running[subtask.id] = group.create_task(one(subtask))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [running[subtask.id].result() for subtask in plan.subtasks]


def _in_order(plan: Plan) -> Sequence[Subtask]:
    """Each after all that it needs."""
    ordered: dict[str, Subtask] = {}
    while len(ordered) < len(plan.subtasks):
        ordered |= {
            each.id: each
            for each in plan.subtasks
            if each.id not in ordered and all(name in ordered for name in each.needs)
        }
    return list(ordered.values())


def _chains(plan: Plan) -> Mapping[str, int]:
    """How many subtasks the longest chain has that begins with each."""
    longest: dict[str, int] = {}
    for subtask in reversed(_in_order(plan)):
        after = [longest[each.id] for each in plan.subtasks if subtask.id in each.needs]
        longest[subtask.id] = 1 + max(after, default=0)
    return longest


def _given(value: JsonValue | Taken, found: Mapping[str, Finding]) -> JsonValue:
    """An argument's value. Raises LookupError with a sentence when the result it is taken from lacks it."""
    if not isinstance(value, Taken):
        return value
    result = found[value.subtask].result
    if not value.field:
        return result
    try:
        inside: JsonValue = orjson.loads(result)
        for part in value.field.split("."):
            inside = inside[int(part)] if isinstance(inside, list) else inside[part]  # type: ignore[index]
    except (orjson.JSONDecodeError, LookupError, TypeError, ValueError):
        raise LookupError(f"{value.subtask!r} has no {value.field!r} in its result") from None
    return inside


def _subtask(given: Mapping[str, JsonValue]) -> Subtask:
    wish, tool, after = given.get("wish") or "", given.get("tool") or "", given.get("after") or []
    arguments = given.get("arguments") or {}
    if not (isinstance(wish, str) and isinstance(tool, str) and isinstance(arguments, dict)):
        raise TypeError("a wish and a tool are words, arguments an object")
    if not isinstance(after, list) or not all(isinstance(each, str) for each in after):
        raise TypeError("after is a list of names")
    return Subtask(
        id=str(given["id"]),
        wish=wish,
        tool=tool,
        arguments={name: _argument(value) for name, value in arguments.items()},
        after=[str(each) for each in after],
    )


def _argument(value: JsonValue) -> JsonValue | Taken:
    if isinstance(value, dict) and value.keys() <= {"from", "field"} and isinstance(value.get("from"), str):
        return Taken(subtask=str(value["from"]), field=str(value.get("field") or ""))
    return value


def _only_json(written: str) -> str:
    """The object in what a model wrote: some put it in a fence, or a word before it."""
    begins, ends = written.find("{"), written.rfind("}")
    return written[begins : ends + 1] if 0 <= begins < ends else written
