"""What a line that means nearly what a statement does must have besides, for nearness doesn't see it: the
same denial, and as wide a claim."""

from __future__ import annotations

from bot.orchestrator.quantities import keys
from bot.orchestrator.wording import Wording
from knowledge import words

# Each line, up to a stop, is one claim of width: what a statement says with one of these, its line must too.
_WIDE = """
always any every all each anytime whenever immer jederzeit alle allen aller jede jeder jedes jedem jeden
beliebig toujours tout toute tous toutes siempre todo toda todos todas cualquier cualquiera sempre tutti
tutte ogni qualsiasi altijd elke zawsze kazdy kazde kazda wszystkie her zaman tum alltid altid qualquer
cada .
only just nur ausschliesslich seulement uniquement solo solamente unicamente soltanto alleen slechts
tylko sadece bara endast kun so somente apenas .
immediately instantly sofort umgehend heute immediatement inmediatamente subito immediatamente meteen
direct natychmiast hemen today tomorrow morgen demain manana domani .
several mehrere plusieurs varios varias diversi parecchi meerdere kilka .
"""
_WIDTHS = [frozenset(line.split()) for line in _WIDE.split(" .\n")]
_BESIDES_WORDS = """
also too additionally auch ausserdem zudem zusatzlich ebenfalls aussi egalement tambien ademas anche
inoltre pure ook bovendien tez rowniez takze tambem ocksa ogsa ayrica
"""
_BESIDES = frozenset(_BESIDES_WORDS.split())
_MUST = 0.5  # of the words of what is said to be so besides, more than this are the line's
# What says no without a "not", or only half so: it goes with a denial and without one.
_HALF_DENIED_WORDS = """
free only until unless except excluded closed instead without kostenlos kostenfrei gratis nur erst
ausgeschlossen ausgenommen ausser geschlossen entfallt entfallen unmoglich statt gratuit gratuite
gratuitement seulement sauf ferme exclu exclus gratuito gratuita salvo cerrado excluido solo escluso
escluse chiuso tranne kosteloos alleen gesloten behalve uitgezonderd bezplatny bezplatne tylko oprocz
zamkniete ucretsiz sadece haric kapali
"""
_HALF_DENIED = frozenset(_HALF_DENIED_WORDS.split())


def says_as_much(told: Wording, line: Wording) -> bool:
    """Whether a line that means nearly the same denies as a statement does, and claims as widely."""
    own, given = _words(told), _words(line)
    if told.denies != line.denies and not (own | given) & _HALF_DENIED:
        return False
    if any(own & width and not given & width for width in _WIDTHS):
        return False
    return not own & _BESIDES or covered(told, line) > _MUST


def covered(told: Wording, line: Wording) -> float:
    """The share of a statement's words that a line has, in whatever form."""
    said, given = keys(told.text), words.fold(line.text)
    return sum(key in given for key in said) / max(len(said), 1)


def _words(wording: Wording) -> frozenset[str]:
    return frozenset(words.split(wording.text))
