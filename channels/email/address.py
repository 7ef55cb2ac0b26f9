"""A mail address as it can stand on the wire, or not at all."""

from __future__ import annotations

import re

import idna

from channels.base import NotDelivered

# Dots anywhere: providers have given out `a..b@` and `a.@`. Quoted local parts nobody writes from.
_LOCAL = re.compile(r"[0-9A-Za-z!#$%&'*+/=?^_`{|}~.\u0080-\U0010ffff-]+")
_DOMAIN = re.compile(r"[0-9a-z_](?:[0-9a-z_-]*[0-9a-z_])?(?:\.[0-9a-z_](?:[0-9a-z_-]*[0-9a-z_])?)*")


def folded(address: str) -> str:
    """The address in lower case. What is not ASCII does not become so: the sign for kelvin is no k."""
    return "".join(
        each if not each.isascii() and each.lower().isascii() else each.lower() for each in address
    )


def on_the_wire(address: str) -> str:
    """The address with its domain in ASCII (RFC 5891), or NotDelivered when it is none.

    A part before the @ that is not ASCII stays so and needs a server with SMTPUTF8 (RFC 6531).
    """
    local, _, domain = address.rpartition("@")
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode()
        except idna.IDNAError:
            domain = ""
    domain = domain.lower()
    if (
        not (_LOCAL.fullmatch(local) and _DOMAIN.fullmatch(domain))
        or not local.isprintable()
        or len(local.encode()) > 64
        or len(domain) > 253
    ):
        raise NotDelivered(f"this is no mail address: {address[:300]!a}")
    return f"{local}@{domain}"
