"""Moments in words, as twelve languages say them: "tomorrow at 09:00", "on Monday at 09:00"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class _Words:
    """`days` are today, tomorrow, then Monday to Sunday. `at` and `dated` put a day and a time together, the
    latter for a day over six days away. `here` and `closed` say how it is now, `later` how it goes on;
    `again` promises to write; `short` are Monday to Sunday in a list."""

    days: tuple[str, ...]
    months: tuple[str, ...]
    at: str
    dated: str
    here: str
    later: str
    closed: str
    again: str
    short: tuple[str, ...]


def _words(
    days: str, months: str, at: str, dated: str, *, here: str, later: str, closed: str, again: str, short: str
) -> _Words:
    return _Words(
        days=tuple(days.split(", ")),
        months=tuple(months.split()),
        at=at,
        dated=dated,
        here=here,
        later=later,
        closed=closed,
        again=again,
        short=tuple(short.split()),
    )


_LANGUAGES: Mapping[str, _Words] = {
    "en": _words(
        "today, tomorrow, on Monday, on Tuesday, on Wednesday, on Thursday, on Friday, on Saturday,"
        " on Sunday",
        "January February March April May June July August September October November December",
        "{day} at {time}",
        "{day}, {number} {month}, at {time}",
        here="Our team is here right now.",
        later=" After {time} they are back {next}.",
        closed="Nobody of our team is there right now. They are back {next}.",
        again="I will write to you again {when}.",
        short="Mon Tue Wed Thu Fri Sat Sun",
    ),
    "de": _words(
        "heute, morgen, am Montag, am Dienstag, am Mittwoch, am Donnerstag, am Freitag, am Samstag,"
        " am Sonntag",
        "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
        "{day} um {time} Uhr",
        "{day}, dem {number}. {month}, um {time} Uhr",
        here="Unser Team ist gerade da.",
        later=" Nach {time} Uhr ist es {next} wieder da.",
        closed="Gerade ist niemand aus unserem Team da. Es ist {next} wieder da.",
        again="Ich melde mich {when} wieder bei Ihnen.",
        short="Mo Di Mi Do Fr Sa So",
    ),
    "fr": _words(
        "aujourd'hui, demain, lundi, mardi, mercredi, jeudi, vendredi, samedi, dimanche",
        "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
        "{day} à {time}",
        "{day} {number} {month} à {time}",
        here="Notre équipe est là en ce moment.",
        later=" Après {time}, elle sera de retour {next}.",
        closed="Personne de notre équipe n'est là en ce moment. Elle sera de retour {next}.",
        again="Je vous écrirai de nouveau {when}.",
        short="lun. mar. mer. jeu. ven. sam. dim.",
    ),
    "es": _words(
        "hoy, mañana, el lunes, el martes, el miércoles, el jueves, el viernes, el sábado, el domingo",
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        "{day} a las {time}",
        "{day} {number} de {month} a las {time}",
        here="Nuestro equipo está aquí ahora mismo.",
        later=" Después de las {time} vuelve {next}.",
        closed="Ahora mismo no hay nadie de nuestro equipo. Vuelve {next}.",
        again="Le escribiré de nuevo {when}.",
        short="lun mar mié jue vie sáb dom",
    ),
    "it": _words(
        "oggi, domani, lunedì, martedì, mercoledì, giovedì, venerdì, sabato, domenica",
        "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
        "{day} alle {time}",
        "{day} {number} {month} alle {time}",
        here="Il nostro team è qui in questo momento.",
        later=" Dopo le {time} torna {next}.",
        closed="In questo momento non c'è nessuno del nostro team. Torna {next}.",
        again="Le scriverò di nuovo {when}.",
        short="lun mar mer gio ven sab dom",
    ),
    "nl": _words(
        "vandaag, morgen, maandag, dinsdag, woensdag, donderdag, vrijdag, zaterdag, zondag",
        "januari februari maart april mei juni juli augustus september oktober november december",
        "{day} om {time}",
        "{day} {number} {month} om {time}",
        here="Ons team is er nu.",
        later=" Na {time} is het {next} terug.",
        closed="Er is nu niemand van ons team. Het is {next} terug.",
        again="Ik schrijf u {when} weer.",
        short="ma di wo do vr za zo",
    ),
    "pt": _words(
        "hoje, amanhã, na segunda-feira, na terça-feira, na quarta-feira, na quinta-feira, na sexta-feira,"
        " no sábado, no domingo",
        "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
        "{day} às {time}",
        "{day}, {number} de {month}, às {time}",
        here="A nossa equipa está aqui neste momento.",
        later=" Depois das {time} volta {next}.",
        closed="Neste momento não está ninguém da nossa equipa. Volta {next}.",
        again="Volto a escrever-lhe {when}.",
        short="seg ter qua qui sex sáb dom",
    ),
    "pl": _words(
        "dziś, jutro, w poniedziałek, we wtorek, w środę, w czwartek, w piątek, w sobotę, w niedzielę",
        "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
        "{day} o {time}",
        "{day} {number} {month} o {time}",
        here="Nasz zespół jest teraz na miejscu.",
        later=" Po {time} wraca {next}.",
        closed="Teraz nie ma nikogo z naszego zespołu. Wraca {next}.",
        again="Napiszę ponownie {when}.",
        short="pon. wt. śr. czw. pt. sob. niedz.",
    ),
    "sv": _words(
        "i dag, i morgon, på måndag, på tisdag, på onsdag, på torsdag, på fredag, på lördag, på söndag",
        "januari februari mars april maj juni juli augusti september oktober november december",
        "{day} kl. {time}",
        "{day} den {number} {month} kl. {time}",
        here="Vårt team är här just nu.",
        later=" Efter kl. {time} är det tillbaka {next}.",
        closed="Ingen i vårt team är här just nu. De är tillbaka {next}.",
        again="Jag hör av mig igen {when}.",
        short="mån tis ons tors fre lör sön",
    ),
    "da": _words(
        "i dag, i morgen, på mandag, på tirsdag, på onsdag, på torsdag, på fredag, på lørdag, på søndag",
        "januar februar marts april maj juni juli august september oktober november december",
        "{day} kl. {time}",
        "{day} den {number}. {month} kl. {time}",
        here="Vores team er her lige nu.",
        later=" Efter kl. {time} er det tilbage {next}.",
        closed="Ingen fra vores team er her lige nu. De er tilbage {next}.",
        again="Jeg skriver til dig igen {when}.",
        short="man tirs ons tors fre lør søn",
    ),
    "tr": _words(
        "bugün, yarın, pazartesi günü, salı günü, çarşamba günü, perşembe günü, cuma günü, cumartesi günü,"
        " pazar günü",
        "Ocak Şubat Mart Nisan Mayıs Haziran Temmuz Ağustos Eylül Ekim Kasım Aralık",
        "{day} saat {time} itibarıyla",
        "{number} {month} {day} saat {time} itibarıyla",
        here="Ekibimiz şu anda burada.",
        later=" Saat {time} sonrasında {next} geri dönecek.",
        closed="Şu anda ekibimizden kimse yok. {next} geri dönecekler.",
        again="Size {when} yeniden yazacağım.",
        short="Pzt Sal Çar Per Cum Cmt Paz",
    ),
    "ar": _words(
        "اليوم, غدًا, يوم الاثنين, يوم الثلاثاء, يوم الأربعاء, يوم الخميس, يوم الجمعة, يوم السبت, يوم الأحد",
        "يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر",
        "{day} الساعة {time}",
        "{day} {number} {month} الساعة {time}",
        here="فريقنا موجود الآن.",
        later=" وبعد الساعة {time} يعود {next}.",
        closed="لا يوجد أحد من فريقنا الآن. يعود الفريق {next}.",
        again="سأكتب إليك مجددًا {when}.",
        short="الاثنين الثلاثاء الأربعاء الخميس الجمعة السبت الأحد",
    ),
}


def in_words(moment: datetime, language: str, *, now: datetime) -> str:
    """A moment to come; both times are local ones."""
    words = _of(language)
    days = (moment.date() - now.date()).days
    day = words.days[days if days in {0, 1} else 2 + moment.weekday()]
    pattern = words.at if days < 7 else words.dated
    return pattern.format(
        day=day, number=moment.day, month=words.months[moment.month - 1], time=moment.strftime("%H:%M")
    )


def how_it_is(*, closes: datetime | None, opens: datetime | None, language: str, now: datetime) -> str:
    """Whether somebody is there, until when, and when again; all times are local ones. Without `opens`
    somebody is always there."""
    words = _of(language)
    if opens is None:
        return words.here
    back = in_words(opens, language, now=now)
    if closes is not None:
        return words.here + words.later.format(next=back, time=closes.strftime("%H:%M"))
    told = words.closed.format(next=back)
    return told[0].upper() + told[1:]


def the_week(spans: Sequence[Sequence[str]], language: str) -> str:
    """When somebody is there on each day, days alike put together: "Mon–Fri 09:00-18:00, Sat 10:00-14:00"."""
    names = _of(language).short
    told: list[str] = []
    first = 0
    for day in range(1, 8):
        if day < 7 and spans[day] == spans[first]:
            continue
        if spans[first]:
            days = names[first] if day - first == 1 else f"{names[first]}–{names[day - 1]}"
            told.append(f"{days} {' + '.join(spans[first])}")
        first = day
    return ", ".join(told)


def again(moment: datetime, language: str, *, now: datetime) -> str:
    """The promise to write again then; both times are local ones."""
    return _of(language).again.format(when=in_words(moment, language, now=now))


def _of(language: str) -> _Words:
    return _LANGUAGES.get(language) or _LANGUAGES["en"]
