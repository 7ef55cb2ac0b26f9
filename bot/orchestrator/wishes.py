"""Messages understood without any lookup: nothing but a courtesy, or the clear wish for a person."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

Courtesy = Literal["greeting", "thanks", "goodbye", "introduction"]

_LONGEST = 300  # characters; whoever writes more has more to say than this

# Whole messages, lower case and without punctuation. An optional address ("hi ada", "thanks a lot team") is
# not worth missing a question for, so only these exact ways count.
_GREETING = r"""
hi|hii+|hello|hey+|hello there|hi there|hey there|good (?:morning|afternoon|evening|day)|greetings|yo|howdy
|how are you(?: doing)?(?: today)?|hi how are you|hello how are you
|hallo|guten (?:morgen|tag|abend)|moin(?: moin)?|servus|grüß gott|grüezi|wie geht(?: e|['’])?s(?: ihnen|
 dir)?
|bonjour|salut|bonsoir|coucou|ça va|comment allez vous
|hola|buenas|buenos días|buenas (?:tardes|noches)|qué tal|cómo estás
|ciao|salve|buongiorno|buonasera|come stai|come va
|hoi|goedemorgen|goedemiddag|goedenavond|goedendag|dag
|olá|oi|bom dia|boa tarde|boa noite|tudo bem
|cześć|dzień dobry|dobry wieczór|witam|hej
|hejsan|tja|god (?:morgon|kväll|dag|morgen|aften)|hejhej|goddag
|merhaba|selam|selamlar|günaydın|iyi günler|iyi akşamlar|nasılsın(?:ız)?
|مرحبا|مرحبًا|أهلا|اهلا|السلام عليكم|صباح الخير|مساء الخير|كيف حالك"""
_THANKS = r"""
(?:ok(?:ay)? |great |perfect |super |alright )?(?:thanks|thank you|thx|ty|cheers)
(?: a lot| so much| very much| a bunch| a million)?(?: for (?:your|the) help)?(?: (?:that|this) helps|
 that helped)?
|many thanks|much appreciated|that helps|that helped|that was helpful
|ok(?:ay)?|okey|k|great|perfect|super|cool|nice|good|awesome|alright|all right|fine|got it|understood
|i see|sure|no thanks|no thank you|nothing else|no that['’]?s all|all good
|that['’]?s (?:fine|great|perfect|good)
|alles klar|verstanden|gut|prima|perfekt|passt|in ordnung|nein danke|d['’]accord|parfait|très bien|compris
|non merci|vale|perfecto|entendido|de acuerdo|no gracias|va bene|perfetto|capito|no grazie|prima zo
|begrepen|goed|nee dank je|nee bedankt|tudo bem|perfeito|entendi|não obrigad[oa]|dobrze
|rozumiem|nie dziękuję|okej|bra|toppen|nej tack|fint|forstået|nej tak|tamam|anladım|harika|hayır teşekkürler
|حسنا|حسنًا|تمام|ممتاز
|(?:ok |super |prima |perfekt )?(?:danke|vielen dank|dankeschön|danke schön|danke sehr|besten dank
|herzlichen dank)
(?: für (?:die|ihre) hilfe)?
|(?:ok |super |parfait )?merci(?: beaucoup| bien| pour votre aide)?
|(?:muchas |mil )?gracias(?: por (?:la|su|tu) ayuda)?
|(?:grazie|tante grazie|molte grazie)(?: mille| per l['’ ]aiuto)?
|bedankt|dank (?:u|je)(?: wel)?|hartelijk dank|dankjewel
|(?:muito )?obrigad[oa](?: pela ajuda)?
|dziękuję(?: bardzo)?|dzięki|dzieki
|tack(?: så mycket| för hjälpen)?|tusen tack
|(?:mange |tusind )?tak(?: for hjælpen| skal du have)?
|(?:çok )?teşekkür(?:ler| ederim| ederiz)?|sağ ?ol(?:un)?
|شكرا|شكرًا|شكرا جزيلا|شكرا لك|ممنون"""
_GOODBYE = r"""
bye|bye bye|goodbye|good night|see you(?: later| soon)?|have a (?:nice|good|great) (?:day|evening|weekend
|one)
|that['’ ]?s all|that is all|that would be all
|tschüss|tschüß|auf wiedersehen|bis bald|schönen (?:tag|abend)(?: noch)?
|au revoir|à bientôt|bonne (?:journée|soirée)
|adiós|hasta luego|hasta pronto
|arrivederci|a presto|buona giornata
|tot ziens|doei|fijne dag
|tchau|até logo|até mais
|do widzenia|na razie|miłego dnia
|hej då|hejdå|ha det bra|adjö
|farvel|hav en god dag|vi ses
|güle güle|hoşça kal(?:ın)?|görüşürüz
|مع السلامة|إلى اللقاء|وداعا"""
_INTRODUCTION = r"""
(?:so )?(?:who|what) are you|what(?: is|['’ ]?s) your name|what can you do|who am i (?:talking|speaking
|chatting) (?:to|with)
|(?:are you|is this|am i (?:talking|speaking|chatting) (?:to|with)) (?:a |an |the )?
(?:real |actual |live )?(?:bot|chatbot|robot|ai|machine|human|person|human being|real|computer)
(?: or (?:a |an )?(?:real )?(?:bot|chatbot|robot|ai|machine|human|person|human being))?
|wer (?:bist du|sind sie)|wie (?:heißt du|heißen sie)|was (?:kannst du|können sie)
|(?:bist du|sind sie) (?:ein |eine |echt )*(?:bot|chatbot|roboter|ki|maschine|mensch|echter mensch|echt)
(?: oder (?:ein |eine )?(?:bot|chatbot|roboter|ki|maschine|mensch))?
|qui (?:êtes[ -]vous|es[ -]tu)|(?:êtes[ -]vous|es[ -]tu|vous êtes|tu es) (?:un |une )?(?:vraie? )?(?:bot
|robot|ia|humain|machine|personne)
|quién eres|quién es usted|(?:eres|es usted) (?:un |una )?(?:bot|robot|ia|humano|máquina|persona)(?: real)?
|chi sei|sei (?:un |una |un['’ ])?(?:bot|robot|ia|umano|macchina|persona)(?: reale| vera)?
|wie (?:ben je|bent u)|(?:ben je|bent u) (?:een )?(?:bot|robot|ai|mens|machine|echt persoon)
|quem é você|você é (?:um |uma )?(?:bot|robô|ia|humano|máquina|pessoa)(?: real)?
|kim jesteś|(?:czy )?jesteś (?:botem|robotem|człowiekiem)
|vem är du|är du (?:en )?(?:bot|robot|ai|människa|maskin)
|hvem er du|er du (?:en |et )?(?:bot|robot|ai|menneske|maskine)
|(?:sen )?kimsin(?:iz)?|(?:sen |siz )?(?:bot|robot|insan|gerçek) ?m[iıu]s[iıu]n(?:[iıu]z)?
|من أنت|من انت|هل أنت (?:روبوت|إنسان|بوت|شخص)"""


def _whole(ways: str) -> re.Pattern[str]:
    return re.compile(ways.replace("\n", ""))


_COURTESIES: tuple[tuple[Courtesy, re.Pattern[str]], ...] = (
    ("introduction", _whole(_INTRODUCTION)),
    ("thanks", _whole(_THANKS)),
    ("goodbye", _whole(_GOODBYE)),
    ("greeting", _whole(_GREETING)),
)
_SIGNS: Mapping[str, Courtesy] = {
    "👋": "greeting",
    "👍": "thanks",
    "🙏": "thanks",
    "❤": "thanks",
    "😊": "thanks",
}
_ADDRESSED = frozenset({"team", "all", "everyone", "everybody", "folks", "guys", "sir", "madam", "zusammen"})
_MARKS = re.compile(r"[^\w\s'’-]+|(?<!\w)['’-]|['’-](?!\w)")
_PARTS = re.compile(r"[.!?,;:\n؟،…]+")


def courtesy(text: str, name: str = "") -> Courtesy | None:
    """The courtesy that is all a message says. Of several the weightiest: "Hi! Who are you?".

    `name` is the bot's: "Hi Ada" is a greeting.
    """
    if len(text) > _LONGEST:
        return None
    if not any(map(str.isalnum, text)):
        return next((kind for sign, kind in _SIGNS.items() if sign in text), None)
    if whole := _courtesy_of(_bare(text), name):
        return whole
    kinds = [_courtesy_of(part, name) for part in map(_bare, _PARTS.split(text)) if part]
    if not kinds or None in kinds:
        return None
    return next(kind for kind, _ in _COURTESIES if kind in kinds)


def _courtesy_of(part: str, name: str) -> Courtesy | None:
    words = part.split()
    if len(words) > 1 and words[-1] in {*_ADDRESSED, name.lower()}:
        return _courtesy_of(" ".join(words[:-1]), name)
    return next((kind for kind, pattern in _COURTESIES if pattern.fullmatch(part)), None)


def _bare(text: str) -> str:
    return " ".join(_MARKS.sub(" ", text.lower()).split())


# A person to talk to, by the names customers give them.
_EN = (
    r"(?:(?:a|an|the|any|some|another|your|one of your) )?(?:(?:real|actual|live|human|customer|support"
    r"|service|sales|care"
    r"|proper|different) )*"
    r"(?:person|people|human|human being|someone|somebody|anyone|agent|operator|representative|rep"
    r"|advisor|adviser"
    r"|staff|staff member|employee|colleague|support team|team member|supervisor|manager|customer service"
    r"|customer support|support|humans)(?: (?:please|now|instead|from (?:your|the) (?:team|support"
    r"|company)|real|human))*"
)
_DE = (
    r"(?:(?:mit|an|zu|von) )?(?:(?:einem|einen|einer|eine|ein|dem|den|der|ihrem|eurem) )?"
    r"(?:(?:echten?|richtigen?|realen?|menschlichen?|lebenden?|anderen?) )*"
    r"(?:menschen?|mitarbeiter(?:in|n)?|person|berater(?:in)?|kollegen?|kundendienst|kundenservice|support"
    r"|kundenbetreuer(?:in)?|jemande[mn]|agenten?)"
)
_FR = (
    r"(?:un |une |quelqu['’]un(?: d['’]autre)?|le |la |votre )?(?:vraie? )?(?:être )?"
    r"(?:humaine?|personne|conseillère?|conseiller|agente?|opérat(?:eur|rice)|service client|support"
    r"|collègue"
    r"|responsable|(?<=quelqu['’]un))(?: (?:humaine?|réelle?|physique))?"
)
_ES = (
    r"(?:(?:un|una|el|la|algún|alguna|su) )?(?:persona|humano|agente|operador(?:a)?|representante"
    r"|asesor(?:a)?"
    r"|alguien|empleado|ser humano|soporte|atención al cliente)(?: (?:real|humano|humana|de verdad))?"
)
_IT = (
    r"(?:(?:un|una|il|la|l['’]|un['’]|qualche) ?)?(?:vera )?(?:persona|umano|essere umano|operat(?:ore"
    r"|rice)"
    r"|agente|consulente|qualcuno|assistenza|servizio clienti)(?: (?:reale|umano|umana|vera"
    r"|in carne e ossa))?"
)
_NL = (
    r"(?:(?:een|de|iemand van de) )?(?:(?:echte?|levende?) )?(?:mens|persoon|medewerker|iemand|agent"
    r"|klantenservice"
    r"|adviseur|collega)"
)
_PT = (
    r"(?:(?:um|uma|o|a|algum|alguma|seu) )?(?:pessoa|humano|atendente|agente|operador(?:a)?"
    r"|representante|alguém"
    r"|ser humano|suporte|funcionário)(?: (?:real|humano|humana|de verdade))?"
)
_PL = (
    r"(?:prawdziwym |żywym )?(?:człowiekiem|osobą|konsultant(?:em|ką)"
    r"|pracownikiem|kimś|doradcą|operatorem|agentem)"
)
_SV = (
    r"(?:en )?(?:riktig |levande |verklig )?(?:människa|person|medarbetare|handläggare|någon|kundtjänst"
    r"|agent"
    r"|kundservice|operatör)"
)
_DA = (
    r"(?:en |et )?(?:rigtigt? |levende |ægte )?"
    r"(?:menneske|person|medarbejder|nogen|kundeservice|agent|rådgiver)"
)
_TR = (
    r"(?:bir )?(?:gerçek |canlı )?(?:bir )?(?:insan|kişi|temsilci|müşteri temsilcisi|yetkili|operatör"
    r"|biri|görevli)"
    r"(?:yle|yla|le|la|ile|siyle|e|ye| ile)?"
)
_AR = r"(?:ال)?(?:شخص|إنسان|انسان|موظف|ممثل|أحد|احد|مسؤول|خدمة العملاء|بشر)(?: (?:حقيقي|بشري|ما))?"

_ASKS = re.compile(
    "|".join(
        f"(?:{each})"
        for each in (
            # English: a wish or a question for permission, a verb of contact, a person.
            r"(?:^|\b(?:please|just|(?:can|could|may|how do|how can|how could) (?:i|we)|let me"
            r"|(?:want|need|wish|like|love|prefer|have|demand|try|trying|able|able to|rather)(?: to)?) )"
            r"(?:please |just |now |directly )?(?:(?:talk|speak|chat|get|be speaking"
            r"|be talking) (?:directly )?(?:to|with)"
            r"|(?:get in (?:touch|contact)|be (?:connected|transferred|put through)|connect me|transfer me"
            r"|put me through|forward me|hand me over|pass me on|switch me) (?:to|with)) "
            + _EN
            + r"(?=$| (?:please|now|about|who|because"
            r"|instead|asap|right|today|here|and|as soon|regarding|on) ?)",
            r"(?:i want|i need|give me|get me|i['’]?d like|i would like|can i (?:have|get)"
            r"|connect me with|let me have)"
            r" (?:a|an|another|some)? ?(?:real |actual |live |human |support |customer service )*"
            r"(?:human(?: being)?|real person|actual person|live person|agent|representative|operator"
            r"|person"
            r"|support agent)(?=$| please| now| instead| to (?:talk|speak|help|chat|answer)"
            r"| not a (?:bot|robot|machine))",
            r"^(?:(?:a |an )?(?:real |actual |live )?(?:human(?: being| agent)?|person|agent|operator"
            r"|representative|live agent)"
            r"|real person|talk to (?:a )?(?:human|person)|human support)(?: please| now)*$",
            # German
            r"(?:möchte|will|würde gerne?|kann ich|könnte ich|darf ich|ich muss|lassen sie mich|bitte"
            r"|gerne?|wie kann ich)"
            r".{0,30}?" + _DE + r"(?: .{0,30}?)?(?:sprechen|reden|chatten|schreiben"
            r"|telefonieren|verbunden werden|kontaktieren)\b",
            r"(?:verbinden? (?:sie )?mich|geben? (?:sie )?mir|holen? (?:sie )?mir|leiten? (?:sie )?mich"
            r"|ich (?:will|brauche|möchte)) (?:bitte )?"
            r"(?:mit |an |zu )?(?:einem |einen |eine |einer |dem |den )?(?:echten? |richtigen? "
            r"|menschlichen? )*"
            r"(?:menschen?|mitarbeiter(?:in)?|berater(?:in)?|agenten?|ansprechpartner(?:in)?)(?=$"
            r"| bitte| weiter| sprechen| verbunden)",
            r"^(?:(?:einen?|ein|echter?) )?(?:echten? )?(?:mensch(?:en)?|mitarbeiter|berater) bitte$",
            # French
            r"(?:veux|voudrais|souhaite|souhaiterais|aimerais|puis-je|pourrais-je|peux|besoin de"
            r"|je peux|est-ce que je peux|préfère|comment)"
            r" (?:pouvoir )?(?:parler|discuter|échanger|être mise? en (?:relation|contact)|communiquer)"
            r" (?:directement )?(?:à|avec|au|aux) " + _FR,
            r"(?:passez[- ]moi|mettez[- ]moi en (?:relation|contact) avec|transférez[- ]moi (?:à|vers)) "
            + _FR,
            r"^(?:parler (?:à|avec) )?(?:un |une )(?:vraie? )?(?:humain|conseiller|personne"
            r"|agent)(?: humain| réelle)?(?: s['’]il (?:vous|te) plaît| svp)$",
            # Spanish
            r"(?:quiero|quisiera|necesito|puedo|podría|deseo|prefiero|me gustaría|déjeme|cómo puedo)"
            r" (?:poder )?(?:hablar|chatear|comunicarme|contactar|conversar) (?:directamente )?(?:con|a) "
            + _ES,
            r"(?:páseme|pásame|comuníqueme|conécteme|transfiérame|póngame) (?:con|a) " + _ES,
            r"^(?:un |una )?(?:persona|humano|agente|operador)(?: real| humano)? por favor$",
            # Italian
            r"(?:voglio|vorrei|posso|potrei|ho bisogno di|desidero|preferisco|preferirei|fatemi|come posso)"
            r" (?:poter )?(?:parlare|chattare|comunicare"
            r"|essere mess[oa] in contatto) (?:direttamente )?con " + _IT,
            r"(?:mi passi|passami|mi metta in contatto con|passatemi|mi colleghi con) " + _IT,
            r"^(?:un |una )?(?:persona|umano|operatore|operatrice)(?: reale| umano| vera)? per favore$",
            # Dutch
            r"(?:wil|wilde|zou|kan ik|mag ik|moet|graag|hoe kan ik).{0,20}?(?:met|aan) "
            + _NL
            + r" (?:van .{0,25} )?(?:spreken|praten|chatten|overleggen|bellen|doorverbonden)",
            r"(?:wil|wilde|zou|kan ik|mag ik|graag).{0,20}? " + _NL + r" spreken",
            r"(?:verbind mij|verbind me|verbindt u mij)(?: door)? met " + _NL,
            r"^(?:een )?(?:echt )?(?:mens|medewerker|echte medewerker|echt persoon) (?:graag"
            r"|alstublieft|aub|alsjeblieft)$",
            # Portuguese
            r"(?:quero|queria|gostaria de|preciso(?: de)?|posso|poderia|prefiro|desejo|como (?:posso"
            r"|faço para))"
            r" (?:falar|conversar|entrar em contato) (?:diretamente )?com " + _PT,
            r"(?:me passe|passe-me|me transfira|transfira-me|me conecte|me coloque em contato) (?:com"
            r"|para) " + _PT,
            r"^(?:um |uma )?(?:pessoa|humano|atendente)(?: real| humano)?,? por favor$",
            # Polish
            r"(?:chcę|chciał(?:bym|abym)|mogę|mógłbym|mogłabym|potrzebuję|wolę|proszę o|muszę|jak mogę)"
            r" (?:porozmawiać|rozmawiać|rozmowę|rozmowy|skontaktować się|czatować|połączenie) z " + _PL,
            r"(?:proszę (?:mnie )?połączyć|połącz(?:cie)? mnie) z " + _PL,
            # Swedish
            r"(?:vill|skulle vilja|kan jag|får jag|behöver|måste|låt mig|hur kan jag)"
            r" (?:gärna |få )?(?:prata|tala|chatta|snacka|komma i kontakt|bli kopplad) (?:med|till) " + _SV,
            r"(?:koppla mig|koppla in mig) (?:till|med) " + _SV,
            # Danish
            r"(?:vil|kan jeg|må jeg|kunne jeg|behøver|har brug for at|lad mig|hvordan kan jeg)"
            r" (?:gerne |godt |få lov at )*(?:tale|snakke|chatte|skrive|komme i kontakt) (?:sammen )?med "
            + _DA,
            r"(?:stil mig|omstil mig|sæt mig) (?:om |igennem |videre )*til " + _DA,
            # Turkish: the verb comes last
            _TR + r" (?:ile )?(?:görüşmek|konuşmak|yazışmak|bağlanmak) (?:istiyorum|isterim|istiyoruz|lazım)",
            _TR + r" (?:ile )?(?:görüşebilir|konuşabilir|bağlanabilir) miyim",
            r"beni " + _TR + r" (?:bağla|aktar|yönlendir)",
            # Arabic
            r"(?:أريد|اريد|أود|اود|أرغب في|ارغب في|هل يمكنني|ممكن|أحتاج إلى|احتاج|هل أستطيع|ابغى|عايز"
            r"|بدي)(?: أن)?"
            r" (?:التحدث|التكلم|أتحدث|اتحدث|أتكلم|اتكلم|الحديث|التواصل|أتواصل|اكلم|أكلم|احكي)"
            r" ?(?:مع|إلى|الى)? ?" + _AR,
            r"(?:حولني|حوّلني|وصلني|أوصلني) (?:إلى|الى|ب|مع) ?" + _AR,
        )
    )
)
_DECLINES = re.compile(
    r"\b(?:don['’]?t|do not|didn['’]?t|without|rather not|no need|not|never|instead of|can['’]?t|cannot"
    r"|couldn['’]?t) "
    r"(?:\w+ ){0,4}?(?:talk|speak|chat)(?:ing)?\b"
    r"|\b(?:nicht|kein(?:e|en|em)?|ohne) (?:\w+ ){0,4}?(?:sprechen|reden)\b|\bne (?:veux"
    r"|souhaite) pas\b|\bno quiero\b"
    r"|\bnon voglio\b|\bnão quero\b|\bnie chcę\b|\bistemiyorum\b|لا أريد|لا اريد"
)


_ROBOTS = re.compile(r"\b(?:chat)?bots?\b|robo|machine|maschin|program|computer|روبوت", re.IGNORECASE)


def declines_person(text: str) -> bool:
    """Whether a message says that nobody is wanted to talk to; a robot is somebody else."""
    return bool(_DECLINES.search(_bare(text))) and not _ROBOTS.search(text)


_OBJECTION = _whole(
    r"""
(?:(?:no|nope) )?(?:that|this|it)(?: is|['’]?s| was) (?:(?:just|simply|totally|completely) )?(?:wrong
|incorrect|false|useless|nonsense|not (?:right|correct|true|helpful|it
|what i (?:asked|meant|mean|want|wanted|need)))
|(?:(?:no|nope) )?(?:you are|you['’]?re) (?:wrong|not helpful|useless)|(?:no )?wrong(?: answer)?|not helpful
|nonsense|useless
|(?:no )?(?:that|this|it) (?:didn['’]?t|did not|doesn['’]?t|does not) help(?: me)?
|(?:no )?(?:that|this|it) (?:didn['’]?t|did not|doesn['’]?t|does not) answer (?:it|my question)
|(?:no )?i (?:didn['’]?t|did not) (?:ask|mean) (?:that|this)
|(?:no )?you (?:didn['’]?t|did not) (?:answer|understand)(?: (?:me|my question|it))?
|(?:nein )?das (?:ist|war|stimmt) (?:falsch|nicht|nicht richtig|nicht was ich meine|keine antwort)
|(?:nein )?das hilft (?:mir )?nicht|falsch
|(?:non )?(?:c['’]est faux|ce n['’]est pas (?:ça|ce que j['’]ai demandé))|ça n['’]aide pas|faux
|(?:no )?(?:eso )?(?:es falso|está mal|no es eso|no me ayuda|es incorrecto)
|(?:no )?(?:è sbagliato|non è così|non mi aiuta|sbagliato)
|(?:nee )?dat (?:klopt niet|is fout|helpt niet|is niet wat ik vroeg)
|(?:não )?(?:isso )?(?:está errado|não ajuda|não é isso)
|(?:nie )?to (?:nieprawda|nie pomaga|nie to)
|(?:nej )?det (?:är fel|hjälper inte|stämmer inte|er forkert|hjælper ikke|passer ikke)
|(?:hayır )?(?:bu )?(?:yanlış|yardımcı olmadı)
|(?:لا )?(?:هذا )?(?:خطأ|غير صحيح|لم يساعد)"""
)


def objects(text: str) -> bool:
    """Whether all a message says is that the answer was wrong or of no help."""
    return bool(_OBJECTION.fullmatch(_bare(text)))


# The answer to "Shall I go on with this now?", and nothing besides.
_AGREEMENT = _whole(
    r"""
(?:(?:yes|yeah|yep|sure|ok|okay|yes please|please|go on|go ahead|do it|please do)(?: |$)){1,3}
|(?:(?:ja|jawohl|gerne?|bitte|ok|okay|klar|mach(?:en sie)?(?: das)?|weiter)(?: |$)){1,3}
|(?:(?:oui|ok|d['’]accord|volontiers|s['’]il (?:vous|te) plaît|allez y)(?: |$)){1,3}
|(?:(?:sí|si|claro|vale|ok|por favor|adelante)(?: |$)){1,3}
|(?:(?:sì|certo|va bene|per favore|grazie)(?: |$)){1,3}
|(?:(?:graag|alstublieft|alsjeblieft|doe maar|goed)(?: |$)){1,3}|ja (?:graag|alstublieft|doe maar)
|(?:(?:sim|claro|pode ser|por favor|faz favor)(?: |$)){1,3}
|(?:(?:tak|dobrze|jasne|proszę|poproszę)(?: |$)){1,3}
|(?:(?:ja|jo|gärna|tack|okej)(?: |$)){1,3}|ja (?:tack|tak|gärna)
|(?:(?:gerne|okay|jo tak)(?: |$)){1,3}
|(?:(?:evet|tamam|olur|lütfen)(?: |$)){1,3}
|(?:(?:نعم|أجل|اجل|حسنا|حسنًا|تمام|من فضلك|تفضل)(?: |$)){1,3}"""
)


def agrees(text: str) -> bool:
    """Whether all a message says is yes, to a question that was asked."""
    return bool(_AGREEMENT.fullmatch(_bare(text)))


def wants_person(text: str) -> bool:
    """Whether the customer clearly asks for a person, now. In doubt not: then they get an answer."""
    if len(text) > _LONGEST * 3:
        return False
    for clause in re.split(r"[.!?\n؟;,،]+", text):
        bare = _bare(clause)
        if len(bare) <= _LONGEST and _ASKS.search(bare) and not _DECLINES.search(bare):
            return True
    return False
