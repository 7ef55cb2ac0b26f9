"""A mail as it came, safe to look at: by the one allow-list, pictures from elsewhere only when asked for."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator, Sequence

import nh3

from channels.allowed import ATTRIBUTES, SCHEMES, TAGS
from channels.base import Original
from channels.email.mail import Address, Mail, MailFile, Words
from channels.email.parse import pieces

LENGTH = 500_000  # characters of one piece that are shown; what cleaning them takes has a limit besides
_FACT = 1_000  # characters
_PICTURES = {"image/png", "image/jpeg", "image/gif", "image/webp"}
_OWN_SIZE = 4_000_000  # bytes of the mail's own pictures, together
_UNSEEN = {
    *("script", "style", "title", "noscript", "template", "svg", "math", "iframe", "object"),
    *("select", "button", "textarea"),
}


def show(raw: bytes, *, pictures: bool) -> Original:
    """The whole of a mail, with what it quotes and how it is signed. Raises NotUnderstood and nothing else.

    To be called apart: cleaning takes quadratic time on hostile markup.
    """
    mail, words = pieces(raw)
    cleaner = _Cleaner(mail.attachments, pictures=pictures)
    return Original(
        facts=tuple(_facts(mail)),
        html="\n<hr>\n".join(cleaner.clean(each) for each in words),
        elsewhere=cleaner.elsewhere,
    )


def _facts(mail: Mail) -> Iterator[tuple[str, str]]:
    given = {
        "From": _people([mail.sender] if mail.sender else []),
        "Reply-To": _people(mail.reply_to),
        "To": _people(mail.to),
        "Cc": _people(mail.cc),
        "Date": mail.first("date"),
        "Subject": mail.subject,
    }
    return ((name, value[:_FACT]) for name, value in given.items() if value)


def _people(addresses: Sequence[Address]) -> str:
    return ", ".join(f"{each.name} <{each.address}>" if each.name else each.address for each in addresses)


class _Cleaner:
    """Lets through what anybody may be shown, and counts the pictures that lie elsewhere."""

    def __init__(self, files: Sequence[MailFile], *, pictures: bool) -> None:
        self.elsewhere = 0
        self._pictures = pictures
        self._files = {each.content_id: each for each in files if each.content_id}
        self._left = _OWN_SIZE

    def clean(self, words: Words) -> str:
        if not words.html.strip():
            return f'<div class="plain">{html.escape(words.plain[:LENGTH])}</div>'
        return nh3.clean(
            words.html[:LENGTH],
            tags={*TAGS, "img"},
            clean_content_tags=_UNSEEN,
            attributes={tag: set(names) for tag, names in ATTRIBUTES.items()} | {"img": {"src", "alt"}},
            attribute_filter=self._attribute,
            url_schemes={*SCHEMES, "cid"},
            url_relative="deny",
            set_tag_attribute_values={"a": {"target": "_blank"}},
            link_rel="noopener noreferrer nofollow",
        )

    def _attribute(self, tag: str, name: str, value: str) -> str | None:
        if (tag, name) == ("img", "src"):
            return self._picture(value.strip())
        return None if value.strip().lower().startswith("cid:") else value

    def _picture(self, address: str) -> str | None:
        """Where a picture may be taken from: the mail itself, or elsewhere, by https alone."""
        scheme, _, rest = address.partition(":")
        if scheme.lower() == "cid":
            return self._own(rest)
        if scheme.lower() not in {"http", "https"}:
            return None
        self.elsewhere += 1
        return f"https:{rest}" if self._pictures else None

    def _own(self, content_id: str) -> str | None:
        file = self._files.get(content_id)
        if file is None or file.media_type not in _PICTURES or len(file.data) > self._left:
            return None
        self._left -= len(file.data)
        return f"data:{file.media_type};base64,{base64.b64encode(file.data).decode()}"
