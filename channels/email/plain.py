"""Markdown as text that reads well where nothing else is shown: links in full, lists and tables in line."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

_WIDTH = 72  # columns; a wider table is told row by row

_markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("image")
_MARKS = {"strong": "*", "em": "_", "s": "~~"}


def readable(markdown: str) -> str:
    """The text of Markdown. No line ends in a space, so none is taken for the start of a signature."""
    root = SyntaxTreeNode(_markdown.parse(markdown))
    return "\n".join(line.rstrip() for line in _blocks(root.children).split("\n")).strip("\n")


def _blocks(nodes: Sequence[SyntaxTreeNode], between: str = "\n\n") -> str:
    return between.join(text for node in nodes if (text := _block(node)))


def _block(node: SyntaxTreeNode) -> str:
    written = _WRITTEN.get(node.type)
    return _blocks(node.children) if written is None else written(node)


def _list(node: SyntaxTreeNode) -> str:
    first = int(node.attrs.get("start", 1)) if node.type == "ordered_list" else None
    tight = all(each.hidden for item in node.children for each in item.children if each.type == "paragraph")
    items = []
    for index, item in enumerate(node.children):
        mark = "- " if first is None else f"{first + index}. "
        text = _blocks(item.children, "\n" if tight else "\n\n")
        items.append(_indented(text, mark, " " * len(mark)))
    return ("\n" if tight else "\n\n").join(items)


def _indented(text: str, first: str, rest: str) -> str:
    return first + text.replace("\n", "\n" + rest)


def _inline(nodes: Sequence[SyntaxTreeNode]) -> str:
    return "".join(_span(node) for node in nodes)


def _span(node: SyntaxTreeNode) -> str:
    match node.type:
        case "softbreak" | "hardbreak":
            return "\n"
        case "link":
            return _link(_inline(node.children), str(node.attrs.get("href", "")))
        case "strong" | "em" | "s":
            return f"{_MARKS[node.type]}{_inline(node.children)}{_MARKS[node.type]}"
        case _:
            return node.content


def _link(text: str, url: str) -> str:
    if not text or not url or url in {text, f"mailto:{text}", f"tel:{text}"}:
        return text or url
    return f"{text} <{url}>"


def _table(node: SyntaxTreeNode) -> str:
    rows = [
        [" ".join(_blocks(cell.children).split()) for cell in row.children]
        for part in node.children
        for row in part.children
    ]
    widths = [max(_columns(cell) for cell in column) for column in zip(*rows, strict=True)]
    if sum(widths) + 3 * (len(widths) - 1) > _WIDTH:
        names, *told = rows
        return "\n\n".join(
            "\n".join(f"{name}: {cell}" if name else cell for name, cell in zip(names, row, strict=True))
            for row in told
        )
    lines = [
        " | ".join(cell + " " * (width - _columns(cell)) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    return "\n".join([lines[0], "-+-".join("-" * width for width in widths), *lines[1:]])


def _columns(text: str) -> int:
    """How wide text stands in letters of one width."""
    return sum(
        2 if unicodedata.east_asian_width(char) in "WF" else not unicodedata.combining(char) for char in text
    )


_WRITTEN: dict[str, Callable[[SyntaxTreeNode], str]] = {
    "inline": lambda node: _inline(node.children),
    "bullet_list": _list,
    "ordered_list": _list,
    "table": _table,
    "blockquote": lambda node: _indented(_blocks(node.children), "> ", "> "),
    "fence": lambda node: _indented(node.content.rstrip("\n"), "    ", "    "),
    "code_block": lambda node: _indented(node.content.rstrip("\n"), "    ", "    "),
    "hr": lambda node: "* * *",  # noqa: ARG005
}
