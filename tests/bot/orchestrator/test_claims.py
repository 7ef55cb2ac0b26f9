"""Reports of acts, told from help pages that speak of the same acts."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from bot.orchestrator.claims import Deed, claimed_act


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


def deed(tool: str, result: str = "", description: str = "", **arguments: str) -> Deed:
    return Deed(tool=tool, description=description, arguments=arguments, result=result)


CANCELLED = deed("order_cancel", '{"state": "cancelled"}', "Cancels an order.", order_id="123456")
MOVED = deed("change_address", description="Changes where parcels go.", street="Elm Street 12")
REFUNDED = deed("refund", "Refunded 20 EUR.", "Gives an order's money back.", order_id="123456")


@pytest.mark.parametrize(
    ("answer", "done"),
    [
        ("I've cancelled order 123456 for you.", [CANCELLED]),
        ("Ich habe Ihre Bestellung 123456 storniert und die Adresse geändert.", [CANCELLED, MOVED]),
        ("I have cancelled your order and changed your address.", [CANCELLED, MOVED]),
        ("Your address has been updated.", [MOVED]),
        ("Votre commande a été annulée.", [CANCELLED]),
        ("J'ai remboursé 20 EUR.", [REFUNDED]),
        ("I have credited 20 EUR to your card.", [REFUNDED]),
        ("Siparişinizi iptal ettim.", [CANCELLED]),
        ("Anulowałem zamówienie 123456.", [CANCELLED]),
        ("I have processed your refund.", [REFUNDED]),
        ("I've cancelled it, and it will not be shipped.", [CANCELLED]),
        ("I've ordered a new one.", [deed("create_order", item="boat")]),
    ],
)
def test_what_was_done_may_be_told(answer: str, done: Sequence[Deed]) -> None:
    assert claimed_act(answer, done=done) is None


@pytest.mark.parametrize(
    ("answer", "done", "claim"),
    [
        ("I've cancelled your order and refunded you.", [CANCELLED], "refunded"),
        ("I've refunded your order.", [CANCELLED], "refunded"),
        ("I have cancelled your order and changed your address.", [CANCELLED], "changed"),
        ("Your order has been cancelled and your address was changed.", [CANCELLED], "changed"),
        ("Your payment card has been changed.", [MOVED], "changed"),
        ("I've cancelled order 654321.", [CANCELLED], "cancelled"),
        ("Ich habe Ihre Bestellung storniert und Ihr Geld erstattet.", [CANCELLED], "erstattet"),
        ("Ihr Passwort wurde geändert.", [MOVED], "geändert"),
        ("J'ai annulé votre commande.", [REFUNDED], "annulé"),
        ("Zmieniłem adres.", [CANCELLED], "zmieniłem"),
        ("I have placed a new order.", [CANCELLED], "placed"),
        ("It has been cancelled!", [REFUNDED], "cancelled"),
    ],
)
def test_one_deed_covers_no_other(answer: str, done: Sequence[Deed], claim: str) -> None:
    assert (claimed_act(answer, done=done) or "").endswith(claim)


def test_how_things_stand_is_no_act_when_that_was_looked_up() -> None:
    status = '{"order": "123456", "state": "shipped", "on": "Monday"}'
    assert claimed_act("Your order was shipped on Monday.") is not None
    assert claimed_act("Your order was shipped on Monday.", looked_up=[status]) is None
    assert claimed_act("Ihre Bestellung wurde am Montag verschickt.", looked_up=[status]) is None
    assert claimed_act("Your order has been cancelled.", looked_up=[status]) is not None
    assert claimed_act("I have shipped your order.", looked_up=[status]) is not None


def test_what_is_written_to_be_slow_is_not() -> None:
    began = time.process_time()
    for hostile in ("I have " * 30_000, "your " * 30_000, "I have a b c d e f g " * 10_000):
        claimed_act(hostile)
    assert time.process_time() - began < 1.0
