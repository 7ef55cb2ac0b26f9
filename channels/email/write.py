"""A letter as the bytes of a mail: text and HTML, the thread's headers, the customer's words quoted below."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime

import nh3

from channels.allowed import ATTRIBUTES, SCHEMES, TAGS
from channels.base import Quoted, Source
from channels.email import mime
from channels.email.address import on_the_wire
from channels.email.ids import one_line, repeatable
from channels.email.plain import readable

_QUOTED = 20_000  # characters of the customer's words; the rest they have themselves
_UNWANTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")
_LINK = re.compile(r"https?://[^\s<>\"]+")


@dataclass(frozen=True, kw_only=True)
class File:
    """An attachment."""

    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, kw_only=True)
class Letter:
    """One mail to one recipient.

    Ids stand without angle brackets, `references` are in order and end with `in_reply_to`. `text` is
    Markdown, `html` the same as HTML; greeting and signature are plain. `automatic`: nobody read it before
    it left (RFC 3834).
    """

    message_id: str
    date: datetime
    sender: str
    sender_name: str
    recipient: str
    recipient_name: str = ""
    reply_to: str = ""
    subject: str
    text: str
    html: str
    greeting: str = ""
    signature: str = ""
    citations: Sequence[Source] = ()
    quoted: Quoted | None = None
    in_reply_to: str = ""
    references: Sequence[str] = ()
    attachments: Sequence[File] = ()
    automatic: bool = False


def write(letter: Letter) -> bytes:
    """The mail as it is to be sent, or NotDelivered when an address in it is none.

    All of it is ASCII, unless an address before its @ is not (RFC 6532).
    """
    name = re.sub(r"[^0-9A-Za-z]", "", letter.message_id)[:40]
    content = mime.multipart(
        "alternative",
        [mime.readable_part("plain", _plain(letter)), mime.readable_part("html", _page(letter))],
        name=name,
    )
    if letter.attachments:
        files = [mime.file_part(each.name, each.media_type, each.content) for each in letter.attachments]
        content = mime.multipart("mixed", [content, *files], name=name)
    return _head(letter) + content


def _head(letter: Letter) -> bytes:
    lines = [
        mime.header("From", mime.mailbox(letter.sender_name, on_the_wire(letter.sender))),
        mime.header("To", mime.mailbox(letter.recipient_name, on_the_wire(letter.recipient))),
        mime.header("Subject", mime.text(letter.subject)),
        mime.header("Date", [format_datetime(letter.date)]),
        mime.header("Message-ID", _ids([letter.message_id])),
    ]
    if letter.reply_to:
        lines.append(mime.header("Reply-To", mime.mailbox(letter.sender_name, on_the_wire(letter.reply_to))))
    if answered := _ids([letter.in_reply_to]):
        lines.append(mime.header("In-Reply-To", answered))
    if thread := _ids(letter.references):
        lines.append(mime.header("References", thread))
    if letter.automatic:
        lines.append(mime.header("Auto-Submitted", ["auto-replied"]))
        # Exchange answers by its own rules: this keeps its receipts and absence notes from coming back.
        lines.append(mime.header("X-Auto-Response-Suppress", ["All"]))
        lines.append(mime.header("X-Switchboard", ["automatic"]))
    lines.append(mime.header("MIME-Version", ["1.0"]))
    return b"".join(lines)


def _ids(ids: Sequence[str]) -> list[str]:
    return [f"<{each}>" for each in ids if repeatable(each)]


def _plain(letter: Letter) -> str:
    sources = [
        f"[{number}] {title} <{url}>" if title != url else f"[{number}] {url}"
        for number, title, url in _sources(letter.citations)
    ]
    blocks = [_clean(letter.greeting), _clean(readable(_UNWANTED.sub("", letter.text))), "\n".join(sources)]
    if signature := _clean(letter.signature):
        blocks.append(f"-- \n{signature}")
    if letter.quoted is not None:
        said = [f"> {line}" if line[:1] not in {"", ">"} else f">{line}" for line in _said(letter.quoted)]
        blocks.append("\n".join([_attribution(letter.quoted), *said]))
    return "\n\n".join(block for block in blocks if block)


def _sources(citations: Sequence[Source]) -> list[tuple[int, str, str]]:
    """Number, title and address of what can be opened."""
    return [
        (number, one_line(source.title) or source.url, source.url)
        for number, source in enumerate(citations, 1)
        if _LINK.fullmatch(source.url)
    ]


def _clean(text: str) -> str:
    lines = _UNWANTED.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).split("\n")
    return "\n".join(line.rstrip() for line in lines).strip("\n")


def _said(quoted: Quoted) -> list[str]:
    text = _clean(quoted.text)
    if len(text) > _QUOTED:
        text = f"{text[:_QUOTED].rstrip()}\n[…]"
    return text.split("\n")


def _attribution(quoted: Quoted) -> str:
    """Who wrote what follows, and when: in the English form, known to programs of any language."""
    when = quoted.when.astimezone(UTC)
    return f"On {format_datetime(when)[:16]} at {when:%H:%M} UTC, {one_line(quoted.who) or 'you'} wrote:"


# No colours but greys that are read on white and on black: mail programs change them as they please, and
# what is not set they set right.
_RULE = "#8a8a8a"
_STYLES = {
    "p": "margin:0 0 1em",
    "h1": "margin:1.2em 0 .5em;font-size:1.35em;line-height:1.3",
    "h2": "margin:1.2em 0 .5em;font-size:1.2em;line-height:1.3",
    "h3": "margin:1.2em 0 .5em;font-size:1.05em;line-height:1.3",
    "h4": "margin:1.2em 0 .5em;font-size:1em;line-height:1.3",
    "ul": "margin:0 0 1em;padding-inline-start:1.6em",
    "ol": "margin:0 0 1em;padding-inline-start:1.6em",
    "li": "margin:0 0 .3em",
    "blockquote": f"margin:0 0 1em;padding:0 0 0 1em;border-left:3px solid {_RULE}",
    "pre": f"margin:0 0 1em;padding:.6em .8em;border:1px solid {_RULE};border-radius:6px;"
    "white-space:pre-wrap;overflow-wrap:anywhere",
    "code": "font-family:ui-monospace,Menlo,Consolas,monospace;font-size:.92em",
    "hr": f"margin:1.5em 0;border:0;border-top:1px solid {_RULE}",
    "table": "margin:0 0 1em;border-collapse:collapse",
    "th": f"padding:.35em .8em .35em 0;border-bottom:2px solid {_RULE};text-align:left;text-align:start;"
    "vertical-align:top;overflow-wrap:break-word",
    "td": f"padding:.35em .8em .35em 0;border-bottom:1px solid {_RULE};vertical-align:top",
}
_TURNS = {"p", "h1", "h2", "h3", "h4", "li", "th", "td"}  # each in the direction of its own language
_BODY = (
    "max-width:42em;font-family:system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif;"
    "font-size:15px;line-height:1.5;overflow-wrap:anywhere"
)
_PAGE = """<!DOCTYPE html>
<html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">
<style>:root {{ color-scheme: light dark }}</style></head>
<body>
<div style="{style}">
{blocks}
</div>
</body></html>
"""


def _page(letter: Letter) -> str:
    blocks = [_paragraph(letter.greeting), letter.html]
    if sources := _sources(letter.citations):
        links = [
            f'[{number}] <a href="{html.escape(url)}">{html.escape(title)}</a>'
            for number, title, url in sources
        ]
        blocks.append(f"<p>{'<br>'.join(links)}</p>")
    blocks.append(_paragraph(letter.signature))
    told = "\n".join(_styled(_UNWANTED.sub("", block)) for block in blocks if block)
    return _PAGE.format(style=_BODY, blocks=told + _quote(letter.quoted))


def _paragraph(text: str) -> str:
    return f"<p>{html.escape(_clean(text)).replace(chr(10), '<br>')}</p>" if _clean(text) else ""


def _quote(quoted: Quoted | None) -> str:
    """The class and the type are those by which mail programs know a quote and fold it away."""
    if quoted is None:
        return ""
    said = "<br>\n".join(html.escape(line) for line in _said(quoted))
    return (
        f'\n<div class="gmail_quote"><div dir="auto" style="margin:1.5em 0 .5em">'
        f"{html.escape(_attribution(quoted))}</div>\n"
        f'<blockquote type="cite" class="gmail_quote" dir="auto" style="{_STYLES["blockquote"]}">'
        f"{said}</blockquote></div>"
    )


def _styled(fragment: str) -> str:
    """The fragment with its look written into each element, as mail programs need it, and nothing unknown."""
    return nh3.clean(
        fragment,
        tags=set(TAGS),
        attributes={tag: set(names) for tag, names in ATTRIBUTES.items()},
        set_tag_attribute_values={
            tag: {"style": style} | ({"dir": "auto"} if tag in _TURNS else {})
            for tag, style in _STYLES.items()
        },
        url_schemes=set(SCHEMES),
        link_rel=None,
    )
