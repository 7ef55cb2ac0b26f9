"""The ends of a turn that are no answer: asking back, admitting what can't be read, bringing in a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from babel.dates import format_timedelta

from bot.orchestrator import extractive
from bot.orchestrator.agent import Hours, Turn, Waits
from bot.orchestrator.deed_phrases import DeedPhrase, deed_phrase
from bot.orchestrator.draft import Asked
from bot.orchestrator.language import Language, guess
from bot.orchestrator.outcome import HandOff, HandOffReason, Outcome, ProposedCall, Reply
from bot.orchestrator.phrases import Phrase, admits_not_knowing, admits_not_reading, phrase_in
from knowledge.base import Passage

_LONGEST_QUESTION = 2_000  # characters shown to an operator
_WORTH_A_LOOK = 0.1  # of Passage.score: a page that may be about the question, if no answer to it
_WITHIN = (5, 10, 15, 30, 60)  # minutes that a usual wait is told as
_PAGES = 2  # such pages worth naming
_HANDED_OFF: Mapping[HandOffReason, Phrase] = {
    "customer_request": "handoff_customer_request",
    "missing_knowledge": "handoff_missing_knowledge",
    "unsupported": "handoff_unreadable",
    "degraded": "handoff_degraded",
}
_HANDED_ON: Mapping[HandOffReason, DeedPhrase] = {
    "tool_failure": "handoff_tool_failure",
    "sentiment": "handoff_sentiment",
    "policy": "handoff_elsewhere",
    "approval": "handoff_elsewhere",
    "budget": "handoff_elsewhere",
    "loop": "handoff_elsewhere",
}


async def say(asked: Asked, text: str) -> None:
    """Say a whole text paragraph by paragraph, after what was said already."""
    for paragraph in text.split("\n\n"):
        await asked.draft.say(paragraph if not asked.draft.text else f"\n\n{paragraph}")


async def hand_off(
    asked: Asked, reason: HandOffReason, why: str, *, told: str = "", calls: Sequence[ProposedCall] = ()
) -> HandOff:
    """Tell the customer that a person takes over, and when to expect one; the operator hears why.

    `told` is what the customer is told before: what could be done or found all the same. `calls` are those
    that an operator must allow besides.
    """
    await asked.draft.restart()
    words = (
        phrase_in(asked.language, _HANDED_OFF[reason])
        if reason in _HANDED_OFF
        else deed_phrase(asked.language, _HANDED_ON[reason])
    )
    words = _with_time(words, asked.language, asked.agent.hours, asked.agent.waits)
    text = "\n\n".join(filter(None, (told, words)))
    await say(asked, text)
    done = [f"{each.tool} was done" for each in asked.turn.journal.earlier if each.state == "done"]
    summary = " ".join([why, *(f"{each}." for each in done)])
    if asked.turn.guidance:
        summary += f" It was handed back with this note: {asked.turn.guidance}"
    wrote = f" They wrote: {asked.question[:_LONGEST_QUESTION]}" if asked.question else ""
    return HandOff(reason=reason, text=text, summary=summary + wrote, calls=tuple(calls))


def passed_on(which: Phrase, said: str, hours: Hours | None, waits: Waits | None) -> str:
    """That a person takes over, and when to expect one, in the language of `said`, where no turn tells it."""
    language = guess(said)
    return _with_time(phrase_in(language, which), language, hours, waits)


async def unsure(asked: Asked, words: Phrase = "unsure", *, nearest: Sequence[Passage] = ()) -> Outcome:
    """Ask back, naming pages that may help; a person takes over when that did not help, if the agent's
    owner wants that."""
    pages = _worth_a_look(nearest)
    misses = _misses(asked.turn)
    if asked.agent.when_unsure == "handoff" and misses > (1 if pages else 0):
        return await hand_off(asked, "missing_knowledge", "The help pages don't answer this.")
    text = phrase_in(asked.language, words)
    if pages:
        links = "\n".join(f"- [{extractive.escaped(page.title)}]({page.url})" for page in pages)
        told = (phrase_in(asked.language, "maybe"), links, phrase_in(asked.language, "otherwise"))
        text = "\n\n".join(told)
    await asked.draft.say(text)
    return Reply(text=text, answered=False)


async def cannot_read(asked: Asked) -> Outcome:
    """Ask for words where only files came; the second time in a row a person looks at them."""
    if asked.agent.when_unsure == "handoff" and admits_not_reading(bots_last_words(asked.turn)):
        return await hand_off(asked, "unsupported", "The customer sends files, which the bot can't open.")
    text = phrase_in(asked.language, "unreadable")
    await asked.draft.say(text)
    return Reply(text=text, answered=False)


def bots_last_words(turn: Turn) -> str:
    """What the contact was told last, if the bot said it."""
    told = [utterance for utterance in turn.said if utterance.speaker != "contact"]
    return told[-1].text if told and told[-1].speaker == "bot" else ""


def _with_time(words: str, language: Language, hours: Hours | None, waits: Waits | None) -> str:
    """The words, and when somebody is there again; while somebody is, how long that usually takes."""
    if hours is not None and (back := hours.next_opening(datetime.now(UTC))) is not None:
        return f"{words} {deed_phrase(language, 'back', when=hours.said(back, language))}"
    usual = waits.usual() if waits is not None else None
    within = next((each for each in _WITHIN if usual is not None and usual <= each * 60), None)
    if within is None:  # not known, or nothing that anybody would like to hear
        return words
    when = format_timedelta(timedelta(minutes=within), granularity="minute", threshold=10, locale=language)
    return f"{words} {deed_phrase(language, 'usually', when=when)}"


def _worth_a_look(nearest: Sequence[Passage]) -> Sequence[Passage]:
    """One passage for each of the few pages that may be about the question and can be opened."""
    pages = {each.document: each for each in reversed(nearest) if each.url and each.score >= _WORTH_A_LOOK}
    return [each for each in nearest if pages.get(each.document) is each][:_PAGES]


def _misses(turn: Turn) -> int:
    """How many times in a row the bot has just said that it does not know."""
    told = [utterance for utterance in reversed(turn.said) if utterance.speaker != "contact"]
    known = (i for i, each in enumerate(told) if each.speaker != "bot" or not admits_not_knowing(each.text))
    return next(known, len(told))
