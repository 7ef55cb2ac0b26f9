"""Whether our own mail server vouches for the sender (RFC 8601): `From` alone is a claim."""

from __future__ import annotations

import re

from channels.email import headers
from channels.email.mail import Mail

_RESULT = re.compile(r"(dmarc|dkim|spf)\s*=\s*([a-z]+)", re.IGNORECASE)
_FAILED = re.compile(r"\s*dmarc\s*=\s*fail", re.IGNORECASE)
_PROPERTY = re.compile(r"(header\.d|header\.i|header\.from|smtp\.mailfrom)\s*=\s*([^\s;]+)", re.IGNORECASE)


def authenticated(mail: Mail, own_server: str) -> bool:
    """Whether the topmost Authentication-Results of `own_server` pass for the domain in `From`.

    Those below it, and those of other servers, anybody may have written. A mail with several senders
    is vouched for by nobody.
    """
    given = [each[:20_000] for each in mail.all("authentication-results")]
    ours = [each for each in given if own_server and _server(each) == own_server.lower()]
    senders = mail.all("from")
    if not ours or mail.sender is None or len(senders) != 1 or len(headers.addresses(senders[0])) != 1:
        return False
    methods = _bare(ours[0]).split(";")[1:]
    if any(_FAILED.match(each) for each in methods):
        return False
    return any(_passes(each, mail.sender.domain) for each in methods)


def _server(value: str) -> str:
    """Who wrote these results; told of odd ones too, or a forged one below would pass for the topmost."""
    start = value.partition(";")[0]
    words = (_bare(start) or start).split()
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


def _passes(result: str, domain: str) -> bool:
    found = _RESULT.match(result.strip())
    if found is None or found[2].lower() != "pass":
        return False
    told: dict[str, str] = {
        name.lower(): value.lower().rpartition("@")[2].strip(".") for name, value in _PROPERTY.findall(result)
    }
    match found[1].lower():
        case "dmarc":
            return told.get("header.from", domain) == domain
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
