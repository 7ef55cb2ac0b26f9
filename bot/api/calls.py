"""What every HTTP call takes and answers, in words: the source of `/api/openapi.json`.

Kept by hand beside the routes; `tests/bot/api/test_docs.py` finds a call that is missing here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from bot.api.schemas import (
    ACT,
    CALL_STATE,
    CLIENT_ID,
    CURSOR,
    DAY,
    EVENTS,
    FILE,
    MARK,
    NUMBER,
    PRIORITY,
    ROLE,
    STATUS,
    TEXT,
    TIME,
    WHOLE,
    YES_NO,
    Schema,
    list_of,
    maybe,
    obj,
    of,
    page,
    text,
)

Who = Literal["anyone", "visitor", "operator"]


@dataclass(frozen=True, kw_only=True)
class Call:
    """One HTTP call. `answers` maps a status to what it means and the schema of its body, if it has one."""

    method: Literal["get", "post", "delete"]
    path: str
    about: str
    who: Who
    group: str
    query: Mapping[str, Schema] = field(default_factory=dict)
    body: Schema | None = None
    body_type: str = "application/json"
    answers: Mapping[int, tuple[str, Schema | None]]
    answer_type: str = "application/json"


_EMAIL: Schema = {**text(320), "pattern": r"^[^\s@\x00]+@[^\s@\x00]+$"}
_CANNED_NAME: Schema = {**text(40), "pattern": r"^[A-Za-z0-9_.-]{1,40}$"}
_ANY_MARK: Schema = {"type": "string", "enum": ["good", "bad", ""], "description": "Empty: either."}
_MESSAGE = obj({"message": of("Message")})
_ACTED: Mapping[int, tuple[str, Schema | None]] = {
    200: ("The conversation as it is now; doing it again changes nothing", of("Conversation"))
}
_AUDITED: Mapping[str, Schema] = {
    "who": {**TEXT, "maxLength": 100, "description": "The id of an operator or a token."},
    "what": {
        **TEXT,
        "maxLength": 100,
        "description": "An act, or all of a kind: `operator.role`, `operator`.",
    },
    "about": {**TEXT, "maxLength": 100, "description": "The id of what it was done to."},
    "from": DAY,
    "to": DAY,
}
_DONE: Mapping[int, tuple[str, Schema | None]] = {204: ("Done", None)}


def _cost_of(name: Mapping[str, Schema]) -> Schema:
    return {"allOf": [obj(name), of("Cost")]}


VISITORS: Sequence[Call] = (
    Call(
        method="post",
        path="/api/web/session",
        about="Begin a session, or go on with an earlier one. `identity` is a JWT (HS256, "
        "`WEB_IDENTITY_SECRET`) that vouches for who the visitor is.",
        who="anyone",
        group="Visitors",
        body=obj({}, {"token": maybe(TEXT), "identity": maybe(TEXT)}),
        answers={
            200: (
                "The session",
                obj(
                    {
                        "token": TEXT,
                        "conversation_id": TEXT,
                        "messages": list_of(of("Message")),
                        "cursor": TEXT,
                        "settings": {"type": "object"},
                    }
                ),
            )
        },
    ),
    Call(
        method="post",
        path="/api/web/messages",
        about="Write a message. It is kept when the answer comes.",
        who="visitor",
        group="Visitors",
        body=obj({"client_id": CLIENT_ID, "text": TEXT}, {"attachments": list_of(TEXT)}),
        answers={202: ("Kept", _MESSAGE), 200: ("It was kept before", _MESSAGE)},
    ),
    Call(
        method="get",
        path="/api/web/events",
        about="What followed a cursor, each once and in order. As `text/event-stream`: `message` (with "
        "`id:`, the cursor), `status`, `delivery`, in passing `delta` and `typing`. As JSON, a long poll.",
        who="visitor",
        group="Visitors",
        query={"after": TEXT},
        answers={
            200: (
                "What happened",
                obj(
                    {
                        "events": list_of(obj({"event": TEXT, "id": TEXT, "data": {"type": "object"}})),
                        "cursor": maybe(TEXT),
                    }
                ),
            )
        },
    ),
    Call(
        method="post",
        path="/api/web/typing",
        about="The visitor is typing, or not any more.",
        who="visitor",
        group="Visitors",
        body=obj({}, {"active": YES_NO}),
        answers=_DONE,
    ),
    Call(
        method="post",
        path="/api/web/read",
        about="The visitor has seen everything up to `seq`.",
        who="visitor",
        group="Visitors",
        body=obj({"seq": WHOLE}),
        answers=_DONE,
    ),
    Call(
        method="post",
        path="/api/web/rating",
        about="What the visitor thinks of the conversation; the last word counts.",
        who="visitor",
        group="Visitors",
        body=obj({"score": {"type": "integer", "minimum": 1, "maximum": 5}}, {"comment": maybe(TEXT)}),
        answers=_DONE,
    ),
    Call(
        method="post",
        path="/api/web/handoff",
        about="Ask for a person.",
        who="visitor",
        group="Visitors",
        answers=_DONE,
    ),
    Call(
        method="post",
        path="/api/web/attachments",
        about="Upload a picture, PDF or plain text of at most 10 MB, to send its key with a message.",
        who="visitor",
        group="Visitors",
        body=obj({"file": FILE}),
        body_type="multipart/form-data",
        answers={201: ("Kept", obj({"attachment": of("Attachment")}))},
    ),
    Call(
        method="get",
        path="/api/web/attachments/{key}",
        about="A file of the visitor's own conversations.",
        who="visitor",
        group="Visitors",
        answers={200: ("The file", FILE)},
        answer_type="application/octet-stream",
    ),
)

OPERATORS: Sequence[Call] = (
    Call(
        method="post",
        path="/api/login",
        about="Sign in; the answer sets the session's cookie.",
        who="anyone",
        group="Session",
        body=obj({"email": text(320), "password": text(1000)}),
        answers={200: ("Signed in", of("Me"))},
    ),
    Call(
        method="post",
        path="/api/logout",
        about="End the session.",
        who="operator",
        group="Session",
        answers=_DONE,
    ),
    Call(
        method="get",
        path="/api/me",
        about="Who is asking.",
        who="operator",
        group="Session",
        answers={200: ("You", of("Me"))},
    ),
    Call(
        method="get",
        path="/api/conversations",
        about="Conversations, the newest first; those with status `waiting`, longest waiting first.",
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
                            }
                        ),
                    ]
                },
            )
        },
    ),
    Call(
        method="post",
        path="/api/conversations/{id}/messages",
        about="Answer the contact, which takes the conversation over; or leave a note for operators. "
        "`attachments` are keys of files you uploaded in it; with them the text may be empty. `channel` is "
        "where the contact wrote last, or another on which a verified address of theirs is known.",
        who="operator",
        group="Conversations",
        body=obj(
            {"client_id": CLIENT_ID},
            {
                "text": {**TEXT, "maxLength": 10_000},
                "kind": {"type": "string", "enum": ["reply", "note"], "default": "reply"},
                "attachments": {**list_of(TEXT), "maxItems": 10},
                "channel": TEXT,
                "suggestion": {**TEXT, "description": "The suggestion that a reply was made from."},
            },
        ),
        answers={201: ("Written", _MESSAGE), 200: ("It was written before", _MESSAGE)},
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
        path="/api/conversations/{id}/suggestion",
        about="An answer to what the contact last asked, from the same knowledge, tools that only read, "
        "models and budgets as the bot's own; null when nothing answers it. Nothing is sent.",
        who="operator",
        group="Conversations",
        answers={
            200: ("The suggestion", obj({"suggestion": maybe(of("Suggestion"))})),
            409: ("The bot answers there", of("Error")),
        },
    ),
    Call(
        method="post",
        path="/api/suggestions/{id}",
        about="What became of a suggestion before anything was sent.",
        who="operator",
        group="Conversations",
        body=obj({"outcome": {"type": "string", "enum": ["taken", "dismissed"]}}),
        answers=_DONE,
    ),
    Call(
        method="get",
        path="/api/conversations/{id}/summary",
        about="The conversation in short, as it was last told: at the hand-over, or when asked for.",
        who="operator",
        group="Conversations",
        answers={200: ("The summary", obj({"summary": maybe(of("Summary"))}))},
    ),
    Call(
        method="post",
        path="/api/conversations/{id}/summary",
        about="Tell it anew, by a model where there is one, else in the contact's own words.",
        who="operator",
        group="Conversations",
        answers={200: ("The summary", obj({"summary": maybe(of("Summary"))}))},
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
        path="/api/conversations/{id}/draft",
        about="What you have begun to write in it.",
        who="operator",
        group="Conversations",
        answers={200: ("The draft; empty when there is none", of("Draft"))},
    ),
    Call(
        method="post",
        path="/api/conversations/{id}/draft",
        about="Keep what you have begun to write; an empty text drops it.",
        who="operator",
        group="Conversations",
        body=obj({"text": TEXT}, {"kind": {"type": "string", "enum": ["reply", "note"]}}),
        answers=_DONE,
    ),
    Call(
        method="post",
        path="/api/conversations/{id}/presence",
        about="Tell the others that you look, or write, or are gone: it comes as `presence`. Say it again "
        "every 20 s; 45 s after the last time you count as gone. The contact sees whoever has the "
        "conversation type. Viewers may look.",
        who="operator",
        group="Conversations",
        body=obj({"doing": {"type": "string", "enum": ["looking", "writing", "gone"]}}),
        answers=_DONE,
    ),
    Call(
        method="get",
        path="/api/contacts",
        about="Contacts, the newest first; `q` are words in a name or an address.",
        who="operator",
        group="Contacts",
        query={"q": TEXT, "before": CURSOR, "limit": page()},
        answers={
            200: (
                "A page",
                obj(
                    {
                        "contacts": list_of(
                            obj(
                                {
                                    "id": TEXT,
                                    "name": TEXT,
                                    "identities": list_of(of("Identity")),
                                    "conversations": WHOLE,
                                    "last_activity_at": maybe(TIME),
                                    "created_at": TIME,
                                }
                            )
                        ),
                        "next": maybe(TEXT),
                    }
                ),
            )
        },
    ),
    Call(
        method="get",
        path="/api/contacts/{id}",
        about="A contact; of one that was merged into another, the other.",
        who="operator",
        group="Contacts",
        answers={200: ("The contact", of("Contact"))},
    ),
    Call(
        method="post",
        path="/api/contacts/{id}",
        about="Correct a name, or say what else is known: `attributes` are texts by name.",
        who="operator",
        group="Contacts",
        body=obj({}, {"name": TEXT, "attributes": {"type": "object", "additionalProperties": TEXT}}),
        answers={200: ("The contact as it is now", of("Contact"))},
    ),
    Call(
        method="post",
        path="/api/contacts/{id}/merge",
        about="The contact `contact_id` is the same person, and becomes a part of this one.",
        who="operator",
        group="Contacts",
        body=obj({"contact_id": TEXT}),
        answers={200: ("The contact as it is now", of("Contact"))},
    ),
    Call(
        method="post",
        path="/api/contacts/{id}/unmerge",
        about="Make two people of one again.",
        who="operator",
        group="Contacts",
        body=obj({"merge_id": TEXT}),
        answers={200: ("The contact as it is now", of("Contact"))},
    ),
    Call(
        method="get",
        path="/api/knowledge",
        about="What was learned, from where, and what operators wrote.",
        who="operator",
        group="Knowledge",
        answers={
            200: (
                "The knowledge",
                obj(
                    {
                        "documents": WHOLE,
                        "chunks": WHOLE,
                        "sources": list_of(
                            obj(
                                {
                                    "id": TEXT,
                                    "address": TEXT,
                                    "kind": TEXT,
                                    "documents": WHOLE,
                                    "failed": WHOLE,
                                    "learned_at": TIME,
                                }
                            )
                        ),
                        "articles": list_of(of("Article")),
                    }
                ),
            )
        },
    ),
    Call(
        method="get",
        path="/api/knowledge/documents",
        about="Learned documents by name; `q` stands in a name or a title.",
        who="operator",
        group="Knowledge",
        query={"q": {**TEXT, "maxLength": 200}, "after": TEXT, "limit": page(100, 500)},
        answers={
            200: (
                "A page",
                obj(
                    {
                        "documents": list_of(
                            obj(
                                {
                                    "name": TEXT,
                                    "title": TEXT,
                                    "url": TEXT,
                                    "chunks": WHOLE,
                                    "understood": {
                                        **YES_NO,
                                        "description": "Whether it can be found by meaning too.",
                                    },
                                }
                            )
                        ),
                        "next": maybe(TEXT),
                    }
                ),
            )
        },
    ),
    Call(
        method="get",
        path="/api/knowledge/documents/{name}",
        about="The pieces of a document that answers are made from.",
        who="operator",
        group="Knowledge",
        answers={
            200: (
                "The document",
                obj({"name": TEXT, "chunks": list_of(obj({"headings": list_of(TEXT), "text": TEXT}))}),
            )
        },
    ),
    Call(
        method="post",
        path="/api/knowledge/ask",
        about="What a question would be answered from.",
        who="operator",
        group="Knowledge",
        body=obj({"question": text(2_000)}),
        answers={
            200: (
                "Passages, the best first",
                obj(
                    {
                        "passages": list_of(
                            obj(
                                {
                                    "document": TEXT,
                                    "title": TEXT,
                                    "url": TEXT,
                                    "text": TEXT,
                                    "quote": TEXT,
                                    "score": NUMBER,
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
        path="/api/knowledge/gaps",
        about="Questions that nothing answered, those that ask the same together, the commonest first; "
        "`answer` is what a person wrote there.",
        who="operator",
        group="Knowledge",
        answers={
            200: (
                "The gaps",
                obj(
                    {
                        "gaps": list_of(
                            obj(
                                {
                                    "question": TEXT,
                                    "count": WHOLE,
                                    "answer": TEXT,
                                    "gaps": list_of(
                                        obj(
                                            {
                                                "id": TEXT,
                                                "question": TEXT,
                                                "conversation_id": TEXT,
                                                "created_at": TIME,
                                            }
                                        )
                                    ),
                                }
                            )
                        )
                    }
                ),
            )
        },
    ),
    Call(
        method="post",
        path="/api/knowledge/gaps/close",
        about="Somebody has seen to these questions.",
        who="operator",
        group="Knowledge",
        body=obj({"ids": {**list_of(TEXT), "maxItems": 500}}),
        answers=_DONE,
    ),
    Call(
        method="post",
        path="/api/knowledge/articles",
        about="Write an article, in Markdown. The bot knows it when the answer comes.",
        who="operator",
        group="Knowledge",
        body=obj({"title": text(200), "text": text(100_000)}),
        answers={201: ("The article", obj({"article": of("Article")}))},
    ),
    Call(
        method="get",
        path="/api/knowledge/articles/{id}",
        about="An article.",
        who="operator",
        group="Knowledge",
        answers={200: ("The article", obj({"article": of("Article")}))},
    ),
    Call(
        method="post",
        path="/api/knowledge/articles/{id}",
        about="Write an article anew.",
        who="operator",
        group="Knowledge",
        body=obj({"title": text(200), "text": text(100_000)}),
        answers={200: ("The article", obj({"article": of("Article")}))},
    ),
    Call(
        method="delete",
        path="/api/knowledge/articles/{id}",
        about="Take an article away; the bot does not know it any more.",
        who="operator",
        group="Knowledge",
        answers=_DONE,
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
        method="get",
        path="/api/operators",
        about="Everybody who answers.",
        who="operator",
        group="Staff",
        answers={200: ("The operators", obj({"operators": list_of(of("Operator"))}))},
    ),
    Call(
        method="post",
        path="/api/operators",
        about="Let somebody in; the password is told once. For administrators.",
        who="operator",
        group="Staff",
        body=obj({"email": _EMAIL}, {"name": text(100), "role": ROLE}),
        answers={201: ("The operator", obj({"operator": of("Operator"), "password": TEXT}))},
    ),
    Call(
        method="post",
        path="/api/operators/{id}",
        about="Another name or another role. For administrators.",
        who="operator",
        group="Staff",
        body=obj({}, {"name": text(100), "role": ROLE}),
        answers={200: ("The operator", obj({"operator": of("Operator")}))},
    ),
    Call(
        method="post",
        path="/api/operators/{id}/password",
        about="A new password, told once; their sessions end. For administrators.",
        who="operator",
        group="Staff",
        answers={200: ("The operator", obj({"operator": of("Operator"), "password": TEXT}))},
    ),
    Call(
        method="get",
        path="/api/tokens",
        about="The tokens of programs, the newest first. For administrators.",
        who="operator",
        group="Staff",
        answers={
            200: (
                "The tokens",
                obj(
                    {
                        "tokens": list_of(
                            obj(
                                {
                                    "id": TEXT,
                                    "name": TEXT,
                                    "operator": maybe(TEXT),
                                    "created_at": TIME,
                                    "last_used_at": maybe(TIME),
                                }
                            )
                        )
                    }
                ),
            )
        },
    ),
    Call(
        method="post",
        path="/api/tokens",
        about="A token for a program, told once. For administrators.",
        who="operator",
        group="Staff",
        body=obj({"name": text(100)}),
        answers={201: ("The token", obj({"id": TEXT, "name": TEXT, "token": TEXT}))},
    ),
    Call(
        method="delete",
        path="/api/tokens/{id}",
        about="Refuse a token from now on. For administrators.",
        who="operator",
        group="Staff",
        answers=_DONE,
    ),
    Call(
        method="get",
        path="/api/audit",
        about="What operators and programs did, the latest first. For administrators.",
        who="operator",
        group="Staff",
        query={**_AUDITED, "before": CURSOR, "limit": page()},
        answers={200: ("A page", obj({"audit": list_of(of("AuditEntry")), "next": maybe(TEXT)}))},
    ),
    Call(
        method="get",
        path="/api/audit.csv",
        about="The same as one table. For administrators.",
        who="operator",
        group="Staff",
        query=_AUDITED,
        answers={200: ("The table", TEXT)},
        answer_type="text/csv",
    ),
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
        answers=_DONE,
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
        answers=_DONE,
    ),
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
        method="post",
        path="/api/conversations/{id}/read",
        about="An operator has seen everything up to `seq`.",
        who="operator",
        group="Conversations",
        body=obj({"seq": WHOLE}),
        answers=_DONE,
    ),
    Call(
        method="post",
        path="/api/conversations/{id}/attachments",
        about="Upload a picture, PDF or plain text of at most 10 MB, to send its key with a reply or note. "
        "Until then it lies with your draft.",
        who="operator",
        group="Conversations",
        body=obj({"file": FILE}),
        body_type="multipart/form-data",
        answers={201: ("Kept", obj({"attachment": of("Attachment")}))},
    ),
    Call(
        method="get",
        path="/api/conversations/{id}/attachments/{key}",
        about="A file of the conversation.",
        who="operator",
        group="Conversations",
        answers={200: ("The file", FILE)},
        answer_type="application/octet-stream",
    ),
    Call(
        method="delete",
        path="/api/conversations/{id}/attachments/{key}",
        about="Take back a file that you uploaded and have not sent.",
        who="operator",
        group="Conversations",
        answers=_DONE,
    ),
    Call(
        method="get",
        path="/api/conversations/{id}/messages/{message}/original",
        about="The mail that a message came in, as it came. Always a download.",
        who="operator",
        group="Conversations",
        answers={200: ("The mail", FILE)},
        answer_type="application/octet-stream",
    ),
    Call(
        method="get",
        path="/api/set-aside",
        about="Mails that could not be understood and that nobody has put away, oldest first.",
        who="operator",
        group="Mail",
        answers={
            200: (
                "The mails",
                obj(
                    {
                        "set_aside": list_of(
                            obj({"id": TEXT, "mailbox": TEXT, "why": TEXT, "size": WHOLE, "created_at": TIME})
                        )
                    }
                ),
            )
        },
    ),
    Call(
        method="get",
        path="/api/set-aside/{id}/raw",
        about="One of them, as it came. Always a download.",
        who="operator",
        group="Mail",
        answers={200: ("The mail", FILE)},
        answer_type="application/octet-stream",
    ),
    Call(
        method="post",
        path="/api/set-aside/{id}/put-away",
        about="Somebody has seen to it; it is kept and no longer listed.",
        who="operator",
        group="Mail",
        answers=_DONE,
    ),
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
    Call(
        method="get",
        path="/api/deliveries",
        about="Messages by how far they have come, the latest first: those that failed, unless another "
        "`status` is asked for. `error` says in words why.",
        who="operator",
        group="Conversations",
        query={
            "status": TEXT,
            "channel": TEXT,
            "open": {**TEXT, "description": "1: only what nobody has sent again or left at that."},
            "before": CURSOR,
            "limit": page(),
        },
        answers={200: ("A page of them", obj({"deliveries": list_of(of("Delivery")), "next": maybe(TEXT)}))},
    ),
    Call(
        method="post",
        path="/api/deliveries/{id}/retry",
        about="Send a message that failed, or of which nobody knows whether it arrived, once more. Nothing "
        "changes while it is on its way, or once it has arrived.",
        who="operator",
        group="Conversations",
        answers={200: ("The delivery as it is now", obj({"delivery": of("Delivery")}))},
    ),
    Call(
        method="post",
        path="/api/deliveries/{id}/dismiss",
        about="Leave a message that did not arrive at that: it stands in no list of open ones any more.",
        who="operator",
        group="Conversations",
        answers={200: ("The delivery as it is now", obj({"delivery": of("Delivery")}))},
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
        path="/api/webhooks",
        about="Events that `WEBHOOK_URL` did not take and that were given up, the latest first, for 30 days. "
        "`error` says why.",
        who="operator",
        group="Events",
        query={"before": CURSOR, "limit": page()},
        answers={200: ("A page of them", obj({"webhooks": list_of(of("Webhook")), "next": maybe(TEXT)}))},
    ),
    Call(
        method="post",
        path="/api/webhooks/{id}/retry",
        about="Tell an event that was given up after all, out of its order. Nothing changes while it is "
        "still to be told.",
        who="operator",
        group="Events",
        answers={200: ("The event as it is now", obj({"webhook": of("Webhook")}))},
    ),
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
        answers=_DONE,
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
    Call(
        method="get",
        path="/api/turns/{id}",
        about="Why the bot answered as it did, step by step.",
        who="operator",
        group="Conversations",
        answers={
            200: (
                "The turn",
                {
                    "allOf": [
                        of("Turn"),
                        obj(
                            {
                                "conversation_id": TEXT,
                                "reason": TEXT,
                                "attempt": WHOLE,
                                "ended_at": maybe(TIME),
                                "steps": list_of(of("Step")),
                            }
                        ),
                    ]
                },
            )
        },
    ),
    Call(
        method="get",
        path="/api/events",
        about="Live: `conversation` whenever one has something new, `approval` whenever one is asked for, "
        "decided about or has come to its end (each as its list shows it), `look` when something may have "
        "been missed. With `conversation`, also that one's `message`s after the seq "
        "`after`, each once and in order (`id:` is the seq), and in passing `delta`, `typing`, `presence`.",
        who="operator",
        group="Live",
        query={"conversation": TEXT, "after": WHOLE},
        answers={200: ("The stream", EVENTS)},
        answer_type="text/event-stream",
    ),
    Call(
        method="get",
        path="/api/analytics",
        about="What the bot and people did from one day to another, usually in the last thirty, beside as "
        "many days before. A conversation counts to the day it began on, and once more where the customer "
        "writes again after it was resolved or after a day in which nobody owed them anything. Durations "
        "are seconds, 2 % off at the most; days are the company's.",
        who="operator",
        group="Usage",
        query={"from": DAY, "to": DAY},
        answers={
            200: (
                "Everything of days; what belongs to no day by channel, hour, reason or model",
                obj(
                    {
                        "from": DAY,
                        "to": DAY,
                        "timezone": TEXT,
                        "counted_until": {
                            **maybe(TIME),
                            "description": "Long ago only while everything is being counted anew.",
                        },
                        "total": of("Figures"),
                        "previous": obj({"from": DAY, "to": DAY, "total": of("Figures")}),
                        "days": list_of(
                            {
                                "allOf": [
                                    obj(
                                        {
                                            "day": DAY,
                                            "degraded_minutes": WHOLE,
                                            "suggestions": of("Suggested"),
                                        }
                                    ),
                                    of("Counts"),
                                    of("Cost"),
                                ]
                            }
                        ),
                        "channels": list_of({"allOf": [obj({"channel": TEXT}), of("Counts"), of("Cost")]}),
                        "hours": list_of(obj({"hour": WHOLE, "messages_received": WHOLE})),
                        "hand_offs": list_of(obj({"reason": TEXT, "conversations": WHOLE})),
                        "ratings": list_of(obj({"score": WHOLE, "conversations": WHOLE})),
                        "degraded": list_of(obj({"what": TEXT, "minutes": WHOLE})),
                        "models": list_of(_cost_of({"model": TEXT})),
                        "gaps": list_of(
                            obj(
                                {
                                    "question": TEXT,
                                    "times": WHOLE,
                                    "latest_at": TIME,
                                    "conversation_id": TEXT,
                                }
                            )
                        ),
                    }
                ),
            )
        },
    ),
    Call(
        method="get",
        path="/api/analytics.csv",
        about="The same days as a table: a row for each day and channel; what belongs to no channel, "
        "suggested answers among it, in a row without one.",
        who="operator",
        group="Usage",
        query={"from": DAY, "to": DAY},
        answers={200: ("The table", TEXT)},
        answer_type="text/csv",
    ),
    Call(
        method="get",
        path="/api/usage",
        about="What models have cost from one day to another, usually in the last thirty, and how far the "
        "budgets are used up now. Days are the company's.",
        who="operator",
        group="Usage",
        query={"from": DAY, "to": DAY},
        answers={
            200: (
                "Everything of days, the dearest models, channels and conversations first",
                obj(
                    {
                        "from": DAY,
                        "to": DAY,
                        "timezone": TEXT,
                        "total": of("Cost"),
                        "days": list_of(_cost_of({"day": DAY})),
                        "models": list_of(_cost_of({"model": TEXT})),
                        "channels": list_of(_cost_of({"channel": TEXT})),
                        "conversations": list_of(
                            obj(
                                {
                                    "id": TEXT,
                                    "contact": obj({"id": TEXT, "name": TEXT}),
                                    "subject": TEXT,
                                    "calls": WHOLE,
                                    "cost_usd": NUMBER,
                                }
                            )
                        ),
                        "budgets": {
                            **list_of(of("Budget")),
                            "description": "Those that `[budget]` sets a limit for.",
                        },
                    }
                ),
            )
        },
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

CALLS: Sequence[Call] = (*VISITORS, *OPERATORS, *HOUSE)
