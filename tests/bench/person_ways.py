"""Ways in which customers ask for a person, by language; the router has seen none of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

WAYS: Mapping[str, Sequence[str]] = {
    "en": (
        "is anyone there who is not a bot",
        "get me somebody who can actually think",
        "I'd rather deal with a member of staff",
        "can a colleague of yours ring me or write to me here, a real one",
        "stop the robot answers, I want someone human",
        "no more bot. human. now.",
        "any humans around here?",
        "I would like to be helped by a person instead of a program",
        "please escalate this to a human being",
        "could I have a word with your manager",
        "switch me over to a live agent",
        "somebody real please",
    ),
    "de": (
        "ist da auch ein echter Mensch?",
        "ich hätte gern jemanden aus Ihrem Team",
        "verbinden Sie mich bitte mit dem Support",
        "kein Roboter bitte, ich will einen Menschen",
        "kann mir hier mal ein Mensch helfen?",
        "Ich möchte von einem Mitarbeiter betreut werden",
        "bitte an einen Kollegen weitergeben, einen echten",
        "lieber mit einer richtigen Person",
    ),
    "fr": (
        "y a-t-il un humain ici ?",
        "je préfère avoir affaire à une vraie personne",
        "passez-moi quelqu'un de votre équipe",
        "je ne veux pas d'un robot, je veux un humain",
        "un conseiller en chair et en os, s'il vous plaît",
        "pouvez-vous me transférer à un employé ?",
    ),
    "es": (
        "¿hay algún humano por ahí?",
        "prefiero que me atienda una persona",
        "páseme con alguien de su equipo",
        "no más robots, quiero un humano",
        "que me conteste una persona real",
        "necesito que un empleado me atienda",
    ),
    "it": (
        "c'è qualcuno in carne e ossa?",
        "preferisco una persona vera",
        "passatemi un vostro collega umano",
        "basta bot, voglio un umano",
        "vorrei essere aiutato da un operatore umano",
    ),
    "nl": (
        "is er een echt mens aanwezig?",
        "liever een echte persoon dan een robot",
        "mag een collega van u dit overnemen?",
        "stop met die bot, ik wil een mens",
        "verbind me door met een medewerker",
    ),
    "pt": (
        "tem algum humano aí?",
        "prefiro ser atendido por uma pessoa",
        "me passa para alguém da equipe",
        "chega de robô, quero um humano",
        "gostaria de falar com gente de verdade",
    ),
    "pl": (
        "czy jest tu jakiś człowiek?",
        "wolę prawdziwą osobę",
        "przełącz mnie do pracownika",
        "dość tego bota, chcę człowieka",
    ),
    "sv": (
        "finns det någon människa där?",
        "jag vill ha en riktig person i stället för en bot",
        "kan en kollega ta över?",
    ),
    "da": (
        "er der et rigtigt menneske?",
        "jeg vil hellere hjælpes af en person",
    ),
    "tr": (
        "orada gerçek bir insan var mı?",
        "bir çalışanla görüşmek istiyorum",
        "bot değil insan istiyorum",
    ),
    "ar": (
        "هل يوجد إنسان حقيقي هنا؟",
        "أفضل أن يساعدني شخص وليس روبوت",
        "أريد موظفا من خدمة العملاء",
    ),
}
