"""Whatever was written, what is shown holds only what the allow-list allows."""

from __future__ import annotations

import html
import json
import os
import re
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.markup import from_markdown, from_plain, with_sources
from tests.processes import ROOT

TAGS = {"p", "br", "hr", "strong", "em", "del", "s", "code", "pre", "blockquote", "ul", "ol", "li", "a"}
TAGS |= {"h1", "h2", "h3", "h4", "table", "thead", "tbody", "tr", "th", "td"}
ATTRIBUTES = {"a": {"href", "title", "rel"}, "ol": {"start"}}
SCHEMES = {"http", "https", "mailto", "tel", ""}


class Reader(HTMLParser):
    """Reads HTML as a page would, and keeps what must not be there."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.wrong: list[str] = []
        self.text = ""
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in TAGS:
            self.wrong.append(f"<{tag}>")
        for name, value in attrs:
            if name not in ATTRIBUTES.get(tag, set()):
                self.wrong.append(f"<{tag} {name}>")
            if name == "href":
                plain = re.sub(r"[\x00-\x20]", "", value or "").lower()
                scheme = plain.partition(":")[0] if re.match(r"[a-z][a-z0-9+.-]*:", plain) else ""
                if scheme not in SCHEMES:
                    self.wrong.append(f"<{tag} href={value!r}>")

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.wrong.append("a comment")

    def handle_decl(self, decl: str) -> None:
        self.wrong.append("a declaration")

    def handle_pi(self, data: str) -> None:
        self.wrong.append("an instruction")


def read(shown: str) -> Reader:
    reader = Reader()
    reader.feed(shown)
    reader.close()
    return reader


def hostile() -> list[str]:
    """Every attack of the corpora; skips where they are absent."""
    folder = Path(os.environ.get("CORPORA", ROOT.parent / "shared" / "data"))
    if not (folder / "xss-dompurify").is_dir():
        if os.environ.get("REQUIRE_ALL") == "1":
            pytest.fail("CORPORA, the folder of test material, is needed (REQUIRE_ALL=1)")
        pytest.skip("CORPORA, the folder of test material, is not on this machine")
    attacks = [each["payload"] for each in json.loads((folder / "xss-dompurify/expect.json").read_text())]
    attacks += [
        path.read_text(encoding="utf-8", errors="replace") for path in (folder / "xss-bleach").rglob("*.test")
    ]
    for path in (folder / "xss-owasp/cheatsheets").glob("*.md"):
        sheet = path.read_text(encoding="utf-8")
        attacks += [sheet, *re.findall(r"```\w*\n(.*?)```", sheet, re.DOTALL)]
    assert len(attacks) > 150
    return attacks


def test_no_attack_of_the_corpora_comes_through() -> None:
    for attack in hostile():
        for written in (
            attack,
            f"[click]({attack})",
            f"[click](<{attack}>)",
            f"![picture]({attack})",
            f"[x]: {attack}\n\n[x]",
            f"**{attack}**",
            f"| a |\n| - |\n| {attack} |",
            f"```{attack}\n{attack}\n```",
            html.unescape(attack),
        ):
            assert read(from_markdown(written)).wrong == [], written
        assert read(from_plain(attack)).wrong == []


@given(
    st.text(
        alphabet=st.sampled_from("<>\"'`&;:/\\[]()!#*_~|- \n\t=jasvcriptdaonerlghx\x00\u202e"), max_size=200
    )
)
@settings(max_examples=400, deadline=None)
def test_no_text_at_all_makes_markup_that_is_not_allowed(written: str) -> None:
    assert read(from_markdown(written)).wrong == []
    assert read(from_plain(written)).wrong == []


@given(st.text(max_size=200))
@settings(max_examples=200, deadline=None)
def test_plain_words_are_shown_exactly_as_typed(written: str) -> None:
    shown = read(from_plain(written))
    assert shown.tags <= {"p", "br"}
    expected = re.sub(r"\r\n|\n", "", written)
    assert shown.text == expected


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("", ""),
        ("**bold** _thin_", "<p><strong>bold</strong> <em>thin</em></p>"),
        ("one\ntwo", "<p>one<br>\ntwo</p>"),
        ("a < b & c", "<p>a &lt; b &amp; c</p>"),
        (
            "[us](https://a.example/x?y=1)",
            '<p><a href="https://a.example/x?y=1" rel="noopener noreferrer nofollow">us</a></p>',
        ),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
        ("<b>raw</b>", "<p>&lt;b&gt;raw&lt;/b&gt;</p>"),
    ],
)
def test_markdown_becomes_what_it_means(written: str, shown: str) -> None:
    assert from_markdown(written) == shown


REL = 'rel="noopener noreferrer nofollow"'


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Yes. [1] [2] [3]", f'<p>Yes. <a href="/a?b=1&amp;c" {REL}>[1]</a> [2] [3]</p>'),
        ("`x[1]` and [see [1]](/there)", f'<p><code>x[1]</code> and <a href="/there" {REL}>see [1]</a></p>'),
        ("[t](/x 'a [1] > b') [0] [x]", f'<p><a href="/x" title="a [1] &gt; b" {REL}>t</a> [0] [x]</p>'),
        ("<b> [1]", f'<p>&lt;b&gt; <a href="/a?b=1&amp;c" {REL}>[1]</a></p>'),
    ],
)
def test_a_number_leads_to_its_source(written: str, shown: str) -> None:
    assert with_sources(from_markdown(written), ["/a?b=1&c", ""]) == shown


def test_a_number_leads_nowhere_it_must_not() -> None:
    shown = with_sources(from_markdown("[1] [2]"), ["javascript:alert(1)", '"><img src=x>'])
    assert read(shown).wrong == []


def test_a_picture_is_never_fetched() -> None:
    assert "img" not in read(from_markdown("![cat](https://a.example/cat.png)")).tags


@pytest.mark.parametrize(
    "piece", ["[", "*a ", "> ", "`", "![](", "<", "|a", "- ", "_", "[a](<b", "&#x41;", "~~a", "a\n- ", "<a "]
)
def test_no_text_takes_long(piece: str) -> None:
    began = time.process_time()
    from_markdown(piece * (8000 // len(piece)))
    assert time.process_time() - began < 1.5
