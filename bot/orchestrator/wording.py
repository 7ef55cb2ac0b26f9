"""What a sentence says, word by word: what it is about, which of that it denies, its names and its numbers.

Words are stems; those that say the same in a help centre ("buy" and "purchase") are one, and one that denies
another ("closed", "impossible") is that word denied. Made of short lists: it is no dictionary, and what it
does not know is a word of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from bot.orchestrator.language import Language, common_words, tell
from bot.orchestrator.quantities import COUNTED_WORDS, Amount, amounts, spelled
from knowledge import words

# Each line is one meaning.
_SAME = """
buy purchase
arrive expected eta
pay payment charge billed bill cost price fee priced
cancel stop end terminate quit
start begin kick launch
delete remove erase
change edit alter modify update adjust
cause trigger
see view look watch show shown display appear visible find found
use using utilize used
send sent
mail email
get receive obtain
allow possible able permit let can
support supported accept accepted
need require required must requirement necessary
choose select pick
right correct proper
create make set add added adding insert
click press tap
company business firm
error problem issue trouble fail failed
fast quick quickly
big large
small little
write contact message reach
people person user member
directly immediate immediately instantly straight once
earlier previously before previous beforehand
limit limited restrict restricted restriction maximum max
continue keep stay remain
row consecutive
exceed over beyond above
website site sites
safe safely secure securely
lock locked
default normally usual usually
lose lost loss
miss missed missing skip skipped
log login sign signin logged signed
also too additionally
sum amount total
download downloaded
parcel package shipment
transit way dispatched underway
item product article goods
back return returned
hand drop
phone telephone
device devices machine computer
approximately about around roughly
free gratis complimentary
always any every all any each everything everyone anyone
only just exclusively solely
finish complete completed finished done
import imported importing
store stored save saved
separate separately
automatic automatically
permanent permanently forever
"""
# What denies another word.
_DENIES = """
impossible possible
unavailable available
unable able
closed open
unlimited limit
disabled enable
unsupported support
unpaid paid
inactive active
unverified verified
incorrect correct
invalid valid
forbidden allow
prohibited allow
disallowed allow
disallow allow
prevent allow
refuse accept
reject accept
private public
block allow
"""
_NOT_WORDS = """
not no never none nothing nobody neither nor without cannot cant dont doesnt didnt isnt arent wasnt werent
wont wouldnt couldnt shouldnt hasnt havent hadnt mustnt neednt unless instead nicht kein keine keinen
keinem keiner keines nie niemals ohne weder nichts pas jamais sans aucun aucune ni rien sin nunca ningun
ninguna tampoco non mai senza nessun nessuna niet geen nooit zonder nao sem nenhum nenhuma nie bez zadnych
inte aldrig utan ingen inget ikke aldrig uden degil olmadan yok
"""
_NOT = frozenset(_NOT_WORDS.split())
_MONTHS = {
    name: number
    for line in (
        "january february march april may_ june july august september october november december",
        "januar februar marz _ mai juni juli _ _ oktober _ dezember",
        "janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre",
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        "gennaio _ _ aprile maggio giugno luglio _ settembre ottobre _ dicembre",
        "januari februari maart _ mei _ _ augustus _ _ _ _",
        "janeiro fevereiro marco _ maio junho julho _ setembro outubro novembro dezembro",
        "jan feb mar apr _ jun jul aug sep oct nov dec",
    )
    for number, name in enumerate(line.split(), 1)
    if name != "_"
}
# Words of conversation: a sentence of these alone says nothing of the company.
_TALK_WORDS = """
wrote written said told mentioned asking asks telling sorry happy glad help thanks thank welcome sure
course question questions answer hello hi great good news anything else further please inconvenience
understand apologize apologies let know wish day nice worry worries colleague colleagues team person
people human pass passed asked ask look looked looks check approval decide decided write soon moment
patience unfortunately page pages information details tell mean sounds frustrating feel assist assistance
confirm hope helps here gladly absolutely perfect okay ok understood noted reply answers say says gern
gerne geschehen hilfe helfen frage fragen danke bitte leid willkommen natürlich selbstverständlich weitere
weiter sonst etwas kann tun kollege kollegen mensch geduld leider finde gefunden seite seiten verstehe
entschuldigung wünsche schönen tag auskunft freut antwort dazu merci plaisir aide aider autre désolé
volontiers équipe bonjour bonne journée gracias gusto ayuda ayudar pregunta otra siento claro equipo hola
grazie piacere aiutare domanda altro dispiace certo bedankt graag helpen vraag verder spijt natuurlijk
obrigado prazer ajudar pergunta lamento dziękuję chętnie pomóc pytanie przykro tack gärna hjälpa fråga
ledsen tak hjælpe spørgsmål beklager teşekkürler rica yardımcı soru üzgünüm شكرا يسعدني مساعدة سؤال آسف
problem trouble approve found find
"""
_TALK = frozenset(_TALK_WORDS.split())
# What the one who writes can't do or see is no fact of the company; why not may be one.
_ADMITS = re.compile(
    r"\W*(?:sorry|unfortunately|leider|lo siento|désolé|purtroppo|helaas)?\W*(?:but |but, )?"
    r"(?:i (?:can['’]?t|cannot|can not|could ?n['’]?t|could not|am unable|am not able|['’]m unable"
    r"|['’]m not able|do ?n['’]?t|do not|wasn['’]?t able|was unable)\b"
    r"|(?:ich|leider kann ich|das kann ich|dazu|darüber)\b.{0,60}\b(?:nicht|keine?n?)\b"
    r"|je ne (?:peux|sais|trouve)"
    r"|no (?:puedo|sé|encuentro)|non (?:posso|so|trovo)|ik (?:kan|weet|vind)\b.{0,60}\bniet"
    r"|não (?:posso|sei|consigo)|nie (?:mogę|wiem)|jag (?:kan|vet) inte|jeg (?:kan|ved) ikke)",
    re.IGNORECASE,
)
_REASON = re.compile(
    r"\b(?:because|since|as|but|weil|denn|aber|parce|car|mais|porque|pero|perché|omdat|mas|ponieważ|eftersom|fordi)\b",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"[,;:()–—]|\s-\s|\b(?:but|and|or|so|because|however|which|while|if|aber|sondern|und|oder|denn)\b"
)
# Verbs that are their own opposites by the word behind them.
_OUT = re.compile(r"\b(?:log|sign)(?:s|ged|ed|ging|ing)?(?: \w+)? (?:out|off)\b", re.IGNORECASE)
_OFF = re.compile(r"\b(?:switch|turn)(?:s|ed|ing|es)?(?: \w+)? (?:off)\b", re.IGNORECASE)
_FIRST = re.compile(r"\bfirst\b", re.IGNORECASE)
_ON = re.compile(r"\b(?:switch|turn)(?:s|ed|ing|es)?(?: \w+)? (?:on)\b", re.IGNORECASE)
_MARKS = re.compile(r"\[\d{1,3}\](?!\()|[*`_#>|]+")
_LINK = re.compile(r"\[([^\[\]]*)\]\([^()\s]*\)|<?https?://[^\s<>]+>?")
_QUOTED = re.compile(r"[\"“”„«»‘’']")
_NAME = re.compile(r"(?<![^\W_])(?:[A-Z]{2,}|[A-Z][^\W_]*[A-Z0-9][^\W_]*|[^\W\d_]+\d[^\W_]*)(?![^\W_])")
_CODE = re.compile(r"[^\s,;:()\"]*[^\W_][=_/@][^\s,;:()\"]*[^\W_]")
_CAPITAL = re.compile(r"(?<=[^\W\d_]\s|[,;:]\s)[A-Z][^\W_]{2,}|(?<=[^\W\d_]\s[\"“„(])[A-Z][^\W_]{2,}")


@dataclass(frozen=True, kw_only=True)
class Wording:
    """A sentence taken apart. `claims` has each word that carries its subject, and whether it is denied:
    {True}, {False} or both. `names` are in small letters."""

    text: str
    language: Language | None
    claims: Mapping[str, frozenset[bool]]
    names: frozenset[str]
    denies: bool
    amounts: frozenset[Amount]
    english: bool  # a word of English grammar is in it


@lru_cache(maxsize=8_000)
def wording(text: str) -> Wording:
    """What a sentence says."""
    plain = _QUOTED.sub(
        lambda found: "'" if found.group() in "‘’'" else " ", _MARKS.sub(" ", _LINK.sub(r"\1 ", text))
    )
    plain = _FIRST.sub("1st", plain)
    plain = _ON.sub(" enable ", _OFF.sub(" disable ", _OUT.sub(" logout ", plain)))
    language = tell(plain)
    claims: dict[str, set[bool]] = {}
    denies = False
    for clause in _CLAUSE.split(plain):
        for stem, denied in _clause(clause, language):
            claims.setdefault(stem, set()).add(denied)
            denies |= denied
    names = {found.group() for found in (*_NAME.finditer(plain), *_CODE.finditer(plain))}
    if language != "de":  # there every noun has a capital
        names |= {found.group() for found in _CAPITAL.finditer(plain)}
    return Wording(
        text=plain,
        language=language,
        claims={stem: frozenset(how) for stem, how in claims.items()},
        names=frozenset(map(words.fold, names)) - words.STOP_WORDS - _NOT,
        denies=denies,
        amounts=amounts(plain),
        english=not words.STOP_WORDS.isdisjoint(words.split(plain)),
    )


def is_talk(text: str) -> bool:
    """Whether a sentence says nothing that could be true or false of the company."""
    plain = _MARKS.sub(" ", _LINK.sub(r"\1 ", text)).strip()
    if _ADMITS.match(plain) and not _REASON.search(plain) and not any(map(str.isdigit, plain)):
        return True
    if not plain or plain.rstrip("\"'”’) ").endswith(("?", "؟")):
        return True
    language = tell(plain)
    return not any(
        word.isdigit() or (not _is_grammar(word, language) and _meaning(word) not in _TALKED)
        for word in words.split(plain)
    )


def talks(stem: str) -> bool:
    """Whether a word is one of conversation."""
    return stem in _TALKED


def _clause(clause: str, language: Language | None) -> list[tuple[str, bool]]:
    """The words of a clause that carry a subject, and whether each is denied: what follows a "not", or all
    before it where nothing follows."""
    found: list[tuple[str, bool]] = []
    since: int | None = None
    flips = 0
    for word in words.split(clause):
        if word in _NOT or (
            word.endswith("nt") and word[:-2] in {"do", "does", "did", "is", "are", "was", "wo", "ca"}
        ):
            since, flips = len(found), flips + 1
            continue
        if word in _NUMBER_WORDS:
            continue
        meaning, denied = _denied(word)
        if denied:
            found.append((meaning, True))
        elif not _is_grammar(word, language) and not word.isdigit():
            found.append((meaning, False))
    if since is None:
        return found
    if flips > 1:  # "won't work without": needed
        return [(meaning, False) for meaning, _ in found]
    behind = found[since:]
    if not behind:
        return [(meaning, not denied) for meaning, denied in found]
    return found[:since] + [(meaning, not denied) for meaning, denied in behind]


def _is_grammar(word: str, language: Language | None) -> bool:
    if len(word) < 2 or word in _GRAMMAR:
        return True
    return language is not None and language != "en" and word in common_words(language)


def _denied(word: str) -> tuple[str, bool]:
    stem = words.stem(word)
    if stem in _DENIED:
        return _DENIED[stem], True
    return _SAMES.get(stem, stem), False


def _meaning(word: str) -> str:
    return _denied(word)[0]


_SAMES = {
    words.stem(word): words.stem(line.split()[0])
    for line in _SAME.strip().splitlines()
    for word in line.split()
}
_DENIED = {
    words.stem(word): _SAMES.get(words.stem(other), words.stem(other))
    for word, other in (line.split() for line in _DENIES.strip().splitlines())
}
_MORE_GRAMMAR = """
include includes included including afterwards rather prefer prefers whenever able may soon unfortunately
please currently moment present simply contain contains containing yes well actually already whether yet
via per etc within want like would example instance work works come comes take takes put however therefore
even e g ie eg upon onto yourself ourselves thats youll youre youve youd were theyre theyll theres hes
shes lets whats its
"""
_GRAMMAR = (words.STOP_WORDS - {"all", "only", "every", "each", "before", "after", "any"}) | frozenset(
    _MORE_GRAMMAR.split()
)
_NUMBER_WORDS = frozenset(_MONTHS) | COUNTED_WORDS
_TALKED = frozenset(_meaning(words.fold(word)) for word in _TALK)


def spelled_numbers(text: str) -> str:
    """The text with numbers and months that are written as words as digits behind it."""
    months = (_MONTHS.get(word) for word in words.split(text))
    told = [*(month for month in months if month is not None), *spelled(text)]
    return f"{text} {' '.join(map(str, told))}"
