"""Calls that wait for a person's word."""

from __future__ import annotations

from collections.abc import Sequence

from bot.api.calls.call import Call
from bot.api.schemas import CALL_STATE, CURSOR, TEXT, list_of, maybe, obj, of, page

APPROVALS: Sequence[Call] = (
    Call(
        method="get",
        path="/api/approvals",
        about="Calls of tools that need an operator's word, by `status`: `pending` unless another is asked "
        "for, the longest waiting first; others the latest first.",
        who="operator",
        group="Approvals",
        query={"status": CALL_STATE, "before": CURSOR, "limit": page()},
        answers={200: ("A page of them", obj({"approvals": list_of(of("Approval")), "next": maybe(TEXT)}))},
    ),
    Call(
        method="get",
        path="/api/approvals/{id}",
        about="One of them.",
        who="operator",
        group="Approvals",
        answers={200: ("The approval", of("Approval"))},
    ),
    Call(
        method="post",
        path="/api/approvals/{id}",
        about="Decide, once: whoever comes later is answered 409. Approved, the call is made, with other "
        "`arguments` if they are given, which are held against the tool's schema as the bot's are; either "
        "way the customer is told, `note` with it.",
        who="operator",
        group="Approvals",
        body=obj(
            {"decision": {"type": "string", "enum": ["approve", "reject"]}},
            {"arguments": {"type": "object"}, "note": {**maybe(TEXT), "maxLength": 2_000}},
        ),
        answers={200: ("The approval as it is now", of("Approval"))},
    ),
)
