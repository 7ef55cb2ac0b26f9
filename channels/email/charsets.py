"""Bytes to text, whatever charset is declared, missing, unknown or lied about."""

from __future__ import annotations

import binascii
import codecs
import re

# What mail programs call charsets, and the wider ones they mean.
_MEANT = {
    "ansi_x3.4-1968": "ascii",
    "cp-850": "cp850",
    "gb2312": "gb18030",
    "gb_2312-80": "gb18030",
    "gbk": "gb18030",
    "iso-2022-jp": "iso2022_jp_ext",
    "iso-8859-1": "cp1252",
    "iso-8859-8-e": "iso-8859-8",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-9": "cp1254",
    "iso8859-1": "cp1252",
    "iso_8859-1": "cp1252",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "latin-1": "cp1252",
    "latin1": "cp1252",
    "shift-jis": "cp932",
    "shift_jis": "cp932",
    "sjis": "cp932",
    "unicode-1-1-utf-7": "utf-7",
    "unicode-1-1-utf-8": "utf-8",
    "us-ascii": "ascii",
    "utf8mb4": "utf-8",
    "windows-874": "cp874",
    "windows-949": "cp949",
    "x-gbk": "gb18030",
    "x-mac-roman": "mac-roman",
    "x-sjis": "cp932",
    "x-windows-949": "cp949",
}
# Text codecs of Python that no mail program means; two of them take quadratic time.
_NEVER = {"idna", "punycode", "unicode-escape", "raw-unicode-escape", "unicode_escape", "raw_unicode_escape"}
_ONE_BYTE = {"ascii", "cp1252", "iso8859-1", "iso8859-15"}
_UNWANTED = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 127, 0xFEFF], None)
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NOT_BASE64 = bytes(set(range(256)) - set(_BASE64))


def codec(declared: str | None) -> str | None:
    """The name of the Python codec that a declared charset means, or None."""
    name = (declared or "").strip(" \t\"'").lower().partition("*")[0]
    name = _MEANT.get(name, name)
    if not name or not name.isascii() or len(name) > 40 or "\0" in name:
        return None
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    if found.name in _NEVER or name in _NEVER:
        return None
    try:
        b"text".decode(found.name, "replace")  # refuses the codecs that are not of text
    except (LookupError, ValueError):
        return None
    return found.name


def decoded(data: bytes, declared: str | None = None) -> str:
    """The text of `data`: by its declared charset, else as UTF-8, else as Windows-1252; never raises."""
    return cleaned(_decoded(data, codec(declared)))


def cleaned(text: str) -> str:
    """Text with lines ended by one `\\n`, without control characters and halves of characters."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_UNWANTED)
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _decoded(data: bytes, name: str | None) -> str:
    if data.isascii() and name in {None, "utf-8", *_ONE_BYTE}:
        return data.decode("ascii")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) and len(data) % 2 == 0:
        name = "utf-16"
    tries = [each for each in (name, "utf-8") if each]
    if name in _ONE_BYTE:
        tries.reverse()  # what happens to be UTF-8 is: no one writes such rows of accents
    for each in tries:
        try:
            return data.decode(each)
        except (UnicodeError, ValueError):
            continue
    for each in tries:
        # A few damaged characters among good ones: better those lost than the whole misread.
        text = data.decode(each, "replace")
        lost = text.count("\ufffd")
        if each not in _ONE_BYTE and sum(not char.isascii() for char in text) > 2 * lost:
            return text
    return data.decode("cp1252", "replace")


def from_base64(data: bytes) -> bytes:
    """What can be had from damaged base64: foreign characters are skipped, a missing end is accepted."""
    data = data.translate(None, _NOT_BASE64).partition(b"=")[0]
    whole = len(data) - (len(data) % 4 == 1)
    data = data[:whole]
    return binascii.a2b_base64(data + b"=" * (-len(data) % 4))


_WORD = re.compile(r"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*)\?=")


def words_decoded(value: str) -> str:
    """A header's value with its encoded words (RFC 2047) read and its folds undone.

    Words next to each other are joined before they are read: programs cut within a character.
    """
    value = as_written(value)
    out: list[str] = []
    held, charset, end = b"", "", 0
    for found in _WORD.finditer(value):
        between = value[end : found.start()]
        joined = end > 0 and not between.strip()
        if not joined or found[1].lower() != charset:
            out.append(_decoded(held, codec(charset)) if held else "")
            held = b""
            if not joined:
                out.append(between)
        charset = found[1].lower()
        body = found[3].encode("utf-8", "replace")
        held += from_base64(body) if found[2] in "bB" else binascii.a2b_qp(body, header=True)
        end = found.end()
    out.append(_decoded(held, codec(charset)) if held else "")
    out.append(value[end:])
    return cleaned(" ".join("".join(out).split()))


def as_written(value: str) -> str:
    """A header's value with the bytes beyond ASCII read, which the parser hides as surrogates."""
    return value if value.isascii() else _decoded(value.encode("utf-8", "surrogateescape"), None)
