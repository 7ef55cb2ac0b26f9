"""An HTML page as a reader sees it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from knowledge.markdown import HIDDEN, squeeze
from knowledge.page import Page, Section


@dataclass
class _Reader(HTMLParser):
    """Collects headings and blocks of an HTML page as lines that `_sections` reads like Markdown."""

    lines: list[str] = field(default_factory=lambda: [""])
    title: str = ""
    description: str = ""
    canonical: str = ""
    hidden: int = 0
    heading: int = 0
    in_title: bool = False

    SKIPPED = frozenset(
        {"script", "style", "svg", "noscript", "template", "nav", "iframe", "select", "button"}
    )
    BLOCKS = frozenset(
        {"p", "div", "br", "hr", "ul", "ol", "tr", "table", "section", "article", "main", "header", "footer"}
        | {
            "blockquote",
            "pre",
            "dl",
            "dt",
            "dd",
            "details",
            "summary",
            "figure",
            "figcaption",
            "form",
            "aside",
        }
    )

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag in self.SKIPPED:
            self.hidden += 1
        elif tag == "title":
            self.in_title = True
        elif tag == "meta" and (told.get("name") or "").lower() == "description":
            self.description = " ".join((told.get("content") or "").split())
        elif tag == "link" and (told.get("rel") or "").lower() == "canonical":
            self.canonical = (told.get("href") or "").strip()
        elif re.fullmatch(r"h[1-6]", tag):
            self.heading = int(tag[1])
            self.lines += ["", f"{'#' * self.heading} "]
        elif tag == "li":
            self.lines.append("- ")
        elif tag in {"td", "th"}:
            self.lines[-1] += " "
        elif tag in self.BLOCKS and not self.heading:
            self.lines += ["", ""] if tag in {"p", "div", "table", "ul", "ol"} else [""]

    def handle_endtag(self, tag: str) -> None:
        if tag in self.SKIPPED:
            self.hidden = max(0, self.hidden - 1)
        elif tag == "title":
            self.in_title = False
        elif re.fullmatch(r"h[1-6]", tag):
            self.heading = 0
            self.lines += ["", ""]
        elif (tag in self.BLOCKS or tag == "li") and not self.heading:
            self.lines.append("")

    def handle_data(self, data: str) -> None:
        if self.in_title:
            self.title = f"{self.title} {data}".strip()
        elif not self.hidden:
            self.lines[-1] += re.sub(r"\s+", " ", data)


def read_webpage(text: str) -> Page:
    reader = _Reader()
    reader.feed(HIDDEN.sub(" ", text))
    reader.close()
    sections: list[Section] = []
    path: list[tuple[int, str]] = []
    body: list[str] = []

    def close() -> None:
        block = squeeze("\n".join(line.strip() for line in body))
        if block:
            sections.append(Section(headings=tuple(name for _, name in path if name), text=block))
        body.clear()

    for line in reader.lines:
        heading = re.match(r"^(#{1,6}) (.*)$", line)
        if heading:
            close()
            while path and path[-1][0] >= len(heading[1]):
                path.pop()
            path.append((len(heading[1]), " ".join(heading[2].split())))
        else:
            body.append(line)
    close()
    return Page(
        title=" ".join(reader.title.split()),
        description=reader.description,
        url=reader.canonical,
        sections=tuple(sections),
    )
