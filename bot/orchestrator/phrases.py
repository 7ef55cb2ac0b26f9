"""The sentences the bot says by heart, in the customer's language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from bot.orchestrator.language import Language

Phrase = Literal[
    "greeting",
    "thanks",
    "goodbye",
    "introduction",
    "unsure",
    "maybe",
    "otherwise",
    "sorry",
    "unreadable",
    "passage",
    "related",
    "handoff_customer_request",
    "handoff_missing_knowledge",
    "handoff_unreadable",
    "handoff_degraded",
]

# {name} is the bot's name, {company} the company's, {title} the passage's title in Markdown.
_PHRASES: Mapping[Language, Mapping[Phrase, str]] = {
    "en": {
        "greeting": "Hello! How can I help you?",
        "thanks": "You're welcome! Is there anything else I can help with?",
        "goodbye": "Goodbye, and take care!",
        "introduction": "I'm {name}, {company} automated assistant. I answer from the help pages, and I can "
        "bring in a person from our team whenever you like.",
        "unsure": "I couldn't find an answer to that in our help pages. Could you put it another way or tell "
        "me a little more? If you'd rather talk to a person, just say so.",
        "maybe": "I couldn't find a sure answer to that. It may be on one of these pages:",
        "otherwise": "If it isn't, put it another way, or just say that you'd rather talk to a person.",
        "sorry": "I'm sorry that didn't help. Could you put it another way or tell me a little more? If "
        "you'd rather talk to a person, just say so.",
        "unreadable": "I can't open pictures, voice messages or files myself. Could you write to me in "
        "words what it is about? If you'd rather have a person from our team look at it, just say so.",
        "passage": "From our help pages, {title}:",
        "related": "This may help as well, {title}:",
        "handoff_customer_request": "Of course. I'm passing you on to a person from our team; they'll reply "
        "to you right here.",
        "handoff_missing_knowledge": "I couldn't find an answer to that either, and I don't want to guess. "
        "I'm passing you on to a person from our team; they'll reply to you right here.",
        "handoff_unreadable": "I can't open that either. I'm passing you on to a person from our team; "
        "they'll reply to you right here.",
        "handoff_degraded": "I can't look this up right now, and I don't want to guess. I'm passing you "
        "on to "
        "a person from our team; they'll reply to you right here.",
    },
    "de": {
        "greeting": "Hallo! Wie kann ich Ihnen helfen?",
        "thanks": "Gern geschehen! Kann ich sonst noch etwas für Sie tun?",
        "goodbye": "Auf Wiedersehen und alles Gute!",
        "introduction": "Ich bin {name}, der automatische Assistent{company}. Ich antworte aus den "
        "Hilfeseiten und hole auf Wunsch jederzeit einen Menschen aus unserem Team dazu.",
        "unsure": "Dazu habe ich in unseren Hilfeseiten keine Antwort gefunden. Können Sie es anders "
        "formulieren oder etwas mehr dazu sagen? Wenn Sie lieber mit einem Menschen sprechen möchten, sagen "
        "Sie es einfach.",
        "maybe": "Dazu habe ich keine sichere Antwort gefunden. Vielleicht steht sie auf einer dieser "
        "Seiten:",
        "otherwise": "Wenn nicht, formulieren Sie es anders oder sagen Sie einfach, dass Sie lieber mit "
        "einem Menschen sprechen möchten.",
        "sorry": "Es tut mir leid, dass das nicht geholfen hat. Können Sie es anders formulieren oder etwas "
        "mehr dazu sagen? Wenn Sie lieber mit einem Menschen sprechen möchten, sagen Sie es einfach.",
        "unreadable": "Bilder, Sprachnachrichten und Dateien kann ich selbst nicht öffnen. Können Sie mir "
        "in Worten schreiben, worum es geht? Wenn lieber ein Mensch aus unserem Team einen Blick darauf "
        "werfen soll, sagen Sie es einfach.",
        "passage": "Aus unseren Hilfeseiten, {title}:",
        "related": "Vielleicht hilft auch das, {title}:",
        "handoff_customer_request": "Natürlich. Ich gebe Sie an einen Menschen aus unserem Team weiter; die "
        "Antwort kommt hier im Gespräch.",
        "handoff_missing_knowledge": "Auch dazu habe ich keine Antwort gefunden, und raten möchte ich nicht. "
        "Ich gebe Sie an einen Menschen aus unserem Team weiter; die Antwort kommt hier im Gespräch.",
        "handoff_unreadable": "Auch das kann ich nicht öffnen. Ich gebe Sie an einen Menschen aus unserem "
        "Team weiter; die Antwort kommt hier im Gespräch.",
        "handoff_degraded": "Ich kann das gerade nicht nachschlagen, und raten möchte ich nicht. Ich gebe "
        "Sie "
        "an einen Menschen aus unserem Team weiter; die Antwort kommt hier im Gespräch.",
    },
    "fr": {
        "greeting": "Bonjour ! Comment puis-je vous aider ?",
        "thanks": "Avec plaisir ! Puis-je vous aider pour autre chose ?",
        "goodbye": "Au revoir et à bientôt !",
        "introduction": "Je suis {name}, l'assistant automatique{company}. Je réponds à partir des pages "
        "d'aide et je peux à tout moment faire appel à une personne de notre équipe.",
        "unsure": "Je n'ai pas trouvé de réponse dans nos pages d'aide. Pouvez-vous le formuler autrement ou "
        "m'en dire un peu plus ? Si vous préférez parler à une personne, dites-le simplement.",
        "maybe": "Je n'ai pas trouvé de réponse sûre. Elle se trouve peut-être sur l'une de ces pages :",
        "otherwise": "Sinon, formulez-le autrement, ou dites simplement que vous préférez parler à une "
        "personne.",
        "sorry": "Je suis désolé que cela n'ait pas aidé. Pouvez-vous le formuler autrement ou m'en dire un "
        "peu plus ? Si vous préférez parler à une personne, dites-le simplement.",
        "unreadable": "Je ne peux pas ouvrir moi-même les images, les messages vocaux ni les fichiers. "
        "Pouvez-vous m'écrire avec des mots de quoi il s'agit ? Si vous préférez qu'une personne de notre "
        "équipe y jette un œil, dites-le simplement.",
        "passage": "Dans nos pages d'aide, {title} :",
        "related": "Ceci peut aussi vous aider, {title} :",
        "handoff_customer_request": "Bien sûr. Je vous mets en relation avec une personne de notre équipe ; "
        "elle vous répondra ici même.",
        "handoff_missing_knowledge": "Je n'ai pas trouvé de réponse à cela non plus, et je ne veux pas "
        "deviner. Je vous mets en relation avec une personne de notre équipe ; elle vous répondra ici même.",
        "handoff_unreadable": "Je ne peux pas l'ouvrir non plus. Je vous mets en relation avec une personne "
        "de notre équipe ; elle vous répondra ici même.",
        "handoff_degraded": "Je ne peux pas le vérifier pour le moment, et je ne veux pas deviner. Je vous "
        "mets en relation avec une personne de notre équipe ; elle vous répondra ici même.",
    },
    "es": {
        "greeting": "¡Hola! ¿En qué puedo ayudarle?",
        "thanks": "¡De nada! ¿Puedo ayudarle en algo más?",
        "goodbye": "¡Adiós y que le vaya bien!",
        "introduction": "Soy {name}, el asistente automático{company}. Respondo con las páginas de ayuda y "
        "puedo avisar a una persona de nuestro equipo cuando quiera.",
        "unsure": "No he encontrado respuesta a eso en nuestras páginas de ayuda. ¿Puede decirlo de otra "
        "manera o contarme un poco más? Si prefiere hablar con una persona, solo dígalo.",
        "maybe": "No he encontrado una respuesta segura. Quizá esté en una de estas páginas:",
        "otherwise": "Si no es así, dígalo de otra manera, o diga simplemente que prefiere hablar con una "
        "persona.",
        "sorry": "Siento que eso no le haya ayudado. ¿Puede decirlo de otra manera o contarme un poco más? "
        "Si prefiere hablar con una persona, solo dígalo.",
        "unreadable": "No puedo abrir imágenes, mensajes de voz ni archivos. ¿Puede escribirme con palabras "
        "de qué se trata? Si prefiere que lo vea una persona de nuestro equipo, solo dígalo.",
        "passage": "En nuestras páginas de ayuda, {title}:",
        "related": "Esto también puede ayudarle, {title}:",
        "handoff_customer_request": "Por supuesto. Le paso con una persona de nuestro equipo; le responderá "
        "aquí mismo.",
        "handoff_missing_knowledge": "Tampoco he encontrado respuesta a eso y no quiero adivinar. Le paso "
        "con "
        "una persona de nuestro equipo; le responderá aquí mismo.",
        "handoff_unreadable": "Eso tampoco puedo abrirlo. Le paso con una persona de nuestro equipo; le "
        "responderá aquí mismo.",
        "handoff_degraded": "Ahora mismo no puedo consultarlo y no quiero adivinar. Le paso con una persona "
        "de nuestro equipo; le responderá aquí mismo.",
    },
    "it": {
        "greeting": "Ciao! Come posso aiutarla?",
        "thanks": "Prego! Posso aiutarla in altro?",
        "goodbye": "Arrivederci e a presto!",
        "introduction": "Sono {name}, l'assistente automatico{company}. Rispondo in base alle pagine di "
        "aiuto "
        "e posso chiamare una persona del nostro team in qualsiasi momento.",
        "unsure": "Non ho trovato una risposta nelle nostre pagine di aiuto. Può dirlo in un altro modo o "
        "aggiungere qualche dettaglio? Se preferisce parlare con una persona, basta dirlo.",
        "maybe": "Non ho trovato una risposta sicura. Forse si trova in una di queste pagine:",
        "otherwise": "Altrimenti lo dica in un altro modo, oppure dica semplicemente che preferisce parlare "
        "con una persona.",
        "sorry": "Mi dispiace che non sia stato d'aiuto. Può dirlo in un altro modo o spiegarmi un po' di "
        "più? Se preferisce parlare con una persona, basta dirlo.",
        "unreadable": "Non posso aprire immagini, messaggi vocali o file. Può scrivermi a parole di che "
        "cosa si tratta? Se preferisce che li guardi una persona del nostro team, basta dirlo.",
        "passage": "Dalle nostre pagine di aiuto, {title}:",
        "related": "Anche questo può essere utile, {title}:",
        "handoff_customer_request": "Certamente. La metto in contatto con una persona del nostro team, "
        "che le "
        "risponderà qui.",
        "handoff_missing_knowledge": "Non ho trovato una risposta nemmeno a questo e non voglio tirare a "
        "indovinare. La metto in contatto con una persona del nostro team, che le risponderà qui.",
        "handoff_unreadable": "Non posso aprire nemmeno questo. La metto in contatto con una persona del "
        "nostro team, che le risponderà qui.",
        "handoff_degraded": "In questo momento non posso verificarlo e non voglio tirare a indovinare. La "
        "metto in contatto con una persona del nostro team, che le risponderà qui.",
    },
    "nl": {
        "greeting": "Hallo! Waarmee kan ik u helpen?",
        "thanks": "Graag gedaan! Kan ik nog iets anders voor u doen?",
        "goodbye": "Tot ziens en het beste!",
        "introduction": "Ik ben {name}, de automatische assistent{company}. Ik antwoord op basis van de "
        "hulppagina's en haal er graag een medewerker van ons team bij.",
        "unsure": "Daar heb ik in onze hulppagina's geen antwoord op gevonden. Kunt u het anders zeggen of "
        "er wat meer over vertellen? Spreekt u liever een medewerker, zeg het dan gerust.",
        "maybe": "Ik heb daar geen zeker antwoord op gevonden. Misschien staat het op een van deze pagina's:",
        "otherwise": "Zo niet, zeg het dan op een andere manier, of zeg gewoon dat u liever met een mens "
        "praat.",
        "sorry": "Het spijt me dat dat niet hielp. Kunt u het anders zeggen of er iets meer over vertellen? "
        "Als u liever met een mens praat, zeg het dan gewoon.",
        "unreadable": "Afbeeldingen, spraakberichten en bestanden kan ik zelf niet openen. Kunt u mij in "
        "woorden schrijven waar het om gaat? Kijkt er liever een medewerker van ons team naar, zeg het dan "
        "gerust.",
        "passage": "Uit onze hulppagina's, {title}:",
        "related": "Misschien helpt dit ook, {title}:",
        "handoff_customer_request": "Natuurlijk. Ik breng u in contact met een medewerker van ons team; u "
        "krijgt hier antwoord.",
        "handoff_missing_knowledge": "Ook daar heb ik geen antwoord op gevonden, en ik wil niet gokken. Ik "
        "breng u in contact met een medewerker van ons team; u krijgt hier antwoord.",
        "handoff_unreadable": "Ook dat kan ik niet openen. Ik breng u in contact met een medewerker van ons "
        "team; u krijgt hier antwoord.",
        "handoff_degraded": "Ik kan dit nu niet opzoeken, en ik wil niet gokken. Ik breng u in contact met "
        "een medewerker van ons team; u krijgt hier antwoord.",
    },
    "pt": {
        "greeting": "Olá! Como posso ajudar?",
        "thanks": "De nada! Posso ajudar em mais alguma coisa?",
        "goodbye": "Até logo e tudo de bom!",
        "introduction": "Sou {name}, o assistente automático{company}. Respondo com base nas páginas de "
        "ajuda "
        "e posso chamar uma pessoa da nossa equipe quando quiser.",
        "unsure": "Não encontrei resposta para isso nas nossas páginas de ajuda. Pode dizer de outra "
        "forma ou "
        "contar um pouco mais? Se preferir falar com uma pessoa, é só dizer.",
        "maybe": "Não encontrei uma resposta segura para isso. Talvez esteja numa destas páginas:",
        "otherwise": "Se não estiver, diga de outra forma, ou diga simplesmente que prefere falar com uma "
        "pessoa.",
        "sorry": "Lamento que isso não tenha ajudado. Pode dizê-lo de outra forma ou contar um pouco mais? "
        "Se preferir falar com uma pessoa, basta dizer.",
        "unreadable": "Não consigo abrir imagens, mensagens de voz nem arquivos. Pode escrever em palavras "
        "do que se trata? Se preferir que uma pessoa da nossa equipe veja, é só dizer.",
        "passage": "Das nossas páginas de ajuda, {title}:",
        "related": "Isto também pode ajudar, {title}:",
        "handoff_customer_request": "Claro. Vou passar a conversa para uma pessoa da nossa equipe; a "
        "resposta "
        "chegará aqui mesmo.",
        "handoff_missing_knowledge": "Também não encontrei resposta para isso e não quero adivinhar. Vou "
        "passar a conversa para uma pessoa da nossa equipe; a resposta chegará aqui mesmo.",
        "handoff_unreadable": "Isso eu também não consigo abrir. Vou passar a conversa para uma pessoa da "
        "nossa equipe; a resposta chegará aqui mesmo.",
        "handoff_degraded": "Não consigo consultar isso agora e não quero adivinhar. Vou passar a conversa "
        "para uma pessoa da nossa equipe; a resposta chegará aqui mesmo.",
    },
    "pl": {
        "greeting": "Dzień dobry! W czym mogę pomóc?",
        "thanks": "Nie ma za co! Czy mogę pomóc w czymś jeszcze?",
        "goodbye": "Do widzenia i wszystkiego dobrego!",
        "introduction": "Nazywam się {name} i jestem automatycznym asystentem{company}. Odpowiadam na "
        "podstawie stron pomocy i w każdej chwili mogę poprosić o pomoc osobę z naszego zespołu.",
        "unsure": "Nie mam na to odpowiedzi na naszych stronach pomocy. Czy można zapytać inaczej albo "
        "napisać trochę więcej? Jeśli woli Pan/Pani rozmowę z człowiekiem, wystarczy to napisać.",
        "maybe": "Nie mam na to pewnej odpowiedzi. Może jest na jednej z tych stron:",
        "otherwise": "Jeśli nie, proszę ująć to inaczej albo po prostu napisać, że woli Pan/Pani porozmawiać "
        "z człowiekiem.",
        "sorry": "Przykro mi, że to nie pomogło. Czy można ująć to inaczej lub napisać trochę więcej? Jeśli "
        "woli Pan/Pani porozmawiać z człowiekiem, wystarczy to napisać.",
        "unreadable": "Nie potrafię otwierać zdjęć, wiadomości głosowych ani plików. Czy można napisać "
        "słowami, o co chodzi? Jeśli ma to obejrzeć osoba z naszego zespołu, wystarczy to napisać.",
        "passage": "Z naszych stron pomocy, {title}:",
        "related": "To też może pomóc, {title}:",
        "handoff_customer_request": "Oczywiście. Przekazuję rozmowę osobie z naszego zespołu; odpowiedź "
        "pojawi się tutaj.",
        "handoff_missing_knowledge": "Na to również nie mam odpowiedzi, a nie chcę zgadywać. Przekazuję "
        "rozmowę osobie z naszego zespołu; odpowiedź pojawi się tutaj.",
        "handoff_unreadable": "Tego również nie potrafię otworzyć. Przekazuję rozmowę osobie z naszego "
        "zespołu; odpowiedź pojawi się tutaj.",
        "handoff_degraded": "Nie mogę teraz tego sprawdzić, a nie chcę zgadywać. Przekazuję rozmowę osobie z "
        "naszego zespołu; odpowiedź pojawi się tutaj.",
    },
    "sv": {
        "greeting": "Hej! Vad kan jag hjälpa dig med?",
        "thanks": "Varsågod! Kan jag hjälpa till med något mer?",
        "goodbye": "Hej då och ha det bra!",
        "introduction": "Jag är {name}, den automatiska assistenten{company}. Jag svarar utifrån "
        "hjälpsidorna och kan när som helst koppla in en person från vårt team.",
        "unsure": "Jag hittade inget svar på det i våra hjälpsidor. Kan du säga det på ett annat sätt eller "
        "berätta lite mer? Vill du hellre prata med en person är det bara att säga till.",
        "maybe": "Jag hittade inget säkert svar på det. Det kanske står på någon av de här sidorna:",
        "otherwise": "Om inte, säg det på ett annat sätt, eller säg bara att du hellre vill prata med en "
        "människa.",
        "sorry": "Jag är ledsen att det inte hjälpte. Kan du säga det på ett annat sätt eller berätta lite "
        "mer? Om du hellre vill prata med en människa är det bara att säga till.",
        "unreadable": "Jag kan inte öppna bilder, röstmeddelanden eller filer själv. Kan du skriva med ord "
        "vad det gäller? Vill du hellre att en person i vårt team tittar på det är det bara att säga till.",
        "passage": "Från våra hjälpsidor, {title}:",
        "related": "Det här kan också hjälpa, {title}:",
        "handoff_customer_request": "Självklart. Jag kopplar dig till en person i vårt team; du får svar "
        "här.",
        "handoff_missing_knowledge": "Jag hittade inget svar på det heller, och jag vill inte gissa. Jag "
        "kopplar dig till en person i vårt team; du får svar här.",
        "handoff_unreadable": "Det kan jag inte heller öppna. Jag kopplar dig till en person i vårt team; "
        "du får svar här.",
        "handoff_degraded": "Jag kan inte slå upp det just nu, och jag vill inte gissa. Jag kopplar dig till "
        "en person i vårt team; du får svar här.",
    },
    "da": {
        "greeting": "Hej! Hvad kan jeg hjælpe dig med?",
        "thanks": "Selv tak! Er der andet, jeg kan hjælpe med?",
        "goodbye": "Farvel, og hav det godt!",
        "introduction": "Jeg er {name}, den automatiske assistent{company}. Jeg svarer ud fra hjælpesiderne "
        "og kan altid hente en person fra vores team.",
        "unsure": "Det fandt jeg ikke noget svar på i vores hjælpesider. Kan du sige det på en anden måde "
        "eller fortælle lidt mere? Vil du hellere tale med en person, så sig bare til.",
        "maybe": "Jeg fandt ikke noget sikkert svar på det. Måske står det på en af disse sider:",
        "otherwise": "Hvis ikke, så sig det på en anden måde, eller sig bare, at du hellere vil tale med et "
        "menneske.",
        "sorry": "Jeg er ked af, at det ikke hjalp. Kan du sige det på en anden måde eller fortælle lidt "
        "mere? Hvis du hellere vil tale med et menneske, så sig bare til.",
        "unreadable": "Jeg kan ikke selv åbne billeder, talebeskeder eller filer. Kan du skrive med ord, "
        "hvad det drejer sig om? Vil du hellere have en person fra vores team til at se på det, så sig "
        "bare til.",
        "passage": "Fra vores hjælpesider, {title}:",
        "related": "Det her kan måske også hjælpe, {title}:",
        "handoff_customer_request": "Selvfølgelig. Jeg giver dig videre til en person fra vores team; du får "
        "svar her.",
        "handoff_missing_knowledge": "Det fandt jeg heller ikke noget svar på, og jeg vil ikke gætte. Jeg "
        "giver dig videre til en person fra vores team; du får svar her.",
        "handoff_unreadable": "Det kan jeg heller ikke åbne. Jeg giver dig videre til en person fra vores "
        "team; du får svar her.",
        "handoff_degraded": "Jeg kan ikke slå det op lige nu, og jeg vil ikke gætte. Jeg giver dig videre "
        "til "
        "en person fra vores team; du får svar her.",
    },
    "tr": {
        "greeting": "Merhaba! Size nasıl yardımcı olabilirim?",
        "thanks": "Rica ederim! Yardımcı olabileceğim başka bir şey var mı?",
        "goodbye": "Hoşça kalın, kendinize iyi bakın!",
        "introduction": "Ben {name}, {company} otomatik asistanıyım. Yardım sayfalarına göre yanıt veririm "
        "ve dilediğiniz zaman ekibimizden bir kişiye haber verebilirim.",
        "unsure": "Yardım sayfalarımızda bunun yanıtını bulamadım. Başka bir şekilde sorabilir ya da biraz "
        "daha bilgi verebilir misiniz? Bir kişiyle görüşmek isterseniz söylemeniz yeterli.",
        "maybe": "Buna kesin bir yanıt bulamadım. Şu sayfalardan birinde olabilir:",
        "otherwise": "Yoksa başka bir şekilde yazın ya da bir insanla görüşmek istediğinizi söyleyin.",
        "sorry": "Yardımcı olamadığım için üzgünüm. Başka bir şekilde yazabilir veya biraz daha bilgi "
        "verebilir misiniz? Bir insanla görüşmeyi tercih ederseniz söylemeniz yeterli.",
        "unreadable": "Resimleri, sesli mesajları ve dosyaları kendim açamıyorum. Konunun ne olduğunu bana "
        "yazıyla anlatabilir misiniz? Ekibimizden bir kişinin bakmasını isterseniz söylemeniz yeterli.",
        "passage": "Yardım sayfalarımızdan, {title}:",
        "related": "Bu da yardımcı olabilir, {title}:",
        "handoff_customer_request": "Elbette. Sizi ekibimizden bir kişiye aktarıyorum; yanıtı burada "
        "alacaksınız.",
        "handoff_missing_knowledge": "Bunun da yanıtını bulamadım ve tahmin yürütmek istemiyorum. Sizi "
        "ekibimizden bir kişiye aktarıyorum; yanıtı burada alacaksınız.",
        "handoff_unreadable": "Bunu da açamıyorum. Sizi ekibimizden bir kişiye aktarıyorum; yanıtı burada "
        "alacaksınız.",
        "handoff_degraded": "Şu anda buna bakamıyorum ve tahmin yürütmek istemiyorum. Sizi ekibimizden bir "
        "kişiye aktarıyorum; yanıtı burada alacaksınız.",
    },
    "ar": {
        "greeting": "مرحبًا! كيف يمكنني مساعدتك؟",
        "thanks": "على الرحب والسعة! هل هناك شيء آخر أساعدك فيه؟",
        "goodbye": "مع السلامة، أتمنى لك كل خير!",
        "introduction": "أنا {name}، المساعد الآلي{company}. أجيب من صفحات المساعدة، ويمكنني إحالتك إلى شخص "
        "من فريقنا متى شئت.",
        "unsure": "لم أجد إجابة عن ذلك في صفحات المساعدة. هل يمكنك صياغة السؤال بطريقة أخرى أو إضافة بعض "
        "التفاصيل؟ وإن كنت تفضل التحدث مع شخص من فريقنا فأخبرني بذلك.",
        "maybe": "لم أجد إجابة مؤكدة عن ذلك. ربما تجدها في إحدى هذه الصفحات:",
        "otherwise": "إن لم تجدها فاكتب سؤالك بطريقة أخرى، أو قل إنك تفضل التحدث إلى شخص.",
        "sorry": "آسف لأن ذلك لم يساعد. هل يمكنك صياغة سؤالك بطريقة أخرى أو توضيحه أكثر؟ إذا كنت تفضل التحدث "
        "إلى شخص فقل ذلك.",
        "unreadable": "لا يمكنني فتح الصور أو الرسائل الصوتية أو الملفات بنفسي. هل يمكنك أن تكتب لي "
        "بالكلمات عمّا يدور الأمر؟ وإن كنت تفضل أن يطّلع عليها شخص من فريقنا فأخبرني بذلك.",
        "passage": "من صفحات المساعدة، {title}:",
        "related": "قد يفيدك هذا أيضًا، {title}:",
        "handoff_customer_request": "بالتأكيد. سأحيلك الآن إلى شخص من فريقنا، وسيصلك الرد هنا.",
        "handoff_missing_knowledge": "لم أجد إجابة عن هذا أيضًا، ولا أريد أن أخمّن. سأحيلك الآن إلى شخص من "
        "فريقنا، وسيصلك الرد هنا.",
        "handoff_unreadable": "لا يمكنني فتح هذا أيضًا. سأحيلك الآن إلى شخص من فريقنا، وسيصلك الرد هنا.",
        "handoff_degraded": "لا يمكنني البحث عن ذلك الآن، ولا أريد أن أخمّن. سأحيلك الآن إلى شخص من فريقنا، "
        "وسيصلك الرد هنا.",
    },
}

_OF_COMPANY: Mapping[Language, tuple[str, str]] = {
    # with a company's name, without one
    "en": ("{}'s", "an"),
    "de": (" von {}", ""),
    "fr": (" de {}", ""),
    "es": (" de {}", ""),
    "it": (" di {}", ""),
    "nl": (" van {}", ""),
    "pt": (" da {}", ""),
    "pl": (" firmy {}", ""),
    "sv": (" hos {}", ""),
    "da": (" hos {}", ""),
    "tr": ("{} şirketinin", "bu sitenin"),
    "ar": (" لدى {}", ""),
}


def phrase_in(
    language: Language, which: Phrase, *, name: str = "", company: str = "", title: str = ""
) -> str:
    """The sentence in `language`, with the names it needs."""
    owned, unowned = _OF_COMPANY[language]
    whose = owned.format(company) if company else unowned
    return _PHRASES[language][which].format(name=name, company=whose, title=title)


_UNSURE = frozenset(phrases[which] for phrases in _PHRASES.values() for which in ("unsure", "sorry"))
_MAYBE = tuple(phrases["maybe"] for phrases in _PHRASES.values())
_UNREADABLE = frozenset(phrases["unreadable"] for phrases in _PHRASES.values())


def admits_not_knowing(text: str) -> bool:
    """Whether these were the bot's words for not having found an answer."""
    return text.strip() in _UNSURE or text.startswith(_MAYBE)


def admits_not_reading(text: str) -> bool:
    """Whether these were the bot's words for not being able to open what it was sent."""
    return text.strip() in _UNREADABLE
