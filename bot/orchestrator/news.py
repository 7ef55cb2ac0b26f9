"""What came of calls, told to who asked for them: of those that an operator had to allow or whose time has
come, and of those that nobody knows the end of."""

from __future__ import annotations

from collections.abc import Sequence

from bot.orchestrator.agent import WrittenCall
from bot.orchestrator.deed_phrases import deed_phrase
from bot.orchestrator.draft import Asked
from bot.orchestrator.extractive import escaped
from bot.orchestrator.hands import Hands, Stuck
from bot.orchestrator.told import plainly
from tools import follow_up
from tools.base import Arguments


def in_words(asked: Asked, news: Sequence[WrittenCall]) -> str:
    """What was done, what was decided against, and what nobody knows; of all else a person tells."""
    return "\n\n".join(filter(None, (_told(asked, each) for each in news)))


def uncertain(asked: Asked, hands: Hands) -> str:
    """That nobody knows whether this was done: neither that it was nor that it was not."""
    wishes = (f"“{escaped(wish)}”" for wish in hands.uncertain)
    return "\n\n".join(deed_phrase(asked.language, "uncertain", what=wish) for wish in wishes)


def so_far(asked: Asked, hands: Hands) -> str:
    """What was surely changed in this turn, and what of it nobody knows the end of."""
    done = {
        (each.tool, str(dict(each.arguments))): (each.tool, each.arguments, each.result)
        for each in asked.turn.journal.earlier
        if each.state == "done"
    }
    for each in hands.made:
        arguments = each.told.arguments or {}
        if each.tool.effect == "write" and each.told.state == "done":
            done[each.tool.name, str(dict(arguments))] = (each.tool.name, arguments, each.told.result)
    told = [_changed(asked, *each) for each in done.values()]
    return "\n\n".join(filter(None, (*told, uncertain(asked, hands))))


def _changed(asked: Asked, name: str, arguments: Arguments, result: str) -> str:
    """By what was called: the customer's words may ask for more than this."""
    what = f"“{escaped(_called(name, arguments))}”"
    tool = asked.agent.toolbox.get(name)
    words = plainly(tool, arguments, result) if tool is not None else ""
    return "\n\n".join(filter(None, (deed_phrase(asked.language, "done", what=what), words)))


def _called(name: str, arguments: Arguments) -> str:
    values = ", ".join(str(each) for each in arguments.values() if isinstance(each, str | int | float))
    return " ".join(filter(None, (name.replace("_", " "), values)))


def unsettled(news: Sequence[WrittenCall]) -> Stuck | None:
    """Why a person must go on, if one of the calls came to no end that the customer can be left with."""
    for each in news:
        if each.refusal:  # the customer is told why
            continue
        if each.refusal is not None:
            return Stuck(reason="policy", why=f"{each.tool} was allowed and refused: {each.result}")
        if each.state == "expired":
            return Stuck(reason="approval", why=f"Nobody decided in time about {each.tool}.")
        if each.state in {"failed", "doubtful"}:
            ended = "failed" if each.state == "failed" else "was begun, and nobody knows how it ended"
            return Stuck(reason="tool_failure", why=f"{each.tool} was allowed and {ended}: {each.result}")
    return None


def _told(asked: Asked, call: WrittenCall) -> str:
    # Not by the customer's words where an operator allowed something else than they say.
    said = "" if call.edited else call.why.strip().rstrip(".!?")
    what = f"“{escaped(said or _called(call.tool, call.arguments))}”"
    match call.state:
        case "done" if call.tool == follow_up.NAME:
            return deed_phrase(asked.language, "followed_up", what=what)
        case "done":
            tool = asked.agent.toolbox.get(call.tool)
            result = plainly(tool, call.arguments, call.result) if tool is not None else ""
            done = deed_phrase(asked.language, "done", what=what)
            return "\n\n".join(filter(None, (done, result, escaped(call.note))))
        case "rejected":
            against = deed_phrase(asked.language, "decided_against", what=what)
            return "\n\n".join(filter(None, (against, escaped(call.note))))
        case "failed" if call.refusal is not None:
            refused = deed_phrase(asked.language, "refused", what=what)
            return "\n\n".join(filter(None, (refused, escaped(call.refusal))))
        case "doubtful":
            return deed_phrase(asked.language, "uncertain", what=what)
        case _:
            return ""
