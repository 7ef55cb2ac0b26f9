"""From the bytes of a help page to its title, description, address and clean sections.

Markdown and MDX, HTML and plain text. What a reader of the page would not see (scripts, JSON-LD, import
lines, tags, link targets) is left out; every sentence a reader would see is kept word for word.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from knowledge.markdown import read_markdown, sections_of
from knowledge.page import Page, Section
from knowledge.webpage import read_webpage

MARKDOWN = frozenset({".md", ".mdx", ".markdown"})
HTML = frozenset({".html", ".htm", ".xhtml"})
TEXT = frozenset({".txt", ".text"})
KINDS = MARKDOWN | HTML | TEXT


class Unreadable(ValueError):  # noqa: N818
    """The file is no page a customer could read; its message says why."""


def read_page(name: str, data: bytes) -> Page:
    """Parses the file `name` (a path with "/", whose ending tells its kind) or raises Unreadable."""
    if b"\0" in data[:65536]:
        raise Unreadable("it is a binary file, not text")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")  # what Windows editors write; never a crash
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    path = PurePosixPath(name)
    suffix = path.suffix.lower()
    if suffix in HTML:
        page = read_webpage(text)
    elif suffix in MARKDOWN:
        page = read_markdown(text)
    else:
        page = Page(title="", description="", url="", sections=sections_of(text.split("\n"), marked=False))
    if not page.sections:
        raise Unreadable("it has no text")
    title = page.title or _first_heading(page) or _title_from(path)
    return Page(
        title=title,
        description=page.description,
        url=page.url,
        sections=tuple(_below(title, section) for section in page.sections),
    )


def _below(title: str, section: Section) -> Section:
    """The section without the page's own title at the top of its headings."""
    if section.headings and section.headings[0].casefold() == title.casefold():
        return Section(headings=section.headings[1:], text=section.text)
    return section


def _title_from(path: PurePosixPath) -> str:
    stem = path.parent.name if path.stem in {"index", "README", "readme"} and path.parent.name else path.stem
    return re.sub(r"[-_]+", " ", stem).strip().capitalize()


def _first_heading(page: Page) -> str:
    return next((section.headings[0] for section in page.sections if section.headings), "")
