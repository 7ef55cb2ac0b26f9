"""Markdown and MDX as a reader sees them: front matter, sections, text without marks."""

from __future__ import annotations

import html
import re
from datetime import date, datetime

import yaml

from knowledge.page import Page, Section

_FRONT = re.compile(r"\A---[ \t]*\n(.*?\n)?(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_TOML_FRONT = re.compile(r"\A\+\+\+[ \t]*\n(.*?\n)?\+\+\+[ \t]*(?:\n|\Z)", re.DOTALL)
_FENCE = re.compile(r"^\s{0,3}(```+|~~~+)")
HIDDEN = re.compile(
    r"<(script|style|svg|noscript)\b.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)", re.DOTALL | re.IGNORECASE
)
_MDX_COMMENT = re.compile(r"\{/\*.*?\*/\}", re.DOTALL)
_IMPORT = re.compile(
    r"^(?:import\s+(?:[\w*{}\s,$]+\s+from\s+)?['\"][^'\"\n]+['\"];?|export\s+(?:const|let|default|function)\b.*)$",
    re.MULTILINE,
)
_BLOCK_TAG = re.compile(
    r"</?(?:p|div|br|hr|li|ul|ol|tr|table|thead|tbody|section|article|details|summary|blockquote|pre|head|body|h[1-6])\b[^<>]*>",
    re.IGNORECASE,
)
_CELL_TAG = re.compile(r"</?(?:td|th)\b[^<>]*>", re.IGNORECASE)
_HTML_HEADING = re.compile(r"<h([1-6])\b[^<>]*>(.*?)</h\1\s*>", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z][\w.:-]*(?:\s+[^<>\n]*(?:\n[^<>\n]*){0,20})?/?>")
_ATX = re.compile(r"^\s{0,3}(#{1,6})\s+(.*?)(?:\s+#+)?\s*$")
_ANCHOR = re.compile(r"\s*\{#[\w-]+\}\s*$")
_SETEXT = re.compile(r"^\s{0,3}(=+|-{2,})\s*$")


def read_markdown(text: str) -> Page:
    front, body = _front_matter(text)
    return Page(
        title=clean_inline(_told(front, "title")),
        description=clean_inline(_told(front, "description", "excerpt", "summary")),
        url=_told(front, "url", "permalink", "canonical_url", "slug"),
        sections=sections_of(_visible(body).split("\n"), marked=True),
    )


def _front_matter(text: str) -> tuple[dict[str, object], str]:
    found = _FRONT.match(text)
    if found is None:
        toml = _TOML_FRONT.match(text)
        if toml is None:
            return {}, text
        return _plain_pairs(toml[1] or "", "="), text[toml.end() :]
    try:
        front = yaml.safe_load(found[1] or "")
    except (yaml.YAMLError, ValueError, RecursionError):
        front = _plain_pairs(found[1] or "", ":")
    if front is None or front == {}:
        return {}, text[found.end() :]
    # A page may begin with a rule and prose: only a mapping is front matter.
    return (front, text[found.end() :]) if isinstance(front, dict) else ({}, text)


def _plain_pairs(lines: str, sign: str) -> dict[str, object]:
    """`key: value` lines of front matter that is no valid YAML (an unquoted colon in a title, mostly)."""
    pairs: dict[str, object] = {}
    for line in lines.split("\n"):
        key, found, value = line.partition(sign)
        if found and re.fullmatch(r"\w[\w-]*", key.strip()) and key == key.lstrip():
            pairs[key.strip().lower()] = value.strip().strip("\"'")
    return pairs


def _told(front: dict[str, object], *keys: str) -> str:
    for key in keys:
        value = front.get(key)
        if isinstance(value, str | int | float | date | datetime) and not isinstance(value, bool):
            return " ".join(str(value).split())
    return ""


def _visible(body: str) -> str:
    """The Markdown without what a reader never sees. Code inside fences is text and stays as it is."""
    out: list[str] = []
    prose: list[str] = []
    fence = ""
    for line in body.split("\n"):
        mark = _FENCE.match(line)
        if fence:
            out.append(line)
            if mark and mark[1][0] == fence[0] and len(mark[1]) >= len(fence):
                fence = ""
        elif mark:
            out.append(_visible_prose("\n".join(prose)))
            prose.clear()
            out.append(line)
            fence = mark[1]
        else:
            prose.append(line)
    out.append(_visible_prose("\n".join(prose)))
    return "\n".join(out)


def _visible_prose(text: str) -> str:
    code: list[str] = []

    def keep(found: re.Match[str]) -> str:
        code.append(found[0])
        return f"\x00{len(code) - 1}\x00"

    text = _CODE.sub(keep, text.replace("\x00", ""))  # a tag inside `code` is text
    text = HIDDEN.sub("\n", text)
    text = _MDX_COMMENT.sub("", text)
    text = _IMPORT.sub("", text)
    text = _HTML_HEADING.sub(lambda m: f"\n\n{'#' * int(m[1])} {' '.join(m[2].split())}\n\n", text)
    text = _BLOCK_TAG.sub("\n", text)
    text = _CELL_TAG.sub(" ", text)
    text = _TAG.sub("", text)
    return _KEPT.sub(lambda m: code[int(m[1])], text)


def sections_of(lines: list[str], *, marked: bool) -> tuple[Section, ...]:
    """Splits at headings; `marked` text has Markdown headings, other text has none."""
    sections: list[Section] = []
    path: list[tuple[int, str]] = []
    body: list[str] = []
    fence = ""

    def close() -> None:
        text = clean_block("\n".join(body)) if marked else squeeze("\n".join(body))
        if text:
            sections.append(Section(headings=tuple(name for _, name in path if name), text=text))
        body.clear()

    def open_heading(level: int, name: str) -> None:
        close()
        while path and path[-1][0] >= level:
            path.pop()
        path.append((level, name))

    for line in lines:
        mark = _FENCE.match(line) if marked else None
        if fence:
            if mark and mark[1][0] == fence[0] and len(mark[1]) >= len(fence):
                fence = ""
            body.append(line)
            continue
        if mark:
            fence = mark[1]
            body.append(line)
            continue
        heading = _ATX.match(line) if marked else None
        if heading:
            open_heading(len(heading[1]), clean_inline(_ANCHOR.sub("", heading[2])))
            continue
        under = _SETEXT.match(line) if marked and body else None
        if (
            under
            and body[-1].strip()
            and (len(body) == 1 or not body[-2].strip())
            and not _is_block(body[-1])
        ):
            name = clean_inline(body.pop())
            open_heading(1 if under[1][0] == "=" else 2, name)
            continue
        body.append(line)
    close()
    return tuple(sections)


def _is_block(line: str) -> bool:
    return bool(re.match(r"\s*(?:[-*+>|#]|\d+[.)]\s)", line))


_IMAGE = re.compile(r"!\[([^\]]*)\]\((?:[^()\s]|\([^()]*\))*(?:\s+\"[^\"]*\")?\)")
_LINK = re.compile(
    r"\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(\s*(?:<[^<>\n]*>|(?:[^()\s]|\([^()\s]*\))*)(?:\s+(?:\"[^\"]*\"|'[^']*'))?\s*\)"
)
_REFERENCE = re.compile(r"\[([^\[\]]+)\]\[[^\[\]]*\]")
_DEFINITION = re.compile(r"^\s{0,3}\[[^\]^]+\]:\s+\S+.*$", re.MULTILINE)
_AUTOLINK = re.compile(r"<((?:https?|mailto):[^<>\s]+)>")
_STRONG = re.compile(r"(\*\*\*|\*\*|__)(?=\S)(.+?)(?<=\S)\1")
_EMPHASIS = re.compile(
    r"(?<![\w*\\])\*(?=[^\s*])([^*\n]+?)(?<=[^\s\\])\*(?![\w*])|(?<![\w_\\])_(?=[^\s_])([^_\n]+?)(?<=\S)_(?![\w_])"
)
_STRIKE = re.compile(r"~~(?=\S)(.+?)(?<=\S)~~")
_CODE = re.compile(r"(`+)([^`\n]+?)\1")
_KEPT = re.compile(r"\x00(\d+)\x00")
_ESCAPE = re.compile(r"\\([\\`*_{}\[\]()#+.!|<>~-])")
_ADMONITION = re.compile(r"^[ \t]*:::+[ \t]*(?:[\w-]+)?(?:\[([^\]]*)\])?[ \t]*(.*)$", re.MULTILINE)
_TABLE_RULE = re.compile(r"^\s*\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)*\|?\s*$", re.MULTILINE)
_RULE = re.compile(r"^\s{0,3}(?:[-*_]\s*){3,}$", re.MULTILINE)
_QUOTED = re.compile(r"^\s{0,3}>\s?", re.MULTILINE)
_LITERAL = re.compile(r"\{\s*(['\"`])([^'\"`\n]*)\1\s*\}")
_SHORTCODE = re.compile(r"\{\{[<%].*?[%>]\}\}|\{%.*?%\}")


def clean_inline(text: str) -> str:
    """One line of Markdown as the reader sees it."""
    code: list[str] = []

    def keep(found: re.Match[str]) -> str:
        code.append(found[2].strip())
        return f"\x00{len(code) - 1}\x00"

    text = text.replace("\x00", "")
    text = _CODE.sub(keep, text)
    text = _IMAGE.sub(r"\1", text)
    for _ in range(2):  # a link's text may hold a picture or another bracket
        text = _LINK.sub(r"\1", text)
    text = _REFERENCE.sub(r"\1", text)
    text = _AUTOLINK.sub(r"\1", text)
    for _ in range(2):
        text = _STRONG.sub(r"\2", text)
    text = _EMPHASIS.sub(lambda m: m[1] or m[2], text)
    text = _STRIKE.sub(r"\1", text)
    text = _LITERAL.sub(r"\2", text)
    text = _SHORTCODE.sub("", text)
    text = _ESCAPE.sub(r"\1", text)
    text = html.unescape(text)
    return _KEPT.sub(lambda m: code[int(m[1])], text).strip()


def clean_block(text: str) -> str:
    """A section's Markdown as readable text: lists keep their marks, tables their bars, code its lines."""
    text = _DEFINITION.sub("", text)
    lines: list[str] = []
    prose: list[str] = []
    fence = ""

    def close() -> None:
        block = "\n".join(prose)
        prose.clear()
        block = _ADMONITION.sub(lambda m: " ".join(p for p in (m[1], m[2]) if p), block)
        block = _TABLE_RULE.sub("", block)
        block = _RULE.sub("", block)
        block = _QUOTED.sub("", block)
        for line in block.split("\n"):
            indent = line[: len(line) - len(line.lstrip())]
            cleaned = clean_inline(line)
            lines.append(
                f"{indent}{cleaned}" if cleaned and re.match(r"[-*+]\s|\d+[.)]\s", cleaned) else cleaned
            )

    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if fence:
            if mark and mark[1][0] == fence[0] and len(mark[1]) >= len(fence):
                fence = ""
            else:
                lines.append(line.rstrip())
        elif mark:
            close()
            fence = mark[1]
        else:
            prose.append(line)
    close()
    return squeeze("\n".join(lines))


def squeeze(text: str) -> str:
    text = re.sub(r"[ \t]+\n", "\n", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n").rstrip()
