"""Whether an answer says that something was done: only a tool that did it may be the reason.

Made of the commonest ways to report an act to a customer, in the languages the bot knows. It is a net, not a
proof: acts are claimed with few verbs, and an answer held back wrongly only brings in a person.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from bot.orchestrator.language import Language

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
    "en": r"your (?:\S+ ){1,4}(?:has been|have been|is now|was|were)",
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
_LONGEST = 600  # characters of a sentence looked at


def claimed_act(answer: str, *, looked_up: bool = False) -> str | None:
    """The words in which an answer reports that something was done for the customer; None without any.

    `looked_up`: a tool told how the customer's things stand, so that saying it claims no act of ours.
    """
    for found in _SENTENCE.finditer(answer):
        sentence = " ".join(found.group()[:_LONGEST].casefold().split())
        if not sentence or _NO_REPORT.search(sentence):
            continue
        for verbs in _VERBS:
            if said := verbs.search(sentence):
                return said.group()
        cited = _CITED.search(sentence) is not None
        for language, act in _ACT.items():
            speakers = [_REPORTS.get(language), None if looked_up else _STATES.get(language)]
            for speaker in filter(None, speakers):
                if claim := _claim(sentence, speaker, act, cited=cited):
                    return claim
    return None


def _claim(sentence: str, speaker: re.Pattern[str], act: re.Pattern[str], *, cited: bool) -> str | None:
    for who in speaker.finditer(sentence):
        if cited and not _I.match(who.group()):
            continue
        words = sentence[who.end() :].split()[: 1 if who.group() in _ALONE else _NEAR + 1]
        for place, word in enumerate(words):
            if act.match(word):
                return f"{who.group()} {' '.join(words[: place + 1])}"
    return None
