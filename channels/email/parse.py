"""Bytes to a message.

By the standard library's `compat32` parser: its newer policy raises on real mail, and hangs on some.
"""

from __future__ import annotations

import binascii
import email
import email.generator
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import Message
from email.policy import Compat32

from channels.email import headers
from channels.email.charsets import as_written, cleaned, decoded, from_base64, words_decoded
from channels.email.html import to_text
from channels.email.mail import Address, Mail, MailFile, NotUnderstood, Report, Words

SIZE = 25_000_000  # bytes of a raw message
PARTS = 500
DEPTH = 30
TEXT = 1_000_000  # characters of text that are kept
HTML = 4_000_000
REPORT = 100_000
HEADERS = 500
STRUCTURED = 8_000  # characters of a part's header that are read; a name of 255 letters takes 2,400

_REPORTS = {
    "message/delivery-status",
    "message/global-delivery-status",
    "message/disposition-notification",
    "message/feedback-report",
    "text/rfc822-headers",
    "message/rfc822-headers",
    "message/global-headers",
}
_ENCLOSED = {"message/rfc822", "message/global"}
_RECEIVERS = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-delivered-to")


@dataclass(kw_only=True)
class _Found:
    """What a walk through the parts has come upon."""

    words: list[Words] = field(default_factory=list)
    files: list[MailFile] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    parts: int = 0


class _AsItCame(Compat32):
    """Headers unchanged: asked for by name, `compat32` replaces every byte beyond ASCII.

    But not all of a long one: looking for parameters takes quadratic time.
    """

    def header_fetch_parse(self, name: str, value: str) -> str:  # noqa: ARG002
        return value[:STRUCTURED]


_AS_IT_CAME = _AsItCame()


def parse(raw: bytes) -> Mail:
    """Understand a message, or raise NotUnderstood and nothing else."""
    return pieces(raw)[0]


def pieces(raw: bytes) -> tuple[Mail, Sequence[Words]]:
    """The same, and its text in pieces as it came, however long."""
    if len(raw) > SIZE:
        raise NotUnderstood(f"the message is larger than {SIZE // 1_000_000} MB")
    try:
        return _understood(email.message_from_bytes(raw, policy=_AS_IT_CAME))
    except NotUnderstood:
        raise
    except RecursionError as error:
        raise NotUnderstood("the message is nested too deeply") from error
    except MemoryError as error:
        raise NotUnderstood("the message takes too much memory") from error
    except Exception as error:  # whatever a hostile message breaks, the mailbox goes on
        raise NotUnderstood(f"the message is malformed: {error!r}"[:500]) from error


def _understood(message: Message) -> tuple[Mail, Sequence[Words]]:
    found = _Found()
    _walk(message, found, 0)
    items = [(name.lower(), str(value)[: headers.LENGTH]) for name, value in message.raw_items()]

    def raw(name: str) -> str:
        return next((value for each, value in items if each == name), "")

    def people(*names: str) -> list[Address]:
        every = (each for name, value in items if name in names for each in headers.addresses(value))
        return list(dict.fromkeys(every))

    text = "\n\n".join(readable for each in found.words if (readable := _readable(each).strip("\n")))
    answered = headers.ids(raw("in-reply-to"))
    sender = people("from") or people("sender")
    mail = Mail(
        message_id=next(iter(headers.ids(raw("message-id"))), ""),
        in_reply_to=answered[0] if answered else "",
        references=headers.references(raw("references")),
        subject=headers.shown(words_decoded(raw("subject")))[:1_000],
        sender=sender[0] if sender else None,
        to=people("to"),
        cc=people("cc"),
        reply_to=people("reply-to"),
        delivered_to=people(*_RECEIVERS),
        date=headers.moment(raw("date")),
        text=text[:TEXT],
        html="\n".join(each.html for each in found.words if each.html)[:HTML],
        attachments=found.files,
        reports=found.reports,
        headers=[(name, _shown(name, value)) for name, value in items[:HEADERS]],
    )
    return mail, found.words


def _readable(words: Words) -> str:
    return words.plain if words.plain.strip() else to_text(words.html)


def _shown(name: str, value: str) -> str:
    """A header's value. Our server's results stay as written: encoded words in them are the sender's."""
    if name == "authentication-results":
        return " ".join(cleaned(as_written(value)).split())
    return words_decoded(value)


def _walk(part: Message, found: _Found, depth: int) -> None:
    """Sort a part and all within it into words, files and reports."""
    found.parts += 1
    if found.parts > PARTS:
        raise NotUnderstood(f"the message has more than {PARTS} parts")
    if depth > DEPTH:
        raise NotUnderstood(f"the message is nested deeper than {DEPTH} parts")
    kind = headers.media_type(part)
    if part.is_multipart() and kind == "multipart/alternative":
        _choose(part, found, depth)
    elif part.is_multipart() and kind.startswith("multipart/"):
        for each in _children(part):
            _walk(each, found, depth + 1)
    elif kind in _ENCLOSED or kind in _REPORTS:
        _report(part, kind, found)
    elif kind in {"text/plain", "text/html"} and not _is_file(part):
        text = _text(part, kind)
        found.words.append(Words(plain=text) if kind == "text/plain" else Words(html=text))
    elif kind.startswith("multipart/"):  # its boundary is missing: what is in it can still be read
        found.words.append(Words(plain=decoded(_bytes(part))))
    else:
        _file(part, kind, found)


def _children(part: Message) -> list[Message]:
    payload = part.get_payload()
    return [each for each in payload if isinstance(each, Message)] if isinstance(payload, list) else []


def _choose(part: Message, found: _Found, depth: int) -> None:
    """Of alternatives, the words in both forms; files within one of them are kept."""
    inside = _Found(parts=found.parts)
    for each in _children(part):
        _walk(each, inside, depth + 1)
    plain = "\n\n".join(each.plain for each in inside.words if each.plain.strip())
    html = "\n".join(each.html for each in inside.words if each.html)
    if plain or html:
        found.words.append(Words(plain=plain, html=html))
    found.files += inside.files
    found.reports += inside.reports
    found.parts = inside.parts


def _disposition(part: Message) -> str:
    return str(part.get("content-disposition") or "").partition(";")[0].strip().lower()


def _is_file(part: Message) -> bool:
    return _disposition(part) == "attachment" or headers.given_name(part) != ""


def _text(part: Message, kind: str) -> str:
    parameters = {name.lower(): str(value).lower() for name, value in _parameters(part)}
    text = decoded(_bytes(part), parameters.get("charset"))
    if kind == "text/plain" and parameters.get("format") == "flowed":
        text = _unflowed(text, joined=parameters.get("delsp") == "yes")
    return text


def _parameters(part: Message) -> list[tuple[str, str]]:
    try:
        found = part.get_params(failobj=[])
    except (ValueError, LookupError, TypeError, AttributeError):
        return []  # parameters so broken that the parser fails on them
    return [(name, value[2] if isinstance(value, tuple) else value) for name, value in found]


def _unflowed(text: str, *, joined: bool) -> str:
    """Paragraphs as their writer meant them (RFC 3676): a line that ends in a space goes on in the next."""
    out: list[str] = []
    open_depth = -1
    for line in text.split("\n"):
        bare = line.lstrip(">")
        depth = len(line) - len(bare)
        bare = bare.removeprefix(" ")
        flows = bare.endswith(" ") and bare != "-- "
        words = bare[:-1] if flows and joined else bare
        if open_depth == depth and bare != "-- ":
            out[-1] += words
        else:
            out.append((">" * depth + " " if depth else "") + words)
        open_depth = depth if flows else -1
    return "\n".join(out)


def _bytes(part: Message) -> bytes:
    """A part's content with its transfer encoding undone, as far as it can be."""
    encoding = str(part.get("content-transfer-encoding") or "").strip().lower()
    if encoding in {"x-uuencode", "uuencode", "uue", "x-uue"}:
        try:
            undone = part.get_payload(decode=True)
        except (ValueError, IndexError):
            undone = None
        return undone if isinstance(undone, bytes) else b""
    del part["content-transfer-encoding"]  # or the parser undoes it, and gives up where it is damaged
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes):
        return b""
    match encoding:
        case "base64":
            return from_base64(data)
        case "quoted-printable":
            return binascii.a2b_qp(data)
        case _:
            return data


def _flat(part: Message) -> bytes:
    out = io.BytesIO()
    email.generator.BytesGenerator(out, mangle_from_=False, maxheaderlen=0).flatten(part)
    return out.getvalue()


def _report(part: Message, kind: str, found: _Found) -> None:
    """A part about another message: kept as a file, and its words for judging."""
    children = _children(part)
    data = b"\n".join(_flat(each) for each in children) if children else _bytes(part)
    if kind in _ENCLOSED:
        lines = data[:REPORT].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        found.reports.append(Report(media_type=kind, text=decoded(lines.partition(b"\n\n")[0])))
    else:
        found.reports.append(Report(media_type=kind, text=cleaned(decoded(data[:REPORT]))))
    found.files.append(MailFile(name=headers.file_name(part, kind), media_type=kind, data=data))


def _file(part: Message, kind: str, found: _Found) -> None:
    data = _bytes(part)
    if not data and not headers.given_name(part):
        return
    content_id = cleaned(as_written(str(part.get("content-id") or ""))).strip().strip("<>")[:500]
    name = headers.file_name(part, kind)
    found.files.append(MailFile(name=name, media_type=kind, data=data, content_id=content_id))
