"""The headers of a message: addresses, ids, dates, file names."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime

from channels.email.charsets import as_written, cleaned, decoded, words_decoded
from channels.email.mail import Address

LENGTH = 65_536  # characters of one header that are read
REFERENCES = 200  # ids of one thread that are kept

_ID = re.compile(r"<([^<>]{1,1000})>")
_ADDRESS = re.compile(r"[^\s@<>\"(),:;\\]{1,200}@[^\s@<>\"(),:;\\]{1,255}")
_QUOTED_LOCAL = re.compile(r"\"[^\"\\\r\n]{1,200}\"@[^\s@<>\"(),:;\\]{1,255}")
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]")


def ids(value: str) -> list[str]:
    """The message ids of a header, in order, each once; spaces that folding put into them are taken out."""
    value = cleaned(as_written(value))
    found = ["".join(each.split()) for each in _ID.findall(value)]
    if not found:
        found = [each.strip("<>,;") for each in value.split() if "@" in each]
    return [each for each in dict.fromkeys(found) if each]


def references(value: str) -> list[str]:
    """A thread's ids, the newest last: of a very long thread its first and its newest."""
    found = ids(value)
    return found if len(found) <= REFERENCES else [found[0], *found[1 - REFERENCES :]]


def addresses(value: str) -> list[Address]:
    """The addresses of a header, as forgiving as the programs that write them; what is none is left out."""
    return [found for each in _split(value[:LENGTH]) if (found := _address(each)) is not None]


def _split(value: str) -> list[str]:
    """The value cut at its commas and semicolons, except those within quotes, comments and brackets."""
    out: list[str] = []
    start, quoted, comment, angle, skip = 0, False, 0, False, False
    for at, char in enumerate(value):
        if skip:
            skip = False
        elif char == "\\" and (quoted or comment):
            skip = True
        elif char == '"' and not comment:
            quoted = not quoted
        elif quoted:
            continue
        elif char == "(":
            comment += 1
        elif char == ")":
            comment = max(0, comment - 1)
        elif comment:
            continue
        elif char in "<>":
            angle = char == "<"
        elif char in ",;" and not angle:
            out.append(value[start:at])
            start = at + 1
        elif char == ":" and not angle and "@" not in value[start:at] and value[at - 6 : at] != "mailto":
            start = at + 1  # the name of a group
    out.append(value[start:])
    return out


def _address(text: str) -> Address | None:
    before, bracket, after = text.rpartition("<")
    source = after.partition(">")[0] if bracket else text
    found = _ADDRESS.search(source) or _QUOTED_LOCAL.search(source)
    if found is None:
        return None
    local, _, domain = words_decoded(found[0]).rpartition("@")
    if not local or not domain:
        return None
    name = before
    if not bracket:  # the old way: address (Name)
        name = text[: found.start()] + text[found.end() :]
    name = words_decoded(re.sub(r"\\(.)", r"\1", name.strip().strip("\"'()")))
    return Address(
        address=f"{local}@{domain.strip('.').lower()}", name=shown(name)[:200], encoded="=?" in found[0]
    )


def shown(text: str) -> str:
    """One line of text without characters that are invisible or turn the reading direction."""
    return " ".join(_INVISIBLE.sub(" ", text).split()).strip(" \"'")


def moment(value: str) -> datetime | None:
    """A date in UTC; None when it is none."""
    try:
        found = parsedate_to_datetime(value[:200])
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


_MEDIA_TYPE = re.compile(r"[!-~]{1,100}/[!-~]{1,100}")
_ENDINGS = {
    "application/ms-tnef": "dat",
    "application/pdf": "pdf",
    "application/pgp-signature": "asc",
    "application/zip": "zip",
    "image/gif": "gif",
    "image/heic": "heic",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "message/delivery-status": "txt",
    "message/disposition-notification": "txt",
    "message/feedback-report": "txt",
    "message/rfc822": "eml",
    "text/calendar": "ics",
    "text/csv": "csv",
    "text/html": "html",
    "text/plain": "txt",
    "text/rfc822-headers": "txt",
}


def media_type(part: Message) -> str:
    """What a part says it is, in lower case."""
    said = part.get_content_type()
    return said if _MEDIA_TYPE.fullmatch(said) else "application/octet-stream"


def given_name(part: Message) -> str:
    """The name a part was given (RFC 2231, RFC 2047), without folders, controls and disguises."""
    name = _parameter(part, "filename", "content-disposition") or _parameter(part, "name", "content-type")
    name = _INVISIBLE.sub("", name).replace("\\", "/").rpartition("/")[2].strip(" .\"'")
    stem, dot, ending = name.rpartition(".")
    return f"{stem[:180]}.{ending[:20]}" if dot and stem else name[:200]


def file_name(part: Message, media_type: str) -> str:
    """The name of an attachment: its own, or one that tells what it is."""
    ending = _ENDINGS.get(media_type)
    return given_name(part) or (f"unnamed.{ending}" if ending else "unnamed")


def _parameter(part: Message, name: str, header: str) -> str:
    try:
        found = part.get_param(name, header=header)
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""  # parameters so broken that the parser fails on them
    if isinstance(found, tuple):
        charset, _, text = found
        return decoded(str(text).encode("latin-1", "replace"), charset)
    return words_decoded(found) if isinstance(found, str) else ""
