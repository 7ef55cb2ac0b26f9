"""From a mail that was understood to a message: whose it is, what it follows, whether it wants an answer."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

from channels.base import Attachment, InboundMessage, NotDelivered
from channels.email.address import on_the_wire
from channels.email.bounces import Bounce
from channels.email.ids import PlusAddresses, chain, ours, repeatable
from channels.email.kinds import Automatic, Complaint, Kind, Ordinary, OutOfOffice
from channels.email.mail import Mail, NotUnderstood
from channels.email.understand import Understood

_TEXT = 20_000  # characters kept of one message's words; the whole mail is kept besides
_NAME = 200
_FOLLOWS = 40  # of what it may follow


def sender_of(mail: Mail) -> str:
    """The address of who wrote, in lower case, or NotUnderstood: nobody could be answered."""
    try:
        return on_the_wire(mail.sender.address if mail.sender else "").lower()
    except NotDelivered as error:
        raise NotUnderstood("it names no sender") from error


def message(
    understood: Understood,
    *,
    channel: str,
    mailbox: str,
    domains: Collection[str],
    plus: PlusAddresses | None,
    verified: bool,
    original: str,
    files: Sequence[Attachment],
) -> InboundMessage:
    """The mail as its conversation takes it in. Raises NotUnderstood."""
    mail = understood.mail
    sender = sender_of(mail)
    return InboundMessage(
        channel=channel,
        external_id=_key(mail, sender),
        sender=sender,
        sender_name=(mail.sender.name if mail.sender else "")[:_NAME],
        text=_own_words(understood)[:_TEXT],
        subject=mail.subject,
        follows=_follows(mail, understood.kind, domains, plus),
        joins="follows",
        silent=not isinstance(understood.kind, Ordinary),
        files=files,
        verified=verified,
        reference=mail.message_id if repeatable(mail.message_id) else "",
        thread=chain(message=mail.message_id, references=mail.references, in_reply_to=mail.in_reply_to),
        via=mailbox,
        original=original,
        sent_at=mail.date,
    )


def _own_words(understood: Understood) -> str:
    """What is new. Who answers below the whole of what they answer has not picked the lines above: these
    stand in the conversation already."""
    text = understood.trimmed.text or understood.mail.text
    lines = text.split("\n")
    quoted = [bool(line.strip()) and line.startswith(">") for line in lines]
    own = [bool(line.strip()) and not each for line, each in zip(lines, quoted, strict=True)]
    if True not in own or not understood.mail.in_reply_to:
        return text
    first = own.index(True)
    return text if True in quoted[first:] else "\n".join(lines[first:])


def _key(mail: Mail, sender: str) -> str:
    """The same however often and to whichever mailbox it comes; a Message-ID that is used again with other
    words is another message."""
    content = hashlib.sha256()
    for each in (sender, mail.subject, mail.text, mail.html, mail.date.isoformat() if mail.date else ""):
        content.update(each.encode("utf-8", "surrogatepass") + b"\0")
    for file in mail.attachments:
        content.update(hashlib.sha256(file.data).digest())
    known = mail.message_id
    if len(known) > 500:
        known = hashlib.sha256(known.encode("utf-8", "surrogatepass")).hexdigest()
    return f"<{known}>:{content.hexdigest()[:32]}"


def _follows(mail: Mail, kind: Kind, domains: Collection[str], plus: PlusAddresses | None) -> Sequence[str]:
    """What it may follow, nearest first: messages of ours by their own id, others by their Message-ID."""
    about = kind.original_message_id if isinstance(kind, Automatic | Bounce | Complaint | OutOfOffice) else ""
    named = [mail.in_reply_to, *reversed(mail.references), about]
    found = [part.message if (part := ours(each, domains)) else each for each in named if repeatable(each)]
    if plus is not None:
        to = [each.address for each in (*mail.to, *mail.cc, *mail.delivered_to)]
        found.append(plus.names(to) or "")
    return tuple(each for each in dict.fromkeys(found) if each)[:_FOLLOWS]
