"""Addresses with places in braces, filled so that no value leads anywhere else."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote, urlsplit

from pydantic import JsonValue

from tools.base import Person, ToolFailed

PLACE = re.compile(r"\{([^{}]*)\}")
# What of a contact may stand in a request, and the channels whose addresses tell it: by the session, never by
# a model.
CONTACT: Mapping[str, tuple[str, ...]] = {
    "contact.email": ("email",),
    "contact.phone": ("whatsapp", "sms"),
    "contact.user": ("web-user",),
}


def places(template: str) -> list[str]:
    """The names in braces."""
    return PLACE.findall(template)


def fault(url: str) -> str:
    """What keeps an address from being one that tools may ask; "" when nothing does."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return f"{url!r} is no address: {error}"
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        return f"{url!r} is no address; it is written https://shop.example/orders/{{order_id}}"
    if "{" in parts.netloc or "{" in parts.scheme:
        return f"{url!r}: where it leads is no matter of values; braces stand after the host"
    if "@" in parts.netloc:
        return f"{url!r}: a password stands in a header, not in the address"
    if parts.fragment:
        return f"{url!r}: what follows # never reaches a server"
    return ""


def leads_here(url: str) -> bool:
    """Whether an address names this machine, or a machine by its number: only its owner can have meant it."""
    host = urlsplit(url).hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return True


def filled(url: str, values: Mapping[str, JsonValue], person: Person) -> str:
    """The address with every place filled in and percent-encoded. Raises ToolFailed where a value would make
    another address of it."""
    path, mark, query = url.partition("?")
    for name in places(path):
        if _strays(plain(name, values, person)):
            raise ToolFailed(f"{name} can't be {plain(name, values, person)!r}", refused=True)

    def value(found: re.Match[str]) -> str:
        return quote(plain(found.group(1), values, person), safe="")

    written = PLACE.sub(value, path)
    if any(each in {".", ".."} for each in written.split("/")):
        raise ToolFailed("these values make another address", refused=True)
    return written + mark + PLACE.sub(value, query)


def plain(name: str, values: Mapping[str, JsonValue], person: Person) -> str:
    """A value as text: an argument, or what is known for sure of the contact. Raises ToolFailed."""
    if name in CONTACT:
        return known(name, person)
    value = values[name]
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def known(name: str, person: Person) -> str:
    """What somebody vouched for of the contact. Raises ToolFailed when nobody did."""
    for address in all_known(name, person):
        return address
    raise ToolFailed(f"the customer's {name.removeprefix('contact.')} is not known for sure", refused=True)


def all_known(name: str, person: Person) -> Iterator[str]:
    """Every address that tells it."""
    for channel in CONTACT[name]:
        for address in person.addresses.get(channel, ()):
            yield address.removeprefix(f"{channel}:")


def words(value: JsonValue) -> Iterator[str]:
    """Every text in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from words(each)


def fixed_fault(fixed: Mapping[str, JsonValue]) -> str:
    """What is wrong with values that go along with a call; "" when nothing is."""
    for place in (place for each in words(dict(fixed)) for place in places(each)):
        if place not in CONTACT:
            return f"fixed: {{{place}}} is none of {', '.join(CONTACT)}"
    return ""


def names_contact(fixed: Mapping[str, JsonValue]) -> bool:
    """Whether such values say who the customer is."""
    return any(places(each) for each in words(dict(fixed)))


def with_contact(value: JsonValue, person: Person) -> JsonValue:
    """The value with what is known of the contact. Raises ToolFailed when that is not known."""
    if isinstance(value, str):
        return PLACE.sub(lambda found: known(found.group(1), person), value)
    if isinstance(value, dict):
        return {name: with_contact(each, person) for name, each in value.items()}
    return [with_contact(each, person) for each in value] if isinstance(value, list) else value


def _strays(value: str) -> bool:
    """Whether a value in a path could lead elsewhere: servers read %2F, %5C and %0A as they like."""
    pieces = re.split(r"[/\\]", value)
    return any(each in {"", ".", ".."} for each in pieces) or any(ord(each) < 32 for each in value)
