"""Courtesies and the wish for a person: understood in many languages, and not seen where they are not."""

from __future__ import annotations

import time

import pytest

from bot.orchestrator.wishes import courtesy, objects, wants_person


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("great", "thanks"),
        ("No, thanks!", "thanks"),
        ("Alles klar", "thanks"),
        ("hi", "greeting"),
        ("Hello!", "greeting"),
        ("Hi 👋", "greeting"),
        ("Good morning", "greeting"),
        ("Guten Tag", "greeting"),
        ("Hi Ada!", "greeting"),
        ("hello team", "greeting"),
        ("👋", "greeting"),
        ("👍🏽", "thanks"),
        ("Danke Ada, tschüss!", "thanks"),
        ("Bonjour !", "greeting"),
        ("¡Hola!", "greeting"),
        ("Buongiorno", "greeting"),
        ("Hoi", "greeting"),
        ("Olá, bom dia", "greeting"),
        ("Dzień dobry", "greeting"),
        ("God morgon", "greeting"),
        ("Goddag", "greeting"),
        ("Merhaba", "greeting"),
        ("مرحبا!", "greeting"),
        ("ok thanks", "thanks"),
        ("Thank you so much!!", "thanks"),
        ("Thanks, bye!", "thanks"),
        ("Vielen Dank", "thanks"),
        ("Merci beaucoup !", "thanks"),
        ("muchas gracias", "thanks"),
        ("Teşekkürler", "thanks"),
        ("شكرا", "thanks"),
        ("bye", "goodbye"),
        ("Auf Wiedersehen", "goodbye"),
        ("Hi, who are you?", "introduction"),
        ("Are you a bot?", "introduction"),
        ("are you human or a robot?", "introduction"),
        ("Bist du ein Mensch oder ein Bot?", "introduction"),
        ("Êtes-vous un robot ?", "introduction"),
        ("¿Eres un bot?", "introduction"),
    ],
)
def test_a_message_that_is_nothing_but_a_courtesy_is_known_as_one(text: str, kind: str) -> None:
    assert courtesy(text, "Ada") == kind


@pytest.mark.parametrize(
    "text",
    [
        "Hi, where is my order?",
        "thanks but it does not work",
        "Hello I can't sign in",
        "Danke, und wie lange dauert der Versand?",
        "What are you selling?",
        "Is this a real leather bag?",
        "",
        "???",
        "Ada",
        "all",
        "🚲",
        "hi " * 500,
    ],
)
def test_a_courtesy_never_swallows_a_question(text: str) -> None:
    assert courtesy(text, "Ada") is None


@pytest.mark.parametrize(
    "text",
    [
        "I want to talk to a human",
        "Can I speak to a person please?",
        "can i talk to someone",
        "human please",
        "agent",
        "Let me talk to an agent",
        "Please connect me to a real person",
        "I'd like to speak with a representative about my order",
        "This is useless. I need to speak to your manager.",
        "get me a human",
        "Transfer me to an operator",
        "How can I talk to a real person?",
        "Hi, can I chat with customer support?",
        "no, I want a person",
        "I want to talk to a person, my refund is late",
        "My parcel is lost, can I talk to somebody?",
        "Ich möchte mit einem Menschen sprechen",
        "Kann ich bitte mit einem Mitarbeiter reden?",
        "Verbinden Sie mich mit einem Mitarbeiter",
        "Je voudrais parler à un conseiller",
        "Puis-je parler à une vraie personne ?",
        "je veux parler à quelqu'un",
        "Quiero hablar con una persona",
        "¿Puedo hablar con un agente humano?",
        "Vorrei parlare con un operatore",
        "Posso parlare con una persona reale?",
        "Ik wil graag met een medewerker spreken",
        "Quero falar com um atendente",
        "Posso falar com uma pessoa?",
        "Chcę porozmawiać z człowiekiem",
        "Czy mogę rozmawiać z konsultantem?",
        "Jag vill prata med en människa",
        "Jeg vil gerne tale med et menneske",
        "Bir temsilciyle görüşmek istiyorum",
        "Gerçek bir kişiyle konuşabilir miyim?",
        "أريد التحدث مع شخص",
        "هل يمكنني التحدث إلى موظف؟",
    ],
)
def test_a_clear_wish_for_a_person_is_heard(text: str) -> None:
    assert wants_person(text)


@pytest.mark.parametrize(
    "text",
    [
        "I talked to a person yesterday",
        "I spoke to an agent last week and they said my order was shipped",
        "I was speaking to someone about a refund, where is it?",
        "I don't want to talk to a human",
        "How do I add a person to my account?",
        "I need a person on my team to have admin rights",
        "I need to give a person access",
        "I want to get to someone else's profile",
        "Can an agent see my data?",
        "What is a user agent?",
        "How many people can use one account?",
        "Do you have a support phone number?",
        "Can I get in touch with the seller of the tent?",
        "Can I talk to the API with a token?",
        "people",
        "support",
        "Ich habe gestern mit einem Mitarbeiter gesprochen",
        "Ich will nicht mit einem Menschen sprechen",
        "Wie füge ich einen Mitarbeiter hinzu?",
        "J'ai parlé à un conseiller hier",
        "Ayer hablé con una persona",
        "Ho parlato con un operatore ieri",
        "Ik heb gisteren met een medewerker gesproken",
        "Falei com um atendente ontem",
        "Rozmawiałem wczoraj z konsultantem",
        "Jag pratade med en person igår",
        "Jeg talte med en medarbejder i går",
        "Dün bir temsilciyle konuştum",
        "تحدثت مع موظف أمس",
    ],
)
def test_speaking_of_persons_is_no_wish_for_one(text: str) -> None:
    assert not wants_person(text)


@pytest.mark.parametrize(
    "word", ["talk ", "can i please ", "möchte ", "kan ik wil ", "i want to ", "?.", "hi, "]
)
def test_no_message_makes_understanding_slow(word: str) -> None:
    text = word * 2000
    began = time.process_time()
    for length in (200, 290, 880, len(text)):
        courtesy(text[:length])
        wants_person(text[:length])
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    "text",
    ["No, that is wrong.", "That's not what I asked!", "Das stimmt nicht", "ça n'aide pas", "wrong answer"],
)
def test_an_objection_is_known_as_one(text: str) -> None:
    assert objects(text)
    assert courtesy(text) is None


@pytest.mark.parametrize(
    "text", ["I got the wrong size", "That is wrong with my boots: the sole is loose", "no"]
)
def test_telling_of_what_is_wrong_is_no_objection(text: str) -> None:
    assert not objects(text)
