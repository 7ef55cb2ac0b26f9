"""Reports of acts, told from help pages that speak of the same acts."""

from __future__ import annotations

import time

import pytest

from bot.orchestrator.claims import claimed_act


@pytest.mark.parametrize(
    "answer",
    [
        "I've refunded your order.",
        "I have already cancelled order 123456 for you. Anything else?",
        "I changed your address.",
        "I have refunded it, as the page says [1].",
        "Your address has been changed.",
        "Ich habe Ihre Adresse geändert.",
        "Ihre Bestellung wurde soeben storniert.",
        "J'ai annulé votre commande.",
        "Votre commande a été annulée.",
        "He cancelado su pedido.",
        "Ho annullato il tuo ordine.",
        "Ik heb je adres gewijzigd.",
        "Já cancelei o pedido.",
        "Anulowałem zamówienie.",
        "Jag har ändrat din adress.",
        "Jeg har annulleret din ordre.",
        "Siparişinizi iptal ettim.",
        "لقد ألغيت طلبك.",
    ],
)
def test_an_act_that_is_reported_is_heard(answer: str) -> None:
    assert claimed_act(f"Good news! {answer}") is not None


@pytest.mark.parametrize(
    "answer",
    [
        "Orders can be cancelled within 30 minutes.",
        "Refunds are issued within 5 days [1].",
        "I can have it refunded once a colleague approves.",
        "Have I cancelled it? I don't know.",
        "We have changed our return policy [1].",
        "If your order has been cancelled, you get a mail.",
        "I have asked a colleague to approve the refund.",
        "The order can be changed until it has been sent.",
        "Wenn Ihre Bestellung storniert wurde, erhalten Sie eine Mail.",
        "Ich habe leider keine Antwort gefunden.",
        "Sobald wir die Ware erhalten haben, wird der Betrag erstattet.",
    ],
)
def test_what_only_speaks_of_acts_is_none(answer: str) -> None:
    assert claimed_act(answer) is None


def test_how_things_stand_is_no_act_when_it_was_looked_up() -> None:
    assert claimed_act("Your order was shipped on Monday.") is not None
    assert claimed_act("Your order was shipped on Monday.", looked_up=True) is None
    assert claimed_act("I have shipped your order.", looked_up=True) is not None


def test_what_is_written_to_be_slow_is_not() -> None:
    began = time.process_time()
    for hostile in ("I have " * 30_000, "your " * 30_000, "I have a b c d e f g " * 10_000):
        claimed_act(hostile)
    assert time.process_time() - began < 1.0
