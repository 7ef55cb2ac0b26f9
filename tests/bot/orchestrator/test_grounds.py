"""Sentence by sentence: what was given to a model says it, or it does not stand."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from bot.orchestrator.grounds import Grounds, of_passage, of_result, of_words
from knowledge.local import LocalIndex
from knowledge.meanings import Meanings
from tests.bench import grounding
from tests.channels.email.mails import corpus
from tests.doubles.orchestra import RETURNS, SHIPPING

ORDER = of_result(
    '{"order": "4711", "state": "in transit", "carrier": "DHL", "gift": false,'
    ' "items": [{"name": "red boat"}]}',
    "order_status Says where an order is. order_id 4711",
)


async def unfounded(answer: str, *heard: str, results: bool = True) -> Sequence[str]:
    sources = [of_passage(RETURNS), of_passage(SHIPPING), *([ORDER] if results else [])]
    sources.append(of_words("Write to service@northwind.example when asked for an address."))
    grounds = Grounds(sources, heard=heard, names=["Ada", "Northwind"])
    return [each.sentence for each in await grounds.standings(answer) if not each.sources]


@pytest.mark.parametrize(
    "answer",
    [
        "Yes, you can send anything back within 30 days of delivery [1].",
        "Shipping within Europe costs €4.90 and takes three working days. Above 50 € it's free.",
        "Shipping takes 3 working days.",
        "- Print the label from your account [1].\n- Hand the parcel in at any post office [1].",
        "Your order 4711 is in transit with DHL, and you can return it within 30 days.",
        "Your order is not a gift.",
        "It contains a red boat.",
        "Please write to service@northwind.example.",
        "I'm Ada, happy to help! Is there anything else?",
        "You wrote that your oar is broken. I'm sorry about that.",
        "I can't tell you that, sorry.",
        "Would you like to know what a return to the moon costs?",
    ],
)
async def test_what_was_given_may_be_said_in_other_words(answer: str) -> None:
    assert await unfounded(answer, "My oar is broken, can I return it?") == []


@pytest.mark.parametrize(
    "answer",
    [
        "Shipping within Europe is free.",
        "You can't send anything back.",
        "Opened boxes are thrown away.",
        "Shipping takes 2 working days.",
        "Shipping takes five working days.",
        "Hand the parcel in at any Hermes shop.",
        "Shipping to Norway costs 4.90 €.",
        "Your order 4711 is in transit with UPS.",
        "Your order has been delivered.",
        "Your order is a gift.",
        "Returns are always free.",
        "Only orders above 50 € can be sent back.",
        "Yes, a broken oar is replaced.",
        "You wrote that your oar is broken and that a new one is free.",
    ],
)
async def test_what_nobody_said_is_found_without_any_number(answer: str) -> None:
    found = await unfounded(
        f"Thanks for asking! {answer} You can send it back within 30 days.", "My oar is broken"
    )
    assert found == [answer]


async def test_a_call_proves_what_it_returned_and_nothing_besides() -> None:
    assert await unfounded("Your order is in transit.", "Where is it?") == []
    assert await unfounded("Your order is in transit.", "Where is it?", results=False) != []
    assert await unfounded("Your order is in transit and insured against loss.", "Where is it?") != []


async def test_another_language_must_mean_the_same() -> None:
    asked: list[str] = []

    async def alike(text: str, others: Sequence[str]) -> Sequence[float]:
        asked.append(text)
        return [-1.0 if "30 days" in other else -9.0 for other in others]

    grounds = Grounds([of_passage(RETURNS), of_passage(SHIPPING)], heard=["Wie lange?"], alike=alike)

    async def stands(answer: str) -> bool:
        return all(each.sources for each in await grounds.standings(answer))

    assert await stands("Sie können alles innerhalb von 30 Tagen nach der Lieferung zurücksenden.")
    assert not await stands("Sie können alles innerhalb von 60 Tagen nach der Lieferung zurücksenden.")
    assert not await stands("Sie können das nicht innerhalb von 30 Tagen zurücksenden.")
    assert len(asked) == 2  # whose numbers nobody gave needs no meaning


async def test_what_is_written_to_be_slow_is_not() -> None:
    grounds = Grounds([of_passage(RETURNS)], heard=["How long?"])
    began = time.process_time()
    for hostile in (
        "you can't " * 5_000,
        "a.b " * 10_000,
        "and " * 20_000,
        "[1] " * 10_000,
        "x=" * 20_000,
        "1 € 2 h " * 9_000,
    ):
        await grounds.standings(hostile)
    assert time.process_time() - began < 3.0


async def test_on_a_real_help_centre_the_false_is_stopped_and_the_right_is_not(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    docs = corpus("help-plausible") / "docs"
    index = LocalIndex(tmp_path_factory.mktemp("grounding"))
    report = await grounding.measure(grounding.cases(docs), Meanings(index).alike)
    trades = await grounding.measure(grounding.cases(docs, grounding.TRADES), Meanings(index).alike)
    await index.close()
    assert report.recall >= 0.9
    assert report.wrong_share <= 0.08
    assert trades.recall >= 0.82
    assert trades.wrong_share <= 0.72  # in a model's own words throughout; 0.91 without their meaning


@pytest.mark.parametrize(
    ("answer", "stands"),
    [
        ("Standard delivery within the UK takes 3 days.", True),
        ("Standard delivery takes 72 hours within the UK.", True),
        ("Standard delivery to Ireland takes 8 days.", True),
        ("Standard delivery to Ireland takes 3 days.", False),
        ("Orders from £50 are sent free.", True),
        ("Orders are sent free.", False),
        ("A claim within 2 weeks is paid back by 40 %.", True),
        ("A claim within 14 days is paid back by 20 %.", False),
        ("You have 14 hours to make a claim.", False),
        ("The shop closes at 6 pm.", True),
        ("The shop closes at 18:00.", True),
        ("The shop closes at 8 am.", False),
    ],
)
async def test_an_amount_is_of_what_its_own_clause_says_in_whatever_unit(answer: str, stands: bool) -> None:
    source = of_words(
        "Standard delivery takes 3 days within the UK, and 8 days to Ireland. Orders from £50 are sent free."
        " A claim within 14 days is paid back by 40 %, a claim within 30 days is paid back by 20 %."
        " You have 30 days to make a claim. The shop opens at 8 am, the shop closes at 6 pm."
    )
    (standing,) = await Grounds([source], heard=["How long?"]).standings(answer)
    assert bool(standing.sources) is stands


async def test_other_words_of_the_same_language_must_mean_the_same_and_claim_no_more() -> None:
    async def alike(_text: str, others: Sequence[str]) -> Sequence[float]:
        return [1.0] * len(others)

    source = of_words(
        "Ungetragene Artikel nehmen wir innerhalb von 30 Tagen zurück. Der Umtausch von Hemden ist möglich."
    )
    grounds = Grounds([source], heard=["Wie lange?"], alike=alike)

    async def stands(answer: str) -> bool:
        return all(each.sources for each in await grounds.standings(answer))

    assert await stands("Sie haben dreißig Tage Zeit für eine Rücksendung.")
    assert not await stands("Sie haben vierzehn Tage Zeit für eine Rücksendung.")
    assert not await stands("Sie haben jederzeit Zeit für eine Rücksendung.")
    assert not await stands("Sie haben keine dreißig Tage Zeit für eine Rücksendung.")
    assert not await stands("Socken tauschen wir ebenfalls um.")
