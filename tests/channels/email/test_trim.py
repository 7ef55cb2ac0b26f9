"""The customer's own new words are told from quotes and signatures."""

from __future__ import annotations

import textwrap
import time

import pytest

from channels.email.parse import parse
from channels.email.trim import Trimmed, trim
from tests.channels.email.mails import payload

NAME = "Northwind Help <help@northwind.example>"
INTRODUCTIONS = [
    f"On Mon, 3 Jun 2024 at 09:12, {NAME} wrote:",
    "On Monday, June 3, 2024 at 09:12:33 AM GMT+2, Northwind Help\n<help@northwind.example> wrote:",
    "On 03/06/2024 09:12, Northwind Help wrote:",
    "On 2024-06-03 09:12, Northwind Help wrote:",
    f"On Jun 3, 2024, at 9:12 AM, {NAME} wrote:",
    'On Jun 3, 2024 9:12 AM, "Northwind Help" <help@northwind.example> wrote:',
    "On Mon, Jun 03, 2024 at 09:12:44AM +0200, Northwind Help wrote:",
    f"On 3 June 2024 09:12:00 CEST, {NAME} wrote:",
    "Am 03.06.24 um 09:12 schrieb Northwind Help:",
    "Am Mo., 3. Juni 2024 um 09:12 Uhr schrieb Northwind Help <\nhelp@northwind.example>:",
    f"Am 3. Juni 2024 09:12:00 MESZ schrieb {NAME}:",
    f"{NAME} hat am 03.06.2024 09:12 CEST geschrieben:",
    f"{NAME} schrieb am Mo., 3. Juni 2024, 09:12:",
    f"Le lun. 3 juin 2024 à 09:12, {NAME} a écrit :",
    "Le 03/06/2024 à 09:12, Northwind Help a écrit :",
    f"Le lundi 3 juin 2024 à 09:12:33 UTC+2, {NAME} a écrit :",
    "El lun, 3 jun 2024 a las 9:12, Northwind Help (<help@northwind.example>) escribió:",
    "El 3/6/24 a las 9:12, Northwind Help escribió:",
    f"Il giorno lun 3 giu 2024 alle ore 09:12 {NAME} ha scritto:",
    "Il 03/06/2024 09:12, Northwind Help ha scritto:",
    f"Em seg., 3 de jun. de 2024 às 09:12, {NAME} escreveu:",
    "Em 03/06/2024 09:12, Northwind Help escreveu:",
    f"Op ma 3 jun 2024 om 09:12 schreef {NAME}:",
    "Op 3-6-2024 om 09:12 schreef Northwind Help:",
    f"Op 3 jun. 2024, om 09:12 heeft {NAME} het volgende geschreven:",
    f"Den mån 3 juni 2024 kl 09:12 skrev {NAME}:",
    "Den 2024-06-03 kl. 09:12, skrev Northwind Help:",
    f"3 juni 2024 kl. 09:12 skrev {NAME}:",
    f"man. 3. jun. 2024 kl. 09:12 skrev {NAME}:",
    f"Den man. 3. jun. 2024 kl. 09.12 skrev {NAME}:",
    "ma 3. kesäk. 2024 klo 9.12 Northwind Help (help@northwind.example) kirjoitti:",
    "Northwind Help kirjoitti 3.6.2024 klo 9.12:",
    f"pon., 3 cze 2024 o 09:12 {NAME} napisał(a):",
    "W dniu 03.06.2024 o 09:12, Northwind Help pisze:",
    "Dne 03.06.2024 v 9:12 Northwind Help napsal(a):",
    f"po 3. 6. 2024 v 9:12 odesílatel {NAME} napsal:",
    f"пн, 3 июн. 2024 г. в 09:12, {NAME}:",
    f"3 июня 2024 г., 09:12 пользователь {NAME} написал:",
    "03.06.2024 09:12, Northwind Help пишет:",
    f"Понедельник, 3 июня 2024, 9:12 +03:00 от {NAME}:",
    f"пн, 3 черв. 2024 р. о 09:12 {NAME} пише:",
    f"{NAME} ezt írta (időpont: 2024. jún. 3., H, 9:12):",
    f"{NAME}, 3 Haz 2024 Pzt, 09:12 tarihinde şunu yazdı:",
    f"Στις Δευ 3 Ιουν 2024 στις 9:12 π.μ., ο/η {NAME} έγραψε:",
    f"2024年6月3日(月) 9:12 {NAME}:",
    f"في الاثنين، ٣ يونيو ٢٠٢٤ في ٩:١٢ ص تمت كتابة ما يلي بواسطة {NAME}:",
    f"{NAME} 于2024年6月3日周一 09:12写道：",
    f"在 2024年6月3日，09:12，{NAME} 写道：",
    f"2024년 6월 3일 (월) 오전 9:12, {NAME}님이 작성:",
    f"Vào Th 2, 3 thg 6, 2024 vào lúc 09:12 {NAME} đã viết:",
    f"Pada Sen, 3 Jun 2024 pukul 09.12 {NAME} menulis:",
    f"În lun., 3 iun. 2024 la 09:12, {NAME} a scris:",
    f"בתאריך יום ב׳, 3 ביוני 2024 ב-9:12 מאת {NAME}:",
    f"في الاثنين، 3 يونيو 2024 في 9:12 ص تمت كتابة ما يلي بواسطة {NAME}:",
    f"---- On Mon, 03 Jun 2024 09:12:00 +0200 {NAME} wrote ---",
    " ---- On Mon, 03 Jun 2024 09:12:00 +0200 help@northwind.example wrote ----",
    f"‐‐‐‐‐‐‐ Original Message ‐‐‐‐‐‐‐\nOn Monday, June 3rd, 2024 at 9:12 AM, {NAME} wrote:",
    f"------- Original Message -------\nOn Monday, June 3rd, 2024 at 9:12 AM, {NAME} wrote:",
    "-------- Original message --------\n"
    f"From: {NAME}\n"
    "Date: 03/06/2024 09:12 (GMT+01:00)\n"
    "To: me@home.example\n"
    "Subject: Re: Boots",
    "-------- Ursprüngliche Nachricht --------\n"
    f"Von: {NAME}\n"
    "Datum: 03.06.24 09:12 (GMT+01:00)\n"
    "An: me@home.example\n"
    "Betreff: Re: Boots",
    "-----Original Message-----\n"
    f"From: {NAME}\n"
    "To: me@home.example\n"
    "Sent: Mon, Jun 3, 2024 9:12 am\n"
    "Subject: Re: Boots",
    f"From: {NAME}\nDate: Monday, 3 June 2024 at 09:12\nTo: Me <me@home.example>\nSubject: Re: Boots",
    f"Von: {NAME}\nGesendet: Montag, 3. Juni 2024 09:12\nAn: me@home.example\nBetreff: Re: Boots",
    "________________________________\n"
    f"De : {NAME}\n"
    "Envoyé : lundi 3 juin 2024 09:12\n"
    "À : me@home.example\n"
    "Objet : Re: Boots",
    f"De: {NAME}\nEnviado: lunes, 3 de junio de 2024 9:12\nPara: me@home.example\nAsunto: Re: Boots",
    f"Från: {NAME}\nSkickat: den 3 juni 2024 09:12\nTill: me@home.example\nÄmne: Re: Boots",
    f"От: {NAME}\nОтправлено: 3 июня 2024 г. 9:12\nКому: me@home.example\nТема: Re: Boots",
    f"发件人: {NAME}\n发送时间: 2024年6月3日 9:12\n收件人: me@home.example\n主题: Re: Boots",
    f"差出人: {NAME}\n送信日時: 2024年6月3日 9:12\n宛先: me@home.example\n件名: Re: Boots",
    '------------------ Original ------------------\nFrom: "Northwind"<help@northwind.example>;\n'
    'Date: Mon, Jun 3, 2024 09:12 AM\nTo: "Anna"<anna@home.example>;\nSubject: Boots\n',
    "------------------ 原始邮件 ------------------\n"
    '发件人: "Northwind" <help@northwind.example>;\n'
    "发送时间: 2024年6月3日(星期一) 上午9:12\n"
    '收件人: "me"<me@home.example>;\n'
    "主题: Re: Boots",
    "*Von:* Northwind Help [mailto:help@northwind.example]\n"
    "*Gesendet:* Montag, 3. Juni 2024 09:12\n"
    "*An:* me@home.example\n"
    "*Betreff:* Re: Boots",
    "Begin forwarded message:\n"
    "\n"
    f"From: {NAME}\n"
    "Subject: Re: Boots\n"
    "Date: June 3, 2024 at 9:12:00 AM GMT+2\n"
    "To: me@home.example",
    "---------- Forwarded message ---------\n"
    f"Von: {NAME}\n"
    "Date: Mo., 3. Juni 2024 um 09:12 Uhr\n"
    "Subject: Re: Boots\n"
    "To: <me@home.example>",
    f"---------- Mensaje reenviado ----------\nDe: {NAME}",
    f"{NAME} wrote:",
    "In a message dated 6/3/2024 9:12:00 A.M. Central Daylight Time, help@northwind.example writes:",
    f"Quoting {NAME}:",
    f"--- On Mon, 6/3/24, {NAME} wrote:",
    "Dana 3.6.2024. u 9:12, Northwind Help je napisao/la:",
    f"Esmaspäev, 3. juuni 2024 09:12 kirjutas {NAME}:",
    "From: Northwind Help\nSent: Monday, June 3, 2024 9:12 AM\nTo: Me\nSubject: Re: Boots",
    'From: "Northwind Help" <help@northwind.example>\n'
    'To: "Me" <me@home.example>\n'
    "Sent: Monday, June 3, 2024 9:12:00 AM\n"
    "Subject: Re: Boots",
    "On Mon, Jun 3, 2024, 9:12 AM Northwind Help via Support <\n"
    "support+a-very-long-address-for-replies@northwind.example> wrote:",
    f"El lun, 3 de jun de 2024, 9:12 a. m., {NAME}\nescribió:",
    f"Le lun. 3 juin 2024, 09:12, {NAME} a\nécrit :",
    "On Mon, Jun 3, 2024 at 9:12 AM 'Northwind Help' via Group <group@northwind.example>\nwrote:",
    f"2024-06-03 9:12 GMT+02:00 {NAME}:",
    f"Op maandag 3 juni 2024 09:12 heeft {NAME} geschreven:",
    f"El dilluns, 3 de juny de 2024, 9:12, {NAME} va escriure:",
    "[On 3 Jun 2024, Northwind Help wrote:]",
    "Am Montag, 3. Juni 2024, 09:12:44 CEST schrieb Northwind Help:",
    "On Monday 03 June 2024 09:12:00 Northwind Help wrote:",
    "Northwind Help wrote on 03.06.2024 09:12:",
]
OWN = [
    "On Monday I wrote to you:\nno answer came.",
    "As you wrote:\nthe boots should come in 2024.",
    "I called at 12:30 and again at 14:00, this is what I was told:\nnothing.",
    "My data:\nFrom: Berlin\nTo: Munich\nDate: 3 June 2024\nPassengers: 2",
    "Order list:\nName: Anna Bell\nDate: 3.6.2024\nTo: Main Street 3\nSubject matter is boots",
    "Please answer to anna@home.example:\nI read that more often.",
    "On 3 June 2024 I ordered boots:\n- size 40\n- brown",
    "Am 3. Juni 2024 um 12:00 habe ich bestellt:\nzwei Paar Schuhe",
    "The error is:\n"
    "\n"
    "2024-06-03 09:12:00 ERROR mail from <anna@home.example> refused:\n"
    "550 no such user\n"
    "\n"
    "What can I do?",
    "Sent from my old flat to the new one, the parcel is lost.\nPlease help",
    "From: what I can see, it is broken",
    "Steps:\n1. open\n2. close\n---\nThen it crashes.\n---\nAnd again at 12:00.",
    "> You asked for the number\n\n123456",
    "| a | b |\n| 1 | 2 |",
    "He wrote on 3 June 2024 that it was sent.\nIt was not.",
    "Betreff: Meine Bestellung 1234\n\nWo bleibt sie?",
    "Gesendet habe ich es am Montag\nNun ist es weg",
    "Name: Anna\nFrom: Anna Bell\nEmail: anna@home.example\nMessage: Where are my boots?",
]
MARKED = "> Your boots are on the way.\n>\n> They come tomorrow."
UNMARKED = "Your boots are on the way.\n\nThey come tomorrow."


@pytest.mark.parametrize("introduction", INTRODUCTIONS)
@pytest.mark.parametrize("quote", [MARKED, UNMARKED], ids=["marked", "unmarked"])
def test_what_follows_an_introduction_is_quoted(introduction: str, quote: str) -> None:
    below = f"{introduction}\n\n{quote}"
    found = trim(f"Thank you!\nAnd the socks?\n\nAnna\n\n{below}")
    assert found == Trimmed(text="Thank you!\nAnd the socks?\n\nAnna", quoted=below, signature="")


@pytest.mark.parametrize("introduction", [each for each in INTRODUCTIONS if "\n" not in each])
@pytest.mark.parametrize("width", [44, 60, 72])
def test_an_introduction_may_be_broken_over_lines(introduction: str, width: int) -> None:
    broken = "\n".join(textwrap.wrap(introduction, width, break_long_words=False, break_on_hyphens=False))
    for quote in (MARKED, UNMARKED):
        found = trim(f"Thank you!\nAnd the socks?\n\nAnna\n\n{broken}\n\n{quote}")
        assert found.text == "Thank you!\nAnd the socks?\n\nAnna"


@pytest.mark.parametrize("text", OWN)
def test_own_words_that_look_like_an_introduction_stay(text: str) -> None:
    assert trim(text).text == text
    assert trim(f"Hello,\n\n{text}").text == f"Hello,\n\n{text}"


@pytest.mark.parametrize(
    "signature",
    [
        "-- \nAnna Bell\nHöhenweg 3",
        "--\nAnna Bell\nwww.home.example",
        "Sent from my iPhone",
        "Von meinem iPhone gesendet",
        "Get Outlook for iOS<https://aka.ms/o0ukef>",
        "Gesendet mit der GMX Mail App",
        "Envoyé de mon iPhone",
        "Enviado desde mi iPhone",
        "Отправлено с iPhone",
        "iPhoneから送信",
        "Sent from Yahoo Mail on Android",
        "Sent with Proton Mail secure email.",
        "_______________________________________________\nwalkers mailing list\nwalkers@lists.example",
    ],
)
@pytest.mark.parametrize("below", ["", f"\n\nOn Mon, 3 Jun 2024 at 09:12, {NAME} wrote:\n\n{MARKED}"])
def test_signatures_stand_apart_with_or_without_a_quote_below(signature: str, below: str) -> None:
    found = trim(f"Where are my boots?\n\n{signature}{below}")
    assert found.text == "Where are my boots?"
    assert found.signature == signature
    assert found.quoted == below.strip()


def test_thunderbirds_inline_answers_keep_the_lines_they_answer() -> None:
    found = trim(parse(payload("thunderbird-inline")).text)
    assert found.text == (
        "Hello Ada,\n\n"
        "> Which size do you take, and may we send the boots to the address we have?\n"
        "Size 40, please – and yes, if you can reach me there before Friday; after that I am away.\n"
        "> Shall we gift-wrap them?\n\n"
        "No need."
    )
    assert found.signature == "-- \nAnna Bell\nHöhenweg 3, 6020 Innsbruck"
    assert "Kind regards" in found.quoted


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("gmail-reply", "Thank you, that was quick! Here is the photo 👍\n\nAnna"),
        ("apple-mail-reply", "Can you send them to Graz instead?"),
        (
            "outlook-reply",
            "Guten Tag,\n\nwir hätten gern eine Rechnung über beide Paare.\n\n"
            "Mit freundlichen Grüßen\nMax Huber",
        ),
    ],
)
def test_replies_as_programs_write_them(name: str, text: str) -> None:
    assert trim(parse(payload(name)).text).text == text


def test_an_answer_below_the_quote_stays() -> None:
    found = trim(f"On Mon, 3 Jun 2024 at 09:12, {NAME} wrote:\n{MARKED}\n\nNot to me.")
    assert found.text == f"{MARKED}\n\nNot to me."


def test_a_forwarded_mail_without_own_words_is_the_text() -> None:
    head = f"---------- Forwarded message ---------\nFrom: {NAME}\nDate: 3 June 2024\nSubject: Boots"
    assert trim(f"{head}\n\n{UNMARKED}").text == UNMARKED


def test_only_a_quote_is_nothing_new_when_introduced_and_kept_when_not() -> None:
    assert trim(f"On Mon, 3 Jun 2024 at 09:12, {NAME} wrote:\n{MARKED}").text == ""
    assert trim(MARKED).text == MARKED


def test_nothing_of_a_text_is_lost() -> None:
    text = f"One\n> two\nthree\n\nOn Mon, 3 Jun 2024 at 09:12, {NAME} wrote:\n{MARKED}\n\n-- \nAnna"
    found = trim(text)
    parts = "\n".join([found.text, found.quoted, found.signature]).split("\n")
    assert sorted(filter(None, parts)) == sorted(filter(None, text.split("\n")))


@pytest.mark.parametrize(
    "line",
    ["On 2024 12:00 a", ">" * 1_000_000, "<" * 999, "a@" * 300, "--", "From: a@b", ":", "", " ",
     "On ", "On " + "x" * 580,
     "_" * 30, "Sent from my iPhone", "> a\nb", "1.1.1." * 90, "<a@" * 190,
     "On 2024 12:00 <a@b.c> wrote:\n> x",
     " \n--\n", "--\nwww.", "x" * 1_000_000, "(" * 500 + "@"],
)  # fmt: skip
def test_hostile_lines_take_linear_time(line: str) -> None:
    started = time.process_time()
    trim(f"{line}\n" * (1_000_000 // (len(line) + 1) + 1))
    assert time.process_time() - started < 5
