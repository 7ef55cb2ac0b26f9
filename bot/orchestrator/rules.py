"""Tools and several wishes without a model: which tool a wish is for, its arguments, and plain words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bot.orchestrator import extractive
from bot.orchestrator.deed_phrases import deed_phrase
from bot.orchestrator.draft import Asked
from bot.orchestrator.endings import bots_last_words
from bot.orchestrator.forms import Form, asked_for, fill, question
from bot.orchestrator.hands import Hands, Told
from bot.orchestrator.outcome import Citation
from bot.orchestrator.plan import PLAN, Finding, Subtask, carry_out, checked
from bot.orchestrator.several import wishes
from bot.orchestrator.taken_up import offered_wish, offering, quoted, unproven
from bot.orchestrator.told import plainly
from knowledge.lookup import Down, Found, NoMatch
from tools import identity
from tools.base import Arguments, Tool

LookUp = Callable[[str], Awaitable[Found | NoMatch | Down]]

_ANSWER = 1.0  # second of the turn that is left to say what came of everything
_REMEMBERED = 4  # of the customer's messages that a form is filled from


@dataclass(frozen=True, kw_only=True)
class Deeds:
    """What came of a message's wishes, in words; `failed` are those that came to nothing, as the customer
    wrote them, without those that nobody knows the end of. `answered` is False when it only asks for what is
    missing."""

    text: str
    citations: Sequence[Citation] = ()
    answered: bool = True
    failed: Sequence[str] = ()


async def by_rules(asked: Asked, hands: Hands, look_up: LookUp) -> Deeds | None:
    """Do what a message asks tools for, and answer what else it asks. None when it asks no tool for anything:
    then it is a question like any other.

    What a model has had called before it failed is told, and nothing is done besides.
    """
    if hands.made:
        return _as_made(asked, hands)
    tools = list(hands.tools.values())
    if not tools:
        return None
    heard = [each.text for each in reversed(asked.turn.said) if each.speaker == "contact"][:_REMEMBERED]
    plan: list[tuple[Subtask, Tool | None, Form | None]] = []
    if (wish_taken_up := offered_wish(asked.turn, tools)) is not None and asked.agent.router is not None:
        chosen = await asked.agent.router.tool_for(wish_taken_up, tools)
        if chosen is not None:
            wish = Subtask(id="1", wish=wish_taken_up)
            plan.append(_with_form(wish, chosen, fill(chosen, [wish_taken_up, *unproven(asked.turn, tools)])))
    elif (continued := await _continued(asked, tools, heard)) is not None:
        tool, name = continued
        wish = Subtask(id="1", wish=await _wish_for(asked, tool, heard))
        plan.append(_with_form(wish, tool, fill(tool, heard, answered=name)))
    elif asked.agent.router is not None:
        for number, wish_text in enumerate(wishes(asked.question), 1):
            chosen = await asked.agent.router.tool_for(wish_text, tools)
            subtask = Subtask(id=str(number), wish=wish_text)
            if chosen is None:
                plan.append((subtask, None, None))
            else:  # what one wish doesn't say may stand in the others
                plan.append(_with_form(subtask, chosen, fill(chosen, [wish_text, asked.question])))
    if all(chosen is None for _, chosen, _ in plan):
        return None
    return await _carry_out(asked, hands, plan, look_up)


async def _continued(asked: Asked, tools: Sequence[Tool], heard: Sequence[str]) -> tuple[Tool, str] | None:
    """The tool whose question the customer answers, and the argument; None when they ask something instead.

    What they wanted before tells tools that ask alike from each other.
    """
    asking = asked_for(tools, bots_last_words(asked.turn))
    if heard[0].rstrip().endswith(("?", "؟")):
        asking = [(tool, name) for tool, name in asking if name in fill(tool, heard[:1]).arguments]
    router = asked.agent.router
    if len(asking) > 1 and router is not None:
        for wish in heard[1:]:
            chosen = await router.tool_for(wish, [tool for tool, _ in asking])
            if chosen is not None:
                return next((tool, name) for tool, name in asking if tool is chosen)
    return asking[0] if asking else None


async def _wish_for(asked: Asked, tool: Tool, heard: Sequence[str]) -> str:
    """What the customer wrote that made the bot ask: the answers to its questions say nothing of it."""
    router = asked.agent.router
    if router is not None:
        for piece in (piece for text in heard[1:] for piece in wishes(text)):
            if await router.tool_for(piece, [tool]) is tool:
                return piece
    return heard[1] if len(heard) > 1 else heard[0]


def _as_made(asked: Asked, hands: Hands) -> Deeds:
    """What came of calls, without anybody to put it in better words."""
    told = [
        _in_words(asked, each.tool, each.wish, each.told)
        for each in hands.made
        if each.told.state in {"done", "waits"}
    ]
    failed = [each.wish for each in hands.made if each.told.state in {"failed", "refused"}]
    return Deeds(text="\n\n".join(dict.fromkeys(told)), failed=list(dict.fromkeys(failed)))


def _with_form(subtask: Subtask, tool: Tool, form: Form) -> tuple[Subtask, Tool, Form]:
    ready = Subtask(id=subtask.id, wish=subtask.wish, tool=tool.name, arguments=dict(form.arguments))
    return ready, tool, form


async def _carry_out(
    asked: Asked,
    hands: Hands,
    plan: Sequence[tuple[Subtask, Tool | None, Form | None]],
    look_up: LookUp,
) -> Deeds:
    told: dict[str, Told] = {}

    async def perform(subtask: Subtask, arguments: Arguments, deadline: float) -> Finding:
        if not subtask.tool:
            return await _looked_up(subtask, look_up)
        told[subtask.id] = made = await hands.make(
            subtask.tool, arguments, wish=subtask.wish, needs=[PLAN], until=deadline
        )
        done = made.state in {"done", "waits"}
        return Finding(
            subtask=subtask,
            state="done" if done else "failed",
            result=made.result,
            arguments=made.arguments or {},
        )

    ready = [subtask for subtask, _, form in plan if form is None or form.missing is None]
    with asked.trace.step("route", PLAN, by="rules") as step:
        step.output = {"subtasks": [{"wish": each.wish, "tool": each.tool} for each, _, _ in plan]}
    until = asked.turn.deadline - _ANSWER
    findings = await carry_out(checked(ready), perform, until=until) if ready else ()
    found = {each.subtask.id: each for each in findings}
    paragraphs: list[str] = []
    citations: list[Citation] = []
    failed: list[str] = []
    asks = ""
    for subtask, tool, form in plan:
        if tool is not None and form is not None and form.missing is not None:
            asks = asks or question(tool, form.missing, asked.language)
        elif tool is None:
            answer = extractive.compose(subtask.wish, found[subtask.id].passages, language=asked.language)
            if answer is None:
                failed.append(subtask.wish)
            else:
                paragraphs.append(extractive.renumbered(answer.text, len(citations)))
                citations += answer.citations
        elif told[subtask.id].state in {"done", "waits"}:
            words = _in_words(asked, tool, subtask.wish, told[subtask.id])
            if tool.name == identity.VERIFY and (wanted := await _refused(asked, hands)) is not None:
                words, asks = offering(asked.language, told[subtask.id].result, wanted)
            paragraphs.append(words)
        elif said := told[subtask.id].words:
            paragraphs.append(extractive.escaped(said))
        elif tool.needs_verified and not asked.turn.person.verified:
            paragraphs.append(deed_phrase(asked.language, "unverified", what=quoted(subtask.wish)))
            if (sends := hands.tools.get(identity.SEND)) is not None:
                asks = asks or question(sends, "address", asked.language)
        elif told[subtask.id].state != "doubtful":  # nobody may say that it was not done
            failed.append(subtask.wish)
    not_done = [deed_phrase(asked.language, "not_done", what=quoted(wish)) for wish in failed]
    text = "\n\n".join([*paragraphs, *not_done, *([asks] if asks else [])])
    return Deeds(text=text, citations=tuple(citations), answered=bool(paragraphs), failed=failed)


async def _refused(asked: Asked, hands: Hands) -> str | None:
    """What the customer wanted that only somebody known may have, before they proved who they are."""
    router, tools = asked.agent.router, list(hands.tools.values())
    if router is not None:
        for piece in (piece for text in unproven(asked.turn, tools) for piece in wishes(text)):
            tool = await router.tool_for(piece, tools)
            if tool is not None and tool.needs_verified:
                return piece
    return None


async def _looked_up(subtask: Subtask, look_up: LookUp) -> Finding:
    match await look_up(subtask.wish):
        case Found(passages=passages):
            return Finding(subtask=subtask, state="done", passages=passages)
        case NoMatch():
            return Finding(subtask=subtask, state="failed", result="the help pages don't say")
        case Down(reason=reason):
            return Finding(subtask=subtask, state="failed", result=reason)


def _in_words(asked: Asked, tool: Tool, wish: str, told: Told) -> str:
    if told.state == "waits":
        return deed_phrase(asked.language, "approval_asked", what=quoted(wish))
    return plainly(tool, told.arguments or {}, told.result)
