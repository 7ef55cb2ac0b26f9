"""What is known of the customer, by the session and never by anybody's words."""

from __future__ import annotations

from pydantic import JsonValue

from tools.base import ToolContext
from tools.function import tool
from tools.templates import CONTACT, all_known


@tool()
async def contact_facts(context: ToolContext) -> dict[str, JsonValue]:
    """What is known for sure of the customer who is writing: name, mail address, phone number, and whether
    their identity is verified."""
    person = context.person
    told: dict[str, JsonValue] = {
        "verified": person.verified,
        "channel": context.channel,
        "language": context.language,
    }
    if person.verified:
        told |= {"name": person.name} if person.name else {}
        for name in CONTACT:
            if addresses := list(all_known(name, person)):
                told[name.removeprefix("contact.")] = [*addresses]
    return told
