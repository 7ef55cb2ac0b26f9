"""What a model is asked."""

from __future__ import annotations

from dataclasses import replace

from bot.orchestrator.answer import prompt
from tests.doubles.orchestra import RETURNS, agent, turn


def test_where_messages_are_short_the_model_is_asked_for_a_short_one() -> None:
    said = turn("How long can I return things?")
    anywhere = prompt(said, agent(), (RETURNS,))
    short = prompt(replace(said, limit=1600), agent(), (RETURNS,))
    assert "at most 1600 characters" in short[0].content
    assert short[0].role == "system"
    assert short[0].content.startswith(anywhere[0].content), "providers cache what stays the same"
    assert short[1:] == anywhere[1:]
    assert "characters" not in anywhere[0].content
