"""Why an answer is what it is, in words: what a turn's steps come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.dashboard import words
from bot.orchestrator.outcome import Citation
from bot.store.records import TurnRecord
from bot.trace import Step

_KINDS: Mapping[str, str] = {
    "question": "A question for the help pages",
    "person": "A wish to speak to a person",
    "objection": "An objection to the answer before",
    "unreadable": "Nothing that could be read",
}
_LANGUAGES: Mapping[str, str] = {
    "en": "English",
    "de": "German",
    "fr": "French",
    "es": "Spanish",
    "it": "Italian",
    "nl": "Dutch",
    "pt": "Portuguese",
    "pl": "Polish",
    "sv": "Swedish",
    "da": "Danish",
    "tr": "Turkish",
    "ar": "Arabic",
}


@dataclass(frozen=True, kw_only=True)
class Why:
    """What an operator wants to know first; the steps themselves are for those who look closer.

    `read` are titles and addresses of the pages that were found, `cited` those that the answer quotes.
    """

    taken_as: str
    read: Sequence[tuple[str, str]]
    cited: Sequence[Citation]
    written_by: str
    tokens: str
    trouble: Sequence[str]


def explain(turn: TurnRecord, cited: Sequence[Citation]) -> Why:
    """The essentials of a turn, whose answer cites so."""
    quoted = {each.title for each in cited}
    tokens_in, tokens_out = (
        sum(getattr(s, name) for s in turn.steps) for name in ("tokens_in", "tokens_out")
    )
    return Why(
        taken_as=_taken_as(turn.steps),
        read=[page for page in _read(turn.steps) if page[0] not in quoted],
        cited=cited,
        written_by=_written_by(turn.steps),
        tokens=f"{tokens_in:,} in, {tokens_out:,} out" if tokens_in or tokens_out else "",
        trouble=[said for step in turn.steps if (said := _trouble(step))],
    )


def _taken_as(steps: Sequence[Step]) -> str:
    """How the last reading of the message took it: a customer may have added to it meanwhile."""
    route = next((step for step in reversed(steps) if step.kind == "route"), None)
    if route is None:
        return ""
    kind = str(route.output.get("kind") or "")
    said = _KINDS.get(kind, f"A courtesy ({kind.replace('_', ' ')})" if kind else "")
    language = _LANGUAGES.get(str(route.output.get("language")), "")
    return f"{said}, in {language}" if said and language else said


def _read(steps: Sequence[Step]) -> Sequence[tuple[str, str]]:
    found: dict[str, str] = {}
    for step in steps:
        pages = step.output.get("passages") or step.output.get("nearest")
        for page in pages if step.kind == "knowledge" and isinstance(pages, list) else ():
            if isinstance(page, dict) and page.get("title"):
                found.setdefault(str(page["title"]), str(page.get("url") or ""))
    return list(found.items())


def _written_by(steps: Sequence[Step]) -> str:
    for step in reversed(steps):
        if step.name == "passages" and step.output.get("confident"):
            return "No model: quoted from the pages, word for word"
        if step.kind == "model" and step.name != "passages" and step.status == "ok":
            if step.output.get("answered") is False:
                return f"{step.name}, which found no answer in the pages"
            return f"{step.name}, from the pages below"
    return ""


def _trouble(step: Step) -> str:
    """What was not as it should be in a step, if anything was."""
    if step.status == "failed":
        what = f"{words.STEP.get(step.kind, step.kind)} “{step.name}” failed"
        return f"{what}: {step.error}" if step.error else what
    match step.kind, step.name:
        case "fallback", "passages":
            said = "No model answered, so the pages were quoted"
        case "fallback", model:
            said = f"{model} was asked: {step.input.get('reason')}"
        case "guard", "overtaken":
            said = "The customer wrote again meanwhile, so it began anew"
        case "knowledge", _ if step.output.get("degraded"):
            said = "The index did not answer; its copy of the last learning was searched"
        case "model", _ if isinstance(removed := step.output.get("removed"), list):
            said = f"Taken out of the answer: {', '.join(map(str, removed))}"
        case _:
            said = ""
    return said
