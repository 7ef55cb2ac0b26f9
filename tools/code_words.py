"""What is said about one-time codes, in twelve languages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Said = Literal["subject", "mail", "sent", "proven", "what_now", "go_on", "wrong", "ask_address", "ask_code"]

# {code} has six digits, {address} is where it was sent to, {what} is what the customer
# wanted, quoted. The questions stand at the end of what is said.
_WORDS: Mapping[str, Mapping[Said, str]] = {
    "en": {
        "subject": "Your code: {code}",
        "mail": "Your code is {code}. Write it into the chat within ten minutes. If you did not ask for "
        "a code, "
        "somebody has mistyped their address: then there is nothing you need to do.",
        "sent": "I have sent a code to {address}.",
        "proven": "Thank you, now I know that {address} is yours.",
        "what_now": "What can I do for you?",
        "go_on": "Shall I go on with this now? {what}",
        "wrong": "That is not the code that I sent, or it has expired.",
        "ask_address": "Which email address do we know you by? I will send a code there.",
        "ask_code": "What is the code in the email?",
    },
    "de": {
        "subject": "Ihr Code: {code}",
        "mail": "Ihr Code lautet {code}. Schreiben Sie ihn innerhalb von zehn Minuten in den Chat. Wenn "
        "Sie keinen "
        "Code wollten, hat sich jemand bei der Adresse vertippt: Dann müssen Sie nichts tun.",
        "sent": "Ich habe einen Code an {address} geschickt.",
        "proven": "Danke, jetzt weiß ich, dass {address} Ihnen gehört.",
        "what_now": "Was kann ich für Sie tun?",
        "go_on": "Soll ich jetzt damit weitermachen? {what}",
        "wrong": "Das ist nicht der Code, den ich geschickt habe, oder er gilt nicht mehr.",
        "ask_address": "Unter welcher E-Mail-Adresse kennen wir Sie? Ich schicke einen Code dorthin.",
        "ask_code": "Wie lautet der Code in der E-Mail?",
    },
    "fr": {
        "subject": "Votre code : {code}",
        "mail": "Votre code est {code}. Écrivez-le dans le chat dans les dix minutes. Si vous n'avez "
        "pas demandé "
        "de code, quelqu'un s'est trompé d'adresse : vous n'avez rien à faire.",
        "sent": "J'ai envoyé un code à {address}.",
        "proven": "Merci, je sais maintenant que {address} est à vous.",
        "what_now": "Que puis-je faire pour vous ?",
        "go_on": "Dois-je m'en occuper maintenant ? {what}",
        "wrong": "Ce n'est pas le code que j'ai envoyé, ou il a expiré.",
        "ask_address": "Sous quelle adresse e-mail vous connaissons-nous ? J'y enverrai un code.",
        "ask_code": "Quel est le code dans l'e-mail ?",
    },
    "es": {
        "subject": "Su código: {code}",
        "mail": "Su código es {code}. Escríbalo en el chat en los próximos diez minutos. Si no ha "
        "pedido ningún "
        "código, alguien se ha equivocado de dirección: no tiene que hacer nada.",
        "sent": "He enviado un código a {address}.",
        "proven": "Gracias, ahora sé que {address} es suya.",
        "what_now": "¿Qué puedo hacer por usted?",
        "go_on": "¿Sigo ahora con esto? {what}",
        "wrong": "Ese no es el código que envié, o ha caducado.",
        "ask_address": "¿Con qué dirección de correo le conocemos? Enviaré allí un código.",
        "ask_code": "¿Cuál es el código del correo?",
    },
    "it": {
        "subject": "Il Suo codice: {code}",
        "mail": "Il Suo codice è {code}. Lo scriva nella chat entro dieci minuti. Se non ha chiesto un "
        "codice, "
        "qualcuno ha sbagliato indirizzo: non deve fare nulla.",
        "sent": "Ho inviato un codice a {address}.",
        "proven": "Grazie, ora so che {address} è Suo.",
        "what_now": "Che cosa posso fare per Lei?",
        "go_on": "Vado avanti ora con questo? {what}",
        "wrong": "Non è il codice che ho inviato, oppure è scaduto.",
        "ask_address": "Con quale indirizzo e-mail La conosciamo? Invierò lì un codice.",
        "ask_code": "Qual è il codice nell'e-mail?",
    },
    "nl": {
        "subject": "Uw code: {code}",
        "mail": "Uw code is {code}. Schrijf hem binnen tien minuten in de chat. Hebt u niet om een code "
        "gevraagd, "
        "dan heeft iemand een verkeerd adres ingetypt: u hoeft niets te doen.",
        "sent": "Ik heb een code naar {address} gestuurd.",
        "proven": "Dank u, nu weet ik dat {address} van u is.",
        "what_now": "Wat kan ik voor u doen?",
        "go_on": "Zal ik hier nu mee verdergaan? {what}",
        "wrong": "Dat is niet de code die ik heb gestuurd, of hij is verlopen.",
        "ask_address": "Onder welk e-mailadres kennen wij u? Ik stuur daar een code naartoe.",
        "ask_code": "Wat is de code in de e-mail?",
    },
    "pt": {
        "subject": "O seu código: {code}",
        "mail": "O seu código é {code}. Escreva-o no chat dentro de dez minutos. Se não pediu nenhum código, "
        "alguém se enganou no endereço: não precisa de fazer nada.",
        "sent": "Enviei um código para {address}.",
        "proven": "Obrigado, agora sei que {address} é seu.",
        "what_now": "O que posso fazer por si?",
        "go_on": "Continuo agora com isto? {what}",
        "wrong": "Esse não é o código que enviei, ou já expirou.",
        "ask_address": "Com que endereço de e-mail o conhecemos? Envio um código para lá.",
        "ask_code": "Qual é o código no e-mail?",
    },
    "pl": {
        "subject": "Kod: {code}",
        "mail": "Kod to {code}. Proszę wpisać go na czacie w ciągu dziesięciu minut. Jeśli to nie była "
        "Państwa "
        "prośba, ktoś pomylił adres: nie trzeba nic robić.",
        "sent": "Kod został wysłany na adres {address}.",
        "proven": "Dziękuję, teraz wiem, do kogo należy {address}.",
        "what_now": "W czym mogę pomóc?",
        "go_on": "Czy mam się tym teraz zająć? {what}",
        "wrong": "To nie jest wysłany kod albo stracił on już ważność.",
        "ask_address": "Pod jakim adresem e-mail Państwa znamy? Wyślę tam kod.",
        "ask_code": "Jaki jest kod w wiadomości e-mail?",
    },
    "sv": {
        "subject": "Din kod: {code}",
        "mail": "Din kod är {code}. Skriv den i chatten inom tio minuter. Om du inte har bett om någon "
        "kod har "
        "någon skrivit fel adress: då behöver du inte göra något.",
        "sent": "Jag har skickat en kod till {address}.",
        "proven": "Tack, nu vet jag att {address} är din.",
        "what_now": "Vad kan jag göra för dig?",
        "go_on": "Ska jag gå vidare med det här nu? {what}",
        "wrong": "Det är inte koden som jag skickade, eller så har den gått ut.",
        "ask_address": "Under vilken e-postadress känner vi dig? Jag skickar en kod dit.",
        "ask_code": "Vilken är koden i mejlet?",
    },
    "da": {
        "subject": "Din kode: {code}",
        "mail": "Din kode er {code}. Skriv den i chatten inden for ti minutter. Har du ikke bedt om en "
        "kode, har "
        "nogen tastet en forkert adresse: så skal du ikke gøre noget.",
        "sent": "Jeg har sendt en kode til {address}.",
        "proven": "Tak, nu ved jeg, at {address} er din.",
        "what_now": "Hvad kan jeg gøre for dig?",
        "go_on": "Skal jeg gå videre med det her nu? {what}",
        "wrong": "Det er ikke den kode, jeg sendte, eller også er den udløbet.",
        "ask_address": "Under hvilken e-mailadresse kender vi dig? Jeg sender en kode dertil.",
        "ask_code": "Hvad er koden i e-mailen?",
    },
    "tr": {
        "subject": "Kodunuz: {code}",
        "mail": "Kodunuz {code}. On dakika içinde sohbete yazın. Kod istemediyseniz biri adresini "
        "yanlış yazmıştır: "
        "hiçbir şey yapmanız gerekmez.",
        "sent": "{address} adresine bir kod gönderdim.",
        "proven": "Teşekkürler, artık {address} adresinin size ait olduğunu biliyorum.",
        "what_now": "Sizin için ne yapabilirim?",
        "go_on": "Şimdi şununla devam edeyim mi? {what}",
        "wrong": "Bu, gönderdiğim kod değil ya da süresi dolmuş.",
        "ask_address": "Sizi hangi e-posta adresiyle tanıyoruz? Oraya bir kod göndereceğim.",
        "ask_code": "E-postadaki kod nedir?",
    },
    "ar": {
        "subject": "رمزك: {code}",
        "mail": "رمزك هو {code}. اكتبه في المحادثة خلال عشر دقائق. إن لم تطلب رمزًا فقد أخطأ أحدهم في "
        "كتابة عنوانه، "
        "ولا يلزمك فعل شيء.",
        "sent": "أرسلت رمزًا إلى {address}.",
        "proven": "شكرًا لك، أعرف الآن أن {address} عنوانك.",
        "what_now": "كيف يمكنني مساعدتك؟",
        "go_on": "هل أتابع هذا الآن؟ {what}",
        "wrong": "ليس هذا هو الرمز الذي أرسلته، أو انتهت صلاحيته.",
        "ask_address": "ما عنوان بريدك الإلكتروني المسجل لدينا؟ سأرسل إليه رمزًا.",
        "ask_code": "ما الرمز الموجود في الرسالة؟",
    },
}


def said(language: str, which: Said, *, code: str = "", address: str = "", what: str = "") -> str:
    """The sentence in that language, in English where there is none."""
    words = _WORDS.get(language) or _WORDS["en"]
    return words[which].replace("{code}", code).replace("{address}", address).replace("{what}", what)


def every(which: Said) -> Mapping[str, str]:
    """The sentence by language."""
    return {language: words[which] for language, words in _WORDS.items()}
