"""The answer without a model: the best passage's own sentences, and where they are from."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.orchestrator.grounding import content
from bot.orchestrator.language import Language
from bot.orchestrator.outcome import Citation, Reply
from bot.orchestrator.phrases import phrase_in
from knowledge.base import Passage
from knowledge.chunk import sentences
from knowledge.quote import readable

CONFIDENT = 0.3  # of Passage.score: below it a passage is not worth quoting
_LONGEST = 480  # characters of one excerpt, when it has a choice
_CUT = 1_200  # characters of one excerpt in any case
_SENTENCES = 4
_ITEMS = 7

_NEARLY = 0.85  # of the first document's score: another one is worth a sentence
_CLOSE = 0.25  # between the scores of two passages of a document that may be the better one

_RULE = re.compile(r"[\s|:-]+")  # the line under a table's head
_ITEM = re.compile(r"\s*(?:[-*•+]|\d{1,2}[.)])\s+")
_WISHES = re.compile(
    r"[?!.;\n]+\s*|,?\s+(?:and|also|und|et|y|e|en|och|og|i|ve)\s+(?:also\s+|auch\s+|aussi\s+)?"
    r"(?=(?:how|what|when|where|why|who|which|can|could|do|does|is|are|will|if"
    r"|wie|was|wann|wo|warum|wer|kann|gibt|ist|comment|quand|où|combien|puis|cómo|cuándo|dónde|puedo)\b)",
    re.IGNORECASE,
)
_PICTURE = re.compile(r"!\[[^\[\]]*\]\([^()]*\)")
_LINK = re.compile(r"\[([^\[\]]+)\]\([^()]*\)")
_HEADING = re.compile(r"^#{1,6}\s+", re.MULTILINE)


def compose(
    question: str, passages: Sequence[Passage], *, language: Language, confident: float = CONFIDENT
) -> Reply | None:
    """A reply in the documents' own words, or None when no passage is good enough to be one.

    A message with two wishes is answered from two documents when both are confident. When another document
    fits nearly as well, the sentence of it that fits best is added.
    """
    good = [each for each in passages if each.score >= confident]
    if not good:
        return None
    chosen = _one_per_wish(question, good)
    parts = []
    for number, passage in enumerate(chosen, 1):
        excerpt = _excerpt(question, passage)
        named = [row for row in _rows_named(question, passage, good) if row not in excerpt]
        parts.append(phrase_in(language, "passage", title=f"*{escaped(passage.title)}*"))
        parts.append(_marked(_laid_out([excerpt, *named]), number))
    if len(chosen) == 1 and (other := _nearly_as_good(chosen[0], good)):
        chosen.append(other)
        parts.append(phrase_in(language, "related", title=f"*{escaped(other.title)}*"))
        parts.append(_marked(_shown(_cleaned(other.quote), other), 2))
    return Reply(
        text="\n\n".join(parts),
        citations=[
            Citation(title=each.title, url=each.url, quote=readable(each.quote, each.text)) for each in chosen
        ],
    )


def _nearly_as_good(chosen: Passage, passages: Sequence[Passage]) -> Passage | None:
    return next(
        (
            each
            for each in passages
            if each.document != chosen.document
            and each.score >= chosen.score * _NEARLY
            and each.quote.strip()
        ),
        None,
    )


def _one_per_wish(question: str, passages: Sequence[Passage]) -> list[Passage]:
    chosen = [_best_of(passages[0], content(question), passages)]
    wishes = [content(wish) for wish in _WISHES.split(question)]
    wishes = [wish for wish in wishes if len(wish) >= 2]
    if len(wishes) < 2:
        return chosen
    held = {each: content(f"{each.title} {each.text}") for each in passages}
    for wish in wishes[:3]:
        best = max(passages, key=lambda each: (len(wish & held[each]), each.score))
        answered = max(len(wish & held[each]) for each in chosen)
        better = len(wish & held[best])
        known = any(best.document == each.document for each in chosen)
        if not known and better > answered and better * 2 >= len(wish):
            chosen.append(best)
    return chosen[:2]


def _best_of(first: Passage, wanted: set[str], passages: Sequence[Passage]) -> Passage:
    """Of the first passage's document the one with the line that fits best: the search ranks documents.

    Of several that fit alike the page's beginning, which is written for whoever asks no more than that.
    """
    near = [
        each for each in passages if each.document == first.document and each.score >= first.score - _CLOSE
    ]
    return max(
        near,
        key=lambda each: (
            _best_line(wanted, each),
            len(wanted & content(each.title.rpartition(" › ")[2])),
            " › " not in each.title,
            len(wanted & content(each.quote)),
        ),
    )


def _best_line(wanted: set[str], passage: Passage) -> int:
    """How many of the words wanted stand in one line of the passage and its heading."""
    heading = passage.title.rpartition(" › ")[2]
    return max(len(wanted & content(f"{heading} {line}")) for line in passage.text.split("\n"))


def _excerpt(question: str, passage: Passage) -> str:
    """The sentences around the passage's quote, its list, or its table's rows, word for word."""
    raw = [line.rstrip() for line in _cleaned(passage.text).split("\n") if line.strip()]
    if not raw:
        return _cleaned(passage.quote)
    at = _line_of(_cleaned(passage.quote), raw)
    if _is_row(raw[at]):
        # What the page is about tells no row from another.
        return _laid_out(_rows_for(content(question) - content(passage.title), at, raw))
    lines = _without_tables(raw)
    if len("\n".join(lines)) <= _LONGEST:
        return _laid_out(lines)
    at = _line_of(_cleaned(passage.quote), lines)
    if _ITEM.match(lines[at]):
        return _laid_out(_list_around(at, lines))
    if lines[at].endswith(":") and at + 1 < len(lines) and _ITEM.match(lines[at + 1]):
        return _laid_out(_list_around(at + 1, lines))
    return _laid_out(_sentences_around(at, question, passage, lines))


def _sentences_around(at: int, question: str, passage: Passage, lines: Sequence[str]) -> list[str]:
    """From the quote on to the end of its thought; from the paragraph's start when that is near enough."""
    told = sentences(lines[at])
    quote = _cleaned(passage.quote)
    wanted = content(question)
    first = next((i for i, each in enumerate(told) if quote.startswith(each) or each in quote), None)
    if first is None:
        first = max(range(len(told)), key=lambda i: len(wanted & content(told[i])))
    if sum(map(len, told[: first + 2])) <= _LONGEST and first < _SENTENCES - 1:
        first = 0
    chosen = _fitting(told[first:], _SENTENCES)
    kept = [" ".join(chosen)]
    following = lines[at + 1 : at + 2]
    if len(chosen) == len(told) - first and following:
        room = _LONGEST - len(kept[0])
        if kept[0].endswith(":") and _ITEM.match(following[0]):
            kept += _list_around(at + 1, lines)[1:]
        elif len(chosen) <= 2 and not _ITEM.match(following[0]) and len(following[0]) <= room:
            kept += following
    return kept


def _is_row(line: str) -> bool:
    return line.lstrip().startswith("|")


def _rows_for(wanted: set[str], at: int, lines: Sequence[str]) -> list[str]:
    """The table around line `at` as a list: the rows sharing most words with the question, or the first."""
    start = end = at
    while start > 0 and _is_row(lines[start - 1]):
        start -= 1
    while end + 1 < len(lines) and _is_row(lines[end + 1]):
        end += 1
    head, *rows = [_cells(line) for line in lines[start : end + 1] if not _RULE.fullmatch(line)] or [[""]]
    shared = [len(wanted & content(" ".join(row))) for row in rows]
    most = max(shared, default=0)
    shown = [row for row, words_shared in zip(rows, shared, strict=True) if words_shared == most]
    lead = [lines[start - 1]] if start > 0 and lines[start - 1].endswith(":") else []
    return [*lead, *(_row(head, row) for row in (shown or [head])[:_ITEMS])]


def _rows_named(question: str, chosen: Passage, passages: Sequence[Passage]) -> list[str]:
    """Rows of the chosen document's tables that are about something the question names: a country, say."""
    wanted = content(question) - content(chosen.title)
    named: list[str] = []
    for passage in passages:
        if passage.document != chosen.document:
            continue
        head: list[str] | None = None
        for line in _cleaned(passage.text).split("\n"):
            if not _is_row(line):
                head = None
            elif head is None:
                head = _cells(line)
            elif wanted & content((cells := _cells(line))[0]):
                named.append(_row(head, cells))
    return named if len(named) <= _ITEMS else []


def _without_tables(lines: Sequence[str]) -> list[str]:
    """The lines with every table turned into a list."""
    told: list[str] = []
    head: list[str] | None = None
    for line in lines:
        if not _is_row(line):
            head = None
            told.append(line)
        elif head is None:
            head = _cells(line)
        elif not _RULE.fullmatch(line):
            told.append(_row(head, _cells(line)))
    return told or list(lines)


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _row(head: Sequence[str], cells: Sequence[str]) -> str:
    """A table's row as a list's item: "France: Working days 3, Fee 8.90"."""
    first, *rest = cells
    if len(rest) <= 1:
        return f"- **{first}**: {rest[0]}" if rest else f"- {first}"
    named = [f"{name} {cell}" for name, cell in zip(head[1:], rest, strict=False) if cell]
    return f"- **{first}**: {', '.join(named)}"


def _shown(quote: str, passage: Passage) -> str:
    """A quote on its own: a table's row with its heads, a colon with what it announces."""
    raw = [line for line in _cleaned(passage.text).split("\n") if line.strip()]
    if quote.endswith(":") and raw:
        lines = _without_tables(raw)
        following = _line_of(quote, lines) + 1
        if following < len(lines) and _ITEM.match(lines[following]):
            return _laid_out([quote, *_list_around(following, lines)[1:]])
    if not _is_row(quote):
        return quote
    return _laid_out(_rows_for(content(quote), _line_of(quote, raw), raw))


def _list_around(at: int, lines: Sequence[str]) -> list[str]:
    """The list that line `at` belongs to, led in by the line before it; its start, or what is nearest."""
    start = end = at
    while start > 0 and _ITEM.match(lines[start - 1]):
        start -= 1
    while end + 1 < len(lines) and _ITEM.match(lines[end + 1]):
        end += 1
    shown = start if at - start < _ITEMS else at
    items = list(lines[shown : min(end + 1, shown + _ITEMS)])
    lead = lines[start - 1] if start > 0 and shown == start else ""
    return [lead.strip() and sentences(lead)[-1], *items] if lead else ["", *items]


def _fitting(told: Sequence[str], most: int) -> list[str]:
    chosen: list[str] = []
    for each in told[:most]:
        if chosen and len(" ".join([*chosen, each])) > _LONGEST:
            break
        chosen.append(each)
    return chosen


def _line_of(quote: str, lines: Sequence[str]) -> int:
    wanted = quote.partition("\n")[0].strip()
    for i, line in enumerate(lines):
        if wanted and (wanted in line or line in wanted):
            return i
    stems = content(quote)
    return max(range(len(lines)), key=lambda i: len(stems & content(lines[i])))


def _laid_out(lines: Sequence[str]) -> str:
    """Lines as Markdown: paragraphs apart, a list together."""
    text = ""
    listed = False
    for line in lines:
        if not line:
            continue
        item = bool(_ITEM.match(line))
        text += ("\n" if item and listed else "\n\n") + line
        listed = item
    text = text.strip()
    return text if len(text) <= _CUT else text[:_CUT].rsplit(" ", 1)[0] + " …"


def _marked(excerpt: str, number: int) -> str:
    """With its source's number at the end of the words, outside code that ends them.

    A colon that announces nothing here shows that the page goes on.
    """
    if excerpt.endswith(":"):
        excerpt = excerpt[:-1] + " …"
    apart = "\n\n" if excerpt.endswith("```") else " "
    return f"{excerpt}{apart}[{number}]"


def _cleaned(text: str) -> str:
    return _HEADING.sub("", _LINK.sub(r"\1", _PICTURE.sub("", text)))


def renumbered(text: str, by: int) -> str:
    """A composed answer whose sources are counted on from those of what stands before it."""
    return re.sub(r"\[(\d{1,3})\](?!\()", lambda found: f"[{int(found.group(1)) + by}]", text)


def escaped(title: str) -> str:
    """A page's title as Markdown that shows just that."""
    return re.sub(r"([*_`\[\]\\<>])", r"\\\1", title)
