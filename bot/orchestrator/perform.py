"""One call of a tool, from arguments as somebody wrote them to what came of it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

from bot.orchestrator.agent import Doubtful, Ended, Go, Journal
from bot.trace import Trace
from tools.base import Arguments, Tool, ToolContext, ToolFailed, WrongArguments

log = logging.getLogger("switchboard.tools")

_LONGEST_RESULT = 8_000  # characters
_CUT = " […]"
UNVERIFIED = "This needs a customer whose identity is verified."

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Performed:
    """What came of a call. `wrong`: it was not made, for the `problems` with its arguments, by name.

    `doubtful`: nobody can know whether it took effect, and it must not be made again. `result` is the tool's
    answer, or says in words what went wrong; `words` tell that to a customer, if there are any. `again`: it
    was made before, by this turn or an attempt at it. `refused`: the service is well and said no to it.
    """

    tool: str
    arguments: Arguments
    state: Literal["done", "failed", "doubtful", "wrong"]
    result: str = ""
    words: str = ""
    again: bool = False
    refused: bool = False
    problems: Mapping[str, str] = field(default_factory=dict)


async def perform(
    tool: Tool,
    context: ToolContext,
    arguments: Arguments,
    journal: Journal,
    trace: Trace,
    *,
    needs: Sequence[str] = (),
) -> Performed:
    """Check the arguments and make the call; one that changes something is on record before and after.

    Raises LeaseLost when the turn is not ours any more, instead of changing anything.
    """
    with trace.step("tool", tool.name, needs=needs) as step:
        step.input = dict(arguments)
        try:
            checked = tool.check(arguments)
        except WrongArguments as wrong:
            performed = Performed(
                tool=tool.name,
                arguments=arguments,
                state="wrong",
                result=str(wrong),
                problems=wrong.problems,
            )
        else:
            step.input = dict(checked)
            if tool.effect == "read":
                performed = await make(tool, context, checked)
            else:
                performed = await seen_through(_write(tool, context, checked, journal))
        step.output = {
            "state": performed.state,
            "result": performed.result,
            "again": performed.again,
            "within": round(tool.timeout, 1),
        }
        if performed.state != "done":
            step.status, step.error = "failed", performed.result
    return performed


async def make(tool: Tool, context: ToolContext, arguments: Arguments) -> Performed:
    """The call itself, with checked arguments, within the tool's time; whatever goes wrong is its outcome.

    Of a write that raised or took too long, unless the tool says otherwise, nobody knows how it ended.
    """

    began = time.monotonic()

    def ended(state: Literal["done", "failed", "doubtful"], result: str, words: str = "") -> Performed:
        told = {"conversation": context.conversation_id, "seconds": round(time.monotonic() - began, 3)}
        log.info("tool %s: %s", tool.name, state, extra=told)
        return Performed(
            tool=tool.name, arguments=arguments, state=state, result=_bounded(result), words=_bounded(words)
        )

    if tool.needs_verified and not context.person.verified:
        return ended("failed", UNVERIFIED)
    unclear: Literal["failed", "doubtful"] = "doubtful" if tool.effect == "write" else "failed"
    try:
        async with asyncio.timeout(tool.timeout) as limit:
            return ended("done", await tool.call(context, arguments))
    except ToolFailed as failed:
        told = ended(unclear if failed.uncertain else "failed", failed.detail, failed.words)
        return replace(told, refused=failed.refused and told.state == "failed")
    except TimeoutError:
        late = limit.expired()
        return ended(unclear, f"No answer within {tool.timeout:g} s." if late else "A connection timed out.")
    except Exception as error:
        log.exception("tool %s failed", tool.name, extra={"conversation": context.conversation_id})
        return ended(unclear, f"{type(error).__name__}: {error}")


async def _write(tool: Tool, context: ToolContext, arguments: Arguments, journal: Journal) -> Performed:
    match await journal.begin(tool.name, arguments, idempotent=tool.idempotent):
        case Go(key=key, again=again):
            performed = await make(tool, replace(context, key=key), arguments)
            if again and performed.state == "failed":  # this time; nobody knows of the first
                performed = replace(performed, state="doubtful", words="", refused=False)
            assert performed.state != "wrong"
            await journal.end(key, performed.state, performed.result)
            return performed
        case Ended(result=result, failed=failed):
            state: Literal["done", "failed", "doubtful"] = "failed" if failed else "done"
        case Doubtful():
            state, result = "doubtful", "It was begun before, and nobody knows whether it took effect."
    return Performed(tool=tool.name, arguments=arguments, state=state, result=result, again=True)


async def seen_through(write: Coroutine[object, object, T]) -> T:
    """The end of a write, also when whoever waits for it is cut off meanwhile: once on record it is made, and
    what came of it must not be lost."""
    writing = asyncio.create_task(write)
    try:
        return await asyncio.shield(writing)
    except asyncio.CancelledError:
        await asyncio.wait({writing})
        if not writing.cancelled() and (error := writing.exception()):
            log.info("a write whose turn or worker was cut off ended with %r", error)
        raise


def _bounded(result: str) -> str:
    """A result that a model can read and every database can hold."""
    text = result.replace("\x00", "")
    return text if len(text) <= _LONGEST_RESULT else text[: _LONGEST_RESULT - len(_CUT)] + _CUT
