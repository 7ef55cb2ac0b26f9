"""Amounts with their units, whichever language and unit they are told in, and which of several an amount of a
statement is taken from.

"Two weeks" are 14 days and "2 pm" is 14:00; eight times is not eight days. A line may name several amounts of
one kind: "3 days within the UK, 8 days to Ireland". What a statement says of Ireland must not be the other's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from bot.orchestrator.language import LANGUAGES, Language, common_words, tell
from knowledge import words

# Each line is a unit: what it is a kind of, how many of the smallest it holds, and its names, folded. Months
# are no number of days.
_UNITS = """
time 1 min minute minuten minutes minuti minuto minutos minut minuty minuut minuta minutter minuter
time 1 dakika
time 60 h hour hours stunde stunden heure heures hora horas ora ore uur uren godzina godziny godzin
time 60 timer timmar saat
time 1440 day days tag tage tagen tages werktag werktage werktagen arbeitstag arbeitstage arbeitstagen
time 1440 jour jours dia dias giorno giorni dag dagen dage dagar werkdag werkdagen dzien dni gun
time 10080 week weeks woche wochen semaine semaines semana semanas settimana settimane weken tydzien
time 10080 tygodnie tygodni hafta veckor vecka uge uger
months 1 month months monat monate monaten monats mois mes meses mese mesi maand maanden miesiac miesiace
months 1 miesiecy ay manad manader maned maneder
months 12 year years jahr jahre jahren jahres an ans annee annees ano anos anno anni jaar jaren rok lata
months 12 lat yil ar
share 1 % prozent percent procent
money 1 € $ £ euro euros eur pound pounds gbp dollar dollars usd zl pln tl lira kr franken chf
data 1 mb megabyte
data 1000 gb gigabyte gigabytes gigabajtow
weight 1 kg kilo kilos kilogram kilogramm
clock 60 uhr
times 1 mal times fois veces volte keer vezes razy kez ganger gange
"""
_UNIT: Mapping[str, tuple[str, int]] = {
    name: (kind, int(size))
    for kind, size, *names in (line.split() for line in _UNITS.strip().splitlines())
    for name in names
}
# Words for numbers: the first of a line is the language, the others count from two. One that says something
# else as well ("neuf", "sei") is left out.
_COUNTING = """
en two three four five six seven eight nine ten eleven twelve
de zwei drei vier funf sechs sieben acht neun zehn elf zwolf
fr deux trois quatre cinq six sept huit _ dix onze douze
es dos tres cuatro cinco seis siete ocho nueve diez once doce
it due tre quattro cinque _ sette otto nove dieci undici dodici
nl twee drie vier vijf zes zeven acht negen tien elf twaalf
pt dois tres quatro cinco seis sete oito nove dez onze doze
pl dwa trzy cztery piec szesc siedem osiem dziewiec dziesiec jedenascie dwanascie
sv tva tre fyra fem sex sju atta nio tio elva tolv
da to tre fire fem seks syv otte _ ti elleve tolv
tr iki uc dort bes alti yedi sekiz dokuz on
"""
_MORE: Mapping[str, Mapping[str, int]] = {
    "en": {"zero": 0, "fourteen": 14, "fifteen": 15, "twenty": 20, "thirty": 30, "sixty": 60, "ninety": 90},
    "de": {
        "null": 0,
        "vierzehn": 14,
        "funfzehn": 15,
        "zwanzig": 20,
        "dreissig": 30,
        "sechzig": 60,
    },
    "fr": {"quatorze": 14, "quinze": 15, "vingt": 20, "trente": 30},
    "es": {"catorce": 14, "quince": 15, "veinte": 20, "treinta": 30},
    "it": {"quattordici": 14, "quindici": 15, "venti": 20, "trenta": 30},
    "nl": {"veertien": 14, "vijftien": 15, "twintig": 20, "dertig": 30},
}
_COUNTED: Mapping[str, Mapping[str, int]] = {
    language: {
        **{word: number for number, word in enumerate(own, 2) if word != "_"},
        **_MORE.get(language, {}),
    }
    for language, *own in (line.split() for line in _COUNTING.strip().splitlines())
}
_UNSURE = {**_COUNTED["de"], **_COUNTED["en"]}  # where no word tells the language
COUNTED_WORDS = frozenset(_UNSURE)
_FREE_WORDS = """
free gratis kostenlos kostenfrei kostenlose kostenlosen gratuit gratuits gratuite gratuites gratuito gratuita
gratuiti kosteloos bezplatny bezplatna bezplatne darmo ucretsiz ucretsizdir
"""
_FREE = frozenset(_FREE_WORDS.split())
UNITS = frozenset(words.stem(name) for name in _UNIT)
_NUMBER = r"\d+(?:[.,'’\u00a0\u202f]\d{3}(?!\d))*(?:[.,]\d+)?"
_TOKEN = re.compile(
    rf"(?P<clock>\b\d{{1,2}}:\d\d\b)|(?P<before>[€$£]\s?)?(?P<number>{_NUMBER})|(?P<word>[^\W\d_]+|[%€$£])"
)
_RANGE = frozenset(
    {"to", "bis", "a", "tot", "do", "ate", "or", "oder", "and", "und", "til", "till", "y", "e"}
)
_BETWEEN = 1  # words between a number and its unit: "3 working days"
_CLAUSE = re.compile(r"[,;:()\n]\s|[.!?]\s+|\b(?:and|but|und|aber|et|mais|y|pero|e|ma|en|maar|i|ale|ve)\b")
_CLOCK = re.compile(
    r"\b(\d{1,2})(?:[:.](\d\d))?\s?(am|pm|a\.m|p\.m)\b|\b(\d{1,2})(?::(\d\d)| Uhr| h\b)", re.IGNORECASE
)
_FEW = 8  # amounts of a statement that are looked at; a sentence of people has no more
_KEY = 5  # letters that a word's forms and compounds share
_GRAMMAR = frozenset(word for language in LANGUAGES for word in common_words(language) if len(word) <= _KEY)


@dataclass(frozen=True, kw_only=True)
class Amount:
    """So many of the smallest unit of a kind; what is free costs no money."""

    kind: str
    size: Fraction


FREE = Amount(kind="money", size=Fraction(0))


def spelled(text: str) -> Sequence[int]:
    """The numbers that a text writes as words, from two on: "an hour" and "ein Tag" name no amount."""
    counted = _counted(tell(text))
    found = (counted.get(word, counted.get(word.removesuffix("mal"))) for word in words.split(text))
    return [number for number in found if number is not None]


def amounts(text: str) -> frozenset[Amount]:
    """The amounts of a text whose units are known."""
    return frozenset(amount for _, amount in _numbers(text) if amount is not None)


def agreeing(statement: str, given: str) -> Sequence[str] | None:
    """The numbers of a statement's amounts that were given in whatever unit; None when one was not, or not
    with such a unit."""
    known = amounts(given)
    bare = {size for size, amount in _numbers(given) if amount is None}
    found = []
    for size, amount in _numbers(statement):
        if amount is None or (not size and not any(each.kind == amount.kind for each in known)):
            continue
        if amount in known:
            found.append(str(float(size)).removesuffix(".0"))
        elif size not in bare:
            return None
    return found


def hours(text: str) -> str:
    """The times of day of a text by the other clock: "2 pm" is 14:00."""
    found: list[str] = []
    for hour, minutes, half, other, more in _CLOCK.findall(text):
        if half:
            found += [str(int(hour) % 12 + (12 if half[0] in "pP" else 0)), minutes or "00"]
        else:
            found += [str((int(other) - 1) % 12 + 1), more or "00"]
    return " ".join(found)


@lru_cache(maxsize=2_000)
def misapplied(statement: str, lines: tuple[str, ...]) -> bool:
    """Whether a statement says an amount of something that the lines give another one for, together with one
    that they give beside another, or leaves out under what condition something is free."""
    told = list(dict.fromkeys(amount for _, amount in _numbers(statement) if amount is not None))[:_FEW]
    if not told:
        return False
    given = [clause for line in lines for clause in _clauses(line)]
    return (
        any(_of_another(each, keys(statement), given) for each in told)
        or any(_beside_another(one, other, given) for one in told for other in told if one.kind != other.kind)
        or (FREE in told and _under_a_condition(statement, given))
    )


def _of_another(told: Amount, said: frozenset[str], given: Sequence[_Clause]) -> bool:
    """Whether clauses with another amount of the kind have words of it that none with its own has."""
    own = [clause for clause in given if told in clause.amounts]
    others = [
        clause
        for clause in given
        if told not in clause.amounts and any(each.kind == told.kind for each in clause.amounts)
    ]
    return bool(own) and any(
        all(len((other.keys & said) - each.until) > len((each.keys & said) - other.until) for each in own)
        for other in others
    )


def _beside_another(one: Amount, other: Amount, given: Sequence[_Clause]) -> bool:
    beside = [clause.amounts for clause in given if one in clause.amounts]
    return any(each.kind == other.kind for found in beside for each in found) and not any(
        other in found for found in beside
    )


def _under_a_condition(statement: str, given: Sequence[_Clause]) -> bool:
    free = [clause for clause in given if FREE in clause.amounts]
    named = {size for size, _ in _numbers(statement)}
    return bool(free) and all(clause.sizes - {0} and not clause.sizes & named - {0} for clause in free)


@dataclass(frozen=True, kw_only=True)
class _Clause:
    """A clause of a line; `until` has the words of the line up to its end, which it may leave unsaid."""

    keys: frozenset[str]
    until: frozenset[str]
    amounts: frozenset[Amount]
    sizes: frozenset[Fraction]


@lru_cache(maxsize=4_000)
def _clauses(line: str) -> Sequence[_Clause]:
    found = []
    until: frozenset[str] = frozenset()
    for clause in _CLAUSE.split(line):
        if clause.strip():
            until |= keys(clause)
            sizes = frozenset(size for size, _ in _numbers(clause))
            found.append(_Clause(keys=keys(clause), until=until, amounts=amounts(clause), sizes=sizes))
    return found


@lru_cache(maxsize=8_000)
def keys(text: str) -> frozenset[str]:
    """The beginnings of a text's words that carry its subject, which their forms and compounds share."""
    return frozenset(
        word[:_KEY]
        for word in words.split(text)
        if len(word) > 2
        and not word.isdigit()
        and word not in words.STOP_WORDS
        and word not in _GRAMMAR
        and word not in _UNIT
    )


def _counted(language: Language | None) -> Mapping[str, int]:
    return _UNSURE if language is None else _COUNTED.get(language, {})


@lru_cache(maxsize=8_000)
def _numbers(text: str) -> Sequence[tuple[Fraction, Amount | None]]:
    """The numbers of a text, each with what it is an amount of, where its unit is known."""
    counted = _counted(tell(text))
    found: list[tuple[Fraction, Amount | None]] = []
    waiting = passed = 0  # numbers at the end without a unit, and words since the last of them
    for token in _TOKEN.finditer(text):
        word = words.fold(token["word"] or "")
        often = word.removesuffix("mal")
        if token["clock"]:
            hour, minutes = map(int, token["clock"].split(":"))
            found.append((Fraction(hour), Amount(kind="clock", size=Fraction(hour * 60 + minutes))))
            waiting = 0
        elif token["number"] or word in counted or often in counted:
            size = (
                _size(token["number"])
                if token["number"]
                else Fraction(counted.get(word, counted.get(often, 0)))
            )
            kind = "money" if token["before"] else "times" if often != word else None
            found.append((size, Amount(kind=kind, size=size) if kind else None))
            waiting, passed = 0 if kind else waiting + 1, 0
        elif word in _FREE:
            found.append((Fraction(0), FREE))
            waiting = 0
        elif waiting and word in {"am", "pm"}:
            for place in range(len(found) - waiting, len(found)):
                hour = int(found[place][0]) % 12 + (12 if word == "pm" else 0)
                found[place] = found[place][0], Amount(kind="clock", size=Fraction(hour * 60))
            waiting = passed = 0
        elif waiting and word in _UNIT:
            kind, many = _UNIT[word]
            for place in range(len(found) - waiting, len(found)):
                size = found[place][0]
                found[place] = size, Amount(kind=kind, size=size * many)
            waiting = passed = 0
        elif waiting and word not in _RANGE:
            passed += 1
            waiting = waiting if passed <= _BETWEEN else 0
    return found


def _size(number: str) -> Fraction:
    """What a number is, whichever way its country writes it: three digits behind a mark are thousands."""
    plain = re.sub(r"['’\u00a0\u202f]", "", number)
    if re.fullmatch(r"\d{1,3}(?:[.,]\d{3})+|\d+", plain):
        return Fraction(re.sub(r"\D", "", plain))
    before, _, after = plain.replace(",", ".").rpartition(".")
    return Fraction(f"{before.replace('.', '') or '0'}.{after}")
