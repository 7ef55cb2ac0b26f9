"""Markdown as WhatsApp and SMS show it, and how it is cut into parts."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.base import Source
from channels.whatsapp_text import clean, in_one_line, parts, units

LIMIT = 1600


def shown(text: str, *sources: Source, marked: bool = True) -> str:
    found = parts(text, sources, marked=marked, limit=LIMIT)
    assert len(found) == 1
    return found[0]


def cut(text: str, limit: int = LIMIT) -> Sequence[str]:
    found = parts(text, (), marked=True, limit=limit)
    assert all(units(part) <= limit for part in found)
    return found


# marks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("markdown", "whatsapp", "plain"),
    [
        ("**bold** and __bold__", "*bold* and *bold*", "bold and bold"),
        ("*italic* and _italic_", "_italic_ and _italic_", "italic and italic"),
        ("~~gone~~", "~gone~", "gone"),
        ("***both***", "_*both*_", "both"),
        ("**a _b_ c**", "*a _b_ c*", "a b c"),
        ("# A **bold** heading", "*A bold heading*", "A bold heading"),
        ("`code *x* _y_`", "```code *x* _y_```", "code *x* _y_"),
        ("**see `x` there**", "*see* ```x``` *there*", "see x there"),
        ("```python\na = 1\n\n  b = *2*\n```", "```a = 1\n\n  b = *2*```", "a = 1\n\n  b = *2*"),
        ("[the form](https://x.example/a_b)", "the form (https://x.example/a_b)", None),
        ("<https://x.example/a_b>", "https://x.example/a_b", None),
        ("https://x.example/_a_/*b*.", "https://x.example/_a_/*b*.", None),
        ("[https://x.example](https://x.example)", "https://x.example", None),
        ("[**form**](https://x.example)", "*form* (https://x.example)", "form (https://x.example)"),
        ("[us](mailto:a@b.example) [here](/help) [no](#part)", "us (a@b.example) here no", None),
        ("![a cat](https://x.example/c.png)", "a cat (https://x.example/c.png)", None),
        ("- one\n- two\n  - three\n- four", "- one\n- two\n  - three\n- four", None),
        ("3. three\n4. four", "3. three\n4. four", None),
        ("> said\n> **so**", "> said\n> *so*", "said\nso"),
        ("one  \ntwo\nthree", "one\ntwo\nthree", None),
        ("**two\nlines**", "*two*\n*lines*", "two\nlines"),
        ("in**tra**word", "intraword", "intraword"),
        ("**2\\*3**", "2*3", "2*3"),
        ("a\n\n---\n\nb", "a\n\n———\n\nb", None),
        ("| Size | Price |\n|--|--|\n| M | 3 € |", "M: 3 €", None),
        ("| A | B | C |\n|--|--|--|\n| **1** | 2 | 3 |", "*1* – B: 2, C: 3", "1 – B: 2, C: 3"),
        ("<b>raw</b> & 1 < 2", "<b>raw</b> & 1 < 2", None),
        ("Prices [1] rise [2].", "Prices [1] rise [2].", None),
    ],
)
def test_markdown_becomes_what_the_channel_shows(markdown: str, whatsapp: str, plain: str | None) -> None:
    assert shown(markdown) == whatsapp
    assert shown(markdown, marked=False) == (whatsapp if plain is None else plain)


def test_sources_stand_at_the_end_by_the_numbers_the_text_uses() -> None:
    returns = Source(title="Returns › How", url="https://shop.example/returns")
    file = Source(title="Prices\n2026", url="")
    assert shown("30 days [1], 5 € [2].", returns, file) == (
        "30 days [1], 5 € [2].\n\n[1] Returns › How: https://shop.example/returns\n[2] Prices 2026"
    )
    assert shown("30 days.", returns) == "30 days.\n\nReturns › How: https://shop.example/returns"


def test_a_source_that_the_text_links_to_is_not_listed_again() -> None:
    source = Source(title="Returns", url="https://shop.example/returns")
    text = "From [Returns](https://shop.example/returns):\n\n30 days."
    assert shown(text, source) == "From Returns (https://shop.example/returns):\n\n30 days."


def test_an_answer_without_words_is_one_empty_part() -> None:
    assert parts("", (), marked=True, limit=LIMIT) == ("",)


# cutting ---------------------------------------------------------------------------------------------


def test_a_long_answer_is_cut_between_paragraphs() -> None:
    paragraphs = [f"Paragraph {n}: " + "words and more words. " * 30 for n in range(6)]
    found = cut("\n\n".join(paragraphs))
    assert len(found) == 3
    assert all(part.startswith("Paragraph") for part in found)
    assert "".join("".join(found).split()) == "".join("".join(paragraphs).split())


def test_a_long_paragraph_is_cut_between_sentences_and_citations_stay_with_theirs() -> None:
    found = cut("This sentence is of a certain length, as one sees [1]. " * 100)
    assert len(found) > 3
    assert all(part.endswith("[1].") for part in found)
    found = cut("This sentence is of a certain length, as one sees. [1] " * 100)
    assert all(part.endswith("[1]") for part in found)


def test_a_sentence_without_end_is_cut_between_words() -> None:
    found = cut("word " * 1000)
    assert {each for part in found for each in part.split(" ")} == {"word"}


def test_marks_are_closed_where_it_is_cut_and_opened_again() -> None:
    found = cut("**" + "bold words " * 500 + "end**")
    assert len(found) > 3
    assert all(part.startswith("*bold") and part.endswith("*") and part.count("*") == 2 for part in found)
    found = cut("```\n" + "code = 1\n" * 400 + "```")
    assert all(part.startswith("```code") and part.endswith("```") for part in found)


def test_a_link_is_never_cut() -> None:
    url = "https://shop.example/" + "a-long-way/" * 20
    found = cut((f"[Words before it]({url}) " * 40).strip())
    assert sum(part.count(url) for part in found) == 40
    assert sum(part.count("Words before it (https") for part in found) == 40


FAMILY = "👩\u200d👩\u200d👧\u200d👦"


@pytest.mark.parametrize(
    "one", [FAMILY, "🇩🇪", "👍🏽", "e\u0301", "न\u093f", "🏴\U000e0067\U000e0062\U000e007f", "❤\ufe0f"]
)
def test_what_one_sees_as_one_character_is_never_cut(one: str) -> None:
    found = cut(one * 2000)
    assert "".join(found) == one * 2000
    assert all(part == one * (len(part) // len(one)) for part in found)


def test_a_part_counts_as_its_provider_counts() -> None:
    assert units("a😀é") == 4
    assert len(cut("😀" * 800)) == 1
    assert len(cut("😀" * 801)) == 2


@settings(max_examples=150, deadline=None)
@given(
    st.text(alphabet="ab *_~`[]().!\n\t#>-1|é😀👍🏽🇩🇪\u200d\u0301", max_size=900),
    st.integers(min_value=100, max_value=300),
)
def test_nothing_is_lost_and_nothing_too_long(text: str, limit: int) -> None:
    def words(found: Sequence[str]) -> str:
        return re.sub(r"\s", "", "".join(found))

    plain = parts(text, (), marked=False, limit=limit)
    assert all(units(part) <= limit for part in [*plain, *cut(text, limit)])
    assert words(plain) == words(parts(text, (), marked=False, limit=10**6))


def test_a_huge_answer_is_cut_in_a_moment() -> None:
    began = time.process_time()
    cut("A **bold** sentence with a [link](https://x.example/a). " * 1000)
    cut("*" * 50_000)
    cut("[" * 5_000)
    assert time.process_time() - began < 5


# what is kept of others' texts -----------------------------------------------------------------------


def test_a_text_is_cleaned_of_what_stores_stumble_over() -> None:
    assert clean("a\x00b\x1b[31m\u0085c\n\td\ud800", 100) == "ab[31mc\n\td"
    assert clean("x" * 50, 10) == "x" * 9 + "…"
    assert clean(FAMILY * 5, 10) == FAMILY + "…"
    assert in_one_line(" a\n\n b\t\t c     d ") == "a b c d"


@pytest.mark.timeout(20)
def test_a_million_marks_in_a_row_keep_nobody_waiting() -> None:
    assert "".join(parts("." * 1_000_000, (), marked=True, limit=1600)) == "." * 1_000_000
