"""From Markdown to what WhatsApp and SMS show, in parts that their provider takes."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.tree import SyntaxTreeNode

from channels.base import Source

_BOLD, _ITALIC, _STRUCK, _CODE = "*", "_", "~", "```"  # WhatsApp's own marks
_MARKS = {"strong": _BOLD, "em": _ITALIC, "s": _STRUCK}

_URL = re.compile(r"https?://[^\s<>\"`]+")
_URL_END = re.compile(r"://[^\s<>\[\]()\"`]+")
_BETWEEN = re.compile(r"[ \t]*\n+|[ \t]+")  # what is left out where a text is cut
_LINE_START = re.compile(r"(?:> |\s)*")

# Where to cut, best first; one that would leave a part nearly empty is passed over.
_PARAGRAPH = re.compile(r"(?=\n\n)")
# A run of marks is looked at once, from its beginning: else a thousand dots would be read a million times.
_SENTENCE = re.compile(
    r"(?<![.!?…؟।])[.!?…؟।]++[\"'”’»)\]]*+(?:\s*\[\d+\])*(?=\s)"
    r"|(?<![。！？])[。！？]++[」』”’]*+|(?=\n)"
)
_WORD = re.compile(r"(?=\s)")
_CUTS = ((_PARAGRAPH, 0.25), (_SENTENCE, 0.25), (_WORD, 0.0))


def parts(text: str, sources: Sequence[Source], *, marked: bool, limit: int) -> Sequence[str]:
    """Markdown as texts of at most `limit` units, in order, with the sources at the end.

    `marked`: with WhatsApp's marks for bold, italic and the like; else as plain words.
    """
    page = _Page(quote="> " if marked else "")
    page.blocks(SyntaxTreeNode(_markdown.parse(text)).children)
    page.cite(sources)
    return _split(page.text.rstrip(), page.spans if marked else [], page.links, limit) or ("",)


def units(text: str) -> int:
    """How long a provider that counts in UTF-16 finds a text: an emoji is two, or more."""
    return len(text) + sum(character > "\uffff" for character in text)


def in_one_line(text: str) -> str:
    """The text without line breaks, tabs and runs of spaces, which a template's variable must not have."""
    return " ".join(text.split())


def clean(text: str, longest: int) -> str:
    """Somebody's text without NUL and control characters, which stores and pages stumble over."""
    kept = "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cs"})
    return kept if len(kept) <= longest else kept[: _whole(kept, longest - 1)] + "…"


@dataclass(frozen=True, kw_only=True)
class _Span:
    start: int
    end: int
    mark: str


class _Page:
    """Plain text, with what is marked in it and which stretches must stay whole, by position."""

    def __init__(self, *, quote: str) -> None:
        self.text = ""
        self.spans: list[_Span] = []
        self.links: list[tuple[int, int]] = []
        self._quote = quote
        self._prefix = ""  # of every line but the first of a block

    def write(self, text: str) -> None:
        self.text += text.replace("\n", f"\n{self._prefix}") if self._prefix else text

    def blocks(self, nodes: Sequence[SyntaxTreeNode], between: str = "\n\n") -> None:
        for index, node in enumerate(nodes):
            if index:
                self.write(between)
            self._block(node)

    def cite(self, sources: Sequence[Source]) -> None:
        """List the sources that the text does not name itself; numbered where it refers to them."""
        body = self.text
        lines = []
        for number, source in enumerate(sources, start=1):
            mark = f"[{number}]"
            url = source.url if source.url.startswith(("https://", "http://")) else ""
            if mark in body or not url or url not in body:
                title = in_one_line(source.title)
                named = f"{title}: {url}" if title and url else title or url
                lines.append(f"{mark} {named}" if mark in body else named)
        if lines:
            self.write(("\n\n" if body else "") + "\n".join(dict.fromkeys(filter(None, lines))))

    def _block(self, node: SyntaxTreeNode) -> None:
        match node.type:
            case "heading":
                start = len(self.text)
                self._inline(node)
                self._mark(start, _BOLD)
            case "bullet_list" | "ordered_list":
                self._list(node)
            case "blockquote":
                self._indented(self._quote, self._quote, node.children, "\n\n")
            case "fence" | "code_block":
                start = len(self.text)
                self.write(node.content.rstrip("\n"))
                self._mark(start, _CODE)
            case "table":
                self._table(node)
            case "hr":
                self.write("———")
            case _:
                self._inline(node)

    def _list(self, node: SyntaxTreeNode) -> None:
        number = int(node.attrs.get("start", 1)) if node.type == "ordered_list" else None
        for index, item in enumerate(node.children):
            if index:
                self.write("\n")
            bullet = "- " if number is None else f"{number + index}. "
            self._indented(bullet, " " * 2, item.children, "\n")

    def _indented(self, first: str, others: str, nodes: Sequence[SyntaxTreeNode], between: str) -> None:
        self.write(first)
        before, self._prefix = self._prefix, self._prefix + others
        self.blocks(nodes, between)
        self._prefix = before

    def _table(self, node: SyntaxTreeNode) -> None:
        """A row a line: "first: second", or "first – heading: second, heading: third"."""
        rows = [row.children for section in node.children for row in section.children]
        heads, *body = rows
        names = [_plain(cell) for cell in heads]
        for index, row in enumerate(body or rows):
            if index:
                self.write("\n")
            for column, cell in enumerate(row):
                named = len(row) > 2 and body and names[column]
                if column:
                    self.write(": " if len(row) == 2 else " – " if column == 1 else ", ")
                if column and named:
                    self.write(f"{names[column]}: ")
                self._inline(cell)

    def _inline(self, node: SyntaxTreeNode) -> None:
        for child in node.children:
            start = len(self.text)
            match child.type:
                case "strong" | "em" | "s":
                    self._inline(child)
                    self._mark(start, _MARKS[child.type])
                case "code_inline":
                    self.write(child.content)
                    self._mark(start, _CODE)
                case "link":
                    self._inline(child)
                    self._link(start, str(child.attrs.get("href", "")))
                case "image":
                    self.write(child.content)
                    self._link(start, str(child.attrs.get("src", "")))
                case "softbreak" | "hardbreak":
                    self.write("\n")
                case "inline":
                    self._inline(child)
                case _:
                    self.write(child.content)

    def _link(self, start: int, href: str) -> None:
        label = self.text[start:]
        scheme, _, address = href.partition(":")
        if scheme in {"mailto", "tel"}:
            href = address
        elif scheme not in {"http", "https"}:
            return
        if unquote(href) != unquote(label).strip():
            self.write(f" ({href})" if label.strip() else href)
        self.links.append((start, len(self.text)))

    def _mark(self, start: int, mark: str) -> None:
        self.spans.append(_Span(start=start, end=len(self.text), mark=mark))


def _plain(node: SyntaxTreeNode) -> str:
    """The words of a node, without marks and links."""
    return "".join(each.content for each in node.walk() if each.type in {"text", "code_inline"})


def _whole_url(state: StateInline, silent: bool) -> bool:
    """A bare address stays as it is, though it has underscores and asterisks in it."""
    begun = state.pending if not silent else state.src[: state.pos]
    found = _URL_END.match(state.src, state.pos, state.posMax)
    if found is None or not begun.endswith(("http", "https")):
        return False
    rest = found[0].rstrip(".,;:!?*_~'")
    if not silent:
        state.pending += rest
    state.pos += len(rest)
    return True


_markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
_markdown.inline.ruler.before("backticks", "whole_url", _whole_url)


# marks -----------------------------------------------------------------------------------------------


def _painted(text: str, spans: Sequence[_Span], start: int, end: int) -> str:
    """text[start:end] with its marks, each of which is closed again within."""
    opening: dict[int, str] = {}
    closing: dict[int, str] = {}
    taken: list[_Span] = []
    code = [span for span in spans if span.mark == _CODE]
    # The outer mark of two that begin and end alike was noted later.
    for _, span in sorted(enumerate(spans), key=lambda each: (each[1].start, -each[1].end, -each[0])):
        if span.end <= start or span.start >= end:
            continue
        for each in _pieces(text, span, code, start, end):
            if not _shows(text, each, start, end) or any(_inside(each, other) for other in taken):
                continue
            taken.append(each)
            opening[each.start] = opening.get(each.start, "") + each.mark
            closing[each.end] = each.mark + closing.get(each.end, "")
    painted = []
    last = start
    for at in sorted({*opening, *closing}):
        painted += [text[last:at], closing.get(at, ""), opening.get(at, "")]
        last = at
    return "".join([*painted, text[last:end]])


def _pieces(text: str, span: _Span, code: Sequence[_Span], start: int, end: int) -> Sequence[_Span]:
    """A span within bounds, as WhatsApp knows marks: none but code's reaches over lines, or over code."""
    first, last = max(span.start, start), min(span.end, end)
    if span.mark == _CODE:
        return [_Span(start=first, end=last, mark=_CODE)]
    edges = {first, last, *(at + 1 for at in range(first, last) if text[at] == "\n")}
    for each in code:
        edges |= {at for at in (each.start, each.end) if first < at < last}
    ordered = sorted(edges)
    pieces = []
    for begins, ends in pairwise(ordered):
        if any(each.start <= begins and ends <= each.end for each in code):
            continue
        found = _LINE_START.match(text, begins, ends)
        begins = found.end() if found else begins  # noqa: PLW2901
        ends = begins + len(text[begins:ends].rstrip())  # noqa: PLW2901
        pieces.append(_Span(start=begins, end=ends, mark=span.mark))
    return pieces


def _shows(text: str, span: _Span, start: int, end: int) -> bool:
    """Whether WhatsApp takes the marks for marks; elsewhere they would be seen."""
    body = text[span.start : span.end]
    if not body or span.mark in body:
        return False
    before = text[span.start - 1] if span.start > start else " "
    after = text[span.end] if span.end < end else " "
    return span.mark == _CODE or not (before.isalnum() or after.isalnum() or span.mark in {before, after})


def _inside(span: _Span, other: _Span) -> bool:
    return span.mark == other.mark and other.start <= span.start and span.end <= other.end


# cutting ---------------------------------------------------------------------------------------------


def _split(text: str, spans: Sequence[_Span], links: Sequence[tuple[int, int]], limit: int) -> Sequence[str]:
    whole = sorted({*links, *(match.span() for match in _URL.finditer(text))})
    parts: list[str] = []
    start = 0
    while start < len(text):
        near = [span for span in spans if start < span.end and span.start < start + limit]
        room = limit
        while True:
            end = _reach(text, start, room)
            if end < len(text):
                end = _cut(text, whole, start, end)
            painted = _painted(text, near, start, end)
            if (over := units(painted) - limit) <= 0:
                break
            room -= min(over, room - 1)
        if painted.strip():
            parts.append(painted.strip("\n").rstrip())
        left_out = _BETWEEN.match(text, end)
        start = left_out.end() if left_out else end
    return parts


def _reach(text: str, start: int, room: int) -> int:
    """How far `room` units go."""
    end = min(len(text), start + room)
    while end > start + 1 and units(text[start:end]) > room:
        end -= max(1, (units(text[start:end]) - room) // 2)
    return end


def _cut(text: str, whole: Sequence[tuple[int, int]], start: int, end: int) -> int:
    """Where to end the part that begins at `start` and reaches no further than `end`."""
    for pattern, least in _CUTS:
        after = start + int((end - start) * least)
        places = [match.end() for match in pattern.finditer(text, start, min(len(text), end + 1))]
        for place in reversed(places):
            if after < place <= end and _within(whole, place) is None:
                return place
    link = _within(whole, end)
    return link if link is not None and link > start else _whole(text, end, start)


def _within(whole: Sequence[tuple[int, int]], place: int) -> int | None:
    """Where the stretch that `place` lies in begins, if it lies in one."""
    found = None
    for begins, ends in whole[: bisect_right(whole, (place, place))]:
        if begins < place < ends:
            found = begins if found is None else min(found, begins)
    return found


def _whole(text: str, end: int, start: int = 0) -> int:
    """The last place up to `end` that parts no character from what belongs to it."""
    for place in range(end, start + 1, -1):
        if _parts_nothing(text, place):
            return place
    return end


def _parts_nothing(text: str, place: int) -> bool:
    """Whether what one sees as one character is not cut here (Unicode Standard Annex 29, the usual cases)."""
    if place >= len(text):
        return True
    before, after = text[place - 1], text[place]
    if unicodedata.category(after) in {"Mn", "Me", "Mc"} or before == "\u200d" or after in "\u200d\u200c":
        return False
    if (
        "\U0001f3fb" <= after <= "\U0001f3ff" or "\U000e0020" <= after <= "\U000e007f"
    ):  # skin, flags of regions
        return False
    if _is_flag(before) and _is_flag(after):
        letters = next((n for n in range(place) if not _is_flag(text[place - 1 - n])), place)
        return letters % 2 == 0
    return not ("\u1100" <= before <= "\u11ff" and "\u1160" <= after <= "\u11ff")  # Korean, letter by letter


def _is_flag(character: str) -> bool:
    """Two of these make a flag."""
    return "\U0001f1e6" <= character <= "\U0001f1ff"
