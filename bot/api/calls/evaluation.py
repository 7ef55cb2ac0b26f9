"""Answers that operators called good or bad."""

from __future__ import annotations

from collections.abc import Sequence

from bot.api.calls.call import DONE, Call
from bot.api.schemas import CURSOR, MARK, TEXT, Schema, list_of, maybe, obj, of, page

_ANY_MARK: Schema = {"type": "string", "enum": ["good", "bad", ""], "description": "Empty: either."}

EVALUATION: Sequence[Call] = (
    Call(
        method="get",
        path="/api/evaluation",
        about="Answers of the bot that operators marked, the latest first: what it is tested against.",
        who="operator",
        group="Knowledge",
        query={"mark": _ANY_MARK, "before": CURSOR, "limit": page()},
        answers={
            200: ("A page", obj({"evaluations": list_of(of("Evaluation")), "next": maybe(TEXT)})),
        },
    ),
    Call(
        method="post",
        path="/api/evaluation",
        about="Mark an answer of the bot as good or bad, or mark it otherwise. A bad one may carry what "
        "would have been right, and why.",
        who="operator",
        group="Knowledge",
        body=obj(
            {"message_id": TEXT, "mark": MARK},
            {"expected": {**TEXT, "maxLength": 10_000}, "reason": {**TEXT, "maxLength": 1_000}},
        ),
        answers={200: ("It is marked", obj({"evaluation": of("Evaluation")}))},
    ),
    Call(
        method="delete",
        path="/api/evaluation/{id}",
        about="Take a mark off.",
        who="operator",
        group="Knowledge",
        answers=DONE,
    ),
    Call(
        method="get",
        path="/api/evaluation.jsonl",
        about="The whole set, an `Evaluation` on each line, with personal data and secrets masked.",
        who="operator",
        group="Knowledge",
        query={"mark": _ANY_MARK},
        answers={200: ("The set", TEXT)},
        answer_type="application/jsonl",
    ),
)
