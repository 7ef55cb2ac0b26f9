"""Headers and parts of a mail as bytes, every line of them short and none of them made by somebody else."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from channels.email.ids import one_line

_LINE = 76  # characters of a folded header line and of an encoded word (RFC 2047, 2: at most 75)
_WORD = 45  # octets that one encoded word of at most 75 characters carries in base 64
_ATOMS = re.compile(r"[0-9A-Za-z!#$%&'*+/=?^_`{|}~ -]*")
_QUOTABLE = re.compile(r"[ -~]*")
_LONG = re.compile(r"[^ ]{60}")
_MEDIA_TYPE = re.compile(r"(?!multipart/|message/)[0-9a-z][0-9a-z!#$&^_.+-]*/[0-9a-z][0-9a-z!#$&^_.+-]*")


def header(name: str, words: Iterable[str]) -> bytes:
    """`name: words`, folded between the words (RFC 5322, 2.2.3). Each word is ASCII or needs SMTPUTF8."""
    lines = [f"{name}:"]
    for word in words:
        if len(lines[-1]) + 1 + len(word) > _LINE and lines[-1] != f"{name}:":
            lines.append("")
        lines[-1] += f" {word}"
    return "\r\n".join(lines).encode() + b"\r\n"


def text(value: str) -> list[str]:
    """Any text as the words of a header (RFC 2047)."""
    value = one_line(value)
    if _QUOTABLE.fullmatch(value) and "=?" not in value and not _LONG.search(value):
        return value.split(" ")
    return _encoded(value)


def mailbox(name: str, address: str) -> list[str]:
    """A name and an address as the words of a header; the address is checked already."""
    name = one_line(name)
    if not name:
        return [f"<{address}>"]
    if not _QUOTABLE.fullmatch(name) or "=?" in name or _LONG.search(name):
        return [*_encoded(name), f"<{address}>"]
    if not _ATOMS.fullmatch(name):
        escaped = re.sub(r'(["\\])', r"\\\1", name)
        return [*f'"{escaped}"'.split(" "), f"<{address}>"]
    return [*name.split(" "), f"<{address}>"]


def _encoded(value: str) -> list[str]:
    """RFC 2047 words, each of whole characters."""
    words, held = [], b""
    for char in value:
        octets = char.encode("utf-8", "replace")
        if len(held) + len(octets) > _WORD:
            words.append(held)
            held = b""
        held += octets
    return [f"=?utf-8?b?{base64.b64encode(word).decode()}?=" for word in (*words, held)]


def readable_part(subtype: str, content: str) -> bytes:
    """A text/… part in quoted-printable: whatever the lines, none on the wire is longer than 76."""
    lines = content.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n") + "\n"
    return (
        header("Content-Type", [f"text/{subtype};", "charset=utf-8"])
        + header("Content-Transfer-Encoding", ["quoted-printable"])
        + b"\r\n"
        + binascii.b2a_qp(lines.replace("\n", "\r\n").encode("utf-8", "replace"), istext=True)
    )


def file_part(name: str, media_type: str, content: bytes) -> bytes:
    """An attachment; what its media type forbids to be encoded, or is none, goes as plain octets."""
    media_type = media_type.partition(";")[0].strip().lower()
    if not _MEDIA_TYPE.fullmatch(media_type) or len(media_type) > 100:
        media_type = "application/octet-stream"
    # The end of a long name says what it is. 75 characters, escaped, are 900: a line of 998 holds them.
    name = one_line(name.replace("/", "_").replace("\\", "_"))[-75:] or "file"
    return (
        header("Content-Type", [media_type])
        + header("Content-Transfer-Encoding", ["base64"])
        + header("Content-Disposition", ["attachment;", _file_name(name)])
        + b"\r\n"
        + base64.encodebytes(content).replace(b"\n", b"\r\n")
    )


def _file_name(name: str) -> str:
    if _QUOTABLE.fullmatch(name) and '"' not in name:
        return f'filename="{name}"'
    return f"filename*=utf-8''{quote(name.encode('utf-8', 'replace'), safe='')}"


def multipart(subtype: str, parts: Sequence[bytes], *, name: str) -> bytes:
    """Several parts as one. A boundary of `=_` stands in no quoted-printable and no base 64."""
    boundary = f"=_{subtype}_{name}"
    between = f"\r\n--{boundary}\r\n".encode()
    return (
        header("Content-Type", [f"multipart/{subtype};", f'boundary="{boundary}"'])
        + b"\r\n"
        + between[2:]
        + between.join(parts)
        + f"\r\n--{boundary}--\r\n".encode()
    )
