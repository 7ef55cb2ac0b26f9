"""The words in which mail programs introduce, forward and sign, in many languages; all in lower case."""

from __future__ import annotations

# "… wrote:" — how the line before a quote ends, or names its writer in the middle.
WROTE = (
    "wrote", "writes", "schrieb", "geschrieben", "écrit", "ecrit", "écrivait", "scritto", "scrisse",
    "scrive", "escribió", "escribio", "escrit", "escrito", "escrigué", "escriure", "escribiu",
    "escreveu", "escreveram", "schreef", "geschreven", "skrev", "skrifaði", "napisał", "napisał(a)",
    "napisala", "napisała", "napisal", "pisze", "napsal", "napsal(a)", "napsala", "napísal",
    "napísal(a)", "napísala", "написал", "написал(а)", "написала", "пишет", "пише", "написав",
    "написав(-ла)", "написа", "írta", "kirjoitti", "yazdı", "yazmış", "έγραψε", "كتب", "كتبت", "כתב",
    "כתבה", "כתב/ה", "מאת", "viết", "menulis", "scris", "napisao", "napisao/la", "je napisal", "rašė",
    "parašė", "kirjutas", "rakstīja", "idatzi", "shkroi", "เขียน", "写道", "寫道", "写到", "書きました",
    "のメール", "작성", "님이 작성", "님이 씀", "ਨੇ ਲਿਖਿਆ", "ने लिखा", "নে লিখেছেন",
)  # fmt: skip

# How such a line begins; a date may stand there instead.
LEADS = (
    "on", "in a message dated", "am", "le", "el", "il", "op", "em", "den", "dnia", "w dniu", "dne",
    "dňa", "на", "em data", "a", "na", "pe", "pada", "vào", "lúc", "στις", "la", "în", "data",
    "il giorno", "från", "fra", "der", "at", "quoting", "zitat von", "citando", "citat", "cytowanie",
    "citando a", "цитирую", "kuupäeval", "dana", "v", "vo", "於", "于", "在", "בתאריך", "ב-", "في",
    "بتاريخ", "mensaje citado por",
)  # fmt: skip

# These need no moment beside the address (Horde).
QUOTING = ("quoting ", "zitat von ", "citando a ", "mensaje citado por ", "citát ", "cytowanie ")

WEEKDAYS_AND_MONTHS = (
    "mon", "tue", "wed", "thu", "fri", "sat", "sun", "jan", "feb", "mar", "apr", "may", "jun", "jul",
    "aug", "sep", "oct", "nov", "dec", "lun", "mer", "jeu", "ven", "sam", "dim", "mo", "di", "mi", "do",
    "fr", "sa", "so", "ma", "wo", "vr", "za", "zo", "mié", "jue", "vie", "sáb", "dom", "gio", "sab",
    "seg", "ter", "qua", "qui", "sex", "mån", "tis", "ons", "tor", "fre", "lör", "sön", "lør", "søn",
    "man", "tir", "pn", "pon", "wt", "śr", "czw", "pt", "sob", "ndz", "niedz", "пн", "вт", "ср", "чт",
    "пт", "сб", "вс", "нд", "po", "út", "st", "čt", "pá", "ne", "ti", "ke", "to", "pe", "la", "su",
    "pzt", "sal", "çar", "per", "cum", "cmt", "paz", "monday", "tuesday", "wednesday", "thursday",
    "friday", "saturday", "sunday", "montag", "dienstag", "mittwoch", "donnerstag", "freitag",
    "samstag", "sonntag", "lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche",
    "понедельник", "вторник", "среда", "четверг", "пятница", "суббота", "воскресенье", "среду",
    "пятницу", "субботу",
)  # fmt: skip

# The headers that are copied above a quoted message, by what they tell.
LABELS: dict[str, tuple[str, ...]] = {
    "from": (
        "from", "von", "de", "da", "van", "från", "fra", "od", "от", "отправитель", "від", "feladó",
        "lähettäjä", "kimden", "gönderen", "από", "من", "מאת", "từ", "dari", "de la", "发件人",
        "寄件者", "寄件人", "差出人", "보낸 사람", "보낸사람", "remitente", "expéditeur", "mittente",
        "remetente", "nadawca", "odesílatel", "odosielateľ", "expeditor", "saatja", "no", "nuo",
        "šalje", "pošiljatelj", "frá", "a partir de", "absender",
    ),
    "date": (
        "sent", "date", "gesendet", "datum", "envoyé", "envoyé le", "date d'envoi", "enviado",
        "enviado el", "enviado em", "fecha", "data", "inviato", "verzonden", "skickat", "sendt", "dato",
        "wysłano", "wysłane", "data wysłania", "odesláno", "odoslané", "отправлено", "дата",
        "надіслано", "elküldve", "dátum", "lähetetty", "päivämäärä", "päiväys", "gönderildi",
        "gönderilme tarihi", "tarih", "ημερομηνία", "στάλθηκε", "التاريخ", "تاريخ الإرسال", "תאריך",
        "נשלח", "ngày", "đã gửi", "tanggal", "terkirim", "trimis", "发送时间", "发送日期", "日期",
        "寄件日期", "傳送時間", "送信日時", "日付", "보낸 날짜", "날짜", "poslano", "saadetud", "send",
        "sent at", "sent on", "on", "am",
    ),
    "to": (
        "to", "an", "à", "a", "para", "aan", "till", "til", "do", "pro", "komu", "кому", "címzett",
        "vastaanottaja", "kime", "alıcı", "προς", "إلى", "אל", "đến", "tới", "kepada", "către",
        "收件人", "收件者", "宛先", "받는 사람", "받는사람", "pour", "destinatario", "destinataire",
        "per", "za", "prima", "kam", "kellele", "empfänger",
    ),
    "cc": (
        "cc", "kopie", "kopie (cc)", "copie", "copie à", "copia", "con copia", "kopia", "kopi", "dw",
        "копия", "копія", "másolat", "másolatot kap", "kopio", "bilgi", "κοιν.", "κοινοποίηση", "نسخة",
        "עותק", "抄送", "副本", "참조", "bcc", "cci", "cco", "ccn",
    ),
    "subject": (
        "subject", "betreff", "objet", "asunto", "oggetto", "onderwerp", "ämne", "emne", "temat",
        "předmět", "predmet", "assunto", "тема", "tárgy", "aihe", "konu", "θέμα", "الموضوع", "נושא",
        "chủ đề", "tiêu đề", "subjek", "subiect", "主题", "主旨", "主題", "件名", "제목", "teema",
        "tēma", "tema", "zadeva", "assumpte", "efni",
    ),
    "other": (
        "reply-to", "reply to", "antwort an", "antworten an", "répondre à", "risposta", "rispondi a",
        "responder a", "antwoord aan", "importance", "wichtigkeit", "importancia", "importanza",
        "priority", "attachments", "anlagen", "pièces jointes", "organization", "organisation",
        "newsgroups", "resent-from", "mailed-by", "signed-by", "sender", "message-id", "priorität",
    ),
}  # fmt: skip

# Between rows of dashes: a whole message follows.
ORIGINAL = (
    "original", "original message", "originalmessage", "forwarded message", "original mail", "original email",
    "original e-mail", "original appointment", "original meeting", "reply message", "replied message",
    "forwarded by", "ursprüngliche nachricht", "ursprungliche nachricht", "originalnachricht",
    "original-nachricht", "weitergeleitete nachricht", "weitergeleitet", "originalnachricht von",
    "message d'origine", "message d’origine", "message original", "message transféré",
    "message initial", "mensaje original", "mensaje reenviado", "messaggio originale",
    "messaggio inoltrato", "messaggio orig.", "oorspronkelijk bericht", "oorspronkelijke bericht",
    "doorgestuurd bericht", "origineel bericht", "mensagem original", "mensagem encaminhada",
    "mensagem reencaminhada", "ursprungligt meddelande", "originalmeddelande",
    "vidarebefordrat meddelande", "oprindelig meddelelse", "original meddelelse",
    "videresendt meddelelse", "opprinnelig melding", "videresendt melding", "alkuperäinen viesti",
    "välitetty viesti", "edelleenlähetetty viesti", "wiadomość oryginalna", "oryginalna wiadomość",
    "wiadomość przekazana", "przekazana wiadomość", "treść przekazanej wiadomości", "původní zpráva",
    "původní e-mail", "přeposlaná zpráva", "pôvodná správa", "eredeti üzenet", "továbbított üzenet",
    "исходное сообщение", "пересылаемое сообщение", "пересланное сообщение", "оригинальное сообщение",
    "переадресоване повідомлення", "оригінальне повідомлення", "orijinal mesaj", "özgün ileti",
    "i̇letilen mesaj", "iletilen mesaj", "αρχικό μήνυμα", "προωθημένο μήνυμα", "mesaj original",
    "mesajul original", "mesaj redirecționat", "izvorna poruka", "originalna poruka",
    "izvirno sporočilo", "algne kiri", "原始邮件", "原邮件", "回复的原邮件", "转发的邮件",
    "转发邮件信息", "原始郵件", "轉寄的郵件", "元のメッセージ", "転送メッセージ", "원본 메일",
    "원본 메시지", "전달된 메일", "전달된 메시지", "الرسالة الأصلية", "رسالة معاد توجيهها",
    "הודעה מקורית", "הודעה שהועברה", "thư gốc", "thư đã chuyển tiếp", "pesan asli", "pesan terusan",
)  # fmt: skip

# On a line of its own, without dashes (Apple Mail).
FORWARDED = (
    "begin forwarded message", "anfang der weitergeleiteten nachricht",
    "anfang der weitergeleiteten e-mail", "début du message réexpédié", "début du message transféré",
    "inicio del mensaje reenviado", "inizio messaggio inoltrato", "inizio del messaggio inoltrato",
    "begin doorgestuurd bericht", "início da mensagem reencaminhada", "início da mensagem encaminhada",
    "vidarebefordrat mejl", "vidarebefordrat brev", "start på videresendt besked",
    "videresendt melding", "początek przekazywanej wiadomości", "начало переадресованного сообщения",
    "начало пересланного сообщения", "přeposlaná zpráva", "továbbított levél kezdete",
    "välitetty viesti alkaa", "alkaa edelleenlähetetty viesti", "iletilen mesajın başı",
    "下面是被转发的邮件", "以下是轉寄的郵件", "転送されたメッセージ", "전달된 메시지의 시작",
)  # fmt: skip

# What phones and programs write below a message: how the line begins …
SENT_FROM = (
    "sent from", "sent via", "sent with", "sent using", "sent by", "send from", "get outlook for",
    "get bluemail for", "gesendet von", "gesendet mit", "gesendet über", "von meinem",
    "diese nachricht wurde von meinem", "diese nachricht wurde mit", "envoyé de", "envoyé depuis",
    "envoyé à partir", "envoyé avec", "envoye depuis", "obtenez outlook pour", "enviado desde",
    "enviado de", "enviado do", "enviado a partir", "enviado con", "enviado via",
    "obtener outlook para", "obter o outlook para", "inviato da", "inviato dal", "inviato con",
    "scarica outlook per", "ottieni outlook per", "verzonden vanaf", "verzonden met", "verstuurd vanaf",
    "verstuurd met", "outlook voor", "skickat från", "skickat med", "skaffa outlook för", "sendt fra",
    "sendt med", "hent outlook til", "last ned outlook for", "lähetetty", "hanki outlook", "wysłane z",
    "wysłano z", "pobierz outlook", "odesláno z", "odoslané z", "отправлено с", "отправлено из",
    "надіслано з", "trimis de pe", "trimis din", "στάλθηκε από", "elküldve", "küldve", "发自我的",
    "从我的", "發自我的", "nosūtīts no", "išsiųsta iš", "saadetud", "poslano s", "poslano iz",
    "poslato sa", "enviat des de", "dikirim dari", "được gửi từ", "نشأت من", "أرسلت من", "أُرسلت من",
    "נשלח מ", "via newton mail", "yahoo mail:",
)  # fmt: skip

# … or ends.
SENT_FROM_ENDS = (
    "gesendet", "から送信", "에서 보냄", "gönderildi", "kaldırıldı", "gesendet.", "из мобильной почты",
    "adresinden gönderildi",
)  # fmt: skip
