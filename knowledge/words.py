"""Words as the index knows them: folded, stemmed, and mended when a customer mistyped them."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import snowballstemmer

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_stemmer = snowballstemmer.stemmer("english")

# Words that carry grammar and no subject: found in any question about anything.
_GRAMMAR = """
a about above after again all also am an and any are as at be because been before being below between both
but by can cannot could did do does doing don done down during each else ever few for from further get gets
getting give go goes going got had has have having he her here hers him his how i if in into is it its just
let like me might more most much must my need no nor not now of off on once one only or other our ours out
over own please same shall she should so some such than that the their theirs them then there these they
this those through to too under until up us use used using very want was we were what when where which while
who whom whose why will with would yes you your yours d ll m re s t ve im ive id dont doesnt didnt cant
couldnt wont isnt wasnt arent hi hello hey thanks thank know tell way anyone someone something anything
everything thing really still even maybe possible
"""
STOP_WORDS = frozenset(_GRAMMAR.split())


def fold(text: str) -> str:
    """Lower case without accents, so that "Café" and "cafe" are one word."""
    if text.isascii():
        return text.lower()
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))


def split(text: str) -> list[str]:
    """The words of a text, folded, in order."""
    return [word.replace("'", "").replace("’", "") for word in _WORD.findall(fold(text))]


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """The word without its ending: "invoices" and "invoice" are one."""
    return str(_stemmer.stemWord(word))


def stems(text: str) -> list[str]:
    """The stems of a text in order, grammar words and all."""
    return [stem(word) for word in split(text)]
