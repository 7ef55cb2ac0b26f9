"""Wishes told apart in a message."""

from __future__ import annotations

import time

import pytest

from bot.orchestrator.several import wishes


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (
            "Where is order 123456, and can I still return the shoes, and change my address?",
            ["Where is order 123456", "can I still return the shoes", "change my address"],
        ),
        ("Hi! Where is my order 123456?", ["Where is my order 123456"]),
        ("Do you ship boots and shoes to Norway?", ["Do you ship boots and shoes to Norway"]),
        (
            "If I order boots today, when do they arrive?",
            ["If I order boots today, when do they arrive"],
        ),
        (
            "Hallo, wo ist meine Bestellung 123456 und kann ich die Schuhe noch zurückgeben?",
            ["wo ist meine Bestellung 123456", "kann ich die Schuhe noch zurückgeben"],
        ),
        (
            "What does a return cost? How long does it take?",
            ["What does a return cost", "How long does it take"],
        ),
        (
            "Où est ma commande et combien coûte un retour ?",
            ["Où est ma commande", "combien coûte un retour"],
        ),
        (
            "I want a refund for order 123456 and change my address to Elm 5",
            ["I want a refund for order 123456", "change my address to Elm 5"],
        ),
        ("123456", ["123456"]),
        ("", [""]),
    ],
)
def test_each_wish_is_told_in_the_customers_words(message: str, told: list[str]) -> None:
    assert list(wishes(message)) == told


def test_long_messages_are_read_in_no_time() -> None:
    began = time.process_time()
    for hostile in ("and " * 50_000, ", and can " * 20_000, "a" * 200_000, "?!" * 100_000):
        assert len(wishes(hostile)) <= 6
    assert time.process_time() - began < 1.0
