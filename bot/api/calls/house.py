"""The running house: what it offers to programs, and whether it is well."""

from __future__ import annotations

from collections.abc import Sequence

from bot.api.calls.call import Call
from bot.api.schemas import EVENTS, TEXT, WHOLE, YES_NO, list_of, maybe, obj, of, text

PROGRAMS: Sequence[Call] = (
    Call(
        method="post",
        path="/api/route",
        about="How a message would be routed: the agent and the tier of models, null for the usual ones.",
        who="operator",
        group="Routing",
        body=obj({"text": text(2_000)}),
        answers={
            200: (
                "The route",
                obj(
                    {
                        "language": TEXT,
                        "agent": maybe(TEXT),
                        "tier": maybe(TEXT),
                        "several": YES_NO,
                        "told": {"type": "object", "description": "How that was found."},
                    }
                ),
            )
        },
    ),
    Call(
        method="get",
        path="/api/components",
        about="Every model, tool, knowledge source, channel and store, and the work that is to be done: what "
        "it takes and bears, and how it is, as all processes together found it.",
        who="operator",
        group="Components",
        answers={200: ("All of them", obj({"components": list_of(of("Component"))}))},
    ),
    Call(
        method="get",
        path="/api/events",
        about="Live: `conversation` whenever one has something new, `approval` whenever one is asked for, "
        "decided about or has come to its end (each as its list shows it), `look` when something may have "
        "been missed. With `conversation`, also that one's `message`s after the seq "
        "`after`, each once and in order (`id:` is the seq), and in passing `delta`, `typing`, `presence`, "
        "`online`.",
        who="operator",
        group="Live",
        query={"conversation": TEXT, "after": WHOLE},
        answers={200: ("The stream", EVENTS)},
        answer_type="text/event-stream",
    ),
    Call(
        method="get",
        path="/api/openapi.json",
        about="This description.",
        who="anyone",
        group="Description",
        answers={200: ("OpenAPI 3.1", {"type": "object"})},
    ),
    Call(
        method="get",
        path="/api/docs",
        about="This description, to be read.",
        who="anyone",
        group="Description",
        answers={200: ("A page", TEXT)},
        answer_type="text/html",
    ),
)
HOUSE: Sequence[Call] = (
    Call(
        method="get",
        path="/healthz",
        about="The process lives.",
        who="anyone",
        group="Health",
        answers={200: ("It does", TEXT)},
        answer_type="text/plain",
    ),
    Call(
        method="get",
        path="/readyz",
        about="Whether everything needed is there.",
        who="anyone",
        group="Health",
        answers={200: ("Ready", {"type": "object"}), 503: ("Not ready", {"type": "object"})},
    ),
    Call(
        method="get",
        path="/metrics",
        about="Figures for Prometheus.",
        who="anyone",
        group="Health",
        answers={200: ("Figures", TEXT)},
        answer_type="text/plain",
    ),
)
