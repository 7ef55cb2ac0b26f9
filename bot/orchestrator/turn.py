"""The story of a turn, from what the customer wrote to what happens."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from pydantic import JsonValue

from bot.orchestrator import extractive
from bot.orchestrator.agent import Agent, ModelMessage, Turn
from bot.orchestrator.answer import DoesNotKnow, NoModelAnswered, OutOfMoney, by_models
from bot.orchestrator.draft import Asked, Draft
from bot.orchestrator.endings import bots_last_words, cannot_read, hand_off, say, unsure
from bot.orchestrator.hands import Hands, Stuck
from bot.orchestrator.language import Language, guess
from bot.orchestrator.mood import has_had_enough, mood
from bot.orchestrator.news import in_words, so_far, uncertain, unsettled
from bot.orchestrator.outcome import HandOffReason, NeedsApproval, Outcome, Reply, Silence
from bot.orchestrator.phrases import phrase_in
from bot.orchestrator.plan import PLAN
from bot.orchestrator.planner import planned
from bot.orchestrator.repeats import answered, goes_round
from bot.orchestrator.route import routed
from bot.orchestrator.rules import Deeds, by_rules
from bot.orchestrator.taken_up import offered_wish
from bot.orchestrator.wishes import Courtesy, courtesy, objects, wants_person
from bot.trace import StepKind, Trace
from knowledge.base import Passage
from knowledge.lookup import Down, Found, NoMatch
from tools.built_in import NAMES as BUILT_IN

Kind = Courtesy | Literal["person", "anger", "unreadable", "objection", "repeat", "question"]
Lookup = Found | NoMatch | Down

_FOR_A_PERSON: Mapping[Kind, tuple[HandOffReason, str]] = {
    "person": ("customer_request", "The customer asked for a person."),
    "anger": ("sentiment", "The customer is angry, and was not content before."),
    "repeat": ("loop", "The customer asks the same again after two answers."),
}
_LONGEST_QUESTION = 2_000  # characters looked up
_HISTORY = 6  # utterances before the question that help to understand it
_DOWN = "The knowledge could not be asked."


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
    before = [*(text for text in said if text not in quotes), *quotes][-_HISTORY:]
    asked = Asked(
        turn=turn,
        agent=agent,
        trace=trace,
        draft=Draft(turn.speech),
        question="\n".join(pending).strip(),
        language=language_of(turn),
        tier=agent.tier,
    )
    news = turn.journal.news
    if not turn.pending:
        return await _news(asked)
    outcome = await _answer(asked, pending, before)
    if (told := in_words(asked, news)) and not isinstance(outcome, Silence):
        outcome = replace(outcome, text=f"{told}\n\n{outcome.text}")
    if (stuck := unsettled(news)) and isinstance(outcome, Reply | NeedsApproval):
        calls = outcome.calls if isinstance(outcome, NeedsApproval) else ()
        return await hand_off(asked, stuck.reason, stuck.why, told=outcome.text, calls=calls)
    return outcome


async def _news(asked: Asked) -> Outcome:
    """The customer wrote nothing new: they hear what came of what they asked for before."""
    news = asked.turn.journal.news
    with asked.trace.step("route", "news") as step:
        step.output = {"calls": [{"tool": each.tool, "state": each.state} for each in news]}
    told = in_words(asked, news)
    if stuck := unsettled(news):
        return await hand_off(asked, stuck.reason, stuck.why, told=told)
    if not told:
        return Silence(why="nothing has come of anything yet")
    await say(asked, told)
    return Reply(text=told)


async def _answer(asked: Asked, pending: Sequence[str], before: Sequence[str]) -> Outcome:
    """What becomes of what the customer has just written."""
    agent = asked.agent
    with asked.trace.step("route", "message", messages=asked.turn.pending) as step:
        said = asked.turn.said
        earlier = answered(said[: len(said) - asked.turn.pending])
        kind: Kind = kind_of(asked.question, pending, agent.name, earlier)
        if offered_wish(asked.turn, asked.agent.tools) is not None:
            kind = "question"  # "ok" is no thanks here
        elif kind == "question" and agent.router is not None:
            kind = "person" if await agent.router.wants_person(asked.question) else kind
        step.output = {"language": asked.language, "kind": kind, "mood": mood(asked.question)}
        if asked.turn.guidance:
            step.tell(note_of_a_colleague=asked.turn.guidance)
    match kind:
        case "question":
            return await _question(asked, before)
        case "person" | "anger" | "repeat":
            return await hand_off(asked, *_FOR_A_PERSON[kind])
        case "objection":
            return await unsure(asked, "sorry")
        case "unreadable":
            return await cannot_read(asked)
        case pleasantry:
            text = phrase_in(asked.language, pleasantry, name=agent.name, company=agent.company)
            await asked.draft.say(text)
            return Reply(text=text)


def kind_of(question: str, pending: Sequence[str], name: str, earlier: Sequence[str]) -> Kind:
    """What a message is, as far as its words alone tell. In doubt a question: then it gets an answer.

    `earlier` is what the customer wrote before and the bot has answered.
    """
    if pleasantry := courtesy(question, name):
        return pleasantry
    if any(map(wants_person, pending)):
        return "person"
    if not question:  # whoever sends a picture and then a question wants the question answered
        return "unreadable"
    if has_had_enough(question, earlier):
        return "anger"
    if objects(question):
        return "objection"
    return "repeat" if goes_round(question, earlier) else "question"


async def _question(asked: Asked, before: Sequence[str]) -> Outcome:
    """Who should answer, and what the pages say, side by side; then the answer."""
    try:
        async with asyncio.TaskGroup() as group:
            lookup = group.create_task(look_up(asked, before))
            routing = group.create_task(routed(asked))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None  # what it is decides whether this counts as an attempt
    found, usual, (asked, several) = lookup.result(), asked.agent, routing.result()
    if asked.agent.knowledge is not usual.knowledge:
        found = await look_up(asked, before)  # the question's vector is there already
    hands = Hands(asked, asked.agent.tools)
    if hands.stuck is not None:  # by an attempt at this turn that died
        return await hand_off(asked, hands.stuck.reason, hands.stuck.why, told=so_far(asked, hands))
    given = hands.tools or isinstance(found, Found) or asked.turn.guidance
    if asked.agent.models and given:
        return await _by_models(asked, hands, found, before, several=several)
    return await _by_rules(asked, hands, found, before)


async def _by_models(
    asked: Asked, hands: Hands, found: Lookup, before: Sequence[str], *, several: bool
) -> Outcome:
    """By a model, that may have calls made besides reading the passages; else by rules."""
    passages = list(found.passages) if isinstance(found, Found) else []
    done: Sequence[ModelMessage] = ()
    if several and not hands.tools.keys() <= BUILT_IN:  # those by themselves are not worth a plan's time
        done, more = await planned(
            asked, hands, lambda wish, needs: look_up(asked, before, wish=wish, needs=needs)
        )
        passages += [each for each in more if each not in passages]
    answer = hands.stuck or await by_models(asked, passages, hands, done)
    match answer:
        case Reply() if hands.proposed:
            return NeedsApproval(calls=hands.proposed, text=answer.text, citations=answer.citations)
        case Reply():
            return answer
        case Stuck(reason=reason, why=why):
            why = " ".join([why, *hands.changes])
            return await hand_off(asked, reason, why, told=so_far(asked, hands), calls=hands.proposed)
        case OutOfMoney():
            return await _by_rules(asked, hands, found, before, failed="budget")
        case DoesNotKnow() if not (hands.made or hands.proposed):
            return await (hand_off(asked, "degraded", _DOWN) if isinstance(found, Down) else unsure(asked))
        case DoesNotKnow() | NoModelAnswered():
            return await _by_rules(asked, hands, found, before, failed="degraded")


async def _by_rules(
    asked: Asked,
    hands: Hands,
    found: Lookup,
    before: Sequence[str],
    *,
    failed: HandOffReason | None = None,
) -> Outcome:
    """Without a model: tools for what they are plainly for, the passages as they are for the rest.

    `failed` is why no model answered, if there are any: then a person has the last word, not a question back.
    """
    deeds = await by_rules(asked, hands, lambda wish: look_up(asked, before, wish=wish, needs=[PLAN]))
    if deeds is not None:
        return await _tell(asked, hands, deeds, failed=failed)
    match found:
        case Down():
            return await hand_off(asked, "degraded", _DOWN)
        case NoMatch(nearest=nearest):
            why = "No model answered, and the help pages don't."
            return await (hand_off(asked, failed, why) if failed else unsure(asked, nearest=nearest))
        case Found(passages=passages):
            return await _quote(asked, passages, failed=failed)


async def _tell(asked: Asked, hands: Hands, deeds: Deeds, *, failed: HandOffReason | None) -> Outcome:
    """What was done, and what not; a person goes on where something came to nothing."""
    if hands.stuck is not None or deeds.failed:
        reason = hands.stuck.reason if hands.stuck is not None else "tool_failure"
        unknown = [hands.stuck.why] if hands.stuck is not None else []
        undone = [f"This could not be done: {'; '.join(deeds.failed)}."] if deeds.failed else []
        why = " ".join([*unknown, *undone, *hands.changes])
        told = "\n\n".join(filter(None, (deeds.text, uncertain(asked, hands))))
        return await hand_off(asked, reason, why, told=told, calls=hands.proposed)
    if not deeds.text:
        return await hand_off(asked, failed or "degraded", "No model answered.")
    await asked.draft.restart()
    await say(asked, deeds.text)
    if hands.proposed:
        return NeedsApproval(calls=hands.proposed, text=deeds.text, citations=deeds.citations)
    return Reply(text=deeds.text, citations=deeds.citations, answered=deeds.answered)


async def _quote(asked: Asked, passages: Sequence[Passage], *, failed: HandOffReason | None) -> Outcome:
    """The passages' own words, if they are good enough to be an answer."""
    kind: StepKind = "fallback" if failed else "model"
    with asked.trace.step(kind, "passages", needs=("lookup",)) as step:
        quoted = extractive.compose(asked.question, passages, language=asked.language)
        step.output = {"confident": quoted is not None}
    if quoted is None:
        return await (hand_off(asked, failed, "No model answered.") if failed else unsure(asked))
    if quoted.text == bots_last_words(asked.turn):
        return await unsure(asked, "sorry")  # said again it would help no more than the first time
    await say(asked, quoted.text)
    return quoted


async def look_up(
    asked: Asked, before: Sequence[str], *, wish: str | None = None, needs: Sequence[str] = ()
) -> Lookup:
    question = (asked.question if wish is None else wish)[:_LONGEST_QUESTION]
    with asked.trace.step("knowledge", "lookup", needs=needs, question=question) as step:
        found = await asked.agent.knowledge.find(question, history=before)
        match found:
            case Down(reason=reason):
                step.status, step.error = "failed", reason
                step.output = {"found": "down"}
            case NoMatch(nearest=passages, rung=rung):
                step.output = {
                    "found": "nothing",
                    "degraded": rung != "primary",
                    "nearest": _listed(passages),
                }
            case Found(passages=passages, rung=rung):
                step.output = {
                    "found": "passages",
                    "degraded": rung != "primary",
                    "passages": _listed(passages),
                }
    if not isinstance(found, Down) and found.rung != "primary":
        with asked.trace.step("fallback", found.rung, needs=("lookup",), reason="the index is down"):
            pass
    return found


def language_of(turn: Turn) -> Language:
    """The customer's language: told by the newest message that tells."""
    spoken = [utterance.text for utterance in turn.said if utterance.speaker == "contact"]
    pending = "\n".join(spoken[-turn.pending :]) if turn.pending else ""
    return guess(pending, *reversed(spoken[: len(spoken) - turn.pending]))


def _listed(passages: Sequence[Passage]) -> list[JsonValue]:
    return [
        {"title": each.title, "document": each.document, "url": each.url, "score": round(each.score, 3)}
        for each in passages
    ]
