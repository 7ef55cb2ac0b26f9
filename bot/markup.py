"""From what was written to HTML that is safe to show as it is: one allow-list for every author."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

import nh3
from markdown_it import MarkdownIt

from channels.allowed import ATTRIBUTES, SCHEMES, TAGS

_TAG = re.compile(r"(</?[a-z][^<>\"]*(?:\"[^\"]*\"[^<>\"]*)*>)")
_NUMBER = re.compile(r"\[(\d{1,3})\]")

_markdown = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
_markdown.disable("image")


def from_markdown(text: str) -> str:
    """The bot's and operators' Markdown as HTML. Raw HTML in it is shown as text, pictures are links."""
    return _clean(_markdown.render(text)).strip()


def with_sources(safe: str, addresses: Sequence[str]) -> str:
    """Safe HTML in which "[1]" leads to the first address, where there is one, except in links and code."""

    def linked(number: re.Match[str]) -> str:
        address = addresses[int(number[1]) - 1] if 0 < int(number[1]) <= len(addresses) else ""
        return f'<a href="{html.escape(address)}">{number[0]}</a>' if address else number[0]

    told: list[str] = []
    apart = 0  # how many links and pieces of code are open here
    for piece in _TAG.split(safe):
        if piece.startswith(("<a ", "<code", "<pre")):
            apart += 1
        elif piece in {"</a>", "</code>", "</pre>"}:
            apart -= 1
        told.append(piece if apart or piece.startswith("<") else _NUMBER.sub(linked, piece))
    shown = "".join(told)
    return shown if shown == safe else _clean(shown)


def from_plain(text: str) -> str:
    """A customer's words as HTML: exactly what they typed, line by line."""
    return "<p>" + html.escape(text).replace("\r\n", "\n").replace("\n", "<br>") + "</p>" if text else ""


def _clean(markup: str) -> str:
    return nh3.clean(
        markup,
        tags=set(TAGS),
        attributes={tag: set(names) for tag, names in ATTRIBUTES.items()},
        url_schemes=set(SCHEMES),
        link_rel="noopener noreferrer nofollow",
    )
