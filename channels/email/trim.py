"""The customer's own new words; what they quote and how they sign stand apart.

When unsure a line stays: history shown twice is a nuisance, words lost are a question unanswered.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from channels.email.intros import DASHES, LENGTH, intro_end, is_blank, is_delimiter, is_quoted, plain
from channels.email.phrases import SENT_FROM, SENT_FROM_ENDS

SIGNATURE = 12  # lines below a "--"
FOOTER = 8  # lines below a rule
ROUNDS = 20  # of a signature below a quote below a signature
READ = 3_000  # lines among which introductions are looked for; whoever writes more quotes far above

_SENT_FROM = tuple(each.casefold() for each in SENT_FROM)
_NAMED_QUOTE = re.compile(r"[^\W\d_]{1,20}>+(?: |$)")
_CONTACT = re.compile(r"https?://|www\.|mailto:|@[\w-]+\.\w", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Trimmed:
    """A text in three: own words (with the quoted lines that are answered between them), and the rest."""

    text: str
    quoted: str
    signature: str


class _Is(Enum):
    OWN = auto()
    QUOTE = auto()
    INTRO = auto()


def trim(text: str) -> Trimmed:
    """Take the words that are new out of a message's plain text."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    kinds = _kinds(lines)
    end, signed = len(lines), set[int]()
    for _ in range(ROUNDS):
        before = end
        while end and (is_blank(lines[end - 1]) or kinds[end - 1] is not _Is.OWN):
            end -= 1
        start = _signature_start(lines, kinds, end)
        signed.update(range(start, end))
        end = start
        if end == before:
            break
    kept = [each for each in range(end) if kinds[each] is not _Is.INTRO]
    own = any(kinds[each] is _Is.OWN and not is_blank(lines[each]) for each in kept)
    if not own and not _introduced(lines, kinds) and not _only_mobile(lines, signed):
        return Trimmed(text=_joined(lines), quoted="", signature="")
    rest = [at for at in range(len(lines)) if at not in signed and (at >= end or kinds[at] is _Is.INTRO)]
    return Trimmed(
        text=_joined([lines[each] for each in kept]),
        quoted=_joined([lines[each] for each in rest]),
        signature=_joined([lines[each] for each in sorted(signed)]),
    )


def _joined(lines: Sequence[str]) -> str:
    start, end = 0, len(lines)
    while start < end and is_blank(lines[start]):
        start += 1
    while end > start and is_blank(lines[end - 1]):
        end -= 1
    return "\n".join(lines[start:end]).rstrip()


def _introduced(lines: Sequence[str], kinds: Sequence[_Is]) -> bool:
    """Whether something said that what follows is quoted, be it within the quote."""
    if _Is.INTRO in kinds:
        return True
    bare = [line.lstrip("> \t|") for line in lines[:20]]
    return any(intro_end(bare, at) > at for at in range(len(bare)) if bare[at])


def _only_mobile(lines: Sequence[str], signed: set[int]) -> bool:
    return bool(signed) and all(is_blank(line) or _sent_from(line) for line in lines)


def _kinds(lines: Sequence[str]) -> list[_Is]:
    """What each line is; blank lines are what they lie in."""
    kinds = [_Is.OWN] * len(lines)
    at = 0
    own = False  # something of the writer's has come
    while at < len(lines):
        if is_quoted(lines[at]):
            kinds[at] = _Is.QUOTE
            at += 1
            continue
        end = intro_end(lines, at) if at < READ else at
        if end > at:
            kinds[at:end] = [_Is.INTRO] * (end - at)
            after = _quote_end(lines, end)
            if after > end:
                kinds[end:after] = [_Is.QUOTE] * (after - end)
            elif own:
                # Quoted without marks, as Outlook does: all that follows is history.
                kinds[end:] = [_Is.QUOTE] * (len(lines) - end)
                break
            at = max(end, after)
            continue
        if _wrapped_quote(lines, at):
            kinds[at] = _Is.QUOTE
        elif (
            not own and not is_blank(lines[at]) and not is_delimiter(lines[at]) and not _sent_from(lines[at])
        ):
            own = True
        at += 1
    return kinds


def _quote_end(lines: Sequence[str], at: int) -> int:
    """After the marked quote that follows an introduction, or `at` when what follows bears no marks."""
    while at < len(lines) and is_blank(lines[at]):
        at += 1
    end = at
    while at < len(lines) and (_marked(lines[at]) or is_blank(lines[at]) or _wrapped_quote(lines, at)):
        at += 1
        if not is_blank(lines[at - 1]):
            end = at
    return end if end and _marked(lines[end - 1]) else 0


def _marked(line: str) -> bool:
    """Whether a line after an introduction is marked as quoted; some mark by a bar or by a name."""
    return is_quoted(line) or line.startswith("|") or _NAMED_QUOTE.match(line) is not None


def _wrapped_quote(lines: Sequence[str], at: int) -> bool:
    """Whether a line is the end of a long quoted one, broken on its way."""
    if not 0 < at < len(lines) - 1 or not is_quoted(lines[at - 1]) or not is_quoted(lines[at + 1]):
        return False
    before = lines[at - 1].rstrip()
    return len(before) >= 65 and before[-1] not in ".?!:" and lines[at][:1].islower()


def _signature_start(lines: Sequence[str], kinds: Sequence[_Is], end: int) -> int:
    """Where the signature begins that ends own words at `end`, or `end`."""
    start = end
    while (
        start
        and kinds[start - 1] is _Is.OWN
        and not is_blank(lines[start - 1])
        and _closing(lines[start - 1])
    ):
        start -= 1
    if start < end:
        return start
    first = end
    while first and kinds[first - 1] is _Is.OWN and end - first <= 60:
        first -= 1
    for at in range(first, end):
        if _signs(lines, at, end):
            return at
    return end


def _closing(line: str) -> bool:
    return is_delimiter(line) or _sent_from(line)


def _signs(lines: Sequence[str], at: int, end: int) -> bool:
    """Whether a signature or a list's footer begins with the line at `at` and ends at `end`."""
    line = lines[at]
    below = sum(not is_blank(each) for each in lines[at + 1 : end])
    if line.rstrip("\n") in {"-- ", "--\u00a0"}:  # RFC 3676
        return True
    if line.strip() in {"--", "—", "––"}:
        return below <= SIGNATURE and not _asks(lines[at + 1 : end])
    if is_delimiter(line) and len(line.strip()) > 1 and at + 1 < end and not is_blank(lines[at + 1]):
        return below <= FOOTER and _footer(lines[at + 1 : end])
    return False


def _asks(lines: Sequence[str]) -> bool:
    """Whether somebody still writes: a "--" may stand between two paragraphs."""
    return any(len(each) > 200 or each.rstrip().endswith("?") for each in lines)


def _footer(lines: Sequence[str]) -> bool:
    """Whether these lines say where to turn to: a list's, a company's, a virus scanner's."""
    return any(_CONTACT.search(each[:1_000]) for each in lines) and not _asks(lines)


def _sent_from(line: str) -> bool:
    """What phones and programs add: "Sent from my iPhone", in one line and not in a sentence."""
    if len(line) > LENGTH or is_blank(line):
        return False
    low = plain(line).casefold().strip(f" {DASHES}[](")
    words = low.partition("<")[0].partition("(http")[0].partition("http")[0].strip(" .:,")
    if (
        not words
        or len(words) > 80
        or len(words.split()) > 9
        or "," in words
        or ". " in words
        or "?" in words
    ):
        return False
    return words.startswith(_SENT_FROM) or words.endswith(SENT_FROM_ENDS)
