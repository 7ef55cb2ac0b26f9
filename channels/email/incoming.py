"""From a mail that was understood to a message: whose it is, what it follows, whether it wants an answer."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from typing import Literal

from channels.base import Attachment, InboundMessage, NotDelivered
from channels.email.address import folded, on_the_wire
from channels.email.bounces import Bounce
from channels.email.ids import PlusAddresses, chain, one_line, ours, repeatable
from channels.email.kinds import (
    BY_SUBJECT,
    Automatic,
    Complaint,
    Form,
    Kind,
    Listed,
    Ordinary,
    Ours,
    OutOfOffice,
)
from channels.email.mail import Address, Mail, NotUnderstood
from channels.email.understand import Understood

_TEXT = 20_000  # characters kept of one message's words; the whole mail is kept besides
_NAME = 200
_NOTE = 1_000
_FOLLOWS = 40  # of what it may follow


def writer(understood: Understood) -> Address:
    """Who wrote and is answered, the address in lower case, or NotUnderstood: nobody could be answered.

    Who gives no name is called by their address.
    """
    kind, sender = understood.kind, understood.mail.sender
    named = kind.writer if isinstance(kind, Form) else sender
    try:
        address = folded(on_the_wire(named.address if named else ""))
    except NotDelivered as error:
        raise NotUnderstood("it names no sender") from error
    return Address(address=address, name=((named.name if named else "") or address)[:_NAME])


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
    mail, kind = understood.mail, understood.kind
    who = writer(understood)
    return InboundMessage(
        channel=channel,
        external_id=_key(mail, who.address),
        sender=who.address,
        sender_name=who.name,
        text=_shortened(_own_words(understood)),
        subject=mail.subject,
        follows=_follows(mail, kind, domains, plus),
        joins="follows",
        wants=_wants(kind),
        note=_note(kind, mail),
        files=files,
        verified=verified and not isinstance(kind, Form),
        reference=mail.message_id if repeatable(mail.message_id) else "",
        thread=chain(message=mail.message_id, references=mail.references, in_reply_to=mail.in_reply_to),
        via=mailbox,
        original=original,
    )


def _wants(kind: Kind) -> Literal["answer", "person", "nothing"]:
    match kind:
        case Ordinary():
            return "answer"
        case Complaint() | Form():
            return "person"
        case Bounce(by_hand=True):
            return "person"
        case Automatic() if _is_doubtful(kind):
            return "person"
        case Bounce(permanent=True, original_message_id=""):
            return "person"  # one that names another's mail is about a mail that somebody sent in our name
        case _:
            return "nothing"


def _is_doubtful(kind: Automatic) -> bool:
    """Whether nothing but its subject makes it a machine's, and it names no mail of ours that it answers."""
    return kind.why in BY_SUBJECT and not kind.original_message_id


def _note(kind: Kind, mail: Mail) -> str:
    """What operators are told of a mail that the bot does not answer."""
    note = ""
    match kind:
        case Ordinary():
            pass
        case OutOfOffice():
            note = "An absence note. It is not answered."
        case Automatic(why=why) if _is_doubtful(kind):
            note = (
                f"Only {why} makes this a machine's. The bot does not answer it; somebody may wait for that."
            )
        case Automatic(why=why):
            note = f"A machine wrote this, as is told by {why}. It is not answered."
        case Listed(name=name):
            note = f"Mail of a list or a newsletter{f' ({name})' if name else ''}. It is not answered."
        case Ours():
            note = "A Switchboard, ours or another, wrote this by itself. It is not answered."
        case Bounce():
            what = "did not arrive" if kind.permanent else "has not arrived yet"
            to = f" to {', '.join(kind.recipients[:5])}" if kind.recipients else ""
            asks = " Whoever passed it on may wait for an answer." if kind.by_hand else ""
            note = f"This tells of a mail{to} that {what}: {one_line(kind.told)[:700]}{asks}"
        case Complaint(recipients=recipients):
            who = ", ".join(recipients[:5]) or "Somebody"
            note = (
                f"A complaint: {who} marked a mail from here as unwanted. Write to them no more, unless they"
                " write again; nobody waits for an answer to this report."
            )
        case Form(writer=named):
            sender = mail.sender.address if mail.sender else ""
            note = (
                f"{sender} sent this and names {named.address} to be answered, as forms on websites do. Your"
                " answer goes there; that they wrote it is only a claim."
            )
    return one_line(note)[:_NOTE]


def _shortened(text: str) -> str:
    return text if len(text) <= _TEXT else f"{text[:_TEXT].rstrip()}\n[…]"


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
