"""Whose word a call that changes something rests on: the customer's own, or nobody's.

Passages, tool results and forwarded mails may hold planted instructions, and a model may obey them. So what
a call is made with must have been said by the customer, be known of them, or be a value that a tool returned
as such. Whatever else a model wants written, an operator sees first.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence

import orjson
from pydantic import JsonValue

from tools.base import Arguments, Person, Tool

_WORD = re.compile(r"\w+")
# Where what somebody else wrote begins in a message: what was forwarded, or a head copied along with it.
_PASSED_ON = re.compile(
    r"^[ \t]*-{3,}[^\n]*\w[^\n]*-{3,}[ \t]*$"
    r"|^[^\n:]{0,40}\b(?:forwarded|weitergeleitete|réexpédié|transféré|reenviado|inoltrato|doorgestuurd|przekazana"
    r"|vidarebefordrat|encaminhada)\w*[^\n:]{0,40}:[ \t]*$"
    r"|^[ \t]*(?:from|von|de|da|van|från|od|от)[ \t]*:[^\n]*@",
    re.IGNORECASE | re.MULTILINE,
)
_QUOTED = re.compile(r"^[ \t]*>[^\n]*", re.MULTILINE)
_WORTH_TELLING = 2  # characters; shorter words tell nothing


def unheard_of(
    tool: Tool, arguments: Arguments, *, said: Sequence[str], person: Person, results: Sequence[str]
) -> Sequence[str]:
    """The names of arguments whose values come from none of the customer's words, what is known of them,
    and the values in `results`; a choice that the tool itself offers is nobody's invention."""
    heard = {word for text in said for word in _words(own(text))}
    known = [person.name, *(each for addresses in person.addresses.values() for each in addresses)]
    heard |= {word for text in known for word in _words(text)}
    given = {_plain(value) for value in returned(results)}
    offered = tool.parameters.get("properties")
    schemas = offered if isinstance(offered, dict) else {}
    return [
        name
        for name, value in arguments.items()
        if not all(
            _chosen(leaf, schemas.get(name)) or _plain(leaf) in given or heard.issuperset(_words(str(leaf)))
            for leaf in _leaves(value)
        )
    ]


def own(text: str) -> str:
    """What somebody says themselves in a message, without what they quote or pass on."""
    begun = _PASSED_ON.search(text)
    return _QUOTED.sub("", text[: begun.start()] if begun else text)


def returned(results: Sequence[str]) -> Iterator[str]:
    """The values in tools' results; words in a sentence are no data that anybody vouches for."""
    for result in results:
        try:
            data: JsonValue = orjson.loads(result)
        except orjson.JSONDecodeError:
            continue
        if isinstance(data, dict | list):
            yield from (str(each) for each in _leaves(data) if isinstance(each, str | int | float))


def _chosen(value: JsonValue, schema: JsonValue) -> bool:
    """Whether the value is one of few that the schema lists, or says yes or no."""
    if value is None or isinstance(value, bool):
        return True
    if not isinstance(schema, Mapping):
        return False
    listed = schema.get("enum")
    return value in (listed if isinstance(listed, list) else [schema.get("const"), schema.get("default")])


def _leaves(value: JsonValue) -> Iterator[JsonValue]:
    """Every word and number inside, the names of an object's fields left out."""
    if isinstance(value, dict):
        for each in value.values():
            yield from _leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    else:
        yield value


def _plain(value: JsonValue) -> str:
    return unicodedata.normalize("NFKC", str(value)).casefold().strip()


def _words(text: str) -> set[str]:
    """The words of a text, those that are part of one too: "#123456" says 123456, "12,50" says 12 and 50."""
    return {word for word in _WORD.findall(_plain(text)) if len(word) >= _WORTH_TELLING or word.isdigit()}
