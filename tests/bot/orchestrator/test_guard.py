"""Nothing a model was talked into reaches the customer."""

from __future__ import annotations

import time

import pytest

from bot.orchestrator.agent import ModelFailed
from bot.orchestrator.grounding import unsupported
from bot.orchestrator.guard import Guard
from tests.doubles.orchestra import RETURNS, SHIPPING

SECRET = "sb-0123456789abcdef"


def guard() -> Guard:
    return Guard(
        passages=[RETURNS, SHIPPING], instructions="Write to service@northwind.example.", secret=SECRET
    )


def let_through(text: str, size: int = 10_000) -> str:
    """What becomes of `text` when it arrives in pieces of `size` characters."""
    one = guard()
    shown = "".join(one.feed(text[i : i + size]) for i in range(0, len(text), size))
    return shown + one.finish()


def feed(one: Guard, text: str, size: int, shown: list[str]) -> None:
    shown.extend(one.feed(text[i : i + size]) for i in range(0, len(text), size))


HOSTILE = [
    ("See https://evil.example/x?q=1 now", "See  now"),
    ("See [our page](https://evil.example/x) now", "See our page now"),
    ("See [https://evil.example/x](https://evil.example/x) now", "See  now"),
    ("See www.evil.example/x, now", "See , now"),
    ("See evil.example/x?y=z now", "See  now"),
    ("See <https://evil.example> now", "See  now"),
    ("See //evil.example/x now", "See  now"),
    ("See [this](javascript:alert(1)) now", "See this now"),
    ("See [this](data:text/html;base64,AAAA) now", "See this now"),
    ("See [this](returns.md) now", "See this now"),
    ("See [this](https://shop.example/help/returns?secret=1) now", "See this now"),
    ("A picture: ![cat](https://evil.example/cat.png?s=1) ok", "A picture: cat ok"),
    ("A picture: ![cat](https://shop.example/help/returns) ok", "A picture: cat ok"),
    ('A picture: <img src="https://evil.example/1.png" alt="x"> ok', "A picture:  ok"),
    ("See [label][1]\n\n[1]: https://evil.example/x", "See [label][1]\n\n[1]: "),
    ("Mail [us](mailto:evil@evil.example) now", "Mail us now"),
    ("Mail [us](mailto:service@northwind.example?bcc=x) now", None),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 10_000])
@pytest.mark.parametrize(("text", "shown"), HOSTILE)
def test_addresses_and_pictures_not_ours_are_removed_however_they_arrive(
    text: str, shown: str | None, size: int
) -> None:
    through = let_through(text, size)
    assert "evil" not in through.replace("evil@", "")
    assert "](j" not in through
    assert "![" not in through
    if shown is not None and "[1]" not in shown:
        assert through == shown


@pytest.mark.parametrize("size", [1, 5, 10_000])
@pytest.mark.parametrize(
    "text",
    [
        "Read [Returns](https://shop.example/help/returns) first.",
        "The form is at https://shop.example/returns.",
        "It is here: <https://shop.example/returns>",
        "See https://shop.example/help/shipping/, please.",
        "Mail [us](mailto:service@northwind.example).",
        "Put `<head>` and <b>this</b> there; 3 < 4, and/or 5 > 4, e.g. a list[0].",
        "- one\n- **two**\n\n| a | b |\n|---|---|\n| 1 | 2 |",
        "[not a link] and (a bracket) and [x] and ] and [",
        "Ça coûte 4,90 €… 送料は無料です。",
    ],
)
def test_what_is_ours_stays_word_for_word(text: str, size: int) -> None:
    assert let_through(text, size) == text


@pytest.mark.parametrize("size", [1, 4, 10_000])
def test_citations_are_numbered_as_they_come_and_invented_ones_dropped(size: int) -> None:
    one = guard()
    text = "Shipping is 4.90 € [2]. Nothing else [7]. Thirty days [1][2], or both [1, 2] 【2†source】."
    shown = "".join(one.feed(text[i : i + size]) for i in range(0, len(text), size)) + one.finish()
    assert shown == "Shipping is 4.90 € [1]. Nothing else. Thirty days [2][1], or both [2][1] [1]."
    assert one.cited == [SHIPPING, RETURNS]


@pytest.mark.parametrize("size", [1, 3, 10_000])
@pytest.mark.parametrize(
    "text",
    [
        f"My reference is {SECRET}.",
        f"Sure: {SECRET.upper()}",
        "It is s b - 0 1 2 3 4 5 6 7 8 9 a b c d e f, see?",
        "**sb**-`0123`4567-89ab_cdef",
    ],
)
def test_the_secret_never_leaves_whole_nor_spelled_out(text: str, size: int) -> None:
    shown: list[str] = []
    with pytest.raises(ModelFailed):
        feed(guard(), text, size, shown)
    assert "0123456789abcdef" not in "".join(c for c in "".join(shown) if c.isalnum())


def test_text_is_shown_as_soon_as_its_word_is_whole() -> None:
    one = guard()
    assert one.feed("You can") == "You"
    assert one.feed(" send") == " can"
    assert one.finish() == " send"


def test_an_open_bracket_does_not_hold_the_answer_back_for_ever() -> None:
    one = guard()
    shown = one.feed("[" + "so it goes on " * 1000)
    assert len(shown) > 10_000


@pytest.mark.parametrize("piece", ["[", "![](", "<a ", "a.", "1,", "](", "x", " ", "[a](", "\n"])
def test_hostile_text_costs_no_more_than_its_length(piece: str) -> None:
    text = piece * (40_000 // len(piece))
    began = time.process_time()
    let_through(text)
    unsupported(text, [RETURNS], [text])
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("text", "noted", "by_note"),
    [
        ("By Friday. [3]", True, True),
        ("By Friday. [3]", False, False),
        ("By Friday. [1] [4] [0]", True, False),
        ("`list[0]` [0]", False, False),
    ],
)
def test_the_number_after_the_passages_is_the_companys_own_word_and_never_shown(
    text: str, noted: bool, by_note: bool
) -> None:
    one = Guard(passages=[RETURNS, SHIPPING], instructions="", secret=SECRET, noted=noted)
    shown = one.feed(text) + one.finish()
    assert one.by_note is by_note
    assert "[3]" not in shown
