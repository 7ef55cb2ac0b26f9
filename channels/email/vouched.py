"""Whether our own mail server vouches for the sender (RFC 8601): `From` alone is a claim."""

from __future__ import annotations

import re

from channels.email import headers
from channels.email.mail import Mail

_VERSION = r"(?:\s*/\s*\d+)?"
_RESULT = re.compile(rf"(dmarc|dkim|spf){_VERSION}\s*=\s*([a-z]+)(?!\S)", re.IGNORECASE)
_FAILED = re.compile(rf"\s*dmarc{_VERSION}\s*=\s*fail", re.IGNORECASE)
# At the beginning of a word: what else a sender has chosen, like a host's name, may look like one within.
_PROPERTY = re.compile(
    r"(?<!\S)(header\.d|header\.i|header\.from|smtp\.mailfrom)\s*=\s*([^\s;]+)", re.IGNORECASE
)


def authenticated(mail: Mail, own_server: str) -> bool:
    """Whether the topmost Authentication-Results of `own_server` pass for the domain in `From`.

    Those below it, and those of other servers, anybody may have written. A mail with several senders, or
    with one in encoded words, is vouched for by nobody: another server may read another address there.
    """
    given = [each[:20_000] for each in mail.all("authentication-results")]
    ours = [each for each in given if own_server and _server(each) == own_server.lower()]
    senders = mail.all("from")
    if not ours or mail.sender is None or mail.sender.encoded:
        return False
    if len(senders) != 1 or len(headers.addresses(senders[0])) != 1:
        return False
    methods = _bare(ours[0]).split(";")[1:]
    if any(_FAILED.match(each) for each in methods):
        return False
    return any(_passes(each, mail.sender.domain, plain=senders[0].count("@") == 1) for each in methods)


def _server(value: str) -> str:
    """Who wrote these results; told of odd ones too, or a forged one below would pass for the topmost."""
    words = (_bare(value) or value).partition(";")[0].split()
    return words[0].lower() if words else ""


def _bare(value: str) -> str:
    """The value without comments and quoted words, into which a sender's address may be written.

    Nothing when they don't end: then none of it can be relied on.
    """
    out: list[str] = []
    depth, quoted, skip = 0, False, False
    for char in value:
        if skip:
            skip = False
        elif char == "\\":
            skip = True
        elif char == '"' and not depth:
            quoted = not quoted
        elif not quoted and char == "(":
            depth += 1
        elif not quoted and char == ")":
            depth -= 1
            if depth < 0:
                return ""
        elif not quoted and not depth:
            out.append(char)
    return "" if quoted or depth else "".join(out)


def _passes(result: str, domain: str, *, plain: bool) -> bool:
    """Whether one method passes for `domain`; `plain`: nobody can read another address in `From`."""
    found = _RESULT.match(result.strip())
    if found is None or found[2].lower() != "pass":
        return False
    properties: list[tuple[str, str]] = _PROPERTY.findall(result)
    told = {name.lower(): value.lower().rpartition("@")[2].strip(".") for name, value in properties}
    if len(told) < len(properties):  # one of the two is the sender's
        return False
    match found[1].lower():
        case "dmarc":
            return told["header.from"] == domain if "header.from" in told else plain
        case "dkim":
            return _aligned(told.get("header.d") or told.get("header.i", ""), domain)
        case _:
            return _aligned(told.get("smtp.mailfrom", ""), domain)


def _aligned(signed: str, domain: str) -> bool:
    """The same domain, or a parent of it that is no bare public ending.

    Stricter than RFC 7489, which asks a list of public endings: a parent must have a name of four letters
    or more before its last label, so that co.uk vouches for nobody.
    """
    if not signed or "." not in signed:
        return False
    parent = signed.split(".")[-2]
    return domain == signed or (domain.endswith(f".{signed}") and len(parent) > 3)
