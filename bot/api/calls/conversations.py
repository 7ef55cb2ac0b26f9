"""Conversations: finding them, and what is done to one or to many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.api.calls.call import DONE, Call
from bot.api.schemas import (
    ACT,
    CURSOR,
    NUMBER,
    PRIORITY,
    STATUS,
    TEXT,
    TIME,
    WHOLE,
    Schema,
    list_of,
    maybe,
    obj,
    of,
    page,
)

_ACTED: Mapping[int, tuple[str, Schema | None]] = {
    200: ("The conversation as it is now; doing it again changes nothing", of("Conversation"))
}

CONVERSATIONS: Sequence[Call] = (
    Call(
        method="get",
        path="/api/conversations",
        about="Conversations, the newest first; those with status `waiting`, and those that are `overdue`, "
        "longest waiting and so first due first.",
        who="operator",
        group="Conversations",
        query={
            "status": STATUS,
            "assignee": {**TEXT, "description": "An operator's id, `me`, or `none` for nobody's."},
            "channel": {**TEXT, "description": "Where the newest message came in."},
            "label": TEXT,
            "q": {
                **TEXT,
                "description": "Words begun in one message, or parts of a name, address or subject.",
            },
            "overdue": {**TEXT, "description": "1: only those a person should have answered by now."},
            "before": CURSOR,
            "limit": page(),
        },
        answers={
            200: (
                "A page",
                obj({"conversations": list_of(of("Conversation")), "next": maybe(TEXT)}),
            )
        },
    ),
    Call(
        method="get",
        path="/api/conversations/{id}",
        about="A conversation with its newest messages, oldest first, and the turns of the same stretch.",
        who="operator",
        group="Conversations",
        query={
            "before": {**WHOLE, "description": "Only messages before this seq (`earlier` of an answer)."},
            "limit": page(),
        },
        answers={
            200: (
                "The conversation",
                {
                    "allOf": [
                        of("Conversation"),
                        obj(
                            {
                                "messages": list_of(of("Message")),
                                "turns": list_of(of("Turn")),
                                "earlier": maybe(WHOLE),
                                "visitor": {
                                    **maybe(of("Visitor")),
                                    "description": "Of the website; null where they never wrote there.",
                                },
                            }
                        ),
                    ]
                },
            )
        },
    ),
    Call(
        method="get",
        path="/api/conversations/{id}/ways",
        about="The ways by which the contact can be answered, the usual one first, and what each can do now.",
        who="operator",
        group="Conversations",
        answers={200: ("The ways", obj({"ways": list_of(of("Way"))}))},
    ),
    Call(
        method="post",
        path="/api/conversations/{id}/take",
        about="Take over: the bot falls silent at once.",
        who="operator",
        group="Conversations",
        answers=_ACTED,
    ),
    Call(
        method="post",
        path="/api/conversations/{id}/release",
        about="Hand back to the bot, which answers what nobody has answered. It takes the `note` as the "
        "company's own word until a person takes over again or the conversation is resolved; operators "
        "read it in the thread.",
        who="operator",
        group="Conversations",
        body=obj({}, {"note": {**maybe(TEXT), "maxLength": 2_000}}),
        answers=_ACTED,
    ),
    Call(
        method="post",
        path="/api/conversations/{id}/resolve",
        about="Settle it; what the contact writes next begins a new conversation.",
        who="operator",
        group="Conversations",
        answers=_ACTED,
    ),
    Call(
        method="post",
        path="/api/conversations/{id}/reopen",
        about="Take a resolved conversation up again.",
        who="operator",
        group="Conversations",
        answers=_ACTED,
    ),
    Call(
        method="post",
        path="/api/conversations/{id}/assign",
        about="Give it to an operator, whose it is from now on: an id, `me`, or null for nobody.",
        who="operator",
        group="Conversations",
        body=obj({}, {"assignee": maybe(TEXT)}),
        answers=_ACTED,
    ),
    Call(
        method="post",
        path="/api/conversations/{id}/snooze",
        about="Out of sight until a time, or for so many seconds, or until the contact writes.",
        who="operator",
        group="Conversations",
        body=obj({}, {"until": TIME, "seconds": NUMBER}),
        answers=_ACTED,
    ),
    Call(
        method="post",
        path="/api/conversations/{id}/labels",
        about="Put labels on it and take others off (`add`, `remove`), or say which it has (`labels`).",
        who="operator",
        group="Conversations",
        body=obj({}, {"labels": list_of(TEXT), "add": list_of(TEXT), "remove": list_of(TEXT)}),
        answers=_ACTED,
    ),
    Call(
        method="post",
        path="/api/conversations/{id}/priority",
        about="How urgent it is.",
        who="operator",
        group="Conversations",
        body=obj({"priority": PRIORITY}),
        answers=_ACTED,
    ),
    Call(
        method="post",
        path="/api/conversations/bulk",
        about="One act for up to 100 conversations, with what the act takes for one of them; each has a "
        "result, so that some may be done and others not.",
        who="operator",
        group="Conversations",
        body=obj(
            {"ids": {**list_of(TEXT), "minItems": 1, "maxItems": 100}, "act": ACT},
            {
                "assignee": maybe(TEXT),
                "until": TIME,
                "seconds": NUMBER,
                "labels": list_of(TEXT),
                "add": list_of(TEXT),
                "remove": list_of(TEXT),
                "priority": PRIORITY,
            },
        ),
        answers={
            200: (
                "What became of each, in the order of `ids`",
                obj(
                    {
                        "results": list_of(
                            obj(
                                {
                                    "id": TEXT,
                                    "conversation": maybe(of("Conversation")),
                                    "error": maybe(obj({"code": TEXT, "message": TEXT}, {"field": TEXT})),
                                }
                            )
                        )
                    }
                ),
            )
        },
    ),
    Call(
        method="get",
        path="/api/labels",
        about="The labels in use, the commonest first.",
        who="operator",
        group="Conversations",
        answers={200: ("The labels", obj({"labels": list_of(obj({"label": TEXT, "conversations": WHOLE}))}))},
    ),
    Call(
        method="post",
        path="/api/conversations/{id}/read",
        about="An operator has seen everything up to `seq`.",
        who="operator",
        group="Conversations",
        body=obj({"seq": WHOLE}),
        answers=DONE,
    ),
)
