"""Mail that says another mail did not arrive: reports by RFC 3464, and what mail systems write instead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from channels.email import headers
from channels.email.mail import Mail

READ = 20_000  # characters of the text that are read

_DAEMONS = re.compile(
    r"mailer.?daemon|mail.?daemon|post.?master|mail delivery|mail administrator|delivery (?:sub)?system|"
    r"double-bounce|mail system|mailsystem|mailadmin|smtp.?daemon|deamon|daemon@|microsoft exchange|"
    r"^\"?bounce|mmdf|internet mail delivery|courier mail|mail.?error|bounce.{0,20}@",
    re.IGNORECASE,
)
_SUBJECTS = re.compile(
    r"undeliver|undelivered|failure notice|returned mail|mail.{0,3}delivery (?:fail|status|error|problem)|"
    r"deliver\w* (?:status|failure|fail|error|problem|notification|report|has failed|delay|subsystem)|"
    r"delivery unsuccessful|(?:mail|message|email).{0,12}(?:could|can)\s?not be delivered|non.?deliver|"
    r"(?:mail|message|email) (?:\w+ )?(?:failed|error|rejected|returned|undelivered|delayed|not delivered)|"
    r"returned to sender|return(?:ing)? (?:message|mail|to sender)|mail system error|mail error|"
    r"user unknown|unknown (?:user|recipient)|nondeliverable|unable to deliver|failed (?:mail|delivery|to)|"
    r"could not (?:send|deliver)|not delivered|warning: (?:could not|message)|postmaster notify|rejected|"
    r"unzustellbar|nicht zustellbar|zustell\w* fehlg|zustellfehler|fehlgeschlagen|nicht zugestellt|"
    r"non remis|impossible de remettre|échec de (?:la )?(?:remise|distribution)|non distribuable|"
    r"no se puede entregar|no entregado|devuelto|fallo en la entrega|error de entrega|"
    r"mancata consegna|non recapitabile|não (?:foi )?entregue|não é possível entregar|falha na entrega|"
    r"onbestelbaar|niet bezorgd|kan inte levereras|olevererbar|kunne ikke leveres|toimitus epäonnistui|"
    r"nie można dostarczyć|niedostarcz|nedoručiteln|kézbesíthetetlen|недоставлен|не доставлен|"
    r"配信不能|配信エラー|送信エラー|エラーメール|退信|无法投递|無法傳遞|投递失败|系统退信|"
    r"배달 실패|전달 실패",
    re.IGNORECASE,
)
_SURE_SUBJECTS = re.compile(r"メールエラー通知|エラーメール|mail error notification", re.IGNORECASE)
_LISTS = re.compile(r"[\w.+-]{1,64}-(?:admin|request|owner|bounces)@|listserv@|majordomo@", re.IGNORECASE)
_LIST_REFUSALS = re.compile(
    r"not (?:a )?member|loop alert|duplicated message-id|subscribers? only", re.IGNORECASE
)
_NOTICE = re.compile(r"notificationType\\{0,3}\"\s{0,3}:\s{0,3}\\{0,3}\"(Bounce|Complaint)")  # Amazon SES
_BODIES = re.compile(
    r"(?:could|can|was|were|been|be|is|has|have|had)\s?(?:not|n't|n’t)(?: be| been| yet been)? (?:\w+ )?"
    r"deliver|"
    r"unable to (?:\w+ )?deliver|wasn't able to deliver|delivery (?:\w+ ){0,6}(?:fail|error|problem|"
    r"temporarily|has been delayed|to the following)|fail(?:ed|ure)(?: to)? deliver|undeliver|"
    r"not delivered|non.?deliver|"
    r"(?:user|recipient|mailbox|address|host|domain|account) (?:\w+ ){0,3}(?:unknown|not found|unavailable|"
    r"disabled|rejected|does not exist|doesn't exist|is full)|unknown (?:user|recipient|address|host|domain)|"
    r"no such (?:user|address|recipient|mailbox|domain)|permanent (?:fatal )?error|fatal errors?|"
    r"returned (?:mail|message|to sender|below|as)|message (?:was )?(?:not|could not|cannot) (?:be )?"
    r"(?:sent|delivered|accepted)|rejected|mailbox (?:\w+ ){0,2}(?:full|exceeded)|over quota|quota exceed|"
    r"following address|following recipient|transcript of session|automatically rejected|bounced?|"
    r"could not be (?:sent|reached|found)|did not reach|not reach the following|relaying denied|"
    r"\b5\d\d[ -][45]\.\d\.\d{1,3}|\b(?:550|551|552|553|554|450|451|452)[ -]\w|"
    r"zugestellt werden|nicht zugestellt|pas pu être|n'a pas pu|no se (?:ha )?pud|non (?:è stato|può)|"
    r"配信でき|送信でき|届きません|見つかりません|以下のメール|あて先|宛先|不存在|退回|无法",
    re.IGNORECASE,
)
_DELAYED = re.compile(
    r"delayed|still (?:being )?tr(?:ying|ied)|will (?:\w+ )?(?:re)?tr(?:y|ied)|not yet been delivered|"
    r"warning message|no action is required|do not need to resend|temporar(?:y|ily) (?:fail|unable|problem)",
    re.IGNORECASE,
)
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
_SMTP = re.compile(r"(?<![\d.:/-])([45]\d\d)(?=[ -][\w<'\"#(])")
_FIELD = re.compile(r"^[ \t>|]{0,8}([A-Za-z][A-Za-z-]{1,40})[ \t]{0,4}:[ \t]{0,8}(.{0,1000})$", re.MULTILINE)
_MAILBOX = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w.-]{1,200}\w")
_COPY = re.compile(
    r"^[ \t>|]{0,8}(?:received|return-path|message-id|mime-version|x-mailer|dkim-signature) ?:|"
    r"below this line|copy of (?:the|your) message|original message|message header|returned message",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, kw_only=True)
class Bounce:
    """A mail of ours, or one somebody sent in our name, did not arrive.

    `original_message_id` is that of the mail that failed, without angle brackets, or empty when the report
    doesn't tell; `status` is an enhanced code of RFC 3463 such as 5.1.1, or empty. When not `permanent` the
    mail system still tries. `words` say why, as the mail system put it. `by_hand`: only the report within is
    surely a machine's; around it somebody may ask what became of their mail.
    """

    recipients: tuple[str, ...]
    original_message_id: str
    status: str
    permanent: bool
    words: str
    by_hand: bool = False

    @property
    def told(self) -> str:
        """Why, with the status unless the words name it."""
        return self.words if self.status in self.words else f"{self.status} {self.words}".strip()


def bounce(mail: Mail) -> Bounce | None:
    """What a mail tells about a failed delivery; None when it is no such report."""
    reports = [each for each in mail.reports if each.media_type.endswith("delivery-status")]
    text = mail.text[:READ]
    by_machine = _is_one(mail, text)
    if not reports and not by_machine and not _holds_one(mail, text):
        return None
    fields = [field for each in reports for field in _fields(each.text)]
    actions = {value.split()[0].lower() for name, value in fields if name == "action" and value}
    if actions and not actions & {"failed", "delayed"}:
        return None  # it arrived: a receipt, automatic all the same
    status = _status(fields, text)
    delayed = "failed" not in actions and (
        "delayed" in actions or (not fields and bool(_DELAYED.search(text)))
    )
    return Bounce(
        recipients=_recipients(mail, fields, text),
        original_message_id=original_message_id(mail),
        status=status,
        permanent=not delayed and not status.startswith("4"),
        words=_words(fields, text),
        by_hand=not by_machine,
    )


def ses_notice(mail: Mail) -> str:
    """What Amazon SES says in JSON, through its SNS: "Bounce", "Complaint", or nothing."""
    if mail.sender is None or not mail.sender.domain.endswith("amazonaws.com"):
        return ""
    found = _NOTICE.search(mail.text[:READ])
    return found[1] if found else ""


def original_message_id(mail: Mail) -> str:
    """The id of the mail that a report is about, wherever it says so."""
    for source in (*(each.text for each in mail.reports), mail.text[:READ], mail.html[:READ]):
        for name, value in _fields(source):
            if name in {"message-id", "original-message-id"} and (found := headers.ids(value)):
                return found[0]
    return mail.in_reply_to or (mail.references[-1] if mail.references else "")


def _fields(text: str) -> Iterator[tuple[str, str]]:
    """The "Name: value" lines of a text; a value goes on in lines that are set in."""
    text = re.sub(r"\n[ \t]+(?=\S)", " ", text[:100_000]) if "\n" in text else text
    for found in _FIELD.finditer(text):
        yield found[1].lower(), found[2].strip()


def _is_one(mail: Mail, text: str) -> bool:
    """Whether a machine wrote this about a mail: customers too write of deliveries that failed."""
    sender, kind = mail.first("from")[:500], mail.first("content-type").lower()
    if (
        mail.first("x-failed-recipients")
        or ("multipart/report" in kind and "delivery-status" in kind)
        or _SURE_SUBJECTS.search(mail.subject)
        or ses_notice(mail) == "Bounce"
        or (_LISTS.search(sender) and _LIST_REFUSALS.search(mail.subject))
    ):
        return True
    return_path = mail.first("return-path").strip()
    null = return_path in {"<>", '""', '<"">'} or "mailer-daemon" in return_path.lower()
    subject, body, copy = _signs(mail, text)
    if _DAEMONS.search(sender):
        return subject or body or (null and copy)
    if null or mail.first("auto-submitted").lower().startswith("auto-"):
        return (body and copy) or (subject and (body or copy))
    return False


def _holds_one(mail: Mail, text: str) -> bool:
    """Whether there is a whole report in it, whoever sent that."""
    return all(_signs(mail, text)) and _quotes_transport(text)


def _signs(mail: Mail, text: str) -> tuple[bool, bool, bool]:
    """Whether the subject and the text speak of a failed delivery, and whether a copy of a mail follows."""
    return (
        _SUBJECTS.search(mail.subject) is not None,
        _BODIES.search(text or mail.html[:READ]) is not None,
        bool(mail.reports) or _COPY.search(text) is not None,
    )


def _quotes_transport(text: str) -> bool:
    """Whether the text itself holds a mail's trace: no customer copies that by hand."""
    names = {name for name, _ in _fields(text)}
    return "received" in names or len(names & {"message-id", "return-path", "mime-version", "x-mailer"}) >= 2


def _status(fields: list[tuple[str, str]], text: str) -> str:
    told = [found[1] for name, value in fields if name == "status" and (found := _STATUS.search(value))]
    told += [
        found[1] for name, value in fields if name == "diagnostic-code" and (found := _STATUS.search(value))
    ]
    specific = [each for each in told if not each.endswith(".0.0")]
    if specific or told:
        return (specific or told)[0]
    own = text[: found.start()] if (found := _COPY.search(text)) and found.start() > 40 else text
    if found := _STATUS.search(own):
        return found[1]
    return f"{found[1][0]}.0.0" if (found := _SMTP.search(own)) else ""


def _recipients(mail: Mail, fields: list[tuple[str, str]], text: str) -> tuple[str, ...]:
    """Whom the mail did not reach, by the surest source that tells."""
    final = [value.partition(";")[2] or value for name, value in fields if name == "final-recipient"]
    given = [value.partition(";")[2] or value for name, value in fields if name == "original-recipient"]
    enclosed = [value for each in mail.reports for name, value in _fields(each.text) if name == "to"]
    said = text[: found.start()] if (found := _COPY.search(text)) and found.start() > 0 else text
    copied = [
        value for name, value in _fields(text) if name in {"to", "final-recipient", "x-actual-recipient"}
    ]
    ours = {each.address.lower() for each in (*mail.to, *mail.delivered_to)}
    if mail.sender:
        ours.add(mail.sender.address.lower())
    for source in (given, final, mail.all("x-failed-recipients"), [said], enclosed, copied, [text]):
        found_in = list(_mailboxes(source, ours))
        if found_in:
            return tuple(found_in[:50])
    return ()


def _mailboxes(source: Iterable[str], ours: set[str]) -> Iterator[str]:
    seen = set[str]()
    for each in source:
        for found in _MAILBOX.finditer(each[:READ]):
            local, _, domain = found[0].rpartition("@")
            address = f"{local}@{domain.lower()}"
            low = address.lower()
            if low in seen or low in ours or "." not in domain or _DAEMONS.match(local):
                continue
            seen.add(low)
            yield address


def _words(fields: list[tuple[str, str]], text: str) -> str:
    told = next((value for name, value in fields if name == "diagnostic-code" and value), "")
    if told:
        return told.partition(";")[2].strip()[:500] or told[:500]
    found = _BODIES.search(text)
    start = text.rfind("\n\n", 0, found.start()) + 1 if found else 0
    return " ".join(text[start : start + 500].split())
