"""From what was written to HTML that is safe to show as it is: one allow-list for every author."""

from __future__ import annotations

import html

import nh3
from markdown_it import MarkdownIt

_TAGS = {
    *("p", "br", "hr", "strong", "em", "del", "code", "pre", "blockquote"),
    *("ul", "ol", "li", "h1", "h2", "h3", "h4", "a", "table", "thead", "tbody", "tr", "th", "td"),
}
_ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
_SCHEMES = {"http", "https", "mailto", "tel"}

_markdown = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
_markdown.disable("image")


def from_markdown(text: str) -> str:
    """The bot's and operators' Markdown as HTML. Raw HTML in it is shown as text, pictures are links."""
    return nh3.clean(
        _markdown.render(text),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        link_rel="noopener noreferrer nofollow",
    ).strip()


def from_plain(text: str) -> str:
    """A customer's words as HTML: exactly what they typed, line by line."""
    return "<p>" + html.escape(text).replace("\r\n", "\n").replace("\n", "<br>") + "</p>" if text else ""
