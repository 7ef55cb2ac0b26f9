"""Which language somebody writes, guessed from its commonest words. Made for chat, not for books."""

from __future__ import annotations

import re
from operator import itemgetter
from typing import Literal, get_args

from knowledge.words import fold

Language = Literal["en", "de", "fr", "es", "it", "nl", "pt", "pl", "sv", "da", "tr", "ar"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_ARABIC = re.compile(r"[\u0600-\u06ff]")
_LONGEST = 600  # characters looked at

# The commonest words of everyday questions; a word of several languages counts a little for each.
_WORDS: dict[Language, str] = {
    "en": "the a an is are was do does did can could will would i my me you your we it this that and or not"
    " how what when where why who which to of in on for with from have has be if there please hello hi hey"
    " thanks thank get need want much long order"
    " delivery shipping refund return account password sign login pay payment price change help work still"
    " any about after again not don't doesn't can't isn't i'm where's how's",
    "de": "der die das ein eine einen einem ist sind war ich mein meine meinen mich mir du sie ihr wir es und"
    " oder nicht wie was wann wo warum wer welche zu von im in auf für mit aus habe hat haben kann können"
    " wird werden wenn bitte hallo danke guten tag noch auch kein keine mehr gibt bekomme lange kostet"
    " versand lieferung bestellung konto passwort rückgabe zahlung preis anmelden ändern hilfe"
    " funktioniert seit schon nur sich dass dauert möchte brauche",
    "fr": "le la les un une des du de est sont je mon ma mes me vous votre nous il elle ce cette et ou ne pas"
    " comment quand où pourquoi qui quel quelle quels que puis peux peut avoir ai avez sur pour avec dans si"
    " bonjour salut merci combien faire ça j'ai c'est est-ce s'il plaît au aux"
    " livraison commande compte passe remboursement paiement prix retour temps prend aide fonctionne"
    " n'arrive d'un l'on suis été faut jours mais",
    "es": "el la los las un una es son yo mi mis me tu su usted nosotros esto este esta y o no cómo como qué"
    " que cuándo cuánto cuánta dónde por para con del de en puedo puede tengo tiene hay si hola gracias"
    " quiero necesito favor pedido buenos días muy más al está"
    " envío pedido cuenta contraseña reembolso pago precio devolución tarda ayuda funciona mis puede desde"
    " días donde cuando cuanto esta iniciar sesión",
    "it": "il lo la i gli le un una è sono io mio mia mi tu suo noi questo questa e o non come che quando"
    " dove perché chi quale quanto quanta per con del della di in su posso può ho ha avete se ciao grazie"
    " buongiorno vorrei favore ordine più al c'è cos'è nel alla anche"
    " consegna spedizione ordine conto rimborso pagamento prezzo reso tempo vuole aiuto funziona riesco"
    " dov'è ci giorni ma",
    "nl": "de het een is zijn was ik mijn me mij je jij u uw we wij dit dat en of niet hoe wat wanneer waar"
    " waarom wie welke naar van in op voor met uit heb heeft hebben kan kunnen wil als er hallo hoi dank"
    " bedankt graag bestelling lang kost ook nog geen goedemorgen dag krijg"
    " levering verzending bestelling rekening wachtwoord terugbetaling betaling prijs retour duurt hulp"
    " werkt inloggen dagen maar",
    "pt": "o a os as um uma é são eu meu minha me você seu nós isto este esta e ou não como que quando onde"
    " por porque quem qual quanto quanta para com do da dos das de em no na posso pode tenho tem há se olá"
    " oi obrigado obrigada quero preciso favor pedido bom dia mais ao está vocês"
    " entrega pedido conta senha reembolso pagamento preço devolução demora tempo ajuda funciona consigo"
    " minha dias mas onde está",
    "pl": "jest są ja mój moja moje mnie mi ty pan pani my to ten ta i lub nie jak co kiedy gdzie dlaczego"
    " kto który która ile do z w na dla od mam ma mogę może czy jeśli się proszę cześć dzień dobry"
    " dziękuję dzięki chcę zamówienie też o po za już być"
    " trwa dostawa wysyłka zamówienia konto hasło zwrot płatność cena pomoc działa nie dni ale zalogować",
    "sv": "en ett är var jag min mitt mina mig du din ni vi det den detta och eller inte hur vad när"
    " varför vem vilken till av på för med från har kan vill om finns hej tack gärna"
    " beställning lång kostar också ingen god morgon mycket får måste"
    " leverans leveransen konto lösenord återbetalning betalning pris retur tid tar hjälp fungerar logga"
    " dagar men",
    "da": "en et er var jeg min mit mine mig du din i vi det den dette og eller ikke hvordan hvad hvornår"
    " hvor hvorfor hvem hvilken til af på for med fra har kan vil hvis der hej tak gerne ordre"
    " lang koster også ingen god morgen meget får skal mange"
    " levering leveringen konto adgangskode refusion betaling pris retur tid tager hjælp virker logge dage"
    " men",
    "tr": "bir bu şu ve veya ile için mi mı mu mü ne nasıl nerede neden kim hangi kaç zaman ben benim bana"
    " siz sizin biz var yok değil çok daha istiyorum lütfen merhaba selam teşekkürler teşekkür sağol"
    " sipariş siparişim kadar olur miyim mıyım günaydın da de gün ederim"
    " teslimat kargo hesap hesabım şifre iade ödeme fiyat yardım çalışmıyor sürer nerede gün ama"
    " yapamıyorum",
    "ar": "",
}
_HINTS: dict[str, Language] = {
    **dict.fromkeys("ß", "de"),
    **dict.fromkeys("ñ¿¡", "es"),
    **dict.fromkeys("ãõ", "pt"),
    **dict.fromkeys("łśćżźęą", "pl"),
    **dict.fromkeys("ğşı", "tr"),
    **dict.fromkeys("øæ", "da"),
}

_COMMON = {language: frozenset(map(fold, line.split())) for language, line in _WORDS.items()}
_SPEAKERS: dict[str, tuple[Language, ...]] = {}
for _language, _line in _WORDS.items():
    for _word in set(_line.split()):
        _SPEAKERS[_word] = (*_SPEAKERS.get(_word, ()), _language)


def common_words(language: Language) -> frozenset[str]:
    """Words that any sentence of the language may have, folded."""
    return _COMMON[language]


def guess(*texts: str) -> Language:
    """The language of the first text that tells; English when none does. Give the newest text first."""
    for text in texts:
        if told := tell(text[:_LONGEST]):
            return told
    return "en"


def tell(text: str) -> Language | None:
    """The language of a text; None when none of its words tells."""
    letters = sum(map(str.isalpha, text))
    if letters and len(_ARABIC.findall(text)) * 2 > letters:
        return "ar"
    scores: dict[Language, float] = {}
    lowered = text.lower().replace("’", "'")
    for word in _WORD.findall(lowered):
        speakers = _SPEAKERS.get(word, ())
        for each in speakers:
            scores[each] = scores.get(each, 0.0) + 1 / len(speakers)
    for letter in set(lowered) & _HINTS.keys():
        scores[_HINTS[letter]] = scores.get(_HINTS[letter], 0.0) + 1
    if not scores:
        return None
    best, second = (*sorted(scores.values(), reverse=True), 0.0)[:2]
    # A lone word shared by several languages tells nothing.
    return max(scores.items(), key=itemgetter(1))[0] if best >= 0.5 and best > second else None
