"""An HTML page as a reader sees it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from knowledge.markdown import HIDDEN, squeeze
from knowledge.page import Page, Section

# What stands around a page's content on every page of a site.
_FURNITURE = re.compile(
    r"(?:^|[\s_-])(?:cookies?|consent|gdpr|breadcrumbs?|navbar|menu|skip-?(?:link|to)|newsletter|footer|"
    r"sidebar|social)(?:$|[\s_-])",
    re.IGNORECASE,
)
_FURNITURE_ROLES = frozenset({"navigation", "contentinfo", "search", "dialog", "alertdialog", "menu"})
# Only of these the end is always written, so that nothing after them can get lost with them.
_ENDED = frozenset({"div", "section", "aside", "ul", "ol", "form", "header", "span", "dialog", "a"})


@dataclass
class _Reader(HTMLParser):
    """Collects headings and blocks of an HTML page as lines that `read_webpage` reads like Markdown.

    Of a page with a `main` only what stands in it; `everything` takes the furniture around it, too.
    """

    everything: bool = False
    has_main: bool = False
    lines: list[str] = field(default_factory=lambda: [""])
    title: str = ""
    description: str = ""
    canonical: str = ""
    hidden: int = 0
    furniture: str = ""  # the tag whose end we wait for
    depth: int = 0  # of tags of this name
    content: int = 0  # how deep we are in main or article
    main: int = 0
    heading: int = 0
    in_title: bool = False

    SKIPPED = frozenset({"script", "style", "svg", "noscript", "template", "iframe", "select", "button"})
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

    def _is_furniture(self, tag: str, told: dict[str, str | None]) -> bool:
        if self.everything:
            return False
        if tag in {"nav", "footer", "dialog"} or (tag in {"header", "aside"} and not self.content):
            return True
        if tag not in _ENDED:
            return False
        if "hidden" in told or (told.get("aria-hidden") or "").lower() == "true":
            return True
        named = f"{told.get('class') or ''} {told.get('id') or ''}"
        return (told.get("role") or "").lower() in _FURNITURE_ROLES or bool(_FURNITURE.search(named))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if self.furniture:
            self.depth += tag == self.furniture
            return
        if self._is_furniture(tag, told):
            self.furniture, self.depth = tag, 1
            self.lines += ["", ""]
            return
        self.content += tag in {"main", "article"}
        self.main += tag == "main"
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
        if self.furniture:
            self.depth -= tag == self.furniture
            if not self.depth:
                self.furniture = ""
            return
        self.content = max(0, self.content - (tag in {"main", "article"}))
        self.main = max(0, self.main - (tag == "main"))
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
        elif not self.hidden and not self.furniture and (self.main or not self.has_main):
            self.lines[-1] += re.sub(r"\s+", " ", data)


def read_webpage(text: str) -> Page:
    """The page's own content; all of it when a site gives nothing else to go by."""
    text = HIDDEN.sub(" ", text)
    page = _read(text, _Reader(has_main=bool(re.search(r"<main\b", text, re.IGNORECASE))))
    return page if page.sections else _read(text, _Reader(everything=True))


def _read(text: str, reader: _Reader) -> Page:
    reader.feed(text)
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
