"""The answer by a model: its rounds of words and tool calls, and down the ladder of models when one fails."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

import orjson
from pydantic import JsonValue

from bot.orchestrator.agent import (
    BudgetScope,
    Delta,
    LanguageModel,
    ModelFailed,
    ModelMessage,
    ModelRequest,
    ToolCall,
    Usage,
)
from bot.orchestrator.budget import BudgetReached, cheaper, paid
from bot.orchestrator.claims import claimed_act
from bot.orchestrator.draft import Asked, Draft
from bot.orchestrator.guard import Guard, reveals
from bot.orchestrator.hands import Hands, Stuck
from bot.orchestrator.outcome import Citation, Reply
from bot.orchestrator.prompt import NO_ANSWER, SECRET, mend, prompt
from bot.orchestrator.resilience import pause_before_retry
from bot.orchestrator.standing import cited_in, grounds, without
from bot.trace import Step
from knowledge.base import Passage
from knowledge.quote import readable

FIRST_TOKEN = 30.0  # seconds
_RESERVE = 3.0  # seconds of the turn kept for what follows the model
_MENDING = 8.0  # seconds of the turn that one more round is worth, for an answer that does not stand
_ROUNDS = 8  # of calls and their results in one turn, the answer's own included


@dataclass(frozen=True, kw_only=True)
class DoesNotKnow:
    """A model read the passages and found no answer in them."""


@dataclass(frozen=True, kw_only=True)
class NoModelAnswered:
    """Every model failed or is resting, or what it wrote could not be let through."""


@dataclass(frozen=True, kw_only=True)
class OutOfMoney:
    """A budget is used up."""

    scope: BudgetScope


Answer = Reply | DoesNotKnow | NoModelAnswered | OutOfMoney | Stuck


@dataclass(frozen=True, kw_only=True)
class _Called:
    """What a model wants called before it answers, and what it wrote along with that."""

    text: str
    calls: Sequence[ToolCall]


@dataclass(frozen=True, kw_only=True)
class _Unfounded:
    """A whole answer, and the sentences of it that stand on nothing."""

    text: str
    sentences: Sequence[str]
    cited: Sequence[Passage]


class _Unsound(Exception):  # noqa: N818
    """A whole answer that must not stand; another model would have to read the same passages."""


async def by_models(
    asked: Asked, passages: Sequence[Passage], hands: Hands, done: Sequence[ModelMessage] = ()
) -> Answer:
    """The first whole answer down the ladder, from the turn's tier on; what a failed one said is taken back.

    What tools have returned is handed on to the next model: `done` are calls and results of a plan.
    """
    messages = [*prompt(asked.turn, asked.agent, passages), *done]
    tiers = list(asked.agent.models)
    tier, failed = asked.tier, ""
    refused: BudgetScope | None = None
    ladder = list(asked.agent.models[tier])
    while ladder:
        model = ladder.pop(0)
        if failed:
            with asked.trace.step("fallback", model.name, reason=f"{failed} failed"):
                pass
        try:
            answer = await _converse(model, messages, asked, passages, hands, spare=tier != tiers[0])
        except BudgetReached as reached:
            lower = cheaper(tiers, tier)
            if lower is not None:
                tier, ladder = lower, list(asked.agent.models[lower])
            with asked.trace.step("guard", "budget", model=model.name) as step:
                step.output = {
                    "scope": reached.scope,
                    "tight": reached.tight,
                    "decision": f"the {lower} tier" if lower else ladder[0].name if ladder else "no model",
                }
            failed, refused = "", refused if reached.tight else reached.scope
            continue
        except _Unsound as unsound:
            await asked.draft.restart()
            with asked.trace.step("guard", "answer withheld") as step:
                step.status, step.error = "failed", str(unsound)
            return NoModelAnswered()
        if answer is not None:
            return answer
        failed = model.name
    return OutOfMoney(scope=refused) if refused is not None else NoModelAnswered()


async def _converse(
    model: LanguageModel,
    messages: list[ModelMessage],
    asked: Asked,
    passages: Sequence[Passage],
    hands: Hands,
    *,
    spare: bool,
) -> Answer | None:
    """One model's rounds until it answers; None when the next one should be asked.

    What of its answer stands on nothing it may mend once, and otherwise is taken out.
    """
    mended = False
    for _ in range(_ROUNDS):
        match await _ask(model, messages, asked, passages, hands, spare=spare):
            case _Unfounded(text=text, sentences=sentences) as unfounded:
                in_time = asked.turn.deadline - _RESERVE - _MENDING > time.monotonic()
                with asked.trace.step("guard", "grounding", needs=[model.name]) as step:
                    unsaid: list[JsonValue] = list(sentences)
                    asks = in_time and not mended
                    step.output = {"unfounded": unsaid, "decision": "asked again" if asks else "taken out"}
                await asked.draft.restart()
                if not asks:
                    return await _rest(unfounded, asked)
                mended = True
                messages += mend(text, sentences)
            case _Called(text=text, calls=calls):
                messages.append(ModelMessage(role="assistant", content=text, calls=calls))
                messages += await hands.answer(calls, by=model.name)
                if hands.stuck is not None:
                    return hands.stuck
            case DoesNotKnow() if mended:  # the passages themselves may know
                raise _Unsound("nothing was left of it but that it does not know")
            case answer:
                return answer
    return Stuck(reason="loop", why=f"{model.name} called tools {_ROUNDS} times without answering.")


async def _ask(
    model: LanguageModel,
    messages: Sequence[ModelMessage],
    asked: Asked,
    passages: Sequence[Passage],
    hands: Hands,
    *,
    spare: bool,
) -> Reply | DoesNotKnow | _Called | _Unfounded | None:
    """One round, asked again where that may help; None when the next model should be asked.

    Raises BudgetReached.
    """
    deadline = asked.turn.deadline
    since = time.monotonic()
    retries = 0
    while (left := deadline - _RESERVE - time.monotonic()) > 0:
        request = ModelRequest(
            messages=tuple(messages), first_token=min(FIRST_TOKEN, left), total=left, tools=hands.offered
        )
        guard = Guard(
            passages=passages,
            instructions=asked.agent.instructions,
            secret=SECRET,
            links=hands.values,
            noted=bool(asked.turn.guidance),
        )
        failure: ModelFailed | None = None
        reached: BudgetReached | None = None
        said: bool | _Called = False
        needs = [*(["lookup"] if passages else []), *(each.tool.name for each in hands.made)]
        given: dict[str, JsonValue] = {
            "messages": len(messages),
            "passages": [each.title for each in passages],
            "tools": [each.name for each in hands.offered],
        }
        with asked.trace.step("model", model.name, needs=needs, attempt=retries + 1, **given) as step:
            try:
                said = await _stream(model, request, guard, asked, step, spare=spare)
            except ModelFailed as failed:
                step.status, step.error = "failed", failed.detail
                failure = failed
            except BudgetReached as refused:
                step.status, reached = "skipped", refused
        if reached is not None:
            raise reached
        if isinstance(said, _Called):
            return said
        if failure is None:
            return await _finished(asked, passages, guard, hands) if said else DoesNotKnow()
        await asked.draft.restart()
        pause = pause_before_retry(
            failure, retries=retries, since=since, deadline=deadline, now=time.monotonic()
        )
        if pause is None:
            return None
        await asyncio.sleep(pause)
        retries += 1
    return None


async def _stream(
    model: LanguageModel, request: ModelRequest, guard: Guard, asked: Asked, step: Step, *, spare: bool
) -> bool | _Called:
    """Say the model's answer as it comes. False, with nothing left said, when it does not know; what stands
    before calls is taken back."""
    draft = asked.draft
    start: str | None = ""  # kept back until it is clear that the answer is not the marker
    calls: list[ToolCall] = []
    began = time.perf_counter()
    async with aclosing(paid(model, request, asked.turn.purse, step, spare=spare)) as pieces:
        async for piece in pieces:
            match piece:
                case Delta(text=text):
                    if "first_token_seconds" not in step.output:
                        step.tell(first_token_seconds=round(time.perf_counter() - began, 4))
                    if start is not None:
                        start += text
                        if _may_be_marker(start):
                            continue
                        text, start = start, None
                    await draft.say(guard.feed(text))
                case ToolCall():
                    calls.append(piece)
                case Usage():
                    pass
    if calls:
        return await _called(calls, request, draft, step, start or draft.text)
    if start is not None and NO_ANSWER not in start:
        await draft.say(guard.feed(start))
    await draft.say(guard.finish())
    if guard.removed:
        step.tell(removed=list(guard.removed))
    if NO_ANSWER in (start or draft.text):
        await draft.restart()
        step.tell(answered=False)
        return False
    if not draft.text.strip():
        raise ModelFailed("an empty answer", retry=True)
    step.tell(text=draft.text)
    return True


async def _called(
    calls: Sequence[ToolCall], request: ModelRequest, draft: Draft, step: Step, text: str
) -> _Called:
    """What it wants called. Raises ModelFailed when it was offered nothing to call, or when a call would give
    away what must not leave."""
    if any(reveals(_spelled_out(call), SECRET) for call in calls):
        raise ModelFailed("a call gave away what it must not", retry=False)
    listed: list[JsonValue] = [{"tool": call.name, "arguments": call.arguments} for call in calls]
    step.tell(calls=listed)
    await draft.restart()
    if not request.tools:
        raise ModelFailed("it calls tools though none are offered any more", retry=False)
    return _Called(text=text, calls=calls)


async def _finished(
    asked: Asked, passages: Sequence[Passage], guard: Guard, hands: Hands
) -> Reply | _Unfounded:
    """The whole answer as a reply, once it is sure that passages and tools carry it."""
    draft = asked.draft
    if act := claimed_act(draft.text, done=hands.deeds, looked_up=hands.results):
        raise _Unsound(f"no tool did what it says: {act!r}")
    standings = await grounds(asked, passages, hands).standings(draft.text)
    if unfounded := [each.sentence for each in standings if not each.sources]:
        return _Unfounded(text=draft.text, sentences=unfounded, cited=guard.cited)
    if not (standings or guard.cited or guard.by_note or hands.made or hands.results):
        if draft.text.rstrip().endswith(("?", "؟")):
            return Reply(text=draft.text.strip(), answered=False)
        raise _Unsound("it says nothing of what was asked")
    for each in standings:
        carrying = [source.passage for source in each.sources if source.passage is not None]
        from_pages = len(carrying) == len(each.sources)
        if from_pages and not any(passage in guard.cited for passage in carrying):
            await draft.say(f" {guard.cite(carrying[0])}")
    return Reply(text=draft.text.strip(), citations=_citations(guard.cited))


async def _rest(unfounded: _Unfounded, asked: Asked) -> Reply:
    """What is left of an answer without what stands on nothing. Raises _Unsound when that is no answer."""
    said = "; ".join(map(repr, unfounded.sentences))
    left = without(unfounded.text, unfounded.sentences)
    if left is None:
        raise _Unsound(f"nothing given to the model says {said}")
    text, cited = cited_in(left, unfounded.cited)
    await asked.draft.say(text)
    return Reply(text=text, citations=_citations(cited))


def _citations(cited: Sequence[Passage]) -> Sequence[Citation]:
    return tuple(
        Citation(title=each.title, url=each.url, quote=readable(each.quote, each.text)) for each in cited
    )


def _spelled_out(call: ToolCall) -> str:
    """A call as it is written, and as whoever reads its JSON reads it."""
    with contextlib.suppress(orjson.JSONDecodeError):
        return f"{call.name} {call.arguments} {orjson.loads(call.arguments)}"
    return f"{call.name} {call.arguments}"


def _may_be_marker(start: str) -> bool:
    """Whether an answer that begins like this is the marker, or may still become it."""
    bare = start.lstrip(" \n\r\t*_`\"'[<(")
    return bare.startswith(NO_ANSWER) or NO_ANSWER.startswith(bare)
