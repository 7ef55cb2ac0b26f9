"""The wishes in one message, each in the customer's own words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.orchestrator.grounding import content
from bot.orchestrator.wishes import courtesy

MOST = 6  # wishes told apart in one message
_LONGEST = 2_000  # characters looked at
_AND = (
    r"(?:and(?: also| then)?|also|plus|und(?: auch)?|et(?: aussi)?|y(?: también)?|e(?: anche| também)?"
    r"|en(?: ook)?|och(?: även)?|og(?: også)?|i(?: też| także)?|oraz|ve(?: ayrıca)?)"
)
_ASKS = (
    r"how|what|when|where|why|who|which|can|could|may|do|does|is|are|will|would|if|please"
    r"|i (?:need|want|would)|change|cancel|refund|send|update|tell|check|track|show|remove"
    r"|wie|was|wann|wo|warum|wer|welche[rs]?|kann|können|gibt|ist|sind|bitte|ich (?:möchte|will|brauche)"
    r"|comment|quand|où|pourquoi|combien|est-ce|puis-je|peut-on|je (?:veux|voudrais)"
    r"|cómo|cuándo|dónde|cuánto|puedo|pueden|quiero|necesito"
    r"|come|quando|dove|quanto|posso|vorrei|hoe|wanneer|waar|waarom|kan ik|ik wil"
    r"|como|onde|posso|quero|jak|kiedy|gdzie|ile|czy|chcę|hur|när|var|kan jag|jag vill|hvordan|hvornår|hvor"
    r"|kan jeg|jeg vil|nasıl|ne zaman|nerede|kaç"
)
# An "and" after a comma, or before what begins like a question, joins two wishes; "boots and shoes" is one.
_BETWEEN = re.compile(
    rf"[?!؟;\n]+\s*|\.\s+|,\s*{_AND}\s+|,?\s+{_AND}\s+(?=(?:{_ASKS})\b)|,\s+(?=(?:{_ASKS})\b)|[,،]\s+و?(?=(?:كيف|متى|أين|هل|كم)\b)",
    re.IGNORECASE,
)


_BEGINS = re.compile(rf"(?:{_ASKS})\b", re.IGNORECASE)
# "If I order today, when does it arrive?" is one wish.
_SUPPOSES = re.compile(
    r"(?:if|when i|once|since|because|wenn|falls|sobald|weil|si|quand je|lorsque|cuando|se|quando|als|jeśli"
    r"|gdy|om|när|hvis|når|eğer)\b(?!.*,)",
    re.IGNORECASE,
)


def wishes(text: str) -> Sequence[str]:
    """What a message asks for, in its order; greetings and half sentences are no wishes of their own.

    One that is not told apart is the whole message.
    """
    found: list[str] = []
    for piece in (each.strip(" ,.-–—") for each in _BETWEEN.split(text[:_LONGEST])):
        if not piece or courtesy(piece, "") is not None:
            continue
        if found and (_says_little(piece) or _SUPPOSES.match(found[-1])):
            found[-1] = f"{found[-1]}, {piece}"
        else:
            found.append(piece)
    if len(found) > 1 and _says_little(found[0]):
        found[0:2] = [f"{found[0]}, {found[1]}"]
    return found[:MOST] or [text]


def asks(wish: str) -> bool:
    """Whether it begins as questions and requests do."""
    return _BEGINS.match(wish) is not None


def _says_little(piece: str) -> bool:
    """Whether a piece is no wish by itself: a word or two that ask for nothing."""
    words = len(content(piece))
    return words < 1 or (words < 2 and not asks(piece))
