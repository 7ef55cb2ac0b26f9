"""The key-less answer: the documents' own words, as a support agent would gladly send them."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from bot.orchestrator.extractive import compose
from bot.orchestrator.outcome import Reply
from knowledge.base import Passage
from tests.doubles.orchestra import RETURNS, SHIPPING

WARRANTY = Passage(
    document="warranty.md",
    title="Warranty › How long it lasts",
    url="https://shop.example/help/warranty",
    text="| Product | Warranty | Proof |\n|---|---|---|\n| Tents and backpacks | 5 years | invoice |\n"
    "| Boots and shoes | 2 years | invoice |\n| Stoves | 3 years | serial number |\n\n"
    "A repair does not make it longer.",
    score=0.9,
    quote="| Product | Warranty | Proof |",
)
STEPS = Passage(
    document="exchange.md",
    title="Exchange › How to exchange",
    url="https://shop.example/help/exchange",
    text="An exchange is free within 60 days.\n\nThis is how it works:\n\n"
    "1. Open your orders.\n2. Choose *Exchange*.\n3. Pick the new size.\n4. Print the label.\n"
    "5. Hand the parcel in.\n\n" + "Small print follows here. " * 30,
    score=0.8,
    quote="2. Choose *Exchange*.",
)
LONG = Passage(
    document="care.md",
    title="Care",
    url="",
    text=" ".join(f"Sentence number {i} is about nothing much at all." for i in range(30))
    + " Wash the jacket at thirty degrees with liquid detergent. Let it dry in the shade. "
    + " ".join(f"Sentence number {i} goes on about something else." for i in range(30)),
    score=0.8,
    quote="Wash the jacket at thirty degrees with liquid detergent.",
)


def answer(question: str, *passages: Passage) -> Reply:
    reply = compose(question, passages, language="en")
    assert reply is not None
    return reply


def body(reply: Reply) -> str:
    return reply.text.partition("\n\n")[2]


def test_a_short_passage_is_given_whole_with_its_source() -> None:
    reply = answer("How long can I return it?", RETURNS)
    assert reply.text == f"From our help pages, *Returns › Sending something back*:\n\n{RETURNS.text} [1]"
    assert [(each.title, each.url, each.quote) for each in reply.citations] == [
        (RETURNS.title, RETURNS.url, RETURNS.quote)
    ]


def test_a_long_passage_is_answered_from_the_sentence_that_fits_best() -> None:
    told = body(answer("How do I wash the jacket?", LONG))
    assert told.startswith(
        "Wash the jacket at thirty degrees with liquid detergent. Let it dry in the shade."
    )
    assert len(told) < 500
    assert told.removesuffix(" [1]") in LONG.text, "word for word"


def test_steps_stay_a_list_with_the_line_that_leads_in() -> None:
    told = body(answer("How do I choose another size?", STEPS))
    assert told.startswith("This is how it works:\n\n1. Open your orders.\n2. Choose")
    assert told.endswith("5. Hand the parcel in. [1]")


def test_of_a_table_the_row_asked_for_is_told_with_its_heads() -> None:
    assert body(answer("How long is the warranty on boots?", WARRANTY)) == (
        "- **Boots and shoes**: Warranty 2 years, Proof invoice [1]"
    )


def test_a_table_with_no_row_for_the_question_is_told_as_a_list() -> None:
    told = body(answer("Is there a guarantee?", WARRANTY))
    assert told.count("\n- **") == 2
    assert "|" not in told


def test_a_question_about_nothing_but_the_page_is_answered_from_its_beginning() -> None:
    intro = Passage(
        **{
            **vars(WARRANTY),
            "title": "Warranty",
            "text": "The warranty begins with the purchase.",
            "score": 0.8,
            "quote": "The warranty begins with the purchase.",
        }
    )
    detail = Passage(**{**vars(intro), "title": "Warranty › Gifts", "text": "A warranty goes with a gift."})
    assert answer("What about the warranty?", detail, intro).citations[0].title == "Warranty"
    assert answer("Has a gift a warranty?", intro, detail).citations[0].title == "Warranty › Gifts"


def test_what_the_question_names_is_told_from_the_documents_table_too() -> None:
    intro = Passage(
        **{
            **vars(WARRANTY),
            "title": "Warranty",
            "text": "We stand behind our stoves and tents. How long depends on what you bought.",
            "score": 0.95,
            "quote": "How long depends on what you bought.",
        }
    )
    told = body(answer("How long do you stand behind stoves?", intro, WARRANTY))
    assert told == f"{intro.text}\n\n- **Stoves**: Warranty 3 years, Proof serial number [1]"
    assert "**" not in body(answer("How long do you stand behind what I bought?", intro, WARRANTY))


def test_two_wishes_are_answered_from_two_documents() -> None:
    reply = answer("How can I send it back? And what does shipping within Europe cost?", RETURNS, SHIPPING)
    assert [each.title for each in reply.citations] == [RETURNS.title, SHIPPING.title]
    assert reply.text.count("From our help pages") == 2
    assert "[1]" in reply.text
    assert reply.text.endswith("[2]")


def test_a_document_that_fits_nearly_as_well_is_mentioned_and_a_poor_one_not() -> None:
    reply = answer("How long can I send things back?", RETURNS, SHIPPING)
    assert f"This may help as well, *{SHIPPING.title}*:\n\n{SHIPPING.quote} [2]" in reply.text
    poor = Passage(**{**vars(SHIPPING), "score": 0.4})
    assert len(answer("How long can I send things back?", RETURNS, poor).citations) == 1


def test_within_a_document_the_passage_that_fits_best_is_chosen() -> None:
    other = Passage(
        **{
            **vars(WARRANTY),
            "title": "Warranty › Receipts",
            "text": "Keep the receipt.",
            "quote": "Keep the receipt.",
        }
    )
    assert answer("How long is the warranty on boots?", other, WARRANTY).citations[0].title == WARRANTY.title


ERASE = Passage(
    document="privacy.md",
    title="Privacy › Erase your data",
    url="https://shop.example/help/privacy",
    text="Ask us. What the law makes us keep is used for nothing else:\n\n"
    "| Data | Kept for |\n| --- | --- |\n| Invoices | 10 years |\n| Chats | 24 months |\n\nThat is all.",
    score=0.85,
    quote="What the law makes us keep is used for nothing else:",
)


def test_a_colon_takes_along_what_it_announces() -> None:
    text = answer("How long do you keep my return?", RETURNS, ERASE).text
    assert text.endswith("used for nothing else:\n\n- **Invoices**: 10 years\n- **Chats**: 24 months [2]")


def test_a_colon_that_announces_nothing_is_not_left_dangling() -> None:
    cut = Passage(**{**vars(ERASE), "text": ERASE.quote})
    text = answer("How long do you keep my return?", RETURNS, cut).text
    assert text.endswith("used for nothing else … [2]")


def test_a_source_is_quoted_in_words() -> None:
    (source,) = answer("What is the warranty?", WARRANTY).citations
    assert source.quote == (
        "Product: Tents and backpacks · Warranty: 5 years · Proof: invoice\n"
        "Product: Boots and shoes · Warranty: 2 years · Proof: invoice\n"
        "Product: Stoves · Warranty: 3 years · Proof: serial number"
    )


def test_below_the_threshold_nothing_is_quoted() -> None:
    assert compose("How?", [], language="en") is None
    assert compose("How?", [Passage(**{**vars(RETURNS), "score": 0.29})], language="en") is None
    assert compose("How?", [RETURNS], language="en", confident=0.81) is None


def test_markup_of_the_page_does_not_leak_into_the_answer() -> None:
    messy = Passage(
        **{
            **vars(RETURNS),
            "title": "Returns *and* [more]",
            "text": "## Sending back\n\nPrint the [label](label.md) first. ![A label](img/label.png)",
            "quote": "Print the [label](label.md) first.",
        }
    )
    assert answer("label", messy).text == (
        "From our help pages, *Returns \\*and\\* \\[more\\]*:\n\nSending back\n\nPrint the label first. [1]"
    )


@pytest.mark.parametrize(
    "text", ["", "\n\n", "|", "|---|", "- ", "1.", "[]()", "a" * 100_000, "- a\n" * 5000]
)
def test_no_passage_is_too_odd_to_be_quoted(text: str) -> None:
    odd = Passage(**{**vars(RETURNS), "text": text, "quote": text[:200]})
    reply = answer("What is it?", odd)
    assert reply.text.endswith("[1]")
    assert len(reply.text) < 1500


def test_real_help_pages_make_readable_answers() -> None:
    folder = Path(os.environ.get("CORPORA", "../shared/data")) / "help-plausible"
    if not folder.is_dir():
        assert os.environ.get("REQUIRE_ALL") != "1", f"{folder} is missing"
        pytest.skip(f"no corpus at {folder}")
    for question, passage in _real(folder):
        reply = answer(question, passage)
        assert 40 < len(reply.text) < 1500, passage.document
        assert "](" not in reply.text, passage.document


def _real(folder: Path) -> Sequence[tuple[str, Passage]]:
    """Each question with its own page, cut up as the index does it."""
    from knowledge import quote, words
    from knowledge.chunk import cut
    from knowledge.parse import read_page

    found = []
    for line in (folder / "questions.jsonl").read_text().splitlines():
        asked = json.loads(line)
        for page in asked["pages"]:
            path = folder / page
            for chunk in cut(read_page(page, path.read_bytes()))[:3]:
                best = quote.best(chunk.text, dict.fromkeys(words.stems(asked["question"]), 1.0))
                title = " › ".join([page, *chunk.headings])
                passage = Passage(document=page, title=title, url="", text=chunk.text, score=0.9, quote=best)
                found.append((asked["question"], passage))
    return found
