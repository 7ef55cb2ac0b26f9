"""What is written in a conversation: messages, files, drafts, suggestions and summaries."""

from __future__ import annotations

from collections.abc import Sequence

from bot.api.calls.call import DONE, MESSAGE, Call
from bot.api.schemas import CLIENT_ID, FILE, TEXT, list_of, maybe, obj, of

REPLIES: Sequence[Call] = (
    Call(
        method="post",
        path="/api/conversations/{id}/messages",
        about="Answer the contact, which takes the conversation over; or leave a note for operators. "
        "`attachments` are keys of files you uploaded in it; with them the text may be empty. `channel` is "
        "where the contact wrote last, or another on which a verified address of theirs is known. In a "
        "`template` the text stands where the template has it usually, `variables` in its other places; no "
        "file goes along, and the message's text is what the contact reads.",
        who="operator",
        group="Conversations",
        body=obj(
            {"client_id": CLIENT_ID},
            {
                "text": {**TEXT, "maxLength": 10_000},
                "kind": {"type": "string", "enum": ["reply", "note"], "default": "reply"},
                "attachments": {**list_of(TEXT), "maxItems": 10},
                "channel": TEXT,
                "template": {**TEXT, "description": "One of the way's templates."},
                "variables": {
                    "type": "object",
                    "additionalProperties": TEXT,
                    "description": "By the names of the template's places.",
                },
                "suggestion": {**TEXT, "description": "The suggestion that a reply was made from."},
            },
        ),
        answers={201: ("Written", MESSAGE), 200: ("It was written before", MESSAGE)},
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
        answers=DONE,
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
        answers=DONE,
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
        answers=DONE,
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
        answers=DONE,
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
)
