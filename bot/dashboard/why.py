"""Why an answer is what it is, in words: what a turn's steps come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.dashboard import words
from bot.languages import N_, _
from bot.orchestrator.outcome import Citation
from bot.store.records import TurnRecord
from bot.trace import Step

_KINDS: Mapping[str, str] = {
    "question": N_("A question for the help pages"),
    "person": N_("A wish to speak to a person"),
    "anger": N_("An angry complaint, not the first"),
    "repeat": N_("The same question a third time"),
    "objection": N_("An objection to the answer before"),
    "unreadable": N_("Nothing that could be read"),
}
_LANGUAGES: Mapping[str, str] = {
    "en": N_("English"),
    "de": N_("German"),
    "fr": N_("French"),
    "es": N_("Spanish"),
    "it": N_("Italian"),
    "nl": N_("Dutch"),
    "pt": N_("Portuguese"),
    "pl": N_("Polish"),
    "sv": N_("Swedish"),
    "da": N_("Danish"),
    "tr": N_("Turkish"),
    "ar": N_("Arabic"),
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
        tokens=words.tokens(tokens_in, tokens_out) if tokens_in or tokens_out else "",
        trouble=[said for step in turn.steps if (said := _trouble(step))],
    )


def _taken_as(steps: Sequence[Step]) -> str:
    """How the last reading of the message took it: a customer may have added to it meanwhile."""
    routes = [step.output for step in reversed(steps) if step.kind == "route"]
    told: Mapping[str, object] = next((output for output in routes if output.get("kind")), {})
    kind = str(told.get("kind") or "")
    if not kind:
        return ""
    said = (
        _(_KINDS[kind]) if kind in _KINDS else _("A courtesy (%(kind)s)") % {"kind": kind.replace("_", " ")}
    )
    if (code := str(told.get("language"))) in _LANGUAGES:
        said = _("%(said)s, in %(language)s") % {"said": said, "language": _(_LANGUAGES[code])}
    intent = next((output["intent"] for output in routes if "intent" in output), None)
    return said if intent is None else f"{said}: {intent}"


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
            return _("No model: quoted from the pages, word for word")
        if step.kind == "model" and step.name != "passages" and step.status == "ok":
            if step.output.get("answered") is False:
                return _("%(model)s, which found no answer in the pages") % {"model": step.name}
            return _("%(model)s, from the pages below") % {"model": step.name}
    return ""


def _trouble(step: Step) -> str:
    """What was not as it should be in a step, if anything was."""
    if step.status == "failed":
        what = _("%(kind)s “%(name)s” failed") % {"kind": words.step(step.kind), "name": step.name}
        return f"{what}: {step.error}" if step.error else what
    match step.kind, step.name:
        case "fallback", "passages":
            said = _("No model answered, so the pages were quoted")
        case "fallback", model:
            said = _("%(model)s was asked: %(reason)s") % {
                "model": model,
                "reason": step.input.get("reason"),
            }
        case "guard", "overtaken":
            said = _("The customer wrote again meanwhile, so it began anew")
        case "knowledge", _ if step.output.get("degraded"):
            said = _("The index did not answer; its copy of the last learning was searched")
        case "model", _ if isinstance(removed := step.output.get("removed"), list):
            said = _("Taken out of the answer: %(what)s") % {"what": ", ".join(map(str, removed))}
        case _:
            said = ""
    return said
