"""An answer stands on what was given, or it does not stand."""

from __future__ import annotations

import pytest

from bot.orchestrator.grounding import unsupported
from knowledge.base import Passage
from tests.doubles.orchestra import RETURNS

GIVEN = Passage(
    **{
        **vars(RETURNS),
        "text": "Up to 1,250 visitors cost $9 a month or 4.90 € a week; 15% less for schools. "
        "Open 9:00-18:30, call +49 30 1234567. From 2026 on 10 000 are free, 30min each.",
    }
)


@pytest.mark.parametrize(
    "answer",
    [
        "It is 1.250 visitors, 1 250 or 1250.",
        "4,90 € or 4.9 € or €4.90",
        "$9 and 15 %",
        "From 09:00 to 18:30, or +49 30 1234567, from 2026.",
        "Ten thousand, 10,000 or 10000.",
        "1. First\n2. Second\n12. Twelfth",
        "Both [1] and [12].",
        "See https://shop.example/99/88 and `code 77`.",
        "One of 3 ways, version v44, item #55.",
        "You said 4711 yourself, and 30 minutes.",
    ],
)
def test_what_was_given_may_be_said_in_any_countrys_way(answer: str) -> None:
    assert unsupported(answer, [GIVEN], ["my number is 4711"]) is None


@pytest.mark.parametrize(
    ("answer", "claim"),
    [
        ("It costs 14.90 €.", "14.90"),
        ("It costs $8.", "8"),
        ("That is 5% off.", "5"),
        ("Within 90 days.", "90"),
        ("Up to 12,500 visitors.", "12,500"),
        ("Call +49 30 7654321.", "7654321"),
        ("Since 1999.", "1999"),
    ],
)
def test_a_number_nobody_gave_is_found(answer: str, claim: str) -> None:
    assert unsupported(answer, [GIVEN], []) == claim
