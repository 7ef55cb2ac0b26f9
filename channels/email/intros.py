"""Where quoted mail begins: "On … wrote:", copied headers, "-----Original Message-----".

Mail programs differ in words, hardly in shape: somebody's name or address, a moment, a colon, then the
quote. Shape is asked for first, so that languages nobody listed are understood too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from channels.email.phrases import FORWARDED, LABELS, LEADS, ORIGINAL, QUOTING, WEEKDAYS_AND_MONTHS, WROTE

LENGTH = 600  # characters of an introduction
LINES = 6  # over which one may be broken

DASHES = "-‐‑‒–—―_*=~#+"
_DELIMITING = set(DASHES + "ᐧ·•  \t\u00a0")
_AS_COMPARED = {0xA0: " ", 0x200E: None, 0x200F: None} | {
    zero + digit: str(digit) for zero in (0x660, 0x6F0, 0x966, 0x9E6) for digit in range(10)
}  # Arabic, Persian, Hindi and Bengali digits
_BRACKETED = re.compile(r"(?:<|&lt;|\(|\[)\s?(?:mailto:)?[^\s<>@]{1,100}@[^\s<>@]{1,100}\s?(?:>|&gt;|\)|\])")
_YEAR = re.compile(r"\b(?:19|20)\d\d(?!\d)")
_TIME = re.compile(r"(?<!\d)\d{1,2}\s?(?:[:.h時时]\s?\d{2}(?!\d)|[ap]\.?m\b)", re.IGNORECASE)
_DAY = re.compile(r"(?<!\d)\d{1,4}[./-]\d{1,2}[./-]\d{1,4}(?!\d)|\d{1,2}\s?[月월]\s?\d{1,2}\s?[日일]")
_MONTH_DAY = re.compile(
    r"\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.? \d{1,2}\b"
    r"|\b\d{1,2}(?:st|nd|rd|th|\.)? (?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)",
    re.IGNORECASE,
)
_DATE_FIRST = re.compile(
    r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|(?:19|20)\d\d\s?[年년]|\d{1,2}\.? [^\W\d]{3,12}\.? (?:19|20)\d\d"
)
_ISO_AND_NAME = re.compile(
    r"(?:19|20)\d\d[/-]\d{1,2}[/-]\d{1,2}(?: \d{1,2}:\d\d)?(?: (?:GMT|UTC)[+-]?[\d:]{0,5})? \S.{1,80}"
)
_WORD = re.compile(r"[^\W\d_]+")
_LEADS = tuple(each.casefold() for each in LEADS)
_WROTE = frozenset(each.casefold() for each in WROTE)
_ORIGINAL = tuple(each.casefold() for each in ORIGINAL)
_FORWARDED = frozenset(each.casefold() for each in FORWARDED)
_DAYS = set(WEEKDAYS_AND_MONTHS)
_MEANING = {label.casefold(): meaning for meaning, labels in LABELS.items() for label in labels}
_WEEKDAY = re.compile(r"[^\W\d_]{2,14}[.,]{0,2} \d{1,2}[.\s]")  # whatever its language calls it
_SMALL = {"ezt", "hat", "heeft", "ha", "a", "har", "je"}


def is_blank(line: str) -> bool:
    return not line.strip(" \t\u00a0\u200b\u200e\u200f\ufeff\u2060")


def is_delimiter(line: str) -> bool:
    """A row of dashes and the like, and nothing else."""
    return len(line) < 200 and _DELIMITING.issuperset(line) and not is_blank(line)


def is_quoted(line: str) -> bool:
    return line[:4].lstrip(" \t\u00a0").startswith(">")


def plain(line: str) -> str:
    """A line as it is compared: one kind of space and of digits, without marks of direction."""
    return " ".join(line.translate(_AS_COMPARED).split())


def intro_end(lines: Sequence[str], at: int) -> int:
    """The line after the introduction that begins at `at`, or `at` when none does.

    Rows of dashes before copied headers belong to them.
    """
    start = at
    while at < len(lines) and at < start + 4 and (is_delimiter(lines[at]) or is_blank(lines[at])):
        at += 1
    if at >= len(lines) or is_quoted(lines[at]):
        return start
    if at > start and not any(is_delimiter(each) for each in lines[start:at]):
        return start
    first = lines[at]
    if len(first) > LENGTH:
        return start
    end = _headers_end(lines, at, separated=at > start)
    if end == at and at == start:
        end = _original_end(lines, at) or _attribution_end(lines, at) or at
    return end if end > at else start


def _original_end(lines: Sequence[str], at: int) -> int:
    """After "-----Original Message-----" and the headers below it; 0 when it is none."""
    line = plain(lines[at]).casefold().strip(" >")
    words = line.strip(f" {DASHES}:")
    dashed = line[:2].strip(DASHES) == "" and len(line) - len(line.rstrip(f"{DASHES} :")) >= 2
    known = dashed and any(
        words == each or (words.startswith(each + " ") and len(words) < 100) for each in _ORIGINAL
    )
    if not known and not (line.endswith((":", "：")) and words.strip(":： ") in _FORWARDED):
        return 0
    end = at + 1
    below = end
    while below < len(lines) and below <= end + 2 and is_blank(lines[below]):
        below += 1
    headers = _headers_end(lines, below, separated=True) if below < len(lines) else below
    return headers if headers > below else end


def _label(line: str) -> tuple[str, str] | None:
    """What a copied header tells, and its value."""
    if len(line) > 2_000:
        return None
    line = line.replace("\u00a0", " ").replace("\u200e", "").replace("：", ":", 1)
    label, colon, value = line.partition(":")
    if not colon or len(label) > 40:
        return None
    meaning = _MEANING.get(" ".join(label.casefold().strip(" \t*_|").split()))
    return (meaning, value.strip(" \t*")) if meaning else None


def _headers_end(lines: Sequence[str], at: int, *, separated: bool) -> int:
    """After a block of copied headers that begins at `at`, or `at`.

    Somebody may write "From: Berlin, To: Munich, Date: …" of a journey: an address, a subject or a row of
    dashes must be about.
    """
    found: set[str] = set()
    address = False
    end, broken, position = at, 0, at
    while position < len(lines) and position < at + 24:
        line = lines[position]
        label = _label(line)
        if label is not None and not (label[0] in found and label[0] in {"from", "subject"}):
            found.add(label[0])
            address = address or "@" in label[1]
            broken = 0
            end = position + 1
        elif is_blank(line) or broken >= 2 or not found or is_quoted(line):
            break
        else:
            broken += 1
            address = address or ("@" in line and "from" in found and len(found) == 1)
        position += 1
    if broken and end > at and lines[end].startswith((" ", "\t", "<")) and "@" in lines[end]:
        end += 1  # the last header goes on
    if "from" not in found or not found & {"date", "to", "subject"}:
        return at
    known = found - {"other"}
    told = len(known) >= (2 if separated else 3) and (separated or address or "subject" in known)
    return end if told or len(known) >= 4 else at


def _attribution_end(lines: Sequence[str], at: int) -> int:
    """After "On … wrote:" that begins at `at`, or 0."""
    first = plain(lines[at]).lstrip("-‐–— [")
    if not first or not _may_begin(first):
        return 0
    own_line = _named_address(first)
    joined = ""
    for end in range(at + 1, min(at + 1 + LINES, len(lines) + 1)):
        line = lines[end - 1]
        if is_blank(line):
            # Some programs leave a blank line before the address.
            if end < len(lines) and plain(lines[end]).startswith("<") and joined:
                continue
            return 0
        open_bracket = joined.count("<") > joined.count(">")
        if (is_quoted(line) and not open_bracket) or (
            end - 1 > at
            and _begins_surely(plain(line))
            and not _wraps(joined)
            and not (own_line and "@" not in line)
        ):
            return 0
        joined = f"{joined} {plain(line)}".strip()
        if len(joined) > LENGTH:
            return 0
        if _is_attribution(joined, _next(lines, end), single=own_line or end == at + 1):
            return end
    return 0


def _named_address(text: str) -> bool:
    """Whether a line begins like "Anna Bell <anna@…>": then what follows may be when they wrote."""
    found = _BRACKETED.search(text[:200])
    words = text[: found.start()].split() if found else []
    return 0 < len(words) <= 4 and all(each.strip("\"'(")[:1].isupper() for each in words)


def _wraps(joined: str) -> bool:
    return len(joined) < 40 and joined.endswith((",", "den", "dem", "le", "on"))


def _next(lines: Sequence[str], at: int) -> str:
    """The next line that says something."""
    for line in lines[at : at + 4]:
        if not is_blank(line):
            return line
    return ""


def _lead(text: str) -> bool:
    low = text.casefold()
    return any(low.startswith(each) and not low[len(each) : len(each) + 1].isalpha() for each in _LEADS)


def _dated_first(text: str) -> bool:
    if _DATE_FIRST.match(text) or _ISO_AND_NAME.match(text):
        return True
    word = _WORD.match(text)
    return word is not None and word[0].casefold() in _DAYS and any(char.isdigit() for char in text[:40])


def _begins_surely(text: str) -> bool:
    return _dated_first(text) or (_lead(text) and any(char.isdigit() for char in text[:30]))


def _may_begin(text: str) -> bool:
    return (
        _lead(text)
        or _dated_first(text)
        or _WEEKDAY.match(text) is not None
        or "@" in text
        or text.rstrip().endswith((":", "："))
    )


def _is_attribution(text: str, following: str, *, single: bool) -> bool:
    text = text.strip("-‐–— []")
    low = text.casefold()
    quote = following.lstrip().startswith((">", "|"))
    colon = low.endswith((":", "："))
    body = low.rstrip(":： \u00a0")
    moments = sum(bool(each.search(text)) for each in (_YEAR, _TIME, _DAY, _MONTH_DAY))
    address = _BRACKETED.search(text) is not None
    verb_last = _ends_with_verb(body)
    named = single and _name_wrote(text)
    if moments == 0:
        # "Anna <anna@…> wrote:", as K-9 and some webmails have it; or no address, but the quote below.
        if address and colon:
            return low.startswith(QUOTING) or (single and verb_last)
        return colon and single and quote and named
    begins = _lead(text) or _dated_first(text) or (address and _WEEKDAY.match(text) is not None)
    if verb_last and (colon or address or quote or moments > 1):
        return begins or address or (quote and single)
    if not colon:
        return _bare(text, single=single)
    sure = address or moments > 1
    verb_within = any(_is_verb(each) for each in low.split())
    ends_with_address = address and moments > 1 and body.endswith((">", "&gt;", ")", "]"))
    return (
        (verb_within and ((begins and sure) or (named and (sure or quote))))
        or (begins and ends_with_address)
        or (quote and single and moments > 1 and (begins or address))
    )


def _bare(text: str, *, single: bool) -> bool:
    """Older Gmail has neither a verb nor a colon: "2013/7/20 Anna <anna@…>"."""
    if _ISO_AND_NAME.fullmatch(text) is None or text.endswith((".", "!", "?")):
        return False
    return text.endswith((">", "&gt;")) or (":" in text and len(text) < 60 and single)


def _ends_with_verb(body: str) -> bool:
    found = body.rstrip(" ,")
    for verb in _WROTE:
        if found.endswith(verb):
            before = found[: -len(verb)]
            # "wrote" may stick to an address: "<anna@…>wrote".
            return not before or not before[-1].isalpha() or not verb[0].isascii()
    return False


def _is_verb(word: str) -> bool:
    return word.strip(" ,:;\"'<>") in _WROTE


def _name_wrote(text: str) -> bool:
    """Whether this reads like a name and what they did, not like a sentence: "Anna Bell wrote:"."""
    name: list[str] = []
    for word in text.split()[:8]:
        if _is_verb(word.casefold()):
            return 0 < len(name) <= 4
        if "@" not in word and word.casefold() not in _SMALL:
            if not word.strip("\"'(")[:1].isupper():
                return False
            name.append(word)
    return False
