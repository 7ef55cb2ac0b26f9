"""What a help page is, once read: title, description, address and clean sections."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Section:
    """The text under one heading. `headings` leads to it, outermost first, without the page's title."""

    headings: tuple[str, ...]
    text: str


@dataclass(frozen=True, kw_only=True)
class Page:
    """One help page, cleaned. `url` is absolute or a path on the help centre's site, "" when unknown."""

    title: str
    description: str
    url: str
    sections: tuple[Section, ...]
