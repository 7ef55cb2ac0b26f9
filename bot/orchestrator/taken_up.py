"""What a customer wanted before they proved who they are, offered again once they have."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from bot.orchestrator.agent import Turn
from bot.orchestrator.endings import bots_last_words
from bot.orchestrator.extractive import escaped
from bot.orchestrator.forms import asked_for
from bot.orchestrator.several import wishes
from bot.orchestrator.wishes import agrees
from tools import identity
from tools.base import Tool
from tools.code_words import every, said


def offering(language: str, proven: str, wish: str) -> tuple[str, str]:
    """What is said to whoever has proved it, with `proven` as `verify_code` returned it, and the question
    whether to go on: only what is written after the code is verified."""
    told: str = orjson.loads(proven)["proven"]
    return escaped(told), said(language, "go_on", what=quoted(wish))


def offered_wish(turn: Turn, tools: Sequence[Tool]) -> str | None:
    """The wish to go on with, when that was the bot's question and the customer agrees."""
    newest = [each.text for each in turn.said[-turn.pending :] if each.speaker == "contact"]
    last = bots_last_words(turn)
    if not newest or not agrees(newest[-1]) or not last:
        return None
    return next(
        (
            piece
            for text in unproven(turn, tools)
            for piece in wishes(text)
            if any(last.endswith(way.replace("{what}", quoted(piece))) for way in every("go_on").values())
        ),
        None,
    )


def unproven(turn: Turn, tools: Sequence[Tool]) -> Sequence[str]:
    """What the customer wrote before the bot first asked for an address or a code, the newest first: a code
    is no order number."""
    proofs = [tool for tool in tools if tool.name in {identity.SEND, identity.VERIFY}]
    heard: list[str] = []
    for each in turn.said:
        if each.speaker == "bot" and asked_for(proofs, each.text):
            return heard[::-1]
        if each.speaker == "contact":
            heard.append(each.text)
    return ()


def quoted(wish: str) -> str:
    return f"“{escaped(wish)}”"
