"""Whether an answer says that something was done: only a tool that did just that may be the reason.

Made of the commonest ways to report an act to a customer, in the languages the bot knows. It is a net, not a
proof: acts are claimed with few verbs, and an answer held back wrongly only brings in a person. Each claim
needs a deed of its kind (a refund is no cancellation), done to what it names, with the numbers it names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import orjson

from bot.orchestrator.acts import kinds, things
from bot.orchestrator.language import Language
from tools.base import Arguments

_NEAR = 6  # words at most between the one who did it and what was done
_DONE: Mapping[Language, str] = {
    "en": r"cancell?ed|refunded|changed|updated|corrected|issued|processed|initiated|booked|ordered|sent"
    r"|shipped|deleted|removed|created|opened|filed|registered|submitted|scheduled|reset|forwarded|credited"
    r"|blocked|unlocked|extended|placed|arranged|notified|reported|escalated|transferred",
    "de": r"storniert|erstattet|geändert|aktualisiert|korrigiert|veranlasst|gebucht|bestellt|geschickt"
    r"|verschickt|gesendet|versandt|gelöscht|entfernt|angelegt|erstellt|eröffnet|eingereicht|gemeldet"
    r"|zurückgesetzt|weitergeleitet|gutgeschrieben|gesperrt|entsperrt|verlängert|überwiesen|ausgelöst",
    "fr": r"annulée?|remboursée?|modifiée?|changée?|mise? à jour|corrigée?|envoyée?|expédiée?|réservée?"
    r"|commandée?|supprimée?|créée?|ouverte?|enregistrée?|transmise?|réinitialisée?|créditée?|bloquée?",
    "es": r"cancelado|reembolsado|cambiado|modificado|actualizado|corregido|enviado|reservado|pedido"
    r"|eliminado|borrado|creado|abierto|registrado|tramitado|restablecido|reenviado|abonado|bloqueado",
    "it": r"annullat[oa]|rimborsat[oa]|cambiat[oa]|modificat[oa]|aggiornat[oa]|corrett[oa]|inviat[oa]"
    r"|spedit[oa]|prenotat[oa]|ordinat[oa]|eliminat[oa]|cancellat[oa]|creat[oa]|apert[oa]|registrat[oa]"
    r"|reimpostat[oa]|inoltrat[oa]|accreditat[oa]|bloccat[oa]",
    "nl": r"geannuleerd|terugbetaald|gewijzigd|aangepast|bijgewerkt|veranderd|verstuurd|verzonden|geboekt"
    r"|besteld|verwijderd|aangemaakt|geopend|ingediend|doorgestuurd|gecrediteerd|geblokkeerd|gereset",
    "pt": r"cancelad[oa]|reembolsad[oa]|alterad[oa]|mudad[oa]|atualizad[oa]|corrigid[oa]|enviad[oa]"
    r"|reservad[oa]|pedid[oa]|eliminad[oa]|excluíd[oa]|criad[oa]|abert[oa]|registad[oa]|registrad[oa]"
    r"|redefinid[oa]|encaminhad[oa]|creditad[oa]|bloquead[oa]",
    "pl": r"anulowa\w+|zwróci\w+|zmieni\w+|zaktualizowa\w+|poprawi\w+|wysła\w+|zarezerwowa\w+|zamówi\w+"
    r"|usun\w+|utworzy\w+|zgłosi\w+|przekaza\w+|zresetowa\w+|zablokowa\w+",
    "sv": r"avbokat|avbeställt|annullerat|återbetalat|ändrat|uppdaterat|rättat|skickat|bokat|beställt"
    r"|raderat|tagit bort|skapat|öppnat|registrerat|återställt|vidarebefordrat|krediterat|spärrat",
    "da": r"annulleret|afbestilt|refunderet|tilbagebetalt|ændret|opdateret|rettet|sendt|afsendt|booket"
    r"|bestilt|slettet|fjernet|oprettet|åbnet|registreret|nulstillet|videresendt|krediteret|spærret",
    "tr": r"iptal ettim|iade ettim|değiştirdim|güncelledim|düzelttim|gönderdim|ayırttım|sipariş ettim"
    r"|sildim|oluşturdum|açtım|kaydettim|sıfırladım|ilettim|iptal edildi|iade edildi|değiştirildi"
    r"|güncellendi",
    "ar": r"ألغيت|استرددت|غيّرت|غيرت|حدّثت|حدثت|صححت|أرسلت|حجزت|طلبت|حذفت|أنشأت|فتحت|سجلت"
    r"|تم إلغاء|تم رد|تم تغيير|تم تحديث|تم إرسال|تم حجز|تم حذف",
}
_WE: Mapping[Language, str] = {
    "en": r"(?:i|we)(?:['’]ve| have)|(?:i|we)(?: just| already| now| also| successfully)*",
    "de": r"ich habe|wir haben|habe ich|haben wir",
    "fr": r"j['’]ai|nous avons|on a",
    "es": r"he|hemos",
    "it": r"ho|abbiamo",
    "nl": r"ik heb|we hebben|wij hebben|heb ik|hebben we",
    "pt": r"temos|tenho",
    "sv": r"jag har|vi har|har jag",
    "da": r"jeg har|vi har|har jeg",
}
# Here the verb says who: whole phrases.
_BY_VERB: Mapping[Language, str] = {
    "pt": r"cancelei|reembolsei|alterei|mudei|atualizei|corrigi|enviei|reservei|criei|abri"
    r"|registei|registrei",
    "pl": _DONE["pl"],
    "tr": _DONE["tr"],
    "ar": _DONE["ar"],
}
# "Your order has been cancelled": of what is theirs, and not of everybody's as help pages speak.
_THEIRS: Mapping[Language, str] = {
    "en": r"^\W*(?:it|this|that) has been|your (?:\S+ ){1,4}(?:has been|have been|is now|was|were)",
    "de": r"(?:ihre?|deine?) (?:\S+ ){1,4}(?:wurden?|ist jetzt|ist nun|ist)",
    "fr": r"vo(?:tre|s) (?:\S+ ){1,4}(?:a été|ont été|est maintenant|est)",
    "es": r"(?:su|sus|tu|tus) (?:\S+ ){1,4}(?:ha sido|han sido|fue)",
    "it": r"(?:il suo|la sua|il tuo|la tua) (?:\S+ ){1,4}(?:è stat[oa])",
    "nl": r"(?:uw|je|jouw) (?:\S+ ){1,4}(?:is nu|is zojuist|werd|is)",
    "pt": r"(?:o seu|a sua|seu|sua) (?:\S+ ){1,4}foi",
    "sv": r"(?:din|ditt|dina) (?:\S+ ){1,4}(?:har blivit|är nu)",
    "da": r"(?:din|dit|dine) (?:\S+ ){1,4}(?:er blevet|er nu)",
}
_ALONE = ("i", "we")  # say nothing of what stands far behind
_ACT = {language: re.compile(rf"(?:{done})(?!\w)") for language, done in _DONE.items()}
_REPORTS = {language: re.compile(rf"(?<!\w)(?:{who})(?= )") for language, who in _WE.items()}
_STATES = {language: re.compile(rf"(?<!\w)(?:{whose})(?= )") for language, whose in _THEIRS.items()}
_VERBS = [re.compile(rf"(?<!\w)(?:{verbs})(?!\w)") for verbs in _BY_VERB.values()]
_SENTENCE = re.compile(r"[^.!?؟\n]+[.!?؟]?")
# What is asked or supposed is no report; what a page says of "us" is none either, but no page says "I".
_NO_REPORT = re.compile(
    r"[?؟]|^\W*(?:if|once|when|after|as soon as|should|wenn|sobald|falls|nachdem|si|lorsque|dès|cuando|se"
    r"|quando|als|zodra|jeśli|gdy|om|när|hvis|når|eğer|إذا|عندما)\b"
)
_CITED = re.compile(r"\[\d+\]")
_I = re.compile(r"i\b|ich |habe ich|j['’]|he\b|ho\b|ik |heb ik|tenho|jag |har jag|jeg |har jeg")
_NUMBER = re.compile(r"(?<![\d.,])\d{4,}(?![.,]\d)")  # of orders and the like; sums are written in many ways
_WORD = re.compile(r"\S+")
_AND = re.compile(r",|;|&|(?<!\w)(?:and|then|und|sowie|et|puis|y|e|ed|en|i|oraz|och|og|ve)(?!\w)")
_ANOTHER_VERB = re.compile(
    r"(?<!\w)(?:be|been|is|are|was|were|has|have|had|will|would|can|could|may|should|not|never|which|that|who"
    r"|wird|werden|wurden?|ist|sind|war|hat|haben|kann|soll|nicht|est|sont|sera|a été|será|es|è|sarà"
    r"|wordt|is|zal|kan|niet|jest|będzie|är|blir|har|er|bliver)(?!\w)"
)
_LONGEST = 600  # characters of a sentence looked at


@dataclass(frozen=True, kw_only=True)
class Deed:
    """A call that was done: what its tool is called and for, what it was called with, what it returned."""

    tool: str
    description: str
    arguments: Arguments
    result: str

    def is_told_by(self, report: _Report) -> bool:
        """Whether a report may be of this deed."""
        what = kinds(report.act) or kinds(report.claim)
        done = (kinds(self.tool) or kinds(self.description)) | kinds(self.result)
        if what and not what & done:
            return False
        mine = things(f"{self.tool} {self.description} {' '.join(self.arguments)} {self.result}")
        theirs = things(report.claim)
        if theirs and mine and not theirs & mine and "refund" not in what:  # money goes to any account
            return False
        return report.numbers <= _numbers(orjson.dumps(self.arguments).decode(), self.result)


def claimed_act(answer: str, *, done: Sequence[Deed] = (), looked_up: Sequence[str] = ()) -> str | None:
    """The words in which an answer reports that something was done for the customer which nobody did; None
    without any.

    `done` are the deeds that may be reported. `looked_up` is what tools told of how the customer's things
    stand: what it says was done to them claims no act of ours.
    """
    for report in _reports(answer):
        seen = report.stands and any(kinds(report.act) <= kinds(result) for result in looked_up)
        if not seen and not any(deed.is_told_by(report) for deed in done):
            return report.words
    return None


@dataclass(frozen=True, kw_only=True)
class _Report:
    """A report of an act: the words up to its verb `act`, and all that it claims. `stands`: of how things
    stand, whoever did it."""

    words: str
    act: str
    claim: str
    stands: bool = False

    @property
    def numbers(self) -> frozenset[str]:
        return _numbers(self.claim)


def _reports(answer: str) -> Iterator[_Report]:
    for found in _SENTENCE.finditer(answer):
        sentence = " ".join(found.group()[:_LONGEST].casefold().split())
        if not sentence or _NO_REPORT.search(sentence):
            continue
        for verbs in _VERBS:
            said: list[re.Match[str]] = []
            for verb_found in verbs.finditer(sentence):
                if not said or _goes_on(sentence[said[-1].end() : verb_found.start()]):
                    said.append(verb_found)
            for verb, claim in _apart(sentence, 0, said, len(sentence)):
                yield _Report(words=verb, act=verb, claim=claim)
        cited = _CITED.search(sentence) is not None
        for language, act in _ACT.items():
            for speaker, stands in ((_REPORTS.get(language), False), (_STATES.get(language), True)):
                if speaker is not None:
                    yield from _claims(sentence, speaker, act, cited=cited, stands=stands)


def _claims(
    sentence: str, speaker: re.Pattern[str], act: re.Pattern[str], *, cited: bool, stands: bool
) -> Iterator[_Report]:
    """Each act that somebody is said to have done, with what stands between it and the next."""
    speakers = list(speaker.finditer(sentence))
    for who, end in zip(speakers, [*(each.start() for each in speakers[1:]), len(sentence)], strict=False):
        if cited and not _I.match(who.group()):
            continue
        acts: list[re.Match[str]] = []
        for place, word in enumerate(_WORD.finditer(sentence, who.end(), end)):
            if (verb := act.match(sentence, word.start())) and (
                _goes_on(sentence[acts[-1].end() : word.start()])
                if acts
                else place < (1 if who.group() in _ALONE else _NEAR + 1)
            ):
                acts.append(verb)
        for done, claim in _apart(sentence, who.start(), acts, end):
            before = sentence[who.end() : end].partition(done)[0]
            words = " ".join(f"{who.group()} {before}{done}".split())
            yield _Report(words=words, act=done, claim=claim, stands=stands)


def _goes_on(between: str) -> bool:
    """Whether the next verb has the same speaker: "I've cancelled it and refunded you"."""
    joins = list(_AND.finditer(between))
    return bool(joins) and not _ANOTHER_VERB.search(between, joins[-1].end())


def _apart(sentence: str, begin: int, verbs: Sequence[re.Match[str]], end: int) -> Iterator[tuple[str, str]]:
    """Each verb and the part of the sentence that is about it, what it is done to before or behind it."""
    for number, verb in enumerate(verbs):
        until = end
        if number + 1 < len(verbs):
            following = verbs[number + 1]
            joins = list(_AND.finditer(sentence, verb.end(), following.start()))
            until = joins[-1].start() if joins else following.start()
        yield verb.group(), sentence[begin:until]
        begin = until


def _numbers(*texts: str) -> frozenset[str]:
    return frozenset(number for text in texts for number in _NUMBER.findall(text))
