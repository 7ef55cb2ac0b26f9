"""The customer's language is told from a line, and every sentence exists in each."""

from __future__ import annotations

from typing import get_args

import pytest

from bot.orchestrator.deed_phrases import DeedPhrase, deed_phrase
from bot.orchestrator.endings import passed_on
from bot.orchestrator.language import LANGUAGES, Language, guess
from bot.orchestrator.phrases import Phrase, admits_not_knowing, admits_not_reading, phrase_in

LINES: dict[Language, list[str]] = {
    "en": ["How long does delivery take?", "where is my order", "I can't sign in", "Do you ship to Norway?"],
    "de": ["Wie lange dauert der Versand?", "Ich kann mich nicht anmelden", "Wo ist meine Bestellung?"],
    "fr": ["Combien de temps prend la livraison ?", "Où est ma commande ?", "Je n'arrive pas à me connecter"],
    "es": ["¿Cuánto tarda el envío?", "donde esta mi pedido", "No puedo iniciar sesión"],
    "it": ["Quanto tempo ci vuole per la consegna?", "Dov'è il mio ordine?", "Non riesco ad accedere"],
    "nl": ["Hoe lang duurt de levering?", "Waar is mijn bestelling?", "Ik kan niet inloggen"],
    "pt": ["Quanto tempo demora a entrega?", "Onde está o meu pedido?", "Não consigo entrar na minha conta"],
    "pl": ["Ile trwa dostawa?", "Gdzie jest moje zamówienie?", "Nie mogę się zalogować"],
    "sv": ["Hur lång tid tar leveransen?", "Var är min beställning?", "Jag kan inte logga in"],
    "da": ["Hvor lang tid tager leveringen?", "Hvor er min ordre?", "Jeg kan ikke logge ind"],
    "tr": ["Teslimat ne kadar sürer?", "Siparişim nerede?", "Giriş yapamıyorum, ne yapmalıyım?"],
    "ar": ["كم يستغرق التوصيل؟", "أين طلبي؟", "لا أستطيع تسجيل الدخول"],
}


@pytest.mark.parametrize(("language", "line"), [(each, line) for each in LINES for line in LINES[each]])
def test_a_line_tells_its_language(language: Language, line: str) -> None:
    assert guess(line) == language


def test_what_tells_nothing_leaves_it_to_what_was_said_before() -> None:
    assert guess("4711", "Wo ist meine Bestellung?") == "de"
    assert guess("ok", "") == "en"
    assert guess() == "en"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_exists_in_every_language(language: Language) -> None:
    spoken = [
        phrase_in(language, which, name="Ada", company="Northwind", title="*Returns*")
        for which in get_args(Phrase)
    ]
    assert len(set(spoken)) == len(spoken)
    assert all("{" not in each and "  " not in each for each in spoken)
    assert guess(phrase_in(language, "unsure")) == language
    assert guess(phrase_in(language, "unreadable")) == language


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_about_deeds_exists_in_every_language(language: Language) -> None:
    spoken = [deed_phrase(language, which, what="*Returns*", when="now") for which in get_args(DeedPhrase)]
    assert len(set(spoken)) == len(spoken)
    assert all("{" not in each and "  " not in each for each in spoken)


@pytest.mark.parametrize("language", LANGUAGES)
def test_not_knowing_is_recognised_in_every_language_and_nothing_else_is(language: Language) -> None:
    assert admits_not_knowing(phrase_in(language, "unsure"))
    assert not admits_not_knowing(phrase_in(language, "greeting"))
    assert admits_not_reading(phrase_in(language, "unreadable"))
    assert not admits_not_reading(phrase_in(language, "unsure"))


def test_a_name_with_braces_is_only_a_name() -> None:
    assert "{0.__class__}" in phrase_in("en", "introduction", name="{0.__class__}", company="")


def test_a_sentence_follows_the_language_of_what_was_said() -> None:
    said = passed_on("handoff_customer_request", "Ich möchte mit einem Menschen sprechen", None, None)
    assert said.startswith("Natürlich")
