"""The sentences about what is done for a customer: what is missing, asked of others, impossible now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from bot.orchestrator.language import LANGUAGES, Language

DeedPhrase = Literal[
    "ask",
    "approval_asked",
    "not_done",
    "uncertain",
    "unverified",
    "handoff_tool_failure",
    "handoff_elsewhere",
    "handoff_sentiment",
    "back",
    "usually",
    "done",
    "decided_against",
    "refused",
    "followed_up",
]

# {what} is the name of a value, or the customer's own words; {when} a moment in words.
_PHRASES: Mapping[Language, Mapping[DeedPhrase, str]] = {
    "en": {
        "ask": "For that I still need: {what}. Could you send it to me?",
        "approval_asked": "I have passed this on to a colleague, who must allow it: {what}. I'll write "
        "to you "
        "here as soon as it is decided.",
        "not_done": "I couldn't do this just now: {what}. If you'd like a person from our team to look "
        "at it, "
        "just say so.",
        "uncertain": "I can't tell for certain whether this was done or not: {what}. A person from our "
        "team will check it and tell you.",
        "unverified": "For that I must be sure who you are: {what}. Please sign in on our website and write "
        "to me there, or just say that you'd rather talk to a person.",
        "handoff_tool_failure": "Something went wrong on our side, and I don't want to leave you with half "
        "an answer. I'm passing you on to a person from our team; they'll reply to you right here.",
        "handoff_elsewhere": "A person from our team is the right one for this. I'm passing you on; they'll "
        "reply to you right here.",
        "handoff_sentiment": "I'm sorry for the trouble. I'm passing you on to a person from our team; "
        "they'll reply to you right here.",
        "back": "Our team is back {when}.",
        "usually": "Somebody usually answers within {when}.",
        "done": "This has been done now: {what}.",
        "refused": "This was not possible: {what}.",
        "decided_against": "My colleagues have looked at it and decided against this: {what}.",
        "followed_up": "You asked me to write to you again: {what}. Is there anything I can do for you?",
    },
    "de": {
        "ask": "Dafür brauche ich noch: {what}. Können Sie mir das schicken?",
        "approval_asked": "Ich habe das an jemanden aus unserem Team weitergegeben, der es freigeben muss: "
        "{what}. Sobald es entschieden ist, schreibe ich Ihnen hier.",
        "not_done": "Das konnte ich gerade nicht erledigen: {what}. Wenn ein Mensch aus unserem Team es "
        "sich "
        "ansehen soll, sagen Sie es einfach.",
        "uncertain": "Ich kann nicht sicher sagen, ob das ausgeführt wurde oder nicht: {what}. Ein Mensch "
        "aus unserem Team prüft es und sagt Ihnen Bescheid.",
        "unverified": "Dafür muss ich sicher sein, wer Sie sind: {what}. Bitte melden Sie sich auf unserer "
        "Website an und schreiben Sie mir dort, oder sagen Sie, dass Sie lieber mit einem Menschen sprechen "
        "möchten.",
        "handoff_tool_failure": "Bei uns ist etwas schiefgegangen, und ich möchte Sie nicht mit einer "
        "halben "
        "Antwort stehen lassen. Ich gebe Sie an einen Menschen aus unserem Team weiter; die Antwort kommt "
        "hier im Gespräch.",
        "handoff_elsewhere": "Dafür ist ein Mensch aus unserem Team richtig. Ich gebe Sie weiter; die "
        "Antwort "
        "kommt hier im Gespräch.",
        "handoff_sentiment": "Es tut mir leid, dass Sie solchen Ärger haben. Ich gebe Sie an einen Menschen "
        "aus unserem Team weiter; die Antwort kommt hier im Gespräch.",
        "back": "Unser Team ist {when} wieder da.",
        "usually": "Meist antwortet jemand innerhalb von {when}.",
        "done": "Das ist jetzt erledigt: {what}.",
        "refused": "Das war nicht möglich: {what}.",
        "decided_against": "Meine Kollegen haben es sich angesehen und sich dagegen entschieden: {what}.",
        "followed_up": "Sie wollten, dass ich mich noch einmal melde: {what}. Kann ich etwas für Sie tun?",
    },
    "fr": {
        "ask": "Pour cela, il me manque encore : {what}. Pouvez-vous me l'envoyer ?",
        "approval_asked": "J'ai transmis ceci à une personne de notre équipe, qui doit l'autoriser : "
        "{what}. "
        "Je vous écrirai ici dès que ce sera décidé.",
        "not_done": "Je n'ai pas pu faire ceci pour le moment : {what}. Si vous souhaitez qu'une "
        "personne de "
        "notre équipe s'en occupe, dites-le simplement.",
        "uncertain": "Je ne peux pas dire avec certitude si ceci a été fait ou non : {what}. Une personne "
        "de notre équipe va le vérifier et vous le dira.",
        "unverified": "Pour cela, je dois être sûr de votre identité : {what}. Connectez-vous sur notre "
        "site "
        "et écrivez-moi là-bas, ou dites que vous préférez parler à une personne.",
        "handoff_tool_failure": "Quelque chose n'a pas fonctionné de notre côté, et je ne veux pas vous "
        "laisser avec une demi-réponse. Je vous mets en relation avec une personne de notre équipe ; elle "
        "vous répondra ici même.",
        "handoff_elsewhere": "Une personne de notre équipe est mieux placée pour cela. Je vous mets en "
        "relation ; elle vous répondra ici même.",
        "handoff_sentiment": "Je suis désolé pour ces désagréments. Je vous mets en relation avec une "
        "personne de notre équipe ; elle vous répondra ici même.",
        "back": "Notre équipe est de retour {when}.",
        "usually": "En général, quelqu'un répond en moins de {when}.",
        "done": "C'est fait maintenant : {what}.",
        "refused": "Cela n'a pas été possible : {what}.",
        "decided_against": "Mes collègues l'ont examiné et ont décidé de ne pas le faire : {what}.",
        "followed_up": "Vous m'avez demandé de vous écrire de nouveau : {what}. Puis-je faire quelque chose "
        "pour vous ?",
    },
    "es": {
        "ask": "Para eso todavía necesito: {what}. ¿Me lo puede enviar?",
        "approval_asked": "Lo he pasado a una persona de nuestro equipo, que debe autorizarlo: {what}. Le "
        "escribiré aquí en cuanto se decida.",
        "not_done": "No he podido hacer esto ahora mismo: {what}. Si quiere que lo vea una persona de "
        "nuestro "
        "equipo, solo dígalo.",
        "uncertain": "No puedo decir con certeza si esto se ha hecho o no: {what}. Una persona de nuestro "
        "equipo lo comprobará y se lo dirá.",
        "unverified": "Para eso debo estar seguro de quién es usted: {what}. Inicie sesión en nuestra web y "
        "escríbame allí, o diga que prefiere hablar con una persona.",
        "handoff_tool_failure": "Algo ha fallado por nuestra parte y no quiero dejarle con media respuesta. "
        "Le paso con una persona de nuestro equipo; le responderá aquí mismo.",
        "handoff_elsewhere": "Para esto lo mejor es una persona de nuestro equipo. Le paso con ella; le "
        "responderá aquí mismo.",
        "handoff_sentiment": "Siento mucho las molestias. Le paso con una persona de nuestro equipo; le "
        "responderá aquí mismo.",
        "back": "Nuestro equipo vuelve {when}.",
        "usually": "Normalmente alguien responde en menos de {when}.",
        "done": "Esto ya está hecho: {what}.",
        "refused": "Esto no ha sido posible: {what}.",
        "decided_against": "Mis compañeros lo han mirado y han decidido no hacerlo: {what}.",
        "followed_up": "Me pidió que le escribiera de nuevo: {what}. ¿Puedo hacer algo por usted?",
    },
    "it": {
        "ask": "Per questo mi serve ancora: {what}. Può inviarmelo?",
        "approval_asked": "L'ho passato a una persona del nostro team, che deve autorizzarlo: {what}. Le "
        "scriverò qui appena sarà deciso.",
        "not_done": "In questo momento non ho potuto farlo: {what}. Se desidera che se ne occupi una "
        "persona "
        "del nostro team, lo dica pure.",
        "uncertain": "Non posso dire con certezza se questo sia stato fatto o no: {what}. Una persona del "
        "nostro team controllerà e Le farà sapere.",
        "unverified": "Per questo devo essere sicuro di chi è Lei: {what}. Acceda al nostro sito e mi "
        "scriva "
        "da lì, oppure dica che preferisce parlare con una persona.",
        "handoff_tool_failure": "Qualcosa da parte nostra non ha funzionato e non voglio lasciarla con "
        "mezza "
        "risposta. La passo a una persona del nostro team, che le risponderà qui.",
        "handoff_elsewhere": "Per questo è meglio una persona del nostro team. La passo a lei; le "
        "risponderà "
        "qui.",
        "handoff_sentiment": "Mi dispiace per il disagio. La passo a una persona del nostro team, che le "
        "risponderà qui.",
        "back": "Il nostro team torna {when}.",
        "usually": "Di solito qualcuno risponde entro {when}.",
        "done": "Ora è fatto: {what}.",
        "refused": "Non è stato possibile: {what}.",
        "decided_against": "I miei colleghi l'hanno esaminato e hanno deciso di non farlo: {what}.",
        "followed_up": "Mi ha chiesto di scriverLe di nuovo: {what}. Posso fare qualcosa per Lei?",
    },
    "nl": {
        "ask": "Daarvoor heb ik nog nodig: {what}. Kunt u mij dat sturen?",
        "approval_asked": "Ik heb dit doorgegeven aan een collega, die het moet goedkeuren: {what}. Zodra "
        "het besloten is, schrijf ik u hier.",
        "not_done": "Dit kon ik nu niet doen: {what}. Als iemand van ons team ernaar moet kijken, zeg het "
        "gerust.",
        "uncertain": "Ik kan niet met zekerheid zeggen of dit is gedaan of niet: {what}. Iemand van ons "
        "team kijkt het na en laat het u weten.",
        "unverified": "Daarvoor moet ik zeker weten wie u bent: {what}. Log in op onze website en "
        "schrijf me "
        "daar, of zeg dat u liever met een mens spreekt.",
        "handoff_tool_failure": "Er ging bij ons iets mis, en ik wil u niet met een half antwoord laten "
        "zitten. Ik verbind u door met iemand van ons team; u krijgt hier antwoord.",
        "handoff_elsewhere": "Hiervoor is iemand van ons team de juiste persoon. Ik verbind u door; u "
        "krijgt "
        "hier antwoord.",
        "handoff_sentiment": "Het spijt me van de moeite. Ik verbind u door met iemand van ons team; u "
        "krijgt hier antwoord.",
        "back": "Ons team is {when} terug.",
        "usually": "Meestal antwoordt iemand binnen {when}.",
        "done": "Dit is nu gedaan: {what}.",
        "refused": "Dit was niet mogelijk: {what}.",
        "decided_against": "Mijn collega's hebben ernaar gekeken en besloten het niet te doen: {what}.",
        "followed_up": "U vroeg me om u nog eens te schrijven: {what}. Kan ik iets voor u doen?",
    },
    "pt": {
        "ask": "Para isso ainda preciso de: {what}. Pode enviar-me?",
        "approval_asked": "Passei isto a uma pessoa da nossa equipa, que tem de o autorizar: {what}. "
        "Escrevo-lhe aqui assim que estiver decidido.",
        "not_done": "Não consegui fazer isto agora: {what}. Se quiser que uma pessoa da nossa equipa veja, "
        "é só dizer.",
        "uncertain": "Não consigo dizer com certeza se isto foi feito ou não: {what}. Uma pessoa da nossa "
        "equipa vai verificar e dizer-lhe.",
        "unverified": "Para isso preciso de ter a certeza de quem é: {what}. Inicie sessão no nosso site e "
        "escreva-me lá, ou diga que prefere falar com uma pessoa.",
        "handoff_tool_failure": "Algo correu mal do nosso lado e não quero deixá-lo com meia resposta. Vou "
        "passá-lo a uma pessoa da nossa equipa, que lhe responderá aqui.",
        "handoff_elsewhere": "Para isto, o melhor é uma pessoa da nossa equipa. Vou passá-lo a ela; "
        "responderá aqui.",
        "handoff_sentiment": "Lamento o incómodo. Vou passá-lo a uma pessoa da nossa equipa, que lhe "
        "responderá aqui.",
        "back": "A nossa equipa está de volta {when}.",
        "usually": "Normalmente alguém responde em menos de {when}.",
        "done": "Isto já está feito: {what}.",
        "refused": "Isto não foi possível: {what}.",
        "decided_against": "Os meus colegas analisaram e decidiram não o fazer: {what}.",
        "followed_up": "Pediu-me que lhe voltasse a escrever: {what}. Posso fazer alguma coisa por si?",
    },
    "pl": {
        "ask": "Potrzebuję do tego jeszcze: {what}. Czy można mi to przesłać?",
        "approval_asked": "Przekazuję to osobie z naszego zespołu, która musi wyrazić zgodę: {what}. "
        "Napiszę "
        "tutaj, gdy tylko zapadnie decyzja.",
        "not_done": "W tej chwili nie udało mi się tego zrobić: {what}. Jeśli ma się tym zająć osoba z "
        "naszego zespołu, wystarczy napisać.",
        "uncertain": "Nie mogę z całą pewnością powiedzieć, czy to zostało zrobione, czy nie: {what}. "
        "Ktoś z naszego zespołu to sprawdzi i da znać.",
        "unverified": "Do tego muszę mieć pewność, z kim rozmawiam: {what}. Proszę zalogować się na naszej "
        "stronie i napisać tam albo powiedzieć, że woli Pan/Pani porozmawiać z człowiekiem.",
        "handoff_tool_failure": "Coś poszło u nas nie tak, a nie chcę zostawić Państwa z połową odpowiedzi. "
        "Przekazuję rozmowę osobie z naszego zespołu; odpowie tutaj.",
        "handoff_elsewhere": "Tym najlepiej zajmie się osoba z naszego zespołu. Przekazuję rozmowę; "
        "odpowiedź "
        "przyjdzie tutaj.",
        "handoff_sentiment": "Przepraszam za kłopot. Przekazuję rozmowę osobie z naszego zespołu; odpowie "
        "tutaj.",
        "back": "Nasz zespół wraca {when}.",
        "usually": "Zwykle ktoś odpowiada w ciągu {when}.",
        "done": "To jest już zrobione: {what}.",
        "refused": "To nie było możliwe: {what}.",
        "decided_against": "Moi współpracownicy przyjrzeli się temu i zdecydowali inaczej: {what}.",
        "followed_up": "Zgodnie z prośbą piszę ponownie: {what}. Czy mogę w czymś pomóc?",
    },
    "sv": {
        "ask": "För det behöver jag fortfarande: {what}. Kan du skicka det till mig?",
        "approval_asked": "Jag har lämnat det här till en kollega som måste godkänna det: {what}. Jag "
        "skriver "
        "till dig här så snart det är bestämt.",
        "not_done": "Det här kunde jag inte göra just nu: {what}. Vill du att någon i vårt team tittar "
        "på det "
        "är det bara att säga till.",
        "uncertain": "Jag kan inte säkert säga om det här blev gjort eller inte: {what}. Någon i vårt "
        "team kontrollerar det och berättar för dig.",
        "unverified": "För det måste jag veta säkert vem du är: {what}. Logga in på vår webbplats och skriv "
        "till mig där, eller säg att du hellre pratar med en människa.",
        "handoff_tool_failure": "Något gick fel hos oss, och jag vill inte lämna dig med ett halvt svar. "
        "Jag "
        "skickar dig vidare till någon i vårt team; svaret kommer här.",
        "handoff_elsewhere": "Här är någon i vårt team rätt person. Jag skickar dig vidare; svaret "
        "kommer här.",
        "handoff_sentiment": "Jag är ledsen för besväret. Jag skickar dig vidare till någon i vårt team; "
        "svaret kommer här.",
        "back": "Vårt team är tillbaka {when}.",
        "usually": "Oftast svarar någon inom {when}.",
        "done": "Det här är nu gjort: {what}.",
        "refused": "Det här var inte möjligt: {what}.",
        "decided_against": "Mina kollegor har tittat på det och beslutat att inte göra det: {what}.",
        "followed_up": "Du bad mig höra av mig igen: {what}. Kan jag göra något för dig?",
    },
    "da": {
        "ask": "Til det mangler jeg stadig: {what}. Kan du sende mig det?",
        "approval_asked": "Jeg har givet det videre til en kollega, som skal godkende det: {what}. Jeg "
        "skriver til dig her, så snart det er afgjort.",
        "not_done": "Det kunne jeg ikke gøre lige nu: {what}. Hvis en fra vores team skal se på det, så sig "
        "bare til.",
        "uncertain": "Jeg kan ikke sige med sikkerhed, om dette blev gjort eller ej: {what}. En fra vores "
        "team undersøger det og giver dig besked.",
        "unverified": "Til det skal jeg være sikker på, hvem du er: {what}. Log ind på vores hjemmeside og "
        "skriv til mig der, eller sig, at du hellere vil tale med et menneske.",
        "handoff_tool_failure": "Noget gik galt hos os, og jeg vil ikke efterlade dig med et halvt svar. "
        "Jeg "
        "sender dig videre til en fra vores team; svaret kommer her.",
        "handoff_elsewhere": "Her er en fra vores team den rette. Jeg sender dig videre; svaret kommer her.",
        "handoff_sentiment": "Jeg beklager besværet. Jeg sender dig videre til en fra vores team; svaret "
        "kommer her.",
        "back": "Vores team er tilbage {when}.",
        "usually": "Som regel svarer nogen inden for {when}.",
        "done": "Det er nu gjort: {what}.",
        "refused": "Det var ikke muligt: {what}.",
        "decided_against": "Mine kolleger har set på det og besluttet ikke at gøre det: {what}.",
        "followed_up": "Du bad mig skrive til dig igen: {what}. Kan jeg gøre noget for dig?",
    },
    "tr": {
        "ask": "Bunun için şuna da ihtiyacım var: {what}. Bana gönderebilir misiniz?",
        "approval_asked": "Bunu onaylaması gereken bir ekip arkadaşımıza ilettim: {what}. Karar verilir "
        "verilmez size buradan yazacağım.",
        "not_done": "Bunu şu anda yapamadım: {what}. Ekibimizden bir kişinin bakmasını isterseniz "
        "söylemeniz "
        "yeterli.",
        "uncertain": "Bunun yapılıp yapılmadığını kesin olarak söyleyemiyorum: {what}. Ekibimizden bir "
        "kişi kontrol edip size haber verecek.",
        "unverified": "Bunun için kim olduğunuzdan emin olmalıyım: {what}. Lütfen web sitemizde oturum açıp "
        "bana oradan yazın ya da bir kişiyle konuşmak istediğinizi söyleyin.",
        "handoff_tool_failure": "Bizim tarafımızda bir şeyler ters gitti ve sizi yarım bir yanıtla bırakmak "
        "istemiyorum. Sizi ekibimizden bir kişiye aktarıyorum; size buradan yanıt verecek.",
        "handoff_elsewhere": "Bunun için en doğru kişi ekibimizden biri. Sizi aktarıyorum; size buradan "
        "yanıt "
        "verecek.",
        "handoff_sentiment": "Yaşadığınız sorun için üzgünüm. Sizi ekibimizden bir kişiye aktarıyorum; size "
        "buradan yanıt verecek.",
        "back": "Ekibimiz {when} geri dönecek.",
        "usually": "Genellikle {when} içinde biri yanıt verir.",
        "done": "Bu artık yapıldı: {what}.",
        "refused": "Bu mümkün olmadı: {what}.",
        "decided_against": "Ekip arkadaşlarım inceledi ve bunu yapmamaya karar verdi: {what}.",
        "followed_up": "Size yeniden yazmamı istemiştiniz: {what}. Sizin için yapabileceğim bir şey var mı?",
    },
    "ar": {
        "ask": "ما زلت أحتاج لذلك إلى: {what}. هل يمكنك إرساله إليّ؟",
        "approval_asked": "حوّلت هذا الطلب إلى زميل يجب أن يوافق عليه: {what}. سأكتب إليك هنا فور اتخاذ "
        "القرار.",
        "not_done": "لم أتمكن من القيام بذلك الآن: {what}. وإن أردت أن يطّلع عليه شخص من فريقنا فأخبرني بذلك.",
        "uncertain": "لا أستطيع أن أجزم هل تم ذلك أم لا: {what}. سيتحقق شخص من فريقنا من الأمر ويخبرك.",
        "unverified": "لا بد أن أتأكد من هويتك أولًا: {what}. يُرجى تسجيل الدخول في موقعنا والكتابة إليّ "
        "من هناك، "
        "أو أخبرني أنك تفضل التحدث إلى شخص.",
        "handoff_tool_failure": "حدث خطأ من جانبنا، ولا أريد أن أتركك مع نصف إجابة. سأحيلك الآن إلى شخص من "
        "فريقنا، وسيصلك الرد هنا.",
        "handoff_elsewhere": "الأنسب لهذا شخص من فريقنا. سأحيلك الآن إليه، وسيصلك الرد هنا.",
        "handoff_sentiment": "أعتذر عن هذا الإزعاج. سأحيلك الآن إلى شخص من فريقنا، وسيصلك الرد هنا.",
        "back": "يعود فريقنا {when}.",
        "usually": "عادةً يرد أحد أفراد فريقنا خلال {when}.",
        "done": "تم ذلك الآن: {what}.",
        "refused": "لم يكن هذا ممكنا: {what}.",
        "decided_against": "نظر زملائي في الأمر وقرروا عدم القيام به: {what}.",
        "followed_up": "طلبت مني أن أكتب إليك مجددًا: {what}. هل يمكنني مساعدتك في شيء؟",
    },
}


def deed_phrase(language: Language, which: DeedPhrase, *, what: str = "", when: str = "") -> str:
    """The sentence in `language`, with the names it needs."""
    return _PHRASES[language][which].replace("{what}", what).replace("{when}", when)


def in_every_language(which: DeedPhrase, *, what: str) -> frozenset[str]:
    """All the ways the bot says this."""
    return frozenset(deed_phrase(language, which, what=what) for language in LANGUAGES)
