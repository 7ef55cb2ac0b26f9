"""The story of a turn, from what the customer wrote to what happens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import JsonValue

from bot.orchestrator import extractive
from bot.orchestrator.agent import Agent, Turn
from bot.orchestrator.answer import DoesNotKnow, NoModelAnswered, by_models
from bot.orchestrator.draft import Asked, Draft
from bot.orchestrator.language import Language, guess
from bot.orchestrator.outcome import HandOff, HandOffReason, Outcome, Reply
from bot.orchestrator.phrases import Phrase, admits_not_knowing, admits_not_reading, phrase_in
from bot.orchestrator.wishes import Courtesy, courtesy, objects, wants_person
from bot.trace import StepKind, Trace
from knowledge.base import Passage
from knowledge.lookup import Down, Found, NoMatch

Kind = Courtesy | Literal["person", "unreadable", "objection", "question"]

_LONGEST_QUESTION = 2_000  # characters looked up
_HISTORY = 6  # utterances before the question that help to understand it
_WORTH_A_LOOK = 0.1  # of Passage.score: a page that may be about the question, if no answer to it
_PAGES = 2  # such pages worth naming
_HANDED_OFF: Mapping[HandOffReason, Phrase] = {
    "customer_request": "handoff_customer_request",
    "missing_knowledge": "handoff_missing_knowledge",
    "unsupported": "handoff_unreadable",
    "budget": "handoff_degraded",
    "degraded": "handoff_degraded",
}


async def run(turn: Turn, agent: Agent, trace: Trace) -> Outcome:
    """Decide how the turn ends, saying the answer while it is being made.

    Raises Overtaken or LeaseLost when somebody else has the word; every other trouble becomes an outcome
    that the customer can live with.
    """
    to_answer = turn.said[len(turn.said) - turn.pending :]
    pending = [utterance.text for utterance in to_answer]
    quotes = [utterance.quotes for utterance in to_answer if utterance.quotes]
    said = [utterance.text for utterance in turn.said[: len(turn.said) - turn.pending]]
    # What is expressly answered tells most of what "and this one?" means, as what was said last does.
    before = [*(text for text in said if text not in quotes), *quotes]
    asked = Asked(
        turn=turn,
        agent=agent,
        trace=trace,
        draft=Draft(turn.speech),
        question="\n".join(pending).strip(),
        language=_language(turn),
    )

    with trace.step("route", "message", messages=turn.pending) as step:
        kind: Kind = _kind(asked.question, pending, agent.name)
        step.output = {"language": asked.language, "kind": kind}
    match kind:
        case "question":
            return await _by_knowledge(asked, before)
        case "person":
            return await _hand_off(asked, "customer_request", "The customer asked for a person.")
        case "objection":
            return await _unsure(asked, "sorry")
        case "unreadable":
            return await _cannot_read(asked)
        case pleasantry:
            text = phrase_in(asked.language, pleasantry, name=agent.name, company=agent.company)
            await asked.draft.say(text)
            return Reply(text=text)


def _kind(question: str, pending: Sequence[str], name: str) -> Kind:
    """What a message is, as far as its words alone tell. In doubt a question: then it gets an answer."""
    if pleasantry := courtesy(question, name):
        return pleasantry
    if any(map(wants_person, pending)):
        return "person"
    if not question:  # whoever sends a picture and then a question wants the question answered
        return "unreadable"
    return "objection" if objects(question) else "question"


async def _by_knowledge(asked: Asked, before: Sequence[str]) -> Outcome:
    match await _look_up(asked, before):
        case Down():
            return await _hand_off(asked, "degraded", "The knowledge could not be asked.")
        case NoMatch(nearest=passages):
            return await _unsure(asked, nearest=passages)
        case Found(passages=passages):
            return await _answer(asked, passages)


async def _look_up(asked: Asked, before: Sequence[str]) -> Found | NoMatch | Down:
    question = asked.question[:_LONGEST_QUESTION]
    with asked.trace.step("knowledge", "lookup", question=question) as step:
        found = await asked.agent.knowledge.find(question, history=before[-_HISTORY:])
        match found:
            case Down(reason=reason):
                step.status, step.error = "failed", reason
                step.output = {"found": "down"}
            case NoMatch(nearest=passages, degraded=degraded):
                step.output = {"found": "nothing", "degraded": degraded, "nearest": _listed(passages)}
            case Found(passages=passages, degraded=degraded):
                step.output = {"found": "passages", "degraded": degraded, "passages": _listed(passages)}
    return found


async def _answer(asked: Asked, passages: Sequence[Passage]) -> Outcome:
    """By a model, else the passages as they are, else a person."""
    unpaid = False
    if asked.agent.models:
        match await by_models(asked, passages):
            case Reply() as reply:
                return reply
            case DoesNotKnow():
                return await _unsure(asked)
            case NoModelAnswered(unpaid=unpaid):
                pass
    kind: StepKind = "fallback" if asked.agent.models else "model"
    with asked.trace.step(kind, "passages", needs=("lookup",)) as step:
        quoted = extractive.compose(asked.question, passages, language=asked.language)
        step.output = {"confident": quoted is not None}
    if quoted is not None and quoted.text == _bots_last_words(asked.turn):
        return await _unsure(asked, "sorry")  # said again it would help no more than the first time
    if quoted is not None:
        for paragraph in quoted.text.split("\n\n"):
            await asked.draft.say(paragraph if not asked.draft.text else f"\n\n{paragraph}")
        return quoted
    if asked.agent.models:
        why = "A budget is used up." if unpaid else "No model answered."
        return await _hand_off(asked, "budget" if unpaid else "degraded", why)
    return await _unsure(asked)


async def _unsure(asked: Asked, words: Phrase = "unsure", *, nearest: Sequence[Passage] = ()) -> Outcome:
    """Ask back, naming pages that may help; a person takes over when that did not help, if the agent's
    owner wants that."""
    pages = _worth_a_look(nearest)
    misses = _misses(asked.turn)
    if asked.agent.when_unsure == "handoff" and misses > (1 if pages else 0):
        return await _hand_off(asked, "missing_knowledge", "The help pages don't answer this.")
    text = phrase_in(asked.language, words)
    if pages:
        links = "\n".join(f"- [{extractive.escaped(page.title)}]({page.url})" for page in pages)
        told = (phrase_in(asked.language, "maybe"), links, phrase_in(asked.language, "otherwise"))
        text = "\n\n".join(told)
    await asked.draft.say(text)
    return Reply(text=text, answered=False)


def _worth_a_look(nearest: Sequence[Passage]) -> Sequence[Passage]:
    """One passage for each of the few pages that may be about the question and can be opened."""
    pages = {each.document: each for each in reversed(nearest) if each.url and each.score >= _WORTH_A_LOOK}
    return [each for each in nearest if pages.get(each.document) is each][:_PAGES]


def _misses(turn: Turn) -> int:
    """How many times in a row the bot has just said that it does not know."""
    told = [utterance for utterance in reversed(turn.said) if utterance.speaker != "contact"]
    known = (i for i, each in enumerate(told) if each.speaker != "bot" or not admits_not_knowing(each.text))
    return next(known, len(told))


async def _cannot_read(asked: Asked) -> Outcome:
    """Ask for words where only files came; the second time in a row a person looks at them."""
    if asked.agent.when_unsure == "handoff" and admits_not_reading(_bots_last_words(asked.turn)):
        return await _hand_off(asked, "unsupported", "The customer sends files, which the bot can't open.")
    text = phrase_in(asked.language, "unreadable")
    await asked.draft.say(text)
    return Reply(text=text, answered=False)


def _bots_last_words(turn: Turn) -> str:
    """What the contact was told last, if the bot said it."""
    told = [utterance for utterance in turn.said if utterance.speaker != "contact"]
    return told[-1].text if told and told[-1].speaker == "bot" else ""


async def _hand_off(asked: Asked, reason: HandOffReason, why: str) -> HandOff:
    """Tell the customer that a person takes over, and the operator why."""
    text = phrase_in(asked.language, _HANDED_OFF[reason])
    await asked.draft.say(text)
    wrote = f" They wrote: {asked.question[:_LONGEST_QUESTION]}" if asked.question else ""
    return HandOff(reason=reason, text=text, summary=why + wrote)


def _language(turn: Turn) -> Language:
    """The customer's language: told by the newest message that tells."""
    spoken = [utterance.text for utterance in turn.said if utterance.speaker == "contact"]
    pending = "\n".join(spoken[-turn.pending :])
    return guess(pending, *reversed(spoken[: -turn.pending]))


def _listed(passages: Sequence[Passage]) -> list[JsonValue]:
    return [
        {"title": each.title, "document": each.document, "url": each.url, "score": round(each.score, 3)}
        for each in passages
    ]
