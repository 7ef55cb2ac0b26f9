"""Pages as a reader sees them, cut into passages without losing a word."""

from __future__ import annotations

import contextlib
import re
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge.chunk import TARGET_WORDS, cut, sentences
from knowledge.page import Page, Section
from knowledge.parse import Unreadable, read_page


def text_of(name: str, source: str) -> str:
    return "\n".join(section.text for section in read_page(name, source.encode()).sections)


def test_front_matter_names_the_page() -> None:
    page = read_page("a.md", b'---\ntitle: "A: b"\ndescription: About it.\nslug: /a\n---\nText.\n')
    assert (page.title, page.description, page.url) == ("A: b", "About it.", "/a")
    assert page.sections == (Section(headings=(), text="Text."),)


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ("---\ntitle: Broken: yaml: here\ntags: [a\n---\nText.\n", "Broken: yaml: here"),
        ("---\r\ntitle: Windows\r\n---\r\nText.\r\n", "Windows"),
        ("\ufeff---\ntitle: Mark\n---\nText.\n", "Mark"),
        ("+++\ntitle = 'Toml'\n+++\nText.\n", "Toml"),
        ("---\ntitle: 2024\n---\nText.\n", "2024"),
        ("---\ntitle:\n---\n# Heading\n\nText.\n", "Heading"),
        ("---\n---\nText.\n", "Some page"),
        ("---\nJust a rule and prose\n---\nText.\n", "Some page"),
        ("Text alone.\n", "Some page"),
        ("---\ntitle: Never closed\n\nText.\n", "Some page"),
    ],
)
def test_odd_front_matter_never_stops_a_page(source: str, title: str) -> None:
    page = read_page("some-page.md", source.encode())
    assert page.title == title
    assert "Text" in page.sections[-1].text


def test_what_a_reader_never_sees_is_left_out() -> None:
    text = text_of(
        "a.mdx",
        'import Box from \'@site/Box\';\n\n<head><script type="application/ld+json">{"@type": "FAQPage"}'
        '</script></head>\n\n<Box\n  kind="tip">Seen inside.</Box>\n\n<!-- unseen -->{/* unseen */}\n'
        "See **the [guide](guide.md)** and ![a picture](p.png).\n",
    )
    assert text.split() == ["Seen", "inside.", "See", "the", "guide", "and", "a", "picture."]


def test_code_stays_as_it_is_written() -> None:
    text = text_of(
        "a.md", "Put it in the `<head>`:\n\n```html\n<script src='x'></script>\n# no heading\n```\n"
    )
    assert text == "Put it in the <head>:\n\n<script src='x'></script>\n# no heading"


def test_headings_lead_to_their_sections() -> None:
    page = read_page("a.md", b"# T\n\nA.\n\n## B {#b}\n\nB.\n\n### C\n\nC.\n\nD\n---\n\nD.\n")
    assert [(s.headings, s.text) for s in page.sections] == [
        ((), "A."),
        (("B",), "B."),
        (("B", "C"), "C."),
        (("D",), "D."),
    ]


def test_html_pages_are_read() -> None:
    page = read_page(
        "a.html",
        b"<html><head><title>Pay &amp; go</title><meta name=description content='How to pay'>"
        b"<link rel=canonical href='https://x.example/pay'></head><body><nav>Menu</nav><h2>Cards</h2>"
        b"<p>We take <b>all</b> cards.<script>no()</script><ul><li>Visa<li>Maestro</ul></body>",
    )
    assert (page.title, page.description, page.url) == ("Pay & go", "How to pay", "https://x.example/pay")
    assert page.sections == (Section(headings=("Cards",), text="We take all cards.\n\n- Visa\n- Maestro"),)


FURNISHED = """<title>Returns</title><body><header><a href=/>Northwind</a> Basket (0)</header>
<div class="cookie-banner"><div>We use cookies.</div> <button>Accept</button></div>
<nav>Home</nav>{opened}<h1>Returns</h1><p>Send it back within 30 days.</p>
<aside class="note">Boots too.</aside><footer>Was this helpful?</footer>{closed}
<aside>Our newsletter</aside><div id="newsletter">Ten percent off</div>
<footer>© 2026 Northwind. <a href=/imprint>Imprint</a></footer>"""


@pytest.mark.parametrize(("opened", "closed"), [("<main>", "</main>"), ("<article>", "</article>")])
def test_what_stands_around_a_page_is_not_its_content(opened: str, closed: str) -> None:
    page = read_page("a.html", FURNISHED.format(opened=opened, closed=closed).encode())
    (section,) = page.sections
    assert section.text.split("\n") == ["Send it back within 30 days.", "", "Boots too."]


def test_a_page_of_furniture_alone_is_read_whole() -> None:
    assert text_of("a.html", "<main></main><footer>Call us: 0800 123</footer>") == "Call us: 0800 123"


def test_a_heading_that_was_joined_is_no_sentence_of_its_own() -> None:
    source = "# T\n\nShort.\n\n## Sale\n\nThey go back too.\n\n## Sizes\n\n- S\n- M\n\n## Open?\n\nYes.\n"
    (chunk,) = cut(read_page("a.md", source.encode()))
    assert chunk.text.split("\n") == [
        *("Short.", "", "Sale: They go back too.", "", "Sizes:", "- S", "- M", "", "Open? Yes.")
    ]


def test_a_binary_file_is_no_page() -> None:
    with pytest.raises(Unreadable, match="binary"):
        read_page("a.md", b"PK\x03\x04\0\0")


@given(st.text(max_size=2000))
@settings(deadline=timedelta(seconds=5), max_examples=150)
@pytest.mark.parametrize("name", ["a.md", "a.html", "a.txt"])
def test_no_text_at_all_breaks_the_reader(name: str, source: str) -> None:
    try:
        page = read_page(name, source.encode("utf-8", "surrogatepass"))
    except Unreadable:
        return
    assert page.title
    cut(page)


@pytest.mark.parametrize(
    "source", ["[" * 3000, "*a" * 3000, "<a " * 3000, "`" * 5001, "- " * 3000, "_a_" * 3000]
)
def test_hostile_markup_is_read_in_a_moment(source: str) -> None:
    # The suite's own timeout fails what goes quadratic at the largest page's size.
    with contextlib.suppress(Unreadable):
        read_page("a.md", source.encode() * 5)


paragraphs = st.lists(
    st.text(st.sampled_from("ab. ?!\n–ä字。"), min_size=1, max_size=600).filter(lambda t: t.strip()),
    max_size=6,
)


@given(st.lists(st.tuples(st.lists(st.sampled_from("ABC"), max_size=3), paragraphs), max_size=5))
@settings(deadline=timedelta(seconds=5))
def test_cutting_loses_no_word_and_keeps_their_order(told: list[tuple[list[str], list[str]]]) -> None:
    sections = tuple(
        Section(headings=tuple(headings), text="\n\n".join(blocks)) for headings, blocks in told if blocks
    )
    chunks = cut(Page(title="T", description="", url="", sections=sections))
    kept = iter("".join(re.sub(r"\s", "", chunk.text) for chunk in chunks))
    for wanted in "".join(re.sub(r"\s", "", section.text) for section in sections):
        assert any(wanted == letter for letter in kept), "a letter was lost"
    assert all(len(chunk.text.split()) <= TARGET_WORDS + 5 for chunk in chunks)


def test_small_sections_join_and_keep_their_heading() -> None:
    page = read_page("a.md", b"---\ntitle: T\n---\n## Q\n\nShort.\n\n### R\n\nShort too.\n\n## S\n\nOther.\n")
    assert [(c.headings, c.text) for c in cut(page)] == [
        (("Q",), "Short.\n\nR: Short too."),
        (("S",), "Other."),
    ]


def test_sentences_are_kept_whole() -> None:
    assert sentences("Pay by card, e.g. Visa. It costs 4.90 EUR! Really? Yes.") == [
        "Pay by card, e.g. Visa.",
        "It costs 4.90 EUR!",
        "Really?",
        "Yes.",
    ]
