"""Mails as they came: what is shown of them is safe, whole, and loads nothing that was not asked for."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser

import pytest

from channels.allowed import TAGS
from channels.base import Original
from channels.email.apart import Apart
from channels.email.mail import NotUnderstood
from channels.email.show import show
from tests.channels.email.mails import corpus, files, payload
from tests.e2e.test_safety import hostile

HEAD = (
    "From: Zoë <zoe@customer.example>\r\nTo: help@northwind.example\r\nSubject: Boots\r\n"
    "MIME-Version: 1.0\r\n"
)


def html_mail(page: str) -> bytes:
    return f"{HEAD}Content-Type: text/html; charset=utf-8\r\n\r\n{page}\r\n".encode("utf-8", "surrogatepass")


def shown(page: str, *, pictures: bool = False) -> Original:
    return show(html_mail(page), pictures=pictures)


class Elements(HTMLParser):
    """What a browser finds in it that is not on the list."""

    def __init__(self) -> None:
        super().__init__()
        self.odd: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS | {"img"}:
            self.odd.append(tag)
        for name, value in attrs:
            known = {"class", "href", "title", "rel", "target", "alt", "start", "colspan", "rowspan"}
            address = re.match(r"(https?|mailto|tel):", value or "", re.IGNORECASE)
            if name == "src" or name not in known or (name == "href" and not address):
                self.odd.append(f"{tag} {name}={value}")


def odd(page: str) -> list[str]:
    found = Elements()
    found.feed(page)
    return found.odd


def test_the_whole_mail_is_shown_with_its_head_and_what_it_quotes() -> None:
    found = show(payload("replies/gmail-web"), pictures=False)
    facts = dict(found.facts)
    assert {"From", "To", "Date", "Subject"} <= set(facts)
    assert "zoe@customer.example" in facts["From"]
    assert "<blockquote>" in found.html
    plain = show(payload("replies/thunderbird-plain"), pictures=False)
    assert '<div class="plain">' in plain.html
    assert "&gt; " in plain.html


def test_pieces_in_both_forms_all_stand_there() -> None:
    raw = (
        HEAD
        + 'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n'
        + "Content-Type: text/html\r\n\r\n<b>One</b>"
        "\r\n--b\r\nContent-Type: text/plain\r\n\r\nTwo <i>\r\n--b--\r\n"
    )
    page = show(raw.encode(), pictures=False).html
    assert page.index("<b>One</b>") < page.index("Two &lt;i&gt;")


def test_pictures_from_elsewhere_are_loaded_only_when_asked_for_and_by_https() -> None:
    page = (
        '<img src="http://tracker.example/o.gif?u=1" alt="a logo"><img src=" HTTPS://cdn.example/b.png">'
        '<img src="//cdn.example/c.png"><img src="/api/me"><img src="data:image/svg+xml,<svg>"><img src="file:///x">'
        '<div style="background:url(https://tracker.example/s)" background="https://tracker.example/b"></div>'
        '<img srcset="https://tracker.example/t 2x"><video poster="https://tracker.example/v"></video>'
        '<link rel="stylesheet" href="https://tracker.example/l">'
        '<meta http-equiv="refresh" content="0;url=//evil">'
    )
    blocked, asked = shown(page), shown(page, pictures=True)
    assert blocked.elsewhere == asked.elsewhere == 2
    assert "tracker.example" not in blocked.html
    assert 'alt="a logo"' in blocked.html
    assert re.findall(r'src="([^"]*)"', asked.html) == [
        "https://tracker.example/o.gif?u=1",
        "https://cdn.example/b.png",
    ]


def test_a_mails_own_pictures_are_shown_from_within_it() -> None:
    def page(media_type: str) -> str:
        raw = (
            f'{HEAD}Content-Type: multipart/related; boundary="b"\r\n\r\n--b\r\n'
            "Content-Type: text/html\r\n\r\n"
            f'<img src="cid:shoe@x"><a href="cid:shoe@x">boot</a>\r\n--b\r\nContent-Type: {media_type}\r\n'
            "Content-ID: <shoe@x>\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n--b--\r\n"
        )
        return show(raw.encode(), pictures=False).html

    assert '<img src="data:image/png;base64,iVBORw0KGgo=">' in page("image/png")
    assert "cid:" not in page("image/png")
    assert "src=" not in page("image/svg+xml")
    assert "src=" not in page("text/html")


def test_links_lead_out_and_nowhere_else() -> None:
    page = shown(
        '<a href="https://shop.example/a?b=1&c=2" onclick="x()">one</a><a href="/dashboard/sign-out">two</a>'
        '<a href="JaVaScRiPt:alert(1)">three</a><a href=" cid:x">four</a>'
        '<a href="mailto:a@b.example">five</a>'
    ).html
    assert re.findall(r'href="([^"]*)"', page) == ["https://shop.example/a?b=1&amp;c=2", "mailto:a@b.example"]
    assert page.count('target="_blank"') >= 2
    assert page.count("noopener noreferrer") == 5


def test_nothing_hostile_is_left_of_the_collections() -> None:
    payloads = list(hostile(corpus("xss-bleach").parent))
    assert len(payloads) > 200
    for pictures in (False, True):
        for each in payloads:
            page = re.sub(r'<img src="https:[^"]*"', "<img", shown(each, pictures=pictures).html)
            assert odd(page) == [], each


def test_every_real_mail_is_shown_or_refused() -> None:
    several = [path for name in ("mail-cpython", "mail-rubymail") for path in files(corpus(name))]
    seen = 0
    for path in several:
        try:
            page = show(path.read_bytes(), pictures=False).html
        except NotUnderstood:
            continue
        seen += 1
        assert odd(re.sub(r'<img src="data:image/[^"]*"', "<img", page)) == []
    assert seen > 100


@pytest.mark.parametrize("bomb", ["<div>" * 90_000, "<blockquote>" * 40_000])
async def test_what_takes_too_long_to_clean_costs_a_process_and_no_more(bomb: str) -> None:
    began = time.monotonic()
    async with Apart(processes=1, cpu=0.5) as apart:
        with pytest.raises(NotUnderstood):
            await apart.show(html_mail(bomb), pictures=False)
        assert "Hello" in (await apart.show(html_mail("Hello"), pictures=False)).html
    assert time.monotonic() - began < 20
