"""Anger is told in twelve languages, and a shop's ordinary troubles are none."""

from __future__ import annotations

import time

import pytest

from bot.orchestrator.agent import Utterance
from bot.orchestrator.mood import has_had_enough, mood
from bot.orchestrator.repeats import answered, goes_round
from tests.doubles.orchestra import bot, turn


@pytest.mark.parametrize(
    "text",
    [
        "This is unacceptable, I have been waiting for three weeks",
        "you guys are useless",
        "Worst customer service ever",
        "I'm so fed up with this",
        "I will sue you",
        "Das ist eine Frechheit!",
        "Ich bin stinksauer",
        "Ihr Service ist eine Katastrophe",
        "c'est scandaleux, j'en ai marre",
        "Es inaceptable, quiero hablar con mi abogado",
        "È una vergogna",
        "Dit is echt belachelijk",
        "Que absurdo, péssimo atendimento",
        "To jest skandal, mam tego dość",
        "Jag är så förbannad",
        "Det er uacceptabelt",
        "Bu tam bir rezalet",
        "هذا غير مقبول أبدا",
    ],
)
def test_anger_is_told(text: str) -> None:
    assert mood(text) == "angry"


@pytest.mark.parametrize(
    "text",
    [
        "I'm really disappointed",
        "STILL NO REFUND AND NOBODY ANSWERS",
        "WHERE IS MY ORDER PLEASE ANSWER",
        "where is it!!!",
        "Ich habe immer noch keine Antwort",
        "toujours rien reçu",
        "nadal nie ma paczki",
    ],
)
def test_displeasure_is_told_from_anger(text: str) -> None:
    assert mood(text) == "upset"


@pytest.mark.parametrize(
    "text",
    [
        "The zip is terrible, can I return the jacket?",
        "Is this email asking me to pay customs a scam?",
        "How do I report a stolen parcel?",
        "Does the fleece get sick of washing?",
        "My order 123456 arrived broken, I want my money back",
        "Do you have a size XXL of the GORE-TEX PRO SHELL?",
        "I AM 183 CM",
        "Was kostet der Versand in die Schweiz?",
        "Ich habe die Schuhe in Größe 42 bestellt, sie sind zu klein",
        "Où est ma commande ?",
        "Vendete avocado? Wir sind sauer macht lustig",
        "¿Cuánto cuesta el envío?",
        "Er zit een gat in mijn jas",
        "Quero trocar o tamanho",
        "Gdzie jest moja paczka?",
        "Är jackan vattentät?",
        "Siparişim nerede?",
        "أين طلبي؟",
        "",
    ],
)
def test_ordinary_trouble_is_calm(text: str) -> None:
    assert mood(text) == "calm"


def test_a_first_outburst_gets_an_answer_and_the_next_a_person() -> None:
    assert not has_had_enough("This is ridiculous", ())
    assert not has_had_enough("This is ridiculous", ["Where is my order?"])
    assert has_had_enough("This is ridiculous", ["Where is my order?", "I still have not received it"])
    assert not has_had_enough("Where is it?", ["You are useless"])
    assert not has_had_enough("This is ridiculous", ["You are useless", "ok", "and now?", "how", "When?"])


def test_a_question_goes_round_when_two_answers_did_not_end_it() -> None:
    assert goes_round("where is my order", ["Where is my order?", "And where is my order, please?"])
    assert not goes_round("where is my order", ["Where is my order?"])
    assert not goes_round("where is my order", ["Where is my order?", "Do you ship to Norway?"])
    assert not goes_round("where is my order", ["Where is my order?", "Where is my other order of shoes?"])
    assert not goes_round("Where is order 123456?", ["Where is order 481920?", "Where is order 481977?"])
    assert goes_round("???", ["???", "???"])


def test_what_counts_was_answered_by_the_bot_since_a_person_last_spoke() -> None:
    person = Utterance(speaker="operator", text="I'll look at it.")
    said = turn("one", bot("1"), person, "two", "three", bot("2"), bot("more"), "four", "five").said
    assert answered(said) == ["two\nthree"]


def test_moods_are_told_in_no_time() -> None:
    began = time.process_time()
    for hostile in ("this is so " * 50_000, "never order " * 20_000, "!" * 100_000, "A" * 100_000):
        mood(hostile)
    assert time.process_time() - began < 1.0
