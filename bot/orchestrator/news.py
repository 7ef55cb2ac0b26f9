"""What came of calls that an operator had to allow, or whose time has come, told to who asked for them."""

from __future__ import annotations

from collections.abc import Sequence

from bot.orchestrator.agent import WrittenCall
from bot.orchestrator.deed_phrases import deed_phrase
from bot.orchestrator.draft import Asked
from bot.orchestrator.extractive import escaped
from bot.orchestrator.hands import Stuck
from bot.orchestrator.told import plainly
from tools import follow_up


def in_words(asked: Asked, news: Sequence[WrittenCall]) -> str:
    """What was done and what was decided against; nothing of what a person has to go on with."""
    return "\n\n".join(filter(None, (_told(asked, each) for each in news)))


def unsettled(news: Sequence[WrittenCall]) -> Stuck | None:
    """Why a person must go on, if one of the calls came to no end that the customer can be left with."""
    for each in news:
        if each.state == "expired":
            return Stuck(reason="approval", why=f"Nobody decided in time about {each.tool}.")
        if each.state in {"failed", "doubtful"}:
            ended = "failed" if each.state == "failed" else "was begun, and nobody knows how it ended"
            return Stuck(reason="tool_failure", why=f"{each.tool} was allowed and {ended}: {each.result}")
    return None


def _told(asked: Asked, call: WrittenCall) -> str:
    what = f"“{escaped(call.why or call.tool)}”"
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
        case _:
            return ""
