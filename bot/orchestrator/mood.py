"""The customer's mood, from the words that people choose who have had enough.

A broken zip is "terrible" and no anger: what counts is said of us, or of the writer's own patience.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

Mood = Literal["calm", "upset", "angry"]

_LONGEST = 2_000  # characters looked at
_LETTERS = 20  # of a message that shouts, at the least; "BMW X5 PDF" does not
_SHOUTED = 0.8  # of its letters
_REMEMBERED = 4  # of the customer's messages before this one

_ANGRY = (
    # English
    r"unacceptable|outrageous|disgraceful|what a disgrace"
    r"|(?:this|it|that) is (?:just |so |absolutely |completely )?"
    r"(?:ridiculous|pathetic|a joke|a disgrace|a scam|a rip[- ]?off|insane|a nightmare)"
    r"|(?:you|they)(?: are|['’]re| guys are)(?: all| just| so| absolutely| completely)? "
    r"(?:useless|incompetent|pathetic|worthless|a joke|scammers|thieves|liars|crooks|idiots)"
    r"|(?:your|this|the) (?:\w+ )?(?:service|support|bot|company|shop|store|team) is (?:\w+ )?"
    r"(?:useless|terrible|horrible|awful|pathetic|appalling|abysmal|a joke|garbage|trash|crap|the worst)"
    r"|(?:worst|terrible|horrible|awful|pathetic|appalling|abysmal) (?:customer )?"
    r"(?:service|company|support|shop|store|experience)"
    r"|(?:i am|i['’]m) (?:\w+ )?(?:furious|livid|angry|fed up|outraged|pissed(?: off)?)|fed up with"
    r"|sick (?:and tired )?of (?:this|you|your|waiting)|(?:stop )?wasting my time|waste of my time"
    r"|never (?:order|buy|shop)(?:ing)? (?:\w+ ){0,3}(?:from|with|at|here) ?(?:you)? ?again"
    r"|my (?:lawyer|attorney|solicitor)|(?:will|going to|gonna) (?:sue|report) you|legal action"
    r"|how dare you|you lied|wtf|what the (?:hell|fuck)|fuck\w*|bullshit|piece of shit",
    # German
    r"unverschämt(?:heit)?|inakzeptabel|frechheit|saftladen|betrüger|abzocke(?:r)?|verarsch\w*|zumutung"
    r"|(?:schlechteste[rsn]?|miserable[rsn]?|katastrophale[rsn]?|unterirdische[rsn]?) "
    r"(?:service|support|laden|firma|kundenservice|kundendienst)"
    r"|(?:service|support|laden|bot) ist (?:\w+ )?(?:miserabel|katastrophal|unterirdisch|eine "
    r"katastrophe|ein witz)"
    r"|(?:stink|stock)sauer|ich bin (?:\w+ )?(?:sauer|wütend)|(?:schnauze|nase) (?:gestrichen )?voll"
    r"|(?:jetzt|mir) reicht['’]?s|es reicht (?:mir|jetzt|langsam)|(?:meinen?|meinem|einen|zum) anwalt"
    r"|rechtliche schritte|anzeige erstatten|nie wieder (?:bei (?:euch|ihnen)|etwas bei|hier)"
    r"|(?:ihr|sie) (?:seid|sind) (?:\w+ )?(?:nutzlos|unfähig|inkompetent)|scheiß\w*|zum kotzen|lächerlich",
    # French
    r"inacceptable|inadmissible|scandaleux|honteux|(?:une|de l['’]|c['’]est de l['’])arnaque|escrocs?"
    r"|escroquerie"
    r"|foutez? de (?:moi|ma gueule)|vous (?:moquez|fichez) de moi|ras[- ]le[- ]bol|j['’]en ai (?:marre|assez)"
    r"|(?:pire|lamentable|déplorable|minable|catastrophique) (?:service|sav|site|expérience|entreprise)"
    r"|service (?:client )?(?:est )?(?:lamentable|déplorable|minable|catastrophique|nul)|furieu(?:x|se)"
    r"|en colère"
    r"|mon avocat|porter plainte|plus jamais (?:\w+ ){0,3}chez vous|incompétents|bordel|merde",
    # Spanish
    r"inaceptable|indignante|(?:qué|una) vergüenza|vergonzos[oa]|(?:es|son) (?:una|unos) estafa(?:dores)?"
    r"|ladrones|hart[oa]s? de|estoy (?:muy )?(?:hart[oa]|furios[oa]|enfadad[oa]|indignad[oa]|cabread[oa])"
    r"|(?:peor|pésim[oa]|horrible|nefast[oa]) (?:servicio|atención|empresa|tienda|experiencia)"
    r"|(?:servicio|atención) (?:es |al cliente es )?(?:pésim[oa]|horrible|nefast[oa])|mi abogado"
    r"|voy a denunciar\w*|mierda|inútiles|incompetentes|nunca más (?:\w+ ){0,3}(?:ustedes|vosotros)"
    r"|tomadura de pelo",
    # Italian
    r"inaccettabile|(?:che|una) vergogna|vergognos[oa]"
    r"|(?:è|siete) (?:una truffa|dei truffatori|truffatori|dei ladri)"
    r"|stuf[oa] di|sono (?:\w+ )?(?:furios[oa]|arrabbiat[oa]|incazzat[oa]|indignat[oa])|non ne posso più"
    r"|(?:pessim[oa]|peggiore?|orribile) (?:servizio|assistenza|azienda|negozio|esperienza)|servizio pessimo"
    r"|mio avvocato|vie legali|denunciarvi|merda|incompetenti|mai più (?:\w+ ){0,3}voi|presa in giro"
    r"|è ridicolo",
    # Dutch
    r"onacceptabel|schandalig|(?:wat een|een) schande|belachelijk|oplichters?|woedend|razend|spuugzat"
    r"|ben (?:het )?(?:helemaal )?zat|ik ben (?:\w+ )?boos|(?:slechtste|waardeloze|verschrikkelijke) "
    r"(?:service|klantenservice|winkel|bedrijf)|(?:service|klantenservice) is (?:\w+ )?waardeloos"
    r"|mijn advocaat"
    r"|juridische stappen|nooit meer (?:\w+ ){0,3}(?:jullie|hier)|godverdomme|aanfluiting",
    # Portuguese
    r"inaceitável|(?:que|um) absurdo|(?:que|uma) vergonha|vergonhoso|(?:é|isso é) um golpe|golpistas|ladrões"
    r"|estou (?:muito )?(?:furios[oa]|indignad[oa]|revoltad[oa]|fart[oa]|com raiva)"
    r"|(?:pior|péssim[oa]|horrível) (?:serviço|atendimento|empresa|loja|experiência)|atendimento péssimo"
    r"|meu advogado|procon|processar vocês|merda|incompetentes|nunca mais (?:\w+ ){0,3}vocês|palhaçada"
    r"|falta de respeito",
    # Polish
    r"niedopuszczaln\w+|skandal\w*|żenad\w+|oszuści|oszustwo|złodziej\w*|wściek(?:ły|ła)|mam (?:tego )?dość"
    r"|wkurz\w+|(?:najgorsz\w+|fataln\w+|beznadziejn\w+|tragiczn\w+) (?:obsług\w+|serwis|sklep|firm\w+)"
    r"|(?:mój|mojego|mojemu) prawnik\w*|do sądu|kurw\w*|kpin[ay]|nigdy więcej",
    # Swedish, Danish
    r"oacceptabelt|(?:vilken|en) skandal|skamligt|bedragare|rasande|jag är (?:\w+ )?(?:förbannad|arg)"
    r"|trött på (?:er|det här)|(?:sämsta|usel|värdelös|hemsk) (?:service|kundtjänst|företag|butik)"
    r"|min advokat"
    r"|jävla|aldrig mer (?:\w+ ){0,3}er|löjligt|inkompetenta",
    r"uacceptabelt|skandale|skandaløst|svindlere?|jeg er (?:\w+ )?(?:rasende|vred)|træt af (?:jer|det her)"
    r"|(?:dårligste|elendig|forfærdelig) (?:service|kundeservice|firma|butik)|for helvede|fandeme"
    r"|aldrig mere (?:\w+ ){0,3}jer|latterligt|inkompetente",
    # Turkish
    r"kabul edilemez|rezalet|dolandırıcı\w*|hırsızlar|çok (?:kızgınım|sinirliyim|öfkeliyim)|bıktım"
    r"|yeter artık"
    r"|(?:en kötü|berbat|korkunç|rezil) (?:bir )?(?:hizmet|servis|müşteri hizmetleri|firma|mağaza)"
    r"|avukatım\w*|dava aç\w*|tüketici (?:mahkemesi|hakem)\w*|saçmalık|bir daha asla|lanet olsun"
    r"|beceriksiz\w*",
)
_UPSET = (
    r"disappoint(?:ed|ing)|frustrat(?:ed|ing)|annoy(?:ed|ing)|unhappy|still (?:no|not|nothing|waiting)"
    r"|(?:i )?still (?:haven['’]t|have not)|for the (?:second|third|fourth|hundredth) time"
    r"|(?:nobody|no one) (?:answers|replies|cares|helps|responds)",
    r"enttäuscht|genervt|ärgerlich|verärgert|frustriert|immer noch (?:nicht|nichts|kein\w*)"
    r"|zum (?:zweiten|dritten|vierten|x-ten) mal|niemand (?:antwortet|meldet sich|hilft|reagiert)",
    r"déçue?|agacée?|énervée?|frustrée?|mécontente?|toujours (?:pas|rien|aucun\w*)"
    r"|(?:deuxième|troisième|énième) fois|personne ne (?:répond|m['’]aide)",
    r"decepcionad[oa]|frustrad[oa]|molest[oa] con|(?:todavía|aún) no|sigo sin|(?:segunda|tercera|enésima) vez"
    r"|nadie (?:responde|contesta|me ayuda)",
    r"delus[oa]|frustrat[oa]|irritat[oa]|ancora (?:niente|nulla)|(?:seconda|terza|ennesima) volta"
    r"|nessuno (?:risponde|mi aiuta)",
    r"teleurgesteld|gefrustreerd|geïrriteerd|ontevreden|nog steeds (?:niet|niets|geen)"
    r"|(?:tweede|derde|zoveelste) keer|niemand (?:antwoordt|reageert|helpt)",
    r"chatead[oa]|insatisfeit[oa]|ainda não|até agora nada|(?:terceira) vez"
    r"|ninguém (?:responde|ajuda|resolve)",
    r"rozczarowan\w+|zawiedzion\w+|zdenerwowan\w+|sfrustrowan\w+|nadal nie|wciąż nie"
    r"|(?:drugi|trzeci|enty) raz"
    r"|nikt (?:nie odpowiada|nie pomaga)",
    r"besviken|frustrerad|irriterad|missnöjd|fortfarande (?:inte|inget|ingen)|(?:andra|tredje|fjärde) gången"
    r"|ingen (?:svarar|hjälper)|skuffet|frustreret|irriteret|utilfreds|stadig (?:ikke|intet|ingen)"
    r"|(?:anden|tredje|fjerde) gang|hjælper ingen",
    r"hayal kırıklığı\w*|memnun değilim|sinir bozucu|hâlâ (?:gelmedi|yok|cevap)|hala (?:gelmedi|yok|cevap)"
    r"|(?:ikinci|üçüncü) kez|kimse (?:cevap|yardım)",
)
# Arabic glues "and", "the" and endings to its words.
_ANGRY_ARABIC = (
    r"غير مقبول|فضيحة|عيب عليكم|نصابين|محتالون|لصوص|حرامية|أنا غاضب|زهقت|طفح الكيل"
    r"|(?:أسوأ|اسوأ) (?:خدمة|شركة|متجر|تجربة)|خدمة سيئة|خدمتكم سيئة|المحامي|سأشتكي|مهزلة"
)
_UPSET_ARABIC = r"محبط|خيبة أمل|مستاء|منزعج|لم يصل حتى الآن|لا أحد (?:يرد|يساعد)|(?:ثاني|ثالث) مرة"


def _any(ways: Sequence[str], glued: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(ways)})\b|{glued}", re.IGNORECASE)


_IS_ANGRY = _any(_ANGRY, _ANGRY_ARABIC)
_IS_UPSET = _any(_UPSET, _UPSET_ARABIC)


def mood(text: str) -> Mood:
    """How the writer of a message seems to feel; calm in doubt."""
    text = text[:_LONGEST]
    if _IS_ANGRY.search(text):
        return "angry"
    return "upset" if _IS_UPSET.search(text) or _shouts(text) else "calm"


def has_had_enough(pending: str, before: Sequence[str]) -> bool:
    """Whether the customer complains angrily and was not content before either; `before` is what they wrote
    earlier and the bot has answered. A first outburst gets an answer: it may be what they need."""
    return mood(pending) == "angry" and any(mood(text) != "calm" for text in before[-_REMEMBERED:])


def _shouts(text: str) -> bool:
    if "!!!" in text:
        return True
    cased = [letter for letter in text if letter.isupper() or letter.islower()]
    return len(cased) >= _LETTERS and sum(map(str.isupper, cased)) >= _SHOUTED * len(cased)
