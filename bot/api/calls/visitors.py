"""What visitors of the website call."""

from __future__ import annotations

from collections.abc import Sequence

from bot.api.calls.call import DONE, MESSAGE, Call
from bot.api.schemas import CLIENT_ID, FILE, TEXT, WHOLE, YES_NO, list_of, maybe, obj, of

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
        body=obj(
            {"client_id": CLIENT_ID, "text": TEXT},
            {"attachments": list_of({"anyOf": [TEXT, of("Attachment")]})},
        ),
        answers={202: ("Kept", MESSAGE), 200: ("It was kept before", MESSAGE)},
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
        answers=DONE,
    ),
    Call(
        method="post",
        path="/api/web/read",
        about="The visitor has seen everything up to `seq`; without it, all there is.",
        who="visitor",
        group="Visitors",
        body=obj({}, {"seq": WHOLE}),
        answers=DONE,
    ),
    Call(
        method="post",
        path="/api/web/rating",
        about="What the visitor thinks of the conversation; the last word counts.",
        who="visitor",
        group="Visitors",
        body=obj({"score": {"type": "integer", "minimum": 1, "maximum": 5}}, {"comment": maybe(TEXT)}),
        answers=DONE,
    ),
    Call(
        method="post",
        path="/api/web/handoff",
        about="Ask for a person.",
        who="visitor",
        group="Visitors",
        answers=DONE,
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
