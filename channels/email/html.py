"""HTML to text that reads well: what was quoted stays marked as quoted, nothing is fetched.

Our own small reader, since the standard library's takes quadratic time on hostile markup.
"""

from __future__ import annotations

import re
from html import unescape

LENGTH = 2_000_000  # characters of HTML that are read
DEPTH = 100  # quotes within quotes that are marked

_SKIPPED = {"script", "style", "head", "title", "template", "noscript", "svg", "math", "object", "select"}
_VOID = {"br", "hr", "img", "input", "meta", "link", "col", "wbr", "area", "base", "source", "embed"}
_BLOCKS = {
    "address", "article", "aside", "center", "dd", "div", "dl", "dt", "fieldset", "figure", "figcaption",
    "footer", "form", "header", "li", "main", "nav", "section", "table", "tbody", "thead", "tfoot", "tr",
    "caption", "body", "html",
}  # fmt: skip
_PARAGRAPHS = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "pre", "blockquote"}
_ATTRIBUTE = re.compile(r"([a-zA-Z-]{1,30})\s{0,9}=\s{0,9}(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")
_BEGINS = re.compile(r"<[a-zA-Z/!?]")
_NAME = re.compile(r"/?([a-zA-Z][a-zA-Z0-9:-]{0,40})")
_UNSEEN = re.compile(r"(?:display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}hidden)", re.IGNORECASE)
_SPACES = re.compile(r"[ \t\n\r\f\xa0]+")
_TAG_LENGTH = 65_536
_LINE_LENGTH = 20_000


def to_text(html: str) -> str:
    """The text of a page or of a fragment."""
    writer = _Writer()
    html = html[:LENGTH]
    lower = html.lower() if len(html.lower()) == len(html) else html
    at = 0  # what lies before is written
    start = html.find("<")
    while start >= 0:
        end = _tag_end(html, start)
        if end < 0:
            break
        if _BEGINS.match(html, start) is None:
            start = html.find("<", start + 1)
            continue
        writer.words(html[at:start])
        at = end + 1
        if html.startswith("<!--", start):
            closing = html.find("-->", start + 4)
            at = len(html) if closing < 0 else closing + 3
        elif (found := _NAME.match(html, start + 1)) is not None:
            name = found[1].lower().rpartition(":")[2]
            if html[start + 1] == "/":
                writer.close(name)
            elif name in _SKIPPED and html[end - 1] != "/":
                closing = lower.find(f"</{name}", at)
                at = len(html) if closing < 0 else closing
            else:
                writer.open(name, _attributes(html[found.end() : end]))
        start = html.find("<", at)
    writer.words(html[at:])
    return writer.text()


def _tag_end(html: str, start: int) -> int:
    """Where the tag ends that begins at `start`; a `>` within quotes doesn't end it."""
    end = html.find(">", start)
    if end < 0 or '="' not in html[start:end] or html.count('"', start, end) % 2 == 0:
        return end
    limit = start + _TAG_LENGTH
    quote = html.find('"', end, limit)
    further = html.find(">", quote, limit) if quote >= 0 else -1
    return further if further >= 0 else end


def _attributes(tag: str) -> dict[str, str]:
    return {
        name.lower(): unescape(double or single or bare)
        for name, double, single, bare in _ATTRIBUTE.findall(tag[:_TAG_LENGTH])
    }


class _Writer:
    """Puts words into lines, and marks before the lines of quotes."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._line = ""
        self._quotes = 0
        self._pre = 0
        self._gap = False  # a space is due before the next word
        self._cell = False  # a cell ended in this line
        self._lists: list[int] = []  # 0 for bullets, else the next number
        self._links: list[tuple[str, int, int]] = []  # address, and where its words begin
        self._unseen: tuple[str, int] | None = None  # the element that hides all within, and its depth

    def words(self, text: str) -> None:
        if not text or self._unseen:
            return
        text = unescape(text)
        if self._pre:
            first, *others = text.replace("\t", "    ").split("\n")
            self._line += first
            for other in others:
                self._break()
                self._line = other
            return
        text = _SPACES.sub(" ", text)
        if text.strip(" "):
            if self._cell and self._line:
                self._line = self._line.rstrip() + " |"
                self._gap = True
            self._cell = False
            if self._line and (self._gap or text[0] == " ") and not self._line.endswith(" "):
                self._line += " "
            self._line += text.strip(" ")
            self._gap = text[-1] == " "
            if len(self._line) > _LINE_LENGTH:
                self._break()
        else:
            self._gap = True

    def open(self, name: str, attributes: dict[str, str]) -> None:
        if self._unseen:
            if name == self._unseen[0]:
                self._unseen = (name, self._unseen[1] + 1)
            return
        if name not in _VOID and (
            "hidden" in attributes or _UNSEEN.search(attributes.get("style", "")[:500])
        ):
            self._unseen = (name, 1)
            return
        if name in _PARAGRAPHS:
            self._end_paragraph()
        elif name in _BLOCKS:
            self._end_line()
        self._begin(name, attributes)

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        match name:
            case "br":
                self._break()
            case "hr":
                self._end_line()
                self._line = "_" * 32
                self._break()
            case "img":
                if alt := " ".join(attributes.get("alt", "").split()):
                    self.words(f" [{alt[:200]}] ")
            case "a":
                self._links.append((attributes.get("href", ""), len(self._lines), len(self._line)))
            case "blockquote":
                self._quotes += 1
            case "pre":
                self._pre += 1
            case "ul" | "ol":
                self._lists.append(0 if name == "ul" else 1)
            case "li":
                self._bullet()

    def close(self, name: str) -> None:
        if self._unseen:
            if name == self._unseen[0]:
                depth = self._unseen[1] - 1
                self._unseen = (name, depth) if depth else None
            return
        if name in _PARAGRAPHS:
            self._end_paragraph()
        elif name in _BLOCKS:
            self._end_line()
        match name:
            case "td" | "th":
                self._cell = True
            case "a" if self._links:
                self._end_link(*self._links.pop())
            case "blockquote":
                self._quotes = max(0, self._quotes - 1)
            case "pre":
                self._pre = max(0, self._pre - 1)
            case "ul" | "ol" if self._lists:
                self._lists.pop()

    def text(self) -> str:
        self._end_line()
        return "\n".join(self._lines).strip("\n")

    def _bullet(self) -> None:
        number = self._lists[-1] if self._lists else 0
        self._line = "  " * min(len(self._lists) - 1, 10) + (f"{number}. " if number else "- ")
        if number:
            self._lists[-1] += 1

    def _end_link(self, address: str, line: int, start: int) -> None:
        address = address.strip()
        shown = self._line[start:].strip() if line == len(self._lines) else "…"
        bare = address.removeprefix("mailto:").rstrip("/")
        if not address.lower().startswith(("http://", "https://", "mailto:")) or len(address) > 2_000:
            return
        if shown and bare.partition("://")[2] not in shown and bare.partition("?")[0] not in shown:
            self.words(f" <{bare}>")

    def _mark(self) -> str:
        depth = min(self._quotes, DEPTH)
        return ">" * depth + " " if depth else ""

    def _break(self) -> None:
        self._lines.append((self._mark() + self._line.rstrip()).rstrip(" "))
        self._line, self._gap, self._cell = "", False, False

    def _end_line(self) -> None:
        if self._line.strip():
            self._break()
        self._line, self._gap, self._cell = "", False, False

    def _end_paragraph(self) -> None:
        self._end_line()
        if self._lines and self._lines[-1].lstrip("> "):
            self._break()
