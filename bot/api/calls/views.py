"""Saved views and canned answers."""

from __future__ import annotations

from collections.abc import Sequence

from bot.api.calls.call import DONE, Call
from bot.api.schemas import TEXT, YES_NO, Schema, list_of, obj, of, text

_CANNED_NAME: Schema = {**text(40), "pattern": r"^[A-Za-z0-9_.-]{1,40}$"}

VIEWS: Sequence[Call] = (
    Call(
        method="get",
        path="/api/views",
        about="Your saved views of the inbox and those that everybody shares, with how much each shows now.",
        who="operator",
        group="Saved views",
        answers={200: ("The views", obj({"views": list_of(of("View"))}))},
    ),
    Call(
        method="post",
        path="/api/views",
        about="Save what you look for, for yourself or for everybody.",
        who="operator",
        group="Saved views",
        body=obj({"name": TEXT, "query": TEXT}, {"shared": YES_NO}),
        answers={201: ("The view", obj({"view": of("View")}))},
    ),
    Call(
        method="post",
        path="/api/views/{id}",
        about="Change a view of yours; an admin, any shared one.",
        who="operator",
        group="Saved views",
        body=obj({}, {"name": TEXT, "query": TEXT, "shared": YES_NO}),
        answers={200: ("The view", obj({"view": of("View")}))},
    ),
    Call(
        method="delete",
        path="/api/views/{id}",
        about="Take a view of yours away; an admin, any shared one.",
        who="operator",
        group="Saved views",
        answers=DONE,
    ),
    Call(
        method="get",
        path="/api/canned",
        about="Canned answers, by name. `{{contact}}`, `{{operator}}` and `{{subject}}` stand for those.",
        who="operator",
        group="Canned answers",
        answers={200: ("The answers", obj({"canned": list_of(of("Canned"))}))},
    ),
    Call(
        method="post",
        path="/api/canned",
        about="A new one.",
        who="operator",
        group="Canned answers",
        body=obj({"name": _CANNED_NAME, "text": text(10_000)}),
        answers={201: ("The answer", obj({"canned": of("Canned")}))},
    ),
    Call(
        method="post",
        path="/api/canned/{id}",
        about="Another name or text for one.",
        who="operator",
        group="Canned answers",
        body=obj({"name": _CANNED_NAME, "text": text(10_000)}),
        answers={200: ("The answer", obj({"canned": of("Canned")}))},
    ),
    Call(
        method="delete",
        path="/api/canned/{id}",
        about="Take one away.",
        who="operator",
        group="Canned answers",
        answers=DONE,
    ),
)
