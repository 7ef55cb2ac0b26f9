"""WhatsApp's templates: what may stand in their places, and what the recipient reads then."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from channels.base import FilledTemplate, NotFilled, Template
from channels.places import places, put
from channels.whatsapp_text import clean, in_one_line, units

LONGEST = 1024  # UTF-16 units of a message that is made from a template

_ANY = 1_000_000  # characters: it is not cut here
_SPACES = re.compile(r" {5}")


def fill(template: Template, given: Mapping[str, str], *, name: str, text: str) -> FilledTemplate:
    """The template with what is `given` for its places, and what is usual in the others. Raises NotFilled.

    What Twilio would refuse (https://www.twilio.com/docs/api/errors/21656) is refused here, in plain words.
    """
    here = places(template.text)
    for place in given:
        if place not in here:
            raise NotFilled(
                "the template %(name)s has no place {{%(where)s}}",
                place=place,
                name=template.name,
                where=place,
            )
    told = {"name": in_one_line(clean(name, _ANY)), "text": in_one_line(clean(text, _ANY))}
    usual = [template.variables.get(each, "") for each in here if each not in given]
    if text.strip() and not any("{text}" in each for each in usual):
        raise NotFilled("the template %(name)s has no place left for the text", name=template.name)
    variables: dict[str, str] = {}
    for place in here:
        value = given.get(place, template.variables.get(place, "").format(**told))
        _check(value, place, called=template.labels.get(place) or f"{{{{{place}}}}}")
        variables[place] = value
    whole = put(template.text, variables)
    if (length := units(whole)) > LONGEST:
        raise NotFilled(
            "with what was filled in the message has %(length)s characters: a template carries words up to "
            "%(most)s characters only",
            length=length,
            most=LONGEST,
        )
    return FilledTemplate(name=template.name, id=template.id, variables=variables, text=whole)


def _check(value: str, place: str, *, called: str) -> None:
    """Raises NotFilled for a value that can't stand in a template."""
    if not value.strip():
        raise NotFilled("%(called)s: something has to stand here", place=place, called=called)
    if any(unicodedata.category(each) in {"Cc", "Cs", "Zl", "Zp"} for each in value):
        raise NotFilled(
            "%(called)s: line breaks and tabs can't stand in a template", place=place, called=called
        )
    if _SPACES.search(value):
        raise NotFilled(
            "%(called)s: more than four spaces in a row can't stand in a template", place=place, called=called
        )
