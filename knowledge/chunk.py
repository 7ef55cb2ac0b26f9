"""Cuts a page into passages small enough to mean one thing and long enough to be read by themselves.

Sections are cut at paragraphs, long paragraphs at sentences, and nothing is lost: the chunks of a section,
joined, hold its every word in order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from knowledge.page import Page

TARGET_WORDS = 140  # a chunk stops growing here: an embedder of 256 word pieces still sees all of it
SMALLEST_WORDS = 25  # a section shorter than this joins its neighbour under the same parent heading

# After a full stop, a question or an exclamation mark (and closing quotes or brackets), before a capital,
# a digit, a quote or any letter without case; CJK full stops need no space.
_SENTENCE = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+(?=[\"'“‘(\[]*[^\Wa-z_])|(?<=[。！？])")
_BLOCK = re.compile(r"\s*(?:[-*+•|]|\d{1,2}[.)]\s)")  # a list's item or a table's row
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|approx|no|nr|z\.B|bzw|ca|Mr|Mrs|Ms|Dr|St|Inc|Ltd|Co)\.|\b[A-Z]\.)\s*$"
)


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """A passage of a page. `headings` leads to it, outermost first, without the page's title."""

    headings: tuple[str, ...]
    text: str


def cut(page: Page) -> list[Chunk]:
    """The page's chunks in reading order."""
    chunks: list[Chunk] = []
    for section in page.sections:
        for text in _pieces(section.text):
            last = chunks[-1] if chunks else None
            if last is not None and _belongs(last, section.headings, text):
                heading = section.headings[len(last.headings) :]
                joined = f"{last.text}\n\n{_led_in(heading, text)}"
                chunks[-1] = Chunk(headings=last.headings, text=joined)
            else:
                chunks.append(Chunk(headings=section.headings, text=text))
    return chunks


def _led_in(headings: Sequence[str], text: str) -> str:
    """The text after its headings: on their line, since a heading alone is no sentence to be quoted."""
    lead = " ".join(h if h.endswith(("?", "!", ".", ":", "？", "。")) else f"{h}:" for h in headings)
    if not lead:
        return text
    return f"{lead}\n{text}" if _BLOCK.match(text) else f"{lead} {text}"


def _belongs(last: Chunk, headings: tuple[str, ...], text: str) -> bool:
    """A tiny piece joins what stands before it under the same or the enclosing heading."""
    if last.headings != headings[: len(last.headings)]:
        return False
    size = len(text.split())
    room = len(last.text.split()) + size <= TARGET_WORDS
    return room and (size < SMALLEST_WORDS or len(last.text.split()) < SMALLEST_WORDS)


def _pieces(text: str) -> Iterator[str]:
    """Paragraphs gathered up to TARGET_WORDS; a longer paragraph is cut at lines, sentences, then words."""
    gathered: list[str] = []
    count = 0
    for block in re.split(r"\n\s*\n", text):
        for part, glue in _fitting(block):
            size = len(part.split())
            if gathered and count + size > TARGET_WORDS:
                yield "".join(gathered)
                gathered, count = [], 0
            gathered.append((glue if gathered else "") + part)
            count += size
    if gathered:
        yield "".join(gathered)


def _fitting(block: str) -> Iterator[tuple[str, str]]:
    """Parts of a paragraph that fit a chunk, each with what stood between it and the part before."""
    if len(block.split()) <= TARGET_WORDS:
        yield block, "\n\n"
        return
    glue = "\n\n"
    for line in block.split("\n"):
        for sentence in sentences(line) if len(line.split()) > TARGET_WORDS else [line]:
            words = sentence.split(" ")
            for start in range(0, len(words), TARGET_WORDS):
                part = " ".join(words[start : start + TARGET_WORDS])
                if part.strip():
                    yield part, glue
                    glue = " "
        glue = "\n"


def sentences(text: str) -> list[str]:
    """The sentences of one line or paragraph, word for word."""
    found: list[str] = []
    start = 0
    for gap in _SENTENCE.finditer(text):
        if _ABBREVIATION.search(text[start : gap.start()]):
            continue
        sentence = text[start : gap.end()].strip()
        if sentence:
            found.append(sentence)
        start = gap.end()
    rest = text[start:].strip()
    return [*found, rest] if rest else found
