"""What kinds of acts a text speaks of, and of what things, in the languages the bot knows."""

from __future__ import annotations

import re
from collections.abc import Mapping

_BEFORE = r"(?:ge|ver|um|ab|zurück|weiter|be|an|auf|ein|gut|af|op|door|uit|vidare|videre|re)?"
# By the beginnings of words. A verb of none of these kinds ("processed") may be any act.
_KINDS: Mapping[str, str] = {
    "cancel": r"cancel|storn|annul|anul|avbok|avbest|afbest|künd|kündig|rezyg|odwoł|iptal|إلغ|ألغ|void"
    r"|withdraw|widerruf|terminat|opzeg",
    "refund": r"refund|erstatt|rembours|reembols|rimbors|terugbeta|zwró|zwrot|återbetal|tilbagebetal"
    r"|refunder|iade|استرد|رد|credit|gutschr|gutgeschr|crédit|abona|accredit|krediter|überw|money ?back"
    r"|payback|reimburs|pay ?out",
    "change": r"chang|updat|modif|correct|edit|amend|replac|switch|set_|änder|aktualis|korrig|correg"
    r"|corrig|corrett|cambi|actualiz|wijzig|aangepast|aanpass|bijgewerkt|verander|alter|mud|atualiz|zmie"
    r"|zmian|zaktual|popraw|ändr|uppdater|rätta|opdater|rettet|ret_|değiş|güncel|düzel|غي|حد|صحح|تغي|تحد"
    r"|mise? à jour|mettre à jour|aggiorn|move|verschieb|verschob|reschedul|extend|verläng|prolong",
    "reset": r"reset|zurückset|zurückgesetz|réinit|restabl|reimpost|redefin|zreset|återställ|nulstil"
    r"|sıfırla",
    "send": r"sen[dt]|ship|dispatch|mail|schick|schicken|send|sandt|sand|envoy|expéd|envi|reenvi|invi"
    r"|spedi|inoltr|verstu|verzend|verzon|gestuurd|stuur|encaminh|wys[lł]|skick|gönder|ilet|أرسل|إرسال"
    r"|forward|leit|transmi|transfer|deliver|liefer|livr|entreg|consegn|lever|dostar|teslim|parcel|paket"
    r"|transit|track|carrier|unterwegs",
    "book": r"book|reserv|schedul|appoint|arrang|buch|termin|réserv|prenot|boek|reserw|zarez|bok|ayırt"
    r"|حجز|rendez|cita\b|afspra|wizyt",
    "order": r"order|place|bestel|command|pedid|ordin|zamów|beställ|bestil|sipariş|طلب",
    "delete": r"delet|remov|eras|lösch|entfern|supprim|elimin|borra|cancellat|verwij|exclu|usun|rader"
    r"|ta bort|tagit|slet|fjern|sil|حذف|unsubscrib|abgemeld|abmeld",
    "create": r"creat|open|file|filing|regist|submit|add|anleg|angelegt|erstell|eröffn|einreich"
    r"|eingereicht|meld|gemeldet|cré|ouvr|ouvert|enregist|abri|abiert|tramit|apert|aprire|aangemaakt"
    r"|aanmaken|ingediend|geopend|criad|criei|crea|utworz|zgłos|skap|öppn|opret|åbn|oluştur|aç|kayd|أنشأ"
    r"|فتح|سجل|ticket|subscrib|sign_?up",
    "block": r"(?:un)?block|(?:un)?lock|(?:ent)?sperr|(?:dé)?bloqu|(?:des)?bloque|(?:s)?blocc"
    r"|(?:ge)?blokk|zablok|spärr|spær|freez|suspend|deactivat|disabl",
    "tell": r"notif|report|escalat|inform|alert|tell|hand_?off|benachricht|gemeldet|meld|prévenu"
    r"|signal|avis|overgedragen|przekaz|underrätt",
}
_THINGS: Mapping[str, str] = {
    "address": r"address|adress|dirección|direccion|indirizzo|adres|endereço|morada|عنوان|straße"
    r"|street",
    "mail": r"e-?mail|newsletter|posta elett|e-post|eposta",
    "phone": r"phone|telefon|téléphone|teléfono|telefono|handy|mobile|rufnummer",
    "payment": r"pay|card|iban|bank|zahlung|karte|paiement|pago|tarjeta|carta|betaling|betaal"
    r"|pagamento|kart|płatno|ödeme",
    "password": r"passwor|passwort|kennwort|mot de passe|contraseñ|wachtwoord|senha|hasł|lösenord"
    r"|adgangskod|şifre|كلمة",
    "subscription": r"subscription|plan\b|abo\b|abonn|suscrip|abbonam|assinatura|subskryp|abonelik"
    r"|membership",
    "appointment": r"appointment|meeting|booking|reservation|termin|rendez|cita\b|prenotaz|afspraa"
    r"|wizyt|randevu",
    "name": r"surname|first_?name|last_?name|nachname|vorname|prénom|apellid|cognome",
    "invoice": r"invoice|rechnung|facture|factura|fattura|factuur|fatura|faktur",
    "date": r"delivery_?(?:date|day|time)|delivery (?:date|day|time)|liefertermin|lieferdatum"
    r"|date de livraison|fecha de entrega|bezorgda",
    "account": r"account|konto|compte\b|cuenta|conto\b|conta\b|hesab",
}
_WORD_START = r"(?<![^\W_])"
_KIND = {kind: re.compile(f"{_WORD_START}{_BEFORE}(?:{words})") for kind, words in _KINDS.items()}
_THING = {thing: re.compile(f"{_WORD_START}(?:{words})") for thing, words in _THINGS.items()}
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def kinds(text: str) -> frozenset[str]:
    """The kinds of acts that a text names; none when it names none that is known."""
    plain = _plain(text)
    found = frozenset(kind for kind, words in _KIND.items() if words.search(plain))
    # Where something else is done to it, an order is a thing.
    return found - {"order"} if found - {"order", "create"} else found


def things(text: str) -> frozenset[str]:
    """What a text says acts are done to, as far as it tells one thing of a customer's from another."""
    plain = _plain(text)
    return frozenset(thing for thing, words in _THING.items() if words.search(plain))


def _plain(text: str) -> str:
    """In small letters, with the words of names like `changeAddress` apart."""
    return _CAMEL.sub(" ", text).casefold()
